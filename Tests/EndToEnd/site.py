#!/usr/bin/env python3
"""Writes a deterministic market place from real Dutch text: listing pages -> adverts -> descriptions.

The directory gets `pages/` (what nginx serves), `nginx.conf`, `job.json` (a body for POST /v1/jobs) and
`expected-ledger.json`: how every URL must end, known by construction and not by running anything.
"""

import argparse
import json
import os
import pathlib
import random

import site_pages
import site_server
from site_text import description, manual_paragraphs

ATTEMPTS_OF_A_RETRIED_PAGE = 3  # the first and `fetch.retries: 2`

# kind: (share of all adverts, at most, at least); the rest is answered as it should be.
FAULT_SHARES = {
    "missing": (0.02, 90, 2), "late": (0.007, 30, 1), "error-500": (0.002, 5, 1), "busy-503": (0.0005, 2, 1),
    "dropped": (0.001, 5, 1), "cut": (0.001, 5, 1), "flaky": (0.001, 5, 1), "image": (0.001, 5, 1),
    "moved": (0.001, 5, 1), "loop": (0.0005, 2, 1), "huge": (0.0002, 1, 1), "closed": (0.0005, 2, 1),
    "blocked": (0.0005, 2, 1), "two": (0.0002, 1, 1), "none": (0.001, 5, 1),
}
# kind: (status, code, attempts)
ENDINGS = {
    "missing": ("failed", "http_404", 1), "error-500": ("failed", "http_500", ATTEMPTS_OF_A_RETRIED_PAGE),
    "busy-503": ("failed", "http_503", ATTEMPTS_OF_A_RETRIED_PAGE),
    "dropped": ("failed", "connection_lost", ATTEMPTS_OF_A_RETRIED_PAGE),
    "cut": ("failed", "connection_lost", ATTEMPTS_OF_A_RETRIED_PAGE),
    "flaky": ("fetched", None, site_server.FLAKY_FAILURES + 1),
    "image": ("failed", "not_text", None), "loop": ("failed", "too_many_redirects", None),
    "huge": ("failed", "too_large", None), "closed": ("failed", "connect_failed", ATTEMPTS_OF_A_RETRIED_PAGE),
    "blocked": ("failed", "url_blocked", None),
}
HUGE_BYTES = 11 * 1024 * 1024  # one more MiB than the default `limits.max_page_bytes`


class Site:
    """Builds the pages in memory order and remembers how each URL must end."""

    def __init__(self, options):
        self.options = options
        self.rng = random.Random(options.seed)
        self.paragraphs = manual_paragraphs()
        self.pages = pathlib.Path(options.directory) / "pages"
        self.origin = f"http://127.0.0.1:{options.port}"
        self.faults_origin = f"http://127.0.0.1:{options.faults_port}"
        self.ledger = {}
        self.kinds = self._assign_faults()

    def _assign_faults(self):
        """Which adverts misbehave and how, by advert number."""
        if not self.options.faults:
            return {}
        count = self.options.pages * self.options.adverts
        free = list(range(1, count))
        self.rng.shuffle(free)
        kinds = {}
        for kind, (share, most, least) in FAULT_SHARES.items():
            for _ in range(min(most, max(least, int(share * count)))):
                kinds[free.pop()] = kind
        return kinds

    def write(self):
        for folder in ["listing", "a/motoren", "a/late", "a/image", "a/huge", "a/flaky"]:
            (self.pages / folder).mkdir(parents=True, exist_ok=True)
        numbers = list(range(self.options.pages * self.options.adverts))
        for page in range(self.options.pages):
            slots = numbers[page * self.options.adverts:(page + 1) * self.options.adverts]
            self._write_listing(page + 1, slots)
        self._write_files()

    def _write_listing(self, page, slots):
        with_base = self.options.faults and page % 10 == 7
        articles = []
        for number in slots:
            title = f"{self.rng.choice(site_pages.BRANDS)} {self.rng.choice(site_pages.KINDS)} nr {number}"
            teaser = self.rng.choice(self.paragraphs)[:140]
            articles.append((title, self._link(number, title, with_base), teaser))
        base = f"{self.origin}/a/" if with_base else None
        self._save(f"listing/{page}.html", site_pages.listing_page(page, articles, base))
        url = f"{self.origin}/z/motoren.html?categoryId=678&currentPage={page}"
        self.ledger[url] = {"page": "listing", "status": "fetched", "error": None, "attempts": 1}

    def _link(self, number, title, with_base):
        """The `data-url` of a slot; writes the advert behind it. A slot in 41 has none, one in 43 repeats another's."""
        if self.options.faults and number not in self.kinds:
            if number % 41 == 40:
                return None
            repeated = number - self.options.adverts
            if number % 43 == 42 and self._is_plain(repeated):
                return f"{self.origin}/a/motoren/m{repeated}.html#herhaald"
        kind = self.kinds.get(number, "plain")
        path = self._write_advert(number, title, kind)
        self._expect(path, kind)
        if kind != "plain":
            return path.replace("&", "&amp;")
        return self._spelled(number, path, with_base)

    def _is_plain(self, number):
        query = self._query(number)
        return number >= 0 and number not in self.kinds and number % 41 != 40 and number % 43 != 42 and not query

    def _query(self, number):
        return f"?q=motor&pos={number % 30}" if self.options.faults and number % 9 == 6 else ""

    def _spelled(self, number, path, with_base):
        """The same URL as real pages write it: absolute, relative, with a fragment, escaped or padded."""
        if not self.options.faults:
            return path if number % 2 else self.origin + path
        if with_base:
            return path.removeprefix("/a/").replace("&", "&amp;")
        spellings = [
            self.origin + path, path, ".." + path, "./.." + path + "#foto", "HTTP" + self.origin[4:] + path,
            self.origin[5:] + path, path, path.replace("/m", "/%6D", 2).replace("/%6Dotoren", "/motoren"), f" {path}\n",
        ]
        return spellings[number % 9].replace("&", "&amp;")

    def _write_advert(self, number, title, kind):
        """Writes the page of an advert where it has one, and returns its URL (absolute, or a path of this origin)."""
        texts = [description(number, self.paragraphs, self.rng)]
        if kind == "two":
            texts.append(description(number, self.paragraphs, self.rng))
        if kind == "none":
            texts = []
        body = site_pages.advert_page(title, texts)
        name = f"m{number}.html"
        if kind in ("plain", "two", "none"):
            self._save(f"a/motoren/{name}", body)
            return f"/a/motoren/{name}{self._query(number) if kind == 'plain' else ''}"
        if kind == "moved":
            self._save(f"a/motoren/{name}", body)
        if kind in ("late", "image", "flaky"):
            self._save(f"a/{kind}/{name}", body)
        if kind == "huge":
            self._save(f"a/huge/{name}", body + " " * HUGE_BYTES)
        return {
            "missing": f"/a/motoren/{name}", "cut": f"{self.faults_origin}/cut/{name}",
            "flaky": f"{self.faults_origin}/flaky/{name}", "closed": f"http://127.0.0.1:1/{name}",
            "blocked": f"http://10.255.255.1/{name}",
        }.get(kind, f"/a/{kind}/{name}")

    def _expect(self, path, kind):
        url = path if path.startswith("http") else self.origin + path
        status, error, attempts = ENDINGS.get(kind, ("fetched", None, 1))
        self.ledger[url] = {"page": "advert", "status": status, "error": error, "attempts": attempts}

    def _save(self, name, text):
        (self.pages / name).write_text(text, encoding="utf-8")

    def _write_files(self):
        directory = self.pages.parent
        (directory / "job.json").write_text(json.dumps(job(self.origin, self.options), indent=2) + "\n")
        (directory / "expected-ledger.json").write_text(json.dumps(self.ledger, indent=1) + "\n")
        (directory / "nginx.conf").write_text(site_server.nginx_conf(directory, self.options))


def job(origin, options):
    """The main job of the contract, pointed at this site."""
    return {
        "name": "motoren",
        "start": [{"url": f"{origin}/z/motoren.html?categoryId=678&currentPage={{page}}",
                   "variables": {"page": {"from": 1, "to": options.pages}}, "as": "listing"}],
        "pages": {
            "listing": {"follow": [{"links": "article::attr(data-url)", "as": "advert"}]},
            "advert": {"each": "div#vip-ad-description", "fields": {"text": "."}},
        },
        "fetch": {"concurrency": options.concurrency, "timeout_seconds": 30, "retries": 2},
        "politeness": {"per_host_concurrency": options.concurrency},
        "limits": {"max_pages": 100000, "max_duration_seconds": 3600},
    }


def parse(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory")
    parser.add_argument("--port", type=int, required=True, help="where nginx is to listen (127.0.0.1)")
    parser.add_argument("--faults-port", type=int, default=0, help="where faults.py is to listen")
    parser.add_argument("--pages", type=int, default=150, help="listing pages")
    parser.add_argument("--adverts", type=int, default=30, help="articles on a listing page")
    parser.add_argument("--concurrency", type=int, default=1000)
    parser.add_argument("--latency-ms", type=int, default=0, help="every answer is this late")
    parser.add_argument("--faults", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--access-log", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--seed", type=int, default=678)
    options = parser.parse_args(arguments)
    if options.faults and not options.faults_port:
        parser.error("--faults needs --faults-port")
    options.directory = os.path.abspath(options.directory)
    return options


if __name__ == "__main__":
    Site(parse()).write()
