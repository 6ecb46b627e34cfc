"""The same counts with Python's Counter; see README.md.  count.py unicode|ascii FILE STOPWORDS"""
import re
import sys
import time
from collections import Counter

tokenizer, path, stop_path = sys.argv[1:]
lines = open(path, encoding="utf-8").read().split("\n")
stop = {word.strip() for word in open(stop_path, encoding="utf-8") if not word.startswith("#")}
size = sum(len(line.encode()) for line in lines)
word = re.compile(r"\w+")
other = re.compile(r"[^a-zA-Z0-9]")

best, counter = 1e9, Counter()
for _ in range(2):
    start, counter = time.perf_counter(), Counter()
    for line in lines:
        if tokenizer == "unicode":
            counter.update(word.findall(line.lower()))
        else:
            counter.update(filter(None, (other.sub("", part) for part in line.lower().split(" "))))
    for key in stop:
        counter.pop(key, None)
    best = min(best, time.perf_counter() - start)
top = ", ".join(f"{word} {count}" for word, count in counter.most_common(3))
print(f"python {tokenizer} {size / best / 1e6:.0f} MB/s total {sum(counter.values())} distinct {len(counter)} ({top})")
