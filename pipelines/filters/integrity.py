"""Signals of damaged or manipulated text: invisible characters, and characters that a wrong decoding leaves.

Characters that writing needs do not count: joiners in emoji and in scripts whose letters join (Arabic and Persian, the Indic ones,
Mongolian), zero-width spaces next to scripts without spaces, a soft hyphen between letters, one variation selector after a character, tags
of a flag, a byte order mark at the start, and as many directional marks as right-to-left letters.
"""

from __future__ import annotations

import enum
import functools
import unicodedata
from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.filters.limits import Floats
from pipelines.filters.mojibake import count_mojibake
from pipelines.filters.pending import PendingRows
from pipelines.filters.rule_set import RuleContext, RuleSet
from pipelines.filters.signals import signal_names
from pipelines.text.lines import class_of
from pipelines.text.unicode import LETTER, MARK, NUMBER, PUNCTUATION, SYMBOL, TABLE_SIZE, UNSPACED, char_classes, decode
from pipelines.text.view import text_view
from schemas.recipe import Integrity


class IntegritySignal(enum.IntEnum):
    """Rows of the signals: shares of the characters. Mojibake is ftfy's count of unlikely sequences over the characters."""

    ZERO_WIDTH_RATIO = 0
    BIDI_RATIO = 1
    TAG_RATIO = 2
    PRIVATE_USE_RATIO = 3
    REPLACEMENT_RATIO = 4
    CONTROL_RATIO = 5
    MOJIBAKE_RATIO = 6


SIGNALS: Final = signal_names(IntegritySignal)

# Kinds of characters that count or not, depending on their neighbours.
_JOINER, _SPACE, _SOFT_HYPHEN, _SELECTOR, _DIRECTION, _OVERRIDE, _OTHER_ZERO_WIDTH, _IS_TAG, _IS_PRIVATE, _IS_BAD, _IS_CONTROL = range(
    1, 12
)
_JOINING: Final = 64  # a letter or mark of a script whose letters join
_RIGHT_TO_LEFT: Final = 128

_JOINING_BLOCKS: Final = (
    (0x0600, 0x07FF),  # Arabic, Syriac, Thaana, N'Ko
    (0x0840, 0x08FF),  # Mandaic, Arabic extended
    (0x0900, 0x0DFF),  # Devanagari to Sinhala
    (0x0F00, 0x109F),  # Tibetan, Myanmar
    (0x1780, 0x18AF),  # Khmer, Mongolian
    (0x1900, 0x1CFF),  # Limbu to Vedic extensions
    (0xA800, 0xAADF),
    (0xABC0, 0xABFF),  # Meetei Mayek
    (0xFB50, 0xFDCF),
    (0xFDF0, 0xFDFF),
    (0xFE70, 0xFEFC),
    (0x10A00, 0x10FFF),
    (0x11000, 0x11FFF),  # Brahmi and its kin
    (0x1E900, 0x1E95F),  # Adlam
)
_KINDS: Final = (
    (0x00AD, 0x00AD, _SOFT_HYPHEN),
    (0x061C, 0x061C, _DIRECTION),
    (0x180B, 0x180D, _SELECTOR),
    (0x180E, 0x180E, _JOINER),
    (0x180F, 0x180F, _SELECTOR),
    (0x200B, 0x200B, _SPACE),
    (0x200C, 0x200D, _JOINER),
    (0x200E, 0x200F, _DIRECTION),
    (0x202A, 0x202C, _DIRECTION),
    (0x202D, 0x202E, _OVERRIDE),
    (0x2060, 0x2065, _OTHER_ZERO_WIDTH),
    (0x2066, 0x2069, _DIRECTION),
    (0x206A, 0x206F, _OTHER_ZERO_WIDTH),
    (0x3164, 0x3164, _OTHER_ZERO_WIDTH),  # Hangul filler
    (0xE000, 0xF8FF, _IS_PRIVATE),
    (0xFDD0, 0xFDEF, _IS_CONTROL),  # noncharacters
    (0xFE00, 0xFE0F, _SELECTOR),
    (0xFEFF, 0xFEFF, _OTHER_ZERO_WIDTH),
    (0xFFA0, 0xFFA0, _OTHER_ZERO_WIDTH),
    (0xFFF9, 0xFFFB, _IS_CONTROL),
    (0xFFFD, 0xFFFD, _IS_BAD),
    (0xFFFE, 0xFFFF, _IS_CONTROL),
    (0x1FFFE, 0x1FFFF, _IS_CONTROL),
    (0x2FFFE, 0x2FFFF, _IS_CONTROL),
)
_BYTE_ORDER_MARK: Final = 0xFEFF
_ZERO_WIDTH_JOINER: Final = 0x200D
_BLACK_FLAG: Final = 0x1F3F4
_FLAG_TAGS: Final = 7  # the most that a flag has
_FIRST_EMOJI: Final = 0x2000


def integrity_signals(text: pa.Array) -> Floats:
    """SIGNALS of every row, float64[7, n]; 0 of an empty text."""
    data, offsets = text_view(text)
    out = np.zeros((len(SIGNALS), len(text)))
    n_chars = np.zeros(len(text), np.int64)
    _count_marks(data, offsets, char_classes(), _kinds(), n_chars, out)
    out[IntegritySignal.MOJIBAKE_RATIO] = count_mojibake(text)
    return out / np.maximum(n_chars, 1)


@functools.cache
def _kinds() -> npt.NDArray[np.uint8]:
    """uint8[TABLE_SIZE]: the kind of a code point in the lower bits, and _JOINING or _RIGHT_TO_LEFT."""
    table = np.zeros(TABLE_SIZE, np.uint8)
    for code in range(TABLE_SIZE):
        char = chr(code)
        if unicodedata.bidirectional(char) in ("R", "AL"):
            table[code] = _RIGHT_TO_LEFT if unicodedata.category(char)[0] == "L" else 0
        elif unicodedata.category(char) == "Cc" and char not in "\t\n\f\r\x85":
            table[code] = _IS_CONTROL
    for first, last in _JOINING_BLOCKS:
        table[first : last + 1] |= _JOINING
    for first, last, kind in _KINDS:
        table[first : last + 1] = kind
    return table


@numba.njit(cache=True, nogil=True)
def _kind(code, kinds):  # type: ignore[no-untyped-def]
    if code < TABLE_SIZE:
        return int(kinds[code])
    if code >> 8 == 0xE00:
        return _IS_TAG if code < 0xE0080 else _OTHER_ZERO_WIDTH
    if 0xE0100 <= code <= 0xE01EF:
        return _SELECTOR
    if code & 0xFFFE == 0xFFFE:
        return _IS_CONTROL
    return _IS_PRIVATE if code >= 0xF0000 else 0


@numba.njit(cache=True, nogil=True)
def _is_emoji(code, classes):  # type: ignore[no-untyped-def]
    return code >= _FIRST_EMOJI and class_of(code, classes) & SYMBOL != 0


@numba.njit(cache=True, nogil=True)
def _is_needed(kind, code, before, after, selected, classes, kinds):  # type: ignore[no-untyped-def]
    """Whether the characters before and after need the zero-width character."""
    if kind == _SELECTOR:
        return not selected and class_of(before, classes) & (LETTER | MARK | NUMBER | PUNCTUATION | SYMBOL) != 0
    if kind == _SOFT_HYPHEN:
        return class_of(before, classes) & (LETTER | MARK) != 0 and class_of(after, classes) & LETTER != 0
    if kind == _SPACE:
        return (class_of(before, classes) | class_of(after, classes)) & UNSPACED != 0
    if kind == _JOINER:
        if code == _ZERO_WIDTH_JOINER and _is_emoji(before, classes) and _is_emoji(after, classes):
            return True
        return _kind(before, kinds) & _JOINING != 0 or _kind(after, kinds) & _JOINING != 0
    return False


@numba.njit(cache=True, nogil=True)
def _count_marks(data, offsets, classes, kinds, n_chars, out):  # type: ignore[no-untyped-def]
    """Characters of each row into n_chars int64[n], those that count into out float64[IntegritySignal, n]; classes and kinds are
    uint8[TABLE_SIZE]."""
    for row in range(len(offsets) - 1):
        first, stop = offsets[row], offsets[row + 1]
        at = first
        before = n_marks = n_right_to_left = n = 0
        flag_tags = _FLAG_TAGS
        selected = False
        while at < stop:
            code, size = decode(data, at)
            n += 1
            at += size
            kind = _kind(code, kinds)
            if kind & _RIGHT_TO_LEFT:
                n_right_to_left += 1
            kind &= _JOINING - 1
            if kind == _IS_TAG and before == _BLACK_FLAG and flag_tags < _FLAG_TAGS:
                flag_tags += 1
                continue
            if kind <= _OTHER_ZERO_WIDTH and kind not in (0, _DIRECTION, _OVERRIDE):
                if at - size == first and code == _BYTE_ORDER_MARK:
                    continue
                after = decode(data, at)[0] if at < stop else 0
                needed = _is_needed(kind, code, before, after, selected, classes, kinds)
                out[IntegritySignal.ZERO_WIDTH_RATIO, row] += not needed
                if kind == _SELECTOR:
                    selected = True
                else:  # the same character does not need a second one
                    before = 0
                continue
            n_marks += kind == _DIRECTION
            out[IntegritySignal.BIDI_RATIO, row] += kind == _OVERRIDE
            out[IntegritySignal.TAG_RATIO, row] += kind == _IS_TAG
            out[IntegritySignal.PRIVATE_USE_RATIO, row] += kind == _IS_PRIVATE
            out[IntegritySignal.REPLACEMENT_RATIO, row] += kind == _IS_BAD
            out[IntegritySignal.CONTROL_RATIO, row] += kind == _IS_CONTROL
            before = code
            selected = False
            flag_tags = 0
        out[IntegritySignal.BIDI_RATIO, row] += max(0, n_marks - n_right_to_left)
        n_chars[row] = n


def _measure(pending: PendingRows, context: RuleContext) -> Floats:
    return integrity_signals(pending.text)


RULE_SET = RuleSet(name="integrity", config=Integrity, signals=SIGNALS, measure=_measure, needs_language=False)
