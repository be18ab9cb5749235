"""Text -> word shingles -> MinHash signatures and shingle sets, over Arrow buffers.

Words are compared folded (`pipelines/text/fold.py`): without case, width and accents. Digits count, and operators and other marks are part
of the word that follows; marks of prose are passed over. Each character of a script written without spaces is a word. A shingle is `size`
words in a row, and its hash 64 bits; signatures are built from the low 32 as datasketch's `affine32` scheme builds them.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import pyarrow as pa

from pipelines.dedup.arrays import UInt32s, UInt64s
from pipelines.text.fold import LOW, PLAIN, WORD, add_entry, compared_table, is_unseen, mark_at
from pipelines.text.hashing import SEED, add_code, finish
from pipelines.text.unicode import MARK, SPACE, TABLE_SIZE, UNSPACED, decode
from schemas.buffers import Bytes, Offsets, string_view
from tokenizer.memory import kernel

_CLASS: Final = np.uint32(24)  # where an entry of the table has its class bits
_ROLL: Final = np.uint64(0x9E3779B97F4A7C15)  # odd: words at different positions of a shingle weigh differently


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
    return _signatures(data, offsets, size, a, b, compared_table())


def shingle_sets(text: pa.Array, size: int) -> tuple[UInt64s, Offsets]:
    """(hashes uint64[m], offsets int64[n + 1]): row i's distinct shingle hashes, ascending, are hashes[offsets[i]:offsets[i + 1]].

    A text of fewer than `size` words, but at least one, is one shingle.
    """
    data, offsets = string_view(text)
    return _shingle_sets(data, offsets, size, compared_table())


@kernel
def next_word(data: Bytes, at: int, end: int, compared: UInt32s) -> tuple[int, np.uint64]:
    """(position after the next word, its folded hash, which is of the marks before it, too); hash 0 where nothing is left.

    Marks behind the last word are one more.
    """
    word = SEED
    marked = False
    while True:
        if at >= end:
            return at, (word if marked else np.uint64(0))
        code, width = decode(data, at)
        entry = compared[code] if code < TABLE_SIZE else np.uint32(0)
        if entry & PLAIN:
            break
        kind = entry >> _CLASS
        if kind & UNSPACED:
            return _unspaced_word(data, at, end, word, compared)
        if kind & WORD:
            if kind & MARK == 0 or entry & LOW:  # a variation selector is no word
                break
        elif kind & SPACE == 0:
            mark = mark_at(data, at, end, code, entry)
            if mark != 0:
                word = add_code(word, mark)
                marked = True
        at += width
    word = add_code(word, entry & LOW) if entry & PLAIN else add_entry(word, entry, compared)
    at += width
    while at < end:
        code, width = decode(data, at)
        entry = compared[code] if code < TABLE_SIZE else np.uint32(0)
        if entry & PLAIN:
            word = add_code(word, entry & LOW)
            at += width
            continue
        kind = entry >> _CLASS
        if kind & WORD == 0:
            if kind == 0 and is_unseen(code, entry):
                at += width
                continue
            return (at + width if kind & SPACE else at), word
        if kind & UNSPACED and kind & MARK == 0:
            return at, word
        word = add_entry(word, entry, compared)
        at += width
    return at, word


@kernel
def _unspaced_word(data: Bytes, at: int, end: int, word: np.uint64, compared: UInt32s) -> tuple[int, np.uint64]:
    """(position, hash) after the character at `at`, a word by itself, and the combining marks that follow; `word` is the hash so far."""
    code, width = decode(data, at)
    word = add_entry(word, compared[code], compared)
    at += width
    while at < end:
        code, width = decode(data, at)
        if code >= TABLE_SIZE or compared[code] >> _CLASS & MARK == 0:
            break
        word = add_entry(word, compared[code], compared)
        at += width
    return at, word


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
    compared: UInt32s,
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
        at, word = next_word(data, at, end, compared)
        if word == 0:
            return n
        rolled = rolled * _ROLL + word - ring[slot] * drop
        ring[slot] = word
        slot = slot + 1 if slot + 1 < size else 0
        n_words += 1
        if n_words >= size:
            out[filled + n] = finish(rolled)
            n += 1


@kernel
def _whole_text(data: Bytes, start: int, end: int, compared: UInt32s) -> np.uint64:
    """The hash of all words of a text as one shingle; 0 where there are none."""
    rolled = np.uint64(0)
    at, word = next_word(data, start, end, compared)
    if word == 0:
        return rolled
    while word != 0:
        rolled = rolled * _ROLL + word
        at, word = next_word(data, at, end, compared)
    return finish(rolled)


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
def _signatures(data: Bytes, offsets: Offsets, size: int, a: UInt32s, b: UInt32s, compared: UInt32s) -> tuple[UInt32s, UInt32s]:
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
        count = text_shingles(data, offsets[row], offsets[row + 1], size, drop, compared, ring, shingles, 0)
        n_shingles[row] = count
        _lower(minhash[row], shingles[:count], a, b)
    return minhash, n_shingles


@numba.njit(cache=True, nogil=True)
def _shingle_sets(data: Bytes, offsets: Offsets, size: int, compared: UInt32s) -> tuple[UInt64s, Offsets]:
    n = len(offsets) - 1
    hashes = np.empty(offsets[n] - offsets[0] + 1, np.uint64)  # no text has more shingles than bytes
    bounds = np.zeros(n + 1, np.int64)
    drop = _power(_ROLL, size)
    ring = np.empty(size, np.uint64)
    filled = 0
    for row in range(n):
        count = text_shingles(data, offsets[row], offsets[row + 1], size, drop, compared, ring, hashes, filled)
        if count == 0:
            hashes[filled] = _whole_text(data, offsets[row], offsets[row + 1], compared)
            count = np.int64(hashes[filled] != 0)
        found = np.sort(hashes[filled : filled + count])
        for i in range(count):
            if i == 0 or found[i] != found[i - 1]:
                hashes[filled] = found[i]
                filled += 1
        bounds[row + 1] = filled
    return hashes[:filled].copy(), bounds
