"""UTF-8 bytes -> the end of a run of characters of some classes: the building blocks of the scanners.

A run never leaves [at, stop).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from tokenizer.classes import NEWLINE, NUMBER, SPACE, decode_char
from tokenizer.memory import kernel, load_word, trailing_zeros

APOSTROPHE: Final = 0x27
_LONG_S: Final = 0x17F  # folds to s
_HIGH_BITS: Final = np.uint64(0x8080808080808080)
_LOW_BITS: Final = np.uint64(0x7F7F7F7F7F7F7F7F)
_CASE_BITS: Final = np.uint64(0x2020202020202020)
_FROM_A: Final = np.uint64(0x0101010101010101 * (0x80 - ord("a")))  # added to a byte below 0x80, it sets the high bit from "a" up
_AFTER_Z: Final = np.uint64(0x0101010101010101 * (0x7F - ord("z")))
_D, _E, _L, _M, _R, _S, _T, _V = b"delmrstv"


@kernel
def bits_at(data, at, classes):  # type: ignore[no-untyped-def]
    """(class bits, length in bytes) of the character at `at`."""
    first = data[at]
    if first < 0x80:
        return int(classes[first]), 1
    code, size = decode_char(data, at)
    return int(classes[code]), size


@kernel
def run_end(data, at, stop, classes, wanted):  # type: ignore[no-untyped-def]
    """The end of the run of characters with one of the wanted bits."""
    while at < stop:
        bits, size = bits_at(data, at, classes)
        if not bits & wanted:
            break
        at += size
    return at


@kernel
def letters_end(data, at, stop, classes, wanted):  # type: ignore[no-untyped-def]
    """The same for bits that every ASCII letter has; reads eight ASCII letters at a time."""
    last = len(data) - 8
    while at < stop:
        if at <= last:
            n = _leading_letters(load_word(data, at))
            at += n
            if n == 8:
                continue
            if at >= stop:
                return stop
        if data[at] < 0x80:
            if not classes[data[at]] & wanted:
                return at
            at += 1
        while at < stop and data[at] >= 0x80:
            code, size = decode_char(data, at)
            if not classes[code] & wanted:
                return at
            at += size
    return min(at, stop)


@kernel
def run_without_end(data, at, stop, classes, unwanted):  # type: ignore[no-untyped-def]
    """The end of the run of characters with none of the unwanted bits."""
    while at < stop:
        bits, size = bits_at(data, at, classes)
        if bits & unwanted:
            break
        at += size
    return at


@kernel
def number_end(data, at, stop, most, classes):  # type: ignore[no-untyped-def]
    """The end of at most `most` more digits."""
    while most > 0 and at < stop:
        bits, size = bits_at(data, at, classes)
        if not bits & NUMBER:
            break
        at += size
        most -= 1
    return at


@kernel
def blank_end(data, at, stop, classes, wanted):  # type: ignore[no-untyped-def]
    r"""The end of '\s+(?!\S)|\s+': the run of white space, less its last character where something follows it."""
    end, last = at, at
    while end < stop:
        bits, size = bits_at(data, end, classes)
        if not bits & wanted:
            break
        last = end
        end += size
    return end if end == stop or last == at else last


@kernel
def blank_by_line_end(data, at, stop, classes):  # type: ignore[no-untyped-def]
    r"""The end of '\s*[\r\n]+|\s+(?!\S)|\s+': up to the last line break of the run of white space, if it has any."""
    end, last, line = at, at, at
    while end < stop:
        bits, size = bits_at(data, end, classes)
        if not bits & SPACE:
            break
        last = end
        end += size
        if bits & NEWLINE:
            line = end
    if line > at:
        return line
    return end if end == stop or last == at else last


@kernel
def contraction_end(data, at, stop, any_case):  # type: ignore[no-untyped-def]
    """The end of 's|'t|'re|'ve|'m|'ll|'d at the apostrophe `at`, or `at`.

    Of the letters outside ASCII, only the long s folds into one of these.
    """
    if at + 1 >= stop:
        return at
    if any_case and data[at + 1] >= 0x80:
        code, size = decode_char(data, at + 1)
        return at + 1 + size if code == _LONG_S else at
    to_lower = 0x20 if any_case else 0
    first = data[at + 1] | to_lower
    if first in (_D, _M, _S, _T):
        return at + 2
    if at + 2 < stop:
        second = data[at + 2] | to_lower
        if (second == _E and first in (_R, _V)) or (second == _L and first == _L):
            return at + 3
    return at


@kernel
def optional_contraction_end(data, at, stop):  # type: ignore[no-untyped-def]
    return contraction_end(data, at, stop, True) if at < stop and data[at] == APOSTROPHE else at


@kernel
def _leading_letters(word):  # type: ignore[no-untyped-def]
    """How many of eight bytes, from the lowest, are ASCII letters before the first that is not."""
    small = (word | _CASE_BITS) & _LOW_BITS
    letters = (small + _FROM_A) & ~(small + _AFTER_Z) & ~word
    return trailing_zeros(~letters & _HIGH_BITS) >> 3
