"""The links of a page that may be followed, in document order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from resiliparse.parse.encoding import detect_encoding
from resiliparse.parse.html import ElementNode, HTMLTree

from pipelines.crawl.urls import canonical, join

HTML_TYPES: Final = ("text/html", "application/xhtml+xml")
_STOP_WORDS: Final = frozenset(("nofollow", "none"))
_AGENT: Final = re.compile(r"\s*([\w-]+)\s*:\s*(.*)", re.DOTALL)
_VALUED: Final = ("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview")
"""Directives that contain a colon themselves."""


def extract_links(html: bytes, url: str, charset: str | None, robots_headers: Iterable[str], product: str) -> list[str]:
    """Absolute URLs that the page at `url` links to and allows robots to follow; not yet canonical, repeats included."""
    if any(forbids_following(value, product) for value in robots_headers):
        return []
    encoding = charset or detect_encoding(html, from_html_meta=True) or "utf-8"
    tree = HTMLTree.parse_from_bytes(html, encoding, errors="replace")
    for meta in _select(tree, "meta[name][content]"):
        if meta["name"].strip().lower() in ("robots", product.lower()) and _directives(meta["content"]) & _STOP_WORDS:
            return []
    base = url
    for declared in _select(tree, "base[href]")[:1]:
        base = canonical(join(url, declared["href"])) or url
    found = _select(tree, "a[href], area[href]")
    return [join(base, node["href"]) for node in found if "nofollow" not in (node.getattr("rel") or "").lower().split()]


def forbids_following(header: str, product: str) -> bool:
    """Whether an X-Robots-Tag header forbids `product` to follow links.

    For corpusmill, "noindex, nofollow" and "corpusmill: none" do so, "otherbot: nofollow" does not.
    """
    named = _AGENT.match(header)
    if named and named[1].lower() not in _VALUED:
        return named[1].lower() == product.lower() and bool(_directives(named[2]) & _STOP_WORDS)
    return bool(_directives(header) & _STOP_WORDS)


def _select(tree: HTMLTree, selector: str) -> Sequence[ElementNode]:
    """The matching elements as a tuple; the node list is a view that matches again for every item, which is quadratic."""
    return tree.document.query_selector_all(selector)[:] if tree.document else ()


def _directives(value: str) -> set[str]:
    return {word.strip().lower() for word in value.split(",")}
