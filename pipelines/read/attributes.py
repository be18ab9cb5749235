"""How many attributes the largest tag of a page has, found before a parser sees it.

Parsers compare every attribute of a tag with those before it. This is quadratic on hostile pages: 200,000 attributes take minutes. One pass
over the bytes counts them. It skips comments, scripts and the like as a parser does, but does not follow how elements nest, so a page made
against this very count could still hide a tag.
"""

from __future__ import annotations

import numba
import numpy as np

from schemas.buffers import Bytes

_LT, _GT, _SLASH, _BANG, _QUESTION, _DASH, _QUOTE, _APOSTROPHE, _EQUALS = 60, 62, 47, 33, 63, 45, 34, 39, 61


def most_attributes(html: bytes) -> int:
    """The number of attributes of the tag with the most."""
    return int(_most_attributes(np.frombuffer(html, np.uint8)))


@numba.njit(cache=True, nogil=True)
def _most_attributes(html: Bytes) -> int:
    n = len(html)
    most = at = 0
    is_foreign = False  # in SVG and MathML, scripts and titles contain tags like any other element
    while at + 1 < n:
        if html[at] != _LT:
            at += 1
            continue
        closes = html[at + 1] == _SLASH
        at += 2 if closes else 1
        if at >= n or not 97 <= (html[at] | 32) <= 122:
            if at < n and (closes or html[at] == _BANG or html[at] == _QUESTION):
                at = _after_declaration(html, at)
            continue
        start = at
        while at < n and html[at] > 32 and html[at] != _GT and html[at] != _SLASH:
            at += 1
        end = at
        at, attributes = _after_attributes(html, at)
        most = max(most, attributes)
        if _is_name(html, start, end, b"svg") or _is_name(html, start, end, b"math"):
            is_foreign = not closes
        elif not closes and not is_foreign and _is_raw(html, start, end):
            at = _after_raw_text(html, at, start, end)
    return most


@numba.njit(cache=True, nogil=True)
def _is_raw(html: Bytes, start: int, end: int) -> bool:
    """Whether everything in an element of this name is text, whatever it looks like."""
    return (
        _is_name(html, start, end, b"script")
        or _is_name(html, start, end, b"style")
        or _is_name(html, start, end, b"title")
        or _is_name(html, start, end, b"textarea")
        or _is_name(html, start, end, b"xmp")
        or _is_name(html, start, end, b"iframe")
        or _is_name(html, start, end, b"noembed")
        or _is_name(html, start, end, b"noframes")
    )


@numba.njit(cache=True, nogil=True)
def _is_name(html: Bytes, start: int, end: int, name: bytes) -> bool:
    if end - start != len(name):
        return False
    for i in range(len(name)):  # noqa: SIM110 - numba has no generators in all()
        if (html[start + i] | 32) != name[i]:
            return False
    return True


@numba.njit(cache=True, nogil=True)
def _after_declaration(html: Bytes, at: int) -> int:
    """The position after a comment, which ends with `-->` or `--!>`, or after the first `>` of another declaration."""
    n = len(html)
    is_comment = at + 2 < n and html[at] == _BANG and html[at + 1] == _DASH and html[at + 2] == _DASH
    at += 3 * is_comment
    while at < n:
        if html[at] == _GT:
            before = at - 1 - (html[at - 1] == _BANG)
            if not is_comment or (html[before] == _DASH and html[before - 1] == _DASH):
                break
        at += 1
    return at + 1


@numba.njit(cache=True, nogil=True)
def _after_attributes(html: Bytes, at: int) -> tuple[int, int]:
    """(position after the tag's `>`, number of its attributes); quoted values may contain anything."""
    n = len(html)
    attributes = 0
    in_name = has_name = False
    while at < n and html[at] != _GT:
        byte = html[at]
        if byte == _EQUALS and has_name:
            at = _after_value(html, at + 1)
            in_name = has_name = False
            continue
        if byte <= 32:
            in_name = False
        elif byte == _SLASH:
            in_name = has_name = False
        elif not in_name:
            in_name = has_name = True
            attributes += 1
        at += 1
    return at + 1, attributes


@numba.njit(cache=True, nogil=True)
def _after_value(html: Bytes, at: int) -> int:
    """The position after the value that follows an equals sign."""
    n = len(html)
    while at < n and html[at] <= 32:
        at += 1
    if at < n and (html[at] == _QUOTE or html[at] == _APOSTROPHE):
        quote = html[at]
        at += 1
        while at < n and html[at] != quote:
            at += 1
        return at + 1
    while at < n and html[at] > 32 and html[at] != _GT:
        at += 1
    return at


@numba.njit(cache=True, nogil=True)
def _after_raw_text(html: Bytes, at: int, start: int, end: int) -> int:
    """The position of the `</` of the end tag with the name at `start`."""
    n = len(html)
    while at + 1 < n:
        if html[at] == _LT and html[at + 1] == _SLASH and at + 2 + end - start <= n:
            same = True
            for i in range(end - start):
                same = same and (html[at + 2 + i] | 32) == (html[start + i] | 32)
            if same:
                return at
        at += 1
    return n
