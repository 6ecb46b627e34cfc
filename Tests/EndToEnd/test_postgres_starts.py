"""Many replicas that start at once on an empty database, and replicas that are older than their database."""

import json
import re

import databases
import harness
import pytest

REPLICAS = 20
START_SECONDS = 120


@pytest.fixture
def server():
    with databases.Server("max_connections=400") as server:
        yield server


def test_twenty_replicas_that_start_at_once_migrate_an_empty_database_once(binary, server, small_site):
    services = [databases.service_on(binary, server.url, arguments=["--database-pool-size", "2"])
                for _ in range(REPLICAS)]
    try:
        for service in services:
            service.start(wait=False)
        for service in services:
            harness.wait_until(lambda: harness.is_listening(service.port) and service.is_ready(), START_SECONDS,
                               f"every replica becomes ready; {service.log_tail()}")
        applied = [step for service in services for step in _applied_steps(service)]
        there = [int(row) for row in server.sql("select version from schema_migration order by 1")]
        assert sorted(applied) == there and there, "each step was applied by one replica"
        assert server.number("select count(*) from replica") == REPLICAS
        jobs = [service.client.submit(small_site.job) for service in services[:3]]
        for service, job_id in zip(reversed(services), jobs):
            databases.assert_exact(service.client, job_id, small_site)
        for service in services:
            assert service.stop() == 0
    finally:
        for service in services:
            service.close()


def _applied_steps(service):
    for line in service.log_path.read_text().splitlines():
        found = line.startswith("{") and re.fullmatch(r"schema step (\d+) applied", json.loads(line)["message"])
        if found:
            yield int(found[1])


def test_a_replica_that_is_older_than_its_database_says_so_and_does_no_work(binary, server, small_site):
    with databases.service_on(binary, server.url) as running:
        assert running.client.finished(running.client.submit(small_site.job))["outcome"] == "ok"
        server.sql("insert into schema_migration (version, name, sha256) values (10000, 'of the future', '')")
        late = databases.service_on(binary, server.url).start(wait=False)
        try:
            for service in (running, late):
                harness.wait_until(lambda: harness.is_listening(service.port), harness.READY_SECONDS, "it listens")
                answer = service.client.get("/readyz")
                assert answer.status == 503 and answer.headers["Retry-After"]
                problem = harness.as_json(answer)
                assert problem["code"] == "schema_mismatch" and "10000" in problem["detail"], problem
                assert service.client.get("/healthz").status == 200
            harness.wait_until(lambda: server.number("select count(*) from replica") == 0, 30,
                               "the one that ran gives its leases back")
            job_id = running.client.submit(small_site.job)
            assert running.client.get(f"/v1/jobs/{job_id}?wait=3").status == 200
            assert running.client.status(job_id)["status"] == "queued", "a newer replica's to run"
            server.sql("delete from schema_migration where version = 10000")
            with databases.service_on(binary, server.url) as newer:
                databases.assert_exact(newer.client, job_id, small_site)
            assert late.stop() == 0
        finally:
            late.close()
        assert running.stop() == 0
