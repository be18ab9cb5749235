"""Byte strings -> a double-array trie (Aoe 1989, in the one-word layout of Yata's darts-clone): the longest token at a place in text.

The child of a node by byte c lies at `base ^ c` and carries c as its label; no two nodes share a base, so the label alone
tells whose child it is. One uint32 per node: label (9 bits, 0x100 for none), whether it is a token (1 bit), base (22 bits).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from schemas.buffers import Bytes, Offsets
from tokenizer.memory import kernel

MAX_UNITS: Final = 1 << 22
_BLOCK: Final = 256
_NO_LABEL: Final = 0x100
_IS_TOKEN: Final = 0x200
_LABEL_MASK: Final = 0x1FF
_BASE_SHIFT: Final = 10
_FEW_TRIES: Final = 64
_LAST_UNITS: Final = 4 * _BLOCK


class Trie(NamedTuple):
    """Node 0 is the root."""

    units: npt.NDArray[np.uint32]
    tokens: npt.NDArray[np.int32]
    """The token of each node, or -1."""


def build(data: Bytes, offsets: Offsets, marked: npt.NDArray[np.bool_]) -> Trie | None:
    """The trie of the strings `data[offsets[i]:offsets[i + 1]]`; None where they are too many.

    Empty strings are left out. `longest` finds marked ones only, `exact` all of them.
    """
    buffer = data.tobytes()
    strings = [buffer[start:end] for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)]
    order = np.array(sorted((i for i, string in enumerate(strings) if string), key=strings.__getitem__), np.int64)
    units, tokens, n_units = _build(order, data, offsets, marked)
    return Trie(units, tokens) if n_units <= MAX_UNITS else None


@kernel
def longest(data, at, end, units, tokens):  # type: ignore[no-untyped-def]
    """The longest marked string that data[at:end] begins with, or -1."""
    unit = units[0]
    best = np.int64(-1)
    while at < end:
        byte = np.uint32(data[at])
        node = (unit >> _BASE_SHIFT) ^ byte
        unit = units[node]
        if unit & _LABEL_MASK != byte:
            break
        if unit & _IS_TOKEN:
            best = np.int64(node)
        at += 1
    return np.int64(tokens[best]) if best >= 0 else best


@kernel
def exact(data, at, end, units, tokens):  # type: ignore[no-untyped-def]
    """The string that data[at:end] is, or -1."""
    node = np.uint32(0)
    while at < end:
        byte = np.uint32(data[at])
        node = (units[node] >> _BASE_SHIFT) ^ byte
        if units[node] & _LABEL_MASK != byte:
            return np.int64(-1)
        at += 1
    return np.int64(tokens[node])


@numba.njit(cache=True, nogil=True)
def _build(order, data, offsets, marked):  # type: ignore[no-untyped-def]
    """(units, tokens, number of units): nodes are ranges of the sorted strings with a common beginning, placed one by one."""
    capacity = 4 * _BLOCK
    units = np.full(capacity, _NO_LABEL, np.uint32)
    tokens = np.full(capacity, -1, np.int32)
    is_base = np.zeros(capacity, np.bool_)
    is_base[0] = True  # that of nodes without children
    n_units = _BLOCK
    first_free = 1
    # A stack of ranges: node, first string, string after the last, bytes in common.
    stack = np.empty((len(order) + _BLOCK * 64, 4), np.int64)
    stack[0] = (0, 0, len(order), 0)
    height = 1
    labels = np.empty(_BLOCK, np.int64)
    starts = np.empty(_BLOCK + 1, np.int64)
    while height > 0:
        height -= 1
        node, first, last, depth = stack[height]
        n = 0
        for i in range(first, last):
            at = offsets[order[i]] + depth
            if at == offsets[order[i] + 1]:
                tokens[node] = order[i]
                if marked[order[i]]:
                    units[node] |= np.uint32(_IS_TOKEN)
            elif n == 0 or data[at] != labels[n - 1]:
                labels[n] = data[at]
                starts[n] = i
                n += 1
        if n == 0:
            continue
        starts[n] = last
        while first_free < n_units and units[first_free] & _LABEL_MASK != _NO_LABEL:
            first_free += 1
        # Places that are left free long before the last ones are of no use to any node.
        base = _free_base(units, is_base, labels, n, max(first_free, n_units - _LAST_UNITS), n_units)
        if base < 0:
            base = n_units
            n_units += _BLOCK
            if n_units > MAX_UNITS:
                break
        while n_units > len(units):
            units = np.append(units, np.full(len(units), _NO_LABEL, np.uint32))
            tokens = np.append(tokens, np.full(len(tokens), -1, np.int32))
            is_base = np.append(is_base, np.zeros(len(is_base), np.bool_))
        is_base[base] = True
        units[node] |= np.uint32(base << _BASE_SHIFT)
        if height + n > len(stack):
            stack = np.concatenate((stack, np.empty_like(stack)))
        for i in range(n):
            child = base ^ labels[i]
            units[child] = np.uint32(labels[i])
            stack[height] = (child, starts[i], starts[i + 1], depth + 1)
            height += 1
    return units[:n_units].copy(), tokens[:n_units].copy(), n_units


@kernel
def _free_base(units, is_base, labels, n, first_free, n_units):  # type: ignore[no-untyped-def]
    """A base in use by nobody whose children's places are all free, or -1 after a few tries."""
    tries = 0
    place = first_free
    while place < n_units and tries < _FEW_TRIES * (8 if n == 1 else 1):
        if units[place] & _LABEL_MASK == _NO_LABEL:
            tries += 1
            base = place ^ labels[0]
            if not is_base[base]:
                fits = True
                for i in range(1, n):
                    child = base ^ labels[i]
                    if child == 0 or units[child] & _LABEL_MASK != _NO_LABEL:
                        fits = False
                        break
                if fits:
                    return base
        place += 1
    return np.int64(-1)
