"""Where a page leads to: its followable links in document order."""

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
"""Directives that hold a colon themselves."""


def extract_links(html: bytes, url: str, charset: str | None, robots_headers: Iterable[str], product: str) -> list[str]:
    """Absolute URLs that the page at `url` links to and lets robots follow; not yet canonical, repeats included."""
    if any(forbids_following(value, product) for value in robots_headers):
        return []
    encoding = charset or detect_encoding(html, from_html_meta=True) or "utf-8"
    tree = HTMLTree.parse_from_bytes(html, encoding, errors="replace")
    for meta in _select(tree, "meta[name][content]"):
        if meta["name"].strip().lower() in ("robots", product.lower()) and _words(meta["content"]) & _STOP_WORDS:
            return []
    base = url
    for declared in _select(tree, "base[href]")[:1]:
        base = canonical(join(url, declared["href"])) or url
    found = _select(tree, "a[href], area[href]")
    return [join(base, node["href"]) for node in found if "nofollow" not in (node.getattr("rel") or "").lower().split()]


def forbids_following(header: str, product: str) -> bool:
    """Whether an X-Robots-Tag header tells `product` not to follow links.

    Examples: "noindex, nofollow" and "corpusmill: none" do for corpusmill, "otherbot: nofollow" does not.
    """
    named = _AGENT.match(header)
    if named and named[1].lower() not in _VALUED:
        return named[1].lower() == product.lower() and bool(_words(named[2]) & _STOP_WORDS)
    return bool(_words(header) & _STOP_WORDS)


def _select(tree: HTMLTree, selector: str) -> Sequence[ElementNode]:
    """The matching elements as a tuple: a list of nodes is a view that matches anew for every item, which is quadratic."""
    return tree.document.query_selector_all(selector)[:] if tree.document else ()


def _words(directives: str) -> set[str]:
    return {word.strip().lower() for word in directives.split(",")}
