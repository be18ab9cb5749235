"""Rewrites samples in the letters that language models were trained on: composed, of ordinary width and style, in lower case.

Models know words as encyclopaedias write them. Text in capitals, with a capital in every word, in decomposed letters (as in file names and
PDF files), in full-width letters or in "fonts" made of other characters (mathematical bold, small capitals) has other n-grams, and models
take it for another language. Ordinary text stays as it is.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.text.lines import class_of
from pipelines.text.unicode import LETTER, TABLE_SIZE, UPPER, char_classes, decode
from pipelines.text.view import text_view

HIDDEN: Final = (
    *(0xAD, 0x34F, 0x200B, 0x200E, 0x200F, 0x3164, 0xFEFF, 0xFFA0),
    *(*range(0x202A, 0x202F), *range(0x2060, 0x206A), *range(0xFE00, 0xFE10)),
)
"""Invisible characters that no word needs: soft hyphens, marks of direction, variation selectors, fillers."""
MOST_CAPITALS: Final = 0.4
"""Of the letters: 0.1 in German prose, more than 0.5 in a text half in capitals."""
MOST_INITIALS: Final = 0.7
"""Of the words that begin with a capital: 0.4 in German prose, nearly all in titles."""

STYLED: Final = 1
"""A kind of character: a letter in another style, though it may be a symbol by Unicode."""
INVISIBLE: Final = 2
"""One of HIDDEN."""
_COMPOSES: Final = 4  # NFC may change it or join it to the character before
_CAPITAL: Final = 8
_SPACE: Final = 0x20
_LOOKED_AT: Final = (range(0x80, 0x3400), range(0xF900, 0x12000), range(0x1D100, 0x1D800), range(0x1EE00, 0x1F200))
_STYLES: Final = ("<wide>", "<narrow>", "<font>", "<initial>", "<medial>", "<final>", "<isolated>")
_OF_LATIN: Final = ("<circle>", "<square>", "<super>", "<sub>")
_FIRST_RAISED: Final = 0x1D2C  # Those before it occur in ordinary text: 1º, Mᵐᵉ by Latin-1's letters, phonetics.
_NAMED: Final = re.compile(r"LATIN LETTER SMALL CAPITAL ([A-Z])|(?:NEGATIVE )?(?:CIRCLED|SQUARED) LATIN CAPITAL LETTER ([A-Z])")
_COMPATIBLE: Final = (range(0x2E80, 0x2FE0), range(0xFB00, 0xFB18))  # radicals, as PDF files have them for ideographs; ligatures
_CHEROKEE: Final = range(0x13A0, 0x13F6)  # capitals by Unicode, but the letters of all that is written
_VOWELS_AND_FINALS: Final = (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))  # of decomposed Hangul


def to_plain_letters(samples: pa.Array) -> pa.Array:
    """The large_string column, with rows that need it rewritten."""
    data, offsets = text_view(samples)
    flags = np.zeros(len(samples), np.uint8)
    _look(data, offsets, kinds_of_chars(), char_classes(), flags)
    rows = np.flatnonzero(flags)
    if not len(rows):
        return samples
    texts = samples.take(pa.array(rows)).to_pylist()
    found = [_rewritten(text, flag) for text, flag in zip(texts, flags[rows].tolist(), strict=True)]
    return pc.replace_with_mask(samples, pa.array(flags > 0), pa.array(found, pa.large_string()))


def _rewritten(text: str, flag: int) -> str:
    if flag & STYLED:
        text = text.translate(plain_letters())
    if flag & (STYLED | _COMPOSES):
        text = unicodedata.normalize("NFC", text)
    if not flag & _CAPITAL:
        return text
    if "İ" in text:  # Turkish and its relatives, whose I is another letter
        text = text.replace("I", "ı").replace("İ", "i")
    return text.lower()


@functools.cache
def plain_letters() -> dict[int, str]:
    """By code point of a letter in another style, width or position, the plain letters: "Ａ" -> "A", "𝐛" -> "b", "ﬁ" -> "fi"."""
    found = {code: _plain_letter(code) for code in itertools.chain(*_LOOKED_AT)}
    return {code: letters for code, letters in found.items() if letters}


def _plain_letter(code: int) -> str:
    char = chr(code)
    style, _, rest = unicodedata.decomposition(char).partition(" ")
    if style.startswith("<") and rest:
        letters = unicodedata.normalize("NFKC", char)
        is_latin = len(letters) == 1 and letters.isascii() and code >= _FIRST_RAISED
        known = style in _STYLES or (style in _OF_LATIN and is_latin)
        compatible = style == "<compat>" and any(code in block for block in _COMPATIBLE)
        return letters if (known or compatible) and _is_word(letters) else ""
    named = _NAMED.fullmatch(unicodedata.name(char, ""))
    return (named[1] or named[2]).lower() if named else ""


def _is_word(letters: str) -> bool:
    return all(unicodedata.category(char)[0] in "LM" for char in letters)


@functools.cache
def kinds_of_chars() -> npt.NDArray[np.uint8]:
    """uint8[TABLE_SIZE]: the kinds of every code point; STYLED and INVISIBLE are public."""
    kinds = np.zeros(TABLE_SIZE, np.uint8)
    kinds[list(plain_letters())] |= STYLED
    kinds[list(HIDDEN)] |= INVISIBLE
    kinds[list(_VOWELS_AND_FINALS)] |= _COMPOSES
    for char in map(chr, itertools.chain(*_LOOKED_AT)):
        parts = unicodedata.decomposition(char)
        if parts and not parts.startswith("<"):
            *_, last = parts.split()
            kinds[int(last, 16)] |= _COMPOSES
            if not unicodedata.is_normalized("NFC", char):
                kinds[ord(char)] |= _COMPOSES
    kinds[(char_classes() & UPPER) != 0] |= _CAPITAL
    kinds[[code for code, letters in plain_letters().items() if letters.isupper()]] |= _CAPITAL
    kinds[list(_CHEROKEE)] &= 0xFF ^ _CAPITAL
    return kinds


@numba.njit(cache=True, nogil=True)
def _look(data, offsets, kinds, classes, flags):  # type: ignore[no-untyped-def]
    """Flag the rows that need rewriting, by their kinds of characters or, as _CAPITAL, by the share of capitals. ASCII is only words."""
    for row in range(len(flags)):
        start, stop = np.uint64(offsets[row]), np.uint64(offsets[row + 1])  # an unsigned index skips the check of its sign
        n_letters = n_capitals = n_words = n_initials = 0
        before = np.uint8(_SPACE)
        high = found = np.uint8(0)
        for at in range(start, stop):
            high |= data[at]
            n_letters += 0x41 <= data[at] < 0x80
            n_capitals += 0x41 <= data[at] <= 0x5A
            if before == _SPACE:
                n_words += data[at] != _SPACE
                n_initials += 0x41 <= data[at] <= 0x5A
            before = data[at]
        for at in range(start, stop if high & 0x80 else start):
            if data[at] >= 0xC0:
                code, _ = decode(data, at)
                kind = class_of(code, kinds)
                n_letters += (class_of(code, classes) & LETTER | kind & STYLED) != 0
                n_capitals += (kind & _CAPITAL) != 0
                n_initials += (kind & _CAPITAL) != 0 and (at == start or data[at - 1] == _SPACE)
                found |= kind & (STYLED | _COMPOSES)
        if n_capitals > MOST_CAPITALS * n_letters or n_initials > MOST_INITIALS * n_words:
            found |= _CAPITAL
        flags[row] = found
