"""Answers that mean harm: each fails its page within its limits, and the service stays small and quick."""

import ctypes
import gzip
import http.server
import pathlib
import socketserver
import subprocess
import threading
import time
import zlib

import pytest

MEBIBYTE = 1 << 20
BOMB_BYTES = 400 * MEBIBYTE
# A bomb is cut off at `max_page_bytes` (10 MiB): some of that is copied once or twice on its way.
MAX_GROWTH_BYTES = 60 * MEBIBYTE
MAX_STATUS_SECONDS = 1.0


def brotli(data):
    library = ctypes.CDLL("libbrotlienc.so.1")
    size = ctypes.c_size_t(len(data) // 2 + 1024)
    out = ctypes.create_string_buffer(size.value)
    assert library.BrotliEncoderCompress(5, 24, 0, ctypes.c_size_t(len(data)), data, ctypes.byref(size), out)
    return out.raw[:size.value]


def empty_blocks():
    """A gzip stream that says nothing for ever: empty stored blocks, of which each coding around it makes many more."""
    return gzip.compress(b"", mtime=0)[:10] + b"\x00\x00\x00\xff\xff" * (BOMB_BYTES // 5)


def zeros():
    return bytes(BOMB_BYTES)


def raw_deflate(data):
    squeeze = zlib.compressobj(6, zlib.DEFLATED, -15)
    return squeeze.compress(data) + squeeze.flush()


def zstandard(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


# Path: the field lines and the body.
BOMBS = {
    "gzip": lambda: (["Content-Encoding: gzip"], gzip.compress(zeros(), 6)),
    "deflate": lambda: (["Content-Encoding: deflate"], zlib.compress(zeros(), 6)),
    "raw-deflate": lambda: (["Content-Encoding: deflate"], raw_deflate(zeros())),
    "br": lambda: (["Content-Encoding: br"], brotli(zeros())),
    "zstd": lambda: (["Content-Encoding: zstd"], zstandard(zeros())),
    "gzip-in-gzip": lambda: (["Content-Encoding: gzip, gzip"], gzip.compress(gzip.compress(zeros(), 6), 6)),
    "silence-in-gzip": lambda: (["Content-Encoding: gzip, gzip"], gzip.compress(empty_blocks(), 6)),
    "silence-in-br": lambda: (["Content-Encoding: gzip", "Content-Encoding: br"], brotli(empty_blocks())),
    "transfer-gzip": lambda: (["Transfer-Encoding: gzip, gzip"], gzip.compress(empty_blocks(), 6)),
}


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        fields, body = self.server.bombs.get(self.path.strip("/"), ([], b""))
        self.wfile.write("\r\n".join(["HTTP/1.1 200 OK", "Content-Type: text/html", "Connection: close", *fields, "", ""]).encode())
        try:
            self.wfile.write(body)
            # Not compressed: a head, a line or a body without end, as fast as it is taken or a byte at a time.
            if self.path == "/endless-body":
                while True:
                    self.wfile.write(b"<p>more</p>" * 4096)
            while self.path == "/slow":
                self.wfile.write(b"x")
                time.sleep(0.05)
        except OSError:
            pass

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


@pytest.fixture(scope="module")
def bombs():
    server = Server(("127.0.0.1", 0), Answers)
    server.bombs = {name: make() for name, make in BOMBS.items()}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def resident_bytes(service):
    status = pathlib.Path(f"/proc/{service.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def run(service, bombs, names, **fetch):
    """The ledger by path, and the slowest status read while the job ran."""
    job = {"start": [f"http://127.0.0.1:{bombs.server_port}/{name}" for name in names],
           "pages": {"page": {"fields": {"title": "title"}}}, "fetch": {"retries": 0, "concurrency": 1, **fetch}}
    job_id = service.client.submit(job)
    slowest, deadline = 0, time.monotonic() + 120
    while True:
        began = time.monotonic()
        status = service.client.status(job_id)
        slowest = max(slowest, time.monotonic() - began)
        if status["terminal"]:
            break
        assert began < deadline, status
        time.sleep(0.01)
    entries = service.client.walk(f"/v1/jobs/{job_id}/pages")
    return {entry["url"].rsplit("/", 1)[1]: entry for entry in entries}, slowest


@pytest.mark.parametrize("name", BOMBS)
def test_a_decompression_bomb_fails_its_page_only(service, client, bombs, name):
    before = resident_bytes(service)
    ledger, slowest = run(service, bombs, [name])
    assert ledger[name]["error"] == "too_large", ledger
    assert ledger[name]["seconds"] < 5
    assert slowest < MAX_STATUS_SECONDS
    assert resident_bytes(service) - before < MAX_GROWTH_BYTES


def test_a_body_without_end_and_a_slow_one_fail_their_pages_only(service, client, bombs):
    ledger, slowest = run(service, bombs, ["endless-body", "slow"], timeout_seconds=2, concurrency=2)
    assert {name: entry["error"] for name, entry in ledger.items()} == {"endless-body": "too_large", "slow": "timeout"}
    assert slowest < MAX_STATUS_SECONDS
