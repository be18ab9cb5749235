"""Removes lines that a page shows in several places: its title above and below a picture, its date, a share link at both ends.

A later copy is removed if both are elements of their own (lines of verse, code or tables are parts of one), and if the copy follows the
first directly, begins the page's title, or is near the beginning or end of the text. Repetition in the middle is content.
"""

from __future__ import annotations

import re
from collections import Counter
from html import escape
from typing import Final

_NEAR: Final = 10  # lines
_MOST_CHARS: Final = 100  # longer lines are not titles, dates or links; filters judge repeated paragraphs
_CONTEXT: Final = 512  # characters around a line in which its tags are looked for
_OPENS: Final = re.compile(r"<(?!/|br\b|t[dh]\b|d[dt]\b|code\b|tt\b|kbd\b|pre\b)[A-Za-z][^<>]*>", re.IGNORECASE)
_CLOSES: Final = re.compile(r"\s*</(?![^<>]*>\s*<br\b)", re.IGNORECASE)
_LEAST_LETTERS: Final = 2
_LETTER: Final = re.compile(r"[^\W\d_]")


def without_repeats(text: str, title: str, html: str) -> tuple[str, int]:
    """(the text without such copies, number of lines removed); `title` and `html` are those of the page."""
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
    """Whether the line is, at least twice in the page, all the text between an opening and a closing tag."""
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
