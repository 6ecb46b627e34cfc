"""Sites to crawl: a directory behind nginx as it lies there, and what wget reaches of it."""

import collections
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import harness

PYTHON_DOCS = pathlib.Path("/usr/share/doc/python3.11/html")
DEBIAN_FAQ = pathlib.Path("/usr/share/doc/debian/FAQ/nl")

Line = collections.namedtuple("Line", "status uri agent")


class Directory:
    """A directory behind nginx, which sends ETag and Last-Modified; `locations` are more of nginx's configuration."""

    def __init__(self, root=None, index="index.html", locations=""):
        self.directory, self.port = harness.temporary_directory("crawl"), harness.free_port()
        self.root = pathlib.Path(root) if root else self.directory / "pages"
        self.root.mkdir(exist_ok=True)
        self.origin = f"http://127.0.0.1:{self.port}"
        self.index, self.locations = index, locations

    def write(self, path, body, age=1000):
        """A page, last changed `age` seconds ago: nginx's tags are made of time and length."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body if isinstance(body, bytes) else body.encode())
        changed = time.time() - age
        os.utime(file, (changed, changed))

    def _configure(self):
        d = self.directory
        user = "user root;" if os.geteuid() == 0 else ""
        (d / "nginx.conf").write_text(f"""load_module {MODULE}; {user} daemon off; worker_processes 1; pid {d}/nginx.pid;
error_log {d}/error.log; events {{ worker_connections 4096; }}
http {{
    types {{ text/html html; text/css css; text/plain txt; application/javascript js; image/png png; text/xml xml; }}
    default_type application/octet-stream; log_not_found off; keepalive_requests 100000;
    log_format agents '$status $request_uri $http_user_agent'; access_log {d}/access.log agents;
    client_body_temp_path {d}/b; proxy_temp_path {d}/p; fastcgi_temp_path {d}/f; uwsgi_temp_path {d}/u; scgi_temp_path {d}/s;
    server {{
        listen 127.0.0.1:{self.port} backlog=1024; root {self.root}; index {self.index};
        {self.locations}
    }}
}}
""")

    def __enter__(self):
        self._configure()
        command = ["nginx", "-p", str(self.directory), "-c", str(self.directory / "nginx.conf"),
                   "-e", str(self.directory / "error.log")]
        environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"}
        self.process = subprocess.Popen(command, env=environment, **harness.NOBODY_ELSE)
        harness.wait_until(lambda: harness.is_listening(self.port), 10, "the site listens")
        return self

    def __exit__(self, *_):
        harness.stop_process(self.process)
        shutil.rmtree(self.directory, ignore_errors=True)

    def log(self):
        """Every request answered so far, robots.txt aside."""
        time.sleep(0.2)  # nginx writes a line once the last byte of its answer is gone
        path = self.directory / "access.log"
        lines = (line.split(" ", 2) for line in path.read_text().splitlines()) if path.exists() else ()
        return [Line(int(status), uri, agent) for status, uri, agent in lines if uri != "/robots.txt"]

    def forget(self):
        (self.directory / "access.log").write_text("")

    def wget(self, start, *options):
        """The paths that `wget --recursive` asks for, each with the status it got, and the seconds it took."""
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="scrape-wget-") as target:
            command = ["wget", "--quiet", "--recursive", "--no-config", "--directory-prefix", target, *options,
                       self.origin + start]
            status = subprocess.run(command, env={**os.environ, "no_proxy": "*"}).returncode
        assert status in (0, 8), status  # 8: a link was dead
        lines = [line for line in self.log() if line.agent.startswith("Wget/")]
        counts = collections.Counter(line.uri for line in lines)
        assert lines and max(counts.values()) == 1, counts.most_common(3)
        return {line.uri: line.status for line in lines}, time.monotonic() - began


MODULE = "/usr/lib/nginx/modules/ngx_http_echo_module.so"
