"""Byte strings -> a double-array trie (Aoe 1989, in the one-word layout of Yata's darts-clone), which finds the longest token in text.

The child of a node by byte c is at `base ^ c` and has c as its label. No two nodes share a base, so the label alone identifies the
parent. One uint32 per node: label (9 bits, 0x100 for none), whether it is a token (1 bit), base (22 bits).
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


def build_trie(data: Bytes, offsets: Offsets, marked: npt.NDArray[np.bool_]) -> Trie | None:
    """The trie of the strings `data[offsets[i]:offsets[i + 1]]`; None if they need more than MAX_UNITS nodes.

    Empty strings are omitted. `longest` finds only the marked strings, `exact` finds all.
    """
    buffer = data.tobytes()
    strings = [buffer[start:end] for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)]
    order = np.array(sorted((i for i, string in enumerate(strings) if string), key=strings.__getitem__), np.int64)
    units, tokens, n_units = _build(order, data, offsets, marked)
    return Trie(units, tokens) if n_units <= MAX_UNITS else None


@kernel
def longest(trie: Trie, data: Bytes, at: int, end: int) -> np.int64:
    """The number of the longest marked string that data[at:end] begins with, or -1."""
    units, tokens = trie
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
def exact(trie: Trie, data: Bytes, at: int, end: int) -> np.int64:
    """The number of the string that equals data[at:end], or -1."""
    units, tokens = trie
    node = np.uint32(0)
    while at < end:
        byte = np.uint32(data[at])
        node = (units[node] >> _BASE_SHIFT) ^ byte
        if units[node] & _LABEL_MASK != byte:
            return np.int64(-1)
        at += 1
    return np.int64(tokens[node])


class _Nodes(NamedTuple):
    """Nodes in arrays with room for more."""

    units: npt.NDArray[np.uint32]
    tokens: npt.NDArray[np.int32]
    is_base: npt.NDArray[np.bool_]
    """Bases that are in use."""


class _Children(NamedTuple):
    """The children of one node, by label: child i has labels[i] and the strings order[starts[i]:starts[i + 1]]."""

    labels: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]


@numba.njit(cache=True, nogil=True)
def _build(
    order: npt.NDArray[np.int64], data: Bytes, offsets: Offsets, marked: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int32], int]:
    """(units, tokens, number of units). A node is a range of the sorted strings with a common beginning; nodes are placed one by one."""
    capacity = 4 * _BLOCK
    nodes = _Nodes(np.full(capacity, _NO_LABEL, np.uint32), np.full(capacity, -1, np.int32), np.zeros(capacity, np.bool_))
    nodes.is_base[0] = True  # the base of nodes without children
    n_units = _BLOCK
    first_free = 1
    # A stack of ranges: node, first string, string after the last, bytes in common.
    stack = np.empty((len(order) + _BLOCK * 64, 4), np.int64)
    stack[0] = (0, 0, len(order), 0)
    height = 1
    children = _Children(np.empty(_BLOCK, np.int64), np.empty(_BLOCK + 1, np.int64))
    while height > 0:
        height -= 1
        node, depth = stack[height, 0], stack[height, 3]
        n = _find_children(nodes, order, data, offsets, marked, children, stack[height])
        if n == 0:
            continue
        while first_free < n_units and nodes.units[first_free] & _LABEL_MASK != _NO_LABEL:
            first_free += 1
        # Free places far before the last ones do not fit any node: do not try them again.
        base = _free_base(nodes, children, n, max(first_free, n_units - _LAST_UNITS), n_units)
        if base < 0:
            base = n_units
            n_units += _BLOCK
            if n_units > MAX_UNITS:
                break
        while n_units > len(nodes.units):
            nodes = _doubled(nodes)
        nodes.is_base[base] = True
        nodes.units[node] |= np.uint32(base << _BASE_SHIFT)
        if height + n > len(stack):
            stack = np.concatenate((stack, np.empty_like(stack)))
        for i in range(n):
            child = base ^ children.labels[i]
            nodes.units[child] = np.uint32(children.labels[i])
            stack[height] = (child, children.starts[i], children.starts[i + 1], depth + 1)
            height += 1
    return nodes.units[:n_units].copy(), nodes.tokens[:n_units].copy(), n_units


@kernel
def _find_children(nodes, order, data, offsets, marked, children, entry):  # type: ignore[no-untyped-def]
    """Write the children of the node of a stack entry; returns their number. A string that ends here becomes the node's token."""
    node, first, last, depth = entry[0], entry[1], entry[2], entry[3]
    n = 0
    for i in range(first, last):
        at = offsets[order[i]] + depth
        if at == offsets[order[i] + 1]:
            nodes.tokens[node] = order[i]
            if marked[order[i]]:
                nodes.units[node] |= np.uint32(_IS_TOKEN)
        elif n == 0 or data[at] != children.labels[n - 1]:
            children.labels[n] = data[at]
            children.starts[n] = i
            n += 1
    children.starts[n] = last
    return n


@numba.njit(cache=True, nogil=True)
def _doubled(nodes: _Nodes) -> _Nodes:
    """The nodes with room for twice as many."""
    units, tokens, is_base = nodes
    return _Nodes(
        np.append(units, np.full(len(units), _NO_LABEL, np.uint32)),
        np.append(tokens, np.full(len(tokens), -1, np.int32)),
        np.append(is_base, np.zeros(len(is_base), np.bool_)),
    )


@kernel
def _free_base(nodes: _Nodes, children: _Children, n: int, first_free: int, n_units: int) -> np.int64:
    """An unused base with free places for all n children; -1 after a few tries."""
    units, _, is_base = nodes
    labels = children.labels
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
