"""JSON APIs: JSONPath selectors, pagination in its usual forms, requests with method, header fields and body."""

import collections
import json

import harness
import json_api
import pytest


@pytest.fixture
def api():
    with json_api.JSONAPI() as running:
        yield running


def run(client, job, outcome="ok"):
    """The job's id once it is completed."""
    job_id = client.submit(job)
    status = client.finished(job_id)
    assert (status["status"], status["outcome"]) == ("completed", outcome), status
    return job_id


def data(client, job_id):
    return [item["data"] for item in client.walk(f"/v1/jobs/{job_id}/results?limit=1000")]


def by_id(items):
    return sorted(items, key=lambda item: item["id"])


def problem(client, job):
    """Pointer to detail of a job that is refused."""
    answer = client.post("/v1/jobs", job)
    assert answer.status == 422, (answer.status, answer.body)
    return {error["pointer"]: error["detail"] for error in harness.as_json(answer)["errors"]}


ALL_POSTS = [json_api.post(number) for number in range(1, json_api.RECORDS + 1)]


def test_the_posts_job_of_the_contract(client, api):
    job = {"name": "posts", "start": [{"url": api.url + "/posts/{n}", "variables": {"n": {"from": 1, "to": 10}}}],
           "pages": {"post": {"fields": {"title": "$.title", "body": "$.body"}}}, "fetch": {"concurrency": 10}}
    job_id = run(client, job)
    expected = [{"title": p["title"], "body": p["body"]} for p in ALL_POSTS[:10]]
    assert sorted(data(client, job_id), key=str) == sorted(expected, key=str)


def test_values_keep_their_kind_unless_a_type_says_otherwise(client, api):
    fields = {"id": "$.id", "title": {"json": "$.title", "type": "text"}, "rating": "$.rating", "draft": "$.draft", "tags": "$.tags",
              "parent": "$.parent", "tag": {"json": "$.tags[*]", "all": True}, "id_text": {"json": "$.id", "type": "text"},
              "tags_text": {"json": "$.tags", "type": "text"}, "number": {"json": "$.title", "match": "Titel (\\d+)", "type": "integer"},
              "missing": "$.nothing", "none": {"json": "$.none[*]", "all": True}}
    job_id = run(client, {"start": api.url + "/posts/7", "pages": {"post": {"fields": fields}}})
    seven = json_api.post(7)
    assert data(client, job_id) == [{
        "id": 7, "title": seven["title"].strip(), "rating": 1.75, "draft": False, "tags": ["t1", "all"], "parent": None,
        "tag": ["t1", "all"], "id_text": "7", "tags_text": '["t1","all"]', "number": 7, "missing": None, "none": None}]
    csv = client.get(f"/v1/jobs/{job_id}/results?format=csv").body.decode()
    assert '"[""t1"",""all""]"' in csv and ",1.75," in csv


def test_each_with_a_filter_gives_an_item_a_match_and_is_its_root(client, api):
    job = {"start": api.url + "/by-url", "pages": {"p": {"each": "$.posts[?@.draft == false && @.id > 4]",
                                                         "fields": {"id": "$.id", "whole": {"json": "$", "type": "json"}}}}}
    items = data(client, run(client, job))
    assert [item["id"] for item in items] == [5, 7, 9]
    assert [item["whole"] for item in items] == [json_api.post(n) for n in (5, 7, 9)]


PAGE = {"each": "$.posts[*]", "fields": {"id": "$.id", "title": "$.title"}}
TITLES = [{"id": p["id"], "title": p["title"]} for p in ALL_POSTS]


def test_pages_are_followed_by_the_url_they_name(client, api):
    job = {"start": api.url + "/by-url", "pages": {"p": {**PAGE, "follow": [{"links": "$.next", "as": "p"}]}}}
    assert by_id(data(client, run(client, job))) == TITLES
    assert len(api.asked()) == 10


def test_pages_are_followed_by_a_cursor_in_a_url(client, api):
    follow = {"links": "$.meta.cursor", "url": api.url + "/by-cursor?cursor={link}", "as": "p"}
    job = {"start": api.url + "/by-cursor", "pages": {"p": {**PAGE, "follow": [follow]}}}
    assert by_id(data(client, run(client, job))) == TITLES
    assert len(api.asked()) == 10


def test_a_reference_with_a_cursor_is_resolved_against_the_page(client, api):
    follow = {"links": "$.meta.cursor", "url": "/by-cursor?cursor={link}", "as": "p"}
    job = {"start": api.url + "/by-cursor", "pages": {"p": {**PAGE, "follow": [follow]}}}
    assert by_id(data(client, run(client, job))) == TITLES


def test_pages_are_followed_by_a_cursor_in_a_body(client, api):
    start = {"url": api.url + "/search", "variables": {"page": {"from": 1, "to": 1}}, "body": {"page": "{page}", "query": "q{page} {title}"}}
    follow = {"links": "$.meta.cursor", "url": api.url + "/search", "body": {"cursor": "{link}", "query": "é"}, "as": "p"}
    job = {"start": [start], "pages": {"p": {**PAGE, "follow": [follow]}}}
    assert by_id(data(client, run(client, job))) == TITLES
    first, *rest = api.asked()
    assert (first.method, json.loads(first.body)) == ("POST", {"page": 1, "query": "q1 {title}"})
    assert first.headers["Content-Type"] == "application/json"
    assert len(rest) == 9 and all(json.loads(request.body)["query"] == "é" for request in rest)


def test_graphql(client, api):
    query = "query Posts($n: Int, $after: Int) { posts(first: $n, after: $after) { edges { node { id title } } pageInfo { endCursor } } }"
    follow = {"links": "$.data.posts[?@.hasNextPage == true].endCursor", "url": api.url + "/graphql",
              "body": {"query": query, "variables": {"n": 20, "after": "{link}"}}, "as": "p"}
    job = {"start": [{"url": api.url + "/graphql", "body": {"query": query, "variables": {"n": 20, "after": None}}}],
           "pages": {"p": {"each": "$.data.posts.edges[*].node", "fields": {"id": "$.id", "title": "$.title"}, "follow": [follow]}}}
    assert by_id(data(client, run(client, job))) == TITLES
    assert [json.loads(r.body)["variables"]["after"] for r in api.asked()] == [None, 20, 40, 60, 80]


def test_methods_headers_and_bodies_reach_the_server_as_they_were_written(client, api):
    entries = [
        {"url": api.url + "/echo?1"}, {"url": api.url + "/echo?2", "method": "POST"}, {"url": api.url + "/echo?3", "method": "PUT", "body": "é\n{x}"},
        {"url": api.url + "/echo?4", "method": "PATCH", "body": [1.5, True, None]}, {"url": api.url + "/echo?5", "method": "DELETE"},
        {"url": api.url + "/echo?6", "body": "a={v}", "headers": {"Content-Type": "application/x-www-form-urlencoded", "X-Token": "t-{v}"},
         "variables": {"v": {"values": ["1"]}}},
        {"url": api.url + "/echo?7", "headers": {"x-token": "own"}},
    ]
    fields = {name: f"$.{name}" for name in ("method", "body", "type", "token")}
    job = {"start": entries, "pages": {"p": {"fields": fields}}, "fetch": {"headers": {"X-Token": "job"}}}
    job_id = run(client, job)
    got = {item["url"][-1]: tuple(item["data"].values()) for item in client.walk(f"/v1/jobs/{job_id}/results")}
    assert got == {
        "1": ("GET", "", None, "job"), "2": ("POST", "", None, "job"), "3": ("PUT", "é\n{x}", None, "job"),
        "4": ("PATCH", "[1.5,true,null]", "application/json", "job"), "5": ("DELETE", "", None, "job"),
        "6": ("POST", "a=1", "application/x-www-form-urlencoded", "t-1"), "7": ("GET", "", None, "own")}


@pytest.mark.parametrize("status, kept", [(301, False), (302, False), (303, False), (307, True), (308, True)])
def test_a_redirect_keeps_the_request_where_the_standard_says_so(client, api, status, kept):
    api.answers["/moved"] = lambda request: (status, {"Location": "/echo"}, b"")
    job = {"start": [{"url": api.url + "/moved", "body": {"a": 1}}], "pages": {"p": {"fields": {"m": "$.method", "b": "$.body", "t": "$.type"}}}}
    expected = {"m": "POST", "b": '{"a":1}', "t": "application/json"} if kept else {"m": "GET", "b": "", "t": None}
    assert data(client, run(client, job)) == [expected]


def test_one_url_is_fetched_once_a_request(client, api):
    entry = {"url": api.url + "/echo", "body": {"n": "{n}"}, "variables": {"n": {"from": 1, "to": 1000}}}
    job = {"start": [entry, entry, {"url": api.url + "/echo"}], "pages": {"p": {"fields": {"body": "$.body"}}}}
    bodies = collections.Counter(item["body"] for item in data(client, run(client, job)))
    assert bodies == collections.Counter({json.dumps({"n": n}, separators=(",", ":")): 1 for n in range(1, 1001)} | {"": 1})
    assert len(api.asked()) == 1001


def test_retry_failed_sends_the_same_request_again(client, api):
    entry = {"url": api.url + "/flaky", "body": {"n": "{n}"}, "headers": {"X-Token": "{n}"}, "variables": {"n": {"from": 1, "to": 20}}}
    job_id = client.submit({"start": [entry], "pages": {"p": {"fields": {"body": "$.body", "token": "$.token"}}}, "fetch": {"retries": 0}})
    status = client.finished(job_id)
    assert status["failures"] == [{"code": "http_500", "count": 20}] and status["progress"]["items"] == 0
    assert client.post(f"/v1/jobs/{job_id}/retry-failed").status == 202
    status = client.finished(job_id)
    assert status["outcome"] == "ok" and status["progress"]["items"] == 20
    assert {(item["body"], item["token"]) for item in data(client, job_id)} == {('{"n":%d}' % n, str(n)) for n in range(1, 21)}
    asked = api.asked()
    assert sorted(r.body for r in asked[:20]) == sorted(r.body for r in asked[20:])


def test_a_kill_in_the_middle_of_a_post_job_loses_and_doubles_nothing(binary):
    service = harness.Service(binary)
    try:
        with json_api.JSONAPI(latency=0.05) as api:
            service.start()
            entry = {"url": api.url + "/search", "body": {"page": "{page}", "query": "{q}"},
                     "variables": {"page": {"from": 1, "to": 10}, "q": {"from": "a", "to": "z"}}}
            job_id = service.client.submit({"start": [entry], "pages": {"p": {"each": "$.posts[*]", "fields": {"id": "$.id"}},
                                                                        "q": {"fields": {"q": "$.query"}}},
                                            "politeness": {"per_host_concurrency": 8}} | {"start": [entry | {"as": "p"}, entry | {"as": "q"}]})
            harness.wait_until(lambda: service.client.status(job_id)["progress"]["fetched"] > 50, 60, "the job makes progress")
            service.kill()
            service.start()
            assert not service.client.status(job_id)["terminal"]
            status = service.client.finished(job_id)
            assert (status["outcome"], status["progress"]["fetched"]) == ("ok", 520), status
            items = data(service.client, job_id)
            ids = collections.Counter(item["id"] for item in items if "id" in item)
            assert ids == collections.Counter({n: 26 for n in range(1, json_api.RECORDS + 1)})
            queries = collections.Counter(item["q"] for item in items if "q" in item)
            assert queries == collections.Counter({chr(c): 10 for c in range(ord("a"), ord("z") + 1)})
        assert service.stop() == 0
    finally:
        service.close()


@pytest.mark.parametrize("body, detail", [
    (b"<html>", "line 1, column 1"), (b'{"a": 1,\n "b": tru}', "line 2, column 7"), (b"", "line 1, column 1"), (b'{"a": 1} x', "column 10"),
    (b"\x89PNG\r\n\x1a\n", "column 1"), (b'{"a": 1', "column 8"), (b'{"a": NaN}', "column 7"),
])
def test_a_body_that_is_no_json_fails_the_page(client, api, body, detail):
    api.answers["/bad"] = lambda request: (200, {"Content-Type": "application/json"}, body)
    job_id = client.submit({"start": [api.url + "/bad", api.url + "/posts/1"], "pages": {"p": {"fields": {"a": "$.id"}}}})
    status = client.finished(job_id)
    assert status["outcome"] == "partial" and status["failures"] == [{"code": "not_json", "count": 1}]
    [row] = client.walk(f"/v1/jobs/{job_id}/pages?status=failed")
    assert row["error"] == "not_json" and row["http_status"] == 200 and row["attempts"] == 1
    assert detail in row["detail"], row


@pytest.mark.parametrize("body, value", [
    (b'\xef\xbb\xbf{"a": "\xc3\xa9"}', "é"), ('{"a": "é😀"}'.encode("utf-16"), "é😀"), ('{"a": "é"}'.encode("utf-16-le"), "é"), ('{"a": "é"}'.encode("utf-16-be"), "é"),
    (b'{"a": "x\xffy"}', "x\ufffdy"), (b'{"a": "\\ud800x"}', "\ufffdx"), (b'{"a": "x\\u0000y"}', "xy"), (b'{"a": "\\\\u0000"}', "\\u0000"),
    (b'{"a": 1, "a": 2}', 2), (b'{"a": 12345678901234567890}', 12345678901234567890), (b'{"a": 1.50}', 1.5), (b' \n{"a":\t"b"} ', "b"),
])
def test_what_bodies_come_as(client, api, body, value):
    api.answers["/odd"] = lambda request: (200, {"Content-Type": "application/json"}, body)
    assert data(client, run(client, {"start": api.url + "/odd", "pages": {"p": {"fields": {"a": "$.a"}}}})) == [{"a": value}]


def test_numbers_keep_their_text(client, api):
    api.answers["/numbers"] = lambda request: (200, {}, b"[1e400, 1.10, 123456789012345678901234567890, -0]")
    job_id = run(client, {"start": api.url + "/numbers", "pages": {"p": {"fields": {"n": {"json": "$[*]", "all": True}}}}})
    body = client.get(f"/v1/jobs/{job_id}/results").body
    assert b'"n":[1e400,1.10,123456789012345678901234567890,-0]' in body.replace(b": ", b":").replace(b", ", b","), body


def test_what_is_wrong_with_a_job_is_told_with_its_place(client, api):
    def refused(pages, start=None):
        return problem(client, {"start": start or api.url, "pages": pages})

    errors = refused({"p": {"each": "$.a[", "fields": {"t": "$.b[?@.c==]", "u": {"json": "$['a"}},
                            "follow": [{"links": "$x", "as": "p"}]}})
    assert set(errors) == {"/pages/p/each", "/pages/p/fields/t", "/pages/p/fields/u/json", "/pages/p/follow/0/links"}
    assert errors["/pages/p/fields/t"].endswith("at character 11") and "JSONPath" in errors["/pages/p/fields/t"]
    assert set(refused({"p": {"each": "$.a[*]", "fields": {"t": "h1", "u": "$.b"}}})) == {"/pages/p/fields/t"}
    assert set(refused({"p": {"follow": [{"links": "a", "as": "p"}], "fields": {"u": "$.b"}}})) == {"/pages/p/fields/u"}
    page = {"p": {"fields": {"t": "$.a"}}}
    assert set(refused(page, [{"url": api.url, "method": "GET", "body": "x"}])) == {"/start/0/body"}
    assert set(refused(page, [{"url": api.url, "method": "TRACE"}])) == {"/start/0/method"}
    assert set(refused(page, [{"url": api.url, "body": None}])) == {"/start/0/body"}
    assert set(refused(page, [{"url": api.url, "body": "x" * 70_000}])) == {"/start/0/body"}
    assert set(refused(page, [{"url": api.url, "headers": {"Host": "x", "a b": "c", "X": 1}}])) == {
        "/start/0/headers/Host", "/start/0/headers/a b", "/start/0/headers/X"}
    variables = {"n": {"from": 1, "to": 1_000_000}}
    assert set(refused(page, [{"url": api.url, "variables": variables, "body": "{n}" + "x" * 1000}])) == {"/start"}
    assert set(refused(page, [{"url": api.url, "variables": variables, "body": "{m}"}])) == {"/start/0/url"}
    follow = {"links": "$.a", "as": "p"}
    for rule, place in (({"url": "ftp://x/{link}"}, "url"), ({"url": "/x"}, "url"), ({"url": "/{x}?{link}"}, "url"), ({"method": "get"}, "method")):
        assert set(refused({"p": {"follow": [{**follow, **rule}]}})) == {f"/pages/p/follow/0/{place}"}


def test_a_query_that_runs_away_is_a_warning(client, api):
    deep = "[" * 900 + "]" * 900
    api.answers["/deep"] = lambda request: (200, {}, ("[" + ",".join([deep] * 500) + "]").encode())
    job = {"start": api.url + "/deep", "pages": {"p": {"fields": {"bad": "$..*..*..*", "good": {"json": "$[0][0]", "type": "json"}}}}}
    job_id = client.submit(job)
    status = client.finished(job_id)
    assert status["status"] == "completed" and [w["code"] for w in status["warnings"]][:1] == ["selector_exhausted"], status
