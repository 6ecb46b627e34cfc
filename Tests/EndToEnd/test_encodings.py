"""Pages in many encodings give the text that Chromium shows, byte for byte (R21)."""

import json
import pathlib

import pytest

import encoding_pages
import harness

EXPECTED = json.loads((pathlib.Path(__file__).parent / "encodings_expected.json").read_text())
KINDS = {"page": {"each": "p", "fields": {"text": {"css": "p", "xpath": None}}}}


def texts_of(client, pages, expected, kinds):
    """What a job takes from `{path: (content type, bytes)}`, by path."""
    with harness.PlainSite(pages) as site:
        job = client.submit({"name": "encodings", "start": [site.origin + path for path in pages], "pages": kinds})
        status = client.finished(job, 120)
        assert status["status"] == "completed" and status["failures"] == [], status
        found = {path: [] for path in pages}
        for item in client.walk(f"/v1/jobs/{job}/results?limit=1000"):
            found[item["url"].removeprefix(site.origin)].append(item["data"]["text"])
    return found
