"""Webhooks: signed, retried, at least once over a kill, in nobody's way, behind the same egress rule, sent again."""

import json
import threading
import time

import pytest

import harness
from receiver import Receiver, is_signed

EVENTS = ["started", "paused", "resumed", "completed", "failed", "cancelled"]
SECRET = "geheim-Schlüssel-0123456789"
RETRY = ["--webhook-retry-seconds", "0.2"]
CLAIM_SECONDS = 20  # what a killed process has claimed is another's afterwards


@pytest.fixture(scope="module")
def site():
    """One page with one item: a job is over as soon as it has begun."""
    with harness.PlainSite({"/one": ("text/html", b"<h1>one</h1>")}) as site:
        yield site


@pytest.fixture(scope="module")
def hooked(binary):
    """A service whose retries follow fast."""
    with harness.Service(binary, arguments=RETRY) as service:
        yield service
        assert service.is_alive() and service.stop() == 0, service.log_tail()


def job(site, url, **webhook):
    return {"name": "hooked", "start": f"{site.origin}/one", "pages": {"p": {"fields": {"t": "h1"}}},
            "webhook": {"url": url, **webhook}}


def deliveries(client, job_id):
    return list(client.walk(f"/v1/jobs/{job_id}/deliveries"))


def errors(client, job_id):
    return [row["error"] for row in deliveries(client, job_id)]


def settled(client, job_id, seconds=30):
    """The delivery log once nothing in it is pending."""
    def look():
        rows = deliveries(client, job_id)
        return rows if rows and all(row["status"] != "pending" for row in rows) else None
    return harness.wait_until(look, seconds, "every delivery is settled")


def test_a_finished_job_is_told_once_signed_and_whole(hooked, site):
    with Receiver() as receiver:
        job_id = hooked.client.submit(job(site, receiver.url, secret=SECRET))
        status = hooked.client.finished(job_id)
        [row] = settled(hooked.client, job_id)
        [request] = receiver.requests
        assert (row["event"], row["status"], row["attempts"], row["http_status"]) == ("completed", "delivered", 1, 204)
        assert row["error"] is None and row["delivered_at"] and row["next_attempt_at"] is None
        assert (request.method, request.path) == ("POST", "/hook?for=tests")
        assert request.headers["Content-Type"] == "application/json"
        assert request.headers["User-Agent"].startswith("scrape-service/")
        assert request.headers["X-Delivery-Id"] == row["id"] and request.headers["X-Event"] == "completed"
        assert is_signed(request, SECRET) and not is_signed(request, SECRET + "x")
        body = json.loads(request.body)
        assert set(body) == {"id", "event", "created_at", "job"}
        assert (body["id"], body["event"], body["created_at"]) == (row["id"], "completed", row["created_at"])
        assert body["job"] == status
        assert SECRET not in request.body.decode() and "Schl" not in hooked.log_path.read_text()


def test_without_a_secret_nothing_is_signed(hooked, site):
    with Receiver() as receiver:
        job_id = hooked.client.submit(job(site, receiver.url))
        settled(hooked.client, job_id)
        assert receiver.requests[0].headers["X-Signature"] is None


def test_every_event_asked_for_is_told_and_no_other(hooked, site, slow_site):
    with Receiver() as receiver:
        first = hooked.client.submit(job(site, receiver.url, events=EVENTS))
        hooked.client.finished(first)
        settled(hooked.client, first)
        assert sorted(receiver.events()) == ["completed", "started"]
        second = hooked.client.submit({**slow_site.job, "webhook": {"url": receiver.url, "events": ["cancelled"]}})
        harness.wait_until(lambda: hooked.client.status(second)["progress"]["fetched"] > 20, 30, "pages are fetched")
        assert hooked.client.post(f"/v1/jobs/{second}/cancel").status == 202
        hooked.client.finished(second, 30)
        settled(hooked.client, second)
        assert receiver.events()[2:] == ["cancelled"]
        nobody = harness.free_port()
        third = hooked.client.submit({**job(site, receiver.url), "start": f"http://127.0.0.1:{nobody}/",
                                      "fetch": {"retries": 0}})
        assert hooked.client.finished(third)["stop_reason"] == "start_failed"
        settled(hooked.client, third)
        assert receiver.events()[3:] == ["failed"]
        assert json.loads(receiver.requests[3].body)["job"]["failures"] == [{"code": "connect_failed", "count": 1}]


@pytest.mark.parametrize("status", [500, 503, 408, 429])
def test_what_may_pass_is_tried_again_with_the_same_id(hooked, site, status):
    with Receiver(lambda number: status if number < 3 else 200) as receiver:
        job_id = hooked.client.submit(job(site, receiver.url, secret=SECRET))
        [row] = settled(hooked.client, job_id)
        assert (row["status"], row["attempts"], row["http_status"]) == ("delivered", 3, 200)
        assert receiver.ids() == [row["id"]] * 3
        assert all(is_signed(request, SECRET) for request in receiver.requests)
        first, second, third = (request.time for request in receiver.requests)
        assert second - first >= 0.1 and third - second >= 0.4, "the pauses grow"


def test_retry_after_is_obeyed(hooked, site):
    with Receiver(lambda number: (429, {"Retry-After": "4"}, 0) if number == 1 else 200) as receiver:
        job_id = hooked.client.submit(job(site, receiver.url))
        [row] = settled(hooked.client, job_id)
        assert row["attempts"] == 2
        assert 4 <= receiver.requests[1].time - receiver.requests[0].time < 8


@pytest.mark.parametrize("status", [400, 404, 410, 302])
def test_every_other_status_fails_at_once_and_a_redirect_is_not_followed(hooked, site, status):
    with Receiver() as elsewhere, Receiver((status, {"Location": elsewhere.url}, 0)) as receiver:
        job_id = hooked.client.submit(job(site, receiver.url))
        [row] = settled(hooked.client, job_id)
        assert (row["status"], row["attempts"]) == ("failed", 1), row
        assert row["error"] in (f"http_{status}", "too_many_redirects")
        time.sleep(1.5)  # a retry would have come by now
        assert len(receiver.requests) == 1 and not elsewhere.requests


def test_six_retries_and_no_more(binary, site):
    with harness.Service(binary, arguments=["--webhook-retry-seconds", "0.002"]) as service, Receiver(500) as receiver:
        job_id = service.client.submit(job(site, receiver.url))
        [row] = settled(service.client, job_id, 60)
        assert (row["status"], row["attempts"], row["error"]) == ("failed", 7, "http_500")
        assert len(receiver.requests) == 7
        assert '"event":"completed"' in service.log_path.read_text() and receiver.url not in service.log_path.read_text()


def test_a_silent_receiver_times_out_and_is_tried_again(hooked, site):
    with Receiver(lambda number: (200, {}, 30) if number == 1 else 200) as receiver:
        job_id = hooked.client.submit(job(site, receiver.url))
        harness.wait_until(lambda: errors(hooked.client, job_id) == ["timeout"], 20, "the attempt times out")
        [row] = settled(hooked.client, job_id)
        assert (row["status"], row["attempts"]) == ("delivered", 2)
        assert 9 < receiver.requests[1].time - receiver.requests[0].time < 20


def test_a_receiver_that_is_down_is_reached_once_it_is_up(hooked, site):
    port = harness.free_port()
    job_id = hooked.client.submit(job(site, f"http://127.0.0.1:{port}/hook"))
    assert hooked.client.finished(job_id)["status"] == "completed"
    harness.wait_until(lambda: errors(hooked.client, job_id) == ["connect_failed"], 20, "an attempt fails")
    with Receiver(port=port) as receiver:
        [row] = settled(hooked.client, job_id)
        assert row["status"] == "delivered" and receiver.events() == ["completed"]


def test_slow_receivers_delay_no_job_and_no_other_receiver(hooked, site):
    """Twenty jobs tell two receivers that sleep 30 s; meanwhile others end, and are told, as fast as ever."""
    with Receiver((200, {}, 30)) as slow, Receiver((200, {}, 30)) as slower, Receiver() as quick:
        began = time.monotonic()
        stuck = [hooked.client.submit(job(site, receiver.url, events=EVENTS)) for receiver in (slow, slower) for _ in range(10)]
        for job_id in stuck:
            assert hooked.client.finished(job_id, 20)["status"] == "completed"
        assert time.monotonic() - began < 20
        told = hooked.client.submit(job(site, quick.url, events=EVENTS))
        hooked.client.finished(told, 10)
        assert {row["status"] for row in settled(hooked.client, told, 5)} == {"delivered"}
        # No more at once to one receiver than its share.
        assert len(slow.requests) <= 4 * (1 + (time.monotonic() - began) // 10)
        for job_id in stuck:
            assert hooked.client.delete(f"/v1/jobs/{job_id}").status == 204


def test_a_receiver_that_the_egress_rule_forbids_is_not_dialled(binary, site):
    with Receiver() as receiver, harness.Service(binary, egress=None, arguments=RETRY) as service:
        spec = job(site, receiver.url, events=["failed"])
        job_id = service.client.submit(spec)
        status = service.client.finished(job_id)
        assert status["stop_reason"] == "start_failed", "its pages are on loopback too"
        [row] = settled(service.client, job_id)
        assert (row["status"], row["error"], row["attempts"]) == ("failed", "url_blocked", 1)
        assert not receiver.requests


def test_a_delivery_is_sent_again_when_asked_for(hooked, site):
    with Receiver(lambda number: 404 if number == 1 else 200) as receiver:
        job_id = hooked.client.submit(job(site, receiver.url))
        [row] = settled(hooked.client, job_id)
        assert row["status"] == "failed"
        path = f"/v1/jobs/{job_id}/deliveries/{row['id']}/redeliver"
        for expected in (2, 3):
            answer = hooked.client.post(path)
            assert answer.status == 202 and harness.as_json(answer)["id"] == row["id"]
            [again] = settled(hooked.client, job_id)
            assert (again["status"], again["attempts"], again["id"]) == ("delivered", expected, row["id"])
        assert receiver.ids() == [row["id"]] * 3
        assert hooked.client.delete(f"/v1/jobs/{job_id}").status == 204
        assert hooked.client.post(path).status == 404
        assert hooked.client.get(f"/v1/jobs/{job_id}/deliveries").status == 404


def test_a_deleted_job_is_told_nothing_more(hooked, site):
    with Receiver(500) as receiver:
        job_id = hooked.client.submit(job(site, receiver.url))
        hooked.client.finished(job_id)
        harness.wait_until(lambda: receiver.requests, 10, "a first attempt comes")
        assert hooked.client.delete(f"/v1/jobs/{job_id}").status == 204
        time.sleep(0.5)  # an attempt under way may still arrive
        seen = len(receiver.requests)
        time.sleep(3)
        assert len(receiver.requests) == seen


def test_killed_between_the_jobs_end_and_the_delivery_it_is_delivered_after_the_restart(binary, site):
    """The first attempt is held by the receiver while the service is killed: its result is never known."""
    release = threading.Event()

    def answer(number):
        if number == 1:
            release.wait(60)
        return 200

    service = harness.Service(binary, arguments=RETRY)
    try:
        service.start()
        with Receiver(answer) as receiver:
            job_id = service.client.submit(job(site, receiver.url, secret=SECRET))
            assert service.client.finished(job_id)["status"] == "completed"
            harness.wait_until(lambda: receiver.requests, 10, "the first attempt comes")
            service.kill()
            release.set()
            service.start()
            [row] = settled(service.client, job_id, CLAIM_SECONDS + 20)
            assert row["status"] == "delivered" and row["attempts"] >= 2
            assert len(receiver.requests) >= 2 and set(receiver.ids()) == {row["id"]}
            assert all(is_signed(request, SECRET) for request in receiver.requests)
        assert service.stop() == 0
    finally:
        service.close()


def test_killed_while_the_receiver_is_down_it_is_delivered_after_the_restart(binary, site):
    """The receiver is down while the job ends, so that nothing can have been delivered before the kill."""
    port = harness.free_port()
    service = harness.Service(binary, arguments=RETRY)
    try:
        service.start()
        job_id = service.client.submit(job(site, f"http://127.0.0.1:{port}/"))
        assert service.client.finished(job_id)["status"] == "completed"
        service.kill()
        with Receiver(port=port) as receiver:
            service.start()
            [row] = settled(service.client, job_id, CLAIM_SECONDS + 20)
            assert row["status"] == "delivered" and set(receiver.ids()) == {row["id"]}
        assert service.stop() == 0
    finally:
        service.close()


def test_a_stop_gives_what_is_under_way_to_another_replica(binary, site):
    with harness.Postgres() as postgres:
        arguments = ["--database-url", postgres.url, *RETRY]
        first, second = (harness.Service(binary, arguments=arguments) for _ in range(2))
        try:
            first.start()
            with Receiver(lambda number: (200, {}, 8) if number == 1 else 200) as receiver:
                job_id = first.client.submit(job(site, receiver.url))
                first.client.finished(job_id)
                harness.wait_until(lambda: receiver.requests, 10, "the first attempt comes")
                second.start()
                assert first.stop() == 0
                [row] = settled(second.client, job_id, 10)
                assert row["status"] == "delivered" and receiver.ids() == [row["id"]] * 2
        finally:
            first.close()
            second.close()


def test_two_replicas_deliver_each_event_once(binary, site):
    with harness.Postgres() as postgres:
        arguments = ["--database-url", postgres.url]
        with harness.Service(binary, arguments=arguments) as first, harness.Service(binary, arguments=arguments) as second:
            with Receiver() as receiver:
                ids = [replica.client.submit(job(site, receiver.url)) for _ in range(50) for replica in (first, second)]
                for job_id in ids:
                    [row] = settled(first.client, job_id, 60)
                    assert row["status"] == "delivered"
                assert len(receiver.ids()) == len(set(receiver.ids())) == 100


def test_deliveries_are_counted(hooked, site):
    def count(result):
        line = f'scrape_webhook_attempts_total{{result="{result}"}} '
        text = hooked.client.get("/metrics").body.decode()
        return float(next(rest for rest in text.splitlines() if rest.startswith(line)).split()[-1])

    before = {result: count(result) for result in ("delivered", "retried", "failed")}
    with Receiver(lambda number: {1: 500, 2: 200}.get(number, 404)) as receiver:
        for _ in range(2):
            job_id = hooked.client.submit(job(site, receiver.url))
            settled(hooked.client, job_id)
    assert {result: count(result) - was for result, was in before.items()} == {"delivered": 1, "retried": 1, "failed": 1}


def test_a_webhook_that_will_not_do_is_refused_with_its_place(hooked, site):
    for webhook, pointer in (({}, "/webhook/url"), ({"url": "ftp://h/"}, "/webhook/url"),
                             ({"url": "http://h/", "events": ["done"]}, "/webhook/events/0"),
                             ({"url": "http://h/", "secret": "x" * 257}, "/webhook/secret")):
        answer = hooked.client.post("/v1/jobs", {**job(site, ""), "webhook": webhook})
        assert answer.status == 422
        assert [error["pointer"] for error in harness.as_json(answer)["errors"]] == [pointer]
