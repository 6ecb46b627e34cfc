"""`fetch.conditional`: a second run asks only for what has changed since the first (RFC 9110 §13)."""

import collections
import socketserver
import threading

import pytest

import harness
from crawl_site import Directory

PAGES = 40


@pytest.fixture()
def site():
    """A start page that leads to lists, which lead to pages; every file has nginx's ETag and Last-Modified."""
    with Directory() as site:
        site.write("index.html", "".join(f'<a href="/list/{n}.html">' for n in range(4)) + "<title>index</title>")
        for n in range(4):
            links = "".join(f'<a href="/page/{i}.html?from=list">' for i in range(n, PAGES, 4))
            site.write(f"list/{n}.html", f"<title>list {n}</title>{links}")
        for i in range(PAGES):
            site.write(f"page/{i}.html", f"<title>page {i}</title>")
        yield site


def job(site, **fetch):
    follow = {"links": "a", "as": "page"}
    return {"start": site.origin + "/", "pages": {"page": {"follow": [follow], "fields": {"title": "title"}}},
            "fetch": {"conditional": True, **fetch}}


def run(client, site, wanted):
    """`{path: ledger row}`, the items' titles by path, `{path: statuses nginx answered}`, and the job's status."""
    site.forget()
    status = client.finished(client.submit(wanted))
    return (*read(client, site, status["id"]), status)


def read(client, site, job_id):
    ledger = {row["url"].removeprefix(site.origin): row for row in client.walk(f"/v1/jobs/{job_id}/pages?limit=1000")}
    items = list(client.walk(f"/v1/jobs/{job_id}/results?limit=1000"))
    titles = {item["url"].removeprefix(site.origin): item["data"]["title"] for item in items}
    assert len(titles) == len(items)
    answers = collections.defaultdict(list)
    for line in site.log():
        answers[line.uri].append(line.status)
    return ledger, titles, dict(answers)


def test_a_second_run_takes_only_what_has_changed(client, site):
    ledger, titles, answers, status = run(client, site, job(site))
    assert len(titles) == PAGES + 5 and set(map(tuple, answers.values())) == {(200,)}
    assert {(row["status"], row["error"], row["http_status"]) for row in ledger.values()} == {("fetched", None, 200)}

    site.write("page/7.html", "<title>page 7, new</title>", age=500)
    site.write("list/1.html", '<title>list 1, new</title><a href="/page/1.html?from=list"><a href="/page/new.html">', age=500)
    site.write("page/new.html", "<title>new</title>")
    again, fresh, answers, status = run(client, site, job(site))
    gone = {f"/page/{i}.html?from=list" for i in range(5, PAGES, 4)}
    assert set(again) == set(ledger) - gone | {"/page/new.html"}, "links of unchanged pages are followed as before"
    assert fresh == {"/list/1.html": "list 1, new", "/page/new.html": "new", "/page/7.html?from=list": "page 7, new"}
    for path, row in again.items():
        code = 200 if path in fresh else 304
        assert answers[path] == [code] and row["http_status"] == code and row["status"] == "fetched", row
        assert row["error"] == (None if code == 200 else "not_modified")
    assert status["progress"]["fetched"] == len(again) and status["failures"] == []
    assert (status["status"], status["outcome"], status["progress"]["items"]) == ("completed", "ok", len(fresh))
    coded = {row["url"].removeprefix(site.origin) for row in client.walk(f"/v1/jobs/{status['id']}/pages?code=not_modified&limit=7")}
    assert coded == {path for path in again if path not in fresh}


def test_only_jobs_that_ask_for_it_are_asked_and_remembered(client, site):
    for _ in range(2):
        _, titles, answers, _ = run(client, site, job(site, conditional=False))
        assert len(titles) == PAGES + 5 and set(map(tuple, answers.values())) == {(200,)}
    run(client, site, job(site))
    _, titles, answers, _ = run(client, site, job(site, conditional=False))
    assert len(titles) == PAGES + 5 and set(map(tuple, answers.values())) == {(200,)}


@pytest.mark.parametrize("change", ["fields", "headers"])
def test_another_definition_of_the_page_takes_everything(client, site, change):
    run(client, site, job(site))
    wanted = job(site)
    if change == "fields":
        wanted["pages"]["page"]["fields"]["text"] = "body"
    else:
        wanted["fetch"]["headers"] = {"Accept-Language": "nl"}
    _, titles, answers, _ = run(client, site, wanted)
    assert len(titles) == PAGES + 5 and set(map(tuple, answers.values())) == {(200,)}


def test_what_is_remembered_goes_with_the_job_that_has_the_items(client, site):
    _, _, _, first = run(client, site, job(site))
    _, titles, _, second = run(client, site, job(site))
    assert titles == {} and second["outcome"] == "empty"
    assert client.delete(second["links"]["self"]).status == 204
    _, titles, _, _ = run(client, site, job(site))
    assert titles == {}
    assert client.delete(first["links"]["self"]).status == 204
    _, titles, answers, _ = run(client, site, job(site))
    assert len(titles) == PAGES + 5 and set(map(tuple, answers.values())) == {(200,)}


def test_two_keys_do_not_share_what_they_know(binary, site, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("the-first-key-0001\nthe-second-key-002\n")
    tmp_path.chmod(0o755)
    with harness.Service(binary, key="the-first-key-0001", key_file=keys) as service:
        run(service.client, site, job(site))
        _, titles, _, _ = run(service.client, site, job(site))
        assert titles == {}
        other = harness.Client(service.port, "the-second-key-002")
        _, titles, answers, _ = run(other, site, job(site))
        assert len(titles) == PAGES + 5 and set(map(tuple, answers.values())) == {(200,)}


def test_a_second_run_that_is_killed_goes_on(binary):
    locations = "location /page/ { echo_sleep 0.1; echo_exec @files; } location @files { }"
    service = harness.Service(binary)
    try:
        with Directory(locations=locations) as site:
            site.write("index.html", "<title>index</title>" + "".join(f'<a href="/list/{n}.html">' for n in range(10)))
            for n in range(10):
                site.write(f"list/{n}.html", f"<title>list {n}</title>"
                           + "".join(f'<a href="/page/{i}.html">' for i in range(n * 10, n * 10 + 10)))
            for i in range(100):
                site.write(f"page/{i}.html", f"<title>page {i}</title>")
            service.start()
            # The first run is killed too: what it remembers and its items were written together.
            first = _run_killed(service, job(site, concurrency=4), (5, 50))
            assert len(first) == 111
            for i in range(0, 100, 10):
                site.write(f"page/{i}.html", f"<title>page {i}, new</title>", age=100)
            second = _run_killed(service, job(site, concurrency=4), (5, 30, 70))
            assert sorted(second) == sorted(f"page {i}, new" for i in range(0, 100, 10))
            assert service.stop() == 0
    finally:
        service.close()


def _run_killed(service, wanted, kills):
    job_id = service.client.submit(wanted)
    for fetched in kills:
        harness.wait_until(lambda: service.client.status(job_id)["progress"]["fetched"] >= fetched, 60, "it goes on")
        service.kill()
        service.start()
    status = service.client.finished(job_id, 120)
    assert status["progress"]["fetched"] == status["progress"]["discovered"] == 111, status
    return [item["data"]["title"] for item in service.client.walk(f"/v1/jobs/{job_id}/results?limit=1000")]


def test_a_file_that_has_not_changed_is_not_saved_again(client):
    with Directory() as site:
        site.write("index.html", '<a href="/a.bin"><a href="/b.bin">')
        for name in "ab":
            site.write(f"{name}.bin", name.encode() * 300_000)
        wanted = {"start": [{"url": site.origin + "/", "as": "index"}], "fetch": {"conditional": True},
                  "pages": {"index": {"follow": [{"links": "a", "as": "file"}]}, "file": {"save": True}}}
        _, _, _, status = run(client, site, wanted)
        assert status["progress"]["files"] == 2
        site.write("b.bin", b"c" * 300_000, age=100)
        ledger, _, answers, status = run(client, site, wanted)
        assert {path: row["error"] for path, row in ledger.items()} == {"/": "not_modified", "/a.bin": "not_modified", "/b.bin": None}
        assert answers == {"/": [304], "/a.bin": [304], "/b.bin": [200]}
        assert status["progress"]["files"] == 1 and status["outcome"] == "ok"


class Tagged(socketserver.StreamRequestHandler):
    """Answers with the tag of `server.tags[path]` and notes the conditions it was asked; `/always` answers 304 to all."""

    def handle(self):
        while request := self.rfile.readline().decode("latin-1").split():
            fields = {}
            while line := self.rfile.readline().decode("latin-1").strip():
                name, _, value = line.partition(":")
                fields[name.lower()] = value.strip()
            path = request[1]
            self.server.asked.append((path, fields.get("if-none-match"), fields.get("if-modified-since")))
            self.wfile.write(self.answer(path, fields).encode("latin-1"))

    def answer(self, path, fields):
        if path in self.server.moved:
            return f"HTTP/1.1 302 Found\r\nLocation: {self.server.moved[path]}\r\nContent-Length: 0\r\n\r\n"
        tag = self.server.tags.get(path)
        if path == "/always" or tag and fields.get("if-none-match") == tag:
            return f"HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\n\r\n"
        body = f"<title>{path}</title>" if path != "/robots.txt" else ""
        lines = f"ETag: {tag}\r\n" if tag else ""
        if path == "/dated":
            lines = "Last-Modified: Sat, 01 Aug 2026 10:00:00 GMT\r\n"
            if fields.get("if-modified-since") == "Sat, 01 Aug 2026 10:00:00 GMT":
                return f"HTTP/1.1 304 Not Modified\r\n{lines}\r\n"
        return f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n{lines}Content-Length: {len(body)}\r\n\r\n{body}"


@pytest.fixture()
def tagged():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Tagged, bind_and_activate=False) as server:
        server.allow_reuse_address = server.daemon_threads = True
        server.server_bind()
        server.server_activate()
        server.tags, server.moved, server.asked = {}, {}, []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.origin = f"http://127.0.0.1:{server.server_address[1]}"
        yield server
        server.shutdown()


def run_paths(client, server, paths, **fetch):
    server.asked.clear()
    status = client.finished(client.submit({
        "start": [server.origin + path for path in paths], "politeness": {"robots": False},
        "pages": {"page": {"fields": {"title": "title"}}}, "fetch": {"conditional": True, "retries": 0, **fetch}}))
    rows = client.walk(f"{status['links']['pages']}?limit=1000")
    return {row["url"].removeprefix(server.origin): (row["http_status"], row["error"]) for row in rows}


@pytest.mark.parametrize("tag", ['"strong"', 'W/"weak"', '"with, comma"', "unquoted"])
def test_tags_are_sent_back_as_they_came(client, tagged, tag):
    tagged.tags["/a"] = tag
    assert run_paths(client, tagged, ["/a"]) == {"/a": (200, None)}
    assert tagged.asked == [("/a", None, None)]
    assert run_paths(client, tagged, ["/a"]) == {"/a": (304, "not_modified")}
    assert tagged.asked == [("/a", tag, None)]


def test_dates_are_sent_back_as_they_came(client, tagged):
    assert run_paths(client, tagged, ["/dated"]) == {"/dated": (200, None)}
    assert run_paths(client, tagged, ["/dated"]) == {"/dated": (304, "not_modified")}
    assert tagged.asked == [("/dated", None, "Sat, 01 Aug 2026 10:00:00 GMT")]


def test_a_304_that_nobody_asked_for_is_a_failure(client, tagged):
    assert run_paths(client, tagged, ["/always", "/b"]) == {"/always": (304, "http_304"), "/b": (200, None)}
    assert run_paths(client, tagged, ["/always", "/b"], conditional=False) == {"/always": (304, "http_304"), "/b": (200, None)}


def test_a_redirect_is_not_asked_about_another_page(client, tagged):
    """`/latest` leads to one version and later to another, which by chance has the same tag."""
    tagged.tags = {"/v1": '"1"', "/v2": '"1"'}
    tagged.moved["/latest"] = "/v1"
    assert run_paths(client, tagged, ["/latest"]) == {"/latest": (200, None)}
    tagged.moved["/latest"] = "/v2"
    assert run_paths(client, tagged, ["/latest"]) == {"/latest": (200, None)}
    assert all(tag is None for _, tag, _ in tagged.asked)
    # And a page that begins to redirect takes nothing of its own along.
    assert run_paths(client, tagged, ["/v1"]) == {"/v1": (200, None)}
    tagged.moved["/v1"] = "/v2"
    assert run_paths(client, tagged, ["/v1"]) == {"/v1": (200, None)}
    assert tagged.asked == [("/v1", '"1"', None), ("/v2", None, None)]


def test_the_client_sets_no_conditions_beside_ours(client):
    wanted = {"start": "http://h/", "pages": {"p": {"fields": {"t": "title"}}},
              "fetch": {"conditional": True, "headers": {"If-None-Match": '"x"'}}}
    answer = client.post("/v1/jobs", wanted)
    assert answer.status == 422
    assert [e["pointer"] for e in harness.as_json(answer)["errors"]] == ["/fetch/headers/If-None-Match"]
