"""64-bit hashes of byte spans and the open-addressing table that kernels look them up in.

Spans with equal hashes count as equal: with 64 bits, two of a million different spans collide with probability 3e-8.
A table is a uint64 array whose length is a power of two and where 0 marks a free slot; no hash is 0.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from tokenizer.memory import kernel

SEED: Final = np.uint64(0xCBF29CE484222325)
_PRIME: Final = np.uint64(0x100000001B3)
_MIX: Final = np.uint64(0xFF51AFD7ED558CCD)  # the finalizer of MurmurHash3, without which low bits are poor
_MIX_2: Final = np.uint64(0xC4CEB9FE1A85EC53)
_SHIFT: Final = np.uint64(33)
_GRAM: Final = np.uint64(0x9E3779B97F4A7C15)
_EIGHT: Final = np.uint64(8)
_ZERO: Final = np.uint64(0)
_ONE: Final = np.uint64(1)


@numba.njit(cache=True, nogil=True)
def finish(h: np.uint64) -> np.uint64:
    """Spread the entropy of a running hash over all bits; never 0."""
    h ^= h >> _SHIFT
    h *= _MIX
    h ^= h >> _SHIFT
    h *= _MIX_2
    h ^= h >> _SHIFT
    return h if h != _ZERO else _ONE


@numba.njit(cache=True, nogil=True)
def add_code(h: np.uint64, code: int) -> np.uint64:
    """One more code point in a running hash, FNV-1a by code points: begin with SEED, end with `finish`."""
    return (h ^ np.uint64(code)) * _PRIME


@kernel
def _eight_bytes(data: npt.NDArray[np.uint8], at: np.uint64) -> np.uint64:
    """`data[at:at + 8]` as a little-endian number. An unsigned index skips the check of its sign, so this compiles to one load."""
    chunk = _ZERO
    for k in range(_EIGHT):
        chunk |= np.uint64(data[at + k]) << (_EIGHT * k)
    return chunk


@kernel
def hash_bytes(data: npt.NDArray[np.uint8], start: int, end: int) -> np.uint64:
    """Hash of `data[start:end]`: the length, then eight bytes at a time are folded in by multiplication."""
    h = np.uint64(end - start) * _GRAM
    at = start
    while at < end:
        if at + 8 <= len(data):
            chunk = _eight_bytes(data, np.uint64(at))
            if end - at < 8:
                chunk &= (_ONE << (_EIGHT * np.uint64(end - at))) - _ONE
        else:
            chunk = _ZERO
            for k in range(end - 1, at - 1, -1):
                chunk = (chunk << _EIGHT) | np.uint64(data[k])
        h = (h ^ chunk) * _GRAM
        h ^= h >> _SHIFT
        at += 8
    return finish(h)


@numba.njit(cache=True, nogil=True)
def append_hash(gram: np.uint64, word: np.uint64) -> np.uint64:
    """Hash of a sequence of words one longer, from the hash of the sequence and that of the word; never 0."""
    h = (gram ^ (gram >> _SHIFT)) * _GRAM + word
    return h if h != _ZERO else _ONE


@numba.njit(cache=True, nogil=True)
def slot_of(keys: npt.NDArray[np.uint64], key: np.uint64) -> int:
    """The slot of `key` in the table, or the free slot where it belongs; the table must have a free slot."""
    mask = np.uint64(len(keys) - 1)
    at = key & mask
    while keys[at] != _ZERO and keys[at] != key:
        at = (at + _ONE) & mask
    return int(np.int64(at))


@numba.njit(cache=True, nogil=True)
def table_size(n: int) -> int:
    """Length of a table for `n` keys: a power of two, at most half full."""
    size = 8
    while size < 2 * n:
        size *= 2
    return size
