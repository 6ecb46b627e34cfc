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
