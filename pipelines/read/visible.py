"""HTML -> the same page, changed so that resiliparse's main content has the text that a browser shows.

Version 2.0 differs from browsers in four ways, and each is corrected in the source or the tree beforehand. It leaves out text nodes of
exactly three bytes of which the last is not ASCII ("行", "né", "1°"; icon fonts look like that), `<time>` inside a sentence, and the line
breaks around `<summary>` and `<legend>`; and it puts ruby readings into the words.
"""

from __future__ import annotations

import re
import unicodedata
from html import unescape
from typing import Any, Final, Literal

import numba
import numpy as np
from resiliparse.parse.html import DOMContext, HTMLTree, traverse_dom

from schemas.buffers import Bytes, Offsets

Ruby = Literal["base", "parentheses"]

MARK: Final = "\ufdd0"
"""Appended to short text nodes to make them longer; a noncharacter, which does not occur in text."""

_MARK_BYTES: Final = MARK.encode()
_LT, _GT, _AMPERSAND = 60, 62, 38
_LONGEST = 72  # bytes of a short text node: two character references with the longest names
_INVISIBLE: Final = ("Cf", "Co")  # zero-width characters, and the glyphs of icon fonts
_JOINERS: Final = ("\u200c", "\u200d")
"""They decide the form of the letters next to them, and are part of words."""
_WHITE_SPACE: Final = " \t\n\f\r"
_BLOCK_TAG: Final = re.compile(r"<(/?)(?:summary|legend)(?=[\s/>])", re.IGNORECASE)
_AROUND: Final = 64  # characters; more white space than this is layout
_TIME: Final = re.compile(r"<time\b([^<>]*)>([^<]*)</time\s*>", re.IGNORECASE)


def visible_html(data: bytes, lower: bytes) -> str:
    """The page, prepared for main-content extraction; `data` is UTF-8, and `lower` the same in lower case."""
    html = _marked(data)
    if b"<summary" in lower or b"<legend" in lower:
        html = _BLOCK_TAG.sub(r"<\1div", html)
    return _TIME.sub(_in_sentence, html) if b"<time" in lower else html


def _marked(data: bytes) -> str:
    """The page with MARK after every text node that would be left out."""
    pieces, at = [], 0
    for start, end in _short_text_nodes(np.frombuffer(data, np.uint8)).tolist():
        text = unescape(data[start:end].decode()).strip(_WHITE_SPACE)
        node = text.encode("utf-8", "replace")
        if len(node) == 3 and node[2] >= 0x80 and (text in _JOINERS or unicodedata.category(text[-1]) not in _INVISIBLE):
            pieces += [data[at:end], _MARK_BYTES]
            at = end
    return b"".join([*pieces, data[at:]]).decode()


@numba.njit(cache=True, nogil=True)
def _short_text_nodes(html: Bytes) -> Offsets:
    """int64[nodes, 2]: (start, end) of text nodes that may be three bytes long once stripped and unescaped."""
    found = np.empty((len(html) // 3 + 2, 2), np.int64)
    n_found = 0
    for at in range(len(html)):
        if html[at] == _GT:
            start, end = _short_text(html, at + 1)
            if end > start:
                found[n_found, 0], found[n_found, 1] = start, end
                n_found += 1
    return found[:n_found].copy()


@numba.njit(cache=True, nogil=True)
def _short_text(html: Bytes, at: int) -> tuple[int, int]:
    """(start, end) of the text between `at` and the next tag; (0, 0) if it is not three bytes long and has no character reference."""
    n = len(html)
    while at < n and html[at] <= 32:
        at += 1
    start = end = at
    has_reference = False
    while at < n and html[at] != _LT:
        if html[at] > 32:
            end = at + 1
            has_reference |= html[at] == _AMPERSAND
        at += 1
        if at - start > (_LONGEST if has_reference else 3 + _LONGEST // 4):
            return 0, 0
    is_three = end - start == 3 and html[end - 1] >= 0x80
    return (start, end) if is_three or has_reference else (0, 0)


def _in_sentence(time: re.Match[str]) -> str:
    """The element as a `<span>` if text comes right before and after it."""
    before, after = (
        time.string[max(0, time.start() - _AROUND) : time.start()].rstrip(),
        time.string[time.end() : time.end() + _AROUND].lstrip(),
    )
    return f"<span{time[1]}>{time[2]}</span>" if before[-1:] not in ("", ">") and after[:1] not in ("", "<") else time[0]


def without_marks(text: str) -> str:
    """Extracted text without the marks."""
    return text.replace(MARK, "")


def has_ruby(lower: bytes) -> bool:
    """Whether the page, in lower case, may have ruby readings."""
    return b"<ruby" in lower


def read_ruby(tree: HTMLTree, ruby: Ruby) -> None:
    """Remove the readings in `<ruby>`, or put each into parentheses: 漢字 or 漢字(かんじ)."""
    found: list[Any] = []

    def collect(context: DOMContext) -> None:
        if getattr(context.node, "tag", None) in ("rp", "rt", "rtc"):
            found.append(context.node)

    if tree.document is not None:
        traverse_dom(tree.document, collect)  # iterating over a list of nodes is worse than quadratic
    for element in found:
        if ruby == "parentheses" and element.tag != "rp":
            element.replace_with(tree.create_text_node(f"({element.text.strip()})"))
        else:
            element.decompose()
