"""Saved files when something goes wrong: nothing is half, nothing mixed, nothing fetched twice that need not be."""

import collections
import contextlib
import pathlib
import re
import signal
import time

import pytest

import databases
import file_site
import harness
from test_files import check_files, content_of, files_of, pdf_job

PIECE = 256 << 10
PDF, OTHER = file_site.PDFS[0], file_site.PDFS[1]
SLOW = "1m"  # of nginx's limit_rate: some 6 s for the PDF


def first_byte(request):
    """Where a request for the rest of a file begins."""
    match = re.fullmatch(r"bytes=(\d+)-", request.range)
    assert match and request.if_range.startswith('"'), request
    return int(match[1])


def failed_row(client, job_id):
    status = client.finished(job_id)
    assert status["progress"]["files"] == 0 and files_of(client, job_id) == []
    rows = list(client.walk(f"/v1/jobs/{job_id}/pages"))
    assert len(rows) == 1 and rows[0]["status"] == "failed", rows
    return rows[0]


def test_a_connection_that_breaks_is_gone_on_from(client):
    cuts = [2_000_000, 1_500_000, 900_000]
    with file_site.FileSite() as site, file_site.Cutter(site, cuts) as cutter:
        site.add("big.pdf", PDF)
        job_id = client.submit(pdf_job(cutter.origin, ["big.pdf"], retries=5))
        status = client.finished(job_id)
        assert (status["outcome"], status["progress"]["retries"]) == ("ok", len(cuts)), status
        check_files(client, job_id, {f"{cutter.origin}/big.pdf": PDF.read_bytes()})
        requests = site.requests("/big.pdf")
        assert len(requests) == 1 + len(cuts) and requests[0].range == ""
        held = 0
        for carried, request in zip(cuts, requests[1:]):
            assert request.status == 206
            # All that came, but for the beginning of a piece and the heads of answers.
            assert held + carried - PIECE - 4096 < first_byte(request) <= held + carried, requests
            held = first_byte(request)
        row, = client.walk(f"/v1/jobs/{job_id}/pages")
        assert (row["status"], row["http_status"], row["attempts"]) == ("fetched", 200, 1 + len(cuts)), row
        assert row["bytes"] == PDF.stat().st_size


class Running:
    """A job of one slow file in a database of its own, in the middle of it."""

    def __init__(self, binary, server, site, **fetch):
        self.server, self.service = server, harness.Service(binary, arguments=["--database-url", server.url])
        site.add("big.pdf", PDF)
        self.url = f"{site.origin}/big.pdf"
        self.service.start()
        self.job_id = self.service.client.submit(pdf_job(site.origin, ["big.pdf"], **fetch))
        self.in_the_middle()

    def in_the_middle(self, least=1_500_000):
        harness.wait_until(lambda: self.stored() >= least, 60, "some of the file is stored")

    def stored(self):
        return self.server.number("select coalesce(max(bytes), 0) from upload")

    def check(self, client, content):
        status = client.finished(self.job_id)
        assert (status["status"], status["outcome"], status["progress"]["files"]) == ("completed", "ok", 1), status
        check_files(client, self.job_id, {self.url: content})
        harness.wait_until(lambda: self.leftovers(len(content)) == (0, 0), 60, "nothing is left behind")

    def leftovers(self, size):
        """Uploads, and bytes beyond those of the file."""
        bytes_stored = self.server.number("select coalesce(sum(octet_length(content)), 0) from piece")
        return self.server.number("select count(*) from upload"), bytes_stored - size


def interrupt(running, how):
    """Stops the work in mid-file and lets it go on; returns what was stored for sure."""
    service, stored = running.service, running.stored()
    if how == "pause":
        assert service.client.post(f"/v1/jobs/{running.job_id}/pause").status == 202
        harness.wait_until(lambda: running.server.number("select count(*) from shard where owner is null"), 30, "the lease goes back")
        assert service.client.post(f"/v1/jobs/{running.job_id}/resume").status == 202
    else:
        assert how == signal.SIGKILL and not service.kill() or how == signal.SIGTERM and service.stop() == 0
        service.start()
    return stored


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, "pause"])
def test_a_file_goes_on_where_it_was(binary, how):
    with databases.Server() as server, file_site.FileSite(rate=SLOW) as site:
        running = Running(binary, server, site)
        with contextlib.closing(running.service) as service:
            stored = interrupt(running, how)
            running.check(service.client, PDF.read_bytes())
        first, *more = site.requests("/big.pdf")
        assert first.range == "" and len(more) == 1, (first, more)
        assert first_byte(more[0]) >= stored and more[0].status == 206


def test_a_file_that_changed_meanwhile_is_never_mixed(binary):
    with databases.Server() as server, file_site.FileSite(rate=SLOW) as site:
        running = Running(binary, server, site)
        with contextlib.closing(running.service) as service:
            service.kill()
            site.add("big.pdf", OTHER)
            service.start()
            running.check(service.client, OTHER.read_bytes())
        asked_again = site.requests("/big.pdf")[-1]
        assert first_byte(asked_again) > 0 and asked_again.status == 200


def test_another_replica_takes_a_file_over_from_a_frozen_one(binary):
    with databases.Server() as server, file_site.FileSite(rate="400k") as site:
        running = Running(binary, server, site, file_timeout_seconds=120)
        with contextlib.closing(running.service) as frozen, \
                harness.Service(binary, arguments=["--database-url", server.url]) as other:
            stored = running.stored()
            frozen.process.send_signal(signal.SIGSTOP)
            try:
                def taken_over():
                    return server.number("select max(bytes) from upload") > stored + 4 * PIECE
                harness.wait_until(taken_over, 60, "the other replica goes on")
            finally:
                frozen.process.send_signal(signal.SIGCONT)
            running.check(other.client, PDF.read_bytes())
            assert frozen.is_alive()
        ranges = [request for request in site.requests("/big.pdf") if request.range]
        assert len(ranges) == 1 and first_byte(ranges[0]) >= stored, ranges


def test_a_cancelled_file_leaves_nothing(binary):
    with databases.Server() as server, file_site.FileSite(rate="400k") as site:
        running = Running(binary, server, site, file_timeout_seconds=120)
        with contextlib.closing(running.service) as service:
            began = time.monotonic()
            assert service.client.post(f"/v1/jobs/{running.job_id}/cancel").status == 202
            status = service.client.finished(running.job_id)
            assert time.monotonic() - began < 5
            assert (status["status"], status["progress"]["files"], status["progress"]["skipped"]) == ("cancelled", 0, 1)
            assert files_of(service.client, running.job_id) == []
            harness.wait_until(lambda: running.leftovers(0) == (0, 0), 60, "nothing is left behind")


def test_a_database_that_goes_away_costs_a_file_nothing(binary):
    with databases.Server() as server, file_site.FileSite(rate=SLOW) as site:
        running = Running(binary, server, site, retries=0)
        with contextlib.closing(running.service) as service:
            server.stop()
            time.sleep(3)
            server.start()
            running.check(service.client, PDF.read_bytes())


# What a server answers to a request for the rest.
RESTS = {
    "the wrong part": lambda stream, content, first: file_site.send(
        stream, 206, content[first + 1:], f"Content-Range: bytes {first + 1}-{len(content) - 1}/{len(content)}", 'ETag: "a"'),
    "a part without saying which": lambda stream, content, first: file_site.send(stream, 206, content[first:], 'ETag: "a"'),
    "the part of another state": lambda stream, content, first: file_site.send(
        stream, 206, b"?" * (len(content) - first),
        f"Content-Range: bytes {first}-{len(content) - 1}/{len(content)}", 'ETag: "b"'),
    "the whole": lambda stream, content, first: file_site.send(stream, 200, content, 'ETag: "a"'),
    "a part that ends at the largest number": lambda stream, content, first: file_site.send(
        stream, 206, content[first:], f"Content-Range: bytes {first}-{2**63 - 1}/*", 'ETag: "a"'),
    "that another state has no more": lambda stream, content, first: file_site.send(
        stream, 416, b"", f"Content-Range: bytes */{first}", 'ETag: "b"'),
    "nothing": lambda stream, content, first: file_site.send(stream, 416, b"", "Content-Range: bytes */5"),
    "it in parts": lambda stream, content, first: file_site.send(
        stream, 206, content[first:first + 300_000],
        f"Content-Range: bytes {first}-{min(first + 300_000, len(content)) - 1}/{len(content)}", 'ETag: "a"'),
}


@pytest.mark.parametrize("rest", RESTS)
def test_whatever_a_server_answers_the_file_is_whole(client, rest):
    content = PDF.read_bytes()[:2_000_000]
    ranges = []

    def answer(stream, turn, head):
        if "range" not in head:
            if turn == 1:
                return file_site.send(stream, 200, content[:900_000], 'ETag: "a"', length=len(content))
            return file_site.send(stream, 200, content, 'ETag: "a"')
        ranges.append(head["range"])
        assert head["if-range"] == '"a"'
        return RESTS[rest](stream, content, int(head["range"][6:-1]))

    with file_site.Broken({"/big.pdf": answer}) as site:
        job_id = client.submit(pdf_job(site.origin, ["big.pdf"]))
        assert client.finished(job_id)["outcome"] == "ok"
        check_files(client, job_id, {f"{site.origin}/big.pdf": content})
        assert ranges[0] == f"bytes={3 * PIECE}-"
        if rest == "it in parts":
            assert ranges[1] == f"bytes={3 * PIECE + 300_000}-", ranges


@pytest.mark.parametrize("status", [503, 429, 408])
def test_a_refusal_of_the_rest_forgets_nothing(client, status):
    content, ranges = PDF.read_bytes()[:2_000_000], []

    def answer(stream, turn, head):
        ranges.append(head.get("range"))
        if turn == 1:
            return file_site.send(stream, 200, content[:900_000], 'ETag: "a"', length=len(content))
        if turn < 4:
            return file_site.send(stream, status, b"later")
        return RESTS["it in parts"](stream, content, int(head["range"][6:-1])) if "range" in head \
            else file_site.send(stream, 200, content, 'ETag: "a"')

    with file_site.Broken({"/big.pdf": answer}) as site:
        job_id = client.submit(pdf_job(site.origin, ["big.pdf"], retries=5))
        status = client.finished(job_id)
        assert (status["outcome"], status["progress"]["retries"]) == ("ok", 3), status
        check_files(client, job_id, {f"{site.origin}/big.pdf": content})
        assert ranges[:5] == [None, *[f"bytes={3 * PIECE}-"] * 3, f"bytes={3 * PIECE + 300_000}-"], ranges


def test_the_answer_to_a_post_is_asked_for_whole(client):
    content, asked = PDF.read_bytes()[:2_000_000], []

    def answer(stream, turn, head):
        asked.append((head.get("range"), head.get("if-range"), head["content-length"]))
        length = len(content) if turn == 1 else None
        return file_site.send(stream, 200, content[:900_000] if turn == 1 else content, 'ETag: "a"', length=length)

    with file_site.Broken({"/report.pdf": answer}) as site:
        url = f"{site.origin}/report.pdf"
        start = {"url": url, "method": "POST", "body": "year=2026"}
        job_id = client.submit({**pdf_job(site.origin, []), "start": [start]})
        status = client.finished(job_id)
        assert (status["outcome"], status["progress"]["retries"]) == ("ok", 1), status
        check_files(client, job_id, {url: content})
        assert asked == [(None, None, "9")] * 2, asked


LIMIT = 1_000_000
LONG = {
    "chunks without end": file_site.endless_chunks,
    "a length that is too large": lambda stream, *_: file_site.send(stream, 200, b"x" * 100, length=10**12),
    "a body without a length": lambda stream, *_: stream.write(b"HTTP/1.0 200 X\r\n\r\n" + b"y" * (LIMIT + 1)) and False,
    "a bomb": file_site.gzip_bomb(300),
}


@pytest.mark.parametrize("name", LONG)
def test_the_limit_of_a_file_holds_whatever_its_server_says(binary, name):
    with file_site.Broken({"/long": LONG[name]}) as site, harness.Service(binary) as service:
        before = memory(service, "VmRSS")
        job_id = service.client.submit({**pdf_job(site.origin, ["long"], retries=0), "limits": {"max_file_bytes": LIMIT}})
        row = failed_row(service.client, job_id)
        assert row["error"] == "too_large", row
        assert memory(service, "VmHWM") - before < 64 << 20
        assert site.seen["/long"] == 1


def memory(service, name):
    """Bytes of the process, by their name in /proc."""
    status = pathlib.Path(f"/proc/{service.process.pid}/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) << 10


def test_a_file_of_the_largest_size_is_saved(client):
    content = PDF.read_bytes()[:LIMIT]
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (content[:70_000], content[70_000:])) + b"0\r\n\r\n"

    def answer(stream, *_):
        stream.write(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked)
        return True

    # More than it says is not the file's: HTTP ends it at its length.
    short = file_site.send
    with file_site.Broken({"/chunked": answer, "/short": lambda stream, *_: short(stream, 200, content, length=1000)}) as site:
        job_id = client.submit({**pdf_job(site.origin, ["chunked", "short"]), "limits": {"max_file_bytes": LIMIT}})
        assert client.finished(job_id)["outcome"] == "ok"
        check_files(client, job_id, {f"{site.origin}/chunked": content, f"{site.origin}/short": content[:1000]})


def test_a_file_has_a_time_of_its_own(client):
    with file_site.FileSite(rate="200k") as site:
        site.add("slow.pdf", PDF)
        job_id = client.submit(pdf_job(site.origin, ["slow.pdf"], retries=0, timeout_seconds=20, file_timeout_seconds=2))
        row = failed_row(client, job_id)
        assert row["error"] == "timeout" and 2 <= row["seconds"] < 6, row
        # Its server may take longer over it than a page may.
        site.add("small.pdf", PDF.read_bytes()[:700_000])
        job_id = client.submit(pdf_job(site.origin, ["small.pdf"], retries=0, timeout_seconds=2, file_timeout_seconds=60))
        assert client.finished(job_id)["outcome"] == "ok"


def test_a_server_that_falls_silent_times_out(client):
    stall = file_site.failing_once(PDF.read_bytes(), "stall")
    with file_site.Broken({"/silent.pdf": stall}) as site:
        fetch = {"retries": 0, "timeout_seconds": 2, "file_timeout_seconds": 60}
        row = failed_row(client, client.submit(pdf_job(site.origin, ["silent.pdf"], **fetch)))
        assert row["error"] == "timeout" and row["seconds"] < 20, row


def test_a_long_file_keeps_nobody_else_waiting(client):
    with file_site.FileSite(rate=SLOW) as site:
        site.add("big.pdf", PDF)
        for number in range(40):
            site.add(f"page{number}.html", b"<p>short</p>")
        long = client.submit(pdf_job(site.origin, ["big.pdf"]))
        harness.wait_until(lambda: client.status(long)["progress"]["in_flight"], 20, "the long file is under way")
        short = client.submit({"start": [f"{site.origin}/page{number}.html" for number in range(40)],
                               "pages": {"page": {"fields": {"text": "p"}}}})
        status = client.finished(short)
        assert collections.Counter(status["progress"])["items"] == 40
        assert not client.status(long)["terminal"], "the short job had to wait for the file"
        assert client.finished(long)["outcome"] == "ok"
        file, = files_of(client, long)
        assert content_of(client, file).body == PDF.read_bytes()
