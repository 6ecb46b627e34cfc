"""The database is not there yet, goes away, crashes, hangs, throws everybody out: nothing is lost and nobody waits long."""

import threading
import time

import databases
import harness
import pytest

AWAY_SECONDS = databases.seconds(10, 60)
STORM_SECONDS = databases.seconds(15, 60)
# The service's own bound, `storeDrainTimeout`, and a second or two for the rest.
HUNG_STOP_SECONDS = 14
AWAY_STOP_SECONDS = 6


@pytest.fixture
def long_site():
    """4650 pages, every answer 100 ms late: some 15 s of work and more. nginx keeps a file open for each late answer of a
    connection that lives on, so the long form has 12,400 pages, and each test a site of its own."""
    pages = databases.seconds("150", "400")
    with harness.Site("--pages", pages, "--no-faults", "--latency-ms", "100", "--concurrency", "32") as site:
        yield site


def test_the_service_starts_before_its_database(binary, small_site):
    with databases.Server() as server:
        server.stop()
        service = databases.service_on(binary, server.url)
        try:
            service.start(wait=False)
            harness.wait_until(lambda: harness.is_listening(service.port), harness.READY_SECONDS, "the service listens")
            databases.assert_away(service, small_site.job)
            server.start()
            harness.wait_until(service.is_ready, databases.RETURN_SECONDS, "the service is ready")
            databases.assert_exact(service.client, service.client.submit(small_site.job), small_site)
            assert service.stop() == 0
        finally:
            service.close()


def test_a_job_pauses_while_the_database_is_away_and_goes_on_when_it_is_back(binary, long_site):
    with databases.Server() as server, databases.service_on(binary, server.url) as service:
        job_id = service.client.submit(long_site.job)
        before = databases.wait_for_pages(service, job_id, 50)
        server.stop()
        deadline = time.monotonic() + AWAY_SECONDS
        while time.monotonic() < deadline:
            databases.assert_away(service, long_site.job)
        quiet_since = time.time() - AWAY_SECONDS / 3
        assert not [line for line in long_site.access_log() if line.started > quiet_since], "the job did not pause"
        server.start()
        back = time.monotonic()
        harness.wait_until(service.is_ready, databases.RETURN_SECONDS, "the service is ready again")
        asked = len(long_site.access_log())
        harness.wait_until(lambda: len(long_site.access_log()) > asked, databases.RETURN_SECONDS, "the job goes on")
        assert databases.wait_for_pages(service, job_id, before, databases.RETURN_SECONDS) > before
        assert time.monotonic() - back < databases.RETURN_SECONDS
        databases.assert_exact(service.client, job_id, long_site)
        assert service.stop() == 0


@pytest.mark.parametrize("way", ["crash", "kill_postmaster", "kill_everything"])
def test_a_server_that_crashes_in_mid_job_costs_nothing(binary, slow_site, way):
    with databases.Server() as server, databases.service_on(binary, server.url) as service:
        job_id = service.client.submit(slow_site.job)
        seen = 0
        for _ in range(2):
            seen = databases.wait_for_pages(service, job_id, seen + 100)
            getattr(server, way)()
            server.start()
        databases.assert_exact(service.client, job_id, slow_site)
        assert service.stop() == 0


def test_every_session_ended_every_second_leaves_the_job_exact(binary, long_site):
    with databases.Server() as server, databases.service_on(binary, server.url) as service:
        job_id = service.client.submit(long_site.job)
        over, ended = threading.Event(), []

        def storm():
            while not over.wait(1) and len(ended) < STORM_SECONDS:
                ended.append(server.terminate_backends())

        thread = threading.Thread(target=storm)
        thread.start()
        try:
            while thread.is_alive():
                began = time.monotonic()
                answer = service.client.get(f"/v1/jobs/{job_id}")
                assert answer.status in (200, 503), answer
                assert time.monotonic() - began < databases.ANSWER_SECONDS
                if answer.status == 200:
                    progress = harness.as_json(answer)["progress"]
                    parts = ("queued", "in_flight", "fetched", "failed", "skipped")
                    assert progress["discovered"] == sum(progress[part] for part in parts), progress
                    if harness.as_json(answer)["terminal"]:
                        break
                time.sleep(0.05)
        finally:
            over.set()
            thread.join()
        assert len(ended) >= 5 and sum(ended) > len(ended), ended
        databases.assert_exact(service.client, job_id, long_site)
        assert service.stop() == 0


@pytest.mark.parametrize("way, limit", [("stop", AWAY_STOP_SECONDS), ("freeze", HUNG_STOP_SECONDS)])
def test_the_service_ends_without_its_database_and_the_job_goes_on_elsewhere(binary, slow_site, way, limit):
    with databases.Server() as server, databases.service_on(binary, server.url) as service:
        job_id = service.client.submit(slow_site.job)
        databases.wait_for_pages(service, job_id, 100)
        getattr(server, way)()
        began = time.monotonic()
        assert service.stop() == 0
        took = time.monotonic() - began
        assert took < limit, f"{took} s"
        server.freeze(harness.signal.SIGCONT) if way == "freeze" else server.start()
        with databases.service_on(binary, server.url) as another:
            databases.assert_exact(another.client, job_id, slow_site)
            assert another.stop() == 0
