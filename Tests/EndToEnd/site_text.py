"""The words of the test site: the paragraphs of Debian's Dutch GIMP manual, read with the standard library."""

import html.parser
import pathlib
import random
import re

MANUAL = pathlib.Path("/usr/share/gimp/2.0/help/nl")
SHORTEST_PARAGRAPH = 60

# Written as references in the pages, so that every parser has to decode them.
REFERENCES = {"é": "&eacute;", "ë": "&euml;", "…": "&hellip;", "“": "&ldquo;", "”": "&#8221;", "→": "&#x2192;"}


class ParagraphReader(html.parser.HTMLParser):
    """Collects the text of every `<p>` of one page."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.paragraphs = []
        self._open = None

    def handle_starttag(self, tag, attrs):
        if tag == "p":
            self._open = []

    def handle_endtag(self, tag):
        if tag == "p" and self._open is not None:
            self.paragraphs.append(re.sub(r"\s+", " ", "".join(self._open)).strip())
            self._open = None

    def handle_data(self, data):
        if self._open is not None:
            self._open.append(data)


def manual_paragraphs(directory=MANUAL):
    """Every paragraph long enough to read, in the order of the file names."""
    found = []
    for page in sorted(directory.glob("*.html")):
        reader = ParagraphReader()
        reader.feed(page.read_text(encoding="utf-8"))
        found += [p for p in reader.paragraphs if len(p) >= SHORTEST_PARAGRAPH]
    if not found:
        raise SystemExit(f"no paragraphs in {directory}: is gimp-help-nl installed?")
    return found


def escaped(text):
    """`text` as HTML, with named, decimal and hexadecimal references."""
    out = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for character, reference in REFERENCES.items():
        out = out.replace(character, reference)
    return out


def marked_up(text, rng):
    """`text` with inline markup that does not change its string value, but for the line breaks."""
    words = escaped(text).split(" ")
    for _ in range(rng.randint(0, 3)):
        at = rng.randrange(len(words))
        words[at] = rng.choice(["<b>{}</b>", "<em class='k'>{}</em>", "<a href=\"/help\">{}</a>",
                                "<span><i>{}</i></span>", "{}<!-- kijk -->", "{}<br>", "{}&nbsp;"]).format(words[at])
    return " ".join(words)


def description(number, paragraphs, rng):
    """The inner markup of one advert's description; its first words make it unique on the site."""
    chosen = [marked_up(paragraphs[rng.randrange(len(paragraphs))], rng) for _ in range(rng.randint(2, 4))]
    lead = f"Te koop, motor nummer {number}, vraagprijs &euro;&nbsp;{rng.randint(2, 180) * 50},-<br>\n"
    body = "\n".join(f"<p>{p}</p>" if rng.random() < 0.7 else f"{p}<br/><br/>" for p in chosen)
    padding = rng.choice(["", "&nbsp;", "\n   ", "\t&#160;\n"])
    return padding + lead + body + rng.choice(["", "\n<ul><li>APK<li>Koffers</ul>", "&nbsp;\n"]) + padding
