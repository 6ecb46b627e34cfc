"""Sitemaps as a start: indexes, gzip, plain lists, feeds, robots.txt, and what is none of these."""

import gzip
import time

import pytest

import harness
from crawl_site import Directory

NS = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def urlset(*urls):
    locs = "".join(f"<url><loc>\n  {url} </loc><lastmod>2026-01-01</lastmod></url>" for url in urls)
    return f'<?xml version="1.0" encoding="UTF-8"?><urlset {NS}>{locs}</urlset>'


def index(*urls):
    locs = "".join(f"<sitemap><loc>{url}</loc></sitemap>" for url in urls)
    return f'<?xml version="1.0"?>\n<!-- made by hand --><sitemapindex {NS}>{locs}</sitemapindex>'


def job(site, path="/sitemap.xml", entry=None, **members):
    start = {"sitemap": site.origin + path, "as": "article", **(entry or {})}
    return {"start": [start], "pages": {"article": {"fields": {"title": "title"}}}, **members}


def run(client, site, wanted):
    """The ledger as `{path: (kind, status, error)}`, the items' titles, and the status."""
    status = client.finished(client.submit(wanted))
    rows = client.walk(f"{status['links']['pages']}?limit=1000")
    titles = [item["data"]["title"] for item in client.walk(f"{status['links']['results']}?limit=1000")]
    ledger = {row["url"].removeprefix(site.origin): (row["page"], row["status"], row["error"]) for row in rows}
    return ledger, sorted(titles), status


@pytest.fixture()
def site():
    with Directory() as site:
        for name in ("one", "two", "three", "four", "five", "a&b"):
            site.write(f"{name}.html", f"<title>{name.replace('&', '&amp;')}</title>")
        yield site


def test_an_index_leads_to_sitemaps_and_they_to_pages(client, site):
    origin = site.origin
    site.write("sitemap.xml", index(f"{origin}/plain.xml", f"{origin}/packed.xml.gz", f"{origin}/deeper.xml"))
    site.write("plain.xml", urlset(f"{origin}/one.html", f"{origin}/a&amp;b.html", f"{origin}/one.html#again"))
    site.write("packed.xml.gz", gzip.compress(urlset(f"{origin}/two.html").encode()))
    site.write("deeper.xml", index(f"{origin}/list.txt", f"{origin}/sitemap.xml"))
    site.write("list.txt", f"\ufeff{origin}/three.html\r\n\r\n{origin}/four.html\r\n")
    ledger, titles, status = run(client, site, job(site))
    assert titles == ["a&b", "four", "one", "three", "two"]
    assert {path for path, row in ledger.items() if row[0] == "sitemap"} == \
        {"/sitemap.xml", "/plain.xml", "/packed.xml.gz", "/deeper.xml", "/list.txt"}
    assert all(row[1] == "fetched" for row in ledger.values())
    assert (status["status"], status["outcome"]) == ("completed", "ok")


def test_a_packed_index_of_packed_sitemaps(client, site):
    site.write("sitemap.xml.gz", gzip.compress(index(f"{site.origin}/a.gz").encode()))
    # Two members, as `cat a.gz b.gz` makes them.
    text = urlset(*(f"{site.origin}/{n}.html" for n in ("one", "two"))).encode()
    site.write("a.gz", gzip.compress(text[:50]) + gzip.compress(text[50:]))
    _, titles, _ = run(client, site, job(site, "/sitemap.xml.gz"))
    assert titles == ["one", "two"]


def test_patterns_choose_among_the_pages_not_the_sitemaps(client, site):
    site.write("sitemap.xml", index(f"{site.origin}/one-of-many.xml"))
    site.write("one-of-many.xml", urlset(*(f"{site.origin}/{n}.html" for n in ("one", "two", "three", "four"))))
    ledger, titles, _ = run(client, site, job(site, entry={"allow": "/t", "deny": "three"}))
    assert titles == ["two"] and set(ledger) == {"/sitemap.xml", "/one-of-many.xml", "/two.html"}


def test_pages_of_a_sitemap_follow_links_and_count_as_a_link_deeper(client, site):
    site.write("sitemap.xml", urlset(f"{site.origin}/start.html"))
    site.write("start.html", '<title>start</title><a href="one.html">')
    site.write("one.html", '<title>one</title><a href="two.html">')
    wanted = job(site, limits={"max_depth": 2})
    wanted["pages"]["article"]["follow"] = [{"links": "a", "as": "article"}]
    ledger, titles, _ = run(client, site, wanted)
    assert titles == ["one", "start"] and ledger["/two.html"] == ("article", "skipped", "max_depth")


def test_feeds_are_sitemaps(client, site):
    o = site.origin
    site.write("rss.xml", f"""<rss version="2.0"><channel><link>{o}/five.html</link>
        <item><title>t</title><link>{o}/one.html</link></item><item><link><![CDATA[{o}/two.html]]></link></item></channel></rss>""")
    site.write("atom.xml", f"""<feed xmlns="http://www.w3.org/2005/Atom"><link href="{o}/five.html"/>
        <entry><link rel="edit" href="{o}/five.html"/><link href="{o}/three.html"/></entry>
        <entry><link rel="alternate" href="/four.html"/></entry></feed>""")
    wanted = job(site)
    wanted["start"] = [{"sitemap": f"{o}/{{feed}}.xml", "variables": {"feed": {"values": ["rss", "atom"]}}, "as": "article"}]
    _, titles, _ = run(client, site, wanted)
    assert titles == ["four", "one", "three", "two"]


def test_images_and_alternates_of_a_page_are_no_pages(client, site):
    o = site.origin
    site.write("sitemap.xml", f"""<s:urlset xmlns:s="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:image="http://i" xmlns:x="http://x">
        <s:url><s:loc>{o}/one.html</s:loc><image:image><image:loc>{o}/five.html</image:loc></image:image>
        <x:link rel="alternate" href="{o}/four.html"/></s:url></s:urlset>""")
    ledger, titles, _ = run(client, site, job(site))
    assert titles == ["one"] and len(ledger) == 2


def test_robots_txt_names_sitemaps(client, site):
    o = site.origin
    site.write("robots.txt", f"User-agent: *\nDisallow: /two.html\n\nSitemap: {o}/a.xml\nSITEMAP:/b.xml\n")
    site.write("a.xml", urlset(f"{o}/one.html", f"{o}/two.html"))
    site.write("b.xml", urlset(f"{o}/three.html"))
    ledger, titles, status = run(client, site, job(site, "/robots.txt"))
    assert titles == ["one", "three"]
    assert ledger["/robots.txt"] == ("sitemap", "fetched", None)
    assert ledger["/two.html"] == ("article", "skipped", "robots")
    assert [w["code"] for w in status["warnings"]] == ["robots"]


@pytest.mark.parametrize("body, detail", [
    (b"<!doctype html><html><body>Not found</body></html>", "html"),
    (b"\x89PNG\r\n\x1a\n", None), (b"just words\n", None), (b"", None),
    (gzip.compress(b"<rdf/>"), "rdf"), (gzip.compress(b"<urlset></urlset>")[:-12], "unpack"), (b"\x1f\x8bnope", "unpack"),
    (b"User-agent: *\nDisallow: /\n", "Sitemap line"),
])
def test_what_is_no_sitemap_fails_its_page(client, site, body, detail):
    site.write("sitemap.xml", body)
    ledger, titles, status = run(client, site, job(site))
    assert ledger == {"/sitemap.xml": ("sitemap", "failed", "not_sitemap")}
    assert (status["status"], status["stop_reason"]) == ("failed", "start_failed")
    assert status["failures"] == [{"code": "not_sitemap", "count": 1}]


def test_a_bomb_is_too_large(client, site):
    site.write("sitemap.xml", gzip.compress(b"<urlset>" + b" " * (51 << 20)))
    ledger, _, _ = run(client, site, job(site))
    assert ledger == {"/sitemap.xml": ("sitemap", "failed", "too_large")}


def test_more_urls_than_the_protocol_has_are_too_many(client, site):
    site.write("sitemap.xml", "\n".join(f"{site.origin}/{n}.html" for n in range(50_001)))
    ledger, _, _ = run(client, site, job(site))
    assert ledger == {"/sitemap.xml": ("sitemap", "failed", "too_large")}


def test_a_sitemap_of_50000_urls_and_50_megabytes(client, site):
    """The protocol's limits, more than `max_page_bytes` lets a page have."""
    filler = "<image:caption>" + "x" * 900 + "</image:caption>"
    body = urlset(*(f"{site.origin}/none/{n}.html" for n in range(50_000))).replace("</url>", f"{filler}</url>")
    body = body.replace("<urlset ", '<urlset xmlns:image="i" ')
    body += "\n" * ((50 << 20) - len(body))
    site.write("sitemap.xml", body)
    began = time.monotonic()
    ledger, _, status = run(client, site, job(site, limits={"max_pages": 3, "max_page_bytes": 1000}))
    print(f"50,000 URLs, {len(body)} bytes: {time.monotonic() - began:.1f} s")
    assert status["progress"]["discovered"] == 50_001 and status["stop_reason"] == "max_pages"
    assert ledger["/sitemap.xml"][1] == "fetched" and len(ledger) == 50_001


def test_a_sitemap_job_goes_on_where_it_was_killed(binary):
    locations = "location ~ html$ { echo_sleep 0.05; echo_exec @files; } location @files { }"
    service = harness.Service(binary)
    try:
        with Directory(locations=locations) as site:
            names = [f"p{n}" for n in range(300)]
            for name in names:
                site.write(f"{name}.html", f"<title>{name}</title>")
            parts = [names[n:n + 30] for n in range(0, 300, 30)]
            site.write("sitemap.xml", index(*(f"{site.origin}/{n}.xml.gz" for n in range(10))))
            for n, part in enumerate(parts):
                site.write(f"{n}.xml.gz", gzip.compress(urlset(*(f"{site.origin}/{p}.html" for p in part)).encode()))
            service.start()
            job_id = service.client.submit(job(site))
            for done in (1, 60, 150):
                harness.wait_until(lambda: service.client.status(job_id)["progress"]["fetched"] >= done, 60, "it goes on")
                service.kill()
                service.start()
            status = service.client.finished(job_id, 60)
            titles = [i["data"]["title"] for i in service.client.walk(f"/v1/jobs/{job_id}/results?limit=1000")]
            assert sorted(titles) == sorted(names) and status["progress"]["discovered"] == 311
            assert service.stop() == 0
    finally:
        service.close()


@pytest.mark.parametrize("start, pointer", [
    ({"sitemap": "ftp://h/s.xml", "as": "article"}, "/start/0/sitemap"),
    ({"sitemap": "http://h/s.xml", "url": "http://h/", "as": "article"}, "/start/0"),
    ({"sitemap": "http://h/s.xml", "as": "other"}, "/start/0/as"),
    ({"sitemap": "http://h/s.xml", "as": "article", "allow": "("}, "/start/0/allow"),
    ({"url": "http://h/s.xml", "as": "article", "allow": "x"}, "/start/0/allow"),
    ({"sitemap": 1, "as": "article"}, "/start/0/sitemap"),
])
def test_a_start_that_is_wrong_is_refused(client, start, pointer):
    answer = client.post("/v1/jobs", {"start": [start], "pages": {"article": {"fields": {"t": "title"}}}})
    assert answer.status == 422 and pointer in [e["pointer"] for e in harness.as_json(answer)["errors"]], answer.body


def test_a_page_kind_may_be_called_sitemap_too(client, site):
    site.write("sitemap.xml", urlset(f"{site.origin}/one.html"))
    wanted = job(site, entry={"as": "sitemap"})
    wanted["pages"] = {"sitemap": {"fields": {"title": "title"}}}
    ledger, titles, _ = run(client, site, wanted)
    assert titles == ["one"] and ledger["/one.html"][0] == "sitemap" and ledger["/sitemap.xml"][0] == "sitemap 2"
