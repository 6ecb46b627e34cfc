"""A JSON API over real HTTP for the end-to-end tests: posts, pages by URL, cursor and POST body, GraphQL, broken bodies."""

import collections
import http.server
import json
import threading
import time
import urllib.parse

Request = collections.namedtuple("Request", "method path headers body")
RECORDS = 95
PAGE_SIZE = 10


def post(number):
    """One post as the API gives it."""
    return {"userId": (number - 1) // 10 + 1, "id": number, "title": f"Titel {number} é \u2028", "body": f"Regel\nna regel {number}",
            "rating": number / 4, "draft": number % 2 == 0, "tags": [f"t{number % 3}", "all"], "parent": None}


class JSONAPI:
    """Serves on loopback until it is left; `requests` has what came, in order. `answers` adds or replaces paths."""

    def __init__(self, latency=0.0):
        self.latency, self.requests, self.answers, self._lock = latency, [], {}, threading.Lock()
        # Seen bodies, for the path that fails each of them the first time.
        self._seen = collections.Counter()

    def __enter__(self):
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def asked(self, prefix="/"):
        """The requests under a path; robots.txt is none of them."""
        with self._lock:
            return [r for r in self.requests if r.path.startswith(prefix) and r.path != "/robots.txt"]

    def _handler(api):  # noqa: N805, the handler's own self is another one
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                length = int(self.headers.get("Content-Length") or 0)
                request = Request(self.command, self.path, self.headers, self.rfile.read(length))
                with api._lock:
                    api.requests.append(request)
                time.sleep(api.latency)
                status, headers, body = api.answer(request)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def log_message(self, *_):
                pass

        return Handler

    def answer(self, request):
        """Status, header fields and bytes."""
        url = urllib.parse.urlsplit(request.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        parts = url.path.strip("/").split("/")
        if url.path in self.answers:
            return self.answers[url.path](request)
        if parts[0] == "posts" and len(parts) == 2:
            return _json(post(int(parts[1])))
        if url.path == "/by-url":
            return self._by_url(int(query.get("page", 1)))
        if url.path == "/by-cursor":
            return self._by_cursor(query.get("cursor"))
        if url.path == "/search" and request.method == "POST":
            asked = json.loads(request.body)
            return self._by_cursor(asked.get("cursor"), start=(asked.get("page") or 1) - 1, query=asked.get("query"))
        if url.path == "/graphql" and request.method == "POST":
            return self._graphql(json.loads(request.body))
        if url.path == "/echo":
            return self._echo(request)
        if url.path == "/flaky":
            with self._lock:
                self._seen[request.body] += 1
                first = self._seen[request.body] == 1
            return (500, {}, b"") if first else self._echo(request)
        return 404, {"Content-Type": "application/json"}, b'{"error": "not found"}'

    @staticmethod
    def _echo(request):
        return _json({"method": request.method, "body": request.body.decode(), "type": request.headers.get("Content-Type"),
                      "token": request.headers.get("X-Token"), "agent": request.headers.get("User-Agent")})

    def _by_url(self, page):
        first = (page - 1) * PAGE_SIZE + 1
        posts = [post(number) for number in range(first, min(first + PAGE_SIZE, RECORDS + 1))]
        more = first + PAGE_SIZE <= RECORDS
        return _json({"posts": posts, "next": f"{self.url}/by-url?page={page + 1}" if more else None})

    @staticmethod
    def _by_cursor(cursor, start=0, query=None):
        # Characters that need encoding in a URL and escaping in JSON.
        first = int(cursor.split("/")[1]) if cursor else start * PAGE_SIZE + 1
        posts = [post(number) for number in range(first, min(first + PAGE_SIZE, RECORDS + 1))]
        more = first + PAGE_SIZE <= RECORDS
        return _json({"posts": posts, "query": query,
                      "meta": {"cursor": f'c"&é /{first + PAGE_SIZE}/ +%\\' if more else ""}})

    @staticmethod
    def _graphql(asked):
        after = asked["variables"].get("after") or 0
        if not isinstance(after, int) or "posts(first: $n, after: $after)" not in asked["query"]:
            return _json({"errors": [{"message": "bad query"}]}, 400)
        size = asked["variables"]["n"]
        numbers = range(after + 1, min(after + size, RECORDS) + 1)
        return _json({"data": {"posts": {"edges": [{"node": {"id": n, "title": post(n)["title"]}} for n in numbers],
                                         "pageInfo": {"hasNextPage": after + size < RECORDS, "endCursor": after + size}}}})


def _json(value, status=200):
    return status, {"Content-Type": "application/json"}, json.dumps(value, ensure_ascii=False).encode()
