"""Hostile pages and selectors cost their own job bounded time and memory, and another job next to nothing."""

import os
import pathlib
import time

import pytest

import harness
from harness import PlainSite

MEBIBYTE = 1 << 20
HTML = "text/html; charset=utf-8"
# A selector may take 2 s of CPU on a page, all of a page 5 s: with parsing, under the load of two workers and a debug build.
MAX_PAGE_SECONDS = 40
# Another job's pages wait for the hostile page that each worker is at, and hardly for a second one.
MAX_PAGES_IN_THE_WAY = (os.cpu_count() or 1) + 1
# The body (100 MiB), its decoded copy, and a tree of at most a million nodes.
MAX_GROWTH_BYTES = 700 * MEBIBYTE
MAX_STATUS_SECONDS = 1.0

# The square or the cube of the page, by combinators, axes, predicates, comparisons and string functions.
RUNAWAYS = {
    "siblings": {"css": "i ~ b", "all": True},
    "has": {"css": ":not(:has(~ i)) + b:has(~ :has(i))", "all": True},
    "cube": "//*[count(//*[count(//*)])]",
    "preceding": {"xpath": "//b[count(preceding-sibling::b) = 7]", "all": True},
    "compared": {"xpath": "//*[//b[. = 'x']]", "all": True},
    "last": {"xpath": "//*/following::*[last()]", "all": True},
}

LAUGHS = ("<!DOCTYPE r [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {name} '{('&' + before + ';') * 10}'>" for before, name in zip("abcdefgh", "bcdefghi"))
    + "<!ENTITY file SYSTEM 'file:///etc/passwd'>]><r><title>t&i;&file;</title>" + "<b/>" * 1000 + "</r>")

PAGES = {
    "flat": b"<title>t</title>" + b"<b></b>" * 150_000,
    "nested": b"<title>t</title>" + b"<div>" * 2000 + b"<b></b>" * 100_000,
    "comments": b"<title>t</title>" + b"<!---->" * 100_000 + b"<b></b>" * 50_000,
    "references": b"<title>t</title><p>" + b"&lt;" * MEBIBYTE,
    "attribute": b"<title>t</title><p title='" + b"a " * MEBIBYTE + b"'>" + b"<b></b>" * 30_000,
    "unclosed": b"<title>t</title>" + b"<b title='" * 100_000,
    "laughs": LAUGHS.encode(),
}


def content_type(name):
    return "application/xml" if name == "laughs" else HTML


@pytest.fixture(scope="module")
def site():
    pages = {f"/{name}": (content_type(name), body) for name, body in PAGES.items()}
    pages |= {f"/small{n}": (HTML, f"<title>{n}</title><p>klein".encode()) for n in range(50)}
    pages["/flood"] = (HTML, b"<b></b>" * (100 * MEBIBYTE // 7))
    pages["/depth"] = (HTML, b"<title>t</title>" + b"<div>" * (100 * MEBIBYTE // 5))
    with PlainSite(pages) as running:
        yield running


def job(site, names, fields, **limits):
    return {"start": [f"{site.origin}/{name}" for name in names], "pages": {"page": {"fields": fields}},
            "politeness": {"robots": False}, "fetch": {"retries": 0}, "limits": limits}


def settled(client, job_id):
    progress = client.status(job_id)["progress"]
    return progress["fetched"] + progress["failed"]


def watch(client, job_id, deadline):
    """Until the job is over; its status is read at once all the while."""
    while True:
        began = time.monotonic()
        status = client.status(job_id)
        assert time.monotonic() - began < MAX_STATUS_SECONDS
        if status["terminal"]:
            return
        assert began < deadline, status
        time.sleep(0.1)


def test_a_job_of_hostile_pages_ends_and_holds_up_no_other(service, client, site):
    start = time.monotonic()
    hostile = client.submit(job(site, PAGES, {"title": "title", **RUNAWAYS}))
    harness.wait_until(lambda: client.status(hostile)["progress"]["in_flight"], 10, "the hostile job runs")
    try:
        before = settled(client, hostile)
        small = client.finished(client.submit(job(site, [f"small{n}" for n in range(50)], {"title": "title"})))
        assert small["progress"]["items"] == 50, small
        assert settled(client, hostile) - before <= MAX_PAGES_IN_THE_WAY
        watch(client, hostile, start + MAX_PAGE_SECONDS * len(PAGES))
    finally:
        client.post(f"/v1/jobs/{hostile}/cancel")
    ledger = {entry["url"].rsplit("/", 1)[1]: entry for entry in client.walk(f"/v1/jobs/{hostile}/pages")}
    assert ledger.keys() == PAGES.keys()
    titles = {item["url"].rsplit("/", 1)[1]: item["data"]["title"] for item in client.walk(f"/v1/jobs/{hostile}/results")}
    # Whatever runs away, the fields that do not are there; an entity of the document type is its name and no more.
    assert titles == {name: "t&i;&file;" if name == "laughs" else "t" for name in titles}
    assert titles.keys() == {name for name, entry in ledger.items() if entry["status"] == "fetched"}
    assert titles.keys() >= {"flat", "nested", "comments", "laughs"}, ledger


def resident_bytes(service):
    """The most that was resident since this was last asked."""
    process = pathlib.Path(f"/proc/{service.process.pid}")
    peak = int((process / "status").read_text().split("VmHWM:")[1].split()[0]) * 1024
    (process / "clear_refs").write_text("5")
    return peak


@pytest.mark.parametrize("name, error", [("flood", "too_large"), ("depth", None)])
def test_a_hundred_mebibytes_of_elements_take_bounded_memory(service, client, site, name, error):
    resident_bytes(service)
    before = resident_bytes(service)
    client_job = job(site, [name], {"title": "title"}, max_page_bytes=256 * MEBIBYTE)
    status = client.finished(client.submit(client_job), seconds=90)
    [entry] = client.walk(f"/v1/jobs/{status['id']}/pages")
    assert entry["error"] == error, entry
    assert entry["bytes"] > 99 * MEBIBYTE
    growth = resident_bytes(service) - before
    print(f"{name}: {growth / MEBIBYTE:.0f} MiB more at the peak, {entry['seconds']:.1f} s")
    assert growth < MAX_GROWTH_BYTES
