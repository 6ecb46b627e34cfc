"""Whatever a client sends gets a clear 4xx with a pointer, and the service lives on."""

import json
import socket

import pytest

import harness

TEN_MEGABYTES = 10 * 1024 * 1024
GOOD = {
    "name": "good",
    "start": [{"url": "http://127.0.0.1:1/z?page={page}", "variables": {"page": {"from": 1, "to": 3}}, "as": "listing"}],
    "pages": {
        "listing": {"follow": [{"links": "article::attr(data-url)", "as": "advert"}]},
        "advert": {"each": "div#d", "fields": {"text": "."}},
    },
    "fetch": {"retries": 0},
}
REMOVED = object()


def changed(path, value):
    """`GOOD` with the member at the JSON pointer replaced, added or removed."""
    job = json.loads(json.dumps(GOOD))
    at = job
    *parents, last = path.strip("/").split("/")
    for key in parents:
        at = at[int(key)] if isinstance(at, list) else at[key]
    last = int(last) if isinstance(at, list) else last
    if value is REMOVED:
        del at[last]
    else:
        at[last] = value
    return job


# (what is wrong, where, with what, the pointer the answer must name or None where several would do)
INVALID = [
    ("a name that is a number", "/name", 7, "/name"),
    ("a name with NUL", "/name", "a\0b", "/name"),
    ("a name that is too long", "/name", "x" * 100_000, "/name"),
    ("an unknown field", "/nmae", "x", "/nmae"),
    ("an unknown field inside", "/fetch/retires", 2, "/fetch/retires"),
    ("an unknown field of a page kind", "/pages/advert/fiels", {}, "/pages/advert/fiels"),
    ("no start", "/start", REMOVED, None),
    ("an empty start", "/start", [], "/start"),
    ("a start that is a number", "/start", 3, "/start"),
    ("no pages", "/pages", REMOVED, None),
    ("empty pages", "/pages", {}, "/pages"),
    ("pages that are a list", "/pages", [], "/pages"),
    ("a URL that is none", "/start/0/url", "http://[half", "/start/0/url"),
    ("a relative URL", "/start/0/url", "/z?page={page}", "/start/0/url"),
    ("a scheme we do not speak", "/start/0/url", "ftp://example.org/{page}", "/start/0/url"),
    ("a URL with NUL", "/start/0/url", "http://127.0.0.1:1/\0{page}", "/start/0/url"),
    ("a port beyond 65535", "/start/0/url", "http://127.0.0.1:99999/{page}", "/start/0/url"),
    ("an unknown variable", "/start/0/url", "http://127.0.0.1:1/{pgae}", "/start/0/url"),
    ("a range of 10^12 values", "/start/0/variables/page/to", 10**12, None),
    ("a number beyond 64 bits", "/start/0/variables/page/to", 10**30, None),
    ("a range with step 0", "/start/0/variables/page/step", 0, None),
    ("an unknown page kind to start with", "/start/0/as", "nobody", "/start/0/as"),
    ("an unknown page kind to follow", "/pages/listing/follow/0/as", "nobody", "/pages/listing/follow/0/as"),
    ("a CSS selector that does not parse", "/pages/advert/each", "div[", "/pages/advert/each"),
    ("an XPath that does not parse", "/pages/advert/each", "//div[", "/pages/advert/each"),
    ("an XPath with an unknown function", "/pages/advert/each", "//div[nobody(.)]", "/pages/advert/each"),
    ("an empty selector", "/pages/advert/each", "", "/pages/advert/each"),
    ("a field selector that does not parse", "/pages/advert/fields/text", "p:nobody(", "/pages/advert/fields/text"),
    ("a selector that is a number", "/pages/advert/fields/text", 3, "/pages/advert/fields/text"),
    ("links that do not parse", "/pages/listing/follow/0/links", "a::attr(", "/pages/listing/follow/0/links"),
    ("a regular expression that does not parse", "/pages/listing/follow/0/allow", "(", "/pages/listing/follow/0/allow"),
    ("concurrency 0", "/fetch/concurrency", 0, "/fetch/concurrency"),
    ("concurrency 1001", "/fetch/concurrency", 1001, "/fetch/concurrency"),
    ("concurrency as text", "/fetch/concurrency", "64", "/fetch/concurrency"),
    ("a fraction of a retry", "/fetch/retries", 1.5, "/fetch/retries"),
    ("a negative time-out", "/fetch/timeout_seconds", -1, "/fetch/timeout_seconds"),
    ("a header with a line break", "/fetch/headers", {"X-A": "a\r\nX-B: b"}, None),
    ("max_pages 0", "/limits", {"max_pages": 0}, "/limits/max_pages"),
    ("an unknown on_failure", "/on_failure", "explode", "/on_failure"),
    ("null for an object", "/fetch", None, "/fetch"),
]
# A kind reads its pages either as markup or as JSON.
MIXED = [
    ("JSONPath", "/pages/advert/fields/text", "$.title", "/pages/advert/fields/text"),
    ("JSONPath as an object", "/pages/advert/fields/text", {"json": "$.title"}, None),
]


def assert_problem(answer, status):
    assert answer.status == status, (answer.status, answer.body[:500])
    assert answer.headers.get_content_type() == "application/problem+json"
    problem = harness.as_json(answer)
    assert problem["status"] == status and problem["title"] and problem["code"] and problem["request_id"]
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    return problem


@pytest.mark.parametrize("path,value,pointer", [c[1:] for c in INVALID + MIXED], ids=[c[0] for c in INVALID + MIXED])
def test_is_refused_with_its_pointer(client, path, value, pointer):
    problem = assert_problem(client.post("/v1/jobs", changed(path, value)), 422)
    pointers = [error["pointer"] for error in problem["errors"]]
    assert pointers and all(error["detail"] for error in problem["errors"])
    if pointer:
        assert any(p == pointer or p.startswith(pointer + "/") for p in pointers), pointers


def test_every_mistake_is_named_at_once(client):
    job = changed("/pages/advert/each", "div[")
    job["fetch"]["concurrency"] = 0
    problem = assert_problem(client.post("/v1/jobs", job), 422)
    assert {"/pages/advert/each", "/fetch/concurrency"} <= {error["pointer"] for error in problem["errors"]}


@pytest.mark.parametrize("body", [
    b"", b"{", b"nonsense", b'{"name": "x",}', b"\xff\xfe{}", b'{"name": "\xc3\x28"}', b'{"a": 1} {"b": 2}',
    b'{"name": NaN}', b"[" * 100_000, b'{"a":' * 100_000, b'{"name": "a\0b"}', b"\0",
], ids=["empty", "cut", "a word", "comma", "UTF-16 mark", "bad UTF-8", "two values", "NaN", "deep arrays", "deep objects",
        "raw NUL in a string", "NUL"])
def test_what_is_not_json_is_400(client, body):
    answer = client.request("POST", "/v1/jobs", body, {"Content-Type": "application/json"})
    assert_problem(answer, 400)


@pytest.mark.parametrize("body", [b"[]", b"null", b"7", b'"job"', b"{}"])
def test_json_that_is_no_job_is_422(client, body):
    assert_problem(client.request("POST", "/v1/jobs", body, {"Content-Type": "application/json"}), 422)


@pytest.mark.parametrize("name", [r"a\u0000b", r"\ud800", r"\udc00x", r"\ud800\ud800"])
def test_nul_and_lone_surrogates_in_a_name_are_refused_or_made_clean(client, name):
    body = json.dumps({**GOOD, "name": "NAME"}).replace("NAME", name)
    answer = client.request("POST", "/v1/jobs", body, {"Content-Type": "application/json"})
    assert answer.status in (202, 400, 422), answer
    if answer.status == 202:
        stored = client.status(harness.as_json(answer)["id"])["name"]
        stored.encode("utf-8")
        assert "\0" not in stored


def test_a_body_of_ten_megabytes_is_413(client):
    body = json.dumps({**GOOD, "name": "x" * TEN_MEGABYTES}).encode()
    with socket.create_connection(("127.0.0.1", client.port), timeout=30) as connection:
        connection.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                           b"Content-Length: %d\r\n\r\n" % len(body))
        try:
            connection.sendall(body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # answered and closed before all of it was sent
        status_line = connection.recv(100)
    assert status_line.startswith(b"HTTP/1.1 413"), status_line


def test_another_content_type_is_415(client):
    assert_problem(client.request("POST", "/v1/jobs", b"<job/>", {"Content-Type": "text/xml"}), 415)


def test_a_wrong_method_is_405_and_says_what_is_allowed(client):
    answer = client.request("PUT", "/v1/jobs", b"{}", {"Content-Type": "application/json"})
    assert_problem(answer, 405)
    assert "POST" in answer.headers["Allow"] and "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("path", [
    "/v1/jobs/nobody", "/v1/jobs/00000000-0000-7000-8000-000000000000", "/v1/jobs/%00", "/v1/jobs/../../etc/passwd",
    "/v1/nothing", "/v1/jobs/00000000-0000-7000-8000-000000000000/results", "/v1/jobs/%ff%fe"])
def test_an_unknown_resource_is_a_404(client, path):
    assert client.get(path).status in (400, 404)


def test_an_unknown_job_is_a_problem_with_a_code(client):
    problem = assert_problem(client.get("/v1/jobs/00000000-0000-7000-8000-000000000000"), 404)
    assert problem["code"] == "job_not_found"


@pytest.mark.parametrize("query", ["limit=0", "limit=10001", "language=xx", "tokenizer=other", "min_count=0", "min_count=x",
                                   "format=pdf", "field=nobody"])
def test_bad_word_count_parameters_are_client_errors(client, small_site, query):
    job_id = client.submit(harness.job_of(small_site, limits={"max_pages": 3}))
    client.finished(job_id)
    assert 400 <= client.get(f"/v1/jobs/{job_id}/word-counts?{query}").status < 500


@pytest.mark.parametrize("garbage", [
    b"\0\0\0\0\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 200_000 + b"\r\n\r\n"])
def test_garbage_on_the_wire_gets_a_4xx_or_a_closed_connection(client, garbage):
    with socket.create_connection(("127.0.0.1", client.port), timeout=30) as connection:
        try:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(64)
        except ConnectionResetError:
            answer = b""
    assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4", b"HTTP/1.1 505")), answer


def test_the_good_job_is_accepted(client):
    answer = client.post("/v1/jobs", GOOD)
    assert answer.status == 202
    assert answer.headers["Location"] == f"/v1/jobs/{harness.as_json(answer)['id']}"
    client.finished(harness.as_json(answer)["id"], 30)
