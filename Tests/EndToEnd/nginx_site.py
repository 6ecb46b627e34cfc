"""An nginx whose server block a test writes itself, with a log of every request and when it began and ended."""

import collections
import os
import shutil
import subprocess
import time

import harness
import site_server

Request = collections.namedtuple("Request", "began ended status method uri")


class NginxSite:
    """`block` is the body of the server block; `{root}` in it is an empty directory of its own. echo_sleep is there.

    A client that leaves during echo_sleep is in the log when it is over. With `sees_leaving` the block's server stands
    behind a proxy, which sees and logs it at once, as 499.
    """

    def __init__(self, block, sees_leaving=False):
        self.directory, self.port = harness.temporary_directory("nginx"), harness.free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.root = self.directory / "root"
        self.root.mkdir()
        self.block = block.replace("{root}", str(self.root))
        self.sees_leaving, self.process = sees_leaving, None

    def write(self, name, content):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def __enter__(self):
        d = self.directory
        user = "user root;" if os.geteuid() == 0 else ""
        listen, proxy = f"127.0.0.1:{self.port} backlog=4096", ""
        if self.sees_leaving:
            proxy = f"""server {{ listen {listen};
        location / {{ proxy_pass http://unix:{d}/behind.sock; proxy_set_header Host $http_host; }} }}"""
            listen = f"unix:{d}/behind.sock; access_log off"
        temporary = " ".join(f"{name}_temp_path {d}/{name};" for name in
                             ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (d / "nginx.conf").write_text(f"""load_module {site_server.ECHO_MODULE}; {user} daemon off; worker_processes 1;
pid {d}/nginx.pid; error_log {d}/error.log;
events {{ worker_connections 8192; }}
http {{
    types {{ text/html html; application/json json; application/xml xml; text/plain txt; image/gif gif; text/css css; }}
    log_format timed '$msec $request_time $status $request_method $request_uri';
    access_log {d}/access.log timed; keepalive_requests 100000; {temporary}
    {proxy}
    server {{ listen {listen}; root {self.root};
{self.block}
    }}
}}
""")
        command = ["nginx", "-p", str(d), "-c", str(d / "nginx.conf"), "-e", str(d / "error.log")]
        environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"}
        self.process = subprocess.Popen(command, env=environment, **harness.NOBODY_ELSE)
        harness.wait_until(self.is_up, 10, "nginx listens")
        return self

    def is_up(self):
        assert self.process.poll() is None, (self.directory / "error.log").read_text()
        return harness.is_listening(self.port)

    def __exit__(self, *_):
        harness.stop_process(self.process)
        shutil.rmtree(self.directory, ignore_errors=True)

    def requests(self, robots=False):
        """Every request answered or seen aborted (499), once nginx has written the last one."""
        time.sleep(0.2)
        found = []
        for line in (self.directory / "access.log").read_text().splitlines():
            ended, took, status, method, uri = line.split()
            if robots or uri != "/robots.txt":
                found.append(Request(float(ended) - float(took), float(ended), int(status), method, uri))
        return found


def most_at_once(requests):
    """The largest number of requests under way together; the log counts milliseconds, so touching ones are apart."""
    moves = sorted([(r.began + 0.001, 1) for r in requests] + [(r.ended, -1) for r in requests])
    most = now = 0
    for _, move in moves:
        now += move
        most = max(most, now)
    return most
