"""Words that questions are phrased with, and that say nothing about their subject.

A question made of little else ("Which of the following is true of the passage?") is on many pages and is no evidence of an item.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Final

_CHARACTER: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_RUN: Final = re.compile(r"[^\W_]+")
_LISTED: Final = Path(__file__).with_name("stock_words.txt").read_text("utf-8")
_WORDS: Final = frozenset(word for line in _LISTED.splitlines() if not line.startswith("#") for word in line.split())
_PARTS: Final = re.compile("|".join(sorted(filter(_CHARACTER.match, _WORDS), key=len, reverse=True)))
_LEAST: Final = 3


def has_content(text: str) -> bool:
    """Whether three or more distinct words, or characters of Chinese and Japanese, are none of these."""
    left = _PARTS.sub(" ", unicodedata.normalize("NFKC", text).casefold())
    words = set(_RUN.findall(_CHARACTER.sub(" ", left))) - _WORDS
    return len(words) + len(set(_CHARACTER.findall(left))) >= _LEAST
