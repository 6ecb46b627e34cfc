#!/usr/bin/env python3
"""Compares our parser with h11: differential.py [--mutations N] [--seed S] FUZZ, where FUZZ is the built binary.

What both accept must be the same requests with the same bodies, ended at the same byte. Where they differ, the kind of
difference must be in the tables below with its reason; one that is not listed fails the comparison. Needs h11.
"""

import argparse
import collections
import json
import pathlib
import random
import re
import subprocess
import sys

import h11

import corpus

HERE = pathlib.Path(__file__).resolve().parent

LONG_LENGTH = rb"(?s).*:[ \t]*0\d{20,}"

# We refuse what h11 accepts: our reason, and why we are stricter.
STRICTER = [
    (r"A CR without LF", "RFC 9112, 2.2: a lone CR is refused; h11 takes it inside values"),
    (r"There is no such method", "a bound on the method's length, 501; h11 has none"),
    (r"may have at most \d+ (bytes|fields)", "named limits, 413, 414 and 431; h11 has one for any event"),
    (r"The request target has a byte", "RFC 9112, 3.2: h11 takes # and every byte above ASCII in a target"),
    (r"The request target has no form", "RFC 9112, 3.2: h11 does not look at a target's form"),
    (r"The path has an? ", "a path that is read in two ways; h11 does not look at it"),
    (r"This connection is not one for https", "RFC 9110, 7.4: 421 for https on a plain connection; h11 leaves it to its user"),
    (r"The authority of the request target", "RFC 9112, 3.2.2: h11 does not look at the authority"),
    (r"Only OPTIONS has the target", "RFC 9112, 3.2.4: the asterisk form belongs to OPTIONS"),
    (r"This server is no proxy", "RFC 9110, 9.3.6: CONNECT is answered 501; h11 leaves it to its user"),
    (r"This server speaks HTTP/1.1", "RFC 9112, 2.3: another major version is 505; h11 leaves it to its user"),
    (r"The protocol version is malformed", "RFC 9112, 2.2: the version is followed by CRLF; h11 takes LF as well"),
    (r"A field line begins with white space", "RFC 9112, 5.2: obs-fold is refused; h11 unfolds it"),
    (r"A field value has a byte", "RFC 9110, 5.5: h11 takes controls inside values, and LF as a line's end"),
    (r"A field name is (not a token|empty)", "RFC 9112, 2.2: an empty line may not end with a lone LF; h11 takes it"),
    (r"Host is not a host", "RFC 9112, 3.2: an invalid Host is 400; h11 does not look at its value"),
    (r"Host is missing", "RFC 9112, 3.2: versions 1.2 to 1.9 are read as 1.1; h11 asks only 1.1 for Host"),
    (r"A field looks like one that frames", "a name that others read as Content-Length or Transfer-Encoding; h11 passes it on"),
    (r"There are two Content-Type fields", "RFC 9110, 5.3: it is no list; h11 passes both on"),
    (r"Content-Length is repeated", "RFC 9112, 6.3: equal lengths may be refused; h11 folds them into one"),
    (r"Content-Length is not a number", "RFC 9112, 6.3: a list of equal lengths may be refused; h11 folds it into one"),
    (r"Content-Length beside Transfer-Encoding", "RFC 9112, 6.1: may be refused; h11 ignores the length"),
    (r"HTTP/1.0 has no Transfer-Encoding", "RFC 9112, 6.1: faulty framing in HTTP/1.0; h11 reads it as chunked"),
    (r"100-continue|Expectation Failed", "RFC 9110, 10.1.1: an unknown expectation is 417; h11 ignores it"),
    (r"A chunk size is (not a number|too long|missing)", "RFC 9112, 7.1: h11 takes blanks behind a size, and 20 digits"),
    (r"A chunk extension is malformed", "RFC 9112, 7.1.1: h11 takes anything behind a semicolon"),
    (r"A trailer field may not frame", "RFC 9110, 6.5.1: such trailers are refused; h11 drops trailers of any name"),
    (r"A trailer field is malformed", "RFC 9112, 7.1.2: h11 takes LF, controls and obs-fold in trailers too"),
    (r"A chunk does not end with CRLF", "RFC 9112, 7.1: h11 takes LF at the ends of a trailer's lines"),
]

# We accept what h11 refuses: h11's reason, what the input must look like, and why we may.
LOOSER = [
    (r"no request line received|illegal request line", rb"(\r\n)+[^\r\n]", "RFC 9112, 2.2: a server SHOULD skip blank lines before a request"),
    (r"bad Content-Length", LONG_LENGTH, "RFC 9110, 8.6: 1*DIGIT; leading zeros may make it longer than 20 digits"),
]

# We wait where h11 refuses.
LATER = [
    (r"bad Content-Length", LONG_LENGTH, "RFC 9110, 8.6: 1*DIGIT; leading zeros may make it longer than 20 digits"),
    (r"illegal request line|no request line received", rb"(\r\n)*\r?$|(\r\n)+", "RFC 9112, 2.2: only blank lines so far; they may stand before a request"),
]

EARLIER = "we refuse at the first wrong byte; h11 waits for the end of the head or line"

Message = collections.namedtuple("Message", "method target minor fields body end")


def read_h11(data):
    """("message", Message), ("open", None) or ("refused", reason) for the first message of `data`."""
    # To h11, no bytes mean the end of the connection.
    if not data:
        return "open", None
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    try:
        connection.receive_data(data)
        request, body = None, b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                return "open", None
            if isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
    except h11.RemoteProtocolError as error:
        return "refused", str(error)
    rest, _ = connection.trailing_data
    fields = [(bytes(name), bytes(value)) for name, value in request.headers.raw_items()]
    minor = 0 if request.http_version == b"1.0" else 1
    return "message", Message(bytes(request.method), bytes(request.target), minor, fields, body, len(data) - len(rest))


def read_ours(fuzz, inputs):
    text = "".join(data.hex() + "\n" for data in inputs)
    output = subprocess.run([fuzz, "outcomes"], input=text, capture_output=True, text=True, check=True).stdout
    outcomes = [json.loads(line) for line in output.splitlines()]
    assert len(outcomes) == len(inputs), "an outcome for every input"
    return outcomes


def ours(message, start):
    unhex = bytes.fromhex
    fields = [(unhex(name), unhex(value)) for name, value in message["fields"]]
    return Message(unhex(message["method"]), unhex(message["target"]), message["minor"], fields, unhex(message["body"]), message["end"] - start)


def origin_form(target, method):
    """The path and query of an absolute target, as our parser hands it on; another target as it is."""
    match = re.fullmatch(rb"(?i)https?://[^/?]*(.*)", target, re.DOTALL)
    if not match:
        return target, False
    rest = match[1]
    if not rest:
        return (b"*" if method == b"OPTIONS" else b"/"), True
    return (rest if rest.startswith(b"/") else b"/" + rest), True


def differing(our, their):
    """The name of the first part in which two messages differ."""
    target, is_absolute = origin_form(their.target, their.method)
    their = their._replace(target=target)

    def fields(message):
        # h11 lowers the coding's case; an absolute target takes the place of Host.
        return [
            (name.lower(), value.lower() if name.lower() == b"transfer-encoding" else value)
            for name, value in message.fields
            if not (is_absolute and name.lower() == b"host")
        ]

    for part in ("method", "target", "minor", "body", "end"):
        if getattr(our, part) != getattr(their, part):
            return part
    return "fields" if fields(our) != fields(their) else None


def listed(table, text, data):
    for pattern, *conditions, reason in table:
        if re.search(pattern, text) and all(re.match(condition, data) for condition in conditions):
            return reason
    return None


def compare(data, outcome, kinds):
    """Counts the kinds of difference; returns what is not listed."""
    start = 0
    for message in outcome["messages"]:
        state, found = read_h11(data[start:])
        our = ours(message, start)
        if state == "message":
            part = differing(our, found)
            if part:
                return f"both accept, but differ in {part}: {our} {found}"
        elif state == "open":
            return "we accept, h11 waits"
        else:
            reason = listed(LOOSER, found, data[start : message["end"]])
            if not reason:
                return f"we accept, h11 refuses: {found}"
            kinds["looser", reason] += 1
        start = message["end"]
    return compare_end(data[start:], outcome["end"], kinds)


def compare_end(rest, end, kinds):
    if end[0] == "closed":
        return None
    state, found = read_h11(rest)
    if end[0] == "open":
        if state == "message":
            return f"we wait, h11 accepts: {found}"
        if state == "refused":
            reason = listed(LATER, found, rest)
            if not reason:
                return f"we wait, h11 refuses: {found}"
            kinds["later", reason] += 1
        return None
    if state == "message":
        reason = listed(STRICTER, end[2], rest)
        if not reason:
            return f"we refuse, h11 accepts: {end}"
        kinds["stricter", reason] += 1
    elif state == "open":
        kinds["earlier", EARLIER] += 1
    return None


WORDS = [
    b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b"\t", b" ", b"\x0b", b"\x7f", b"\xff", b":", b";", b",", b"#", b"?", b"*",
    b"Host: a\r\n", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n",
    b"Expect: 100-continue\r\n", b"http://a", b"HTTP/1.0", b"HTTP/1.1", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"0\r\n\r\n", b"1\r\nx\r\n", b";a=b", b"chunked", b"0", b"1", b"5", b"f", b"+", b"-", b"0x",
]


def mutations(seeds, good, count, seed):
    """`count` inputs that `seed` alone determines; half of them begin with a good one, since most seeds are faulty."""
    chosen = random.Random(seed)
    for _ in range(count):
        data = bytearray(chosen.choice(chosen.choice((good, seeds))))
        for _ in range(chosen.choice((1, 1, 2, 4))):
            at = chosen.randint(0, len(data))
            end = min(len(data), at + chosen.randint(1, 8))
            kind = chosen.randrange(7)
            if kind == 0:
                data[at:at] = chosen.choice(WORDS)
            elif kind == 1:
                data[at:end] = chosen.choice(WORDS)
            elif kind == 2:
                del data[at:end]
            elif kind == 3:
                data[at:at] = data[at:end]
            elif kind == 4:
                data += chosen.choice(seeds)
            elif kind == 5:
                data[at:] = chosen.choice(seeds)[at:]
            elif at < len(data):
                data[at] ^= 1 << chosen.randrange(8)
        yield bytes(data)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("fuzz")
    options.add_argument("--mutations", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=1)
    arguments = options.parse_args()

    cases = list(corpus.cases())
    long = [data for data, _ in cases if len(data) > corpus.MAX_BYTES]
    good = [data for data, is_accepted in cases if is_accepted and data not in long]
    # A chunked body is a request's.
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    seeds = [data for data, _ in cases if data not in long] + corpus.load(HERE / "Corpus/request.txt")
    seeds += [head + body for body in corpus.load(HERE / "Corpus/chunked.txt")]
    inputs = long + seeds + list(mutations(seeds, good, arguments.mutations, arguments.seed))
    kinds, unlisted, accepted = collections.Counter(), [], 0
    for data, outcome in zip(inputs, read_ours(arguments.fuzz, inputs)):
        accepted += bool(outcome["messages"])
        difference = compare(data, outcome, kinds)
        if difference:
            unlisted.append((data, difference))
    print(f"{len(inputs)} inputs, in {accepted} of them a message that we accept; seed {arguments.seed}")
    for (side, reason), count in sorted(kinds.items()):
        print(f"{count:8} {side:8} {reason}")
    for data, difference in unlisted[:20]:
        print(f"UNLISTED {difference}\n         {corpus.escape(data)}")
    print(f"{len(unlisted)} differences that are not listed")
    return 1 if unlisted else 0


if __name__ == "__main__":
    sys.exit(main())
