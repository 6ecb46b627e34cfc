"""The primary dies in mid-job and its synchronous standby takes over: nothing that was answered is lost."""

import threading

import databases
import harness

TAKEOVER_SECONDS = 15


def test_nothing_that_was_answered_is_lost_when_the_standby_takes_over(binary, slow_site):
    tiny = {"start": f"{slow_site.origin}/nowhere", "pages": {"page": {"fields": {"title": "title"}}}}
    with databases.Server() as primary, databases.Standby(primary) as standby:
        primary.sql("alter system set synchronous_standby_names = '*'")
        primary.sql("select pg_reload_conf()")
        in_step = "select count(*) from pg_stat_replication where sync_state = 'sync'"
        harness.wait_until(lambda: primary.number(in_step) == 1, 30, "the standby is in step")
        url = f"postgresql://postgres@127.0.0.1:{primary.port},127.0.0.1:{standby.port}/postgres?target_session_attrs=read-write"
        with databases.service_on(binary, url) as service:
            job_id = service.client.submit(slow_site.job)
            databases.wait_for_pages(service, job_id, 100)
            accepted, over = [job_id], threading.Event()
            client = harness.Client(service.port)

            def submit():
                while not over.is_set():
                    answer = client.post("/v1/jobs", tiny)
                    assert answer.status in (202, 503), answer
                    if answer.status == 202:
                        accepted.append(harness.as_json(answer)["id"])

            thread = threading.Thread(target=submit)
            thread.start()
            try:
                harness.wait_until(lambda: len(accepted) > 20, 30, "jobs are accepted")
                items = list(service.client.walk(f"/v1/jobs/{job_id}/results?limit=1000"))
                seen = service.client.status(job_id)["progress"]
                primary.kill_everything()
                told = len(accepted)
                standby.promote()
                harness.wait_until(service.is_ready, TAKEOVER_SECONDS, f"ready on the standby; {service.log_tail()}")
                harness.wait_until(lambda: len(accepted) > told + 5, TAKEOVER_SECONDS, "jobs are accepted again")
            finally:
                over.set()
                thread.join()
            after = service.client.status(job_id)["progress"]
            assert all(after[name] >= seen[name] for name in ("discovered", "fetched", "items")), (seen, after)
            for answered in accepted:
                assert service.client.get(f"/v1/jobs/{answered}").status == 200, answered
            databases.assert_exact(service.client, job_id, slow_site)
            kept = {item["seq"]: item for item in service.client.walk(f"/v1/jobs/{job_id}/results?limit=1000")}
            assert all(kept[item["seq"]] == item for item in items), "what a reader saw is still there, as it was"
            assert service.stop() == 0


def test_a_session_on_a_server_that_takes_no_writes_any_more_is_given_up(binary, small_site):
    with databases.Server() as server, databases.service_on(binary, server.url) as service:
        server.sql("alter system set default_transaction_read_only = on")
        server.sql("select pg_reload_conf()")
        answer = harness.wait_until(lambda: _refused(service, small_site), 10, "writes are refused")
        assert harness.as_json(answer)["code"] == "database_unavailable"
        _allow_writes(server)
        job_id = harness.wait_until(lambda: _accepted(service, small_site), 10, "writes are taken again")
        databases.assert_exact(service.client, job_id, small_site)
        assert service.stop() == 0


def _refused(service, site):
    answer = service.client.post("/v1/jobs", site.job)
    return answer if answer.status == 503 else None


def _accepted(service, site):
    answer = service.client.post("/v1/jobs", site.job)
    return harness.as_json(answer)["id"] if answer.status == 202 else None


def _allow_writes(server):
    (server.directory / "data/postgresql.auto.conf").write_text("")
    server.sql("select pg_reload_conf()")
