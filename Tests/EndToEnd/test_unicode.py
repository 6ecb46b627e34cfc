"""Every Unicode scalar value, and what is none, from a page to an item; one row that the database refuses."""

import html

import databases
import harness

BLOCK = 0x400
PLANE = 0x10000
JOB_SECONDS = 120


def _scalars(plane):
    return [number for number in range(plane * PLANE, (plane + 1) * PLANE) if not 0xD800 <= number <= 0xDFFF]


def _blocks(plane):
    scalars = _scalars(plane)
    return [scalars[start:start + BLOCK] for start in range(0, len(scalars), BLOCK)]


def _page(paragraphs):
    return ("text/html; charset=utf-8", "<!DOCTYPE html><body>" + "".join(paragraphs))


def _run(client, pages, kinds):
    """What a job took from `{path: (type, text)}`, by path, in the order of the page."""
    with harness.PlainSite({path: (kind, text.encode("utf-8", "surrogatepass")) for path, (kind, text) in pages.items()}) as site:
        job = client.submit({"name": "unicode", "start": [site.origin + path for path in pages], "pages": kinds})
        status = client.finished(job, JOB_SECONDS)
        assert (status["status"], status["outcome"]) == ("completed", "ok"), status
        found = {path: [] for path in pages}
        for item in client.walk(f"/v1/jobs/{job}/results?limit=500"):
            found[item["url"].removeprefix(site.origin)].append(item["data"]["text"])
    return found


TEXTS = {"page": {"each": "p", "fields": {"text": "."}}}
TITLES = {"page": {"each": "p", "fields": {"text": "p::attr(title)"}}}


def _assert_same(found, expected):
    assert set(found) == set(expected)
    for path, texts in expected.items():
        assert len(found[path]) == len(texts), path
        for block, (got, wanted) in enumerate(zip(found[path], texts)):
            odd = [(hex(ord(a)), hex(ord(b))) for a, b in zip(got, wanted) if a != b][:5]
            assert got == wanted, (path, hex(block * BLOCK), len(got), len(wanted), odd)


def _check(client, kinds, paragraph, expected):
    """A job over every scalar value but NUL and CR, which have tests of their own; one paragraph a block."""
    pages, texts = {}, {}
    for plane in range(17):
        blocks = [[number for number in block if number not in (0, 0xD)] for block in _blocks(plane)]
        pages[f"/{plane}.html"] = _page(paragraph(block) for block in blocks)
        texts[f"/{plane}.html"] = ["x" + "".join(map(expected, block)) + "x" for block in blocks]
    _assert_same(_run(client, pages, kinds), texts)


def test_every_character_of_a_text_arrives_as_it_is(client):
    _check(client, TEXTS, lambda block: f"<p>x{html.escape(''.join(map(chr, block)), quote=False)}x</p>", chr)


def test_every_character_of_an_attribute_arrives_as_it_is(client):
    _check(client, TITLES, lambda block: f'<p title="x{html.escape("".join(map(chr, block)))}x">.</p>', chr)


def test_every_character_written_as_a_number_arrives(client):
    """0x80…0x9F in a reference are windows-1252's to HTML (13.2.5.80), its holes the controls."""
    def meant(number):
        text = bytes([number]).decode("cp1252", "replace") if 0x80 <= number <= 0x9F else chr(number)
        return chr(number) if text == "\ufffd" and number < 0xA0 else text
    _check(client, TEXTS, lambda block: f"<p>x{''.join(f'&#x{number:X};' for number in block)}x</p>", meant)


def test_what_is_no_character_leaves_its_neighbours_as_they_are(client):
    """Numbers of surrogates, of nothing, and NUL; surrogates in UTF-8; a written \\u0000 is six characters."""
    surrogates = "".join(f"<p>a&#x{number:X};b</p>" for number in range(0xD800, 0xE000, 0x40))
    pages = {"/references.html": _page([surrogates, "<p>a&#0;b</p><p>a&#x110000;b</p><p>a&#99999999999;b</p>"]),
             "/nul.html": _page(["<p>a\0b</p><p>\0\n1\0\n</p>"]),
             "/bytes.html": _page(["<p>a\ud800b</p><p>a\udfffb</p><p>a\ud83d\udc00b</p>"]),
             "/written.html": _page([r"<p>a\u0000b\ud800c\\u0000</p>"])}
    found = _run(client, pages, TEXTS)
    assert set(found["/references.html"]) == {"a\ufffdb"}, found["/references.html"]
    assert found["/bytes.html"] == ["a" + "\ufffd" * 3 + "b"] * 2 + ["a" + "\ufffd" * 6 + "b"]
    assert found["/nul.html"] == ["ab", "1"]
    assert found["/written.html"] == [r"a\u0000b\ud800c\\u0000"]


def test_a_row_that_the_database_refuses_fails_its_page_and_no_other(binary):
    pages = {f"/{number}.html": ("text/html", b"<p>%d %s</p>" % (number, b"poison" if number == 7 else b"well"))
             for number in range(40)}
    with databases.Server() as server, databases.service_on(binary, server.url) as service:
        server.sql("alter table item add constraint no_poison check (data::text not like '%poison%')")
        with harness.PlainSite(pages) as site:
            job = service.client.submit({"name": "poison", "start": [site.origin + path for path in pages], "pages": TEXTS})
            status = service.client.finished(job, JOB_SECONDS)
        assert (status["status"], status["outcome"]) == ("completed", "partial"), status
        assert status["progress"]["fetched"] == 39 and status["progress"]["items"] == 39
        assert status["failures"] == [{"code": "internal_error", "count": 1}]
        failed = list(service.client.walk(f"/v1/jobs/{job}/pages?status=failed"))
        assert [row["url"] for row in failed] == [site.origin + "/7.html"]
        assert len(list(service.client.walk(f"/v1/jobs/{job}/results"))) == 39
        assert service.stop() == 0
