#!/usr/bin/env python3
"""Writes the table of HTML's named character references from the one that Python's standard library has.

    Scripts/generate-reference-table.py > Sources/ScrapeService/Extraction/Encoding/HTMLReferenceTable.swift

A word is a name, a mark and the code points in hexadecimal. The mark is `:`; `=` where HTML 4 had the name with the
same meaning; where the name also counts without a semicolon it is `?`, and `!` where HTML 4 had it as well.
"""
import html.entities
import textwrap

WIDTH = 100

html5, html4 = html.entities.html5, dict(html.entities.name2codepoint, apos=39)


def word(name):
    value = html5[name + ";"]
    same = html4.get(name) is not None and chr(html4[name]) == value
    mark = ("!" if same else "?") if name in html5 else "=" if same else ":"
    return name + mark + "-".join(f"{ord(character):X}" for character in value)


names = sorted(name.removesuffix(";") for name in html5 if name.endswith(";"))
assert set(html5) <= {name + end for name in names for end in ("", ";")}
lines = textwrap.wrap(" ".join(map(word, names)), WIDTH, break_long_words=False, break_on_hyphens=False)
print("""// Written by Scripts/generate-reference-table.py from Python's html.entities: do not edit.

/// HTML's named character references (HTML, section 13.5): name, mark, code points in hexadecimal. The mark is `:`; `=`
/// where HTML 4 had the name with the same meaning; where it also counts without a semicolon `?`, and `!` where HTML 4
/// had it as well.
enum HTMLReferenceTable {
    // swift-format-ignore
    static let words: StaticString = \"\"\"""")
print("\n".join("        " + line + " \\" for line in lines[:-1]))
print("        " + lines[-1])
print('        """\n}')
