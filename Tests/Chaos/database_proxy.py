"""Stands between the replicas and Postgres, one port a replica, and breaks connections in ways a network does.

`database_proxy.py TARGET_PORT PORT…` obeys JSON lines on standard input and reports on standard output:

* `{"do": "drop", "match": "settle"}`: the next statement whose text matches reaches the server; its answer is swallowed
  when it is complete, and the connection is cut. The client cannot know whether its statement was done.
* `{"do": "silence", "match": "listen"}`: the newest connection that has sent such a statement goes silent in both
  directions and stays open: half-open, as after a lost peer.
* `{"do": "part", "replica": 1}`, `{"do": "heal", "replica": 1}`: every connection of that replica is silent, and new ones
  get no answer, until healed; then they are cut.
"""

import asyncio
import json
import re
import struct
import sys
import time

READY = re.compile(rb"Z\x00\x00\x00\x05[ITE]\Z")  # ReadyForQuery: the answer is complete
SHOWN_BYTES = 400  # of a message: enough to see which statement it is


class Statements:
    """Follows the client's messages: calls `seen(text)` for each statement that is executed."""

    def __init__(self, seen):
        self.seen, self.buffer, self.skip, self.started, self.names = seen, bytearray(), 0, False, {}

    def feed(self, data):
        self.buffer += data
        while self.buffer:
            if self.skip:
                taken = min(self.skip, len(self.buffer))
                del self.buffer[:taken]
                self.skip -= taken
            elif not self._message():
                return

    def _message(self):
        head = 5 if self.started else 4
        if len(self.buffer) < head:
            return False
        length = struct.unpack("!i", self.buffer[head - 4:head])[0] - 4
        shown = min(length, SHOWN_BYTES)
        if len(self.buffer) < head + shown:
            return False
        kind = bytes(self.buffer[:1]) if self.started else b""
        self._read(kind, bytes(self.buffer[head:head + shown]))
        self.skip, self.started = head + length, True
        return True

    def _read(self, kind, payload):
        if kind == b"P":
            name, text = (payload.split(b"\0") + [b""])[:2]
            self.names[name] = text.decode(errors="replace")
        elif kind == b"B":
            name = (payload.split(b"\0") + [b"", b""])[1]
            self.seen(self.names.get(name, ""))
        elif kind == b"Q":
            self.seen(payload.split(b"\0")[0].decode(errors="replace"))


class Link:
    """A client's connection and its own to the server."""

    def __init__(self, proxy, replica):
        self.proxy, self.replica = proxy, replica
        self.client = self.server = None
        self.statements = Statements(self.seen)
        self.said = set()  # what kinds of statements it sent: for `silence`
        self.silent = replica in proxy.parted
        self.swallowing = None  # the statement whose answer the client must not get
        self.early = []

    def seen(self, text):
        text = " ".join(text.split()).lower()
        if text.startswith("listen"):
            self.said.add("listen")
        if not self.swallowing and self.proxy.takes_drop(text):
            self.swallowing = text[:80]

    def from_client(self, data):
        if self.silent:
            return
        self.statements.feed(data)
        if self.server is None:
            self.early.append(data)
        else:
            self.server.write(data)

    def from_server(self, data):
        if self.silent:
            return
        if not self.swallowing:
            self.client.write(data)
        elif READY.search(data[-6:]):
            self.proxy.report("dropped", replica=self.replica, statement=self.swallowing)
            self.cut()

    def cut(self):
        for transport in (self.client, self.server):
            if transport is not None:
                transport.abort()
        self.proxy.links.discard(self)

    def lost(self):
        if not self.silent:
            self.cut()


class ClientEnd(asyncio.Protocol):
    def __init__(self, proxy, replica):
        self.proxy, self.link = proxy, Link(proxy, replica)

    def connection_made(self, transport):
        self.link.client = transport
        self.proxy.links.add(self.link)
        if not self.link.silent:
            asyncio.ensure_future(self.proxy.connect(self.link))

    def data_received(self, data):
        self.link.from_client(data)

    def connection_lost(self, _):
        # The client gave a silent connection up: now the server may know it, too.
        self.link.cut()


class ServerEnd(asyncio.Protocol):
    def __init__(self, link):
        self.link = link

    def connection_made(self, transport):
        self.link.server = transport
        for data in self.link.early:
            transport.write(data)
        self.link.early = []

    def data_received(self, data):
        self.link.from_server(data)

    def connection_lost(self, _):
        self.link.lost()


class Proxy:
    def __init__(self, target, ports):
        self.target, self.ports = target, ports
        self.links, self.parted, self.armed = set(), set(), []

    async def serve(self):
        loop = asyncio.get_running_loop()
        for replica, port in enumerate(self.ports):
            await loop.create_server(lambda replica=replica: ClientEnd(self, replica), "127.0.0.1", port, backlog=512)
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        self.report("ready")
        while line := await reader.readline():
            self.obey(json.loads(line))

    async def connect(self, link):
        try:
            await asyncio.get_running_loop().create_connection(lambda: ServerEnd(link), "127.0.0.1", self.target)
        except OSError:
            link.cut()

    def takes_drop(self, text):
        """True once for each order that a statement matches."""
        order = next((order for order in self.armed if order.search(text)), None)
        if order is not None:
            self.armed.remove(order)
        return order is not None

    def obey(self, order):
        kind, replica = order["do"], order.get("replica")
        if kind == "drop":
            self.armed.append(re.compile(order["match"]))
        elif kind == "silence":
            listening = [link for link in self.links if order["match"] in link.said and not link.silent]
            for link in listening[-1:]:
                link.silent = True
            self.report("silenced", count=len(listening[-1:]))
        elif kind == "part":
            self.parted.add(replica)
            for link in self.links:
                link.silent = link.silent or link.replica == replica
        elif kind == "heal":
            self.parted.discard(replica)
            for link in [link for link in self.links if link.replica == replica and link.silent]:
                link.cut()

    def report(self, event, **more):
        try:
            print(json.dumps({"event": event, "at": time.time(), **more}), flush=True)
        except BrokenPipeError:
            pass  # Whoever wanted to know is gone; so are we soon.


if __name__ == "__main__":
    try:
        asyncio.run(Proxy(int(sys.argv[1]), [int(port) for port in sys.argv[2:]]).serve())
    except KeyboardInterrupt:
        pass
