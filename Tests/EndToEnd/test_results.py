"""Reading results while rows arrive: cursors, `resume`, long polls and entity tags."""

import json
import time

import harness


def seqs(items):
    return [item["seq"] for item in items]


def test_walking_the_pages_while_rows_arrive_yields_each_row_once(client, slow_site):
    job_id = client.submit(slow_site.job)
    seen, path = [], f"/v1/jobs/{job_id}/results?limit=37"
    while path:
        page = client.json(path)
        seen += page["items"]
        path = page["next"] or page.get("resume")
        if not page["items"]:
            time.sleep(0.05)
    assert client.status(job_id)["terminal"]
    everything = list(client.walk(f"/v1/jobs/{job_id}/results"))
    assert len(set(seqs(seen))) == len(seen)
    assert sorted(seqs(seen)) == sorted(seqs(everything))
    assert len(everything) == sum(page["page"] == "advert" for page in slow_site.expected.values())


def test_a_terminal_job_has_no_resume_and_its_last_page_no_next(client, small_site):
    job_id = client.submit(small_site.job)
    total = client.finished(job_id)["progress"]["items"]
    first = client.get(f"/v1/jobs/{job_id}/results?limit=100")
    assert 'rel="next"' in first.headers["Link"]
    assert "resume" not in harness.as_json(first) or harness.as_json(first)["resume"] is None
    last = client.json(f"/v1/jobs/{job_id}/results?limit=1000")
    assert len(last["items"]) == total == 600
    assert last["next"] is None


def test_the_order_of_results_is_the_same_on_every_read(client, small_site):
    job_id = client.submit(small_site.job)
    client.finished(job_id)
    first = list(client.walk(f"/v1/jobs/{job_id}/results?limit=77"))
    assert first == list(client.walk(f"/v1/jobs/{job_id}/results?limit=1000"))
    ndjson = client.get(f"/v1/jobs/{job_id}/results?format=ndjson").body.decode().splitlines()
    assert [json.loads(line) for line in ndjson] == first


def test_bad_limits_and_cursors_are_client_errors(client, small_site):
    job_id = client.submit(small_site.job)
    client.finished(job_id)
    for query in ("limit=0", "limit=1001", "limit=x", "limit=-1", "cursor=nonsense", "cursor=%00", "format=xml"):
        answer = client.get(f"/v1/jobs/{job_id}/results?{query}")
        assert 400 <= answer.status < 500, (query, answer.status)
        assert answer.headers.get_content_type() == "application/problem+json"


def test_wait_answers_when_the_job_ends_and_not_later(client, small_site):
    job_id = client.submit(small_site.job)
    began = time.monotonic()
    status = client.json(f"/v1/jobs/{job_id}?wait=60")
    assert status["terminal"]
    assert time.monotonic() - began < 50


def test_wait_with_an_entity_tag_answers_on_the_first_change(client, slow_site):
    job_id = client.submit(slow_site.job)
    first = client.get(f"/v1/jobs/{job_id}")
    assert first.headers["Retry-After"] == "1"
    began = time.monotonic()
    second = client.get(f"/v1/jobs/{job_id}?wait=30", If_None_Match=first.headers["ETag"])
    assert second.status == 200 and second.headers["ETag"] != first.headers["ETag"]
    assert time.monotonic() - began < 15
    client.post(f"/v1/jobs/{job_id}/cancel")
    client.finished(job_id, 10)


def test_an_unchanged_status_is_304_without_a_body(client, small_site):
    job_id = client.submit(small_site.job)
    client.finished(job_id)
    tag = client.get(f"/v1/jobs/{job_id}").headers["ETag"]
    again = client.get(f"/v1/jobs/{job_id}", If_None_Match=tag)
    assert (again.status, again.body) == (304, b"")
    assert client.get(f"/v1/jobs/{job_id}", If_None_Match='"other"').status == 200


def test_the_list_of_jobs_is_newest_first_and_can_be_filtered(client, small_site):
    ids = [client.submit(harness.job_of(small_site, name=f"list-{n % 2}")) for n in range(4)]
    for job_id in ids:
        client.finished(job_id)
    listed = [job["id"] for job in client.walk("/v1/jobs?limit=1000") if job["id"] in ids]
    assert listed == ids[::-1]
    assert [job["id"] for job in client.walk("/v1/jobs?name=list-1&limit=1")] == [ids[3], ids[1]]
    assert set(ids) <= {job["id"] for job in client.walk("/v1/jobs?status=completed")}
    assert not {job["id"] for job in client.walk("/v1/jobs?status=running")} & set(ids)
