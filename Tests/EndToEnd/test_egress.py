"""What the service dials: nothing but what the egress rule allows, however the address is spelled, named or hidden."""

import os
import urllib.parse

import pytest

import egress_world
import harness

PUBLIC, OTHER_PUBLIC, PUBLIC6 = "8.8.8.8", "1.1.1.1", "2606:4700:4700::1111"
INNER = "127.0.0.1"
NAMES = {
    "public.test": [[PUBLIC]],
    # Asked for by one test only: no connection to it is there yet.
    "fresh.test": [[PUBLIC]],
    "both.test": [[PUBLIC, PUBLIC6]],
    "inner.test": [[INNER]],
    "metadata.test": [["169.254.169.254"]],
    "mapped.test": [["::ffff:127.0.0.1"]],
    "inner6.test": [["::1"]],
    "mixed.test": [[PUBLIC, INNER]],
    "mixed-reversed.test": [[INNER, PUBLIC]],
    "mixed-families.test": [[PUBLIC, "::1"]],
    "mixed-private.test": [[PUBLIC, OTHER_PUBLIC, "10.0.0.1"]],
    "rebind.test": [[PUBLIC], [INNER]],
    "rebind-often.test": [[PUBLIC], [INNER], [PUBLIC], [INNER]],
}
REFUSED_NAMES = [name for name in NAMES if name.startswith(("inner", "metadata", "mapped", "mixed"))]
# How a URL comes to be fetched. A page's own robots.txt is asked for first, so that "page" is both; webhooks are below.
SURFACES = {
    "page": lambda url: url,
    "redirect": lambda url: f"http://public.test/to?url={urllib.parse.quote(url, safe='')}",
    "redirect of a redirect": lambda url: SURFACES["redirect"](SURFACES["redirect"](url)),
}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")


@pytest.fixture(scope="module")
def world():
    with egress_world.World(NAMES) as world:
        yield world


@pytest.fixture(scope="module")
def guarded(world, binary):
    """A service that may go to the public internet only, as it comes."""
    with harness.Service(world.wrap(binary), egress=None) as service:
        yield service


@pytest.fixture(autouse=True)
def nothing_dialled_yet(world):
    world.forget()


def run(service, urls, **fetch):
    """The ledger of a job of these start pages, by URL."""
    job = {"start": urls, "pages": {"page": {"fields": {"title": "title"}}}, "fetch": {"retries": 0, **fetch}}
    job_id = service.client.submit(job)
    service.client.finished(job_id, 120)
    return {entry["url"]: entry for entry in service.client.walk(f"/v1/jobs/{job_id}/pages?limit=1000")}


def rows(verdict):
    """The table's rows of one verdict, each with a path of its own, so that no two are the same page."""
    return [(f"{url}{number}", judged) for number, (url, said, judged) in enumerate(egress_world.table_rows()) if said == verdict]


def test_every_blocked_spelling_is_blocked_and_nothing_is_dialled(world, guarded):
    blocked = rows("blocked")
    assert len(blocked) >= 60
    ledger = run(guarded, [url for url, _ in blocked])
    assert len(ledger) == len(blocked)
    assert {entry["error"] for entry in ledger.values()} == {"url_blocked"}
    assert world.dialled() == []


def test_every_passing_spelling_dials_the_address_it_means(world, guarded):
    dialled = set()
    for url, judged in rows("passes"):
        world.forget()
        (entry,) = run(guarded, [url]).values()
        assert entry["status"] == "fetched", (url, entry)
        # None where a connection of the row before is used again.
        assert set(world.dialled()) <= {egress_world.plain(judged)}, url
        dialled |= set(world.dialled())
    assert dialled == {egress_world.plain(judged) for _, judged in rows("passes")}


def test_a_spelling_that_is_no_url_is_refused_at_submission(world, guarded):
    for url, _ in rows("no URL"):
        job = {"start": url, "pages": {"page": {"fields": {"title": "title"}}}}
        answer = guarded.client.post("/v1/jobs", job)
        assert answer.status == 422, (url, answer.body)
    assert world.dialled() == []


def test_a_spelling_that_is_an_unknown_name_is_not_found(world, guarded):
    ledger = run(guarded, [url for url, _ in rows("not found")])
    assert {entry["error"] for entry in ledger.values()} == {"dns_failed"}
    assert world.dialled() == []


@pytest.mark.parametrize("surface", SURFACES)
def test_a_name_with_any_refused_address_is_blocked(world, guarded, surface):
    ledger = run(guarded, [SURFACES[surface](f"http://{name}/") for name in REFUSED_NAMES])
    assert {entry["error"] for entry in ledger.values()} == {"url_blocked"}
    assert len(ledger) == len(REFUSED_NAMES)
    assert set(world.dialled()) <= {PUBLIC}


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("target", ["http://127.0.0.1/", "http://2130706433/", "http://[::ffff:7f00:1]/", "https://127.0.0.1/",
                                    "//169.254.169.254/latest/", "http://u:p@localhost/", "http://127。0。0。1/"])
def test_an_address_is_blocked_wherever_it_is_named(world, guarded, surface, target):
    if surface == "page" and target.startswith("//"):
        target = "http:" + target
    (entry,) = run(guarded, [SURFACES[surface](target)]).values()
    assert entry["error"] == "url_blocked"
    assert set(world.dialled()) <= {PUBLIC}


def test_a_webhook_goes_nowhere_that_a_page_may_not(world, guarded):
    targets = [f"http://{name}/" for name in REFUSED_NAMES] + ["http://2130706433/", "http://[::ffff:7f00:1]/"]
    page = {"start": "http://public.test/", "pages": {"page": {"fields": {"title": "title"}}}}
    jobs = [guarded.client.submit({**page, "webhook": {"url": target}}) for target in targets]
    for job_id in jobs:
        guarded.client.finished(job_id)
        (sent,) = harness.wait_until(
            lambda: [d for d in guarded.client.json(f"/v1/jobs/{job_id}/deliveries")["items"] if d["status"] != "pending"],
            30, "the delivery has failed")
        assert (sent["status"], sent["error"]) == ("failed", "url_blocked")
    assert set(world.dialled()) <= {PUBLIC}


@pytest.mark.parametrize("name", ["fresh.test", "both.test"])
def test_a_public_name_is_fetched_at_its_own_address(world, guarded, name):
    (entry,) = run(guarded, [f"http://{name}/"]).values()
    assert entry["status"] == "fetched"
    assert set(world.dialled()) <= {PUBLIC, PUBLIC6} and world.dialled()


def test_the_ledger_and_the_status_name_no_address(guarded):
    job = {"start": "http://metadata.test/", "pages": {"page": {"fields": {"title": "title"}}}, "fetch": {"retries": 0}}
    job_id = guarded.client.submit(job)
    guarded.client.finished(job_id)
    for path in (f"/v1/jobs/{job_id}", f"/v1/jobs/{job_id}/pages"):
        assert b"169.254" not in guarded.client.get(path).body
    assert "169.254" not in guarded.log_path.read_text()


def test_a_name_that_turns_inwards_between_look_ups_never_leads_inwards(world, guarded):
    """The first look-up says a public address, all later ones loopback: the checked one is dialled, then none."""
    (entry,) = run(guarded, ["http://rebind.test/1"]).values()
    assert entry["status"] == "fetched"
    assert world.dialled() == [PUBLIC]
    turn = 1

    def is_blocked():
        nonlocal turn
        turn += 1
        (entry,) = run(guarded, [f"http://rebind.test/{turn}"]).values()
        assert entry["status"] == "fetched" or entry["error"] == "url_blocked", entry
        return entry["error"] == "url_blocked"

    harness.wait_until(is_blocked, 60, "the name is looked up again and refused")
    assert world.dns.asked.count("rebind.test") == 2
    assert set(world.dialled()) == {PUBLIC}


def test_a_name_that_turns_inwards_again_and_again_never_leads_inwards(world, guarded):
    urls = [f"http://rebind-often.test/{number}" for number in range(200)]
    ledger = run(guarded, urls + [SURFACES["redirect"](url + "/moved") for url in urls], concurrency=50)
    assert len(ledger) == 400
    assert {entry["error"] for entry in ledger.values()} <= {None, "url_blocked"}
    assert set(world.dialled()) == {PUBLIC}


def test_an_allowed_network_is_open_to_addresses_names_and_redirects(world, binary):
    with harness.Service(world.wrap(binary), egress="127.0.0.0/8,10.0.0.0/8") as service:
        targets = ["http://127.0.0.1/", "http://0x7f.1/x", "http://inner.test/", "http://mapped.test/", "http://mixed.test/",
                   "http://mixed-private.test/", "http://[::ffff:10.0.0.1]/"]
        for surface in SURFACES.values():
            ledger = run(service, [surface(target) for target in targets])
            assert {entry["status"] for entry in ledger.values()} == {"fetched"}, ledger
        assert {INNER, "10.0.0.1"} <= set(world.dialled())
        world.forget()
        still = ["http://192.168.1.1/", "http://metadata.test/", "http://inner6.test/", "http://mixed-families.test/"]
        ledger = run(service, still)
        assert {entry["error"] for entry in ledger.values()} == {"url_blocked"}
        assert world.dialled() == []
