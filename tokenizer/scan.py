"""UTF-8 bytes -> the end of the next pre-token: the patterns as hand-written scanners.

Each scanner follows its regular expression alternative by alternative, in order; comments quote the alternative. A match never
leaves [at, stop), and the expression treats `stop` as the end of the text.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.buffers import Bytes, Offsets, string_view
from tokenizer.classes import DIGIT, HAN, LETTER, LOWER, MARK, NEWLINE, NUMBER, OTHER_WORD, SPACE, UPPER, code_classes
from tokenizer.memory import kernel
from tokenizer.patterns import BAICHUAN, CL100K, CODE, DIGITS_ALONE, DIGITS_JOINED, GPT2, LLAMA, O200K, SPACES_AND_WORD, WHOLE_ROW, Scanner
from tokenizer.runs import (
    APOSTROPHE,
    bits_at,
    blank_by_line_end,
    blank_end,
    contraction_end,
    letters_end,
    number_end,
    optional_contraction_end,
    run_end,
    run_without_end,
)

_SPACE: Final = 0x20
_SLASH: Final = 0x2F


class CompiledScanner(NamedTuple):
    """A Scanner as kernels take it."""

    kind: int
    max_digits: int
    split_digits: int
    classes: npt.NDArray[np.uint16]
    """`code_classes`."""


def compiled_scanner(scanner: Scanner) -> CompiledScanner:
    """The scanner with the classes of all code points."""
    return CompiledScanner(scanner.kind, scanner.max_digits, scanner.split_digits, code_classes())


def pretoken_ends(text: pa.Array, scanner: Scanner) -> tuple[Offsets, Offsets]:
    """(ends int64[m], row offsets int64[n + 1] into them): the end of each pre-token, as a position in the column's buffer."""
    data, offsets = readonly_view(text)
    return _pretoken_ends(data, offsets, compiled_scanner(scanner))


def readonly_view(column: pa.Array) -> tuple[Bytes, Offsets]:
    """(data, offsets) of a string column, both read-only, so that each kernel is compiled for one kind of array."""
    data, offsets = string_view(column)
    data, offsets = data.view(), offsets.view()
    data.flags.writeable = offsets.flags.writeable = False
    return data, offsets


@numba.njit(cache=True, nogil=True)
def _pretoken_ends(data: Bytes, offsets: Offsets, scanner: CompiledScanner) -> tuple[Offsets, Offsets]:
    ends = np.empty(offsets[-1] - offsets[0], np.int64)
    bounds = np.zeros(len(offsets), np.int64)
    n = 0
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        part = at
        while at < stop:
            if at == part:
                part = part_end(data, at, stop, scanner)
            at = pretoken_end(data, at, part, scanner)
            ends[n] = at
            n += 1
        bounds[row + 1] = n
    return ends[:n].copy(), bounds


@kernel
def part_end(data: Bytes, at: int, stop: int, scanner: CompiledScanner) -> int:
    """The end of the part that the digit splitter makes before the pattern is applied."""
    if scanner.split_digits == DIGITS_JOINED:
        return stop
    classes = scanner.classes
    bits, size = bits_at(data, at, classes)
    first = bits & DIGIT
    at += size
    if first and scanner.split_digits == DIGITS_ALONE:
        return at
    while at < stop:
        bits, size = bits_at(data, at, classes)
        if bits & DIGIT != first:
            break
        at += size
    return at


@kernel
def pretoken_end(data: Bytes, at: int, stop: int, scanner: CompiledScanner) -> int:
    """The end of the pre-token that begins at `at`; the pattern treats `stop` as the end of the text."""
    kind, max_digits, _, classes = scanner
    if kind == GPT2:
        return _gpt2(data, at, stop, classes)
    if kind == CL100K:
        return _cl100k(data, at, stop, max_digits, classes)
    if kind == O200K:
        return _o200k(data, at, stop, max_digits, classes)
    if kind == LLAMA:
        return _llama(data, at, stop, classes)
    if kind == BAICHUAN:
        return _baichuan(data, at, stop, classes)
    if kind == CODE:
        return _code(data, at, stop, classes)
    if kind == WHOLE_ROW:
        return stop
    return _spaced(data, at, stop, kind == SPACES_AND_WORD)


@kernel
def _gpt2(data, at, stop, classes):  # type: ignore[no-untyped-def]
    if data[at] == APOSTROPHE:  # 's|'t|'re|'ve|'m|'ll|'d
        end = contraction_end(data, at, stop, False)
        if end > at:
            return end
    start = at + 1 if data[at] == _SPACE and at + 1 < stop else at
    bits, size = bits_at(data, start, classes)
    if bits & LETTER:  # ' ?\p{L}+'
        return letters_end(data, start + size, stop, classes, LETTER)
    if bits & NUMBER:  # ' ?\p{N}+'
        return run_end(data, start + size, stop, classes, NUMBER)
    if not bits & SPACE:  # ' ?[^\s\p{L}\p{N}]+'
        return run_without_end(data, start + size, stop, classes, SPACE | LETTER | NUMBER)
    return blank_end(data, at, stop, classes, SPACE)


@kernel
def _cl100k(data, at, stop, max_digits, classes):  # type: ignore[no-untyped-def]
    if data[at] == APOSTROPHE:  # (?i:'s|'t|'re|'ve|'m|'ll|'d)
        end = contraction_end(data, at, stop, True)
        if end > at:
            return end
    bits, size = bits_at(data, at, classes)
    if bits & LETTER:  # '[^\r\n\p{L}\p{N}]?\p{L}+'
        return letters_end(data, at + size, stop, classes, LETTER)
    if bits & NUMBER:
        return number_end(data, at + size, stop, max_digits - 1, classes)
    if not bits & NEWLINE and at + size < stop:
        following, width = bits_at(data, at + size, classes)
        if following & LETTER:
            return letters_end(data, at + size + width, stop, classes, LETTER)
    start = at + 1 if data[at] == _SPACE and at + 1 < stop else at
    if not bits_at(data, start, classes)[0] & (SPACE | LETTER | NUMBER):  # ' ?[^\s\p{L}\p{N}]+[\r\n]*'
        end = run_without_end(data, start, stop, classes, SPACE | LETTER | NUMBER)
        return run_end(data, end, stop, classes, NEWLINE)
    return blank_by_line_end(data, at, stop, classes)


@kernel
def _o200k(data, at, stop, max_digits, classes):  # type: ignore[no-untyped-def]
    bits, size = bits_at(data, at, classes)
    if bits & NUMBER:
        return number_end(data, at + size, stop, max_digits - 1, classes)
    after = at if bits & (NEWLINE | LETTER) else at + size
    # The two alternatives for words. A mark without a lower-case letter after it counts as the lower-case letter of a word.
    end = _cased_word(data, after, stop, classes, bits & MARK)
    if end > after or bits & MARK:
        return optional_contraction_end(data, end, stop)
    start = at + 1 if data[at] == _SPACE and at + 1 < stop else at
    if not bits_at(data, start, classes)[0] & (SPACE | LETTER | NUMBER):  # ' ?[^\s\p{L}\p{N}]+[\r\n/]*'
        end = run_without_end(data, start, stop, classes, SPACE | LETTER | NUMBER)
        while end < stop and (data[end] == _SLASH or classes[data[end]] & NEWLINE):
            end += 1
        return end
    return blank_by_line_end(data, at, stop, classes)


@kernel
def _cased_word(data, at, stop, classes, needs_lower):  # type: ignore[no-untyped-def]
    """The end of [upper]*[lower]+ from `at`, else (unless `needs_lower`) of [upper]+; `at` itself if neither matches.

    If no lower-case letter follows the run of upper-case ones, the run is shortened to its last character that is both (a letter without
    case, or a mark), which then counts as the lower-case letter.
    """
    big = at
    last_both = -1
    while big < stop:
        bits, size = bits_at(data, big, classes)
        if not bits & UPPER:
            break
        big += size
        if bits & LOWER:
            last_both = big
    end = run_end(data, big, stop, classes, LOWER)
    if end > big:
        return end
    if last_both >= 0:
        return last_both
    return at if needs_lower else big


@kernel
def _llama(data, at, stop, classes):  # type: ignore[no-untyped-def]
    start = at + 1 if data[at] == _SPACE and at + 1 < stop else at
    bits, size = bits_at(data, start, classes)
    if bits & (LETTER | MARK):  # ' ?[\p{L}\p{M}]+'
        return letters_end(data, start + size, stop, classes, LETTER | MARK)
    if bits & NUMBER:  # '\p{N}', which takes no space before it
        return start + size if start == at else start
    if not bits & SPACE:  # ' ?[^\s\p{L}\p{M}\p{N}]+'
        return run_without_end(data, start + size, stop, classes, SPACE | LETTER | MARK | NUMBER)
    return blank_end(data, at, stop, classes, SPACE)


@kernel
def _baichuan(data, at, stop, classes):  # type: ignore[no-untyped-def]
    start = at + 1 if data[at] == _SPACE and at + 1 < stop else at
    bits, size = bits_at(data, start, classes)
    if bits & HAN:
        return run_end(data, start + size, stop, classes, HAN)
    if bits & OTHER_WORD:
        return letters_end(data, start + size, stop, classes, OTHER_WORD)
    return _llama(data, at, stop, classes)


@kernel
def _code(data, at, stop, classes):  # type: ignore[no-untyped-def]
    start = at + 1 if data[at] == _SPACE and at + 1 < stop else at
    bits, size = bits_at(data, start, classes)
    if bits & LETTER:  # ' ?\p{L}+'
        return letters_end(data, start + size, stop, classes, LETTER)
    if bits & NUMBER:  # '\p{N}', which takes no space before it
        return start + size if start == at else start
    if not bits & SPACE:  # ' ?[^\s\p{L}\p{N}]+'
        return run_without_end(data, start + size, stop, classes, SPACE | LETTER | NUMBER)
    if classes[data[at]] & NEWLINE:  # '\r?\n', or '\s' for a lone \r
        return at + 2 if data[at] == 0x0D and at + 1 < stop and data[at + 1] == 0x0A else at + 1
    end, last = at, at
    while end < stop:
        bits, size = bits_at(data, end, classes)
        if not bits & SPACE or bits & NEWLINE:
            break
        last = end
        end += size
    # '[^\S\r\n]+(?!\S)' leaves its last character to the next pre-token, unless white space follows.
    return end if end == stop or last == at or bits & SPACE else last


@kernel
def _spaced(data, at, stop, many):  # type: ignore[no-untyped-def]
    """The end of one space, or if `many` of a run of them, and of the text after it up to the next space."""
    if data[at] == _SPACE:
        at += 1
        while many and at < stop and data[at] == _SPACE:
            at += 1
    while at < stop and data[at] != _SPACE:
        at += 1
    return at
