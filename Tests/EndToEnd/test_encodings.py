"""Pages in many encodings, and characters and references of all kinds, give the text that Chromium shows (R21, R22)."""

import csv
import io
import json
import pathlib

import pytest

import encoding_pages
import harness
import text_pages

HERE = pathlib.Path(__file__).parent
ENCODINGS = json.loads((HERE / "encodings_expected.json").read_text())
TEXTS = json.loads((HERE / "text_expected.json").read_text())
PARAGRAPHS = {"page": {"each": "p", "fields": {"text": {"xpath": ".", "keep_whitespace": True}}}}
CASES = {"page": {"each": ".c", "fields": {"text": {"xpath": ".", "keep_whitespace": True},
                                            "title": {"css": "::attr(title)", "keep_whitespace": True}}}}


def scraped(client, pages, kinds):
    """`({path: items' data}, {path: ledger row})` of a job over `{path: (content type, bytes)}`."""
    with harness.PlainSite(pages) as site:
        job = client.submit({"name": "encodings", "start": [site.origin + path for path in pages], "pages": kinds})
        status = client.finished(job, 120)
        assert status["status"] == "completed" and status["failures"] == [], status
        data = {path: [] for path in pages}
        for item in client.walk(f"/v1/jobs/{job}/results?limit=1000"):
            data[item["url"].removeprefix(site.origin)].append(item["data"])
        rows = {row["url"].removeprefix(site.origin): row for row in client.walk(f"/v1/jobs/{job}/pages")}
    return data, rows, job


@pytest.fixture(scope="module")
def corpus(service):
    return scraped(service.client, encoding_pages.pages(), PARAGRAPHS)


# A browser shows one U+FFFD in the body and nothing else; libxml2, and so lxml, puts bare text of a body into a `p`.
REPLACED = {"/replacement-kr.html", "/replacement-hz.html"}


@pytest.mark.parametrize("path", sorted(encoding_pages.pages()))
def test_a_page_has_the_text_that_chromium_shows(corpus, path):
    data, rows, _ = corpus
    expected = ["\ufffd"] if path in REPLACED else ENCODINGS[path]["texts"]
    assert [item["text"] for item in data[path]] == expected
    assert rows[path]["encoding"].split(" ")[0] == ENCODINGS[path]["encoding"]


def test_the_ledger_says_what_named_the_encoding(corpus):
    rows = corpus[1]
    said = {path: rows[path]["encoding"] for path in (
        "/mark-utf-16be.html", "/header-beats-meta.html", "/meta-late-in-head.html", "/xhtml.xhtml", "/fallback.html",
        "/xml-declaration.html", "/xml-declaration-and-meta.html", "/xhtml-plain.xhtml")}
    assert said == {
        "/mark-utf-16be.html": "UTF-16BE (bom)", "/header-beats-meta.html": "windows-1251 (http)",
        "/meta-late-in-head.html": "windows-1251 (meta)", "/xhtml.xhtml": "windows-1251 (xml)",
        "/fallback.html": "windows-1252 (default)", "/xml-declaration.html": "windows-1251 (xml)",
        "/xml-declaration-and-meta.html": "windows-1251 (meta)", "/xhtml-plain.xhtml": "UTF-8 (detected)"}


def test_utf_8_that_nothing_names_is_read_as_utf_8(client):
    """Unlike browsers, which show windows-1252 until the page is sent with a label."""
    data, rows, _ = scraped(client, {"/x.html": ("text/html", "<p>één 天</p>".encode())}, PARAGRAPHS)
    assert data["/x.html"] == [{"text": "één 天"}] and rows["/x.html"]["encoding"] == "UTF-8 (detected)"


@pytest.fixture(scope="module")
def cases(service):
    return scraped(service.client, text_pages.pages(), CASES)


@pytest.mark.parametrize("path", sorted(text_pages.pages()))
def test_characters_and_references_are_those_that_chromium_shows(cases, path):
    found = [(item["text"], item["title"]) for item in cases[0][path]]
    expected = [tuple(case) for case in TEXTS[path]["texts"]]
    assert len(found) == len(expected)
    wrong = [(got, wanted) for got, wanted in zip(found, expected) if got != wanted]
    assert not wrong, (len(wrong), wrong[:10])


def test_json_ndjson_and_csv_hold_the_same_text(service, cases):
    job = cases[2]
    pages = list(service.client.walk(f"/v1/jobs/{job}/results?limit=1000"))
    lines = service.client.get(f"/v1/jobs/{job}/results?format=ndjson").body.decode().split("\n")
    assert [json.loads(line) for line in lines if line] == pages
    table = service.client.get(f"/v1/jobs/{job}/results?format=csv").body.decode()
    rows = list(csv.DictReader(io.StringIO(table, newline="")))
    assert [row["text"] for row in rows] == [item["data"]["text"] for item in pages]
    assert [row["title"] for row in rows] == [item["data"]["title"] or "" for item in pages]
