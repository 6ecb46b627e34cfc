#!/usr/bin/env python3
"""Writes encodings.json beside this file: what headless Chromium's TextDecoder makes of every code of every encoding.

A stream is the product of `columns`, lists of byte ranges, each with `prefix` before and `suffix` behind it, without
those that `skip` names; `fnv1a` is the 64-bit FNV-1a of its text in UTF-8. Needs Debian's package `chromium`.

What is skipped is where Chromium 156 itself departs from the Encoding Standard: the four codes of Big5 that are two
characters; EUC-JP after a broken 8F sequence, whose table it goes on using; a control character after a broken escape
sequence in ISO-2022-JP, which it drops.
"""

import html
import json
import os
import re
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CHROMIUM = os.environ.get("CHROMIUM", "/usr/lib/chromium/chromium")
ANY, HIGH = [[0, 255]], [[128, 255]]
SINGLE = """ibm866 iso-8859-2 iso-8859-3 iso-8859-4 iso-8859-5 iso-8859-6 iso-8859-7 iso-8859-8 iso-8859-8-i iso-8859-10
iso-8859-13 iso-8859-14 iso-8859-15 iso-8859-16 koi8-r koi8-u macintosh windows-874 windows-1250 windows-1251 windows-1252
windows-1253 windows-1254 windows-1255 windows-1256 windows-1257 windows-1258 x-mac-cyrillic x-user-defined""".split()
EDGES = [[b, b] for b in bytes.fromhex("00417f808f909fa0bfc0c1c2dfe0ecedeeeff0f1f3f4f5ff")]
SURROGATES = [[b, b] for b in bytes.fromhex("00d7d8dbdcdfe0ff")]

SCRIPT = """
const product = (columns, at = 0) => at === columns.length ? [[]] : columns[at].flatMap(([from, to]) => {
  const rest = product(columns, at + 1), all = [];
  for (let byte = from; byte <= to; byte++) for (const tail of rest) all.push([byte, ...tail]);
  return all;
});
const bytes = text => (text.match(/../g) || []).map(pair => parseInt(pair, 16));
const hex = bytes => bytes.map(byte => byte.toString(16).padStart(2, "0")).join("");
function fnv1a(bytes) {
  let high = 0xcbf29ce4, low = 0x84222325;
  for (const byte of bytes) {
    low = (low ^ byte) >>> 0;
    const product = low * 0x1b3;
    high = (Math.imul(high, 0x1b3) + Math.floor(product / 0x100000000) + (low << 8)) >>> 0;
    low = product >>> 0;
  }
  return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");
}
for (const stream of STREAMS) {
  const prefix = bytes(stream.prefix), suffix = bytes(stream.suffix), skip = new Set(stream.skip), all = [];
  for (const code of product(stream.columns)) if (!skip.has(hex(code))) all.push(...prefix, ...code, ...suffix);
  const text = new TextDecoder(stream.label, {ignoreBOM: true}).decode(new Uint8Array(all));
  stream.fnv1a = fnv1a(new TextEncoder().encode(text));
}
document.body.textContent = JSON.stringify(STREAMS);
"""


def stream(label, columns, prefix="", suffix="410a", skip=()):
    return {"label": label, "columns": columns, "prefix": prefix, "suffix": suffix, "skip": list(skip)}


def streams():
    made = [stream(label, [ANY, ANY]) for label in ("utf-8", "gbk", "shift_jis", "euc-kr")]
    made += [stream("big5", [ANY, ANY], skip=["8862", "8864", "88a3", "88a5"])]
    made += [stream("euc-jp", [[[0, 0x8E], [0x90, 255]], ANY]), stream("euc-jp", [ANY, ANY], prefix="8f")]
    # The first plane whole; beyond, characters are counted through.
    leads = [[0x81, 0x85], [0x8F, 0x91], [0xE3, 0xE4], [0xFE, 0xFE]]
    made += [stream("gb18030", [leads, [[0x30, 0x39]], [[0x81, 0xFE]], [[0x30, 0x39]]], suffix="0a")]
    made += [stream("gb18030", [ANY, ANY])]
    made += [stream("gb18030", [EDGES, [[0x2F, 0x31], [0x39, 0x3A], [0xFF, 0xFF]], EDGES, [[0x2F, 0x30], [0x39, 0x3A]]])]
    # ASCII, JIS X 0201's two halves, JIS X 0208 by both its names; then what are no such sequences.
    for escape in ("1b2842", "1b284a", "1b2849", "1b2442", "1b2440"):
        made += [stream("iso-2022-jp", [[[0, 0x1A], [0x1C, 255]], ANY], prefix=escape, suffix="410a1b2842")]
    made += [stream("iso-2022-jp", [[[0x20, 0x7E]], [[0x20, 0x7E]]], prefix="1b", suffix="41251b28420a")]
    made += [stream("utf-8", [[[0xE0, 0xEF]], ANY, [[0x7F, 0x80], [0xBF, 0xC0]]], suffix="0a")]
    made += [stream("utf-8", [EDGES[9:], EDGES[3:9], EDGES[2:10], EDGES[2:10]])]
    for label, high in (("utf-16le", 1), ("utf-16be", 0)):
        pairs = [SURROGATES if at % 2 == high else EDGES[:4] for at in range(4)]
        end = "0a00" if high else "000a"
        made += [stream(label, [ANY, ANY], suffix=end), stream(label, pairs, suffix=end)]
    return made + [stream(label, [ANY], suffix="0a") for label in SINGLE]


def main():
    with tempfile.TemporaryDirectory() as directory:
        page = os.path.join(directory, "page.html")
        with open(page, "w", encoding="utf-8") as file:
            file.write(f"<!DOCTYPE html><meta charset=utf-8><body><script>const STREAMS = {json.dumps(streams())};{SCRIPT}</script>")
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={directory}/profile", "--dump-dom", page]
        shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = json.loads(html.unescape(re.search(r"<body>(.*?)</body>", shown, re.S)[1]))
    with open(os.path.join(HERE, "encodings.json"), "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(stream, separators=(",", ":")) for stream in found) + "\n]\n")


if __name__ == "__main__":
    main()
