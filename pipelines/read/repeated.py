"""Lines that a page shows in more than one place: its title above and below a picture, its date, a share link at both ends.

A later copy goes if the page has both as elements of their own (a line of verse, code or a table is part of one) and if it follows the
first directly, begins the page's title, or lies near the beginning or end of the text. What the middle repeats is content.
"""

from __future__ import annotations

import re
from collections import Counter
from html import escape
from typing import Final

_NEAR: Final = 10  # lines
_MOST_CHARS: Final = 100  # a longer line is no title, date or link; a text that repeats paragraphs is for the filters to judge
_CONTEXT: Final = 512  # characters of a tag that are looked at
_OPENS: Final = re.compile(r"<(?!/|br\b|t[dh]\b|d[dt]\b|code\b|tt\b|kbd\b|pre\b)[A-Za-z][^<>]*>", re.IGNORECASE)
_CLOSES: Final = re.compile(r"\s*</(?![^<>]*>\s*<br\b)", re.IGNORECASE)
_LEAST_LETTERS: Final = 2
_LETTER: Final = re.compile(r"[^\W\d_]")


def without_repeats(text: str, title: str, html: str) -> tuple[str, int]:
    """(the text without such copies, how many lines went); `title` and `html` are the page's."""
    lines = text.split("\n")
    keys = [line.strip() for line in lines]
    filled = [i for i, key in enumerate(keys) if key]
    counts = Counter(keys[i] for i in filled)
    if len(counts) == len(filled):
        return text, 0
    gone: set[int] = set()
    elements: dict[str, bool] = {}
    seen: set[str] = set()
    before = ""
    for position, i in enumerate(filled):
        key = keys[i]
        is_near = position < _NEAR or position >= len(filled) - _NEAR
        if key in seen and len(key) <= _MOST_CHARS and (is_near or key == before or title.startswith(key)):
            if key not in elements:
                elements[key] = _is_element(key, html)
            if elements[key]:
                gone.add(i)
        seen.add(key)
        before = key
    return "\n".join(line for i, line in enumerate(lines) if i not in gone), len(gone)


def _is_element(key: str, html: str) -> bool:
    """Whether the page holds the line at least twice as all the text between an opening and a closing tag."""
    if len(_LETTER.findall(key)) < _LEAST_LETTERS:
        return False
    written = escape(key, quote=False)
    n_found, at = 0, html.find(written)
    while at >= 0:
        end = at + len(written)
        before, after = html[max(0, at - _CONTEXT) : at].rstrip(), html[end : end + _CONTEXT]
        n_found += before.endswith(">") and _OPENS.match(before, before.rfind("<")) is not None and _CLOSES.match(after) is not None
        if n_found == 2:
            return True
        at = html.find(written, end)
    return False
