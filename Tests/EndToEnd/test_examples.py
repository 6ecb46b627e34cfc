"""Every job of Examples/jobs, run against local servers: the origins in its text are mapped, nothing else is changed.

This file has the failure policies; test_example_kinds.py the other sorts of job.
"""

import json
import pathlib
import socketserver
import threading
import time

import pytest

import databases
import harness
import test_metrics
from nginx_site import NginxSite, most_at_once

JOBS = harness.HERE.parent.parent / "Examples/jobs"
MARKTPLAATS = "http://www.marktplaats.nl"


def example(name, origins):
    """The example's text with each origin replaced by a local one; every one must occur."""
    text = (JOBS / f"{name}.json").read_text()
    for public, local in origins.items():
        assert public in text, (name, public)
        text = text.replace(public, local)
    return text


def submit(client, name, origins):
    answer = client.post("/v1/jobs", example(name, origins), Content_Type="application/json")
    assert answer.status == 202, answer.body
    return harness.as_json(answer)["id"]


def ledger(client, job_id):
    """`{url: row}`"""
    return {row["url"]: row for row in client.walk(f"/v1/jobs/{job_id}/pages?limit=1000")}


def items(client, job_id):
    return list(client.walk(f"/v1/jobs/{job_id}/results?limit=1000"))


def log_of(service):
    """The service's log, a dictionary a line."""
    return [json.loads(line) for line in service.log_path.read_text().splitlines() if line.startswith("{")]


class Cutter(socketserver.ThreadingTCPServer):
    """Answers every page with less than it promises; robots.txt is not there."""

    allow_reuse_address, daemon_threads = True, True

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            path = self.rfile.readline().split()[1]
            while self.rfile.readline().strip():
                pass
            head = b"HTTP/1.1 404 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            if path != b"/robots.txt":
                head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 999\r\n\r\n<title>half"
            self.wfile.write(head)

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


# MARK: FIRST_COMPLETED


@pytest.fixture(scope="module")
def mirrors():
    """Six mirrors of a page: two answer after half a second and after ten, one is far too late, three are broken."""
    def page(seconds):
        return NginxSite(f'location /debian/ {{ default_type text/html; echo_sleep {seconds}; '
                         f'echo "<title>after {seconds}</title><p>x</p>"; }}', sees_leaving=True)
    with page(0.5) as soon, page(10) as slow, page(60) as late, \
            NginxSite("location /debian/ { return 500; }") as broken, Cutter(("127.0.0.1", 0), Cutter.Handler) as cutter:
        origins = [late.origin, slow.origin, soon.origin, broken.origin, f"http://127.0.0.1:{harness.free_port()}",
                   f"http://127.0.0.1:{cutter.server_address[1]}"]
        names = ["deb", "ftp.nl", "ftp.de", "ftp.fr", "ftp.uk", "ftp.us"]
        yield {f"http://{name}.debian.org": origin for name, origin in zip(names, origins)}, soon, slow, late


def test_first_completed_takes_the_first_good_answer_and_cancels_the_others(client, mirrors):
    origins, soon, slow, late = mirrors
    began = time.time()
    job_id = submit(client, "first-completed", origins)
    status = client.finished(job_id, 30)
    assert (status["status"], status["stop_reason"]) == ("completed", "max_items"), status
    assert time.time() - began < 5, "the slow mirrors are not waited for"
    found = items(client, job_id)
    assert [item["data"] for item in found] == [{"title": "after 0.5", "first": "x"}]
    assert found[0]["url"].startswith(soon.origin)
    rows = ledger(client, job_id)
    assert len(rows) == 6
    for site in (slow, late):
        row = rows[site.origin + "/debian/README.html"]
        assert (row["status"], row["error"]) == ("skipped", "max_items"), row
        harness.wait_until(lambda: [r.status for r in site.requests()] == [499], 5, "the fetch under way is cut")
    others = [row for url, row in rows.items() if not url.startswith((soon.origin, slow.origin, late.origin))]
    assert all(row["error"] in ("max_items", "http_500", "connect_failed", "connection_lost") for row in others), others
    assert status["progress"]["in_flight"] == status["progress"]["queued"] == 0


# MARK: The main job's site, small


def listing(page, adverts):
    links = "".join(f'<article data-url="/a/{page}-{n}.html"></article>' for n in range(adverts))
    return f"<html><body>{links}</body></html>"


def motor_site(pages, adverts, advert_seconds, sees_leaving=False):
    """`pages` listing pages of `adverts` adverts, each of which takes `advert_seconds`."""
    site = NginxSite(f"""
        location = /z/motoren.html {{ rewrite ^ /listing/$arg_currentPage.html? last; }}
        location /listing/ {{ internal; }}
        location /a/ {{ default_type text/html; echo_sleep {advert_seconds};
                        echo '<div id="vip-ad-description">motor $uri</div>'; }}
        """, sees_leaving)
    for page in range(1, pages + 1):
        site.write(f"listing/{page}.html", listing(page, adverts))
    return site


def test_first_exception_stops_the_job_at_the_first_failure(client):
    # 149 of the 150 listing pages are there.
    with motor_site(150, 2, 0.05) as site:
        (site.root / "listing/40.html").unlink()
        job_id = submit(client, "first-exception", {MARKTPLAATS: site.origin})
        status = client.finished(job_id, 60)
        assert (status["status"], status["stop_reason"], status["outcome"]) == ("failed", "first_failure", None), status
        rows = ledger(client, job_id).values()
        failed = [row for row in rows if row["status"] == "failed"]
        assert [row["error"] for row in failed] == ["http_404"] and "currentPage=40" in failed[0]["url"]
        skipped = [row for row in rows if row["status"] == "skipped"]
        assert len(skipped) >= 100 and {row["error"] for row in skipped} == {"first_failure"}
        assert status["failures"] == [{"code": "http_404", "count": 1}]
        asked = len(site.requests())
        time.sleep(1)
        assert len(site.requests()) == asked < 100, "nothing is asked for after the failure"


def test_the_time_out_on_the_whole_cuts_what_is_under_way(client):
    with motor_site(150, 30, 20, sees_leaving=True) as site:
        began = time.time()
        job_id = submit(client, "time-out", {MARKTPLAATS: site.origin})
        status = client.finished(job_id, 30)
        assert (status["status"], status["stop_reason"]) == ("completed", "max_duration"), status
        assert 4.5 < time.time() - began < 12
        rows = ledger(client, job_id).values()
        assert {row["error"] for row in rows if row["status"] == "skipped"} == {"max_duration"}
        assert len(rows) == status["progress"]["discovered"] >= 30
        adverts = harness.wait_until(
            lambda: [r for r in site.requests() if r.uri.startswith("/a/")], 5, "adverts are asked for")
        assert {r.status for r in adverts} == {499}, "each was cut off"
        ended = max(r.ended for r in adverts)
        time.sleep(1)
        assert max(r.ended for r in site.requests()) == ended, "nothing is asked for afterwards"


# MARK: Producers and consumers

PRODUCED = 150 * 400
# FrontierWindow.size for a concurrency of 8: what the job holds in memory of its queue.
WINDOW = 64


def resident_mib(service):
    text = pathlib.Path(f"/proc/{service.process.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def test_a_fast_producer_fills_the_database_and_not_the_memory(binary):
    """60,000 links are produced at once; eight consumers take what they can, whatever is slow: the host or the database."""
    with databases.Server() as server, databases.service_on(binary, server.url) as service, \
            motor_site(150, 400, 0.1) as site:
        job_id = submit(service.client, "producers-consumers", {MARKTPLAATS: site.origin})
        harness.wait_until(lambda: service.client.status(job_id)["progress"]["fetched"] > 0, 30, "the job has begun")
        began = resident_mib(service)
        produced = lambda: service.client.status(job_id)["progress"]
        harness.wait_until(lambda: produced()["discovered"] >= PRODUCED + 150, 120, "all listings are read")
        progress = produced()
        assert progress["queued"] > PRODUCED - 5000 and progress["in_flight"] <= 8, progress
        assert resident_mib(service) - began < 32, "the queue is in the database"
        # The host is slow: its eight places are the bound.
        assert most_at_once(site.requests()) <= 8
        # The database is slow: nothing can be settled, and the window bounds what is fetched meanwhile.
        settled = produced()["fetched"]
        lock = server.sql("begin; lock table page in access exclusive mode; select count(*) from page; "
                          "select pg_sleep(6); select count(*) from page; commit")
        counts = [int(line) for line in lock if line.isdigit()]
        asked = len([r for r in site.requests() if r.status == 200])
        assert counts[0] == counts[-1], "nothing was settled meanwhile"
        fetched = produced()["fetched"]
        assert asked - counts[-1] <= 2 * WINDOW + 8 * 20, (asked, counts, settled, fetched)
        assert harness.as_json(service.client.post(f"/v1/jobs/{job_id}/cancel"))["status"] == "cancelling"
        status = service.client.finished(job_id, 30)
        progress = status["progress"]
        assert progress["discovered"] == progress["fetched"] + progress["failed"] + progress["skipped"] == PRODUCED + 150


# MARK: Exceptions nobody awaits


def test_an_exception_nobody_awaits_is_in_the_ledger_the_log_and_the_metrics(binary):
    # The parser compares each attribute with all before it: it is stopped.
    hostile = f"<div {' '.join(f'a{number}' for number in range(300_000))}>x</div>"
    with harness.Service(binary) as service, NginxSite("") as site:
        for name, body in (("ok", "<div>een</div>"), ("hostile", hostile), ("fine", "<div>twee</div>")):
            site.write(f"{name}.html", f"<html><body>{body}</body></html>")
        job_id = submit(service.client, "unawaited-exception", {"http://www.example.org": site.origin})
        status = service.client.finished(job_id, 60)
        assert (status["status"], status["stop_reason"], status["outcome"]) == ("completed", "finished", "partial"), status
        assert status["failures"] == [{"code": "internal_error", "count": 1}]
        assert sorted(item["data"]["text"] for item in items(service.client, job_id)) == ["een", "twee"]
        url = site.origin + "/hostile.html"
        row = ledger(service.client, job_id)[url]
        assert (row["status"], row["error"], row["attempts"], row["http_status"]) == ("failed", "internal_error", 1, 200)
        lines = [line for line in log_of(service) if line.get("url") == url]
        assert len(lines) == 1 and lines[0]["level"] == "error" and lines[0]["job_id"] == job_id, lines
        assert "too long to parse" in lines[0]["cause"]
        metrics = test_metrics.Metrics(service)
        assert metrics("scrape_pages_total", result="failed") == 1
        assert metrics("scrape_pages_total", result="fetched") == 2
        assert metrics("scrape_jobs_ended_total", reason="finished") == 1


# What a disk or a person may do to the rows of a job; each is met by the run at another place.
CORRUPTIONS = {
    "a selector of the stored job": """update job set spec = replace(spec::text, '"source":"p"', '"source":"p["')::json
                                       where spec::text like '%"source":"p"%' returning 1""",
    "a page of the queue": "update queue set kind = 'nonsense' where url like '%/19.html' returning 1",
    "the table of items": "alter table item add constraint broken check (false) not valid",
}


@pytest.mark.parametrize("what", CORRUPTIONS)
def test_a_run_that_breaks_ends_its_job_and_says_why(binary, what):
    with databases.Server() as server, databases.service_on(binary, server.url) as service, \
            NginxSite("location / { default_type text/html; echo_sleep 0.3; echo '<p>x</p>'; }") as site:
        job = {"start": [{"url": site.origin + "/{n}.html", "variables": {"n": {"from": 1, "to": 20}}}],
               "pages": {"page": {"fields": {"text": "p"}}}, "fetch": {"concurrency": 1, "retries": 0}}
        job_id = service.client.submit(job)
        harness.wait_until(lambda: site.requests(), 10, "the job has begun")
        service.client.post(f"/v1/jobs/{job_id}/pause")
        harness.wait_until(lambda: service.client.status(job_id)["status"] == "paused", 10, "the job is paused")
        time.sleep(1)
        assert server.sql(CORRUPTIONS[what])
        assert service.client.post(f"/v1/jobs/{job_id}/resume").status == 202
        if what == "a selector of the stored job":
            whole_job_failed(service, site, job_id)
        else:
            pages_failed(service, job_id, 1 if what == "a page of the queue" else 15)
        if what != "the table of items":
            assert service.client.finished(service.client.submit(job), 60)["outcome"] == "ok", "it harms nobody else"


def pages_failed(service, job_id, at_least):
    """Those that are lost are lost alone, each with a row, a line of the log and a count."""
    status = service.client.finished(job_id, 60)
    assert (status["status"], status["stop_reason"], status["outcome"]) == ("completed", "finished", "partial"), status
    failed = {url for url, row in ledger(service.client, job_id).items() if row["status"] == "failed"}
    assert len(failed) >= at_least
    assert status["failures"] == [{"code": "internal_error", "count": len(failed)}]
    assert {line["url"] for line in log_of(service) if line["level"] == "error" and "url" in line} == failed
    assert test_metrics.Metrics(service)("scrape_pages_total", result="failed") == len(failed)


def whole_job_failed(service, site, job_id):
    asked = len(site.requests())
    status = service.client.finished(job_id, 60)
    assert (status["status"], status["stop_reason"]) == ("failed", "internal_error"), status
    assert len(site.requests()) - asked <= 1
    causes = [line for line in log_of(service) if line.get("job_id") == job_id and line["level"] == "error"]
    assert causes and all(line["cause"] for line in causes), causes
    assert test_metrics.Metrics(service)("scrape_jobs_ended_total", reason="internal_error") == 1
