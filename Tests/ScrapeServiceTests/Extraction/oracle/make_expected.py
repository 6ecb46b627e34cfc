#!/usr/bin/env python3
"""Writes expected.json beside this file: what independent libraries find in the pages with the selectors of cases.py.

Needs from PyPI: lxml, cssselect, parsel, soupsieve, beautifulsoup4. Element queries are answered by soupsieve on lxml's
tree and, where cssselect knows the selector, checked against it; value queries by parsel.
"""

import glob
import json
import os
import re

import cssselect
import lxml.html
import soupsieve
from bs4 import BeautifulSoup
from parsel import Selector

from cases import FORM_ELEMENTS, LIST_ELEMENTS, REAL, VALUES

HERE = os.path.dirname(os.path.abspath(__file__))
HELP = "/usr/share/gimp/2.0/help/nl/*.html"
# PropList.txt, White_Space
SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"


def read(page):
    with open(os.path.join(HERE, "pages", page), "rb") as file:
        return file.read()


def by_soupsieve(page, selector):
    soup = BeautifulSoup(read(page), "lxml", from_encoding="utf-8")
    return [element.get("id") for element in soupsieve.select(selector, soup)]


def by_cssselect(page, selector):
    root = lxml.html.document_fromstring(read(page), parser=lxml.html.HTMLParser(encoding="utf-8"))
    path = cssselect.HTMLTranslator().css_to_xpath(selector)
    return [element.get("id") for element in root.xpath(path)]


def elements(page, selectors):
    cases = []
    for selector in selectors:
        answers = {}
        for name, ask in (("soupsieve", by_soupsieve), ("cssselect", by_cssselect)):
            try:
                answers[name] = ask(page, selector)
            except Exception as error:  # a selector that this library does not know
                print(f"{name} passes over {selector!r}: {error}")
        if len(answers) == 2 and answers["soupsieve"] != answers["cssselect"]:
            print(f"they differ on {selector!r}: {answers}")
        if answers:
            # soupsieve's :empty is that of the Level 4 draft (white space does not count), ours that of Level 3.
            prefer = "cssselect" if ":empty" in selector else "soupsieve"
            expected = answers.get(prefer, next(iter(answers.values())))
            cases.append({"page": page, "selector": selector, "ids": expected})
    return cases


def found(context, language, selector):
    if language == "css" and selector.endswith("::html"):
        bare = selector.replace("::html", "")
        return context.css(bare).getall()
    query = context.css(selector) if language == "css" else context.xpath(selector)
    texts = []
    for match in query:
        root = match.root
        texts.append(root.xpath("string(.)") if hasattr(root, "xpath") else str(root))
    return [text.strip(SPACE) for text in texts]


def values():
    cases = []
    for page, language, each, selector in VALUES:
        whole = Selector(text=read(page).decode("utf-8"), type="html")
        contexts = whole.css(each) if each else [whole]
        expected = [found(context, language, selector) for context in contexts]
        cases.append(
            {"page": page, "language": language, "each": each, "selector": selector, "values": expected})
    return cases


def fnv(texts):
    """FNV-1a, 64 bits, over the texts as UTF-8, each ended by a NUL."""
    digest = 0xCBF29CE484222325
    for byte in b"".join(text.encode("utf-8") + b"\0" for text in texts):
        digest = ((digest ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{digest:016x}"


def real():
    pages = [Selector(text=open(path, "rb").read().decode("utf-8"), type="html") for path in sorted(glob.glob(HELP))]
    cases = []
    for language, selector in REAL:
        texts = [text for page in pages for text in found(page, language, selector)]
        cases.append({"language": language, "selector": selector, "count": len(texts), "fnv1a": fnv(texts)})
    return {"pages": len(pages), "cases": cases}


def main():
    expected = {
        "elements": elements("list.html", LIST_ELEMENTS) + elements("form.html", FORM_ELEMENTS),
        "values": values(),
        "gimp_help_nl": real(),
    }
    with open(os.path.join(HERE, "expected.json"), "w", encoding="utf-8") as file:
        text = json.dumps(expected, ensure_ascii=False, indent=1)
        # Lists of plain strings on one line.
        text = re.sub(r"\[\s+((?:\"(?:[^\"\\]|\\.)*\",?\s*)*)\]", lambda m: "[" + re.sub(r",\n\s*", ", ", m[1].strip()) + "]", text)
        file.write(text + "\n")


if __name__ == "__main__":
    main()
