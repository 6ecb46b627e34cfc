#!/usr/bin/env python3
"""The notebook's word count on NDJSON rows: `word count` lines, most frequent first, then by word.

Lower-case, split on the single space character, delete everything outside [a-zA-Z0-9], drop what is empty, then drop
the stop words: none, those of a file (one a line), or PyPI's stop_words for a language (`--stop-words dutch`).
"""

import argparse
import collections
import json
import os
import re
import sys

OUTSIDE = re.compile("[^a-zA-Z0-9]")


def stop_list(name):
    """The words of a file, or of stop_words' language of that name."""
    if name is None:
        return frozenset()
    if os.path.exists(name):
        with open(name, encoding="utf-8") as file:
            return frozenset(line.split("|")[0].strip() for line in file) - {""}
    import stop_words

    return frozenset(stop_words.get_stop_words(name))


def count(texts, stops=frozenset()):
    """`[(word, count)]`, by count descending, then word."""
    counter = collections.Counter()
    for text in texts:
        words = (OUTSIDE.sub("", word) for word in text.lower().split(" "))
        counter.update(word for word in words if word and word not in stops)
    return sorted(counter.items(), key=lambda pair: (-pair[1], pair[0]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--field", default="text")
    parser.add_argument("--stop-words")
    options = parser.parse_args()
    rows = (json.loads(line)["data"] for line in sys.stdin)
    texts = (row[options.field] for row in rows if isinstance(row.get(options.field), str))
    for word, times in count(texts, stop_list(options.stop_words)):
        print(word, times)


if __name__ == "__main__":
    main()
