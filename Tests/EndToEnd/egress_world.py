"""A network of its own, in which every address there is leads to one server of ours, and a name server of ours answers.

The service runs in it without knowing: what it dials, public or private, is seen here. Needs root (`unshare`).
"""

import ctypes
import http.server
import os
import pathlib
import re
import shutil
import socket
import socketserver
import stat
import struct
import subprocess
import threading
import urllib.parse

import harness

CLONE_NEWNET = 0x40000000
A, AAAA = 1, 28
TABLE = harness.HERE.parent.parent / "Sources/ScrapeService/Fetching/Egress/README.md"
PAGE = b"<html><head><title>reached</title></head><body><p>reached</p></body></html>"


def table_rows():
    """`(url, verdict, judged as)` of each row of the published table."""
    rows = []
    for line in TABLE.read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 6 and cells[1].startswith("`"):
            rows.append((cells[1].strip("`"), cells[2], cells[3].strip("`")))
    return rows


def plain(address):
    """An IPv4 address a dual-stack socket knows as a mapped one, as itself."""
    return re.sub(r"^::ffff:(?=\d+\.)", "", address)


class Recorder(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Answers on one port of every address, and notes which address each connection was made to.

    `/to?url=…` redirects there, everything else is a page.
    """

    address_family, daemon_threads, allow_reuse_address, request_queue_size = socket.AF_INET6, True, True, 256

    def __init__(self, port):
        self.dialled, self.paths, self.lock = [], [], threading.Lock()
        super().__init__(("::", port), RecordedRequest)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def get_request(self):
        connection, peer = super().get_request()
        with self.lock:
            self.dialled.append(plain(connection.getsockname()[0]))
        return connection, peer

    def forget(self):
        with self.lock:
            self.dialled, self.paths = [], []


class RecordedRequest(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with self.server.lock:
            self.server.paths.append(self.path)
        parts = urllib.parse.urlsplit(self.path)
        if parts.path == "/to":
            self.send_response(302)
            # The header's bytes are the URL's, whatever http.server takes them for.
            self.send_header("Location", urllib.parse.parse_qs(parts.query)["url"][0].encode().decode("latin-1"))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_):
        pass


class NameServer:
    """DNS over UDP with TTL 0. `names[name]` is a list of answers, one a look-up, the last one for ever."""

    def __init__(self, names):
        self.names, self.asked = names, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                query, client = self.socket.recvfrom(4096)
            except OSError:
                return
            self.socket.sendto(self.answer(query), client)

    def answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode("ascii", "replace"))
            at += 1 + query[at]
        kind = struct.unpack("!H", query[at + 1:at + 3])[0]
        name, question = ".".join(labels).lower(), query[12:at + 5]
        # A look-up is a question for A and one for AAAA: the turn goes by the number of A questions.
        if kind == A:
            self.asked.append(name)
        answers = self.names.get(name)
        turn = answers[min(self.asked.count(name), len(answers)) - 1] if answers and self.asked.count(name) else (answers or [[]])[0]
        family = {A: socket.AF_INET, AAAA: socket.AF_INET6}.get(kind)
        wanted = [a for a in turn if family and (":" in a) == (kind == AAAA)]
        records = b""
        for address in wanted:
            data = socket.inet_pton(family, address)
            records += b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 0, len(data)) + data
        flags = 0x8180 if answers else 0x8183
        return query[:2] + struct.pack("!HHHHH", flags, 1, len(wanted), 0, 0) + question + records

    def close(self):
        self.socket.close()


class World:
    """The namespace, while it is entered; the thread that entered it makes its sockets and children there."""

    def __init__(self, names):
        self.names = names
        self.directory = harness.temporary_directory("world")

    def __enter__(self):
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        for command in ("link set lo up", "route add local 0.0.0.0/0 dev lo", "-6 route add local ::/0 dev lo"):
            subprocess.run(["ip", *command.split()], check=True)
        self.recorder, self.secure, self.dns = Recorder(80), Recorder(443), NameServer(self.names)
        (self.directory / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:2 attempts:1\n")
        return self

    def wrap(self, binary):
        """A program that runs `binary` with our name server as the system's."""
        wrapper = self.directory / "scrape-service"
        wrapper.write_text("#!/bin/sh\nexec unshare -m sh -c 'mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"' "
                           f"{self.directory}/resolv.conf {binary} \"$@\"\n")
        wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
        return str(wrapper)

    def dialled(self):
        return self.recorder.dialled + self.secure.dialled

    def forget(self):
        self.recorder.forget()
        self.secure.forget()

    def __exit__(self, *_):
        for server in (self.recorder, self.secure):
            server.shutdown()
            server.server_close()
        self.dns.close()
        ctypes.CDLL(None).setns(self.home, CLONE_NEWNET)
        os.close(self.home)
        shutil.rmtree(self.directory, ignore_errors=True)
