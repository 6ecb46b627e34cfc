"""What parsel, cssselect and lxml find, as lists of texts."""

import parsel


def page(content_type, body):
    is_xml = "atom" in content_type
    selector = parsel.Selector(body=body, encoding="utf-8", type="xml" if is_xml else "html")
    if is_xml:
        selector.remove_namespaces()
    return selector


def _text(match):
    root = match.root
    return root.xpath("string()") if hasattr(root, "xpath") else str(root)


def css(selector, source):
    """`::html` is the markup that parsel gives of the elements."""
    if source.endswith("::html"):
        return selector.css(source.removesuffix("::html")).getall()
    return [_text(match) for match in selector.css(source)]


def xpath(selector, source):
    return [_text(match) for match in selector.xpath(source)]


def value(selector, source):
    return [selector.root.xpath(f"string({source})")]
