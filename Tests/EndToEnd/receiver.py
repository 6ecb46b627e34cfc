"""A webhook receiver: takes every request, answers as it is told, and remembers what came."""

import collections
import hashlib
import hmac
import http.server
import json
import re
import threading
import time

Received = collections.namedtuple("Received", "time method path headers body")


class Receiver:
    """Listens on loopback. `answer` is a status, or `(status, headers, seconds before it)`, or a function that is given
    the number of the request (from 1) and returns either."""

    def __init__(self, answer=204, port=0):
        self.answer, self.requests, self._lock = answer, [], threading.Lock()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.origin = f"http://127.0.0.1:{self.port}"
        self.url = f"{self.origin}/hook?for=tests"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def _handler(receiver):  # noqa: N805, the handler's own self is another one
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def take(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with receiver._lock:
                    receiver.requests.append(Received(time.time(), self.command, self.path, self.headers, body))
                    number = len(receiver.requests)
                answer = receiver.answer(number) if callable(receiver.answer) else receiver.answer
                status, headers, wait = answer if isinstance(answer, tuple) else (answer, {}, 0)
                time.sleep(wait)
                try:
                    self.send_response(status)
                    for name, value in {"Content-Length": "0", **headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                except OSError:
                    pass  # who waited has given up

            do_GET = do_POST = do_PUT = take

            def log_message(self, *_):
                pass

        return Handler

    def events(self):
        return [json.loads(request.body)["event"] for request in list(self.requests)]

    def ids(self):
        return [request.headers["X-Delivery-Id"] for request in list(self.requests)]


def is_signed(request, secret):
    """Whether the signature is that of this body at its time, which is now; by Python's own HMAC."""
    match = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", request.headers["X-Signature"] or "")
    if not match:
        return False
    code = hmac.new(secret.encode(), match[1].encode() + b"." + request.body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(code, match[2]) and abs(int(match[1]) - request.time) < 60
