"""robots.txt (RFC 9309) as a site's owner sees it: in the log of a real nginx, and of Python servers for what it cannot do."""

import collections
import http.server
import threading
import time

import pytest

import harness

PAGE = ("text/html", b"<p>tekst</p>")
KINDS = {"page": {"fields": {"text": "p"}}}
SLOW_SECONDS = 20


def robots(*lines):
    return ("text/plain", "\n".join(lines).encode() + b"\n")


def job(origin, paths, **more):
    return {"name": "robots", "start": [origin + path for path in paths], "pages": KINDS,
            "fetch": {"concurrency": 8, "retries": 0, "timeout_seconds": 10}, **more}


def run(client, body):
    """The terminal status and the ledger as `{path: (status, error)}`."""
    job_id = client.submit(body)
    status = client.finished(job_id, 60)
    rows = client.walk(f"/v1/jobs/{job_id}/pages?limit=1000")
    return status, {"/" + row["url"].split("/", 3)[3]: (row["status"], row["error"]) for row in rows}


def asked(site):
    """How often each path was asked for, by nginx's log."""
    lines = (site.directory / "access.log").read_text().splitlines()
    return collections.Counter(line.split('"')[1].split()[1] for line in lines)


FETCHED, SKIPPED = ("fetched", None), ("skipped", "robots")


class Recorder(http.server.BaseHTTPRequestHandler):
    """Answers as its server's `answer(handler, path)` says; notes path, time and user agent of every request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append((self.path, time.monotonic(), self.headers["User-Agent"]))
        status, body, fields = self.server.answer(self.path)
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/plain" if self.path == "/robots.txt" else "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class PythonSite(http.server.ThreadingHTTPServer):
    """Real sockets on loopback; `answer(path)` gives status, body and header fields."""

    daemon_threads = True
    # What the service has read of an origin's robots.txt, it knows for an hour: no port serves two tests.
    ports = set()

    def __init__(self, answer):
        super().__init__(("127.0.0.1", 0), Recorder)
        while self.server_address[1] in self.ports:
            self.server_close()
            super().__init__(("127.0.0.1", 0), Recorder)
        self.ports.add(self.server_address[1])
        self.answer, self.seen = answer, []
        self.origin = f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def count(self, path):
        return sum(1 for seen, _, _ in self.seen if seen == path)


def answering(robots_answers):
    """Pages are 200; robots.txt takes one of the answers after the other, then keeps the last."""
    answers = list(robots_answers)

    def answer(path):
        if path.startswith("/robots.txt"):
            return answers.pop(0) if len(answers) > 1 else answers[0]
        return 200, PAGE[1], {}
    return answer


def test_rules_decide_by_the_longest_match(client):
    rules = robots("User-agent: *", "Disallow: /private/", "Allow: /private/open", "Disallow: /*.pdf$", "Disallow: /a%3cb")
    paths = ["/x", "/private/y", "/private/open/z", "/doc.pdf", "/doc.pdf?x=1", "/a%3Cb", "/a"]
    with harness.PlainSite({"/robots.txt": rules, **{p: PAGE for p in ("/x", "/private/y", "/private/open/z", "/a")},
                            "/doc.pdf": PAGE}) as site:
        status, ledger = run(client, job(site.origin, paths))
        log = asked(site)
    assert ledger == {"/x": FETCHED, "/private/y": SKIPPED, "/private/open/z": FETCHED, "/doc.pdf": SKIPPED,
                      "/doc.pdf?x=1": FETCHED, "/a%3Cb": SKIPPED, "/a": FETCHED}
    assert set(log) == {"/robots.txt", "/x", "/private/open/z", "/doc.pdf?x=1", "/a"}, "nothing forbidden was asked for"
    progress = status["progress"]
    assert (progress["discovered"], progress["fetched"], progress["skipped"], progress["failed"]) == (7, 4, 3, 0)
    assert (progress["queued"], progress["in_flight"]) == (0, 0)
    assert (status["status"], status["outcome"]) == ("completed", "ok")
    [warning] = status["warnings"]
    assert (warning["code"], warning["count"]) == ("robots", 3) and "3 pages" in warning["detail"]
    assert status["failures"] == []


def test_a_job_obeys_the_group_of_its_own_user_agent(client):
    rules = robots("User-agent: goodbot", "User-agent: betterbot", "Disallow: /a", "", "User-agent: *", "Disallow: /b", "",
                   "User-agent: GoodBot", "Disallow: /c")
    pages = {p: PAGE for p in ("/a", "/b", "/c", "/d")}
    expected = {
        "goodbot/2.0 (+http://h/)": {"/a", "/c"}, "BetterBot": {"/a"}, "otherbot/1": {"/b"}, None: {"/b"},
        "Mozilla/5.0 (compatible; GoodBot/1; +http://h/)": {"/a", "/c"},
    }
    with harness.PlainSite({"/robots.txt": rules, **pages}) as site:
        for agent, forbidden in expected.items():
            body = job(site.origin, list(pages))
            if agent:
                body["fetch"]["user_agent"] = agent
            _, ledger = run(client, body)
            assert {p for p, row in ledger.items() if row == SKIPPED} == forbidden, agent
        assert asked(site)["/robots.txt"] == 1, "one file serves every job of the process"


def test_a_link_that_is_forbidden_is_in_the_ledger_and_was_not_asked_for(client):
    links = b"<a href=/yes>1</a><a href=/no>2</a>"
    kinds = {"list": {"follow": [{"links": "a", "as": "page"}]}, **KINDS}
    with harness.PlainSite({"/robots.txt": robots("User-agent: *", "Disallow: /no"), "/list": ("text/html", links),
                            "/yes": PAGE, "/no": PAGE}) as site:
        body = job(site.origin, [])
        body |= {"start": [{"url": site.origin + "/list", "as": "list"}], "pages": kinds}
        _, ledger = run(client, body)
        assert asked(site)["/no"] == 0
    assert ledger == {"/list": FETCHED, "/yes": FETCHED, "/no": SKIPPED}


def test_one_request_serves_two_hundred_pages_and_the_next_job(client):
    paths = [f"/p{n}" for n in range(200)]
    with harness.PlainSite({"/robots.txt": robots("User-agent: *", "Disallow: /p1"), "/p2": PAGE}) as site:
        first, ledger = run(client, job(site.origin, paths))
        second, _ = run(client, job(site.origin, paths))
        log = asked(site)
    forbidden = {p for p in paths if p.startswith("/p1")}
    assert {p for p, row in ledger.items() if row == SKIPPED} == forbidden and len(forbidden) == 111
    for status in (first, second):
        assert status["warnings"][0]["count"] == 111 and status["progress"]["skipped"] == 111
    assert log["/robots.txt"] == 1
    assert all(log[p] == 0 for p in forbidden)


def test_a_job_may_leave_robots_aside(client):
    with harness.PlainSite({"/robots.txt": robots("User-agent: *", "Disallow: /"), "/x": PAGE}) as site:
        status, ledger = run(client, job(site.origin, ["/x"], politeness={"robots": False}))
        assert asked(site)["/robots.txt"] == 0
        assert (ledger, status["warnings"]) == ({"/x": FETCHED}, [])
        _, ledger = run(client, job(site.origin, ["/x"], politeness={"robots": True}))
        assert ledger == {"/x": SKIPPED}


@pytest.mark.parametrize("status", [204, 401, 403, 404, 410, 451])
def test_a_file_that_is_not_there_forbids_nothing(client, status):
    with PythonSite(answering([(status, b"", {})])) as site:
        _, ledger = run(client, job(site.origin, ["/x"]))
    assert ledger == {"/x": FETCHED}


def test_an_html_page_in_its_place_forbids_nothing(client):
    with harness.PlainSite({"/robots.txt": ("text/html", b"<!doctype html><p>User-agent: *<p>Disallow: /"), "/x": PAGE}) as site:
        assert run(client, job(site.origin, ["/x"]))[1] == {"/x": FETCHED}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_forbids_everything(client, status):
    with PythonSite(answering([(status, b"", {})])) as site:
        answer, ledger = run(client, job(site.origin, ["/x", "/y"]))
        assert (site.count("/robots.txt"), site.count("/x"), site.count("/y")) == (1, 0, 0)
    assert ledger == {"/x": SKIPPED, "/y": SKIPPED}
    assert answer["warnings"][0]["count"] == 2


def test_a_server_that_recovers_is_fetched_from(client):
    """The pages wait as they would for their own server; rules that come late are obeyed."""
    rules = b"User-agent: *\nDisallow: /no\n"
    with PythonSite(answering([(503, b"", {}), (200, rules, {})])) as site:
        body = job(site.origin, ["/yes", "/no"])
        body["fetch"]["retries"] = 2
        status, ledger = run(client, body)
        assert site.count("/robots.txt") == 2
        first, second = (moment for path, moment, _ in site.seen if path == "/robots.txt")
        assert second - first >= 4.5, "a server in trouble is left alone for a while"
    assert ledger == {"/yes": FETCHED, "/no": SKIPPED}
    assert status["progress"]["retries"] == 2


def test_retry_after_of_robots_is_obeyed(client):
    with PythonSite(answering([(503, b"", {"Retry-After": "7"}), (404, b"", {})])) as site:
        body = job(site.origin, ["/x"])
        body["fetch"]["retries"] = 1
        _, ledger = run(client, body)
        moments = [moment for _, moment, _ in site.seen]
    assert ledger == {"/x": FETCHED} and moments[1] - moments[0] >= 6.9


def test_a_server_that_does_not_answer_forbids_everything(client):
    def answer(path):
        if path == "/robots.txt":
            time.sleep(SLOW_SECONDS)
        return 200, PAGE[1], {}
    with PythonSite(answer) as site:
        body = job(site.origin, ["/x"])
        body["fetch"]["timeout_seconds"] = 1
        _, ledger = run(client, body)
        assert site.count("/x") == 0
    assert ledger == {"/x": SKIPPED}


def test_a_dead_host_reads_as_dead(client):
    port = harness.free_port()
    with harness.PlainSite({}) as site:
        body = job(f"http://127.0.0.1:{port}", ["/x"])
        body["start"] += ["http://no-such-host.invalid/x", "http://10.255.255.1/x", site.origin + "/x"]
        status, _ = run(client, body)
    assert {f["code"]: f["count"] for f in status["failures"]} == {
        "connect_failed": 1, "dns_failed": 1, "url_blocked": 1, "http_404": 1}
    assert status["warnings"] == []


@pytest.mark.parametrize("redirects,expected", [(5, SKIPPED), (6, FETCHED)])
def test_five_redirects_are_followed_and_six_are_no_file(client, redirects, expected):
    def answer(path):
        if not path.startswith("/robots.txt"):
            return 200, PAGE[1], {}
        hop = int(path.partition("?")[2] or 0)
        if hop == redirects:
            return 200, b"User-agent: *\nDisallow: /\n", {}
        return 302, b"", {"Location": f"/robots.txt?{hop + 1}"}
    with PythonSite(answer) as site:
        assert run(client, job(site.origin, ["/x"]))[1] == {"/x": expected}
        assert len([p for p, _, _ in site.seen if p.startswith("/robots.txt")]) == 6


def test_of_a_long_file_512_kib_are_obeyed(client):
    """600 KiB: a rule at 510 KiB counts, one at 590 KiB does not, and the line that is cut forbids nothing."""
    head = b"User-agent: *\nDisallow: /first\n"
    rules = head + b"#" * (510 * 1024 - len(head) - 1) + b"\nDisallow: /within\n"
    cut = b"Disallow: /beyond-the-limit-" + b"x" * 4000 + b"\n"
    rules += b"#" * (512 * 1024 - len(rules) - 12) + b"\n" + cut
    rules += b"#" * (590 * 1024 - len(rules) - 1) + b"\nDisallow: /last\n" + b"#" * (10 * 1024)
    assert len(rules) > 600 * 1024 - 100
    paths = ["/first", "/within", "/beyond-the-limit-", "/last", "/x"]
    with harness.PlainSite({"/robots.txt": ("text/plain", rules), **{p: PAGE for p in paths}}) as site:
        _, ledger = run(client, job(site.origin, paths))
    assert ledger == {"/first": SKIPPED, "/within": SKIPPED, "/beyond-the-limit-": FETCHED, "/last": FETCHED, "/x": FETCHED}


def test_the_request_for_robots_carries_the_jobs_user_agent(client):
    with PythonSite(answering([(404, b"", {})])) as site:
        body = job(site.origin, ["/x"])
        body["fetch"] |= {"user_agent": "mijnbot/1", "headers": {"Authorization": "Bearer geheim"}}
        run(client, body)
        assert [(path, agent) for path, _, agent in site.seen] == [("/robots.txt", "mijnbot/1"), ("/x", "mijnbot/1")]


def test_crawl_delay_keeps_fetches_apart(client):
    rules = (200, b"User-agent: *\nCrawl-delay: 0.4\n", {})
    paths = [f"/{n}" for n in range(6)]
    with PythonSite(answering([rules])) as site:
        status, ledger = run(client, job(site.origin, paths))
        moments = sorted(moment for path, moment, _ in site.seen if path != "/robots.txt")
    assert set(ledger.values()) == {FETCHED} and status["outcome"] == "ok"
    # Seen from the site, where a request may come in late: then the next one follows it sooner.
    gaps = [later - earlier for earlier, later in zip(moments, moments[1:])]
    assert sum(gaps) >= 5 * 0.4 - 0.3 and min(gaps) >= 0.1, gaps


def test_a_job_that_is_cancelled_while_robots_is_fetched_ends_at_once(client):
    def answer(path):
        time.sleep(SLOW_SECONDS if path == "/robots.txt" else 0)
        return 200, PAGE[1], {}
    with PythonSite(answer) as site:
        job_id = client.submit(job(site.origin, ["/x"]))
        harness.wait_until(lambda: site.count("/robots.txt"), 10, "robots.txt is asked for")
        client.post(f"/v1/jobs/{job_id}/cancel")
        assert client.finished(job_id, 5)["status"] == "cancelled"
        assert site.count("/x") == 0


def test_a_hostile_file_does_not_stop_the_service(client):
    """As many stars as fit, and a URL made to match them almost: the status still answers at once."""
    rules = b"User-agent: *\n" + b"".join(b"Disallow: /*%d*a*a*a*a*b$\n" % n for n in range(18_000))
    assert len(rules) <= 512 * 1024
    path = "/" + "1a" * 900
    paths = [path + str(n) for n in range(20)]
    with harness.PlainSite({"/robots.txt": ("text/plain", rules)}) as site:
        job_id = client.submit(job(site.origin, paths))
        slowest = 0
        while True:
            began = time.monotonic()
            status = client.status(job_id)
            slowest = max(slowest, time.monotonic() - began)
            if status["terminal"]:
                break
        assert status["failures"] == [{"code": "http_404", "count": 20}]
    assert slowest < 1, slowest
