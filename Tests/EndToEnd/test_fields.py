"""Field options, coverage and warnings through the real service: against lxml and `re` on real pages, and on hand-made ones."""

import csv
import io
import json
import pathlib
import re
import time
import urllib.parse

import lxml.etree
import lxml.html
import pytest

import harness

HELP = pathlib.Path("/usr/share/gimp/2.0/help/nl")
HELP_PAGES = sorted(HELP.glob("gimp-tool-*.html"))[:40]
XHTML = "application/xhtml+xml; charset=utf-8"
HTML = "text/html; charset=utf-8"


def scrape(client, pages, kind, content_type=HTML, seconds=90, **more):
    """The terminal status and the items, in the order of URLs, of a job over `pages` (`{path: text}`)."""
    served = {path: (content_type, body if isinstance(body, bytes) else body.encode()) for path, body in pages.items()}
    with harness.PlainSite(served) as site:
        job = {"name": "fields", "start": [site.origin + path for path in pages], "pages": {"page": kind},
               "fetch": {"retries": 0}, **more}
        job_id = client.submit(job)
        status = client.finished(job_id, seconds)
        items = sorted(client.walk(f"/v1/jobs/{job_id}/results?limit=1000"), key=lambda item: (item["url"], item["seq"]))
    return {**status, "origin": site.origin}, items


def one(client, body, fields, **kind):
    """The status and the data of the only item of one page."""
    status, [item] = scrape(client, {"/x.html": body}, {"fields": fields, **kind})
    return status, item["data"]


def coverage(status):
    return {(f["page"], f["name"]): (f["filled"], f["of"]) for f in status["fields"]}


def warnings(status):
    return {(w["code"], w.get("page"), w.get("field")): w["count"] for w in status["warnings"]}


# Real pages

def expected_of(body, url):
    """What the fields of `HELP_KIND` are for a page of the manual, by lxml and `re`."""
    tree = lxml.html.fromstring(body)

    def text(element):
        return element.text_content().strip()

    title = text(tree.find(".//title"))
    numbered = re.search(r"^(\d+)\.", title)
    images = [image for image in tree.iter("img")]
    hrefs = [a.get("href") for a in tree.iter("a") if a.get("href") is not None]
    steps = [m for m in (re.search(r"^(\d+)\.(\d+)", text(h)) for h in tree.xpath("//h4[@class='title']")) if m]
    return {
        "title": title,
        "chapter": int(numbered[1]) if numbered else None,
        "section": float(m[1]) if (m := re.search(r"^(\d+\.\d+)\.", title)) else None,
        "headings": [text(h) for h in tree.xpath("//h4[@class='title']")] or None,
        "steps": [int(m[2]) for m in steps] or None,
        "first_image": urllib.parse.urljoin(url, images[0].get("src")) if images else None,
        "links": [urllib.parse.urljoin(url, href) for href in hrefs] or None,
        "raw": tree.find(".//title").text_content(),
    }


HELP_KIND = {"fields": {
    "title": {"css": "title", "required": True},
    "chapter": {"css": "title", "match": r"^(\d+)\.", "type": "integer"},
    "section": {"xpath": "//title", "match": r"^(\d+\.\d+)\.", "type": "number"},
    "headings": {"css": "h4.title", "all": True},
    "steps": {"css": "h4.title", "all": True, "match": r"^\d+\.(\d+)", "type": "integer"},
    "first_image": {"css": "img::attr(src)", "type": "url"},
    "links": {"xpath": "//a/@href", "type": "url", "all": True},
    "raw": {"css": "title", "keep_whitespace": True},
}}


def test_every_option_on_real_pages_gives_what_lxml_and_re_give(client):
    assert len(HELP_PAGES) == 40, "the package gimp-help-nl is installed"
    pages = {f"/{path.name}": path.read_bytes() for path in HELP_PAGES}
    status, items = scrape(client, pages, HELP_KIND, content_type="text/html")
    assert (status["status"], status["outcome"]) == ("completed", "ok"), status
    expected = {status["origin"] + path: expected_of(body, status["origin"] + path) for path, body in pages.items()}
    assert {item["url"]: item["data"] for item in items} == expected
    for name in HELP_KIND["fields"]:
        filled = sum(1 for data in expected.values() if data[name] not in (None, "", []))
        assert coverage(status)["page", name] == (filled, len(expected)), name
    assert any(data["steps"] for data in expected.values()) and any(data["chapter"] for data in expected.values())
    shares = [field["filled"] / field["of"] for field in status["fields"]]
    assert shares == sorted(shares), "the least covered first"


# Types

def test_each_type_on_a_page_as_they_are(client):
    body = """<html><head><base href="/shop/"></head><body>
<h1 data-id=" 0012 ">Fiets</h1><b class=price>&nbsp;1299.50 </b><i class=stock>yes</i><u class=sold>False</u>
<a href="../img/a%7eb.png?q=1#deel twee">x</a><a href="mailto:a@b.nl">m</a><a href="#">top</a><a href="http://[bad">y</a>
<script type="application/ld+json"> {"@type": "Product", "offers": [{"price": 1e2}], "n": 12345678901234567890, "x": null} </script>
</body></html>"""
    fields = {"id": {"css": "h1::attr(data-id)", "type": "integer"}, "price": {"css": ".price", "type": "number"},
              "stock": {"css": ".stock", "type": "boolean"}, "sold": {"xpath": "//u", "type": "boolean"},
              "link": {"css": "a::attr(href)", "type": "url"},
              "links": {"css": "a::attr(href)", "type": "url", "all": True},
              "ld": {"css": "script[type='application/ld+json']::text", "type": "json"},
              "count": {"xpath": "count(//a)", "type": "integer"}, "name": {"css": "h1", "type": "text"}}
    with harness.PlainSite({"/x.html": (HTML, body.encode())}) as site:
        job_id = client.submit({"start": site.origin + "/x.html", "pages": {"p": {"fields": fields}}})
        status = client.finished(job_id, 60)
        answer = client.get(f"/v1/jobs/{job_id}/results?format=ndjson")
    shop = site.origin + "/shop/"
    data = json.loads(answer.body)["data"]
    assert data == {"id": 12, "price": 1299.5, "stock": True, "sold": False, "link": site.origin + "/img/a~b.png?q=1#deel%20twee",
                    "links": [site.origin + "/img/a~b.png?q=1#deel%20twee", "mailto:a@b.nl", shop, None],
                    "ld": {"@type": "Product", "offers": [{"price": 100.0}], "n": 12345678901234567890, "x": None},
                    "count": 4, "name": "Fiets"}
    assert b'"n":12345678901234567890' in answer.body and b'"price":1299.50' in answer.body, "digits are kept"
    assert warnings(status) == {("type_mismatch", "p", "links"): 1}
    assert (status["outcome"], coverage(status)["p", "links"]) == ("ok", (1, 1))


def test_what_is_not_of_its_type_is_null_and_warned_of(client):
    rows = ["1.234,56", "1299", "12,50", "gratis", "", "7.25"]
    body = "".join(f"<tr><td>{row}</td></tr>" for row in rows)
    fields = {"price": {"css": "td", "type": "number"}, "text": "td"}
    status, items = scrape(client, {"/x.html": f"<table>{body}</table>"}, {"each": "tr", "fields": fields})
    assert [item["data"]["price"] for item in items] == [None, 1299, None, None, None, 7.25]
    assert [item["data"]["text"] for item in items] == rows, "the other field keeps what is there"
    assert warnings(status) == {("type_mismatch", "page", "price"): 4}
    [warning] = status["warnings"]
    assert "price" in warning["detail"] and "page" in warning["detail"] and "4 values" in warning["detail"]
    assert status["outcome"] == "ok", "a warning alone leaves the outcome as it is"
    assert coverage(status) == {("page", "price"): (2, 6), ("page", "text"): (5, 6)}


def test_match_takes_a_dutch_price_out_of_its_surroundings(client):
    body = "<p>Nieuw!</p><p>Prijs: &euro; 12,-</p><p>Prijs: &euro; 15,-</p>"
    price = {"css": "p", "match": r"€ (\d+)", "type": "integer"}
    _, data = one(client, body, {
        "first": price, "all": {**price, "all": True}, "whole": {"css": "p", "match": r"\d+"},
        "none": {"css": "p", "match": "gratis"}, "none_of_all": {"css": "p", "match": "gratis", "all": True},
        "kept": {"css": "p", "match": "Prijs:(.*)€", "keep_whitespace": True}, "trimmed": {"css": "p", "match": "Prijs:(.*)€"}})
    assert data == {"first": 12, "all": [12, 15], "whole": "12", "none": None, "none_of_all": None, "kept": " ", "trimmed": ""}


def test_markup_takes_every_option(client):
    body = "<div><p class=a>Een <b>1</b></p><p>Twee <b>2</b></p></div>"
    markup = {"css": "p::html"}
    _, data = one(client, body, {
        "one": markup, "all": {**markup, "all": True}, "match": {**markup, "match": "<b>(.)</b>", "type": "integer"},
        "numbers": {**markup, "match": "<b>(.)</b>", "type": "integer", "all": True, "required": True},
        "kept": {**markup, "keep_whitespace": True}})
    first, second = '<p class="a">Een <b>1</b></p>', "<p>Twee <b>2</b></p>"
    assert data == {"one": first, "all": [first, second], "match": 1, "numbers": [1, 2], "kept": first}


def test_csv_holds_numbers_bare_and_lists_and_objects_as_json(client):
    body = '<b>5</b><i>1.50</i><u>on</u><p>a</p><p>b "c"</p><script>{"k": [1, "x"]}</script>'
    fields = {"n": {"css": "b", "type": "integer"}, "d": {"css": "i", "type": "number"}, "f": {"css": "u", "type": "boolean"},
              "l": {"css": "p", "all": True}, "o": {"css": "script", "type": "json"}, "z": {"css": "p", "type": "number"}}
    with harness.PlainSite({"/x.html": (HTML, body.encode())}) as site:
        job_id = client.submit({"start": site.origin + "/x.html", "pages": {"p": {"fields": fields}}})
        client.finished(job_id, 60)
    rows = list(csv.DictReader(io.StringIO(client.get(f"/v1/jobs/{job_id}/results?format=csv").body.decode(), newline="")))
    assert {name: rows[0][name] for name in fields} == {
        "n": "5", "d": "1.50", "f": "true", "l": '["a","b \\"c\\""]', "o": '{"k":[1,"x"]}', "z": ""}


def test_words_are_counted_in_text_fields_only(client):
    body = '<p>motor motor</p><a href="/motor/">x</a><b>12</b><script>{"motor": "motor", "list": ["motor"]}</script>'
    fields = {"text": "p", "link": {"css": "a::attr(href)", "type": "url"}, "n": {"css": "b", "type": "number"},
              "ld": {"css": "script", "type": "json"}}
    with harness.PlainSite({"/x.html": (HTML, body.encode())}) as site:
        job_id = client.submit({"start": site.origin + "/x.html", "pages": {"p": {"fields": fields}}})
        client.finished(job_id, 60)
    counts = client.json(f"/v1/jobs/{job_id}/word-counts")
    assert (counts["items"], counts["total_words"]) == ([{"word": "motor", "count": 2}], 2)
    link = client.json(f"/v1/jobs/{job_id}/word-counts?field=link")
    assert {"word": "motor", "count": 1} in link["items"], "a field that is named is counted whatever its type"


# Coverage, required fields, warnings

def adverts(price_class, count=10, priced=10):
    return {f"/{n}.html": f"<h1>Motor {n}</h1>" + (f"<b class={price_class}>{n}00</b>" if n < priced else "")
            for n in range(count)}


ADVERT = {"fields": {"title": "h1", "price": {"css": "b.price", "type": "integer", "required": True}}}


def test_a_site_that_renames_a_class_is_noticed(client):
    """R6: the fixture changes a CSS class, the job says so."""
    status, items = scrape(client, adverts("price"), ADVERT)
    assert (status["outcome"], status["warnings"]) == ("ok", [])
    assert coverage(status) == {("page", "title"): (10, 10), ("page", "price"): (10, 10)}
    assert [item["data"]["price"] for item in items] == [n * 100 for n in range(10)]

    status, items = scrape(client, adverts("prijs"), ADVERT)
    assert (status["status"], status["stop_reason"], status["outcome"]) == ("completed", "finished", "partial")
    assert len(items) == 10 and all(item["data"]["price"] is None for item in items), "the items are kept"
    assert warnings(status) == {("required_missing", "page", "price"): 10, ("field_empty", "page", "price"): 10}
    assert status["fields"][0] == {"page": "page", "name": "price", "filled": 0, "of": 10}
    assert all("price" in warning["detail"] for warning in status["warnings"])


def test_a_field_that_was_not_required_still_shows_when_it_is_empty(client):
    fields = {"title": "h1", "price": {"css": "b.price", "type": "integer"}}
    status, _ = scrape(client, adverts("prijs"), {"fields": fields})
    assert status["outcome"] == "ok" and warnings(status) == {("field_empty", "page", "price"): 10}


@pytest.mark.parametrize("body", ["<h1>a</h1>", "<h1>a</h1><b class=price></b>", "<h1>a</h1><b class=price>veel</b>", "<p>niets</p>"])
def test_one_page_without_a_required_field_makes_the_outcome_partial(client, body):
    pages = {**adverts("price", 3, 3), "/x.html": body}
    status, items = scrape(client, pages, ADVERT)
    assert (status["status"], status["outcome"]) == ("completed", "partial")
    assert warnings(status)["required_missing", "page", "price"] == 1
    assert len(items) == (3 if "niets" in body else 4), "an item needs a field that matched"


def test_rows_of_a_table_that_are_no_items_miss_nothing(client):
    body = "<table><tr><th>Prijs</th></tr><tr><td>1</td></tr><tr><td>2</td></tr></table>"
    kind = {"each": "tr", "fields": {"price": {"css": "td", "required": True, "type": "integer"}}}
    status, items = scrape(client, {"/x.html": body}, kind)
    assert (len(items), status["outcome"], status["warnings"]) == (2, "ok", [])


def test_pages_that_give_no_item_are_told_by_kind(client):
    status, items = scrape(client, {"/1.html": "<p>a</p>", "/2.html": "<p>b</p>"}, {"each": "div.advert", "fields": {"text": "."}})
    assert (items, status["outcome"]) == ([], "empty")
    assert warnings(status) == {("no_items", "page", None): 2}
    assert coverage(status) == {("page", "text"): (0, 0)}


def test_max_items_cuts_the_coverage_with_the_items(client):
    body = "".join(f"<li><b>{n}</b></li>" for n in range(50))
    kind = {"each": "li", "fields": {"n": {"css": "b", "type": "integer"}}}
    status, items = scrape(client, {"/x.html": body}, kind, limits={"max_items": 7})
    assert len(items) == 7 and coverage(status) == {("page", "n"): (7, 7)}


def test_retried_pages_are_counted_once(client):
    pages = adverts("price", 5, 5)
    served = {path: (HTML, body.encode()) for path, body in pages.items()}
    with harness.PlainSite({path: served[path] for path in list(served)[:3]}) as site:
        job_id = client.submit({"start": [site.origin + path for path in pages], "pages": {"page": ADVERT}, "fetch": {"retries": 0}})
        status = client.finished(job_id, 60)
        assert (status["progress"]["failed"], coverage(status)["page", "price"]) == (2, (3, 3))
        for path in list(served)[3:]:
            site.add(path, *served[path])
        site.reload()
        assert client.post(f"/v1/jobs/{job_id}/retry-failed").status == 202
        status = client.finished(job_id, 60)
    assert (status["outcome"], coverage(status)) == ("ok", {("page", "title"): (5, 5), ("page", "price"): (5, 5)})


def test_a_status_with_five_hundred_long_names_stays_within_4_kib(client):
    name = "naam \"é\" " * 24
    fields = {f"{n:03} {name}"[:200]: {"css": f"b.c{n % 7}", "type": "integer", "required": True} for n in range(500)}
    body = "<p>x</p>" + "".join(f"<b class=c{n}>{'x' if n % 2 else n}</b>" for n in range(6))
    status, items = scrape(client, {"/x.html": body}, {"fields": fields})
    assert len(items[0]["data"]) == 500
    answer = client.get(f"/v1/jobs/{status['id']}")
    assert len(answer.body) <= 4096 and status["fields"] and status["fields"][0]["filled"] == 0
    assert {code for code, _, _ in warnings(status)} == {"required_missing", "type_mismatch", "field_empty"}
    assert client.get(f"/v1/jobs/{status['id']}", If_None_Match=answer.headers["ETag"]).status == 304


# Bounds

RUNAWAY = "(a+)+$"


def test_a_pattern_that_runs_away_leaves_its_field_null_and_nobody_waits(client):
    pages = {f"/{n}.html": f"<h1>Pagina {n}</h1><p>{'a' * 20_000}!</p>" for n in range(4)}
    kind = {"fields": {"title": "h1", "bad": {"css": "p", "match": RUNAWAY}}}
    served = {path: (HTML, body.encode()) for path, body in pages.items()}
    with harness.PlainSite({**served, "/quick.html": (HTML, b"<p>snel</p>")}) as site:
        began = time.monotonic()
        slow = client.submit({"start": [site.origin + path for path in pages], "pages": {"page": kind}})
        quick = client.submit({"start": site.origin + "/quick.html", "pages": {"page": {"fields": {"text": "p"}}}})
        client.finished(quick, 60)
        quick_seconds = time.monotonic() - began
        status = client.finished(slow, 120)
        slow_seconds = time.monotonic() - began
    print(f"4 pages with a pattern that runs away: {slow_seconds:.2f} s; the quick job beside them: {quick_seconds:.2f} s")
    assert (status["status"], status["outcome"], status["progress"]["fetched"]) == ("completed", "ok", 4)
    items = list(client.walk(f"/v1/jobs/{slow}/results"))
    assert len(items) == 4 and all(item["data"]["title"].startswith("Pagina") for item in items)
    assert all(item["data"]["bad"] is None for item in items)
    assert warnings(status)["pattern_exhausted", "page", "bad"] == 4
    assert slow_seconds < 60 and quick_seconds < 10


def test_fields_whose_patterns_run_away_do_not_take_the_others_along(client):
    fields = {"title": {"css": "h1", "match": "^[A-Z]([a-z]+)"}, "after": {"css": "p", "match": "(b+)$"}}
    fields |= {f"bad{n}": {"css": "p", "match": RUNAWAY, "all": n > 0} for n in range(6)}
    body = f"<h1>Pagina 1</h1><p>{'a' * 5_000}!</p><p>{'a' * 50_000}bbb</p>"
    status, data = one(client, body, dict(sorted(fields.items(), reverse=True)))
    assert data["title"] == "agina" and data["after"] == "bbb", "linear patterns are within every bound"
    assert all(data[f"bad{n}"] is None for n in range(6))
    assert {key[2]: count for key, count in warnings(status).items() if key[0] == "pattern_exhausted"} == {
        f"bad{n}": 1 for n in range(6)}


def test_a_slow_pattern_on_many_matches_is_bounded_for_the_page(client):
    # Each match stays within the bound of one; ten thousand of them do not stay within the page's.
    text = "".join(f"<p>{'a' * 18}!{n}</p>" for n in range(10_000))
    kind = {"fields": {"title": "h1", "bad": {"css": "p", "match": RUNAWAY, "all": True}}}
    began = time.monotonic()
    status, [item] = scrape(client, {"/x.html": f"<h1>t</h1>{text}"}, kind)
    print(f"10,000 slow matches: {time.monotonic() - began:.2f} s")
    assert item["data"] == {"title": "t", "bad": None}
    assert warnings(status)["pattern_exhausted", "page", "bad"] == 1
    assert time.monotonic() - began < 30


# Refusals

@pytest.mark.parametrize("selector, pointer", [
    ({"css": "p", "match": "(a"}, "/match"), ({"css": "p", "match": ""}, "/match"), ({"css": "p", "match": 5}, "/match"),
    ({"css": "p", "type": "date"}, "/type"), ({"css": "p", "type": None}, "/type"), ({"css": "p", "required": "yes"}, "/required"),
    ({"css": "p", "all": 1}, "/all"), ({"css": "p", "keep_whitespace": "no"}, "/keep_whitespace"), ({"css": "p", "regex": "a"}, "/regex"),
    ({"css": "p", "match": "a{2,1}"}, "/match"),
])
def test_a_bad_option_is_refused_with_its_pointer(client, selector, pointer):
    answer = client.post("/v1/jobs", {"start": "http://example.org/", "pages": {"p": {"fields": {"f": selector}}}})
    assert answer.status == 422
    assert [error["pointer"] for error in harness.as_json(answer)["errors"]] == ["/pages/p/fields/f" + pointer]


def test_a_pattern_that_does_not_parse_is_refused_with_its_character(client):
    body = {"start": "http://example.org/", "pages": {"p": {"fields": {"f": {"css": "p", "match": "ab(c"}}}}}
    [error] = harness.as_json(client.post("/v1/jobs", body))["errors"]
    assert "regular expression" in error["detail"] and "character" in error["detail"]


@pytest.mark.parametrize("option", [{"match": "a"}, {"type": "url"}, {"required": True}, {"all": True}, {"keep_whitespace": True}])
def test_selectors_of_items_and_links_take_no_options_of_fields(client, option):
    selector = {"css": "a", **option}
    pages = {"p": {"each": selector, "fields": {"f": "."}, "follow": [{"links": selector, "as": "p"}]}}
    errors = harness.as_json(client.post("/v1/jobs", {"start": "http://example.org/", "pages": pages}))["errors"]
    assert {error["pointer"] for error in errors} == {"/pages/p/each", "/pages/p/follow/0/links"}
