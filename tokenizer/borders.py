"""Where a pre-token can be split without changing its encoding: between two characters that are not adjacent in any token.

No merge crosses such a border, so the parts encode as they do within the whole. In scripts without spaces the short parts recur and can be
cached, while whole clauses do not. Only borders before characters from U+3000 up are considered; splitting elsewhere gains nothing.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.buffers import Bytes, Offsets
from tokenizer.classes import decode_char
from tokenizer.memory import kernel
from tokenizer.merge import add_pair, may_join

_FIRST_LEAD: Final = 0xE3  # first byte of U+3000


class Borders(NamedTuple):
    """Which characters are adjacent in some token."""

    characters: npt.NDArray[np.uint8]
    """A bit per hash of two characters, see `merge.pair_filter`."""
    fragments: npt.NDArray[np.bool_]
    """bool[1 << 16] by last byte << 8 | first byte, for tokens with only a part of one of the two characters."""


def borders(data: Bytes, offsets: Offsets, alive: npt.NDArray[np.bool_]) -> Borders:
    """The borders inside the tokens that text can become."""
    found = Borders(np.zeros(1 << max(10, int(2 * len(alive)).bit_length()), np.uint8), np.zeros(1 << 16, np.bool_))
    _collect(data, offsets, alive, *found)
    return found


@kernel
def part_of_word_end(data, at, end, characters, fragments):  # type: ignore[no-untyped-def]
    """The first border in data[at:end] that no token crosses, or `end`."""
    at += 1
    while at < end:
        if data[at] >= _FIRST_LEAD:
            before = at - 1
            while data[before] & 0xC0 == 0x80:
                before -= 1
            if not may_join(characters, decode_char(data, before)[0], decode_char(data, at)[0]) and not fragments[_bytes_beside(data, at)]:
                return at
        at += 1
    return end


@kernel
def _bytes_beside(data, at):  # type: ignore[no-untyped-def]
    return (np.int64(data[at - 1]) << 8) | np.int64(data[at])


@kernel
def _collect(data, offsets, alive, characters, fragments):  # type: ignore[no-untyped-def]
    for token in range(len(offsets) - 1):
        if not alive[token]:
            continue
        start, end = offsets[token], offsets[token + 1]
        for at in range(start + 1, end):
            if data[at] < _FIRST_LEAD:
                continue
            before = at - 1
            while before > start and data[before] & 0xC0 == 0x80:
                before -= 1
            if before + _size(data[before]) == at and at + _size(data[at]) <= end:
                add_pair(characters, decode_char(data, before)[0], decode_char(data, at)[0])
            else:
                fragments[_bytes_beside(data, at)] = True


@kernel
def _size(first):  # type: ignore[no-untyped-def]
    """Length in bytes of the character that begins with this byte; 0 if none does."""
    if first < 0x80:
        return 1
    if first < 0xC0 or first >= 0xF8:
        return 0
    return 2 if first < 0xE0 else 3 if first < 0xF0 else 4
