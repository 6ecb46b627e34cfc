#!/usr/bin/env python3
"""Writes Sources/ScrapeService/Words/WordBreakTable.swift from the Unicode Character Database.

The data is Debian's package `unicode-data` (apt-get install unicode-data), or another copy of the UCD:

    Scripts/generate-word-break-table.py [/usr/share/unicode] > Sources/ScrapeService/Words/WordBreakTable.swift

An entry is one UInt32: the first code point of a range in the high 24 bits; in the low 8 bits the Word_Break
class (bits 0-4, numbered as `WordClass.Kind`), Extended_Pictographic (bit 5) and "letter or digit" (bit 6).
A range ends where the next begins.
"""
import re
import sys

ROOT = sys.argv[1] if len(sys.argv) > 1 else "/usr/share/unicode"
SIZE = 0x110000
PICTOGRAPHIC, WORDLIKE = 0x20, 0x40
KINDS = [
    "Other", "CR", "LF", "Newline", "Extend", "ZWJ", "Format", "Katakana", "Hebrew_Letter", "ALetter",
    "Single_Quote", "Double_Quote", "MidNumLet", "MidLetter", "MidNum", "Numeric", "ExtendNumLet",
    "Regional_Indicator", "WSegSpace",
]
LETTER_KINDS = {"Katakana", "Hebrew_Letter", "ALetter", "Numeric"}
IGNORED_KINDS = {"Extend", "ZWJ", "Format"}


def properties(path):
    """Yields (first, last, value) of a UCD file in the `range ; value # comment` form."""
    with open(f"{ROOT}/{path}", encoding="utf-8") as file:
        for line in file:
            fields = [field.strip() for field in line.split("#")[0].split(";")]
            if len(fields) < 2:
                continue
            first, _, last = fields[0].partition("..")
            yield int(first, 16), int(last or first, 16), fields[1]


def version():
    with open(f"{ROOT}/auxiliary/WordBreakProperty.txt", encoding="utf-8") as file:
        return re.search(r"-([0-9.]+)\.txt", file.readline()).group(1)


def table():
    kinds = ["Other"] * SIZE
    for first, last, value in properties("auxiliary/WordBreakProperty.txt"):
        kinds[first:last + 1] = [value] * (last + 1 - first)
    flags = [WORDLIKE if kind in LETTER_KINDS else 0 for kind in kinds]
    for first, last, value in properties("extracted/DerivedGeneralCategory.txt"):
        if value[0] in "LN":
            for code in range(first, last + 1):
                if kinds[code] not in IGNORED_KINDS:
                    flags[code] |= WORDLIKE
    for first, last, value in properties("emoji/emoji-data.txt"):
        if value == "Extended_Pictographic":
            for code in range(first, last + 1):
                flags[code] |= PICTOGRAPHIC
    return [KINDS.index(kind) | flag for kind, flag in zip(kinds, flags)]


def main():
    values = table()
    entries = [code << 8 | value for code, value in enumerate(values) if code == 0 or values[code - 1] != value]
    print(f"// Written by Scripts/generate-word-break-table.py from Unicode {version()}: do not edit.")
    print("// © Unicode, Inc.; terms of use: https://www.unicode.org/terms_of_use.html")
    print()
    print("/// The Word_Break property (UAX #29) as ranges: first code point << 8 | class and flags.")
    print("enum WordBreakTable {")
    print(f'    static let unicodeVersion = "{version()}"')
    print()
    print("    // swift-format-ignore")
    print("    static let ranges: [UInt32] = [")
    for index in range(0, len(entries), 8):
        print("        " + " ".join(f"0x{entry:X}," for entry in entries[index:index + 8]))
    print("    ]")
    print("}")


main()
