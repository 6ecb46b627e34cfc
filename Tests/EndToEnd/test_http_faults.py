"""Handlers that fail, clients that vanish, and SIGTERM."""

import socket
import struct
import time

import pytest

import harness
from http_target import GET, Target, read_answer, read_to_end

CHURN = 10_000
# Of 10,000 connections together: a leak of 26 bytes each is found.
MAX_HEAP_GROWN_BYTES = 256 << 10
MAX_RESIDENT_GROWN_KIB = 4096
POST_100 = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"
STREAM = b"GET /fault/stream/10000000 HTTP/1.1\r\nHost: a\r\n\r\n"


def test_a_handler_that_throws_is_a_500_and_the_connection_lives(conformance_binary):
    with Target(conformance_binary) as target:
        client = target.connect()
        for _ in range(3):
            client.sendall(b"GET /fault/throw HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine-1\r\n\r\n")
            status, head, body = read_answer(client)
            assert status == 500 and "\r\nX-Request-Id: mine-1\r\n" in head + "\r\n" and "Connection:" not in head
            assert b"HandlerFault" not in body
            client.sendall(GET)
            assert read_answer(client)[0] == 200
        assert "HandlerFault" in target.log_text() and "mine-1" in target.log_text()
        client.close()


def test_an_answer_that_fails_half_way_never_looks_complete(conformance_binary):
    with Target(conformance_binary) as target:
        client = target.connect()
        client.sendall(b"GET /fault/late HTTP/1.1\r\nHost: a\r\n\r\n")
        received, ending = read_to_end(client)
        assert received.endswith(b"\r\n") and not received.endswith(b"0\r\n\r\n"), received
        client.close()
        # HTTP/1.0 has no chunks: there the end of the connection would be the end of the content.
        client = target.connect()
        client.sendall(b"GET /fault/late HTTP/1.0\r\n\r\n")
        received, ending = read_to_end(client)
        assert ending == "reset", received
        client.close()


@pytest.mark.parametrize("resets", [False, True])
def test_a_client_that_leaves_cancels_its_handler(conformance_binary, resets):
    with Target(conformance_binary) as target:
        clients = [target.connect() for _ in range(3)]
        clients[0].sendall(b"GET /fault/stream/10000000000 HTTP/1.1\r\nHost: a\r\n\r\n")
        clients[1].sendall(b"GET /fault/sleep/3600 HTTP/1.1\r\nHost: a\r\n\r\n")
        clients[2].sendall(b"POST /fault/count HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
        clients[0].recv(4096)
        target.wait_for_state("all three are at work", running=3, consumed=3)
        began = time.monotonic()
        for client in clients:
            leave(client, resets)
        target.wait_for_state("none works any more", 5, running=0, open=1)
        print(f"{'reset' if resets else 'closed'}: {time.monotonic() - began:.2f} s until all handlers have ended")


def leave(client, resets):
    if resets:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def churn(target, generator):
    """Opens and drops connections in every way, many at a time."""
    held = []
    for _ in range(CHURN):
        client = target.connect()
        kind = generator.randrange(8)
        if kind == 1:
            client.sendall(generator.choice([b"G", b"GET / HTTP/1.1\r\nHo", POST_100 + b"abc", b"\x00", b"GET / HTTP/9\r\n\r\n"]))
        elif kind in (2, 3):
            client.sendall(generator.choice([GET, STREAM, GET * 5]))
        elif kind == 4:
            client.sendall(STREAM)
            client.recv(1000)
        elif kind == 5:
            client.sendall(b"GET /fault/sleep/3600 HTTP/1.1\r\nHost: a\r\n\r\n")
        elif kind == 6:
            client.sendall(generator.choice([GET, STREAM, POST_100]))
            client.shutdown(socket.SHUT_WR)
        elif kind == 7:
            client.sendall(GET)
            read_answer(client)
        held.append((client, kind == 3 or generator.random() < 0.3))
        if len(held) > 50:
            leave(*held.pop(generator.randrange(len(held))))
    for client, resets in held:
        leave(client, resets)


def test_connections_dropped_at_random_leave_nothing_behind(conformance_binary):
    with Target(conformance_binary) as target:
        generator, rounds = harness.seeded_random(), []
        for _ in range(3):
            began = time.monotonic()
            churn(target, generator)
            took = time.monotonic() - began
            state = target.wait_for_state("all connections and handlers are gone", open=1, running=0)
            rounds.append((target.descriptors(), state["heap"], target.resident_kib()))
            print(f"{CHURN} in {took:.1f} s: {rounds[-1][0]} descriptors, heap {rounds[-1][1]} bytes, RSS {rounds[-1][2]} KiB")
        first, last = rounds[0], rounds[-1]
        # The asking connection may or may not be closed yet.
        assert abs(last[0] - first[0]) <= 1
        assert last[1] - first[1] <= MAX_HEAP_GROWN_BYTES
        # The allocator keeps what a larger crowd than before has needed.
        assert last[2] - first[2] <= MAX_RESIDENT_GROWN_KIB
        assert target.get().status == 200


def refuses_connections(target):
    return not harness.is_listening(target.port)


def test_sigterm_finishes_what_is_in_flight_and_closes_what_is_idle(conformance_binary):
    with Target(conformance_binary) as target:
        idle, silent, busy, pipelined, streaming = [target.connect() for _ in range(5)]
        idle.sendall(GET)
        read_answer(idle)
        busy.sendall(b"GET /fault/sleep/2 HTTP/1.1\r\nHost: a\r\n\r\n")
        pipelined.sendall(b"GET /fault/sleep/2 HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        streaming.sendall(b"GET /fault/stream/50000000?length HTTP/1.1\r\nHost: a\r\n\r\n")
        streaming.recv(1000)
        target.wait_for_state("three requests are in flight", running=3)
        began = time.monotonic()
        target.terminate()
        assert read_to_end(idle) == (b"", "end") and read_to_end(silent) == (b"", "end")
        assert time.monotonic() - began < 1, "at once"
        assert refuses_connections(target)
        status, head, body = read_answer(busy)
        assert (status, body) == (200, b"awake\n") and "\r\nConnection: close" in head
        assert read_to_end(busy) == (b"", "end")
        assert read_answer(pipelined)[0] == 200
        received, ending = read_to_end(streaming)
        assert len(received) > 49_000_000 and ending == "end"
        assert target.process.wait(10) == 0
        assert time.monotonic() - began < 6
        for client in (idle, silent, busy, pipelined, streaming):
            client.close()


def test_sigterm_answers_the_requests_that_have_arrived(conformance_binary):
    with Target(conformance_binary) as target:
        for _ in range(20):
            target.get()
        # Into the backlog and the socket's buffer; the signal comes right behind.
        clients = [target.connect() for _ in range(50)]
        for client in clients:
            client.sendall(GET)
        target.terminate()
        for client in clients:
            received, ending = read_to_end(client)
            assert received.startswith(b"HTTP/1.1 200 OK\r\n") and ending == "end", (received, ending)
            client.close()
        assert target.process.wait(10) == 0


def test_sigterm_cuts_off_what_takes_longer_than_the_drain_time(conformance_binary):
    with Target(conformance_binary, "--drain-timeout", 1) as target:
        slow, unread = target.connect(), target.connect(receive_buffer=4096)
        slow.sendall(b"GET /fault/sleep/3600 HTTP/1.1\r\nHost: a\r\n\r\n")
        unread.sendall(b"GET /fault/stream/100000000 HTTP/1.1\r\nHost: a\r\n\r\n")
        target.wait_for_state("both are in flight", running=2)
        began = time.monotonic()
        target.terminate()
        assert target.process.wait(10) == 0
        assert 0.9 < time.monotonic() - began < 4
        assert read_to_end(slow)[1] == "reset" and read_to_end(unread)[1] == "reset"
        slow.close()
        unread.close()
