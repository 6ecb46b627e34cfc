"""The main job on the whole site with all its faults, against what lxml and cssselect extract on their own."""

import collections
import csv
import io
import json
import xml.etree.ElementTree

import pytest

import harness
import notebook_words

MOST_WORDS = 10_000


class Run:
    """One finished run of the main job, with everything the tests look at."""

    def __init__(self, service):
        with harness.Site() as site:
            self.expected, self.origin = site.expected, site.origin
            self.client, self.progress = service.client, []
            self.id = self.client.submit(site.job)
            self.status = self.client.finished(self.id, check=lambda s: self.progress.append(s["progress"]))
            self.texts, _ = site.oracle()
        self.items = list(self.client.walk(f"/v1/jobs/{self.id}/results?limit=1000"))
        self.rows = [item["data"]["text"] for item in self.items]

    def words(self, query):
        return self.client.json(f"/v1/jobs/{self.id}/word-counts?{query}")


@pytest.fixture(scope="module")
def run(service):
    return Run(service)


def test_the_rows_equal_what_lxml_extracts(run):
    ours, theirs = collections.Counter(run.rows), collections.Counter(run.texts)
    assert not (theirs - ours), f"missing: {list((theirs - ours).items())[:3]}"
    assert not (ours - theirs), f"too many: {list((ours - theirs).items())[:3]}"


def test_the_job_completed_partially_as_some_pages_failed(run):
    assert (run.status["status"], run.status["outcome"]) == ("completed", "partial")
    assert run.status["stop_reason"] == "finished"


def test_discovered_is_the_sum_of_the_states_on_every_read(run):
    assert len(run.progress) >= 2
    for p in run.progress:
        assert p["discovered"] == p["queued"] + p["in_flight"] + p["fetched"] + p["failed"] + p["skipped"], p


def test_the_counters_of_the_end_equal_the_site(run):
    endings = collections.Counter(page["status"] for page in run.expected.values())
    progress = run.status["progress"]
    assert progress["discovered"] == len(run.expected)
    assert (progress["fetched"], progress["failed"]) == (endings["fetched"], endings["failed"])
    assert (progress["queued"], progress["in_flight"], progress["skipped"]) == (0, 0, 0)
    assert progress["items"] == len(run.texts)
    assert progress["fraction"] == 1


def test_the_failures_are_counted_by_code(run):
    expected = collections.Counter(page["error"] for page in run.expected.values() if page["error"])
    assert {f["code"]: f["count"] for f in run.status["failures"]} == dict(expected)


def test_the_ledger_says_of_every_url_how_it_ended(run):
    ledger = {row["url"]: row for row in run.client.walk(f"/v1/jobs/{run.id}/pages?limit=1000")}
    assert set(ledger) == set(run.expected)
    for url, expected in run.expected.items():
        row = ledger[url]
        assert (row["page"], row["status"], row["error"]) == (expected["page"], expected["status"], expected["error"]), row
        if expected["attempts"]:
            assert row["attempts"] == expected["attempts"], row


def test_the_ledger_can_be_filtered_by_status(run):
    failed = {row["url"] for row in run.client.walk(f"/v1/jobs/{run.id}/pages?status=failed&limit=1000")}
    assert failed == {url for url, page in run.expected.items() if page["status"] == "failed"}


def test_the_status_is_small_and_holds_no_items(run):
    answer = run.client.get(f"/v1/jobs/{run.id}")
    assert len(answer.body) <= 4096
    assert "items" not in harness.as_json(answer)


def test_items_carry_their_url_page_and_a_unique_seq(run):
    assert len({item["seq"] for item in run.items}) == len(run.items)
    assert {item["page"] for item in run.items} == {"advert"}
    assert {item["url"] for item in run.items} <= set(run.expected)


def test_csv_and_ndjson_carry_the_same_rows_as_json(run):
    ndjson = run.client.get(f"/v1/jobs/{run.id}/results?format=ndjson")
    lines = [json.loads(line) for line in ndjson.body.decode().splitlines()]
    assert lines == run.items
    table = run.client.get(f"/v1/jobs/{run.id}/results?format=csv")
    assert table.headers.get_content_type() == "text/csv"
    rows = list(csv.reader(io.StringIO(table.body.decode(), newline=""), strict=True))
    assert rows[0] == ["seq", "url", "page", "scraped_at", "text"]
    assert [row[4] for row in rows[1:]] == run.rows
    assert [int(row[0]) for row in rows[1:]] == [item["seq"] for item in run.items]


def test_the_accept_header_chooses_the_format(run):
    assert run.client.get(f"/v1/jobs/{run.id}/results", Accept="text/csv").headers.get_content_type() == "text/csv"


def test_ascii_word_counts_equal_the_notebook(run):
    expected = notebook_words.count(run.rows)
    answer = run.words(f"field=text&tokenizer=ascii&limit={MOST_WORDS}")
    assert [(w["word"], w["count"]) for w in answer["items"]] == expected[:MOST_WORDS]
    assert answer["total_words"] == sum(count for _, count in expected)
    assert answer["distinct_words"] == len(expected)
    assert (answer["field"], answer["tokenizer"]) == ("text", "ascii")


def test_dutch_word_counts_equal_the_notebook_without_stop_words(run):
    """With the notebook's own list, from PyPI: the service's Dutch list must be the same one."""
    expected = notebook_words.count(run.rows, notebook_words.stop_list("dutch"))
    answer = run.words(f"field=text&tokenizer=ascii&language=nl&limit={MOST_WORDS}")
    assert [(w["word"], w["count"]) for w in answer["items"]] == expected[:MOST_WORDS]


def test_min_count_limit_and_more_stop_words_narrow_the_list(run):
    expected = [pair for pair in notebook_words.count(run.rows, {"motor", "de"}) if pair[1] >= 50][:10]
    answer = run.words("field=text&tokenizer=ascii&stop_words=motor,de&min_count=50&limit=10")
    assert [(w["word"], w["count"]) for w in answer["items"]] == expected


def test_unicode_word_counts_keep_accented_words_whole(run):
    words = {w["word"] for w in run.words(f"tokenizer=unicode&limit={MOST_WORDS}")["items"]}
    assert "één" in words or "geïnstalleerd" in words or any("ë" in word for word in words)


def test_the_csv_and_the_chart_show_the_same_words_as_json(run):
    query = "field=text&language=nl&limit=12"
    words = [(w["word"], w["count"]) for w in run.words(query)["items"]]
    table = run.client.get(f"/v1/jobs/{run.id}/word-counts?{query}&format=csv").body.decode()
    rows = list(csv.reader(io.StringIO(table, newline=""), strict=True))
    assert [(row[0], int(row[1])) for row in rows[1:]] == words
    chart = run.client.get(f"/v1/jobs/{run.id}/word-counts?{query}&format=svg")
    assert chart.headers.get_content_type() == "image/svg+xml"
    root = xml.etree.ElementTree.fromstring(chart.body)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    labels = "".join(root.itertext())
    assert all(word in labels for word, _ in words)


def test_deleting_the_job_removes_everything_about_it(service, small_site):
    client = service.client
    job_id = client.submit(small_site.job)
    client.finished(job_id)
    assert client.delete(f"/v1/jobs/{job_id}").status == 204
    for path in ("", "/results", "/pages", "/word-counts"):
        assert client.get(f"/v1/jobs/{job_id}{path}").status == 404
    assert client.delete(f"/v1/jobs/{job_id}").status == 404
