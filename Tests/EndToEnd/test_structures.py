"""Broken markup gives the text that lxml, and so Scrapy, finds; where that is not a browser's text is written down here."""

import json
import pathlib

import lxml.html

import harness
import structure_pages

CHROMIUM = json.loads((pathlib.Path(__file__).parent / "structures_expected.json").read_text())
# libxml2 moves nothing out of tables and mends misnested elements another way than HTML says, and so does lxml.
NOT_AS_BROWSERS = {
    "misnested inline", "inline over blocks", "form in form", "button in button", "heading in heading", "block in paragraph",
    "table in paragraph", "paragraph in a table", "text in a table", "self-closed elements", "noscript in the body", "template",
    "line feed in a text area", "line feed in preformatted text", "text behind the body"}
# lxml's wheels bring a newer libxml2 than Debian's, whose tokenizer is HTML's: a script in a comment in a script, and
# prefixes, which ours takes off.
NOT_AS_LXML = {"comment in a script", "name with a colon"}


def _lxml(markup, path):
    tree = lxml.html.document_fromstring("<!DOCTYPE html>" + markup)
    return [node.xpath("string()") for node in tree.xpath(path)]


def _found(client, name, site):
    _, path = structure_pages.CASES[name]
    return {"name": name, "start": f"{site.origin}/{name.replace(' ', '-')}.html",
            "pages": {"page": {"each": {"xpath": path}, "fields": {"text": {"xpath": ".", "keep_whitespace": True}}}}}


def test_elements_have_the_text_that_lxml_finds(client):
    with harness.PlainSite(structure_pages.pages()) as site:
        jobs = {name: client.submit(_found(client, name, site)) for name in structure_pages.CASES}
        found = {}
        for name, job in jobs.items():
            assert client.finished(job, 60)["failures"] == []
            found[name] = [item["data"]["text"] for item in client.walk(f"/v1/jobs/{job}/results")]
    expected = {name: _lxml(*case) for name, case in structure_pages.CASES.items()}
    differing = {name: (found[name], expected[name]) for name in expected if found[name] != expected[name]}
    assert set(differing) == NOT_AS_LXML, differing


def test_where_lxml_is_no_browser_is_known():
    differing = {name for name, case in structure_pages.CASES.items() if _lxml(*case) != CHROMIUM[name]}
    assert differing == NOT_AS_BROWSERS
