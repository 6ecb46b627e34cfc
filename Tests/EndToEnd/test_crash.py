"""`kill -9` in mid-job: after a restart on the same data nothing is lost, nothing is twice."""

import collections
import time

import harness

KILLS = 4


def test_every_row_is_there_once_after_several_kills(binary):
    rng = harness.seeded_random()
    options = ("--pages", "60", "--no-faults", "--latency-ms", "60", "--concurrency", "24")
    service = harness.Service(binary)
    try:
        with harness.Site(*options) as site:
            kills = _run_with_kills(service, site, rng)
            texts = site.texts_on_disk()
            asked = collections.Counter(line.uri for line in site.access_log())
            assert kills == KILLS, f"the job was over after {kills} kills"
            assert max(asked.values()) <= 1 + kills, asked.most_common(3)
        job_id = service.job_id
        items = list(service.client.walk(f"/v1/jobs/{job_id}/results?limit=1000"))
        rows = collections.Counter(item["data"]["text"] for item in items)
        assert rows == collections.Counter(texts)
        assert len({item["seq"] for item in items}) == len(items)
        ledger = list(service.client.walk(f"/v1/jobs/{job_id}/pages?limit=1000"))
        assert {row["url"] for row in ledger} == set(site.expected) and len(ledger) == len(site.expected)
        assert all(row["status"] == "fetched" for row in ledger)
        assert service.stop() == 0
    finally:
        service.close()


def _run_with_kills(service, site, rng):
    """Kills the service up to `KILLS` times while the job makes progress, then lets it end; returns the kills."""
    service.start()
    service.job_id = service.client.submit(site.job)
    kills, fetched = 0, 0
    while kills < KILLS:
        status = harness.wait_until(lambda: _moved(service, fetched), harness.READY_SECONDS, "the job goes on")
        if status["terminal"]:
            break
        time.sleep(rng.uniform(0, 0.5))
        fetched = service.client.status(service.job_id)["progress"]["fetched"]
        service.kill()
        kills += 1
        service.start()
    status = service.client.finished(service.job_id)
    assert (status["status"], status["outcome"]) == ("completed", "ok"), status
    return kills


def _moved(service, fetched):
    """The status once more than `fetched` pages are done or the job is over."""
    status = service.client.status(service.job_id)
    return status if status["terminal"] or status["progress"]["fetched"] > fetched else None


def test_a_cancelled_job_stays_cancelled_over_a_kill(binary, slow_site):
    service = harness.Service(binary)
    try:
        service.start()
        job_id = service.client.submit(slow_site.job)
        service.client.post(f"/v1/jobs/{job_id}/cancel")
        service.kill()
        service.start()
        assert service.client.finished(job_id, 30)["status"] == "cancelled"
    finally:
        service.close()


def test_a_job_accepted_just_before_a_kill_is_run_after_it(binary, small_site):
    service = harness.Service(binary)
    try:
        service.start()
        job_id = service.client.submit(small_site.job)
        service.kill()
        service.start()
        status = service.client.finished(job_id, 60)
        assert (status["status"], status["progress"]["items"]) == ("completed", 600)
    finally:
        service.close()
