"""SIGTERM to the service: what is in flight is answered, what is idle is closed, and it ends with status 0."""

import socket
import time

import harness
from http_target import read_answer, read_to_end

JOB = b'{"no": "job"}'


def test_sigterm_answers_what_is_in_flight_and_closes_what_is_idle(binary):
    with harness.Service(binary) as service:
        idle, silent, uploading = [socket.create_connection(("127.0.0.1", service.port), 30) for _ in range(3)]
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_answer(idle)[0] == 200
        uploading.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                          b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(JOB))
        assert uploading.recv(4096).startswith(b"HTTP/1.1 100 "), "its handler is at work"
        began = time.monotonic()
        service.process.terminate()
        assert read_to_end(idle) == (b"", "end") and read_to_end(silent) == (b"", "end")
        assert time.monotonic() - began < 2
        assert not harness.is_listening(service.port), "no new connections"
        uploading.sendall(JOB)
        status, head, _ = read_answer(uploading)
        assert 400 <= status < 500 and "\r\nConnection: close" in head, head
        assert read_to_end(uploading) == (b"", "end")
        assert service.process.wait(harness.STOP_SECONDS) == 0
        for client in (idle, silent, uploading):
            client.close()
