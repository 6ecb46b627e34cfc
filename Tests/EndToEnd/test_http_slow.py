"""Slow, partial and stalled clients: each is cut at its limit, and none keeps a good client from its answer."""

import subprocess
import time

import pytest

import harness
from http_target import GET, GoodClient, Target, read_answer, read_to_end

MAX_P99_MILLISECONDS = 100
ATTACKERS = 1000
SHORT = ("--header-timeout", 3, "--body-timeout", 3, "--write-timeout", 3)
# slowhttptest(1): -i follow-up data every second, -w/-y the advertised window, -n/-z read 32 bytes a second.
ATTACKS = {
    "header": (["-H", "-r", "1000", "-i", "1", "-x", "24"], "", 900),
    "body": (["-B", "-r", "1000", "-i", "1", "-s", "8192", "-x", "10"], "", 900),
    "read": (["-X", "-r", "1000", "-w", "512", "-y", "1024", "-n", "1", "-z", "32", "-k", "3"], "fault/stream/10000000", 900),
    # Refused at once, so it holds nothing: spread over four seconds.
    "range": (["-R", "-r", "250", "-t", "HEAD", "-a", "5", "-b", "3000"], "", 0),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_good_client_is_served_during_an_attack(conformance_binary, attack):
    options, path, held_at_least = ATTACKS[attack]
    with Target(conformance_binary, *SHORT) as target, GoodClient(target) as good:
        before = target.resident_kib()
        command = ["slowhttptest", *options, "-c", str(ATTACKERS), "-l", "5", "-u", target.url + path]
        attackers = subprocess.Popen(command, **harness.NOBODY_ELSE)
        most_open = most_kib = 0
        while attackers.poll() is None:
            most_open = max(most_open, target.state()["open"])
            most_kib = max(most_kib, target.resident_kib())
            time.sleep(0.1)
        p99, answers, failures = good.result()
        # The asking connection alone is left.
        target.wait_for_state("all attackers are gone", open=1)
        print(f"{attack}: p99 {p99:.1f} ms of {answers} answers, {most_open} connections, {most_kib - before:+} KiB")
        assert not failures and p99 <= MAX_P99_MILLISECONDS
        assert most_open >= held_at_least, "the attack has held its connections"
        # A slow reader has what is queued for it: 64 KiB and one piece more.
        assert most_kib - before < 160 * ATTACKERS


def trickle(client, byte, until):
    """Sends a byte every tenth of a second until the server answers."""
    client.settimeout(0.1)
    while time.monotonic() < until:
        try:
            client.send(byte)
            return client.recv(65536)
        except TimeoutError:
            continue
        except OSError:
            break
    return b""


STALLED = {
    "half a head, then nothing": (b"GET / HTTP/1.1\r\nHo", b"HTTP/1.1 408 "),
    "nothing at all": (b"", b""),
    "a body that stops": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", b"HTTP/1.1 408 "),
    "a chunk that stops": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", b"HTTP/1.1 408 "),
    "half a second head": (GET + b"GET /", b"HTTP/1.1 408 "),
}


def test_stalled_clients_are_cut_at_their_limit(conformance_binary):
    limits = ("--header-timeout", 1, "--body-timeout", 1, "--idle-timeout", 1, "--write-timeout", 1)
    with Target(conformance_binary, *limits) as target:
        began, clients = time.monotonic(), []
        for name, (sent, _) in STALLED.items():
            client = target.connect()
            client.sendall(sent)
            if sent.startswith(GET):
                read_answer(client)
            clients.append((name, client))
        for name, client in clients:
            received, ending = read_to_end(client)
            took = time.monotonic() - began
            expected = STALLED[name][1]
            assert received.startswith(expected) and bool(received) == bool(expected), (name, received)
            assert not expected or b"\r\nConnection: close\r\n" in received, (name, received)
            assert ending == "end" and 0.9 < took < 5, (name, took)
            client.close()
        idle = target.connect()
        idle.sendall(GET)
        read_answer(idle)
        assert read_to_end(idle) == (b"", "end"), "an idle connection ends without an answer"
        state = target.state()
        assert state["header_timeout"] >= 2 and state["body_timeout"] >= 2 and state["idle_timeout"] >= 1, state


def test_trickled_bytes_do_not_renew_the_time(conformance_binary):
    with Target(conformance_binary, "--header-timeout", 1, "--body-timeout", 1) as target:
        for sent, byte in ((b"GET / HTTP/1.1\r\nX: ", b"a"), (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n", b"b")):
            client, began = target.connect(), time.monotonic()
            client.sendall(sent)
            assert trickle(client, byte, began + 8).startswith(b"HTTP/1.1 408 "), sent
            assert 0.9 < time.monotonic() - began < 5
            client.close()


def test_clients_that_never_read_are_reset_and_cost_bounded_memory(conformance_binary):
    with Target(conformance_binary, "--write-timeout", 1) as target:
        target.get("/fault/stream/1000000")
        before = target.resident_kib()
        clients = [target.connect(receive_buffer=4096) for _ in range(50)]
        for client in clients:
            client.sendall(b"GET /fault/stream/100000000 HTTP/1.1\r\nHost: a\r\n\r\n")
        target.wait_for_state("all are streaming", running=50)
        during = target.resident_kib()
        state = target.wait_for_state("all are cut off", running=0, open=1)
        after = target.resident_kib()
        print(f"50 streams to clients that do not read: {during - before:+} KiB during, {after - before:+} KiB after")
        assert state["write_timeout"] == 50 and state["cancelled"] == 50
        # 64 KiB and one piece are queued for each, 100 MB are not; the kernel holds a bounded part more.
        assert during - before < 50 * 160 and state["produced"] < 50 << 20
        for client in clients:
            assert read_to_end(client)[1] == "reset", "an answer cut short must not look complete"
            client.close()


def test_two_thousand_that_say_nothing_or_half_a_head_leave_nothing_behind(conformance_binary):
    with Target(conformance_binary, "--header-timeout", 4) as target:
        before = target.resident_kib()
        clients = [target.connect() for _ in range(2000)]
        for client in clients[1000:]:
            client.sendall(b"GET / HTTP/1.1\r\nHost: " + b"a" * 2000)
        harness.wait_until(lambda: target.state()["accepted"] > 2000, 10, "all are accepted")
        assert target.state()["open"] > 2000, "and none is cut yet"
        during = target.resident_kib()
        for number, client in enumerate(clients):
            received = client.recv(4096)
            assert received.startswith(b"HTTP/1.1 408 ") if number >= 1000 else received == b"", (number, received)
            client.close()
        target.wait_for_state("all are gone", open=1)
        print(f"2,000 silent or partial clients: {during - before:+} KiB during, {target.resident_kib() - before:+} KiB after")
        assert during - before < 2000 * 20
