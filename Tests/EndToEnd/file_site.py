"""Servers of files: real ones behind nginx, and one that breaks off, stalls, lies and bursts as a test tells it."""

import collections
import gzip
import os
import pathlib
import random
import shutil
import socket
import socketserver
import stat
import subprocess
import threading
import time

import harness

ECHO_MODULE = "/usr/lib/nginx/modules/ngx_http_echo_module.so"
IMAGES = pathlib.Path("/usr/share/gimp/2.0/help")
MAX_IMAGE_BYTES = 40 << 10
PDFS = [pathlib.Path(path) for path in (
    "/usr/share/R/doc/manual/refman.pdf", "/usr/share/doc/octave/octave.pdf", "/usr/share/pari/doc/users.pdf",
    "/usr/share/pari/doc/libpari.pdf", "/usr/share/doc/gnuplot/gnuplot.pdf")]

FileRequest = collections.namedtuple("FileRequest", "uri status sent range if_range")


def images(count):
    """The contents of so many different small images, as Debian's gimp-help packages have them."""
    found, seen = [], set()
    for path in sorted(IMAGES.rglob("*.png")):
        if path.stat().st_size <= MAX_IMAGE_BYTES and len(found) < count:
            content = path.read_bytes()
            if content not in seen:
                seen.add(content)
                found.append(content)
    assert len(found) == count, "Scripts/bootstrap test installs gimp-help-nl"
    return found


class FileSite:
    """nginx with the files of a directory of its own: `add` puts one there. What it was asked for is in `requests`."""

    def __init__(self, address="127.0.0.1", port=None, locations="", rate=None):
        self.directory = harness.temporary_directory("files")
        self.address, self.port = address, port or harness.free_port()
        self.locations, self.rate = locations, rate
        self.root = self.directory / "root"
        self.root.mkdir()

    @property
    def origin(self):
        return f"http://{self.address}:{self.port}"

    def add(self, path, content):
        """`content`: bytes, or the path of a file."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name(target.name + ".new")
        new.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        new.rename(target)

    def __enter__(self):
        user = "user root;" if os.geteuid() == 0 else ""
        rate = f"limit_rate {self.rate};" if self.rate else ""
        d = self.directory
        (d / "nginx.conf").write_text(f"""load_module {ECHO_MODULE}; {user} daemon off; worker_processes 1; pid {d}/nginx.pid;
error_log {d}/error.log warn; events {{ worker_connections 1024; }}
http {{
    types {{ application/pdf pdf; image/gif gif; }} default_type application/octet-stream; log_not_found off;
    log_format files escape=none '$request_uri|$status|$body_bytes_sent|$http_range|$http_if_range';
    access_log {d}/access.log files; sendfile on; keepalive_requests 100000; {rate}
    client_body_temp_path {d}/b; proxy_temp_path {d}/p; fastcgi_temp_path {d}/f; uwsgi_temp_path {d}/u; scgi_temp_path {d}/s;
    server {{ listen {self.address}:{self.port}; root {self.root}; {self.locations} }}
}}
""")
        command = ["nginx", "-p", str(d), "-c", str(d / "nginx.conf"), "-e", str(d / "error.log")]
        environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"}
        self.process = subprocess.Popen(command, env=environment, **harness.NOBODY_ELSE)
        harness.wait_until(self.is_listening, 10, f"nginx listens ({self.errors()})")
        return self

    def __exit__(self, *_):
        harness.stop_process(self.process)
        shutil.rmtree(self.directory, ignore_errors=True)

    def is_listening(self):
        with socket.socket() as probe:
            return probe.connect_ex((self.address, self.port)) == 0

    def errors(self):
        log = self.directory / "error.log"
        return log.read_text()[-1000:] if log.exists() else ""

    def requests(self, uri=None):
        """What was asked for so far, robots.txt aside, in the order of its end; `sent` is what nginx wrote of a body."""
        time.sleep(0.2)
        log = self.directory / "access.log"
        lines = [line.split("|") for line in log.read_text().splitlines()] if log.exists() else []
        found = [FileRequest(line[0], int(line[1]), int(line[2]), *("" if word == "-" else word for word in line[3:]))
                 for line in lines]
        return [line for line in found if line.uri != "/robots.txt" and uri in (None, line.uri)]


class Cutter:
    """A relay before a server: each connection ends once it has carried so many bytes to the client, as `cuts` says in
    turn; after the last one all are left alone."""

    def __init__(self, site, cuts):
        self.site, self.cuts, self.lock = site, list(cuts), threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        self.carried = []

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client):
        server = socket.create_connection((self.site.address, self.site.port))
        with client, server:
            up = threading.Thread(target=self._copy, args=(client, server), daemon=True)
            up.start()
            carried = 0
            while data := self._read(server):
                with self.lock:
                    limit = self.cuts[0] if self.cuts else None
                    is_cut = limit is not None and carried + len(data) >= limit
                    if is_cut:
                        self.cuts.pop(0)
                        self.carried.append(limit)
                        data = data[:limit - carried]
                try:
                    client.sendall(data)
                except OSError:
                    return
                carried += len(data)
                if is_cut:
                    return

    def _copy(self, source, target):
        while data := self._read(source):
            try:
                target.sendall(data)
            except OSError:
                return

    @staticmethod
    def _read(source):
        try:
            return source.recv(16 << 10)
        except OSError:
            return b""


class Broken(socketserver.ThreadingTCPServer):
    """Answers each path as `answers[path]` does: a function of the connection's file, the number of the request for
    that path (from 1) and its head; what it returns true for keeps the connection."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, answers):
        self.answers, self.seen, self.lock = answers, collections.Counter(), threading.Lock()
        super().__init__(("127.0.0.1", 0), BrokenRequest)
        self.port = self.server_address[1]
        self.origin = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class BrokenRequest(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            words = self.rfile.readline().decode("latin-1").split()
            head = {}
            while line := self.rfile.readline().strip():
                name, _, value = line.decode("latin-1").partition(":")
                head[name.strip().lower()] = value.strip()
            if len(words) != 3:
                return
            self.rfile.read(int(head.get("content-length", 0)))
            path = words[1]
            with self.server.lock:
                self.server.seen[path] += 1
                turn = self.server.seen[path]
            answer = self.server.answers.get(path, not_found)
            try:
                if not answer(self.wfile, turn, head):
                    return
            except OSError:
                return


def send(stream, status, body=b"", *fields, length=None):
    """A whole answer, with a `Content-Length` that may lie."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body) if length is None else length}", *fields]
    stream.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    return length is None


def not_found(stream, *_):
    return send(stream, 404)


def failing_once(content, how, content_type="image/gif"):
    """An answer that goes wrong the first time: `how` is 429, 500, "cut" or "stall"."""
    def answer(stream, turn, _):
        fields = (f"Content-Type: {content_type}", "ETag: \"x\"")
        if turn > 1:
            return send(stream, 200, content, *fields)
        if how == "cut":
            return send(stream, 200, content[:len(content) // 2], *fields, length=len(content))
        if how == "stall":
            send(stream, 200, content[:len(content) // 2], *fields, length=len(content))
            stream.flush()
            time.sleep(120)
            return False
        return send(stream, how, b"later", *(["Retry-After: 1"] if how == 429 else []))
    return answer


def endless_chunks(stream, *_):
    """A body without a length and without an end."""
    stream.write(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"10000\r\n" + b"z" * 0x10000 + b"\r\n"
    while True:
        stream.write(chunk)


def gzip_bomb(megabytes):
    """An answer of few bytes that are so many MiB decoded."""
    packed = gzip.compress(b"\0" * (megabytes << 20), 9)

    def answer(stream, *_):
        return send(stream, 200, packed, "Content-Encoding: gzip")
    return answer


class NamedHost:
    """A loopback address of its own on port 80 that the service knows by a name. Needs root."""

    def __init__(self, name):
        self.name, self.directory = name, harness.temporary_directory("hosts")
        self.address = f"127.{random.randint(64, 250)}.{random.randint(1, 250)}.{random.randint(1, 250)}"
        (self.directory / "hosts").write_text(f"127.0.0.1 localhost\n{self.address} {name}\n")

    def wrap(self, binary):
        """A program that runs `binary` with our table of hosts as the system's."""
        wrapper = self.directory / "scrape-service"
        wrapper.write_text("#!/bin/sh\nexec unshare -m sh -c 'mount --bind \"$0\" /etc/hosts && exec \"$@\"' "
                           f"{self.directory}/hosts {binary} \"$@\"\n")
        wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
        return str(wrapper)

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)
