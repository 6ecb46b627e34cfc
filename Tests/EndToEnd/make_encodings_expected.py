#!/usr/bin/env python3
"""Writes encodings_expected.json, text_expected.json and structures_expected.json: what headless Chromium reads in the pages
of encoding_pages.py, text_pages.py and structure_pages.py, served by nginx.

Needs Debian's package `chromium` (290 MB with what it brings along, hence not part of the tests themselves):

    apt-get install chromium && Tests/EndToEnd/make_encodings_expected.py
"""

import html
import json
import os
import pathlib
import re
import subprocess
import tempfile

import encoding_pages
import harness
import structure_pages
import text_pages

HERE = pathlib.Path(__file__).resolve().parent
CHROMIUM = os.environ.get("CHROMIUM", "/usr/lib/chromium/chromium")

# Every page is opened as a window of its own: a frame would inherit the encoding of the page around it.
READER = """<!DOCTYPE html><meta charset=utf-8><pre id=found></pre><script>
const found = {}, SELECTORS = PATHSELECTORS;
function nodes(page, selector) {
  if (!selector.startsWith("//")) return [...page.querySelectorAll(selector)];
  const set = page.evaluate(selector, page, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE, null);
  return Array.from({length: set.snapshotLength}, (_, at) => set.snapshotItem(at));
}
async function read(path) {
  const page = window.open(path);
  while (!page.document || page.location.href === "about:blank" || page.document.readyState !== "complete")
    await new Promise(done => setTimeout(done, 5));
  const texts = nodes(page.document, SELECTORS[path] || SELECTOR).map(node => NODE);
  found[path] = {encoding: page.document.characterSet, texts};
  page.close();
}
(async () => {
  for (const path of PATHS) await read(path);
  document.getElementById("found").textContent = JSON.stringify(found);
})();
</script>"""


def read(pages, selector="*", node="node.textContent", selectors=None):
    """`{path: {encoding, texts}}` as Chromium sees `pages`; `selectors` are of single paths, XPath from `//` on."""
    reader = READER
    for name, value in {"PATHSELECTORS": json.dumps(selectors or {}), "PATHS": json.dumps(list(pages)),
                        "|| SELECTOR": f"|| {json.dumps(selector)}", "=> NODE": f"=> {node}"}.items():
        reader = reader.replace(name, value)
    served = {**pages, "/reader.html": ("text/html; charset=utf-8", reader.encode())}
    with harness.PlainSite(served) as site, tempfile.TemporaryDirectory() as profile:
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-popup-blocking",
                   f"--user-data-dir={profile}", "--virtual-time-budget=1000000", "--timeout=300000", "--dump-dom",
                   site.origin + "/reader.html"]
        shown = subprocess.run(command, check=True, capture_output=True).stdout.decode("utf-8", "surrogatepass")
    return json.loads(html.unescape(re.search(r'<pre id="found">(.*?)</pre>', shown, re.S)[1]))


def written(name, value):
    (HERE / name).write_text(json.dumps(value, indent=1, ensure_ascii=True, sort_keys=True) + "\n")


if __name__ == "__main__":
    written("encodings_expected.json", read(encoding_pages.pages(), "p"))
    cases = {f"/{name.replace(' ', '-')}.html": (name, path) for name, (_, path) in structure_pages.CASES.items()}
    shown = read(structure_pages.pages(), selectors={path: selector for path, (_, selector) in cases.items()})
    written("structures_expected.json", {name: shown[path]["texts"] for path, (name, _) in cases.items()})
    written("text_expected.json", read(text_pages.pages(), ".c", "[node.textContent, node.getAttribute('title')]"))
