"""`--retain`: the data of old days goes, each job of them is 410 on every route and in no list."""

import datetime

import databases
import harness
import pytest

RETAIN_DAYS = 30
EXPIRED_SECONDS = 20
UNKNOWN = "0190a0a0-0000-7000-8000-000000000000"
ROUTES = [("GET", ""), ("GET", "?wait=1"), ("GET", "/results"), ("GET", "/results?format=csv"), ("GET", "/pages"),
          ("GET", "/word-counts"), ("POST", "/cancel"), ("POST", "/pause"), ("POST", "/resume"), ("POST", "/retry-failed"),
          ("DELETE", "")]


@pytest.fixture
def server():
    with databases.Server() as server:
        yield server


def _backdate(server, job_id, days, has_partition=True):
    """Makes a job, with all its rows, one of `days` days ago."""
    key = server.sql(f"select key from job where id = '{job_id}'")[0]
    day = f"(now() at time zone 'UTC')::date - {days}"
    if has_partition:
        server.sql(f"select ensure_partitions({day}, 1)")
    for table in ("shard", "item", "page", "seen"):
        server.sql(f"update {table} set bucket = {day} where job = {key}")
    server.sql(f"update job set bucket = {day}, created_at = created_at - interval '{days} days', "
               f"started_at = started_at - interval '{days} days', "
               f"finished_at = finished_at - interval '{days} days' where key = {key}")


def _partitions(server):
    return server.sql("select inhrelid::regclass from pg_inherits where inhparent in "
                      "('item'::regclass, 'page'::regclass, 'seen'::regclass) order by 1")


def test_days_whose_jobs_are_all_over_for_long_expire_whole(binary, server, small_site):
    with databases.service_on(binary, server.url) as service:
        jobs = [service.client.submit(small_site.job) for _ in range(5)]
        assert {service.client.finished(job)["expires_at"] for job in jobs} == {None}, "kept for ever"
        assert service.stop() == 0
    old, older, strayed, young, companion = jobs
    before = _partitions(server)
    _backdate(server, old, 45)
    _backdate(server, older, 60)
    _backdate(server, strayed, 70, has_partition=False)
    _backdate(server, companion, 50)
    _backdate(server, young, 50)
    server.sql(f"update job set finished_at = now() where id = '{young}'")
    with databases.service_on(binary, server.url, arguments=["--retain", f"{RETAIN_DAYS}d"]) as service:
        client = service.client
        for job in (old, older, strayed):
            harness.wait_until(lambda: client.get(f"/v1/jobs/{job}").status == 410, EXPIRED_SECONDS, "the job expires")
            for method, rest in ROUTES:
                answer = client.request(method, f"/v1/jobs/{job}{rest}")
                problem = harness.as_json(answer)
                assert (answer.status, problem["code"], problem["status"]) == (410, "job_expired", 410), (method, rest)
                assert answer.headers.get_content_type() == "application/problem+json"
                left = problem["job"]
                assert (left["id"], left["status"], left["stop_reason"], left["outcome"]) == (
                    job, "completed", "finished", "ok")
                assert _time(left["finished_at"]) < _time(left["expired_at"])
        for method, rest in ROUTES:
            answer = client.request(method, f"/v1/jobs/{UNKNOWN}{rest}")
            assert (answer.status, harness.as_json(answer)["code"]) == (404, "job_not_found"), (method, rest)
        assert {job["id"] for job in client.walk("/v1/jobs?limit=2")} == {young, companion}
        for job in (young, companion):
            status = client.status(job)
            age = _time(status["expires_at"]) - _time(status["finished_at"])
            assert age == datetime.timedelta(days=RETAIN_DAYS)
            assert len(list(client.walk(f"/v1/jobs/{job}/results?limit=1000"))) == 600
        day = [f"{table}_{server.sql('select to_char((now() at time zone $$UTC$$)::date - 50, $$YYYYMMDD$$)')[0]}"
               for table in ("item", "page", "seen")]
        harness.wait_until(lambda: set(_partitions(server)) == {*before, *day}, EXPIRED_SECONDS,
                           f"partitions go: {_partitions(server)}; {service.log_tail()}")
        rows = "select (select count(*) from item_default) + (select count(*) from page_default) " \
               "+ (select count(*) from seen_default)"
        harness.wait_until(lambda: server.number(rows) == 0, EXPIRED_SECONDS, "stray rows go")
        new = client.submit(small_site.job)
        databases.assert_exact(client, new, small_site)
        assert service.stop() == 0


def test_another_keys_expired_job_is_unknown(binary, server, small_site, tmp_path):
    keys = ["first-key-of-sixteen", "second-key-of-sixteen"]
    (tmp_path / "keys").write_text("\n".join(keys) + "\n")
    options = {"key": keys[0], "key_file": tmp_path / "keys"}
    with databases.service_on(binary, server.url, **options) as service:
        job = service.client.submit(small_site.job)
        service.client.finished(job)
        assert service.stop() == 0
    _backdate(server, job, 40)
    with databases.service_on(binary, server.url, arguments=["--retain", str(RETAIN_DAYS)], **options) as service:
        harness.wait_until(lambda: service.client.get(f"/v1/jobs/{job}").status == 410, EXPIRED_SECONDS, "it expires")
        assert harness.Client(service.port, keys[1]).get(f"/v1/jobs/{job}").status == 404
        assert harness.Client(service.port, "no-such-key-at-all").get(f"/v1/jobs/{job}").status == 401
        assert service.stop() == 0


@pytest.mark.parametrize("value", ["0", "-1", "30h", "d", "36501", "1.5"])
def test_a_retention_that_makes_no_sense_is_refused(binary, value):
    command = [binary, "serve", f"--retain={value}"]
    ended = harness.subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert ended.returncode != 0 and "--retain" in ended.stderr


def _time(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
