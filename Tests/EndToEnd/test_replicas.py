"""Several replicas on one Postgres: what one accepts all know, what one leaves another goes on with."""

import contextlib
import subprocess
import threading
import time

import pytest

import harness

ROUNDS = 1000
LEASE_SECONDS = 10
CANCEL_SECONDS = 5
HANDOVER_SECONDS = 1
QUIET_SECONDS = 1.5
HEARTBEAT_SECONDS = 4

PAGE = b"<!doctype html><title>one</title><p>one page, five words here</p>"


@pytest.fixture(scope="module")
def postgres():
    with harness.Postgres() as server:
        yield server


@contextlib.contextmanager
def replica(binary, postgres):
    """A service on the shared database."""
    service = harness.Service(binary, arguments=["--database-url", postgres.url])
    try:
        yield service.start()
    finally:
        service.close()


def owners(postgres):
    """The processes that hold a lease of a job."""
    sql = "select distinct r.pid from shard s join replica r on r.id = s.owner"
    shown = subprocess.run(["psql", "-XAtc", sql, postgres.url], capture_output=True, text=True, check=True)
    return {int(line) for line in shown.stdout.split()}


def fetching(client, job_id, pages=20):
    harness.wait_until(lambda: client.status(job_id)["progress"]["fetched"] >= pages, 30, "the job fetches pages")


def test_what_one_replica_accepts_every_replica_shows_at_once(binary, postgres):
    with harness.PlainSite({"/one.html": ("text/html", PAGE)}) as site:
        job = {"start": f"{site.origin}/one.html", "pages": {"page": {"fields": {"text": "p"}}}}
        with replica(binary, postgres) as first, replica(binary, postgres) as second:
            pair, last = (first.client, second.client), None
            for number in range(ROUNDS):
                writer, reader = pair if number % 2 else reversed(pair)
                last = writer.submit({**job, "name": f"job {number}"})
                for path in ("", "/results", "/word-counts", "/pages"):
                    answer = reader.get(f"/v1/jobs/{last}{path}")
                    assert answer.status == 200, (number, path, answer.status, answer.body[:300])
            for client in pair:
                harness.wait_until(lambda: not client.json("/v1/jobs?status=queued&limit=1")["items"], 60, "all jobs begin")
                assert client.finished(last, 60)["progress"]["items"] == 1
                assert client.json(f"/v1/jobs/{last}/word-counts")["total_words"] == 5


def test_a_job_of_a_killed_replica_can_be_cancelled_through_another(binary, postgres):
    with harness.Site("--pages", "40", "--no-faults", "--latency-ms", "100", "--concurrency", "16") as site:
        with replica(binary, postgres) as first:
            job_id = first.client.submit(site.job)
            fetching(first.client, job_id)
            with replica(binary, postgres) as second:
                first.kill()
                assert second.client.post(f"/v1/jobs/{job_id}/cancel").status == 202
                status = second.client.finished(job_id, LEASE_SECONDS + CANCEL_SECONDS)
                cancelled_at = time.time()
                assert (status["status"], status["progress"]["in_flight"]) == ("cancelled", 0)
                time.sleep(QUIET_SECONDS)
                assert not [line for line in site.access_log() if line.started > cancelled_at]


@pytest.mark.parametrize("client_waits", [False, True], ids=["quiet", "with a client that waits"])
def test_sigterm_hands_a_job_over_within_a_second(binary, postgres, client_waits):
    with harness.Site("--pages", "40", "--no-faults", "--latency-ms", "100", "--concurrency", "16") as site:
        with replica(binary, postgres) as first:
            job_id = first.client.submit(site.job)
            fetching(first.client, job_id)
            with replica(binary, postgres) as second:
                waiting = threading.Thread(target=wait_for_end, args=(first.port, job_id))
                if client_waits:
                    waiting.start()
                    time.sleep(0.3)
                began = time.monotonic()
                first.process.terminate()
                harness.wait_until(lambda: owners(postgres) == {second.process.pid}, 30, "the second replica goes on")
                took = time.monotonic() - began
                assert took <= HANDOVER_SECONDS, f"handed over after {took:.2f} s"
                assert first.process.wait(30) == 0
                if client_waits:
                    waiting.join(30)
                    assert not waiting.is_alive()
                status = second.client.finished(job_id, 120)
                assert (status["status"], status["progress"]["items"]) == ("completed", 1200)
                asked = [line.uri for line in site.access_log()]
                assert len(asked) <= len(site.expected) + 2 * 16, "only what was in flight is fetched again"


def wait_for_end(port, job_id):
    """A script's long poll; it may be told anything when the replica goes, but not left waiting."""
    with contextlib.suppress(OSError, harness.http.client.HTTPException):
        harness.Client(port).get(f"/v1/jobs/{job_id}?wait=60")


# Limits, exact whoever works

LISTINGS, ADVERTS = 20, 300


def wide_site():
    """20 listings of 300 links each to 6000 pages of one item."""
    pages = {f"/l{n}.html": ("text/html", "".join(f'<a href="/a{n * ADVERTS + m}.html">x</a>' for m in range(ADVERTS)).encode())
             for n in range(LISTINGS)}
    return harness.AnySite(pages, b"<!doctype html><p>an advert</p>")


def wide_job(site, **limits):
    return {"start": [{"url": site.origin + "/l{n}.html", "variables": {"n": {"from": 0, "to": LISTINGS - 1}}, "as": "listing"}],
            "pages": {"listing": {"follow": [{"links": "a", "as": "advert"}]}, "advert": {"fields": {"text": "p"}}},
            "fetch": {"concurrency": 1000}, "politeness": {"per_host_concurrency": 1000}, "limits": limits}


@pytest.mark.parametrize("name, limit", [("max_pages", 5000), ("max_pages", 1), ("max_items", 4321)])
def test_limits_are_exact_under_a_thousand_fetches_over_three_replicas(binary, postgres, name, limit):
    with wide_site() as site, replica(binary, postgres) as one, replica(binary, postgres) as two, \
            replica(binary, postgres) as three:
        job_id = one.client.submit(wide_job(site, **{name: limit}))
        status = two.client.finished(job_id)
        progress = status["progress"]
        assert (status["status"], status["stop_reason"]) == ("completed", name)
        counted = progress["items"] if name == "max_items" else progress["fetched"] + progress["failed"]
        assert counted == limit
        assert progress["discovered"] == progress["fetched"] + progress["failed"] + progress["skipped"]
        items = list(three.client.walk(f"/v1/jobs/{job_id}/results?limit=1000"))
        assert len(items) == progress["items"] == len({item["url"] for item in items})


def test_a_large_job_is_worked_on_by_every_replica_and_no_page_is_fetched_twice(binary, postgres):
    with wide_site() as site, replica(binary, postgres) as one, replica(binary, postgres) as two:
        time.sleep(HEARTBEAT_SECONDS)  # until each knows of the other
        job = {**wide_job(site), "fetch": {"concurrency": 40}, "politeness": {"per_host_concurrency": 40}}
        job_id = one.client.submit(job)
        workers = set()
        while not (status := one.client.status(job_id))["terminal"]:
            workers |= owners(postgres)
            time.sleep(0.05)
        assert status["outcome"] == "ok" and status["progress"]["items"] == LISTINGS * ADVERTS
        assert workers == {one.process.pid, two.process.pid}
        asked = [line.split('"')[1] for line in site.access_log() if "robots.txt" not in line]
        assert len(asked) == len(set(asked)) == LISTINGS * (ADVERTS + 1)
