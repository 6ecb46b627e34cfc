"""Starts `ConformanceServer` and looks at it from outside: answers, memory, CPU time, open descriptors.

Its routes below `/fault` fail, wait, stream and count on demand; `/fault/state` tells what the server has seen.
"""

import http.client
import json
import os
import pathlib
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile

import harness

HERE = pathlib.Path(__file__).resolve().parent
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def raise_descriptor_limit():
    """Room for a few thousand sockets in this process."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    assert hard >= 6000, f"these tests need 6,000 descriptors, and the hard limit is {hard}"


class Target:
    def __init__(self, binary, *arguments, max_descriptors=None):
        self.command = [binary, "--port", "0", *map(str, arguments)]
        self.max_descriptors = max_descriptors

    def __enter__(self):
        raise_descriptor_limit()
        self.log = tempfile.TemporaryFile("w+")
        limit = self.max_descriptors
        limit_descriptors = limit and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=self.log, text=True, preexec_fn=limit_descriptors)
        self.url = self.process.stdout.readline().strip()
        assert self.url, self.log_text()
        self.port = int(self.url.rstrip("/").rsplit(":", 1)[1])
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            status = harness.stop_process(self.process)
            assert kind or status == 0, self.log_text()
        self.process.stdout.close()
        self.log.close()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def log_text(self):
        self.log.seek(0)
        return self.log.read()

    # What clients do.

    def connect(self, receive_buffer=None, timeout=30):
        client = socket.socket()
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(timeout)
        client.connect(("127.0.0.1", self.port))
        return client

    def get(self, path="/"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return harness.Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    # What the server is doing.

    def state(self):
        return json.loads(self.get("/fault/state").body)

    def wait_for_state(self, what, seconds=20, **values):
        """Until each of `values` is what the server tells; the asking connection counts as open."""
        def reached():
            state = self.state()
            return state if all(state[name] == value for name, value in values.items()) else None
        return harness.wait_until(reached, seconds, what)

    def resident_kib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def cpu_ticks(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


class GoodClient:
    """A process that asks for `/` a hundred times a second, on kept and on new connections by turns, and times it."""

    def __init__(self, target):
        self.target = target

    def __enter__(self):
        command = [sys.executable, str(HERE / "http_good_client.py"), str(self.target.port)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.communicate(timeout=30)

    def result(self):
        """`(p99 in ms, answers, failures)` so far; the client ends."""
        output, _ = self.process.communicate(timeout=30)
        told = json.loads(output)
        assert len(told["milliseconds"]) >= 100, ("too few answers", len(told["milliseconds"]), told["failures"])
        return statistics.quantiles(told["milliseconds"], n=100)[98], len(told["milliseconds"]), told["failures"]


def read_to_end(client):
    """All that comes until the server ends; a reset ends it too: `(bytes, "end" or "reset")`."""
    received = bytearray()
    while True:
        try:
            piece = client.recv(65536)
        except ConnectionResetError:
            return bytes(received), "reset"
        if not piece:
            return bytes(received), "end"
        received += piece


def read_answer(client):
    """One answer with a Content-Length: `(status, head, body)`."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = client.recv(65536)
        assert piece, received
        received += piece
    head, body = received.split(b"\r\n\r\n", 1)
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += client.recv(65536)
    return int(head.split()[1]), head.decode(), body
