"""What the words and characters around a candidate say about it."""

from __future__ import annotations

import re
from typing import Final

from pipelines.scrub.candidates import Window

# A comma joins decimals and thousands ("1,234,567"), not the members of a list. No rule here may depend on the replacement of the number
# on the other side of a mark: a list of values would then be replaced one by one, in as many passes.
_GLUED_BEFORE: Final = re.compile(rb"(?:[A-Za-z0-9_]|[A-Za-z0-9_][-/]|[A-Za-z_][\\~^]|(?<!\d)(?<!\d[-. ])\d{1,3},)\Z")
_GLUED_AFTER: Final = re.compile(rb"[A-Za-z0-9_]|[-/][A-Za-z0-9_]|\\[A-Za-z]|,\d{1,3}(?![\d/:-])(?![. ]\d)")
_IN_DOI: Final = re.compile(rb"10\.\d{4,9}/\S*\Z")
_PLACEHOLDER: Final = re.compile(rb"<?[A-Z0-9_]+>")
_WORD: Final = re.compile(rb"[A-Za-z$@\x80-\xff]")


def is_glued(window: Window) -> bool:
    """Whether the candidate is a piece of a longer token, such as an identifier, a path or a decimal fraction."""
    return bool(_GLUED_BEFORE.search(window.before) or _GLUED_AFTER.match(window.after) or is_in_doi(window))


def is_in_doi(window: Window) -> bool:
    """Whether the candidate is a piece of a digital object identifier, such as 10.1016/j.cell.2011.02.013."""
    return b"10." in window.before and bool(_IN_DOI.search(window.before))


def hide_placeholders(before: bytes) -> bytes:
    """The context without placeholders, whose names are words such as PHONE: a replacement says nothing about what comes next."""
    return _PLACEHOLDER.sub(b"\0", before) if b">" in before else before


def words_in(context: bytes) -> str:
    """The context as text, without characters that its ends cut off; "" if it has no words, as in tables of numbers."""
    return context.decode("utf-8", "ignore") if _WORD.search(context) else ""
