"""Limits of connections and descriptors, and what idle connections cost."""

import time

import harness
from http_target import GET, Target, read_answer, read_to_end

IDLE_CONNECTIONS = 1000
MAX_KIB_A_CONNECTION = 20


def test_one_connection_too_many_of_an_address_is_told_so_and_the_others_live(conformance_binary):
    with Target(conformance_binary, "--max-connections-per-address", 3) as target:
        kept = [target.connect() for _ in range(3)]
        for client in kept:
            client.sendall(GET)
            assert read_answer(client)[0] == 200
        for number in range(50):
            extra = target.connect()
            # With and without a request on its way: it must not turn the answer into a reset.
            if number % 2:
                extra.sendall(GET)
            received, ending = read_to_end(extra)
            head = received.decode().split("\r\n\r\n")[0]
            assert head.startswith("HTTP/1.1 503 ") and ending == "end", (number, received, ending)
            assert "\r\nConnection: close" in head and "\r\nRetry-After: 1" in head and "\r\nDate: " in head
            extra.close()
        for client in kept:
            client.sendall(GET)
            assert read_answer(client)[0] == 200
        kept.pop().close()
        harness.wait_until(lambda: target.get().status == 200, 10, "a place is free again")
        assert target.state()["too_many_connections"] >= 50
        for client in kept:
            client.close()


def test_a_thousand_too_many_hold_few_descriptors_and_nobody_up(conformance_binary):
    with Target(conformance_binary, "--max-connections-per-address", 10) as target:
        good = target.connect()
        good.sendall(GET)
        read_answer(good)
        crowd = [target.connect() for _ in range(1000)]
        good.sendall(GET)
        assert read_answer(good)[0] == 200
        # Ten places, 64 that are being told, and what the process has open itself.
        assert target.descriptors() < 10 + 64 + 30
        for client in crowd:
            client.close()
        target.wait_for_state("the crowd is gone", open=2)
        good.close()


def test_idle_connections_make_room_when_all_places_are_taken(conformance_binary):
    with Target(conformance_binary, "--max-connections", 20) as target:
        idle = [target.connect() for _ in range(20)]
        for client in idle:
            client.sendall(GET)
            read_answer(client)
        began = time.monotonic()
        assert target.get().status == 200
        assert time.monotonic() - began < 5, "long before the idle ones' time-out of 75 s"
        assert target.state()["shed"] > 0
        for client in idle:
            client.close()


def test_clients_wait_for_a_place_where_nobody_is_idle(conformance_binary):
    with Target(conformance_binary, "--max-connections", 2) as target:
        busy = [target.connect() for _ in range(2)]
        for client in busy:
            client.sendall(b"GET /fault/sleep/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        waiting = target.connect()
        waiting.sendall(GET)
        assert read_answer(busy[0])[0] == 200
        assert read_answer(waiting)[0] == 200
        for client in (*busy, waiting):
            client.close()


def test_out_of_descriptors_it_rests_and_recovers(conformance_binary):
    with Target(conformance_binary, max_descriptors=80) as target:
        clients = [target.connect() for _ in range(200)]
        harness.wait_until(lambda: target.descriptors() == 80, 10, "all descriptors are in use")
        served = clients[0]
        before = target.cpu_ticks()
        time.sleep(3)
        ticks = target.cpu_ticks() - before
        served.sendall(GET)
        assert read_answer(served)[0] == 200, "who has a connection is served meanwhile"
        assert ticks <= 3, f"{ticks} ticks of CPU in 3 s"
        for client in clients[:150]:
            client.close()
        began = time.monotonic()
        for client in clients[150:]:
            client.sendall(GET)
            assert read_answer(client)[0] == 200
        recovery = time.monotonic() - began
        print(f"{ticks} ticks while starved, {recovery * 1000:.0f} ms to serve the 50 that waited")
        assert recovery < 2
        for client in clients[150:]:
            client.close()
        state = target.wait_for_state("all is given back", open=1)
        assert state["accept_failure"] > 0
        assert target.log_text().count("accept failed") == 1, target.log_text()


def test_a_thousand_idle_connections_cost_no_cpu_and_little_memory(conformance_binary):
    with Target(conformance_binary) as target:
        warm = target.connect()
        for _ in range(100):
            warm.sendall(GET)
            read_answer(warm)
        at_first = target.resident_kib()
        for says_something in (False, True):
            clients = [target.connect() for _ in range(IDLE_CONNECTIONS)]
            for client in clients if says_something else ():
                client.sendall(GET)
                read_answer(client)
            target.wait_for_state("all are open", open=IDLE_CONNECTIONS + 2)
            grown = (target.resident_kib() - at_first) / IDLE_CONNECTIONS
            before = target.cpu_ticks()
            time.sleep(5 if says_something else 2)
            ticks = target.cpu_ticks() - before
            print(f"{'after a request' if says_something else 'silent'}: {grown:.1f} KiB each, {ticks} ticks")
            assert grown <= MAX_KIB_A_CONNECTION and ticks <= 1
            for client in clients:
                client.close()
        warm.close()
