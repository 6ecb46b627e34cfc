#!/usr/bin/env python3
"""The independent answer: walks the site with http.client, lxml and cssselect and prints every text, sorted.

Knows nothing of the service. One JSON string a line; a text is XPath's string value of the match, trimmed of
Unicode white space at both ends. `--ledger` prints instead one line a URL that could be fetched.
"""

import argparse
import concurrent.futures
import http.client
import json
import re
import threading
import urllib.parse

import lxml.html
from lxml.cssselect import CSSSelector

ARTICLE = CSSSelector("article")
DESCRIPTION = CSSSelector("div#vip-ad-description")
TRIES = 3
MAX_REDIRECTS = 10
MAX_PAGE_BYTES = 10 * 1024 * 1024
UNRESERVED = re.compile(r"%([0-9A-Fa-f]{2})")
_connections = threading.local()


def canonical(url):
    """Lower-case scheme and host, no default port, no fragment, unreserved characters unescaped."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        return None
    port = "" if parts.port in (None, 80 if parts.scheme.lower() == "http" else 443) else f":{parts.port}"

    def unescape(match):
        character = chr(int(match.group(1), 16))
        return character if re.fullmatch(r"[A-Za-z0-9._~-]", character) else match.group(0).upper()

    path = UNRESERVED.sub(unescape, parts.path) or "/"
    return urllib.parse.urlunsplit((parts.scheme.lower(), parts.hostname + port, path, parts.query, ""))


def fetch(url, allowed_host="127.0.0.1"):
    """The body and final URL of a page, or None where it cannot be had as text."""
    for _ in range(TRIES):
        answer = _follow(url, allowed_host)
        if answer is not Ellipsis:
            return answer
    return None


def _follow(url, allowed_host):
    """One try: `(body, url)`, None where the page failed for good, `...` where another try may help."""
    for _ in range(MAX_REDIRECTS + 1):
        parts = urllib.parse.urlsplit(url)
        if parts.hostname != allowed_host:
            return None
        try:
            response, body = _get(parts)
        except (OSError, http.client.HTTPException):
            return ...
        if response.status in (301, 302, 303, 307, 308):
            url = urllib.parse.urljoin(url, response.headers["Location"])
            continue
        if response.status in (408, 429) or response.status >= 500:
            return ...
        is_text = response.headers.get_content_maintype() == "text"
        fits = len(body) <= MAX_PAGE_BYTES
        return (body, url) if response.status == 200 and is_text and fits else None
    return None


def _get(parts):
    pool = _connections.__dict__.setdefault("pool", {})
    connection = pool.pop(parts.netloc, None) or http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        connection.request("GET", parts.path + (f"?{parts.query}" if parts.query else ""))
        response = connection.getresponse()
        body = response.read()
    except BaseException:
        connection.close()
        raise
    pool[parts.netloc] = connection
    return response, body


def parse(body):
    return lxml.html.fromstring(body, parser=lxml.html.HTMLParser(encoding="utf-8"))


def links(body, url):
    """Canonical URLs of the adverts of a listing."""
    tree = parse(body)
    base = tree.xpath("string(//base/@href)")
    found = []
    for article in ARTICLE(tree):
        target = article.get("data-url")
        if target is not None:
            found.append(canonical(urllib.parse.urljoin(base or url, target.strip())))
    return [u for u in found if u]


def texts(body):
    return [element.xpath("string()").strip() for element in DESCRIPTION(parse(body))]


def walk(job, threads=8):
    """`(texts, fetched URLs)` of the job's two page kinds."""
    template = job["start"][0]
    span = template["variables"]["page"]
    starts = [template["url"].replace("{page}", str(n)) for n in range(span["from"], span["to"] + 1)]
    rows, fetched, adverts = [], list(), {}
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for url, answer in zip(starts, pool.map(fetch, starts)):
            if answer:
                fetched.append(url)
                adverts.update(dict.fromkeys(links(*answer)))
        for url, answer in zip(adverts, pool.map(fetch, adverts)):
            if answer:
                fetched.append(url)
                rows += texts(answer[0])
    return sorted(rows), sorted(fetched)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("job", help="the job.json of the site")
    parser.add_argument("--ledger", action="store_true")
    options = parser.parse_args()
    with open(options.job, encoding="utf-8") as file:
        rows, fetched = walk(json.load(file))
    for line in fetched if options.ledger else rows:
        print(json.dumps(line, ensure_ascii=False))


if __name__ == "__main__":
    main()
