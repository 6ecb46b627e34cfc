"""The other jobs of Examples/jobs, as in test_examples.py: sorts of job, each against a local server."""

import collections
import hashlib
import http.server
import json
import threading

import pytest

import harness
from nginx_site import NginxSite
from test_examples import MARKTPLAATS, example, items, ledger, motor_site, submit

EXAMPLE = "https://www.example.org"


def finished(client, name, origins, seconds=120):
    """The id and the terminal status of an example."""
    job_id = submit(client, name, origins)
    return job_id, client.finished(job_id, seconds)


def data(client, job_id):
    return [item["data"] for item in items(client, job_id)]


def test_motoren(client):
    with motor_site(150, 3, 0) as site:
        job_id, status = finished(client, "motoren", {MARKTPLAATS: site.origin})
        assert (status["outcome"], status["progress"]["fetched"]) == ("ok", 600), status
        texts = {item["text"] for item in data(client, job_id)}
        assert texts == {f"motor /a/{page}-{n}.html" for page in range(1, 151) for n in range(3)}


def test_quotes(client):
    def page(number):
        quotes = "".join(
            f'<div class="quote"><span class="text">Woord {number}.{n}</span> <span>by <small class="author">A{n}</small> '
            f'<a href="/author/A{n}">(about)</a></span> <a class="tag">een</a><a class="tag">t{n}</a></div>' for n in range(10))
        more = f'<ul><li class="next"><a href="/page/{number + 1}/">Next</a></li></ul>' if number < 10 else ""
        return f"<html><body>{quotes}{more}</body></html>"
    with NginxSite("location / { index index.html; }") as site:
        site.write("index.html", page(1))
        for number in range(2, 11):
            site.write(f"page/{number}/index.html", page(number))
        job_id, status = finished(client, "quotes", {"https://quotes.toscrape.com": site.origin})
        assert (status["outcome"], status["progress"]["fetched"]) == ("ok", 10), status
        found = data(client, job_id)
        assert len(found) == 100
        assert found[3] == {"text": "Woord 1.3", "author": "A3", "tags": ["een", "t3"], "about": "/author/A3"}


def test_flags(client):
    letters = "abcdefghijklmnopqrstuvwxyz"
    names = [a + b for a in letters for b in letters]
    there = {name: b"GIF89a" + hashlib.sha256(name.encode()).digest() * (10 + n) for n, name in enumerate(names[::5])}
    with NginxSite("") as site:
        for name, flag in there.items():
            site.write(f"data/flags/{name}/{name}.gif", flag)
        job_id, status = finished(client, "flags", {"http://flupy.org": site.origin})
        progress = status["progress"]
        assert (progress["discovered"], progress["fetched"], progress["failed"]) == (676, len(there), 676 - len(there))
        assert (status["outcome"], status["failures"]) == ("partial", [{"code": "http_404", "count": 676 - len(there)}])
        files = list(client.walk(f"/v1/jobs/{job_id}/files?limit=1000"))
        assert {file["url"].rsplit("/", 1)[1]: file["sha256"] for file in files} == {
            f"{name}.gif": hashlib.sha256(flag).hexdigest() for name, flag in there.items()}
        one = files[0]
        assert client.get(f"/v1/jobs/{job_id}/files/{one['id']}").body == there[one["url"].rsplit("/", 2)[1]]


def test_posts(client):
    with NginxSite("location /posts/ { default_type application/json; }") as site:
        for n in range(1, 11):
            site.write(f"posts/{n}", json.dumps({"userId": 1, "id": n, "title": f"Titel “{n}”", "body": "regel\nregel"}))
        job_id, status = finished(client, "posts", {"https://jsonplaceholder.typicode.com": site.origin})
        assert status["outcome"] == "ok", status
        assert sorted(data(client, job_id), key=lambda item: item["id"]) == [
            {"id": n, "title": f"Titel “{n}”", "body": "regel\nregel"} for n in range(1, 11)]


class SearchAPI(http.server.BaseHTTPRequestHandler):
    """POST /search with a query and a year answers the first of three pages; GET ?cursor= the next ones."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        kind = self.headers["Content-Type"].partition(";")[0]
        good = kind == "application/json" and self.headers["Accept"] == "application/json" and asked["query"] == "motor"
        self.send(self.page(asked["year"], 1) if good and type(asked["year"]) is int else None)

    def do_GET(self):
        path, _, cursor = self.path.partition("?cursor=")
        year, _, page = cursor.partition("%2F")
        self.send(self.page(int(year), int(page)) if path == "/search" and page else None)

    def page(self, year, page):
        hits = [{"id": year * 100 + page * 10 + n, "title": f"M{n}", "tags": ["a", "b"]} for n in range(3)]
        return {"hits": hits, "next": f"{year}/{page + 1}"} if page < 3 else {"hits": hits}

    def send(self, value):
        body = json.dumps(value).encode()
        self.send_response(200 if value else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_search_api(client):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), SearchAPI) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        origin = f"http://127.0.0.1:{server.server_address[1]}"
        job_id, status = finished(client, "search-api", {"https://api.example.org": origin})
        server.shutdown()
    assert (status["outcome"], status["progress"]["fetched"]) == ("ok", 9), status
    found = data(client, job_id)
    assert sorted(item["id"] for item in found) == [
        year * 100 + page * 10 + n for year in (2023, 2024, 2025) for page in (1, 2, 3) for n in range(3)]
    assert all(item["tags"] == ["a", "b"] for item in found)


def test_crawl(client):
    """A site of 40 pages, each linked to the next three by a relative path; what deny and allow say is not fetched."""
    def page(n):
        links = "".join(f'<a href="../p/{m}.html#x">{m}</a>' for m in range(n, n + 4))
        return (f"<h1>Pagina {n}</h1><p>eerste</p><p>tweede</p>{links}<a href='/3/whatsnew/x.html'>n</a>"
                f"<a href='/3/p/{n}.html?q=1'>q</a><a href='/2/y.html'>2</a><a href='http://127.0.0.1:1/3/z.html'>z</a>")
    with NginxSite("") as site:
        site.write("3/index.html", page(0).replace("../p/", "p/"))
        for n in range(60):
            site.write(f"3/p/{n}.html", page(n))
        job_id, status = finished(client, "crawl", {"https://docs.python.org": site.origin})
        rows = ledger(client, job_id)
        fetched = {url.removeprefix(site.origin) for url, row in rows.items() if row["status"] == "fetched"}
        # Depth 3: three pages a link.
        assert fetched == {"/3/index.html"} | {f"/3/p/{n}.html" for n in range(0, 10)}, sorted(fetched)
        assert {row["error"] for row in rows.values() if row["status"] == "skipped"} <= {"max_depth"}
        assert {r.uri for r in site.requests()} == fetched
        assert {item["title"] for item in data(client, job_id)} == {f"Pagina {n}" for n in range(10)}


def test_sitemap(client):
    with NginxSite("") as site:
        urls = [f"{site.origin}/articles/{n}.html" for n in range(5)] + [f"{site.origin}/about.html"]
        entries = "".join(f"<url><loc>{url}</loc></url>" for url in urls)
        site.write("sitemap.xml", '<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
                   f"{entries}</urlset>")
        for n in range(5):
            site.write(f"articles/{n}.html", f"<h1>Artikel {n}</h1><article>tekst</article>")
        job_id, status = finished(client, "sitemap", {EXAMPLE: site.origin})
        assert status["outcome"] == "ok", status
        assert sorted(item["title"] for item in data(client, job_id)) == [f"Artikel {n}" for n in range(5)]
        assert "/about.html" not in {r.uri for r in site.requests()}


def test_conditional(client):
    with NginxSite("") as site:
        site.write("news/index.html", "".join(f'<li><a href="{n}.html">{n}</a></li>' for n in range(5)))
        for n in range(5):
            site.write(f"news/{n}.html", f"<h1>Nieuws {n}</h1>")
        first, status = finished(client, "conditional", {EXAMPLE: site.origin})
        assert (status["outcome"], len(data(client, first))) == ("ok", 5), status
        site.write("news/3.html", "<h1>Nieuws 3, verbeterd</h1>")
        second, status = finished(client, "conditional", {EXAMPLE: site.origin})
        assert [item["title"] for item in data(client, second)] == ["Nieuws 3, verbeterd"]
        codes = collections.Counter((row["status"], row["error"]) for row in ledger(client, second).values())
        assert codes == {("fetched", "not_modified"): 5, ("fetched", None): 1}
        assert status["failures"] == []


MOTORS = """<html><body>
<article class="motor"><h2> Solex </h2><span class="price">Prijs: € 249.50</span><span class="year">1972</span>
<b class="sold">true</b><img src="/img/1.jpg"><ul class="colours"><li>zwart</li><li>rood</li></ul>
<p class="about">Een <b>mooie</b></p><pre>  twee  </pre><script>{"cc": 49, "gears": [1]}</script></article>
<article class="motor"><span class="price">bieden</span><span class="year">oud</span></article>
</body></html>"""


def test_fields(client):
    with NginxSite("charset utf-8;") as site:
        site.write("motors.html", MOTORS)
        job_id, status = finished(client, "fields", {EXAMPLE: site.origin})
        first, second = data(client, job_id)
        assert first == {
            "name": "Solex", "price": 249.5, "year": 1972, "sold": True, "photo": site.origin + "/img/1.jpg",
            "colours": ["zwart", "rood"], "markup": '<p class="about">Een <b>mooie</b></p>', "remark": "  twee  ",
            "data": {"cc": 49, "gears": [1]}}
        assert list(first) == ["name", "price", "year", "sold", "photo", "colours", "markup", "remark", "data"]
        assert {name for name, value in second.items() if value is not None} == set()
        assert status["outcome"] == "partial"
        assert {"required_missing", "type_mismatch"} <= {warning["code"] for warning in status["warnings"]}, status


def test_every_example_is_run():
    """By name: one that is added without a test is found here."""
    folder = harness.HERE.parent.parent / "Examples/jobs"
    tests = "".join((harness.HERE / f"{name}.py").read_text() for name in ("test_examples", "test_example_kinds", "test_readme"))
    listed = (folder / "README.md").read_text()
    for path in folder.glob("*.json"):
        assert path.stem.replace("-", "_") in tests or f'"{path.stem}"' in tests or f"/{path.name}" in tests, path
        assert f"]({path.name})" in listed, path
