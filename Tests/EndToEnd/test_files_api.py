"""Saved files as clients read them: streamed at constant memory, in parts, under names that stay in their folder."""

import hashlib
import http.client
import pathlib
import subprocess
import time

import pytest

import databases
import file_site
import harness

MIB = 1 << 20
LARGE = (1024 if databases.IS_LONG else 64) * MIB
RSS_GROWTH = 16 * MIB
HOSTILE = {
    "/evil-folder": 'attachment; filename="../../../escaped.sh"',
    "/evil-absolute": 'attachment; filename="/tmp/escaped.sh"',
    "/evil-hidden": 'attachment; filename=".profile"',
    "/evil-extended": "attachment; filename*=UTF-8''..%2F..%2Fescaped%0d%0aX-Evil: 1",
    "/evil-backslash": 'attachment; filename="..\\\\..\\\\escaped.sh"',
    "/a%2F..%2F.escaped": "inline",
    "/b%0Aescaped%22%5C..%5C.sh": "inline",
    "/long": f'attachment; filename="{"x" * 3000}.txt"',
    "/": "inline",
}


def block(number):
    """A MiB that no other is like."""
    return hashlib.sha256(str(number).encode()).digest() * (MIB // 32)


@pytest.fixture(scope="module")
def site():
    def location(path, field):
        field = field.replace("\\", "\\\\").replace("'", "\\'")
        return f"location = {path} {{ add_header Content-Disposition '{field}'; default_type text/html; echo -n body; }} "

    locations = "".join(location(path, field) for path, field in HOSTILE.items() if "%" not in path)
    locations += "location ~ escaped { echo -n body; } "
    with file_site.FileSite(locations=locations) as site:
        with open(site.root / "large.bin", "wb") as large:
            for number in range(LARGE // MIB):
                large.write(block(number))
        yield site


@pytest.fixture(scope="module")
def database():
    with databases.Server() as server:
        yield server


@pytest.fixture(scope="module")
def service(binary, database):
    """A service on a database that the tests may ask what it holds."""
    with harness.Service(binary, arguments=["--database-url", database.url]) as running:
        yield running
        assert running.is_alive(), running.log_tail()


@pytest.fixture(scope="module")
def saved(service, site):
    """The job that saved the large file, and the file's entry."""
    job_id = service.client.submit({"start": f"{site.origin}/large.bin", "pages": {"f": {"save": True}},
                                    "fetch": {"file_timeout_seconds": 3600}})
    status = service.client.finished(job_id, seconds=900)
    assert (status["outcome"], status["progress"]["files"]) == ("ok", 1), status
    (entry,) = service.client.walk(status["links"]["files"])
    assert entry["bytes"] == LARGE
    return job_id, entry


def memory(service, name):
    """A figure of /proc/PID/status, in bytes."""
    lines = pathlib.Path(f"/proc/{service.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(name + ":"))


def forget_peak(service):
    pathlib.Path(f"/proc/{service.process.pid}/clear_refs").write_text("5")
    return memory(service, "VmRSS")


def swept(database):
    """Pieces that are there when nothing is left to sweep."""
    tables = ("upload", "loose_blob", "dropped_body", "dropped_shard")
    rest = " + ".join(f"(select count(*) from {table})" for table in tables)
    harness.wait_until(lambda: database.number(f"select {rest}") == 0, 30, "everything is swept")
    return database.number("select count(*) from piece")


def begun(service, path, **headers):
    """A response whose body nobody has read yet."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return connection.getresponse()


def test_a_large_file_is_read_at_constant_memory(service, saved):
    _, entry = saved
    service.client.get(entry["links"]["self"], Range="bytes=0-99")
    before = forget_peak(service)
    began, digest = time.monotonic(), hashlib.sha256()
    response = begun(service, entry["links"]["self"])
    assert (response.status, int(response.headers["Content-Length"])) == (200, LARGE)
    while piece := response.read(MIB):
        digest.update(piece)
    seconds, growth = time.monotonic() - began, memory(service, "VmHWM") - before
    print(f"{LARGE >> 20} MiB in {seconds:.1f} s ({(LARGE >> 20) / seconds:.0f} MiB/s), RSS grew by {growth / MIB:.1f} MiB")
    assert digest.hexdigest() == entry["sha256"]
    assert growth <= RSS_GROWTH


def test_readers_that_do_not_read_cost_little(service, saved):
    """Bytes that nobody takes are not read from the database."""
    _, entry = saved
    before = forget_peak(service)
    responses = [begun(service, entry["links"]["self"]) for _ in range(20)]
    time.sleep(3)
    assert memory(service, "VmHWM") - before <= RSS_GROWTH
    assert [response.read(MIB) == block(0) for response in responses] == [True] * 20
    for response in responses:
        response.close()
    assert service.is_alive()


def test_parts_are_the_bytes_of_the_whole(service, saved):
    _, entry = saved
    piece = 256 << 10
    for first, last in [(0, 0), (piece - 1, piece), (5 * MIB - 100, 5 * MIB + 99), (LARGE - 1, LARGE - 1)]:
        answer = service.client.get(entry["links"]["self"], Range=f"bytes={first}-{last}",
                                    If_Range=f'"{entry["sha256"]}"')
        assert (answer.status, answer.headers["Content-Range"]) == (206, f"bytes {first}-{last}/{LARGE}")
        around = b"".join(block(number) for number in range(first // MIB, last // MIB + 1))
        assert answer.body == around[first % MIB:first % MIB + last - first + 1]
    head = service.client.request("HEAD", entry["links"]["self"])
    assert (head.status, head.body, int(head.headers["Content-Length"])) == (200, b"", LARGE)


def test_a_download_goes_on_where_curl_left_it(service, saved, tmp_path):
    _, entry = saved
    target = tmp_path / "large.bin"
    target.write_bytes(block(0)[:700_000])
    subprocess.run(["curl", "-sfC", "-", "-o", str(target), f"http://127.0.0.1:{service.port}{entry['links']['self']}"],
                   check=True)
    digest = hashlib.sha256()
    with open(target, "rb") as file:
        while piece := file.read(MIB):
            digest.update(piece)
    assert digest.hexdigest() == entry["sha256"]


def test_the_same_bytes_of_two_jobs_are_stored_once_and_outlive_the_first(service, database, site):
    (site.root / "shared.bin").write_bytes(block(-1) * 3)
    job = {"start": f"{site.origin}/shared.bin", "pages": {"f": {"save": True}}}
    client = service.client
    before = swept(database)
    jobs = [client.submit(job) for _ in range(2)]
    for job_id in jobs:
        assert client.finished(job_id)["progress"]["files"] == 1
    harness.wait_until(lambda: swept(database) == before + 12, 30, "the second body is swept")
    assert client.delete(f"/v1/jobs/{jobs[0]}").status == 204
    assert client.get(f"/v1/jobs/{jobs[0]}/files").status == 404
    assert swept(database) == before + 12
    assert client.get(f"/v1/jobs/{jobs[1]}/files/1").body == block(-1) * 3
    assert client.delete(f"/v1/jobs/{jobs[1]}").status == 204
    harness.wait_until(lambda: swept(database) == before, 30, "the last bytes are swept")


def test_a_file_deleted_under_its_reader_ends_the_connection(service, database, site):
    with open(site.root / "doomed.bin", "wb") as doomed:
        for number in range(64):
            doomed.write(block(1_000_000 + number))
    job_id = service.client.submit({"start": f"{site.origin}/doomed.bin", "pages": {"f": {"save": True}}})
    assert service.client.finished(job_id)["progress"]["files"] == 1
    response = begun(service, f"/v1/jobs/{job_id}/files/1")
    assert response.read(1) == block(1_000_000)[:1]
    before = database.number("select count(*) from piece")
    assert service.client.delete(f"/v1/jobs/{job_id}").status == 204
    harness.wait_until(lambda: swept(database) == before - 256, 30, "its bytes are swept")
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        response.read()
    assert service.is_alive()


def test_names_that_servers_propose_stay_in_their_folder(service, site, tmp_path):
    job_id = service.client.submit({"start": [site.origin + path for path in HOSTILE], "pages": {"f": {"save": True}},
                                    "politeness": {"robots": False}})
    status = service.client.finished(job_id)
    entries = list(service.client.walk(status["links"]["files"]))
    assert len(entries) == len(HOSTILE), status
    folder = tmp_path / "down" / "load"
    folder.mkdir(parents=True)
    for entry in entries:
        assert "/" not in entry["name"] and entry["name"] not in ("", ".", "..")
        subprocess.run(["curl", "-sfOJ", f"http://127.0.0.1:{service.port}{entry['links']['self']}"], cwd=folder, check=True)
        for path in folder.iterdir():
            assert path.is_file() and not path.name.startswith(".") and path.read_bytes() == b"body"
            path.unlink()
        answer = service.client.get(entry["links"]["self"])
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "sandbox"
        assert answer.headers["Content-Disposition"].startswith("attachment; ") and "X-Evil" not in answer.headers
    assert [path.name for path in (tmp_path / "down").iterdir()] == ["load"]
