"""A small Postgres client for the harness: simple queries (protocol 3.0) without a password, text rows.

The harness must look at the database while everything around it breaks, so it has its own connection that passes no
proxy and knows no pool.
"""

import socket
import struct

PROTOCOL = 196608  # 3.0


class ServerError(Exception):
    """What the server refused, or why it cannot be reached."""


class Session:
    """One connection. Whatever goes wrong raises `ServerError`, and the session is of no use afterwards."""

    def __init__(self, port, timeout=10.0, name="chaos"):
        try:
            self._socket = socket.create_connection(("127.0.0.1", port), timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._file = self._socket.makefile("rb")
            settings = f"user\0postgres\0database\0postgres\0application_name\0{name}\0\0".encode()
            self._socket.sendall(struct.pack("!ii", len(settings) + 8, PROTOCOL) + settings)
            self._until_ready()
        except OSError as error:
            raise ServerError(f"cannot connect: {error}") from error

    def query(self, sql):
        """The rows of the last statement, as tuples of strings and None."""
        try:
            text = sql.encode() + b"\0"
            self._socket.sendall(b"Q" + struct.pack("!i", len(text) + 4) + text)
            return self._until_ready()
        except OSError as error:
            raise ServerError(f"connection lost: {error}") from error

    def value(self, sql):
        """The only column of the only row."""
        return self.query(sql)[0][0]

    def close(self):
        self._file.close()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _until_ready(self):
        rows, failure = [], None
        while True:
            kind, payload = self._message()
            if kind == b"T":
                rows = []
            elif kind == b"D":
                rows.append(_row(payload))
            elif kind == b"E":
                failure = _fields(payload)
                if failure.get("S") in ("FATAL", "PANIC"):
                    raise ServerError(failure.get("M", "fatal"))
            elif kind == b"R" and struct.unpack("!i", payload[:4])[0] != 0:
                raise ServerError("the server asks for a password")
            elif kind == b"Z":
                if failure:
                    raise ServerError(failure.get("M", "?"))
                return rows

    def _message(self):
        head = self._file.read(5)
        if len(head) < 5:
            raise ServerError("connection lost")
        payload = self._file.read(struct.unpack("!i", head[1:])[0] - 4)
        return head[:1], payload


def _row(payload):
    count, position, values = struct.unpack("!h", payload[:2])[0], 2, []
    for _ in range(count):
        length = struct.unpack("!i", payload[position:position + 4])[0]
        position += 4
        values.append(None if length < 0 else payload[position:position + length].decode())
        position += max(0, length)
    return tuple(values)


def _fields(payload):
    parts = payload.rstrip(b"\0").split(b"\0")
    return {chr(part[0]): part[1:].decode(errors="replace") for part in parts if part}


def connect(port, timeout=10.0):
    return Session(port, timeout)
