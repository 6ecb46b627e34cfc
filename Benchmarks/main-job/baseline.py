#!/usr/bin/env python3
"""The same job in the best Python: uvloop, aiohttp, lxml with compiled selectors, asyncpg COPY in transactions.

Listing pages -> adverts -> rows in Postgres, one semaphore over all fetches, rows written in batches while pages are
still arriving. No robots, no retries, no ledger, no restart: less than the service does. Prints one JSON line.
"""

import argparse
import asyncio
import concurrent.futures
import hashlib
import json
import threading
import time
import urllib.parse

import aiohttp
import asyncpg
import uvloop
from cssselect import HTMLTranslator
from lxml import etree

ARTICLES = etree.XPath(HTMLTranslator().css_to_xpath("article") + "/@data-url")
DESCRIPTIONS = etree.XPath(HTMLTranslator().css_to_xpath("div#vip-ad-description"))
TEXT = etree.XPath("string()")
BATCH_ROWS = 500
MAX_WAITING_ROWS = 10_000


# A parser a thread, as lxml locks one that is shared.
_local = threading.local()


def tree_of(body):
    if not hasattr(_local, "parser"):
        _local.parser = etree.HTMLParser(encoding="utf-8")
    return etree.fromstring(body, _local.parser)


def adverts_of(body, url):
    tree = tree_of(body)
    return [urllib.parse.urldefrag(urllib.parse.urljoin(url, target))[0] for target in ARTICLES(tree)]


def texts_of(body):
    return [TEXT(match).strip() for match in DESCRIPTIONS(tree_of(body))]


class Run:
    """One run of the job: tasks for pages, one writer, a bounded queue between them."""

    def __init__(self, job, database, threads):
        self.job, self.database = job, database
        self.semaphore = asyncio.Semaphore(job["fetch"]["concurrency"])
        self.rows = asyncio.Queue(MAX_WAITING_ROWS)
        self.seen = set()
        self.pool = concurrent.futures.ThreadPoolExecutor(threads) if threads else None

    async def parsed(self, function, *arguments):
        if self.pool is None:
            return function(*arguments)
        return await asyncio.get_running_loop().run_in_executor(self.pool, function, *arguments)

    async def body(self, session, url):
        async with self.semaphore:
            async with session.get(url) as response:
                return await response.read() if response.status == 200 else None

    async def listing(self, session, url, group):
        body = await self.body(session, url)
        for advert in await self.parsed(adverts_of, body, url) if body else ():
            if advert not in self.seen:
                self.seen.add(advert)
                group.create_task(self.advert(session, advert))

    async def advert(self, session, url):
        body = await self.body(session, url)
        for text in await self.parsed(texts_of, body) if body else ():
            await self.rows.put((url, text))

    async def write(self, connection):
        """COPYs what is waiting, a transaction a batch, until `None` arrives."""
        done = False
        while not done:
            batch = [await self.rows.get()]
            while len(batch) < BATCH_ROWS and not self.rows.empty():
                batch.append(self.rows.get_nowait())
            done = batch[-1] is None
            records = [row for row in batch if row is not None]
            if records:
                async with connection.transaction():
                    await connection.copy_records_to_table("advert", records=records, columns=["url", "text"])

    async def run(self):
        connection = await asyncpg.connect(self.database)
        await connection.execute("drop table if exists advert")
        await connection.execute("create table advert(id bigint generated always as identity primary key, url text, text text)")
        start = self.job["start"][0]
        span = start["variables"]["page"]
        began = time.perf_counter()
        writer = asyncio.create_task(self.write(connection))
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=self.job["fetch"]["timeout_seconds"])
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            async with asyncio.TaskGroup() as group:
                for page in range(span["from"], span["to"] + 1):
                    group.create_task(self.listing(session, start["url"].replace("{page}", str(page)), group))
        await self.rows.put(None)
        await writer
        seconds = time.perf_counter() - began
        texts = sorted(row["text"] for row in await connection.fetch("select text from advert"))
        await connection.close()
        return seconds, texts


def digest(texts):
    """SHA-256 over the sorted texts, each ended by NUL."""
    return hashlib.sha256(b"".join(text.encode() + b"\0" for text in sorted(texts))).hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("job")
    parser.add_argument("database")
    parser.add_argument("--threads", type=int, default=0, help="parse on a pool of threads (0: on the loop)")
    options = parser.parse_args()
    with open(options.job, encoding="utf-8") as file:
        job = json.load(file)

    async def run():
        return await Run(job, options.database, options.threads).run()

    seconds, texts = uvloop.run(run())
    print(json.dumps({"rows": len(texts), "seconds": seconds, "sha256": digest(texts)}))


if __name__ == "__main__":
    main()
