"""Odd pages: broken bytes, other encodings, redirects, and addresses nobody may reach."""

import harness

JOB_FETCH = {"retries": 0, "timeout_seconds": 10}


def scrape(client, site, paths, pages=None):
    """The terminal status and the items of a job over `paths` of `site`."""
    job = {"name": "pages", "start": [site.origin + path for path in paths],
           "pages": pages or {"page": {"each": "p", "fields": {"text": "."}}}, "fetch": JOB_FETCH}
    job_id = client.submit(job)
    status = client.finished(job_id, 60)
    return status, list(client.walk(f"/v1/jobs/{job_id}/results"))


def texts_of(client, body, content_type="text/html; charset=utf-8"):
    with harness.PlainSite({"/x.html": (content_type, body)}) as site:
        status, items = scrape(client, site, ["/x.html"])
    assert status["status"] == "completed", status
    return [item["data"]["text"] for item in items]


def test_nul_bytes_in_a_page_give_a_clean_item(client):
    texts = texts_of(client, b"<html><body><p>voor\0na</p><p>tweede</p></body></html>")
    assert texts[-1] == "tweede" and len(texts) == 2
    assert "\0" not in texts[0] and "voor" in texts[0]


def test_a_reference_to_nul_gives_a_clean_item(client):
    texts = texts_of(client, b"<html><body><p>a&#0;b</p><p>a&#xD800;b</p><p>a&#x110000;b</p><p>slot</p></body></html>")
    assert len(texts) == 4 and texts[3] == "slot"
    assert all("\0" not in text for text in texts)


def test_bad_utf8_gives_a_clean_item_and_keeps_what_follows(client):
    texts = texts_of(client, b"<html><body><p>caf\xe9 \xff\xfe</p><p>na\xc3\xafef</p></body></html>")
    assert len(texts) == 2
    assert texts[0].startswith("caf") and texts[1] == "naïef"


def test_the_charset_of_the_header_is_obeyed(client):
    body = "<html><body><p>Zündapp, één € vijf</p></body></html>".encode("windows-1252")
    assert texts_of(client, body, "text/html; charset=windows-1252") == ["Zündapp, één € vijf"]


def test_the_charset_of_a_meta_element_is_obeyed(client):
    body = '<html><head><meta charset="iso-8859-1"></head><body><p>Zündapp één</p></body></html>'.encode("latin-1")
    assert texts_of(client, body, "text/html") == ["Zündapp één"]


def test_astral_characters_and_emoji_survive(client):
    assert texts_of(client, "<p>😀 𝔘 \u200d👩\u200d🔧</p>".encode()) == ["😀 𝔘 \u200d👩\u200d🔧"]


def test_text_is_trimmed_of_unicode_white_space_at_both_ends_only(client):
    assert texts_of(client, "<p>\u2003&nbsp; a \u00a0 b\n\u3000</p>".encode()) == ["a \u00a0 b"]


def test_an_empty_page_has_no_items_and_the_outcome_says_so(client):
    with harness.PlainSite({"/x.html": ("text/html", b"")}) as site:
        status, items = scrape(client, site, ["/x.html"])
    assert (items, status["progress"]["fetched"]) == ([], 1)
    assert (status["status"], status["outcome"]) == ("completed", "empty")


def test_a_picture_where_text_was_asked_for_is_not_text(client):
    with harness.PlainSite({"/x": ("image/png", b"\x89PNG\r\n\x1a\n" + bytes(256)), "/y": ("text/html", b"<p>a</p>")}) as site:
        status, _ = scrape(client, site, ["/x", "/y"])
    assert status["failures"] == [{"code": "not_text", "count": 1}]


def test_css_and_xpath_selectors_take_text_attributes_and_markup(client):
    body = b"<html><body><div class='a b'><h2> Kop </h2> tekst <a href='/y?q=1#f'>lees</a></div><div class=a></div></body></html>"
    fields = {"title": "h2", "link": {"css": "a::attr(href)"}, "own": "h2::text", "xpath": "./a/@href",
              "links": {"xpath": ".//a/@href", "all": True}, "raw": {"css": "h2::text", "keep_whitespace": True}}
    pages = {"page": {"each": "div.a", "fields": fields}}
    with harness.PlainSite({"/x.html": ("text/html", body)}) as site:
        status, items = scrape(client, site, ["/x.html"], pages)
    assert status["status"] == "completed"
    data = items[0]["data"]
    assert (data["title"], data["link"], data["xpath"]) == ("Kop", "/y?q=1#f", "/y?q=1#f")
    assert (data["own"], data["links"], data["raw"]) == ("Kop", ["/y?q=1#f"], " Kop ")


def test_a_page_kind_may_follow_itself(client):
    pages = {f"/{n}.html": ("text/html", f"<p>{n}</p><a class=next href='{n + 1}.html'>meer</a>".encode()) for n in range(1, 9)}
    kinds = {"page": {"follow": [{"links": "a.next", "as": "page"}], "fields": {"text": "p"}}}
    with harness.PlainSite(pages) as site:
        status, items = scrape(client, site, ["/1.html"], kinds)
    assert sorted(item["data"]["text"] for item in items) == [str(n) for n in range(1, 9)]
    assert status["failures"] == [{"code": "http_404", "count": 1}]


def test_without_egress_allow_loopback_is_blocked_and_the_message_names_no_address(binary):
    with harness.Service(binary, egress=None) as service, harness.PlainSite({"/x": ("text/html", b"<p>a</p>")}) as site:
        for host in ("127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "0.0.0.0"):
            job = {"name": "egress", "start": f"http://{host}:{site.port}/x", "pages": {"p": {"fields": {"t": "p"}}},
                   "fetch": JOB_FETCH}
            answer = service.client.post("/v1/jobs", job)
            if answer.status == 422:
                continue  # refused even earlier
            job_id = harness.as_json(answer)["id"]
            status = service.client.finished(job_id, 30)
            assert status["failures"] == [{"code": "url_blocked", "count": 1}], (host, status)
            ledger = service.client.get(f"/v1/jobs/{job_id}/pages").body.decode()
            assert host != "localhost" or "127.0.0.1" not in ledger
        log = site.directory / "access.log"
        assert log.read_text() == "", "no request reached the site"
