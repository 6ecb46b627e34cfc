"""Starting, stopping and sharing: signals, keys, one data directory for two services, a database that is up."""

import http.client
import os
import stat
import subprocess
import time

import pytest

import harness

GRACEFUL_SECONDS = 20


def test_the_command_tells_its_version_and_its_help(binary):
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=30)
    assert version.returncode == 0 and version.stdout.strip()
    usage = subprocess.run([binary, "serve", "--help"], capture_output=True, text=True, timeout=30)
    assert usage.returncode == 0
    for flag in ("--bind", "--database-url", "--data-dir", "--egress-allow", "--api-key-file", "--max-body-bytes"):
        assert flag in usage.stdout


def test_health_readiness_and_the_contract_are_served(client):
    assert client.get("/healthz").status == 200
    assert client.get("/readyz").status == 200
    contract = client.get("/openapi.yaml")
    assert contract.status == 200 and b"openapi: 3.1" in contract.body
    assert harness.as_json(client.get("/openapi.json"))["openapi"].startswith("3.1")


def test_every_answer_carries_a_request_id_and_keeps_a_sane_one(client):
    assert client.get("/healthz").headers["X-Request-Id"]
    assert client.get("/v1/nothing").headers["X-Request-Id"]
    assert client.get("/healthz", X_Request_Id="abc-123").headers["X-Request-Id"] == "abc-123"


def test_sigterm_in_mid_job_ends_cleanly_and_the_job_goes_on_after_a_start(binary, slow_site):
    service = harness.Service(binary)
    try:
        service.start()
        job_id = service.client.submit(slow_site.job)
        harness.wait_until(lambda: service.client.status(job_id)["progress"]["fetched"] > 50, 30, "pages are fetched")
        began = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - began < GRACEFUL_SECONDS
        assert not list(service.data_directory.rglob("postmaster.pid")), "the last one out stops the database"
        service.start()
        status = service.client.finished(job_id, 120)
        assert (status["status"], status["progress"]["items"]) == ("completed", 1200)
        assert service.stop() == 0
    finally:
        service.close()


def test_sigint_ends_the_service_too(binary):
    with harness.Service(binary) as service:
        assert harness.stop_process(service.process, harness.signal.SIGINT) == 0


def test_two_services_on_one_data_directory_share_its_database(binary, small_site):
    with harness.Service(binary) as first:
        second = harness.Service(binary, first.data_directory)
        try:
            second.start()
            job_id = first.client.submit(small_site.job)
            assert second.client.status(job_id)["name"] == "motoren"
            assert second.client.finished(job_id)["progress"]["items"] == 600
            assert first.stop() == 0
            assert second.client.status(job_id)["terminal"], "the database stays while somebody uses it"
            assert second.stop() == 0
        finally:
            second.process and second.process.poll() is None and second.stop()
            second.log_path.unlink(missing_ok=True)
        assert not list(first.data_directory.rglob("postmaster.pid"))


def test_a_stale_pid_file_of_the_database_does_not_stop_a_start(binary, small_site):
    service = harness.Service(binary)
    try:
        service.start()
        job_id = service.client.submit(small_site.job)
        service.client.finished(job_id)
        service.kill()
        pid_file = next(service.data_directory.rglob("postmaster.pid"))
        os.kill(int(pid_file.read_text().split()[0]), harness.signal.SIGKILL)
        time.sleep(1)
        service.start()
        assert service.client.status(job_id)["progress"]["items"] == 600
        assert service.stop() == 0
    finally:
        service.close()


def test_the_embedded_database_is_private(binary):
    with harness.Service(binary) as service:
        pid_file = next(service.data_directory.rglob("postmaster.pid"))
        lines = pid_file.read_text().splitlines()
        assert lines[5].strip() == "", f"no TCP address, but {lines[5]}"
        for socket_path in service.data_directory.rglob(".s.PGSQL.*"):
            if stat.S_ISSOCK(socket_path.stat().st_mode):
                assert socket_path.parent.stat().st_mode & 0o077 == 0


def test_a_database_that_is_up_can_be_used_instead(binary, small_site):
    with harness.Postgres() as postgres:
        with harness.Service(binary, arguments=["--database-url", postgres.url]) as service:
            job_id = service.client.submit(small_site.job)
            assert service.client.finished(job_id)["progress"]["items"] == 600
            assert not list(service.data_directory.rglob("postmaster.pid"))
            assert service.stop() == 0


def test_a_job_survives_that_the_database_goes_away_and_comes_back(binary, slow_site):
    with harness.Postgres() as postgres:
        with harness.Service(binary, arguments=["--database-url", postgres.url]) as service:
            job_id = service.client.submit(slow_site.job)
            harness.wait_until(lambda: service.client.status(job_id)["progress"]["fetched"] > 50, 30, "pages are fetched")
            postgres.stop()
            harness.wait_until(lambda: service.client.get("/readyz").status == 503, 30, "/readyz says 503")
            assert service.client.get("/healthz").status == 200
            answer = service.client.get("/v1/jobs")
            assert answer.status == 503 and answer.headers["Retry-After"]
            postgres.start()
            harness.wait_until(service.is_ready, 30, "the service is ready again")
            assert service.client.finished(job_id, 120)["progress"]["items"] == 1200
            assert service.stop() == 0


def test_with_a_key_file_every_job_route_asks_for_a_key(binary, tmp_path, small_site):
    key_file = tmp_path / "keys"
    key_file.write_text("correct-horse-battery-staple\n")
    key_file.chmod(0o600)
    with harness.Service(binary, key="correct-horse-battery-staple", key_file=key_file) as service:
        job_id = service.client.submit(small_site.job)
        for key in (None, "wrong", "correct-horse-battery-stapl", ""):
            stranger = harness.Client(service.port)
            headers = {} if key is None else {"Authorization": f"Bearer {key}"}
            for method, path in (("GET", "/v1/jobs"), ("GET", f"/v1/jobs/{job_id}"), ("DELETE", f"/v1/jobs/{job_id}"),
                                 ("GET", f"/v1/jobs/{job_id}/results"), ("POST", f"/v1/jobs/{job_id}/cancel")):
                answer = stranger.request(method, path, headers=headers)
                assert answer.status == 401, (key, method, path, answer.status)
                assert answer.headers.get_content_type() == "application/problem+json"
        assert harness.Client(service.port).get("/healthz").status == 200
        assert service.client.finished(job_id)["progress"]["items"] == 600


def test_a_read_key_reads_and_changes_nothing(binary, tmp_path, small_site):
    full, read, other = "correct-horse-battery-staple", "read-only-battery-staple", "somebody-elses-key-0123"
    key_file = tmp_path / "keys"
    key_file.write_text(f"# ours\n{full}\n{read} read\n\n{other}\n")
    key_file.chmod(0o600)
    with harness.Service(binary, key=full, key_file=key_file) as service:
        job_id = service.client.submit(small_site.job)
        service.client.finished(job_id)
        reader, stranger = harness.Client(service.port, read), harness.Client(service.port, other)
        for path in ("", "/results", "/pages", "/word-counts", "/deliveries"):
            assert reader.get(f"/v1/jobs/{job_id}{path}").status == 200, path
            assert stranger.get(f"/v1/jobs/{job_id}{path}").status == 404, path
        assert [status["id"] for status in reader.walk("/v1/jobs")] == [job_id]
        for method, path in (("POST", "/v1/jobs"), ("POST", f"/v1/jobs/{job_id}/cancel"), ("DELETE", f"/v1/jobs/{job_id}")):
            answer = reader.request(method, path, b"{}" if method == "POST" else None)
            assert answer.status == 403, (method, path)
            assert harness.as_json(answer)["code"] == "forbidden_scope"
            assert answer.headers.get_content_type() == "application/problem+json"
        assert service.client.delete(f"/v1/jobs/{job_id}").status == 204
        assert not any(key in service.log_path.read_text() for key in (full, read, other))


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]", "0.0.0.0", "[::]"])
@pytest.mark.parametrize("keys", [None, "", "# nothing\n", "short\n", "0123456789abcdef read\n", "0123456789abcdef write\n",
                                  "0123456789abcdef\n", "0123456789abcdef\nfedcba9876543210 read\n"])
def test_where_the_service_listens_depends_on_its_keys(binary, tmp_path, address, keys):
    """A key file without a full key is refused anywhere; without a key file only loopback is served."""
    is_loopback = address in ("127.0.0.1", "[::1]")
    is_usable = keys is not None and keys.startswith("0123456789abcdef\n")
    command = [binary, "serve", "--bind", f"{address}:0", "--database-url", "postgresql://127.0.0.1:1/none"]
    if keys is not None:
        (tmp_path / "keys").write_text(keys)
        command += ["--api-key-file", str(tmp_path / "keys")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path)
    try:
        if is_usable or (keys is None and is_loopback):
            line = next(line for line in process.stdout if "listening" in line)
            port = int(line.rsplit(":", 1)[1])
            host = address.strip("[]").replace("0.0.0.0", "127.0.0.1")
            connection = http.client.HTTPConnection("::1" if host in ("::", "::1") else host, port, timeout=10)
            connection.request("GET", "/v1/jobs/none")
            assert connection.getresponse().status == (401 if is_usable else 404)
        else:
            said, _ = process.communicate(timeout=30)
            assert process.returncode != 0 and "key" in said, said
            assert "0123456789abcdef" not in said
    finally:
        harness.stop_process(process)
        process.stdout.close()


def test_without_a_key_the_service_refuses_to_listen_beyond_loopback(binary, tmp_path):
    for address in ("0.0.0.0", "[::]"):
        command = [binary, "serve", "--bind", f"{address}:{harness.free_port()}", "--data-dir", str(tmp_path / "data")]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert ended.returncode != 0
        assert "key" in (ended.stdout + ended.stderr).lower()


def test_a_port_in_use_is_a_clear_error(binary, service, tmp_path):
    command = [binary, "serve", "--bind", f"127.0.0.1:{service.port}", "--data-dir", str(harness.temporary_directory("busy"))]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode != 0
    assert str(service.port) in ended.stdout + ended.stderr


def test_a_flag_may_come_from_the_environment(binary):
    data, port = harness.temporary_directory("environment"), harness.free_port()
    environment = {**os.environ, "SCRAPE_BIND": f"127.0.0.1:{port}", "SCRAPE_DATA_DIR": str(data / "data")}
    process = subprocess.Popen([binary, "serve"], env=environment, **harness.NOBODY_ELSE)
    try:
        harness.wait_until(lambda: harness.is_listening(port), harness.READY_SECONDS, "the service listens")
    finally:
        assert harness.stop_process(process) == 0
        harness.shutil.rmtree(data, ignore_errors=True)
