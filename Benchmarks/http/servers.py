"""Starts and stops the servers that are measured, each pinned to one core, and reads the CPU time they took.

Standard library only. Servers listen on loopback, on ports the system chose, and are stopped by process id.
"""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HUMMINGBIRD = ROOT / "Benchmarks/http/HummingbirdHello"
HUMMINGBIRD_BUILD = ROOT / ".build/benchmarks/hummingbird"
BODY = '{"hello":"you"}'
START_SECONDS = 60  # callgrind makes a start slow
STOP_SECONDS = 10
MAX_CONNECTIONS = 1000
PRECEDENCE = -15  # nice(2)

NGINX_CONF = """
daemon off;
worker_processes 1;
pid {directory}/pid;
error_log stderr crit;
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
    keepalive_requests 1000000000;
    default_type application/json;
    server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 '{body}'; }} }}
}}
"""


def free_port():
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def spawn(command, core=None, precedence=False, **options):
    """A process pinned to `core` when there is one; with precedence over all others, which only root may have."""
    command = [str(word) for word in command]
    if core is not None:
        command = ["taskset", "--cpu-list", str(core), *command]
    # A session of its own: Linux shares a core out among sessions first (sched(7), autogroup).
    process = subprocess.Popen(command, start_new_session=precedence, **options)
    if precedence:
        os.setpriority(os.PRIO_PROCESS, process.pid, PRECEDENCE)
        with contextlib.suppress(FileNotFoundError):
            pathlib.Path(f"/proc/{process.pid}/autogroup").write_text(str(PRECEDENCE))
    return process


class Server:
    """A server that was started and listens; a context manager that stops it."""

    def __init__(self, command, port, directory=None, environment=None, **placement):
        self.port, self.directory = port, directory
        self.process = spawn(command, stdout=subprocess.DEVNULL, env={**os.environ, **(environment or {})}, **placement)
        deadline = time.monotonic() + START_SECONDS
        while not self._is_listening():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{command[0]} does not listen")
            time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()

    def _is_listening(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.directory:
            shutil.rmtree(self.directory)

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def cpu_seconds(self):
        """User and system time of the process and its children (nginx's worker), in steps of 10 ms."""
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return sum(process_cpu_seconds(each) for each in (pid, *children))


def process_cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    utime, stime = fields[11:13]
    return (int(utime) + int(stime)) / os.sysconf("SC_CLK_TCK")


def hello(binary, tool=(), **options):
    """Our server; `tool` is what runs it, valgrind for one."""
    port = free_port()
    return Server([*tool, binary, port], port, **options)


def nginx(**placement):
    directory = pathlib.Path(tempfile.mkdtemp(prefix="bench-nginx-"))
    port = free_port()
    (directory / "nginx.conf").write_text(
        NGINX_CONF.format(directory=directory, port=port, body=BODY, connections=MAX_CONNECTIONS))
    return Server(["nginx", "-p", directory, "-c", directory / "nginx.conf"], port, directory, **placement)


def build_hummingbird():
    """The executable; the first build fetches its packages and takes minutes."""
    package = ["--package-path", str(HUMMINGBIRD), "--scratch-path", str(HUMMINGBIRD_BUILD)]
    built = subprocess.run(["swift", "build", "-c", "release", *package], capture_output=True, text=True)
    if built.returncode:
        raise RuntimeError(f"hummingbird was not built:\n{built.stdout[-2000:]}{built.stderr[-2000:]}")
    return HUMMINGBIRD_BUILD / "release/HummingbirdHello"


def hummingbird(executor, binary=None, **placement):
    """`executor` is "loop" or "pool", see its source; builds it when there is no `binary`."""
    port = free_port()
    command = [binary or build_hummingbird(), port, executor]
    return Server(command, port, environment={"LOG_LEVEL": "error"}, **placement)
