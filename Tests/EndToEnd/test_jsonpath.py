"""JSONPath (RFC 9535) through the whole service, against an implementation that is not ours: `jsonpath-rfc9535` of PyPI.

Queries are made at random from the grammar (`SCRAPE_TEST_SEED` repeats a run); broken ones by taking characters out."""

import json
import re

import harness
import json_api
import jsonpath_rfc9535

QUERIES = 450  # a page kind takes 500 fields
BROKEN = 1200
PLACES = 49  # a 422 lists 50 mistakes at most, and one more is put in on purpose

# Where the other implementation reads what RFC 9535 does not have ([1 2], [1-2], [?!1]), or not what it has (0e3).
ITS_MISTAKES = re.compile(r"\d\s+-?\d|\d-\d|!\s*[\d-]|\b0[eE]")

DOCUMENTS = [
    {"a": [{"a": 1, "b": "x"}, {"a": 2.5, "b": "yy", "c": None}, {"b": [], "c": True}], "b": {"a": [1, 2, 3, 4], "c": "x"}, "c": "abc"},
    [[1, [2, [3]]], {"a": {"a": {"a": -1}}, "b": False}, "x", "é😀", "", None, 0, [], {}, 1e3, {"c": [{"a": "x"}, {"a": "x", "b": "x"}]}],
    {"": "empty", "a b": 1, "é": [1.0, 1, "1"], "c": {"b": {"c": {"b": ["x", {"a": [True]}]}}}, "a": [5, 3, [1], {"a": 3}, "b", "B"]},
]


class Maker:
    """Random queries of the grammar."""

    def __init__(self, rng):
        self.rng = rng

    def pick(self, *choices):
        return self.rng.choice(choices)

    def blank(self):
        return self.pick("", "", "", "", " ", "\n", "\t ")

    def name(self):
        return self.pick("a", "b", "c", "é", "zz")

    def string(self):
        text = self.pick("a", "b", "c", "x", "a b", "", "é", "\\u0061", "\\t", "\\u00e9", "yy")
        return self.pick(f"'{text}'", f'"{text}"')

    def integer(self):
        return self.pick("0", "1", "2", "3", "-1", "-2", "10", "-10")

    def slice(self):
        blank = self.blank
        parts = [self.pick("", self.integer()), self.pick("", self.integer())]
        text = f"{parts[0]}{blank()}:{blank()}{parts[1]}"
        return text + self.pick("", f"{blank()}:{blank()}" + self.pick("", "1", "2", "-1", "-2", "0"))

    def selector(self, depth):
        makers = [self.string, self.string, self.integer, self.integer, self.slice, lambda: "*"]
        if depth > 0:
            makers += [lambda: f"?{self.blank()}{self.condition(depth - 1)}"] * 4
        return self.rng.choice(makers)()

    def segment(self, depth):
        dots = self.pick(".", ".", "..")
        kind = self.pick("name", "name", "star", "bracket", "bracket")
        if kind == "name":
            return dots + self.name()
        if kind == "star":
            return dots + "*"
        selectors = f"{self.blank()},{self.blank()}".join(self.selector(depth) for _ in range(self.pick(1, 1, 1, 2)))
        return ("" if dots == "." else dots) + f"[{self.blank()}{selectors}{self.blank()}]"

    def query(self, depth, root="$", length=3, least=0):
        segments = range(self.rng.randint(least, length))
        return root + "".join(self.blank() * (self.rng.random() < 0.2) + self.segment(depth) for _ in segments)

    def singular(self, root):
        return root + "".join(self.pick(f".{self.name()}", f"[{self.string()}]", f"[{self.integer()}]") for _ in range(self.rng.randint(0, 3)))

    def literal(self):
        return self.pick("1", "2.5", "-1", "1e3", "0", "true", "false", "null", self.string(), "1.0", "3")

    def comparable(self, depth):
        choice = self.rng.random()
        if choice < 0.4:
            return self.literal()
        if choice < 0.8:
            return self.singular(self.pick("@", "@", "$"))
        inner = self.pick("length", "count", "value")
        if inner == "length":
            return f"length({self.blank()}{self.comparable(0) if depth else self.singular('@')}{self.blank()})"
        # The other implementation fails on count(@), which has no segment.
        return f"{inner}({self.query(max(0, depth - 1), '@', 2, least=1)})"

    def basic(self, depth):
        choice = self.rng.random()
        if choice < 0.3:
            # The other implementation takes ?@ for false where the value is 0 or "".
            return self.pick("", "!") + self.query(max(0, depth - 1), self.pick("@", "@", "@", "$"), 2, least=1)
        if choice < 0.75:
            left, right = self.comparable(depth), self.comparable(depth)
            return f"{left}{self.blank()}{self.pick('==', '!=', '<', '<=', '>', '>=')}{self.blank()}{right}"
        if choice < 0.9:
            pattern = self.pick("a", "x.*", "[a-c]+", "(x|y)+", ".", "[^a]*", "\\\\p{L}+", "a{1,2}", "(", "[x", "\\\\d")
            return f"{self.pick('', '!')}{self.pick('match', 'search')}({self.singular('@')},{self.blank()}'{pattern}')"
        return f"{self.pick('', '!')}({self.blank()}{self.condition(max(0, depth - 1))}{self.blank()})"

    def condition(self, depth):
        text = self.basic(depth)
        for _ in range(self.pick(0, 0, 0, 1, 2)):
            text += f"{self.blank()}{self.pick('&&', '||')}{self.blank()}{self.basic(depth)}"
        return text


def is_query(text):
    try:
        jsonpath_rfc9535.compile(text)
        return True
    except jsonpath_rfc9535.JSONPathError:
        return False


def test_random_queries_select_what_another_implementation_selects(client):
    maker = Maker(harness.seeded_random())
    queries = list(dict.fromkeys(maker.query(2) for _ in range(QUERIES)))
    assert all(map(is_query, queries)), [q for q in queries if not is_query(q)][:5]
    fields = {f"q{n}": {"json": query, "all": True} for n, query in enumerate(queries)}
    with json_api.JSONAPI() as api:
        for n, document in enumerate(DOCUMENTS):
            body = json.dumps(document).encode()
            api.answers[f"/{n}"] = lambda request, body=body: (200, {"Content-Type": "application/json"}, body)
        job_id = client.submit({"start": [f"{api.url}/{n}" for n in range(len(DOCUMENTS))], "pages": {"p": {"fields": fields}}})
        client.finished(job_id)
        items = {item["url"]: item["data"] for item in client.walk(f"/v1/jobs/{job_id}/results")}
    selected = 0
    for n, document in enumerate(DOCUMENTS):
        data = items[f"{api.url}/{n}"]
        for number, query in enumerate(queries):
            expected = jsonpath_rfc9535.find(query, document).values()
            assert (data[f"q{number}"] or []) == expected, (query, document)
            selected += len(expected) > 0
    assert selected > QUERIES // 2, "most queries select something somewhere"


def test_broken_queries_are_refused_where_another_implementation_refuses_them(client):
    rng = harness.seeded_random()
    maker, queries = Maker(rng), []
    while len(queries) < BROKEN:
        query = maker.query(2)
        place = rng.randrange(1, len(query) + 1)
        broken = query[:place] + maker.pick("", "", "]", "'", " ", "0", "@", "?", "=") + query[place + 1:]
        if not ITS_MISTAKES.search(broken):
            queries.append(broken)
    refused = 0
    for start in range(0, BROKEN, PLACES):
        some = queries[start:start + PLACES]
        fields = {f"q{n}": {"json": query} for n, query in enumerate(some)} | {"wrong": {"json": "$["}}
        answer = client.post("/v1/jobs", {"start": "http://127.0.0.1:1/", "pages": {"p": {"fields": fields}}})
        assert answer.status == 422
        ours = {error["pointer"].split("/")[4] for error in harness.as_json(answer)["errors"]} - {"wrong"}
        theirs = {f"q{n}" for n, query in enumerate(some) if not is_query(query)}
        differing = [(some[int(name[1:])], "refused by us only" if name in ours else "read by us only") for name in ours ^ theirs]
        assert not differing, differing
        refused += len(ours)
    assert BROKEN // 4 < refused < BROKEN
