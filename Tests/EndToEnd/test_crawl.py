"""Whole real sites, Debian's Python manual and Dutch FAQ: a job reaches exactly the pages that `wget --recursive` does.

The rules are the same on both sides. wget follows `href` of `a` and `area` (`--follow-tags`), stays on the host (it does
without `--span-hosts`) and below the directory it starts in (`--no-parent`), takes what ends in `/` or `.html`
(`--accept-regex`, so neither side reads the sources, images and scripts that the manuals link), and goes as deep as
there are links or as `--level` says. The job says the same with a selector, `same_host`, `allow` and `max_depth`.
Both are compared by what nginx was asked for, with the status of each answer: dead links count too.
"""

import re

import pytest

import harness
from crawl_site import DEBIAN_FAQ, PYTHON_DOCS, Directory

ACCEPT = r"(/|\.html)$"


def job(site, start, **limits):
    below = re.escape(site.origin + start.rsplit("/", 1)[0] + "/")
    follow = {"links": "a, area", "as": "page", "same_host": True, "allow": f"^{below}(.*(/|\\.html))?$"}
    return {"name": "crawl", "start": site.origin + start, "limits": limits,
            "pages": {"page": {"follow": [follow], "fields": {"title": "title"}}},
            "fetch": {"concurrency": 32}, "politeness": {"per_host_concurrency": 32}}


def crawl(client, site, start, **limits):
    """The paths asked for with their statuses, the ledger by path, and the status of the job that is over."""
    site.forget()
    job_id = client.submit(job(site, start, **limits))
    status = client.finished(job_id)
    lines = [line for line in site.log() if not line.agent.startswith("Wget/")]
    asked = {line.uri: line.status for line in lines}
    assert len(asked) == len(lines), "each page is asked for once"
    ledger = list(client.walk(f"/v1/jobs/{job_id}/pages?limit=1000"))
    assert len({row["url"] for row in ledger}) == len(ledger)
    return asked, {row["url"].removeprefix(site.origin): row for row in ledger}, status


@pytest.fixture(scope="module")
def manual():
    with Directory(PYTHON_DOCS) as site:
        yield site


@pytest.fixture(scope="module")
def reached(manual):
    """What wget reaches of the manual."""
    asked, seconds = manual.wget("/index.html", "--level=inf", "--no-parent", "--follow-tags=a,area",
                                 f"--accept-regex={ACCEPT}")
    print(f"wget: {len(asked)} pages in {seconds:.1f} s")
    return asked


def test_the_python_manual_is_crawled_as_wget_does(client, manual, reached):
    asked, ledger, status = crawl(client, manual, "/index.html")
    assert len(reached) > 500
    assert asked == reached
    assert {path for path, row in ledger.items() if row["status"] == "fetched"} == \
        {path for path, answer in reached.items() if answer == 200}
    assert {path: row["error"] for path, row in ledger.items() if row["status"] == "failed"} == \
        {path: f"http_{answer}" for path, answer in reached.items() if answer != 200}
    titles = list(client.walk(f"/v1/jobs/{status['id']}/results?limit=1000&fields=title"))
    assert len(titles) == status["progress"]["items"] == status["progress"]["fetched"]


@pytest.mark.parametrize("level", [0, 1, 2])
def test_the_python_manual_is_crawled_as_deep_as_asked(client, manual, level):
    """wget's level 0 is without end; its level n is depth n, for the start page is fetched at any."""
    manual.forget()
    if level == 0:
        wanted = {"/index.html": 200}
    else:
        wanted, _ = manual.wget("/index.html", f"--level={level}", "--no-parent", "--follow-tags=a,area",
                                f"--accept-regex={ACCEPT}")
    asked, ledger, _ = crawl(client, manual, "/index.html", max_depth=level)
    assert asked == wanted
    deeper = [row for path, row in ledger.items() if path not in wanted]
    assert deeper and all((row["status"], row["error"], row["attempts"]) == ("skipped", "max_depth", 0) for row in deeper)


def test_the_debian_faq_is_crawled_as_wget_does(client):
    with Directory(DEBIAN_FAQ, index="index.nl.html") as site:
        for level in ("inf", "1"):
            site.forget()
            wanted, _ = site.wget("/", f"--level={level}", "--no-parent", "--follow-tags=a,area",
                                  f"--accept-regex={ACCEPT}")
            limits = {} if level == "inf" else {"max_depth": int(level)}
            asked, ledger, status = crawl(client, site, "/", **limits)
            assert asked == wanted and len(asked) > 10
            assert (status["status"], status["outcome"]) == ("completed", "ok")


def test_a_crawl_goes_on_where_it_was_killed(binary, manual, reached):
    service = harness.Service(binary)
    try:
        service.start()
        job_id = service.client.submit(job(manual, "/index.html"))
        for share in (0.1, 0.4, 0.7):
            harness.wait_until(lambda: _fetched(service, job_id) > share * len(reached), harness.READY_SECONDS,
                               "the crawl goes on")
            service.kill()
            service.start()
        service.client.finished(job_id)
        ledger = list(service.client.walk(f"/v1/jobs/{job_id}/pages?limit=1000"))
        assert {row["url"].removeprefix(manual.origin) for row in ledger} == set(reached)
        assert len(ledger) == len(reached)
        items = list(service.client.walk(f"/v1/jobs/{job_id}/results?limit=1000"))
        assert len({item["url"] for item in items}) == len(items) == sum(s == 200 for s in reached.values())
        assert service.stop() == 0
    finally:
        service.close()


def _fetched(service, job_id):
    return service.client.status(job_id)["progress"]["fetched"]
