"""CSS and XPath find what parsel finds, value for value and in order, in hand-made and real pages.

Pages and selectors are in selector_cases.py. One job asks all selectors of all pages: every pair is one comparison.
"""

import pytest

import selector_cases
import selector_oracle
from harness import PlainSite

MIN_PAIRS = 1000


def first_of_type(elements):
    seen = set()
    for element in elements:
        key = (element.getparent(), element.tag)
        if key not in seen:
            yield element
        seen.add(key)


def of_type(page, *, first=False, last=False):
    """The elements of the page that are the first, the last or both of their name among their siblings."""
    elements = [element for element in page.root.iter() if isinstance(element.tag, str)]
    firsts = set(first_of_type(elements)) if first else set(elements)
    lasts = set(first_of_type(reversed(elements))) if last else set(elements)
    return [element.xpath("string()") for element in elements if element in firsts and element in lasts]


def in_english(page):
    path = "//*[ancestor-or-self::*[@lang][1][starts-with(concat(@lang, '-'), 'en-')]]"
    return selector_oracle.xpath(page, path)


# Selectors that parsel does not know, or understands otherwise on purpose: the same asked in another way, and why.
OTHERWISE = {
    ("css", ":first-of-type"): (lambda page: of_type(page, first=True), "cssselect wants an element name before it"),
    ("css", ":last-of-type"): (lambda page: of_type(page, last=True), "cssselect wants an element name before it"),
    ("css", ":only-of-type"): (lambda page: of_type(page, first=True, last=True), "cssselect wants an element name before it"),
    ("css", "li:not(.a, .b)"): (lambda page: selector_oracle.css(page, "li:not(.a):not(.b)"),
                                "cssselect takes no list in :not(), the contract does"),
    ("css", ":checked"): (lambda page: selector_oracle.xpath(
        page, "//input[@checked][contains(' checkbox radio ', concat(' ', translate(@type, 'CHEKBOX', 'chekbox'), ' '))]"
              " | //option[@selected]"), "HTML compares the type of an input without case"),
    ("xpath", "//*[lang('en')]"): (in_english, "libxml2 looks for xml:lang only, HTML pages have lang"),
}

# In an HTML page libxml2 2.9 reads `<?…>` as a processing instruction, 2.14 (inside lxml) as a comment, as browsers do.
INSTRUCTIONS = {"//comment()", "//node()", "//body/node()", "//processing-instruction()", "body::html", "html::html"}

QUESTIONS = ([("css", source) for source in selector_cases.CSS] + [("xpath", source) for source in selector_cases.XPATH]
             + [("value", source) for source in selector_cases.XPATH_VALUES])


def expected(page, language, source):
    known = OTHERWISE.get((language, source))
    return known[0](page) if known else getattr(selector_oracle, language)(page, source)


def field(language, source):
    if language == "css":
        return {"css": source, "all": True, "keep_whitespace": True}
    return {"xpath": f"({source})" if language == "value" else source, "all": True, "keep_whitespace": True}


@pytest.fixture(scope="module")
def found(service):
    """By page, what the service finds: a list of texts for each question."""
    pages = selector_cases.pages()
    with PlainSite({f"/{name}": page for name, page in pages.items()}) as site:
        job = {"start": [f"{site.origin}/{name}" for name in pages],
               "pages": {"page": {"fields": {str(index): field(*question) for index, question in enumerate(QUESTIONS)}}},
               "politeness": {"robots": False}}
        status = service.client.finished(service.client.submit(job))
        assert status["progress"]["fetched"] == len(pages), status
        items = service.client.walk(f"/v1/jobs/{status['id']}/results")
    return {item["url"].rsplit("/", 1)[1]: [item["data"][str(index)] or [] for index in range(len(QUESTIONS))]
            for item in items}


@pytest.mark.parametrize("name", selector_cases.pages())
def test_selectors_find_what_parsel_finds(found, name):
    content_type, body = selector_cases.pages()[name]
    page = selector_oracle.page(content_type, body)
    has_instructions = b"<?" in body and "html" in content_type
    differences = []
    for (language, source), texts in zip(QUESTIONS, found[name], strict=True):
        if has_instructions and source in INSTRUCTIONS:
            continue
        wanted = expected(page, language, source)
        if texts != wanted:
            differences.append((language, source, texts[:3], wanted[:3]))
    assert not differences, differences[:5]


def test_there_are_enough_pairs_and_most_find_something(found):
    answers = [texts for page in found.values() for texts in page]
    assert len(answers) >= MIN_PAIRS
    assert sum(bool(texts) for texts in answers) > len(answers) / 2
