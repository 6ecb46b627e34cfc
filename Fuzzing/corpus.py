#!/usr/bin/env python3
"""A corpus as one text: an input a line, bytes outside printable ASCII and "\\" escaped as in Python.

    corpus.py unpack FILE DIRECTORY     a file an input, named as libFuzzer names them
    corpus.py pack DIRECTORY FILE       the shortest first; inputs beyond 1 KiB stay out
"""

import hashlib
import pathlib
import sys

MAX_BYTES = 1024
NAMES = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r", 0x5C: "\\\\"}


def escape(data):
    return "".join(NAMES.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}") for byte in data)


def unescape(line):
    return line.encode("ascii").decode("unicode_escape").encode("latin-1")


def load(path):
    return [unescape(line) for line in pathlib.Path(path).read_text("ascii").splitlines()]


def unpack(path, directory):
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for data in load(path):
        (directory / hashlib.sha1(data).hexdigest()).write_bytes(data)


def pack(directory, path):
    inputs = {file.read_bytes() for file in pathlib.Path(directory).iterdir() if file.is_file()}
    kept = sorted((data for data in inputs if len(data) <= MAX_BYTES), key=lambda data: (len(data), data))
    if not kept:
        sys.exit(f"corpus.py: {directory} has no inputs")
    pathlib.Path(path).write_text("".join(escape(data) + "\n" for data in kept), "ascii")
    print(f"{path}: {len(kept)} inputs, {sum(map(len, kept))} bytes")


if __name__ == "__main__":
    command, *arguments = sys.argv[1:] or [""]
    if command not in ("pack", "unpack") or len(arguments) != 2:
        sys.exit(__doc__)
    {"pack": pack, "unpack": unpack}[command](*arguments)
