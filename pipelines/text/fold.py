"""The folded form in which characters are compared: letters and digits without case, width and accents, and marks that carry meaning.

A copy in capitals, in full width or decomposed is the same text ("STRASSE" is "straße", "ﬁ" is "fi", "３" is "3"); so is one with other
quotation marks, dashes or sentence ends. Digits and operators count: two drill sheets are two texts.
"""

from __future__ import annotations

import functools
import unicodedata
from typing import Final

import numpy as np
import numpy.typing as npt

from pipelines.text.hashing import add_code
from pipelines.text.unicode import LETTER, MARK, NUMBER, TABLE_SIZE, UNSPACED, UPPER, char_classes
from tokenizer.memory import kernel

WORD: Final = LETTER | NUMBER | MARK
"""The classes of what words are made of."""
SEVERAL: Final = np.uint32(1 << 31)
"""From this value on, an entry is the index of a fold of several characters: their number, then the characters."""

LOW: Final = np.uint32((1 << 21) - 1)
"""The bits of an entry with a code point or an index into the table."""
PAUSE: Final = np.uint32(1 << 21)
"""Set in `compared_table` for ASCII marks that mean nothing at the end of a word or sentence."""
PLAIN: Final = np.uint32(1 << 23)
"""Set in `compared_table` for letters and numbers of scripts with spaces that fold to one character."""

_PAUSES: Final = ".,;:!?"
_QUOTES: Final = "\"'`"
_AFTER_PAUSE: Final = np.array([code <= 0x20 or code >= 0x80 or chr(code) in _PAUSES + _QUOTES + ")]}*_" for code in range(256)], np.bool_)
"""bool[256]: whether a mark of `_PAUSES` before this byte is punctuation of prose; before others, as in 3.14 or !x, it has meaning."""
_TAGS: Final = (0xE0000, 0xE0FFF)  # variation selectors and tags above the table
_UNSEEN: Final = frozenset("\u0640\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")
"""Invisible letters and marks, and the Arabic tatweel."""


def folded(char: str) -> str:
    """The fold of a letter, number or combining mark; "" for one that is ignored.

    The case-folded compatibility decomposition without accents and spaces: "Á" -> "a", "ß" -> "ss", "İ" and "ı" -> "i", "ς" -> "σ",
    "が" -> "か" and its voicing mark, "한" -> its three jamo. Digits of all scripts are ASCII ones. Vowel signs and points that carry
    the word stay. A fold is never longer in characters than `char` is in UTF-8 bytes: "ﷺ" stays itself.
    """
    if unicodedata.category(char) == "Nd":
        return str(unicodedata.decimal(char))
    whole = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", char.casefold()).casefold()).replace("ı", "i")
    kept = "".join(part for part in whole if unicodedata.category(part)[0] in "LNM" and not _passed_over(part))
    return kept if len(kept) <= len(char.encode()) and "⁄" not in whole else char  # ½ is not 12


def _passed_over(char: str) -> bool:
    return unicodedata.combining(char) >= 200 or char in _UNSEEN or "\ufe00" <= char <= "\ufe0f"


def mark(char: str) -> str:
    """The fold of punctuation, a symbol or an unknown character; "" for quotation marks and marks that end or open a sentence.

    ASCII marks have a fold, others only if they are symbols or a dash; `mark_at` ignores punctuation of prose.
    """
    category = unicodedata.category(char)
    if category == "Pd" or char == "−":
        return "-"
    plain = unicodedata.normalize("NFKC", char)
    if category[0] == "P":
        return plain if char not in _QUOTES and plain.isascii() and (char.isascii() or plain not in _PAUSES + _QUOTES + "...") else ""
    if category == "Sk":
        return char if char == "^" or ord(char) > 0xFFFF else ""
    if category[0] == "S":
        return plain if len(plain) == 1 else char
    return char if category in ("Co", "Cn") else ""


@functools.cache
def fold_table() -> npt.NDArray[np.uint32]:
    """uint32[TABLE_SIZE + m]: by code point the result of `folded` or `mark`: a code point, 0, or from `SEVERAL` on an index."""
    table = np.arange(TABLE_SIZE, dtype=np.uint32)
    several: list[int] = []
    for code, char in enumerate(map(chr, range(TABLE_SIZE))):
        category = unicodedata.category(char)
        if category in ("Cn", "Co") or (category == "Lo" and not _may_change(char)):
            continue
        fold = folded(char) if category[0] in "LNM" else mark(char)
        if len(fold) > 1:
            table[code] = int(SEVERAL) + TABLE_SIZE + len(several)
            several += [len(fold), *map(ord, fold)]
        else:
            table[code] = ord(fold) if fold else 0
    return np.concatenate([table, np.array(several, np.uint32)])


def _may_change(char: str) -> bool:
    """Whether `folded` may change a letter without case: most of them are ideographs, which stay."""
    return unicodedata.decomposition(char) != "" or "가" <= char <= "힣" or char in _UNSEEN


@functools.cache
def compared_table() -> npt.NDArray[np.uint32]:
    """`fold_table` with the class bits of `char_classes`, but for UPPER, in bits 24 to 30 of each code point's entry, PAUSE and PLAIN.

    One lookup gives a kernel the class and the fold of a character.
    """
    table = fold_table().copy()
    classes = char_classes() & (0xFF ^ UPPER)
    classes[0xFF9E:0xFFA0] = MARK | UNSPACED  # half-width voicing marks, letters by category, belong to the kana before them
    entries = table[:TABLE_SIZE]
    plain = (entries != 0) & (entries < SEVERAL) & ((classes & (LETTER | NUMBER)) != 0) & ((classes & UNSPACED) == 0)
    entries |= classes.astype(np.uint32) << np.uint32(24)
    entries[plain] |= PLAIN
    entries[[ord(pause) for pause in _PAUSES]] |= PAUSE
    return table


@kernel
def add_entry(h: np.uint64, entry: int, compared: npt.NDArray[np.uint32]) -> np.uint64:
    """The fold of a letter, number or combining mark with this entry of `compared_table` in a running hash, as `add_code`."""
    code = entry & LOW
    if entry < SEVERAL:
        return add_code(h, code) if code else h
    for i in range(code + 1, code + 1 + compared[code]):
        h = add_code(h, compared[i])
    return h


@kernel
def is_unseen(code: int, entry: int) -> bool:
    """Whether a character of class 0 is invisible: a soft hyphen, a joiner, a direction mark."""
    return entry == 0 if code < TABLE_SIZE else _TAGS[0] <= code <= _TAGS[1]


@kernel
def mark_at(data: npt.NDArray[np.uint8], at: int, end: int, code: int, entry: int) -> int:
    """The fold of the character at `at`, other than a letter, number or combining mark; 0 for nothing and for a pause of prose."""
    if code >= TABLE_SIZE:
        return 0 if is_unseen(code, entry) else code
    if entry & PAUSE and (at + 1 >= end or _AFTER_PAUSE[data[at + 1]]):
        return 0
    return int(entry & LOW)
