"""Serves the pages that fail once: the first answer to each job is 500, the next ones are the page.

`flaky_server.py ADDRESS PORT PAGES LOG LATENCY`; the log has the same lines as nginx's.
"""

import asyncio
import json
import pathlib
import sys
import time


class FlakyServer:
    def __init__(self, address, port, pages, log, latency):
        self.address, self.port, self.pages, self.latency = address, int(port), pathlib.Path(pages), float(latency)
        self.log = open(log, "a", buffering=1, encoding="utf-8")
        self.seen = set()

    async def serve(self):
        server = await asyncio.start_server(self.talk, self.address, self.port, backlog=1024)
        async with server:
            await server.serve_forever()

    async def talk(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await self.answer(head.decode("latin-1").split("\r\n"), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, lines, writer):
        began = time.time()
        path = lines[0].split()[1]
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        job = fields.get("x-job", "")
        status, body = self.look_up(job, path)
        await asyncio.sleep(self.latency)
        head = f"HTTP/1.1 {status} X\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        ended = time.time()
        entry = {"ended": round(ended, 3), "took": round(ended - began, 3), "status": status,
                 "host": f"{self.address}:{self.port}", "uri": path, "agent": fields.get("user-agent", ""), "job": job}
        self.log.write(json.dumps(entry) + "\n")
        await writer.drain()

    def look_up(self, job, path):
        file = self.pages / path[1:]
        if "/flaky/" not in path or not file.is_file():
            return 404, b"nothing here"
        if (job, path) not in self.seen:
            self.seen.add((job, path))
            return 500, b"not yet"
        return 200, file.read_bytes()


if __name__ == "__main__":
    try:
        asyncio.run(FlakyServer(*sys.argv[1:6]).serve())
    except KeyboardInterrupt:
        pass
