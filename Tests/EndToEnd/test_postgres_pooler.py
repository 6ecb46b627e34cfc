"""Through pgbouncer in transaction mode, with LISTEN and migrations on the direct URL."""

import time

import databases
import harness
import pytest

SERVER_CONNECTIONS = 2
NOTIFICATIONS = 40
# Those that come while a claim is under way are one.
APART_SECONDS = 0.15
# Sessions report what they called at most once a second.
STATISTICS_SECONDS = 2.5


@pytest.fixture
def pooled():
    with databases.Server("track_functions=pl") as server, databases.Bouncer(server, SERVER_CONNECTIONS) as bouncer:
        yield server, bouncer


def test_two_replicas_share_two_server_connections_and_run_jobs_exactly(binary, slow_site, pooled):
    server, bouncer = pooled
    with databases.service_on(binary, bouncer.url, server.url) as one:
        with databases.service_on(binary, bouncer.url, server.url) as two:
            jobs = [service.client.submit(slow_site.job) for service in (one, two, one, two)]
            for service, job_id in zip((two, one, one, two), jobs):
                databases.assert_exact(service.client, job_id, slow_site)
            cancelled = one.client.submit(slow_site.job)
            assert two.client.post(f"/v1/jobs/{cancelled}/cancel").status == 202
            assert one.client.finished(cancelled)["status"] == "cancelled"
            assert two.client.delete(f"/v1/jobs/{cancelled}").status == 204
            _assert_nothing_leaks(bouncer)
            listening = server.number("select count(*) from pg_stat_activity where query ilike 'listen %' "
                                      "or query ilike '%pg_listening_channels%' and pid <> pg_backend_pid()")
            others = server.number("select count(*) from pg_stat_activity where backend_type = 'client backend'")
            assert listening == 2, "each replica listens on a session of its own"
            assert others <= SERVER_CONNECTIONS + listening + 1, "beside the pool's, the listeners' and this one"
            assert two.stop() == 0
        assert one.stop() == 0


def _assert_nothing_leaks(bouncer):
    """What the service sets for itself is seen by no other client of the pooler."""
    for _ in range(10):
        names = ("enable_sort", "enable_seqscan", "statement_timeout", "plan_cache_mode", "jit")
        shown = [bouncer.sql(f"show {name}")[0] for name in names]
        assert shown == ["on", "on", "0", "auto", "on"]
        assert bouncer.sql("select count(*) from pg_prepared_statements") == ["0"]
        assert bouncer.sql("select count(*) from pg_locks where locktype = 'advisory'") == ["0"]


def test_a_notification_wakes_a_replica_behind_the_pooler(binary, pooled):
    server, bouncer = pooled
    claims = "select coalesce(sum(calls), 0) from pg_stat_user_functions where funcname = 'claim_shard'"
    with databases.service_on(binary, bouncer.url, server.url) as service:
        time.sleep(STATISTICS_SECONDS)
        before, began = server.number(claims), time.monotonic()
        for _ in range(NOTIFICATIONS):
            server.sql("notify scrape_service_work")
            time.sleep(APART_SECONDS)
        time.sleep(STATISTICS_SECONDS)
        polled = (time.monotonic() - began) / 0.75 + 2
        assert server.number(claims) - before > polled + NOTIFICATIONS / 2
        assert service.stop() == 0


def test_a_server_behind_the_pooler_that_goes_away_is_told_of_and_comes_back(binary, slow_site, pooled):
    server, bouncer = pooled
    with databases.service_on(binary, bouncer.url, server.url) as service:
        job_id = service.client.submit(slow_site.job)
        databases.wait_for_pages(service, job_id, 100)
        server.stop()
        harness.wait_until(lambda: service.client.get("/readyz").status == 503, 10, "the service is not ready")
        databases.assert_away(service, slow_site.job)
        server.start()
        # pgbouncer itself waits up to `server_login_retry`, 15 s, before it asks the server again.
        harness.wait_until(service.is_ready, 15 + databases.RETURN_SECONDS, "the service is ready again")
        databases.assert_exact(service.client, job_id, slow_site)
        assert service.stop() == 0
