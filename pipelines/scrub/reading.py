"""Text as a person reads it: digits of every script, full-width forms and escapes become ASCII; hidden characters disappear.

Where such a character is in or next to a possible number or address, the text around it is scanned a second time, as it reads, and what is
found is replaced in the original. Signs that look like ASCII, such as `％`, are converted, and so are dashes, blanks and full stops between
letters or digits, and a line break after an `@`. Text without such characters costs nothing.
"""

from __future__ import annotations

import functools
import unicodedata
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from pipelines.text.unicode import decode
from schemas.buffers import Bytes, Offsets
from tokenizer.memory import kernel

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

HIDDEN: Final = 1
"""In `readings`: the character is not visible."""
IN_NUMBER: Final = 1
"""The character is in or next to a number, an `@` or a `+`, where it always matters,"""
IN_WORD: Final = 2
"""or within a word, where it may be part of an address."""

NEAR: Final = 320
"""Bytes that are read on either side of such a character: a finder's context and the longest values."""

_TABLE_SIZE: Final = 0x20000  # past the last digit outside of ASCII
_PROLONGED: Final = 0x30FC  # the Japanese mark of a long vowel, also written as a hyphen between digits
_IDEOGRAPHIC_STOPS: Final = (0x3002, 0xFF61)
_OF_CHINESE: Final = (*_IDEOGRAPHIC_STOPS, _PROLONGED, 0x3000)
_HYPHENS: Final = (0x2010, 0x2011)
_DASHES: Final = (*range(0x2010, 0x2016), 0x2043, 0x2212, 0xFE58, 0xFE63, _PROLONGED)
_BLANKS: Final = (0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)
_STOPS: Final = (0x2024, 0xFE52, *_IDEOGRAPHIC_STOPS)
_HIDDEN: Final = (
    0xAD,  # soft hyphen
    0x34F,  # combining grapheme joiner
    0x61C,  # marks of direction
    *range(0x200B, 0x2010),  # zero-width space, joiners, marks of direction
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),  # word joiner, invisible operators, isolates
    *(0x115F, 0x1160, 0x3164, 0xFFA0),  # fillers of Hangul
    0x180E,
    0x20E3,  # the key around a digit
    *range(0xFE00, 0xFE10),  # variation selectors
    0xFEFF,
)

_ENTITIES: Final = ((b"commat;", 0x40), (b"period;", 0x2E), (b"plus;", 0x2B))


@functools.cache
def readings() -> Bytes:
    """uint8[_TABLE_SIZE]: the ASCII character that a code point reads as, HIDDEN, or 0 where it reads as itself."""
    table = np.zeros(_TABLE_SIZE, np.uint8)
    for code in range(0x80, _TABLE_SIZE):
        digit = unicodedata.decimal(chr(code), None)
        if digit is not None:
            table[code] = 0x30 + digit
    table[0xFF01:0xFF5F] = np.arange(0x21, 0x7F)
    table[list(_DASHES)], table[list(_BLANKS)], table[list(_STOPS)], table[list(_HIDDEN)] = 0x2D, 0x20, 0x2E, HIDDEN
    table[0xFE6B], table[0xFE62] = 0x40, 0x2B  # small forms
    table.flags.writeable = False
    return table


def text_as_read(data: Bytes, offsets: Offsets, at: Ints) -> tuple[Bytes, Offsets, Ints, Ints]:
    """(data, offsets, starts int64[m], ends int64[m]): the text within NEAR bytes of the ascending positions `at`, as it reads.

    The parts of a row are separated by a zero byte; rows without any are empty. Starts and ends say where each byte was in the original.
    """
    fresh, fresh_offsets, starts, ends = _text_as_read(data, offsets, *_parts(data, offsets, at), readings())
    fresh.flags.writeable = fresh_offsets.flags.writeable = False
    return fresh, fresh_offsets, starts, ends


def _parts(data: Bytes, offsets: Offsets, at: Ints) -> tuple[Ints, Ints, Ints]:
    """(rows, firsts, stops) of the text near the positions, in whole characters."""
    rows = np.searchsorted(offsets, at, side="right") - 1
    firsts, stops = np.maximum(offsets[rows], at - NEAR), np.minimum(offsets[rows + 1], at + NEAR)
    begins = np.concatenate([[True], (rows[1:] != rows[:-1]) | (firsts[1:] > stops[:-1])])[: len(rows)]
    ends = np.append(begins[1:], True)[: len(rows)]
    rows, firsts, stops = rows[begins], firsts[begins], stops[ends]
    for _ in range(3):
        firsts = firsts - ((firsts > offsets[rows]) & (data[firsts] & 0xC0 == 0x80))
        within = stops < offsets[rows + 1]
        stops = stops + (within & (data[np.where(within, stops, firsts)] & 0xC0 == 0x80))
    return rows, firsts, stops


def value_as_read(value: bytes) -> bytes:
    """One value as it reads."""
    if value.isascii() and not any(sign in value for sign in (b"&", b"%", b"\\", b"\n")):
        return value
    data, offsets = np.frombuffer(value, np.uint8), np.array([0, len(value)])
    offsets.flags.writeable = False
    whole = np.array([0]), offsets[:1].copy(), offsets[1:].copy()
    fresh: Bytes = _text_as_read(data, offsets, *whole, readings())[0]
    return fresh.tobytes()


@kernel
def _is_alnum(byte):  # type: ignore[no-untyped-def]
    return 0x30 <= byte <= 0x39 or 0x41 <= byte <= 0x5A or 0x61 <= byte <= 0x7A


@kernel
def _hex(byte):  # type: ignore[no-untyped-def]
    """The value of a hexadecimal digit, else -1."""
    if 0x30 <= byte <= 0x39:
        return byte - 0x30
    return byte - 0x57 if 0x61 <= byte <= 0x66 else byte - 0x37 if 0x41 <= byte <= 0x46 else -1


@kernel
def _escaped(data, at, stop):  # type: ignore[no-untyped-def]
    """(ASCII character, length) of the `%40`, `&#64;`, `&#x40;`, `&commat;`, `\\u0040` or `\\x40` at `at`; else (0, 0)."""
    first = data[at]
    if at + 3 > stop:
        return 0, 0
    if first == 0x25:
        code, end = 16 * _hex(data[at + 1]) + _hex(data[at + 2]), at + 3
        return (code, 3) if code in (0x40, 0x2B, 0x2E) else (0, 0)
    if first == 0x5C:
        digits = 4 if data[at + 1] == 0x75 else 2 if data[at + 1] == 0x78 else 0
        end = at + 2 + digits
        code = 0 if digits and end <= stop else -1
        for i in range(at + 2, min(end, stop)):
            code = 16 * code + _hex(data[i]) if code >= 0 and _hex(data[i]) >= 0 else -1
        return (code, end - at) if 0x20 < code < 0x7F else (0, 0)
    if data[at + 1] != 0x23:
        return _entity(data, at, stop)
    base = 16 if data[at + 2] in (0x58, 0x78) else 10
    code, end = 0, at + 2 + (base == 16)
    while end < stop and end - at < 9 and 0 <= _hex(data[end]) < base:
        code = base * code + _hex(data[end])
        end += 1
    return (code, end + 1 - at) if 0x20 < code < 0x7F and end < stop and data[end] == 0x3B else (0, 0)


@kernel
def _entity(data, at, stop):  # type: ignore[no-untyped-def]
    """(ASCII character, length) of the named entity at `at`; else (0, 0)."""
    for name, code in _ENTITIES:
        end = at + 1 + len(name)
        if end <= stop:
            same = True
            for i in range(len(name)):
                same &= data[at + 1 + i] == name[i]
            if same:
                return code, end - at
    return 0, 0


@kernel
def _read(data, at, stop, table):  # type: ignore[no-untyped-def]
    """(the ASCII character that the one at `at` reads as, its length); 0 if it reads as itself."""
    first = data[at]
    if first < 0x80:
        if first in (0x25, 0x26, 0x5C):
            code, width = _escaped(data, at, stop)
            return code, max(width, 1)
        return 0, 1
    width = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    if first < 0xC0 or at + width > stop:
        return 0, 1
    code, _ = decode(data, at)
    return (np.int64(table[code]) if code < _TABLE_SIZE else 0), width


@kernel
def _next(data, at, stop, table):  # type: ignore[no-untyped-def]
    """The next ASCII character at or after `at`, as it reads, past hidden ones; 0 if it is not ASCII, or at the end."""
    while at < stop:
        code, width = _read(data, at, stop, table)
        if code != HIDDEN:
            return code if code else np.int64(data[at]) if data[at] < 0x80 else 0
        at += width
    return 0


@kernel
def _joins(code, point_is_prolonged, before, after):  # type: ignore[no-untyped-def]
    """Whether a dash, blank or full stop that reads as `code` joins the characters before and after it."""
    digits = 0x30 <= before <= 0x39 and 0x30 <= after <= 0x39
    return digits if code == 0x20 or point_is_prolonged else _is_alnum(before) and _is_alnum(after)


@kernel
def reads_otherwise(data, first, at, stop, table):  # type: ignore[no-untyped-def]
    """(IN_NUMBER, IN_WORD or 0, length): how the character at `at`, if it reads as another, matters to numbers and addresses."""
    code, width = _read(data, at, stop, table)
    if code == 0:
        return 0, width
    before = np.int64(data[at - 1]) if at > first else 0
    after = _next(data, at + width, stop, table)
    if 0x30 <= code <= 0x39 or code in (0x40, 0x2B):
        return IN_NUMBER, width
    digits = (0x30 <= before <= 0x39, 0x30 <= after <= 0x39)
    if code in (0x28, 0x29):
        return IN_NUMBER if 0x30 <= after <= 0x39 else 0, width
    if code == HIDDEN:
        touches = digits[0] or digits[1] or before in (0x40, 0x2B) or after in (0x40, 0x2B)
        touches |= 0x41 <= before <= 0x5A and 0x41 <= after <= 0x5A  # letters of codes
        return IN_NUMBER if touches else IN_WORD if before > 0x20 and after > 0x20 else 0, width
    if code in (0x20, 0x2D) and digits[0] and digits[1]:
        return IN_NUMBER, width
    return IN_WORD if code in (0x2D, 0x2E) and _is_alnum(before) and _is_alnum(after) else 0, width


@kernel
def _line_break(data, at, stop):  # type: ignore[no-untyped-def]
    """Length of the line break at `at`."""
    if at + 1 < stop and data[at] == 0x0D and data[at + 1] == 0x0A:
        return 2
    return 1 if at < stop and data[at] in (0x0A, 0x0D) else 0


@kernel
def broken_after_at(data, first, at, stop):  # type: ignore[no-untyped-def]
    """Length of the line break between the `@` at `at` and its host; 0 if there is none."""
    width = _line_break(data, at + 1, stop)
    following = at + 1 + width
    joins = width and at > first and following < stop and _is_alnum(data[at - 1]) and _is_alnum(data[following])
    return width if joins else 0


@numba.njit(cache=True, nogil=True)
def _is_mark(point):  # type: ignore[no-untyped-def]
    """Whether the character belongs to the one before, as the key around a digit."""
    return point == 0x20E3 or 0xFE00 <= point <= 0xFE0F


@numba.njit(cache=True, nogil=True)
def _text_as_read(data, offsets, of_row, firsts, stops, table):  # type: ignore[no-untyped-def]
    n_bytes = np.sum(stops - firsts) + len(firsts)
    fresh = np.empty(n_bytes, np.uint8)
    starts, ends = np.empty(n_bytes, np.int64), np.empty(n_bytes, np.int64)
    fresh_offsets = np.zeros(len(offsets), np.int64)
    filled = place = 0
    for row in range(len(offsets) - 1):
        begin = filled
        while place < len(of_row) and of_row[place] == row:
            first, at, stop = firsts[place], firsts[place], stops[place]
            if filled > begin:
                fresh[filled], starts[filled], ends[filled] = 0, first, first
                filled += 1
            while at < stop:
                code, width = _read_within(data, at, stop, table, np.int64(fresh[filled - 1]) if filled > begin else 0)
                if code == HIDDEN and filled > begin and _is_mark(decode(data, at)[0]):
                    ends[filled - 1] = at + width
                if code != HIDDEN:
                    for i in range(1 if code else width):
                        fresh[filled] = code if code else data[at + i]
                        starts[filled] = at + i
                        ends[filled] = at + (width if code else i + 1)
                        filled += 1
                at += width + (broken_after_at(data, first, at, stop) if data[at] == 0x40 else 0)
            place += 1
        fresh_offsets[row + 1] = filled
    return fresh[:filled], fresh_offsets, starts[:filled], ends[:filled]


@numba.njit(cache=True, nogil=True)
def _read_within(data, at, stop, table, before):  # type: ignore[no-untyped-def]
    """`_read`, but Chinese and Japanese signs read as ASCII only where they join the characters before and after."""
    code, width = _read(data, at, stop, table)
    if code in (0x2D, 0x2E, 0x20) and data[at] >= 0x80:
        point = decode(data, at)[0]
        if point in _OF_CHINESE:
            return (code if _joins(code, point == _PROLONGED, before, _next(data, at + width, stop, table)) else 0), width
    return code, width
