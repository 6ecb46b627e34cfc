"""Saved files, end to end: the flags of the contract, and large PDFs, byte for byte."""

import collections
import hashlib
import itertools
import os
import random
import string

import pytest

import databases
import file_site
import harness

FLAGS = {"name": "flags", "start": [{"url": "http://flupy.org/data/flags/{a}{b}/{a}{b}.gif",
                                     "variables": {"a": {"from": "a", "to": "z"}, "b": {"from": "a", "to": "z"}}}],
         "pages": {"flag": {"save": True}}}
THERE = 194
# One stall costs the job's time-out: 30 s.
FAULTS = {429: 4, 500: 12, "cut": 12, "stall": 3}
LATE = 20


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def files_of(client, job_id):
    return list(client.walk(f"/v1/jobs/{job_id}/files?limit=100"))


def content_of(client, file):
    answer = client.get(file["links"]["self"])
    assert answer.status == 200, answer
    return answer


def check_files(client, job_id, expected):
    """The job has exactly the files of `expected` (`{url: content}`), each once and byte for byte."""
    files = files_of(client, job_id)
    assert collections.Counter(file["url"] for file in files) == collections.Counter(expected.keys())
    for file in files:
        content = expected[file["url"]]
        assert (file["bytes"], file["sha256"]) == (len(content), sha256(content)), file["url"]
        answer = content_of(client, file)
        assert answer.body == content, file["url"]
        assert answer.headers["ETag"] == f'"{file["sha256"]}"'
    return files


@pytest.mark.skipif(os.geteuid() != 0, reason="port 80 and a table of hosts need root")
def test_the_flags_of_the_contract_are_saved_byte_for_byte(binary):
    pairs = [a + b for a, b in itertools.product(string.ascii_lowercase, repeat=2)]
    rng = random.Random(THERE)
    flags = dict(zip(rng.sample(pairs, THERE), file_site.images(THERE)))
    path = {pair: f"/data/flags/{pair}/{pair}.gif" for pair in pairs}
    waiting = iter(flags)
    faulty = {next(waiting): how for how, count in FAULTS.items() for _ in range(count)}
    late = [next(waiting) for _ in range(LATE)]
    answers = {path[pair]: file_site.failing_once(flags[pair], how) for pair, how in faulty.items()}
    host = file_site.NamedHost("flupy.org")
    with file_site.Broken(answers) as broken:
        locations = "".join(
            [f"location = {path[pair]} {{ proxy_pass {broken.origin}; proxy_buffering off; proxy_http_version 1.1; }} "
             for pair in faulty]
            + [f"location = {path[pair]} {{ echo_sleep 0.55; echo_exec @late; }} " for pair in late]
            + ["location @late { }"])
        site = file_site.FileSite(host.address, 80, locations)
        for pair in flags:
            site.add(path[pair], flags[pair])
        with site, harness.Service(host.wrap(binary)) as service:
            client = service.client
            job_id = client.submit(FLAGS)
            status = client.finished(job_id)
            assert (status["status"], status["outcome"]) == ("completed", "partial"), status
            progress = status["progress"]
            assert (progress["discovered"], progress["fetched"], progress["failed"]) == (676, THERE, 676 - THERE)
            assert progress["files"] == THERE and progress["items"] == 0
            assert progress["retries"] == len(faulty)
            assert progress["bytes"] >= sum(map(len, flags.values()))
            assert status["failures"] == [{"code": "http_404", "count": 676 - THERE}]
            url = {pair: "http://flupy.org" + path[pair] for pair in pairs}
            check_files(client, job_id, {url[pair]: flags[pair] for pair in flags})
            ledger = {row["url"]: row for row in client.walk(f"/v1/jobs/{job_id}/pages?limit=1000")}
            assert set(ledger) == set(url.values())
            for pair in pairs:
                row = ledger[url[pair]]
                if pair in flags:
                    assert (row["status"], row["http_status"], row["bytes"]) == ("fetched", 200, len(flags[pair])), row
                    assert row["attempts"] == (2 if pair in faulty else 1), row
                else:
                    assert (row["status"], row["http_status"], row["error"]) == ("failed", 404, "http_404"), row
            asked = collections.Counter(request.uri for request in site.requests())
            assert asked == collections.Counter(
                {path[pair]: 2 if pair in faulty else 1 for pair in pairs})
            late_rows = [ledger[url[pair]]["seconds"] for pair in late]
            # The site sleeps longer than that: nginx counts by a clock that it reads once a turn.
            assert min(late_rows) >= 0.5, late_rows
    host.close()


def pdf_job(origin, names, **fetch):
    return {"start": [f"{origin}/{name}" for name in names], "pages": {"pdf": {"save": True}}, "fetch": fetch}


def test_five_large_pdfs_are_saved_byte_for_byte(client):
    with file_site.FileSite() as site:
        for path in file_site.PDFS:
            site.add(path.name, path)
        names = [path.name for path in file_site.PDFS]
        job_id = client.submit(pdf_job(site.origin, names))
        status = client.finished(job_id)
        assert (status["status"], status["outcome"], status["progress"]["files"]) == ("completed", "ok", 5), status
        expected = {f"{site.origin}/{path.name}": path.read_bytes() for path in file_site.PDFS}
        for file in check_files(client, job_id, expected):
            assert file["content_type"] == "application/pdf" and file["name"] in names
        assert status["progress"]["bytes"] == sum(map(len, expected.values()))
        assert [request.range for request in site.requests()] == [""] * 5


def test_the_same_bytes_under_two_urls_are_stored_once(binary):
    path = file_site.PDFS[1]
    with databases.Server() as server, file_site.FileSite() as site:
        for name in ("one.pdf", "two.pdf", "small/one.pdf", "small/two.pdf"):
            site.add(name, path.read_bytes()[:50_000] if "small" in name else path)
        with harness.Service(binary, arguments=["--database-url", server.url]) as service:
            client = service.client
            first = client.submit(pdf_job(site.origin, ["one.pdf", "small/one.pdf"]))
            assert client.finished(first)["progress"]["files"] == 2
            second = client.submit(pdf_job(site.origin, ["one.pdf", "two.pdf", "small/one.pdf", "small/two.pdf"]))
            assert client.finished(second)["progress"]["files"] == 4
            for job_id in (first, second):
                for file in files_of(client, job_id):
                    whole = path.read_bytes()
                    assert content_of(client, file).body == (whole[:50_000] if "small" in file["url"] else whole)
            assert server.number("select count(*) from blob") == 2
            assert server.number("select count(*) from file") == 6
            bytes_once = path.stat().st_size + 50_000
            harness.wait_until(lambda: server.number("select sum(octet_length(content)) from piece") == bytes_once,
                               60, "bytes that are there twice are swept")


def test_a_body_that_is_read_too_is_saved_as_it_came(client):
    page = "<html><head><meta charset=utf-8></head><body><h1>Één</h1><a href=/doc.pdf>x</a></body></html>".encode()
    with file_site.FileSite() as site:
        site.add("index.html", page)
        site.add("doc.pdf", file_site.PDFS[4])
        job_id = client.submit({
            "start": f"{site.origin}/index.html", "fetch": {"timeout_seconds": 20},
            "pages": {"page": {"save": True, "fields": {"title": "h1"}, "follow": [{"links": "a", "as": "page"}]}}})
        status = client.finished(job_id)
        assert (status["status"], status["outcome"]) == ("completed", "ok"), status
        assert (status["progress"]["items"], status["progress"]["files"]) == (1, 2)
        check_files(client, job_id, {f"{site.origin}/index.html": page,
                                     f"{site.origin}/doc.pdf": file_site.PDFS[4].read_bytes()})
        items = list(client.walk(f"/v1/jobs/{job_id}/results"))
        assert [item["data"] for item in items] == [{"title": "Één"}]


def test_a_body_too_long_to_be_read_is_not_taken_for_known(client):
    def job(**limits):
        return {"start": f"{site.origin}/long.html", "limits": limits, "fetch": {"conditional": True},
                "pages": {"page": {"save": True, "fields": {"title": "h1"}}}}

    with file_site.FileSite() as site:
        site.add("long.html", b"<h1>Long</h1>" + b"<p>" * 5000)
        for wanted, items, code in ((job(max_page_bytes=1000), 0, 200), (job(), 1, 200), (job(), 0, 304)):
            job_id = client.submit(wanted)
            progress = client.finished(job_id)["progress"]
            assert (progress["items"], progress["files"]) == (items, code == 200), progress
            assert [request.status for request in site.requests("/long.html")][-1] == code


def test_an_empty_body_is_a_file(client):
    with file_site.FileSite() as site:
        site.add("nothing.bin", b"")
        job_id = client.submit(pdf_job(site.origin, ["nothing.bin"]))
        assert client.finished(job_id)["outcome"] == "ok"
        check_files(client, job_id, {f"{site.origin}/nothing.bin": b""})
