"""Cancelling, deleting, repeating: what a script may do to a job, and what stops when."""

import http.server
import json
import threading
import time

import pytest

import harness

CANCEL_SECONDS = 5
QUIET_SECONDS = 1.5


def fetching(client, job_id):
    """The status once some page was fetched."""
    return harness.wait_until(
        lambda: (s := client.status(job_id))["progress"]["fetched"] >= 20 and s, 30, "the job fetches pages")


def test_cancel_is_seen_at_once_and_done_within_five_seconds(client, slow_site):
    job_id = client.submit(slow_site.job)
    fetching(client, job_id)
    began = time.monotonic()
    answer = client.post(f"/v1/jobs/{job_id}/cancel")
    assert answer.status == 202 and harness.as_json(answer)["status"] in ("cancelling", "cancelled")
    status = client.finished(job_id, CANCEL_SECONDS)
    assert time.monotonic() - began <= CANCEL_SECONDS
    assert (status["status"], status["stop_reason"]) == ("cancelled", "cancelled")
    progress = status["progress"]
    assert (progress["queued"], progress["in_flight"]) == (0, 0) and progress["skipped"] > 0


def test_cancel_does_not_wait_for_pages_that_take_long_to_read(client):
    """Two hundred pages have arrived, each of them some tenths of a second of work for one of a few workers."""
    page = ("text/html", b"<title>t</title>" + b"<b></b>" * 800)
    with harness.PlainSite({f"/{n}": page for n in range(200)}) as site:
        job_id = client.submit({
            "start": [{"url": site.origin + "/{n}", "variables": {"n": {"from": 0, "to": 199}}}],
            "pages": {"page": {"fields": {"title": "title", "square": "//*[count(//*) = 1]"}}},
            "politeness": {"robots": False, "per_host_concurrency": 50}, "fetch": {"concurrency": 200}})
        harness.wait_until(
            lambda: len((site.directory / "access.log").read_text().splitlines()) == 200, 30, "all pages arrive")
        began = time.monotonic()
        client.post(f"/v1/jobs/{job_id}/cancel")
        status = client.finished(job_id, CANCEL_SECONDS)
        assert time.monotonic() - began <= CANCEL_SECONDS
        assert status["status"] == "cancelled" and status["progress"]["skipped"] > 100, status


def test_no_request_leaves_after_a_job_is_cancelled(client):
    with harness.Site("--pages", "40", "--no-faults", "--latency-ms", "100", "--concurrency", "32") as site:
        job_id = client.submit(site.job)
        fetching(client, job_id)
        client.post(f"/v1/jobs/{job_id}/cancel")
        client.finished(job_id, CANCEL_SECONDS)
        cancelled_at = time.time()
        time.sleep(QUIET_SECONDS)
        late = [line for line in site.access_log() if line.started > cancelled_at]
        assert not late, late[:3]


def test_repeating_a_cancel_is_harmless(client, slow_site):
    job_id = client.submit(slow_site.job)
    for _ in range(3):
        assert client.post(f"/v1/jobs/{job_id}/cancel").status == 202
    client.finished(job_id, CANCEL_SECONDS)
    assert client.post(f"/v1/jobs/{job_id}/cancel").status == 202


def test_a_finished_job_cannot_be_cancelled(client, small_site):
    job_id = client.submit(small_site.job)
    client.finished(job_id)
    answer = client.post(f"/v1/jobs/{job_id}/cancel")
    assert answer.status == 409 and answer.headers.get_content_type() == "application/problem+json"


def test_a_running_job_cannot_be_deleted_and_the_answer_names_cancel(client, slow_site):
    job_id = client.submit(slow_site.job)
    answer = client.delete(f"/v1/jobs/{job_id}")
    assert answer.status == 409 and b"cancel" in answer.body
    client.post(f"/v1/jobs/{job_id}/cancel")
    client.finished(job_id, CANCEL_SECONDS)
    assert client.delete(f"/v1/jobs/{job_id}").status == 204


def test_the_same_idempotency_key_and_body_give_the_first_answer_again(client, small_site):
    first = client.post("/v1/jobs", small_site.job, Idempotency_Key="once")
    again = client.post("/v1/jobs", small_site.job, Idempotency_Key="once")
    assert (first.status, again.status) == (202, 202)
    assert harness.as_json(first)["id"] == harness.as_json(again)["id"]
    assert first.headers["Location"] == again.headers["Location"]
    other = client.post("/v1/jobs", harness.job_of(small_site, name="other"), Idempotency_Key="once")
    assert other.status == 422
    client.finished(harness.as_json(first)["id"])


def test_max_pages_and_max_items_are_exact(client, small_site):
    job_id = client.submit(harness.job_of(small_site, limits={"max_pages": 123}))
    status = client.finished(job_id)
    assert status["progress"]["fetched"] + status["progress"]["failed"] == 123
    assert status["stop_reason"] == "max_pages"
    job_id = client.submit(harness.job_of(small_site, limits={"max_items": 57}))
    status = client.finished(job_id)
    assert (status["progress"]["items"], status["stop_reason"]) == (57, "max_items")
    assert len(list(client.walk(f"/v1/jobs/{job_id}/results"))) == 57


def test_max_duration_ends_the_job(client, slow_site):
    began = time.monotonic()
    job = harness.job_of(slow_site, limits={"max_duration_seconds": 1})
    job["fetch"] = {**slow_site.job["fetch"], "concurrency": 4}
    status = client.finished(client.submit(job), 15)
    assert status["stop_reason"] == "max_duration" and time.monotonic() - began < 10
    assert status["progress"]["skipped"] > 0


def test_on_failure_stop_ends_the_job_at_the_first_failed_page(client):
    with harness.Site("--pages", "4", "--concurrency", "4") as site:
        status = client.finished(client.submit(harness.job_of(site, on_failure="stop")))
    assert (status["status"], status["stop_reason"]) == ("failed", "first_failure")


def test_a_job_without_any_start_page_is_failed(client):
    port = harness.free_port()
    job = {"name": "nobody", "start": f"http://127.0.0.1:{port}/", "pages": {"p": {"fields": {"text": "//title"}}},
           "fetch": {"retries": 0}}
    status = client.finished(client.submit(job), 30)
    assert (status["status"], status["stop_reason"]) == ("failed", "start_failed")
    assert status["failures"] == [{"code": "connect_failed", "count": 1}]


def test_a_status_with_202_can_be_read_at_once(client, small_site):
    for _ in range(20):
        answer = client.post("/v1/jobs", json.dumps(small_site.job), Content_Type="application/json")
        location = answer.headers["Location"]
        assert client.get(location).status == 200
        client.post(f"{location}/cancel")


# Pause, resume, retry-failed


def act(client, job_id, action):
    """The status that an accepted action answers with."""
    answer = client.post(f"/v1/jobs/{job_id}/{action}")
    assert answer.status == 202, (action, answer.status, answer.body[:300])
    return harness.as_json(answer)


def refused(client, job_id, action):
    """The code of the 409 that an action meets."""
    answer = client.post(f"/v1/jobs/{job_id}/{action}")
    assert answer.status == 409, (action, answer.status, answer.body[:300])
    return harness.as_json(answer)["code"]


def test_a_pause_is_a_pause_also_over_a_crash_and_nothing_is_lost(binary):
    with harness.Site("--pages", "20", "--no-faults", "--latency-ms", "100", "--concurrency", "32") as site:
        with harness.Service(binary) as service:
            job_id = service.client.submit(site.job)
            fetching(service.client, job_id)
            for _ in range(2):
                assert act(service.client, job_id, "pause")["status"] == "paused"
            time.sleep(1)  # what was on its way is cut off by then
            paused_at, fetched = time.time(), service.client.status(job_id)["progress"]["fetched"]
            service.kill()
            service.start()
            time.sleep(QUIET_SECONDS)
            status = service.client.status(job_id)
            assert status["status"] == "paused" and status["progress"]["fetched"] == fetched
            late = [line for line in site.access_log() if line.started > paused_at]
            assert not late, late[:3]
            for _ in range(2):
                assert act(service.client, job_id, "resume")["status"] == "running"
            status = service.client.finished(job_id)
            assert (status["status"], status["outcome"]) == ("completed", "ok")
            assert status["progress"]["items"] == 600
            assert refused(service.client, job_id, "resume") == "job_not_paused"
            assert refused(service.client, job_id, "pause") == "job_is_over"


def test_a_paused_job_can_be_cancelled(client, slow_site):
    job_id = client.submit(slow_site.job)
    fetching(client, job_id)
    act(client, job_id, "pause")
    act(client, job_id, "cancel")
    status = client.finished(job_id, CANCEL_SECONDS)
    assert status["status"] == "cancelled" and status["progress"]["skipped"] > 0


def test_only_the_failed_pages_are_fetched_again(client):
    """Ten of a hundred pages answer 500 for a while: a hundred items in the end, for a hundred and ten requests."""
    page = b"<!doctype html><p>a page</p>"
    pages = {f"/{n}.html": ("text/html", page) for n in range(100) if n % 10}
    with harness.PlainSite(pages) as site:
        job = {"start": [{"url": site.origin + "/{n}.html", "variables": {"n": {"from": 0, "to": 99}}}],
               "pages": {"page": {"fields": {"text": "p"}}}, "fetch": {"retries": 0}}
        job_id = client.submit(job)
        status = client.finished(job_id)
        assert (status["outcome"], status["progress"]["failed"]) == ("partial", 10)
        assert status["failures"] == [{"code": "http_404", "count": 10}]
        for n in range(0, 100, 10):
            site.add(f"/{n}.html", "text/html", page)
        site.reload()
        status = act(client, job_id, "retry-failed")
        assert status["progress"]["failed"] == 0 and not status["terminal"] and status["failures"] == []
        status = client.finished(job_id)
        assert (status["outcome"], status["progress"]["items"]) == ("ok", 100)
        asked = [line for line in (site.directory / "access.log").read_text().splitlines() if "robots.txt" not in line]
        assert len(asked) == 110
        rows = list(client.walk(f"/v1/jobs/{job_id}/pages?limit=30"))
        assert sorted(row["attempts"] for row in rows) == [1] * 90 + [2] * 10
        assert act(client, job_id, "retry-failed")["status"] == "completed", "nothing failed: nothing happens"



class EndlessSite:
    """Every page links to two more, for ever."""

    def __enter__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                found = self.path.startswith("/page/")
                number = int(self.path.rsplit("/", 1)[1]) if found else 0
                body = f'<p>{number}</p><a href="{2 * number}">a</a><a href="{2 * number + 1}">b</a>'.encode()
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def job(self, **limits):
        return {"start": f"http://127.0.0.1:{self.server.server_port}/page/1", "limits": limits,
                "pages": {"page": {"follow": [{"links": "a", "as": "page"}], "fields": {"text": "p"}}}}


@pytest.mark.parametrize("limits, reason, fetched", [
    ({"max_pages": 300}, "max_pages", 300), ({"max_items": 200}, "max_items", 200), ({"max_depth": 6}, "finished", 127),
    ({"max_duration_seconds": 2}, "max_duration", None)])
def test_a_job_that_discovers_without_end_stops_at_its_limits(client, limits, reason, fetched):
    with EndlessSite() as site:
        status = client.finished(client.submit(site.job(**limits)), 60)
    progress = status["progress"]
    assert (status["status"], status["stop_reason"], status["outcome"]) == ("completed", reason, "ok")
    assert fetched in (None, progress["fetched"]) and progress["skipped"] > 0
    assert progress["discovered"] == progress["fetched"] + progress["failed"] + progress["skipped"]
