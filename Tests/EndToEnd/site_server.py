"""What serves the test site: nginx's configuration, and a small server for the answers nginx cannot break."""

import os
import pathlib
import socketserver
import sys
import threading
import time

FLAKY_FAILURES = 2  # a flaky page answers 500 this often, then as it should
LATE_SECONDS = 1.5
ECHO_MODULE = "/usr/lib/nginx/modules/ngx_http_echo_module.so"


def nginx_conf(directory, options):
    """One worker on loopback; all of its files inside `directory`; every answer late where `latency_ms` asks for it."""
    delay = f"echo_sleep {options.latency_ms / 1000:.3f}; " if options.latency_ms else ""
    files = f"{delay}echo_exec @files;" if delay else ""
    listing = (f"{delay}echo_exec /listing/$arg_currentPage.html;" if delay
               else "rewrite ^ /listing/$arg_currentPage.html? last;")
    faults = _fault_locations() if options.faults else ""
    log = f"access_log {directory}/access.log timed;" if options.access_log else "access_log off;"
    # A root-started nginx would give its worker to another user, who cannot read a private temporary directory.
    user = "user root;" if os.geteuid() == 0 else ""
    module = f"load_module {ECHO_MODULE};" if delay or options.faults else ""
    return f"""{module}
{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
events {{ worker_connections 8192; }}
http {{
    types {{ text/html html; image/png png; }}
    default_type application/octet-stream;
    charset utf-8; log_not_found off;
    log_format timed '$msec $request_time $status $request_method $request_uri';
    {log}
    client_body_temp_path {directory}/tmp-body; proxy_temp_path {directory}/tmp-proxy;
    fastcgi_temp_path {directory}/tmp-fastcgi; uwsgi_temp_path {directory}/tmp-uwsgi; scgi_temp_path {directory}/tmp-scgi;
    keepalive_requests 100000; keepalive_timeout 60s; sendfile on; tcp_nopush on;
    open_file_cache max=20000 inactive=300s;
    server {{
        listen 127.0.0.1:{options.port} backlog=4096;
        root {directory}/pages;
        location = /z/motoren.html {{ {listing} }}
        location /listing/ {{ internal; }}
        location /a/ {{ {files} }}
        location @files {{ root {directory}/pages; }}
{faults}    }}
}}
"""


def _fault_locations():
    return f"""        location /a/late/ {{ echo_sleep {LATE_SECONDS}; echo_exec @files; }}
        location /a/error-500/ {{ return 500; }}
        location /a/busy-503/ {{ add_header Retry-After 1 always; return 503; }}
        location /a/dropped/ {{ return 444; }}
        location /a/image/ {{ types {{ }} default_type image/png; }}
        location /a/moved/ {{ rewrite ^/a/moved/(.*)$ /a/motoren/$1 redirect; }}
        location /a/loop/ {{ return 302 $request_uri; }}
"""


class BrokenAnswers(socketserver.StreamRequestHandler):
    """`/cut/…` promises more bytes than it sends; `/flaky/…` fails twice and then serves `pages/a/flaky/…`."""

    def handle(self):
        while True:
            request = self.rfile.readline().decode("latin-1").split()
            while self.rfile.readline().strip():
                pass
            if len(request) != 3:
                return
            path = request[1]
            if path.startswith("/cut/"):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20000\r\n\r\n<html><body>")
                self.server.log(200, path)
                return
            if path == "/robots.txt":
                self.wfile.write(b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n")
                continue
            self._flaky(path)

    def _flaky(self, path):
        with self.server.lock:
            self.server.seen[path] = self.server.seen.get(path, 0) + 1
            turn = self.server.seen[path]
        status, body = 500, b"not yet"
        if path.startswith("/flaky/") and turn > FLAKY_FAILURES:
            status, body = 200, (self.server.pages / "a/flaky" / pathlib.PurePath(path).name).read_bytes()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body)
        self.server.log(status, path)


class BrokenServer(socketserver.ThreadingTCPServer):
    """Listens on loopback and writes the same access log lines as nginx."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port, directory):
        super().__init__(("127.0.0.1", port), BrokenAnswers)
        self.pages = pathlib.Path(directory) / "pages"
        self.seen = {}
        self.lock = threading.Lock()
        self._log = open(pathlib.Path(directory) / "faults.log", "a", buffering=1, encoding="utf-8")

    def log(self, status, path):
        self._log.write(f"{time.time():.3f} 0.000 {status} GET {path}\n")


if __name__ == "__main__":
    with BrokenServer(int(sys.argv[1]), sys.argv[2]) as server:
        server.serve_forever()
