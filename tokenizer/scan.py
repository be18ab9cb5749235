"""UTF-8 bytes -> where the next pre-token ends: the patterns as hand-written scanners.

Each follows its regular expression alternative by alternative, in the order of the alternatives; comments name the one at
hand. A match never leaves [at, stop), and `stop` is what the expression takes for the end of the text.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import pyarrow as pa

from schemas.buffers import Bytes, Offsets, string_view
from tokenizer.classes import DIGIT, LETTER, LOWER, MARK, NEWLINE, NUMBER, SPACE, UPPER, code_classes, decode
from tokenizer.memory import kernel
from tokenizer.patterns import CL100K, CODE, DIGITS_ALONE, DIGITS_JOINED, GPT2, LLAMA, O200K, SPACES_AND_WORD, WHOLE_ROW, Scanner

_SPACE: Final = 0x20
_APOSTROPHE: Final = 0x27
_SLASH: Final = 0x2F
_LONG_S: Final = 0x17F  # folds to s
_D, _E, _L, _M, _R, _S, _T, _V = b"delmrstv"


def cut(text: pa.Array, scanner: Scanner) -> tuple[Offsets, Offsets]:
    """(ends, row offsets into them): where each pre-token of each row ends, as byte positions in the column's buffer."""
    data, offsets = text_view(text)
    return _cut(data, offsets, scanner.kind, scanner.max_digits, scanner.split_digits, code_classes())


def text_view(column: pa.Array) -> tuple[Bytes, Offsets]:
    """(data, offsets) of a string column, both read-only, so that each kernel is compiled for one kind of array."""
    data, offsets = string_view(column)
    data, offsets = data.view(), offsets.view()
    data.flags.writeable = offsets.flags.writeable = False
    return data, offsets


@numba.njit(cache=True, nogil=True)
def _cut(data, offsets, kind, max_digits, split_digits, classes):  # type: ignore[no-untyped-def]
    ends = np.empty(offsets[-1] - offsets[0], np.int64)
    bounds = np.zeros(len(offsets), np.int64)
    n = 0
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        part = at
        while at < stop:
            if at == part:
                part = part_end(data, at, stop, split_digits, classes)
            at = pretoken_end(data, at, part, kind, max_digits, classes)
            ends[n] = at
            n += 1
        bounds[row + 1] = n
    return ends[:n].copy(), bounds


@kernel
def part_end(data, at, stop, split_digits, classes):  # type: ignore[no-untyped-def]
    """Where the part ends that a splitter of digits makes before the pattern is applied."""
    if split_digits == DIGITS_JOINED:
        return stop
    bits, size = _bits(data, at, classes)
    first = bits & DIGIT
    at += size
    if first and split_digits == DIGITS_ALONE:
        return at
    while at < stop:
        bits, size = _bits(data, at, classes)
        if bits & DIGIT != first:
            break
        at += size
    return at


@kernel
def pretoken_end(data, at, stop, kind, max_digits, classes):  # type: ignore[no-untyped-def]
    """Where the pre-token that begins at `at` ends."""
    if kind == GPT2:
        return _gpt2(data, at, stop, classes)
    if kind == CL100K:
        return _cl100k(data, at, stop, max_digits, classes)
    if kind == O200K:
        return _o200k(data, at, stop, max_digits, classes)
    if kind == LLAMA:
        return _llama(data, at, stop, classes)
    if kind == CODE:
        return _code(data, at, stop, classes)
    if kind == WHOLE_ROW:
        return stop
    return _spaced(data, at, stop, kind == SPACES_AND_WORD)


@kernel
def _bits(data, at, classes):  # type: ignore[no-untyped-def]
    """(class bits, length in bytes) of the character at `at`."""
    first = data[at]
    if first < 0x80:
        return int(classes[first]), 1
    code, size = decode(data, at)
    return int(classes[code]), size


@kernel
def _run(data, at, stop, classes, wanted):  # type: ignore[no-untyped-def]
    """The end of the run of characters with one of the wanted bits."""
    while at < stop:
        bits, size = _bits(data, at, classes)
        if not bits & wanted:
            break
        at += size
    return at


@kernel
def _run_without(data, at, stop, classes, unwanted):  # type: ignore[no-untyped-def]
    """The end of the run of characters with none of the unwanted bits."""
    while at < stop:
        bits, size = _bits(data, at, classes)
        if bits & unwanted:
            break
        at += size
    return at


@kernel
def _gpt2(data, at, stop, classes):  # type: ignore[no-untyped-def]
    if data[at] == _APOSTROPHE:  # 's|'t|'re|'ve|'m|'ll|'d
        end = _contraction(data, at, stop, False)
        if end > at:
            return end
    start = at + 1 if data[at] == _SPACE and at + 1 < stop else at
    bits, size = _bits(data, start, classes)
    if bits & LETTER:  # ' ?\p{L}+'
        return _run(data, start + size, stop, classes, LETTER)
    if bits & NUMBER:  # ' ?\p{N}+'
        return _run(data, start + size, stop, classes, NUMBER)
    if not bits & SPACE:  # ' ?[^\s\p{L}\p{N}]+'
        return _run_without(data, start + size, stop, classes, SPACE | LETTER | NUMBER)
    return _blank(data, at, stop, classes, SPACE)


@kernel
def _cl100k(data, at, stop, max_digits, classes):  # type: ignore[no-untyped-def]
    if data[at] == _APOSTROPHE:  # (?i:'s|'t|'re|'ve|'m|'ll|'d)
        end = _contraction(data, at, stop, True)
        if end > at:
            return end
    bits, size = _bits(data, at, classes)
    if bits & LETTER:  # '[^\r\n\p{L}\p{N}]?\p{L}+'
        return _run(data, at + size, stop, classes, LETTER)
    if bits & NUMBER:
        return _number(data, at + size, stop, max_digits - 1, classes)
    if not bits & NEWLINE and at + size < stop:
        following, width = _bits(data, at + size, classes)
        if following & LETTER:
            return _run(data, at + size + width, stop, classes, LETTER)
    start = at + 1 if data[at] == _SPACE and at + 1 < stop else at
    if not _bits(data, start, classes)[0] & (SPACE | LETTER | NUMBER):  # ' ?[^\s\p{L}\p{N}]+[\r\n]*'
        end = _run_without(data, start, stop, classes, SPACE | LETTER | NUMBER)
        return _run(data, end, stop, classes, NEWLINE)
    return _blank_by_line(data, at, stop, classes)


@kernel
def _o200k(data, at, stop, max_digits, classes):  # type: ignore[no-untyped-def]
    bits, size = _bits(data, at, classes)
    if bits & NUMBER:
        return _number(data, at + size, stop, max_digits - 1, classes)
    after = at if bits & (NEWLINE | LETTER) else at + size
    # The two alternatives for words. A mark that finds no small letter after it is itself the small letter of a word.
    end = _cased_word(data, after, stop, classes, bits & MARK)
    if end > after or bits & MARK:
        return _optional_contraction(data, end, stop)
    start = at + 1 if data[at] == _SPACE and at + 1 < stop else at
    if not _bits(data, start, classes)[0] & (SPACE | LETTER | NUMBER):  # ' ?[^\s\p{L}\p{N}]+[\r\n/]*'
        end = _run_without(data, start, stop, classes, SPACE | LETTER | NUMBER)
        while end < stop and (data[end] == _SLASH or classes[data[end]] & NEWLINE):
            end += 1
        return end
    return _blank_by_line(data, at, stop, classes)


@kernel
def _cased_word(data, at, stop, classes, needs_small):  # type: ignore[no-untyped-def]
    """The end of [big]*[small]+, else (unless it needs a small one) of [big]+, from `at`; `at` itself where none matches.

    Where no small letter follows the run of big ones, the run gives back characters until one that is both (a letter
    without case, or a mark) stands for the small one.
    """
    big = at
    last_both = -1
    while big < stop:
        bits, size = _bits(data, big, classes)
        if not bits & UPPER:
            break
        big += size
        if bits & LOWER:
            last_both = big
    end = _run(data, big, stop, classes, LOWER)
    if end > big:
        return end
    if last_both >= 0:
        return last_both
    return at if needs_small else big


@kernel
def _llama(data, at, stop, classes):  # type: ignore[no-untyped-def]
    start = at + 1 if data[at] == _SPACE and at + 1 < stop else at
    bits, size = _bits(data, start, classes)
    if bits & (LETTER | MARK):  # ' ?[\p{L}\p{M}]+'
        return _run(data, start + size, stop, classes, LETTER | MARK)
    if bits & NUMBER:  # '\p{N}', which takes no space before it
        return start + size if start == at else start
    if not bits & SPACE:  # ' ?[^\s\p{L}\p{M}\p{N}]+'
        return _run_without(data, start + size, stop, classes, SPACE | LETTER | MARK | NUMBER)
    return _blank(data, at, stop, classes, SPACE)


@kernel
def _code(data, at, stop, classes):  # type: ignore[no-untyped-def]
    start = at + 1 if data[at] == _SPACE and at + 1 < stop else at
    bits, size = _bits(data, start, classes)
    if bits & LETTER:  # ' ?\p{L}+'
        return _run(data, start + size, stop, classes, LETTER)
    if bits & NUMBER:  # '\p{N}', which takes no space before it
        return start + size if start == at else start
    if not bits & SPACE:  # ' ?[^\s\p{L}\p{N}]+'
        return _run_without(data, start + size, stop, classes, SPACE | LETTER | NUMBER)
    if classes[data[at]] & NEWLINE:  # '\r?\n', or '\s' for a lone \r
        return at + 2 if data[at] == 0x0D and at + 1 < stop and data[at + 1] == 0x0A else at + 1
    end, last = at, at
    while end < stop:
        bits, size = _bits(data, end, classes)
        if not bits & SPACE or bits & NEWLINE:
            break
        last = end
        end += size
    # '[^\S\r\n]+(?!\S)' gives one character back to what follows, unless that is white space.
    return end if end == stop or last == at or bits & SPACE else last


@kernel
def _spaced(data, at, stop, many):  # type: ignore[no-untyped-def]
    """The end of one space, or of a run of them, and what follows up to the next space."""
    if data[at] == _SPACE:
        at += 1
        while many and at < stop and data[at] == _SPACE:
            at += 1
    while at < stop and data[at] != _SPACE:
        at += 1
    return at


@kernel
def _number(data, at, stop, most, classes):  # type: ignore[no-untyped-def]
    """The end of at most `most` more digits."""
    while most > 0 and at < stop:
        bits, size = _bits(data, at, classes)
        if not bits & NUMBER:
            break
        at += size
        most -= 1
    return at


@kernel
def _blank(data, at, stop, classes, wanted):  # type: ignore[no-untyped-def]
    r"""The end of '\s+(?!\S)|\s+': the run of white space, less its last character where something follows it."""
    end, last = at, at
    while end < stop:
        bits, size = _bits(data, end, classes)
        if not bits & wanted:
            break
        last = end
        end += size
    return end if end == stop or last == at else last


@kernel
def _blank_by_line(data, at, stop, classes):  # type: ignore[no-untyped-def]
    r"""The end of '\s*[\r\n]+|\s+(?!\S)|\s+': up to the last line break of the run of white space, if it has any."""
    end, last, line = at, at, at
    while end < stop:
        bits, size = _bits(data, end, classes)
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
def _contraction(data, at, stop, any_case):  # type: ignore[no-untyped-def]
    """The end of 's|'t|'re|'ve|'m|'ll|'d at the apostrophe `at`, or `at`.

    Of the letters beyond ASCII only the long s folds into one of these.
    """
    if at + 1 >= stop:
        return at
    if any_case and data[at + 1] >= 0x80:
        code, size = decode(data, at + 1)
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
def _optional_contraction(data, at, stop):  # type: ignore[no-untyped-def]
    return _contraction(data, at, stop, True) if at < stop and data[at] == _APOSTROPHE else at
