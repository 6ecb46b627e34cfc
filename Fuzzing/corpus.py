#!/usr/bin/env python3
"""A corpus as one text: an input a line, bytes outside printable ASCII and "\\" escaped as in Python.

    corpus.py unpack FILE DIRECTORY     a file an input, named as libFuzzer names them
    corpus.py cases DIRECTORY           the same of the unit tests' cases
    corpus.py pack DIRECTORY FILE       the shortest first; inputs beyond 1 KiB stay out
"""

import hashlib
import pathlib
import re
import sys

MAX_BYTES = 1024
CASES = pathlib.Path(__file__).resolve().parent.parent / "Tests/HTTPCoreTests/Wire/Corpus"
NAMES = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r", 0x5C: "\\\\"}


def escape(data):
    return "".join(NAMES.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}") for byte in data)


def unescape(line):
    return line.encode("ascii").decode("unicode_escape").encode("latin-1")


def load(path):
    return [unescape(line) for line in pathlib.Path(path).read_text("ascii").splitlines()]


def cases():
    """The bytes of each case of the unit tests' corpus, and whether it begins with a request that is accepted."""
    for path in sorted(CASES.glob("*.cases")):
        for text in re.split(r"^===.*\n", path.read_text("ascii"), flags=re.MULTILINE)[1:]:
            lines = text.splitlines()
            outcomes = [line for line in lines if line.startswith("--> ")]
            data = "".join(line for line in lines if not line.startswith("--> "))
            data = re.sub(r"\\\{(\d+)\*([^}]*)\}", lambda match: match[2] * int(match[1]), data)
            yield unescape(data), bool(re.match(r"--> [^ ]+ [/*]", outcomes[0]))


def write(inputs, directory):
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for data in inputs:
        (directory / hashlib.sha1(data).hexdigest()).write_bytes(data)


def pack(directory, path):
    inputs = {file.read_bytes() for file in pathlib.Path(directory).iterdir() if file.is_file()}
    kept = sorted((data for data in inputs if len(data) <= MAX_BYTES), key=lambda data: (len(data), data))
    if not kept:
        sys.exit(f"corpus.py: {directory} has no inputs")
    pathlib.Path(path).write_text("".join(escape(data) + "\n" for data in kept), "ascii")
    print(f"{path}: {len(kept)} inputs, {sum(map(len, kept))} bytes")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["unpack", path, directory]:
            write(load(path), directory)
        case ["cases", directory]:
            write((data for data, _ in cases() if len(data) <= MAX_BYTES), directory)
        case ["pack", directory, path]:
            pack(directory, path)
        case _:
            sys.exit(__doc__)
