"""Which links are followed: `allow`, `deny`, `same_host`, `max_depth`, and pages that follow to their own kind."""

import pytest

import harness
from crawl_site import Directory


def page(*links, title="page"):
    anchors = "".join(f'<a href="{link}">{link}</a>' for link in links)
    return f"<!doctype html><html><head><title>{title}</title></head><body>{anchors}</body></html>"


def crawl(site, start="/", rule=None, **job):
    follow = [{"links": "a", "as": "page", **(rule or {})}]
    return {"start": site.origin + start, "pages": {"page": {"follow": follow, "fields": {"title": "title"}}}, **job}


def run(client, site, job):
    """The ledger by path, and the status."""
    status = client.finished(client.submit(job))
    rows = list(client.walk(f"{status['links']['pages']}?limit=1000"))
    assert len({(row["url"], row["page"]) for row in rows}) == len(rows)
    return {row["url"].removeprefix(site.origin): row for row in rows}, status


@pytest.fixture(scope="module")
def shop():
    with Directory() as site:
        site.write("index.html", page("/shop/a.html", "/shop/b.html?x=1", "/SHOP/c.html", "/cart/add?id=1", "/shop/old/d.html"))
        for path in ("shop/a.html", "shop/b.html", "SHOP/c.html", "shop/old/d.html"):
            site.write(path, page("/", "/shop/a.html#top"))
        yield site


@pytest.mark.parametrize("rule, wanted", [
    ({}, {"/", "/shop/a.html", "/shop/b.html?x=1", "/SHOP/c.html", "/cart/add?id=1", "/shop/old/d.html"}),
    ({"allow": "/shop/"}, {"/", "/shop/a.html", "/shop/b.html?x=1", "/shop/old/d.html"}),
    ({"allow": "(?i)/shop/", "deny": "/old/|[?]"}, {"/", "/shop/a.html", "/SHOP/c.html"}),
    ({"deny": "/shop/"}, {"/", "/SHOP/c.html", "/cart/add?id=1"}),
    ({"allow": "^https"}, {"/"}),
    ({"allow": "a\\.html$", "deny": "a\\.html$"}, {"/"}),
    ({"allow": "a\\.html$"}, {"/", "/shop/a.html"}),
])
def test_links_are_followed_by_pattern(client, shop, rule, wanted):
    ledger, status = run(client, shop, crawl(shop, rule=rule))
    assert set(ledger) == wanted and status["status"] == "completed"


@pytest.mark.parametrize("member", ["allow", "deny"])
def test_a_pattern_that_does_not_parse_is_refused(client, shop, member):
    answer = client.post("/v1/jobs", crawl(shop, rule={member: "/shop/(a|b"}))
    assert answer.status == 422
    [error] = harness.as_json(answer)["errors"]
    assert error["pointer"] == f"/pages/page/follow/0/{member}"
    assert "character 11" in error["detail"], error
    wrong = client.post("/v1/jobs", crawl(shop, rule={member: 1}))
    assert harness.as_json(wrong)["errors"][0]["pointer"] == f"/pages/page/follow/0/{member}"


@pytest.mark.parametrize("member", ["allow", "deny"])
def test_a_pattern_that_runs_away_follows_nothing_and_is_warned_of(client, member):
    with Directory() as site:
        site.write("index.html", page("/fine.html", "/" + "a" * 60 + "!.html"))
        site.write("fine.html", page())
        pattern = "fine|(a|aa)+$" if member == "allow" else "(a|aa)+$"
        ledger, status = run(client, site, crawl(site, rule={member: pattern}))
        assert set(ledger) == {"/", "/fine.html"}
        assert [(w["code"], w["count"]) for w in status["warnings"]] == [("pattern_exhausted", 1)], status["warnings"]
        assert (status["status"], status["outcome"]) == ("completed", "ok")


def test_same_host_compares_hosts_whatever_the_port(client):
    with Directory() as site, Directory() as neighbour:
        other = f"http://localhost:{site.port}/other.html"
        site.write("index.html", page("/own.html", f"{neighbour.origin}/port.html", other))
        for path in ("own.html", "other.html"):
            site.write(path, page())
        neighbour.write("port.html", page("/deeper.html", f"http://LOCALHOST:{site.port}/"))
        neighbour.write("deeper.html", page())
        ledger, _ = run(client, site, crawl(site, rule={"same_host": True}))
        assert set(ledger) == {"/", "/own.html", f"{neighbour.origin}/port.html", f"{neighbour.origin}/deeper.html"}
        ledger, _ = run(client, site, crawl(site, limits={"max_depth": 1}))
        assert other in ledger


def test_the_host_is_that_of_the_page_after_redirects(client):
    with Directory(locations="location = /moved { return 302 http://localhost:$server_port/; }") as site:
        site.write("index.html", page("/own.html", f"{site.origin}/other.html"))
        site.write("own.html", page())
        ledger, _ = run(client, site, crawl(site, start="/moved", rule={"same_host": True}, politeness={"robots": False}))
        # localhost may have an address that the service may not dial: then the redirect leads nowhere.
        if ledger["/moved"]["status"] == "fetched":
            assert set(ledger) == {"/moved", f"http://localhost:{site.port}/own.html"}
        else:
            assert ledger["/moved"]["error"] == "url_blocked" and len(ledger) == 1


def test_pages_that_follow_to_their_own_kind_end(client):
    """Pagination as shops have it: each page leads to the next, the last one back to the first."""
    with Directory() as site:
        for number in range(1, 31):
            following = number % 30 + 1
            site.write(f"list/{number}.html", page(*(f"/item/{number}-{i}.html" for i in range(5)))
                       .replace("</body>", f'<link rel="next" href="{following}.html?"><a rel=next href="./{following}.html#list">next</a></body>'))
            for i in range(5):
                site.write(f"item/{number}-{i}.html", page(title=f"{number}-{i}"))
        job = {"start": [{"url": site.origin + "/list/1.html", "as": "list"}],
               "pages": {"list": {"follow": [{"links": "a[rel=next]", "as": "list"}, {"links": "a:not([rel])", "as": "item"}]},
                         "item": {"fields": {"title": "title"}}}}
        ledger, status = run(client, site, job)
        assert len(ledger) == 30 * 6 and status["progress"]["fetched"] == 30 * 6
        items = list(client.walk(f"{status['links']['results']}?limit=1000"))
        assert sorted(i["data"]["title"] for i in items) == sorted(f"{n}-{i}" for n in range(1, 31) for i in range(5))


def test_depth_is_the_fewest_links_from_a_start_page(client):
    """`goal` is two links away by a page that answers late, and three by pages that answer at once."""
    with Directory(locations="location = /late.html { echo_sleep 1.5; echo_exec @files; } location @files { }") as site:
        site.write("index.html", page("/late.html", "/quick.html"))
        site.write("late.html", page("/goal.html"))
        site.write("quick.html", page("/next.html"))
        site.write("next.html", page("/goal.html"))
        site.write("goal.html", page("/beyond.html"))
        site.write("beyond.html", page())
        ledger, _ = run(client, site, crawl(site, limits={"max_depth": 2}))
        assert {path for path, row in ledger.items() if row["status"] == "fetched"} == \
            {"/", "/late.html", "/quick.html", "/next.html", "/goal.html"}
        assert {path: row["error"] for path, row in ledger.items() if row["status"] == "skipped"} == {"/beyond.html": "max_depth"}


def test_depth_is_exact_while_pages_fail_and_are_tried_again(client):
    with Directory(locations="location = /flaky.html { return 503; }") as site:
        site.write("index.html", page("/flaky.html", *(f"/a{i}.html" for i in range(50))))
        for i in range(50):
            site.write(f"a{i}.html", page(f"/b{i}.html"))
            site.write(f"b{i}.html", page(f"/c{i}.html"))
        ledger, status = run(client, site, crawl(site, limits={"max_depth": 2}, fetch={"retries": 1, "concurrency": 8}))
        assert {p for p, r in ledger.items() if r["status"] == "fetched"} == \
            {"/", *(f"/{k}{i}.html" for k in "ab" for i in range(50))}
        assert {p for p, r in ledger.items() if r["error"] == "max_depth"} == {f"/c{i}.html" for i in range(50)}
        assert ledger["/flaky.html"]["error"] == "http_503" and status["progress"]["retries"] == 1


def test_depth_is_exact_after_a_kill(binary):
    locations = "location ~ ^/a { echo_sleep 0.3; echo_exec @files; } location @files { }"
    service = harness.Service(binary)
    try:
        with Directory(locations=locations) as site:
            site.write("index.html", page(*(f"/a{i}.html" for i in range(60))))
            for i in range(60):
                site.write(f"a{i}.html", page(f"/b{i}.html"))
                site.write(f"b{i}.html", page(f"/c{i}.html", *(f"/b{j}.html" for j in range(60))))
                site.write(f"c{i}.html", page())
            service.start()
            job_id = service.client.submit(crawl(site, limits={"max_depth": 2}, fetch={"concurrency": 4}))
            for done in (10, 40, 80):
                harness.wait_until(lambda: service.client.status(job_id)["progress"]["fetched"] >= done, 60, "it goes on")
                service.kill()
                service.start()
            service.client.finished(job_id, 60)
            rows = list(service.client.walk(f"/v1/jobs/{job_id}/pages?limit=1000"))
            by = {s: sorted(r["url"].removeprefix(site.origin) for r in rows if r["status"] == s) for s in ("fetched", "skipped")}
            assert by["fetched"] == sorted(["/", *(f"/{k}{i}.html" for k in "ab" for i in range(60))])
            assert by["skipped"] == sorted(f"/c{i}.html" for i in range(60))
            assert service.stop() == 0
    finally:
        service.close()
