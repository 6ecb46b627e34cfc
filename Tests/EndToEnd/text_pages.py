"""Pages whose characters and references HTML reads in a way of its own: `{path: (content type, bytes)}`.

Every element of class `c` is a case; what Chromium makes of its text and of its `title` is in `text_expected.json`, written
by `make_encodings_expected.py`.
"""

import html.entities

NUMBERS = [*range(0x20), *range(0x7F, 0xA1), 0xAD, 0xD7FF, 0xD800, 0xDBFF, 0xDC00, 0xDFFF, 0xE000, 0xFDD0, 0xFFFD, 0xFFFE, 0xFFFF,
           0x10000, 0x1FFFE, 0x10FFFF, 0x110000, 0x7FFFFFFF, 0xFFFFFFFF, 0x100000041, 10**30]
REFERENCES = ["&#x;", "&#;", "&#", "&#x", "&#xg;", "&#g", "&#65", "&#65x", "&#X41;", "&#x0041;", "&#00065;", "&#-1;", "&#65;;", "&#38;amp;",
              "&notit;", "&not", "&not;", "&notin;", "&notin", "&amp", "&ampx", "&ampamp;", "&lt", "&ltx;", "&LT", "&copy2", "&copy=2",
              "&COPY", "&AMP;", "&Amp;", "&NotEqualTilde;", "&bogus;", "&", "& ", "&;", "&&amp;", "&1;", "&nbsp_;", "&nbsp.", "&lang;&rang;",
              "&acE;", "&NewLine;&Tab;", "&times&divide", "&sup1;&sup", "&frac12x", "&eacute&eacute;", "?a=1&section=2&amp;region=3&times=4",
              "&CounterClockwiseContourIntegral;", "&CounterClockwiseContourIntegralx;", "&thetasym;", "&apos;&quot&quot;", "&fjlig;",
              "&lt;b>&ltb>", "&#60;b&#62;", "&#x22;&#39;"]
RAW = ["".join(map(chr, [number])) for number in (*range(1, 9), 0xB, 0xC, *range(0xE, 0x20), 0x7F, 0x80, 0x9F, 0xFDD0, 0xFFFE, 0xFFFF, 0x1FFFE, 0x10FFFF)]
LINE_ENDS = ["\r", "\n", "\r\n", "\n\r", "\r\r\n", "a\r\nb\rc\n", "\r\n\r\n", "x\r", "&#13;\r", "&#13;&#10;"]
NULS = ["a\0b", "\0", "a\0\0b\0", "&#0;\0", "a\0&not\0it"]
NAMES = sorted(html.entities.html5)
NAMES_A_CASE = 40


def _text_cases():
    numbers = [f"&#x{number:X};" for number in NUMBERS] + [f"&#{number}" for number in NUMBERS]
    names = [" ".join(f"&{name}" for name in NAMES[start:start + NAMES_A_CASE]) for start in range(0, len(NAMES), NAMES_A_CASE)]
    return numbers + names + REFERENCES + RAW + LINE_ENDS


def _page(cases):
    return ("text/html; charset=utf-8", ("<!DOCTYPE html><body>\n" + "".join(cases)).encode("utf-8", "surrogatepass"))


def _attribute(text, quote):
    text = text.replace(quote, "") if quote else "".join(text.split(" ")).replace(">", "").replace('"', "").replace("'", "")
    return f"<p class=c title={quote}x{text}y{quote}>.</p>\n"


def pages():
    texts = _text_cases()
    # In an unquoted value a control character that ends it, or a line end, is another matter.
    plain = [text for text in texts if text not in RAW and text not in LINE_ENDS]
    raw_texts = ["a &amp; &notit; &copy b", "\x01\x0c", "a\0b", "x\r\ny", "\ufffe"]
    return {
        "/texts.html": _page(f"<p class=c>x{text}y</p>\n" for text in texts),
        "/nul.html": _page(f"<p class=c>{text}</p>\n" for text in NULS),
        "/double.html": _page(_attribute(text, '"') for text in texts + NULS),
        "/single.html": _page(_attribute(text, "'") for text in texts),
        "/unquoted.html": _page(_attribute(text, "") for text in plain),
        "/raw.html": _page(f"<{name} class=c>{text}</{name}>\n" for name in ("script", "style", "textarea") for text in raw_texts),
        "/form-feed.html": _page(["<p\x0cclass=c\x0ctitle='a'>b</p>", "<p class=c\x0ctitle=a\x0c>b</p>"]),
        "/quoted-markup.html": _page(['<p class=c title="<p>&copy;&not">a<b title=\'>\'>&not</b></p>', "<!-- <p class=c>&not</p> --><p class=c>&not</p>",
                                      "<script>'<p class=c>&not'</script><p class=c>&not;&NotEqualTilde;</p>", "<p class=c>a < b &not > c <1 &not</p>"]),
        # The stand-ins of our own for characters that XML has not.
        "/private.html": _page(["<p class=c>" + "".join(map(chr, range(0x10FFC0, 0x10FFFE))) + "\x01\ufffe</p>",
                                "<p class=c>&#x10FF81;&#x10FF82; \x01</p>"]),
    }
