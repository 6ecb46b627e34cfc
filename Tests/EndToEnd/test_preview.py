"""POST /v1/jobs/preview: what a job would take, seen on real pages; nothing stored, and no more requests than promised."""

import json
import socket
import socketserver
import subprocess
import threading
import time

import pytest

import databases
import harness
from nginx_site import NginxSite, most_at_once

MANUAL = "/usr/share/gimp/2.0/help/nl"
KINDS = {
    "contents": {"follow": [{"links": "div.toc a", "same_host": True, "as": "page"}]},
    "page": {"each": "p", "fields": {"text": ".", "nothing": "h6.none"}},
}


@pytest.fixture(scope="module")
def manual():
    """The Dutch GIMP manual; a part of it that robots.txt closes; pages that come late."""
    block = f"""
        location = /robots.txt {{ return 200 "User-agent: *\\nDisallow: /closed/\\n"; }}
        location /late/ {{ echo_sleep 20; echo "<p>laat</p>"; }}
        location /soon/ {{ default_type text/html; echo_sleep 0.5; echo "<p>straks</p>"; }}
        location /moved/ {{ return 302 /index.html; }}
        location /file.gif {{ default_type image/gif; root {{root}}; }}
        location /big.html {{ default_type text/html; root {{root}}; }}
        location / {{ root {MANUAL}; }}"""
    with NginxSite(block) as site:
        site.write("file.gif", b"GIF89a" + bytes(200_000))
        site.write("big.html", "<p>" + "lange tekst " * 400_000 + "</p><p>kort</p>")
        yield site


def preview(client, job, status=200):
    answer = client.post("/v1/jobs/preview", job)
    assert answer.status == status, (answer.status, answer.body[:1000])
    assert len(answer.body) <= 1 << 20
    return harness.as_json(answer)


def job(site, path, kinds=None, **more):
    return {"start": [{"url": site.origin + path, "as": next(iter(kinds or KINDS))}], "pages": kinds or KINDS, **more}


def text_kind(css="p"):
    return {"page": {"each": css, "fields": {"text": "."}}}


def test_a_preview_shows_what_a_job_then_stores(client, manual):
    body = job(manual, "/index.html", limits={"max_pages": 30})
    shown = preview(client, body)
    contents, page = shown["pages"]
    assert shown["complete"] is True and shown["unreached"] == []
    assert [(p["page"], p["status"], p["depth"], p["robots"]) for p in shown["pages"]] == [
        ("contents", "fetched", 0, "allowed"), ("page", "fetched", 1, "allowed")]
    assert contents["links"][0]["as"] == "page" and contents["links"][0]["found"] == 684
    assert contents["links"][0]["sample"][0] == page["url"] and len(contents["links"][0]["sample"]) == 5
    job_id = client.submit(body)
    client.finished(job_id)
    stored = [item["data"] for item in client.walk(f"/v1/jobs/{job_id}/results") if item["url"] == page["url"]]
    assert page["items_found"] == len(stored) > 0
    assert page["items"] == stored[:5]
    matched = {s["pointer"]: (s["matched"], s["values"]) for s in page["selectors"]}
    assert matched == {"/pages/page/each": (len(stored), len(stored)), "/pages/page/fields/text": (len(stored),) * 2,
                       "/pages/page/fields/nothing": (0, 0)}
    assert contents["selectors"][0]["pointer"] == "/pages/contents/follow/0/links"
    assert contents["selectors"][0]["matched"] >= 684


def test_two_requests_and_no_rows(binary, manual):
    with databases.Server() as server, databases.service_on(binary, server.url) as service:
        tables = server.sql("select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace "
                            "and relname not like 'replica%' and relname not like 'host%'")
        count = " + ".join(f"(select count(*) from {table})" for table in tables)
        before, asked = server.number(f"select {count}"), len(manual.requests())
        preview(service.client, job(manual, "/index.html"))
        preview(service.client, {"start": 5}, status=422)
        assert server.number(f"select {count}") == before
        assert [r.uri for r in manual.requests()[asked:]][:1] == ["/index.html"]
        assert len(manual.requests()) == asked + 2
        assert harness.as_json(service.client.get("/v1/jobs"))["items"] == []


def test_a_selector_that_matches_the_wrong_element_is_told_from_one_that_matches_nothing(client, manual):
    kinds = {"contents": {"follow": [{"links": "div.toc", "as": "page"}, {"links": "div.tox a", "as": "other"}]},
             "page": {"fields": {"t": "p"}}, "other": {"fields": {"t": "p"}}}
    shown = preview(client, job(manual, "/index.html", kinds))
    wrong, nothing = shown["pages"][0]["selectors"]
    assert wrong["matched"] > 0 and wrong["values"] == 0
    assert (nothing["matched"], nothing["values"]) == (0, 0)
    assert shown["unreached"] == ["page", "other"] and shown["complete"] is False


def test_what_goes_wrong_with_a_page_is_in_its_entry(client, manual):
    closed = harness.free_port()
    kinds = {name: {"fields": {"t": "p"}} for name in ("robots", "gone", "blocked", "refused", "moved", "image")}
    urls = {"robots": manual.origin + "/closed/x.html", "gone": manual.origin + "/nergens.html",
            "blocked": "http://10.255.255.1/x", "refused": f"http://127.0.0.1:{closed}/",
            "moved": manual.origin + "/moved/", "image": manual.origin + "/file.gif"}
    body = {"start": [{"url": url, "as": name} for name, url in urls.items()], "pages": kinds,
            "politeness": {"per_host_concurrency": 4}}
    asked = len(manual.requests())
    shown = preview(client, body)
    pages = {page["page"]: page for page in shown["pages"]}
    said = {name: (page["status"], page["error"], page["http_status"], page["robots"]) for name, page in pages.items()}
    assert said == {
        "robots": ("skipped", "robots", None, "disallowed"), "gone": ("failed", "http_404", 404, "allowed"),
        "blocked": ("failed", "url_blocked", None, "unreachable"),
        "refused": ("failed", "connect_failed", None, "unreachable"),
        "moved": ("fetched", None, 200, "allowed"), "image": ("failed", "not_text", 200, "allowed")}
    assert pages["moved"]["final_url"] == manual.origin + "/index.html"
    assert "10.255" not in json.dumps(pages["blocked"]["detail"])
    assert pages["image"]["content_type"] == "image/gif"
    uris = sorted(r.uri for r in manual.requests()[asked:])
    assert uris == ["/file.gif", "/index.html", "/moved/", "/nergens.html"], "no retry, and nothing that is closed"


def test_a_bad_job_is_told_the_same_as_when_it_is_posted(client):
    bad = {"start": "ftp://a/", "pages": {"p": {"fields": {"t": "h1["}}}, "more": 1}
    shown, posted = preview(client, bad, 422), harness.as_json(client.post("/v1/jobs", bad))
    assert shown["errors"] == posted["errors"] and len(shown["errors"]) == 3
    assert preview(client, "[", 400)["code"] == "invalid_json"
    assert client.post("/v1/jobs/preview", "{}", Content_Type="text/html").status == 415
    assert client.get("/v1/jobs/preview").status in (404, 405)


def test_a_long_page_is_cut_and_says_so(client, manual):
    page = preview(client, job(manual, "/big.html", text_kind()))["pages"][0]
    assert page["cut"] is True and page["items_found"] == 2 and page["bytes"] > 4_000_000
    assert len(page["items"][0]["text"]) == 1001 and page["items"][0]["text"].endswith("…")
    assert page["items"][1] == {"text": "kort"}


def test_a_page_that_is_late_costs_its_own_time_out(client, manual):
    began = time.monotonic()
    page = preview(client, job(manual, "/late/x.html", text_kind(), fetch={"timeout_seconds": 1}))["pages"][0]
    assert (page["status"], page["error"]) == ("failed", "timeout")
    assert time.monotonic() - began < 5


def test_previews_wait_for_their_place_at_the_host(client, manual):
    asked = len(manual.requests())
    body = job(manual, "/soon/x.html", text_kind(), politeness={"per_host_concurrency": 1})
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(harness.Client(client.port).post("/v1/jobs/preview", body)))
               for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [a.status for a in answers] == [200] * 4
    assert all(harness.as_json(a)["pages"][0]["items"] == [{"text": "straks"}] for a in answers)
    assert most_at_once(manual.requests()[asked:]) == 1


def open_preview(port, body):
    """A connection whose preview is under way."""
    text = json.dumps(body).encode()
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(b"POST /v1/jobs/preview HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                       b"Content-Length: %d\r\n\r\n" % len(text) + text)
    return connection


class Holder(socketserver.ThreadingTCPServer):
    """Never answers; notes each request for a page, and when its client has left. robots.txt is not there."""

    allow_reuse_address, daemon_threads = True, True

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            path = self.rfile.readline().split()[1]
            while self.rfile.readline().strip():
                pass
            if path == b"/robots.txt":
                self.wfile.write(b"HTTP/1.1 404 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            self.server.asked.append(path)
            assert self.rfile.read(1) == b""
            self.server.left.append(time.monotonic())

    def __enter__(self):
        self.asked, self.left = [], []
        self.origin = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


def test_who_leaves_ends_the_fetches_and_nobody_has_more_than_his_share(client):
    with Holder(("127.0.0.1", 0), Holder.Handler) as site:
        body = job(site, "/late.html", text_kind(), politeness={"per_host_concurrency": 100})
        held = [open_preview(client.port, body) for _ in range(4)]
        harness.wait_until(lambda: len(site.asked) == 4, 10, "four fetches are under way")
        refused = client.post("/v1/jobs/preview", body)
        assert (refused.status, harness.as_json(refused)["code"]) == (429, "too_many_previews")
        assert int(refused.headers["Retry-After"]) > 0
        for connection in held:
            connection.close()
        began = time.monotonic()
        harness.wait_until(lambda: len(site.left) == 4, 10, "the fetches are cut off")
        assert max(site.left) - began < 5
        preview(client, {"start": "http://10.1.1.1/", "pages": text_kind()})
        assert len(site.asked) == 4, "no request follows"


def test_a_key_that_may_only_read_makes_no_preview(binary, manual, tmp_path):
    key, reader = "correct-horse-battery-staple", "incorrect-horse-battery"
    (tmp_path / "keys").write_text(f"{key}\n{reader} read\n")
    with harness.Service(binary, key=key, key_file=tmp_path / "keys") as service:
        preview(service.client, job(manual, "/index.html"))
        for sender, status in ((harness.Client(service.port, reader), 403), (harness.Client(service.port), 401)):
            assert sender.post("/v1/jobs/preview", job(manual, "/index.html")).status == status


def test_without_its_database_a_preview_is_503(binary, manual):
    with databases.Server() as server, databases.service_on(binary, server.url) as service:
        preview(service.client, job(manual, "/index.html"))
        server.stop()
        refused = harness.wait_until(
            lambda: (lambda a: a.status == 503 and a)(service.client.post("/v1/jobs/preview", job(manual, "/index.html"))),
            30, "503 without a database")
        assert int(refused.headers["Retry-After"]) > 0
        assert harness.as_json(refused)["code"] == "database_unavailable"
        server.start()
        harness.wait_until(
            lambda: service.client.post("/v1/jobs/preview", job(manual, "/index.html")).status == 200, 30, "it is back")


def test_the_line_of_the_readme_works_as_written(service, manual, tmp_path):
    root = harness.HERE.parent.parent
    (tmp_path / "Examples/jobs").mkdir(parents=True)
    text = (root / "Examples/jobs/gimp-help.json").read_text().replace("http://127.0.0.1:8081", manual.origin)
    (tmp_path / "Examples/jobs/gimp-help.json").write_text(text)
    line = next(line for line in (root / "README.md").read_text().splitlines() if "jobs/preview" in line and "curl" in line)
    command = line.strip().replace("localhost:8080", f"127.0.0.1:{service.port}")
    done = subprocess.run(["bash", "-c", "set -o pipefail; " + command], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and '"matched"' in done.stdout, (done.stdout, done.stderr)
