"""The tokens of a training so far, and a hash table that finds a token by its bytes."""

from __future__ import annotations

from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from schemas.buffers import Bytes, Offsets
from tokenizer.counts import hash_span, same_bytes
from tokenizer.memory import kernel

NONE: Final = -1
"""Marks the absence of a token, pair or position."""

Int64s = npt.NDArray[np.int64]


class InitialTokens(NamedTuple):
    """The initial tokens of a training: token j has the bytes data[offsets[j]:offsets[j + 1]] and fills spans[j] positions."""

    data: Bytes
    offsets: Offsets
    spans: Int64s
    lengths: Int64s
    """What max_token_length counts: bytes or characters."""


class TokenTable(NamedTuple):
    """InitialTokens and the merged ones after them, in arrays with room for more."""

    data: Bytes
    offsets: Offsets
    spans: Int64s
    lengths: Int64s
    slots: Int64s
    """An open-addressing table by the hash of a token's bytes: the token's id, or NONE."""


@numba.njit(cache=True, nogil=True)
def token_table(initial: InitialTokens, n_tokens: int) -> TokenTable:
    """The initial tokens, with room for n_tokens altogether; their bytes may still outgrow `data`, see `with_room_for_bytes`."""
    n = len(initial.offsets) - 1
    room = max(n, n_tokens) + 1
    data = np.empty(max(2 * len(initial.data), 1024), np.uint8)
    data[: len(initial.data)] = initial.data
    offsets = np.zeros(room + 1, np.int64)
    offsets[: n + 1] = initial.offsets
    spans, lengths = np.zeros(room, np.int64), np.zeros(room, np.int64)
    spans[:n], lengths[:n] = initial.spans, initial.lengths
    tokens = TokenTable(data, offsets, spans, lengths, np.full(power_of_two(4 * room), NONE, np.int64))
    for token in range(n):
        if offsets[token + 1] > offsets[token]:
            tokens.slots[_slot(tokens, offsets[token], offsets[token + 1])] = token
    return tokens


@numba.njit(cache=True, nogil=True)
def with_room_for_bytes(tokens: TokenTable, n: int, left: int, right: int) -> TokenTable:
    """The table, its `data` large enough to append a token made of two others as token n."""
    data, offsets = tokens.data, tokens.offsets
    end = offsets[n] + offsets[left + 1] - offsets[left] + offsets[right + 1] - offsets[right]
    while end > len(data):
        data = np.append(data, np.empty_like(data))
    return TokenTable(data, offsets, tokens.spans, tokens.lengths, tokens.slots)


@kernel
def merged_token(tokens: TokenTable, n: int, left: int, right: int) -> int:
    """The id of the token with the bytes of two others: the id that it already has, or n, under which it is then added."""
    data, offsets = tokens.data, tokens.offsets
    end = offsets[n]
    for token in (left, right):
        for at in range(offsets[token], offsets[token + 1]):
            data[end] = data[at]
            end += 1
    slot = _slot(tokens, offsets[n], end)
    if tokens.slots[slot] == NONE:
        tokens.slots[slot] = n
        offsets[n + 1] = end
        tokens.spans[n] = tokens.spans[left] + tokens.spans[right]
        tokens.lengths[n] = tokens.lengths[left] + tokens.lengths[right]
    return tokens.slots[slot]


@kernel
def _slot(tokens: TokenTable, start: int, end: int) -> np.int64:
    """The slot of the token with the bytes data[start:end], or the free slot for it."""
    data, offsets, slots = tokens.data, tokens.offsets, tokens.slots
    slot = np.int64(hash_span(data, start, end) >> np.uint64(20)) & (len(slots) - 1)
    while slots[slot] != NONE:
        token = slots[slot]
        if same_bytes(data, start, end, data, offsets[token], offsets[token + 1]):
            break
        slot = (slot + 1) & (len(slots) - 1)
    return slot


@numba.njit(cache=True, nogil=True)
def power_of_two(least: int) -> int:
    """The smallest power of two that is at least 16 and at least `least`."""
    size = 16
    while size < least:
        size *= 2
    return size
