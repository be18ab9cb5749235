"""Text -> word shingles -> MinHash signatures and shingle sets, over Arrow buffers.

Words are compared folded: without case, width and accents, every number as "0", punctuation ignored (as datatrove's
MinHash does); each character of a script written without spaces is a word. A shingle is `size` words in a row, and its hash
64 bits; signatures are built from the low 32 as datasketch's `affine32` scheme builds them.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.text.hashing import SEED, add_code, finish
from pipelines.text.unicode import LETTER, MARK, NUMBER, TABLE_SIZE, UNSPACED, char_classes, decode, fold_table
from schemas.buffers import Bytes, Offsets, string_view
from tokenizer.memory import kernel

UInt32s = npt.NDArray[np.uint32]
UInt64s = npt.NDArray[np.uint64]

WORD: Final = LETTER | NUMBER | MARK
_ROLL: Final = np.uint64(0x9E3779B97F4A7C15)  # odd: words at different places of a shingle weigh differently
_ZERO: Final = ord("0")


def permutations(count: int, seed: int) -> tuple[UInt32s, UInt32s]:
    """(a, b), uint32[count] each: the parameters that datasketch draws for `MinHash(count, seed, scheme="affine32")`."""
    drawn = np.random.RandomState(seed)
    a = drawn.randint(0, 1 << 31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return a, drawn.randint(0, 1 << 32, count, dtype=np.uint32)


def shingle_power(size: int) -> np.uint64:
    """What `text_shingles` takes as `drop`."""
    return np.uint64(_power(_ROLL, size))  # compiled code hands back a plain int


def signatures(text: pa.Array, size: int, a: UInt32s, b: UInt32s) -> tuple[UInt32s, UInt32s]:
    """(minhash uint32[n, len(a)], n_shingles uint32[n]) of n texts; a text of fewer than `size` words has no shingle.

    Equal to `datasketch.MinHash(scheme="affine32")` updated with the low 32 bits of every shingle hash.
    """
    data, offsets = string_view(text)
    return _signatures(data, offsets, size, a, b, char_classes(), fold_table())


def shingle_sets(text: pa.Array, size: int) -> tuple[UInt64s, Offsets]:
    """(hashes uint64[m], offsets int64[n + 1]): row i's distinct shingle hashes, ascending, are hashes[offsets[i]:offsets[i + 1]]."""
    data, offsets = string_view(text)
    return _shingle_sets(data, offsets, size, char_classes(), fold_table())


@kernel
def next_word(data: Bytes, at: int, end: int, classes: npt.NDArray[np.uint8], fold: UInt32s) -> tuple[int, np.uint64]:
    """(position after the next word, its folded hash); hash 0 where no word is left."""
    word = SEED
    inside = False
    in_number = False
    while at < end:
        code, width = decode(data, at)
        kind = classes[code] if code < TABLE_SIZE else 0
        if kind & WORD == 0:
            if inside:
                return at, word
            at += width
            continue
        if kind & UNSPACED and not (kind & MARK and inside):
            if inside:
                return at, word
            inside = True
            word = add_code(word, fold[code])
            at += width
            # Marks that follow belong to it; anything else ends it.
            while at < end:
                code, width = decode(data, at)
                if code >= TABLE_SIZE or classes[code] & MARK == 0:
                    break
                word = add_code(word, fold[code])
                at += width
            return at, word
        inside = True
        if kind & NUMBER:
            if not in_number:
                word = add_code(word, _ZERO)
            in_number = True
        else:
            in_number = False
            folded = fold[code]
            if folded != 0:
                word = add_code(word, folded)
        at += width
    return at, (word if inside else np.uint64(0))


@numba.njit(cache=True, nogil=True, inline="always")
def _mixed(shingle: np.uint64) -> np.uint32:
    """What affine32 does to a hash before the permutations: MurmurHash3's 32-bit mix."""
    value = np.uint32(shingle & np.uint64(0xFFFFFFFF))
    value = np.uint32(value ^ (value >> np.uint32(16)))
    value = np.uint32(value * np.uint32(0x85EBCA6B))
    value = np.uint32(value ^ (value >> np.uint32(13)))
    value = np.uint32(value * np.uint32(0xC2B2AE35))
    return np.uint32(value ^ (value >> np.uint32(16)))


@kernel
def text_shingles(
    data: Bytes,
    start: int,
    end: int,
    size: int,
    drop: np.uint64,
    classes: npt.NDArray[np.uint8],
    fold: UInt32s,
    ring: UInt64s,
    out: UInt64s,
    filled: int,
) -> int:
    """Write the shingle hashes of one text to `out` from `filled` on, in order of appearance; returns how many.

    `drop` is _ROLL ** size, `ring` room for `size` words.
    """
    for slot in range(size):
        ring[slot] = 0
    rolled = np.uint64(0)
    n_words = slot = n = 0
    at = start
    while True:
        at, word = next_word(data, at, end, classes, fold)
        if word == 0:
            return n
        rolled = rolled * _ROLL + word - ring[slot] * drop
        ring[slot] = word
        slot = slot + 1 if slot + 1 < size else 0
        n_words += 1
        if n_words >= size:
            out[filled + n] = finish(rolled)
            n += 1


@numba.njit(cache=True, nogil=True)
def _power(base: np.uint64, exponent: int) -> np.uint64:
    result = np.uint64(1)
    for _ in range(exponent):
        result *= base
    return result


@numba.njit(cache=True, nogil=True)
def _lower(least: UInt32s, shingles: UInt64s, a: UInt32s, b: UInt32s) -> None:
    """Bring each permutation's least value down to that of these shingles; four at a time, so that `least` is touched a fourth as often."""
    n = len(shingles)
    for i in range(0, n - 3, 4):
        w, x, y, z = (_mixed(shingles[i]), _mixed(shingles[i + 1]), _mixed(shingles[i + 2]), _mixed(shingles[i + 3]))
        for p in range(len(a)):
            scale, shift = a[p], b[p]
            first = min(np.uint32(scale * w + shift), np.uint32(scale * x + shift))
            second = min(np.uint32(scale * y + shift), np.uint32(scale * z + shift))
            least[p] = min(least[p], first, second)
    for i in range(n - n % 4, n):
        x = _mixed(shingles[i])
        for p in range(len(a)):
            least[p] = min(least[p], np.uint32(a[p] * x + b[p]))


@numba.njit(cache=True, nogil=True)
def _signatures(
    data: Bytes, offsets: Offsets, size: int, a: UInt32s, b: UInt32s, classes: npt.NDArray[np.uint8], fold: UInt32s
) -> tuple[UInt32s, UInt32s]:
    n = len(offsets) - 1
    minhash = np.full((n, len(a)), np.uint32(0xFFFFFFFF), np.uint32)
    n_shingles = np.zeros(n, np.uint32)
    longest = 0
    for row in range(n):
        longest = max(longest, offsets[row + 1] - offsets[row])
    shingles = np.empty(longest + 1, np.uint64)
    drop = _power(_ROLL, size)
    ring = np.empty(size, np.uint64)
    for row in range(n):
        count = text_shingles(data, offsets[row], offsets[row + 1], size, drop, classes, fold, ring, shingles, 0)
        n_shingles[row] = count
        _lower(minhash[row], shingles[:count], a, b)
    return minhash, n_shingles


@numba.njit(cache=True, nogil=True)
def _shingle_sets(data: Bytes, offsets: Offsets, size: int, classes: npt.NDArray[np.uint8], fold: UInt32s) -> tuple[UInt64s, Offsets]:
    n = len(offsets) - 1
    hashes = np.empty(offsets[n] - offsets[0] + 1, np.uint64)  # no text has more shingles than bytes
    bounds = np.zeros(n + 1, np.int64)
    drop = _power(_ROLL, size)
    ring = np.empty(size, np.uint64)
    filled = 0
    for row in range(n):
        count = text_shingles(data, offsets[row], offsets[row + 1], size, drop, classes, fold, ring, hashes, filled)
        found = np.sort(hashes[filled : filled + count])
        for i in range(count):
            if i == 0 or found[i] != found[i - 1]:
                hashes[filled] = found[i]
                filled += 1
        bounds[row + 1] = filled
    return hashes[:filled].copy(), bounds
