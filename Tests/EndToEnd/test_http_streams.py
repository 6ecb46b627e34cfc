"""Bodies of any length, both ways, at constant memory."""

import select
import socket
import struct
import time

import harness
from http_target import Target, read_answer

GIB = 1 << 30
MAX_GROWN_KIB = 2048


class PeakMemory:
    """The largest resident size of a server while something goes on, over the size before."""

    def __init__(self, target):
        self.target, self.before = target, target.resident_kib()
        self.grown, self.looks = 0, 0

    def look(self):
        self.looks += 1
        self.grown = max(self.grown, self.target.resident_kib() - self.before)


def read_head(client):
    received = b""
    while b"\r\n\r\n" not in received:
        received += client.recv(4096)
    return received.split(b"\r\n\r\n", 1)


def test_two_gibibytes_to_a_slow_then_fast_reader(conformance_binary):
    with Target(conformance_binary) as target:
        target.get("/fault/stream/10000000")
        produced_before, memory = target.state()["produced"], PeakMemory(target)
        client = target.connect(receive_buffer=65536)
        client.sendall(b"GET /fault/stream/%d?length HTTP/1.1\r\nHost: a\r\n\r\n" % (2 * GIB))
        head, body = read_head(client)
        assert b"\r\nContent-Length: %d" % (2 * GIB) in head
        got = len(body)
        for _ in range(10):
            time.sleep(0.1)
            got += len(client.recv(100_000))
            ahead = target.state()["produced"] - produced_before - got
            # The server's queue and the kernel's buffers of both sides.
            assert ahead < 2 << 20, f"the producer is {ahead} bytes ahead of its reader"
            memory.look()
        buffer, looks = bytearray(1 << 20), 0
        while got < 2 * GIB:
            count = client.recv_into(buffer)
            assert count, f"ended after {got} bytes"
            got += count
            if got >> 28 > looks:
                looks = got >> 28
                memory.look()
        assert got == 2 * GIB
        print(f"2 GiB answer: {memory.grown:+} KiB at most; {ahead} bytes ahead of a slow reader")
        assert memory.grown <= MAX_GROWN_KIB
        client.close()


def test_a_gibibyte_in_chunks_is_counted_in_pieces(conformance_binary):
    with Target(conformance_binary, "--max-body", 2 * GIB) as target:
        client = target.connect()
        client.sendall(b"POST /fault/count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        # 16 chunks of 64 KiB, sent together.
        block = (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 16
        client.sendall(block * 8)
        memory = PeakMemory(target)
        for number in range(8, 1024):
            client.sendall(block)
            if number % 64 == 0:
                memory.look()
        client.sendall(b"0\r\n\r\n")
        status, _, body = read_answer(client)
        print(f"1 GiB upload: {memory.grown:+} KiB at most")
        assert (status, int(body)) == (200, GIB)
        assert memory.grown <= MAX_GROWN_KIB
        client.close()


def test_a_body_that_nobody_reads_stays_with_its_sender(conformance_binary):
    with Target(conformance_binary, "--max-body", 2 * GIB) as target:
        target.get("/fault/sleep/0")
        memory = PeakMemory(target)
        client = target.connect()
        client.sendall(b"POST /fault/count/later HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % GIB)
        target.wait_for_state("the handler waits", running=1)
        client.setblocking(False)
        sent, piece, last_progress = 0, b"x" * 65536, time.monotonic()
        while time.monotonic() - last_progress < 0.3:
            try:
                sent += client.send(piece)
                last_progress = time.monotonic()
            except BlockingIOError:
                time.sleep(0.01)
        memory.look()
        print(f"{sent >> 10} KiB sent to a handler that does not read, all but {memory.grown} KiB in the kernel")
        assert sent < 32 << 20 and memory.grown < 512
        # Only a reset gets past what the kernel holds; an orderly end would wait behind it.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        target.wait_for_state("the handler is cancelled", running=0, open=1)


def test_requests_without_end_on_one_connection(conformance_binary):
    """Sent so that a piece never ends with a request: what was answered must not stay behind what waits."""
    with Target(conformance_binary) as target:
        request = b"GET /cookie HTTP/1.1\r\nHost: a\r\nCookie: a=" + b"b" * 960 + b"\r\n\r\n"
        endless, sent, got = memoryview(request * 130), 0, 0
        client, memory = target.connect(), PeakMemory(target)
        client.setblocking(False)
        while sent < 64 << 20:
            readable, writable, _ = select.select([client], [client], [], 30)
            assert readable or writable, "neither reads nor writes for 30 s"
            if readable:
                got += client.recv(1 << 20).count(b"HTTP/1.1 200 OK\r\n")
            if writable:
                start = sent % len(request)
                sent += client.send(endless[start:start + 65521])
            if sent >> 22 > memory.looks:
                memory.look()
        print(f"64 MiB of pipelined requests: {memory.grown:+} KiB at most; {got} answers so far")
        assert got > 1000
        assert memory.grown <= MAX_GROWN_KIB
        client.close()
