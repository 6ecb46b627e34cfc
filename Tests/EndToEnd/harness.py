"""Starts and stops what the end-to-end tests need: the service, nginx with a test site, a Postgres, and a small client.

Everything lives in one temporary directory, listens on loopback, and is stopped by process id.
"""

import collections
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import oracle

HERE = pathlib.Path(__file__).resolve().parent
READY_SECONDS = 60  # a debug build on a busy machine runs initdb first
STOP_SECONDS = 30
JOB_SECONDS = 300
NOBODY_ELSE = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

Answer = collections.namedtuple("Answer", "status headers body")


def as_json(answer):
    return json.loads(answer.body)


def free_port():
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def temporary_directory(prefix):
    """A directory that the postgres user may pass through, as the service drops to it when it is root."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix=f"scrape-{prefix}-"))
    directory.chmod(0o755)
    return directory


def built(product):
    """The path of a product's release build, which is made if need be."""
    command = ["swift", "build", "-c", "release", "--product", product]
    subprocess.run(command, cwd=HERE.parent.parent, check=True)
    shown = subprocess.run([*command, "--show-bin-path"], cwd=HERE.parent.parent, check=True, capture_output=True, text=True)
    return os.path.join(shown.stdout.strip(), product)


def wait_until(condition, seconds, what):
    """The first true value of `condition()`; fails after `seconds` naming `what` was waited for."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def is_listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def stop_process(process, sign=signal.SIGTERM):
    """Signals one process and returns its exit status; kills it where it does not end."""
    if process.poll() is None:
        process.send_signal(sign)
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f"process {process.args[0]} did not end within {STOP_SECONDS} s of {sign!r}")


class Client:
    """One request a call over a kept connection, so that a restart of the server costs one retry of a GET."""

    # Less than the 75 s after which the server closes it: a POST that meets the end of a connection is not repeated.
    MAX_IDLE_SECONDS = 60

    def __init__(self, port, key=None):
        self.port, self.key, self._connection, self._used = port, key, None, 0

    def request(self, method, path, body=None, headers=None, timeout=90):
        headers = dict(headers or {})
        if self.key:
            headers.setdefault("Authorization", f"Bearer {self.key}")
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        if isinstance(body, str):
            body = body.encode()
        if self._connection and time.monotonic() - self._used > self.MAX_IDLE_SECONDS:
            self._connection.close()
            self._connection = None
        for last in (False, True):
            fresh = self._connection is None
            connection = self._connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
            self._connection = None
            try:
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                answer = Answer(response.status, response.headers, response.read())
                self._connection, self._used = connection, time.monotonic()
                return answer
            except (OSError, http.client.HTTPException):
                connection.close()
                if last or fresh or method != "GET":
                    raise

    def get(self, path, **headers):
        return self.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def json(self, path):
        answer = self.get(path)
        assert answer.status == 200, (path, answer.status, answer.body[:500])
        return as_json(answer)

    def post(self, path, body=None, **headers):
        return self.request("POST", path, body if body is not None else b"",
                            headers={k.replace("_", "-"): v for k, v in headers.items()})

    def delete(self, path):
        return self.request("DELETE", path)

    def submit(self, job):
        """The id of an accepted job."""
        answer = self.post("/v1/jobs", job)
        assert answer.status == 202, (answer.status, answer.body[:1000])
        return as_json(answer)["id"]

    def status(self, job_id):
        return self.json(f"/v1/jobs/{job_id}")

    def finished(self, job_id, seconds=JOB_SECONDS, check=None):
        """The terminal status; `check` sees every status on the way."""
        deadline, tag = time.monotonic() + seconds, None
        while True:
            headers = {"If-None-Match": tag} if tag else {}
            answer = self.request("GET", f"/v1/jobs/{job_id}?wait=1", headers=headers)
            assert answer.status in (200, 304), (answer.status, answer.body[:500])
            if answer.status == 200:
                tag, status = answer.headers["ETag"], as_json(answer)
                if check:
                    check(status)
                if status["terminal"]:
                    return status
            assert time.monotonic() < deadline, f"job {job_id} did not end within {seconds} s"

    def walk(self, path):
        """Every item of a list, page by page."""
        while path:
            page = self.json(path)
            yield from page["items"]
            path = page["next"]


class Service:
    """`scrape-service serve` on an embedded database in `data_directory`, or on a database that is up."""

    def __init__(self, binary, data_directory=None, arguments=(), egress="127.0.0.0/8", key=None, key_file=None):
        self.binary = binary
        self.owns_data = data_directory is None
        self.data_directory = pathlib.Path(data_directory or temporary_directory("data"))
        self.arguments, self.egress, self.key, self.key_file = list(arguments), egress, key, key_file
        self.port, self.process, self.client = None, None, None
        self.log_path = self.data_directory.parent / f"{self.data_directory.name}.{id(self)}.log"

    def start(self, wait=True):
        self.port = free_port()
        command = [self.binary, "serve", "--bind", f"127.0.0.1:{self.port}", "--data-dir", str(self.data_directory / "data")]
        command += ["--egress-allow", self.egress] if self.egress else []
        command += ["--api-key-file", str(self.key_file)] if self.key_file else []
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command + self.arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.client = Client(self.port, self.key)
        if wait:
            wait_until(self.is_ready, READY_SECONDS, f"the service becomes ready; log: {self.log_tail()}")
        return self

    def is_ready(self):
        assert self.process.poll() is None, f"the service ended with {self.process.returncode}: {self.log_tail()}"
        try:
            return Client(self.port, self.key).get("/readyz").status == 200
        except OSError:
            return False

    def is_alive(self):
        return self.process.poll() is None and self.client.get("/healthz").status == 200

    def kill(self):
        """SIGKILL, as a crash or the kernel's memory killer would."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        return stop_process(self.process)

    def log_tail(self):
        return self.log_path.read_text(errors="replace")[-3000:] if self.log_path.exists() else ""

    def close(self):
        """Stops the service and, where a killed one left it behind, its database; removes the data it made."""
        if self.process and self.process.poll() is None:
            stop_process(self.process)
        for pid_file in self.data_directory.rglob("postmaster.pid"):
            stop_postmaster(pid_file)
        if self.owns_data:
            shutil.rmtree(self.data_directory, ignore_errors=True)
            self.log_path.unlink(missing_ok=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()


def stop_postmaster(pid_file):
    """Fast shutdown of the server that owns `pid_file`."""
    try:
        pid = int(pid_file.read_text().split()[0])
        os.kill(pid, signal.SIGINT)
    except (OSError, ValueError, IndexError):
        return
    wait_until(lambda: not pid_file.exists(), STOP_SECONDS, "the database stops")


def job_of(site, **changes):
    """The site's job with some of its members replaced."""
    return {**site.job, **changes}


LogLine = collections.namedtuple("LogLine", "started status method uri")


class Site:
    """A generated site behind nginx (and `site_server.py` for what nginx cannot break)."""

    def __init__(self, *options):
        self.directory = temporary_directory("site")
        self.port, self.faults_port = free_port(), free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, str(HERE / "site.py"), str(self.directory), "--port", str(self.port),
                   "--faults-port", str(self.faults_port), *options]
        subprocess.run(command, check=True)
        self.job = json.loads((self.directory / "job.json").read_text())
        self.expected = json.loads((self.directory / "expected-ledger.json").read_text())
        self.processes = []

    def __enter__(self):
        nginx = ["nginx", "-p", str(self.directory), "-c", str(self.directory / "nginx.conf"),
                 "-e", str(self.directory / "error.log")]
        faults = [sys.executable, str(HERE / "site_server.py"), str(self.faults_port), str(self.directory)]
        environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"}
        self.processes = [subprocess.Popen(c, env=environment, **NOBODY_ELSE) for c in (nginx, faults)]
        for port in (self.port, self.faults_port):
            wait_until(lambda: is_listening(port), 10, f"the site listens ({self.errors()})")
        return self

    def __exit__(self, *_):
        for process in self.processes:
            stop_process(process)
        shutil.rmtree(self.directory, ignore_errors=True)

    def errors(self):
        log = self.directory / "error.log"
        return log.read_text()[-1000:] if log.exists() else ""

    def access_log(self):
        """Every request nginx answered or saw aborted, with the time it began."""
        path = self.directory / "access.log"
        lines = (line.split() for line in path.read_text().splitlines()) if path.exists() else ()
        return [LogLine(float(ms) - float(took), int(status), method, uri) for ms, took, status, method, uri in lines]

    def oracle(self):
        """`(sorted texts, fetched URLs)` as lxml and cssselect see the site."""
        return oracle.walk(self.job)

    def texts_on_disk(self):
        """The texts of every advert file, where the site has no faults: no request for it in the access log."""
        adverts = (self.directory / "pages/a/motoren").glob("*.html")
        return [text for page in adverts for text in oracle.texts(page.read_bytes())]


class PlainSite:
    """A few pages written by a test: `{path: (content type, bytes)}` behind nginx; every other path is a 404."""

    def __init__(self, pages):
        self.directory, self.port = temporary_directory("pages"), free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        locations = []
        for number, (path, (content_type, body)) in enumerate(pages.items()):
            (self.directory / f"{number}.body").write_bytes(body)
            locations.append(f'location = {path} {{ types {{ }} default_type "{content_type}"; '
                             f"alias {self.directory}/{number}.body; }}")
        user = "user root;" if os.geteuid() == 0 else ""
        d = self.directory
        (d / "nginx.conf").write_text(f"""{user} daemon off; worker_processes 1; pid {d}/nginx.pid; error_log {d}/error.log;
events {{ }} http {{ access_log {d}/access.log; client_body_temp_path {d}/b; proxy_temp_path {d}/p;
fastcgi_temp_path {d}/f; uwsgi_temp_path {d}/u; scgi_temp_path {d}/s;
server {{ listen 127.0.0.1:{self.port}; {" ".join(locations)} location / {{ return 404; }} }} }}""")

    def __enter__(self):
        command = ["nginx", "-p", str(self.directory), "-c", str(self.directory / "nginx.conf"),
                   "-e", str(self.directory / "error.log")]
        environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"}
        self.process = subprocess.Popen(command, env=environment, **NOBODY_ELSE)
        wait_until(lambda: is_listening(self.port), 10, "nginx listens")
        return self

    def __exit__(self, *_):
        stop_process(self.process)
        shutil.rmtree(self.directory, ignore_errors=True)


def as_postgres(command):
    """The command as the postgres user where we are root, as PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return command
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command]


class Postgres:
    """A private server on a Unix socket and a loopback port, with durable settings and those given (`name=value`)."""

    def __init__(self, *settings):
        self.settings = ["listen_addresses=127.0.0.1", "max_connections=200", *settings]
        binaries = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
        self.binaries = binaries[-1]
        self.directory, self.port = temporary_directory("postgres"), free_port()
        if os.geteuid() == 0:
            shutil.chown(self.directory, "postgres", "postgres")
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def __enter__(self):
        data = self.directory / "data"
        subprocess.run(as_postgres([str(self.binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust",
                                    "-E", "UTF8", "--locale=C.UTF-8"]), check=True, cwd="/", **NOBODY_ELSE)
        return self.start()

    def start(self):
        command = [str(self.binaries / "postgres"), "-D", str(self.directory / "data"), "-k", str(self.directory),
                   "-p", str(self.port), *(word for setting in self.settings for word in ("-c", setting))]
        with open(self.directory / "server.log", "ab") as log:
            self.process = subprocess.Popen(as_postgres(command), cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self.is_ready, READY_SECONDS, "Postgres accepts connections")
        return self

    def stop(self):
        """Fast shutdown: connected clients are thrown out."""
        stop_process(self.process, signal.SIGINT)

    def is_ready(self):
        command = [str(self.binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, **NOBODY_ELSE).returncode == 0

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


def seeded_random():
    """A generator whose seed is printed, and taken from SCRAPE_TEST_SEED to repeat a run."""
    seed = int(os.environ.get("SCRAPE_TEST_SEED") or random.SystemRandom().randrange(10**9))
    print(f"SCRAPE_TEST_SEED={seed}")
    return random.Random(seed)
