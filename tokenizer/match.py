"""UTF-8 bytes -> token ids: scan a pre-token, look it up, else match it; no Python object per pre-token or token.

Matching does not merge. A sequence of tokens is the BPE encoding of its bytes exactly if each token is the encoding of its own bytes and
each two neighbours are the encoding of theirs (van Antwerpen and Neubeck, github/rust-gems, 2024). So the longest token
that fits is taken from a trie, checked against the one before it, shortened where the two cannot stand together, and taken back
where none can. A position found impossible is remembered, so the work is linear in the bytes, whatever their length.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from schemas.buffers import Bytes, Offsets
from tokenizer.classes import decode
from tokenizer.merge import Ids, Origins, Pairs, find_pair
from tokenizer.scan import part_end, pretoken_end

UInt64s = npt.NDArray[np.uint64]

MAX_VOCABULARY: Final = 1 << 21
"""An id takes 21 bits in a cached pre-token."""
SLACK: Final = 8
"""Elements that must follow the last token in an output array."""

_CACHED_BYTES: Final = 15
_CACHED_IDS: Final = 6
_ID_MASK: Final = np.uint64(MAX_VOCABULARY - 1)
_KEY_MASK: Final = np.uint64(0x0FFFFFFFFFFFFFFF)
_MIX_A: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_B: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_NO_EDGE: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
_IS_TOKEN: Final = 1 << 31


class Matcher(NamedTuple):
    """A vocabulary as the matching kernel reads it."""

    edges: UInt64s
    """Trie edges by open addressing: node << 40 | byte << 32 | child, with bit 31 set where the child is a token."""
    edge_shift: np.uint64
    token_of_node: Ids
    """Tokens that cannot appear included: `whole_words` asks for them."""
    prefix: Ids
    """Per token the longest shorter token that it begins with, or -1."""
    length: Ids
    """Bytes per token."""
    byte_ids: Ids
    """Id of each byte where no token matches a character (byte fallback)."""
    pairs: Pairs
    origins: Origins


def matcher(data: Bytes, offsets: Offsets, byte_ids: Ids, pairs: Pairs, found: Origins) -> Matcher:
    """The matcher of the tokens `data[offsets[i]:offsets[i + 1]]`."""
    length = np.diff(offsets).astype(np.int32)
    n_bytes = int(offsets[-1])
    bits = max(6, int(2 * n_bytes).bit_length())
    edges, edge_shift = np.full(1 << bits, _NO_EDGE, np.uint64), np.uint64(64 - bits)
    token_of_node = np.full(n_bytes + 1, -1, np.int32)
    n_nodes = _grow(edges, edge_shift, token_of_node, data, offsets, found.alive)
    made = Matcher(edges, edge_shift, token_of_node[:n_nodes].copy(), np.full_like(length, -1), length, byte_ids, pairs, found)
    _find_prefixes(made, data, offsets, found.alive)
    return made


class Scratch(NamedTuple):
    """What one thread needs to encode with: it only makes the work faster, never different."""

    words: UInt64s
    """uint64[4 * slots]: two words of pre-token bytes (length in the last byte), two of three 21-bit ids each."""
    word_shift: np.uint64
    neighbours: UInt64s
    """Pairs of tokens already checked: left << 33 | right << 2 | may stand together << 1 | 1."""
    neighbour_shift: np.uint64


def scratch(cache_bits: int = 16, neighbour_bits: int = 17) -> Scratch:
    """Fresh caches of 32 << cache_bits and 8 << neighbour_bits bytes."""
    return Scratch(
        np.zeros(4 << cache_bits, np.uint64), np.uint64(64 - cache_bits), np.zeros(1 << neighbour_bits, np.uint64), np.uint64(64 - neighbour_bits)
    )


@intrinsic
def _load_word(typing_context, data, at):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """The eight bytes at data[at:], as a little-endian uint64."""
    signature = types.uint64(data, types.int64)

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        array = cgutils.create_struct_proxy(signature.args[0])(context, builder, arguments[0])
        word = ir.IntType(64)
        address = builder.bitcast(builder.gep(array.data, [arguments[1]]), word.as_pointer())
        return builder.load(address, align=1)

    return signature, generate


@numba.njit(cache=True, nogil=True)
def encode(data, offsets, kind, max_digits, split_digits, whole_words, classes, matcher, scratch, out, bounds):  # type: ignore[no-untyped-def]
    """Write the ids of all rows to `out` and the rows' bounds to `bounds`; returns the number of ids.

    `whole_words`: a pre-token that is in the vocabulary is that token, whatever the merges make of it.
    """
    longest = 0
    for row in range(len(offsets) - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    impossible = np.zeros(longest + 1, np.bool_)
    n = 0
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        part = at
        while at < stop:
            if at == part:
                part = part_end(data, at, stop, split_digits, classes)
            end = pretoken_end(data, at, part, kind, max_digits, classes)
            if end - at <= _CACHED_BYTES:
                n = _encode_short(data, at, end, whole_words, matcher, scratch, impossible, out, n)
            else:
                n = _match(data, at, end, whole_words, matcher, scratch, impossible, out, n)
            at = end
        bounds[row + 1] = n
    return n


@numba.njit(cache=True, nogil=True, inline="always")
def _key(data, at, end):  # type: ignore[no-untyped-def]
    """(first eight bytes, the rest and the length) of at most 15 bytes."""
    size = end - at
    if at + 16 <= len(data):
        low, high = _load_word(data, at), _load_word(data, at + 8)
        if size < 8:
            low &= (np.uint64(1) << np.uint64(8 * size)) - np.uint64(1)
            high = np.uint64(0)
        else:
            high &= (np.uint64(1) << np.uint64(8 * (size - 8))) - np.uint64(1)
    else:
        low, high = np.uint64(0), np.uint64(0)
        for i in range(min(size, 8)):
            low |= np.uint64(data[at + i]) << np.uint64(8 * i)
        for i in range(8, size):
            high |= np.uint64(data[at + i]) << np.uint64(8 * (i - 8))
    return low, high | (np.uint64(size) << np.uint64(56))


@numba.njit(cache=True, nogil=True, inline="always")
def _encode_short(data, at, end, whole_words, matcher, scratch, impossible, out, n):  # type: ignore[no-untyped-def]
    low, high = _key(data, at, end)
    mixed = (low ^ (high * _MIX_B)) * _MIX_A
    mixed = (mixed ^ (mixed >> np.uint64(32))) * _MIX_B
    words = scratch.words
    slot = 4 * np.int64(mixed >> scratch.word_shift)
    # Two places per pre-token: the second is the first one's neighbour in its cache line.
    for place in (slot, slot ^ 4):
        if words[place] == low and words[place + 1] & _KEY_MASK == high:
            first, second = words[place + 2], words[place + 3]
            out[n] = first & _ID_MASK
            out[n + 1] = (first >> np.uint64(21)) & _ID_MASK
            out[n + 2] = first >> np.uint64(42)
            count = np.int64(words[place + 1] >> np.uint64(60))
            if count > 3:
                out[n + 3] = second & _ID_MASK
                out[n + 4] = (second >> np.uint64(21)) & _ID_MASK
                out[n + 5] = second >> np.uint64(42)
            return n + count
    filled = _match(data, at, end, whole_words, matcher, scratch, impossible, out, n)
    if filled - n <= _CACHED_IDS:
        _remember(words, slot, low, high, out, n, filled)
    return filled


@numba.njit(cache=True, nogil=True)
def _remember(words, slot, low, high, out, n, filled):  # type: ignore[no-untyped-def]
    first, second = np.uint64(0), np.uint64(0)
    for i in range(n, min(n + 3, filled)):
        first |= np.uint64(out[i]) << np.uint64(21 * (i - n))
    for i in range(n + 3, filled):
        second |= np.uint64(out[i]) << np.uint64(21 * (i - n - 3))
    for i in range(4):
        words[(slot ^ 4) + i] = words[slot + i]
    words[slot], words[slot + 1] = low, high | (np.uint64(filled - n) << np.uint64(60))
    words[slot + 2], words[slot + 3] = first, second


@numba.njit(cache=True, nogil=True)
def _match(data, at, end, whole_words, matcher, scratch, impossible, out, n):  # type: ignore[no-untyped-def]
    """Write the ids of data[at:end] to out[n:]; returns the new n. `impossible` is all false before and after."""
    if whole_words:
        token = _whole_word(data, at, end, matcher)
        if token >= 0:
            out[n] = token
            return n + 1
    start, first = at, n
    backtracked = False
    token = _longest(data, at, end, matcher)
    while at < end:
        if token < 0:  # a character that no token has
            size = decode(data, at)[1]
            for i in range(size):
                out[n + i] = matcher.byte_ids[data[at + i]]
            n += size
            at += size
            token = _longest(data, at, end, matcher)
            continue
        stop = at + matcher.length[token]
        if not impossible[stop - start] and (n == first or _stands(np.int64(out[n - 1]), np.int64(token), matcher, scratch)):
            out[n] = token
            n += 1
            at = stop
            token = _longest(data, at, end, matcher)
        elif matcher.prefix[token] >= 0:
            token = matcher.prefix[token]
        else:
            backtracked = True
            impossible[at - start] = True
            n -= 1
            token = np.int32(out[n])
            at -= matcher.length[token]
    if backtracked:
        impossible[: end - start] = False
    return n


@numba.njit(cache=True, nogil=True, inline="always")
def _child(matcher, node, byte):  # type: ignore[no-untyped-def]
    """The trie node (with the mark of a token) below a node, or -1."""
    key = (np.uint64(node) << np.uint64(8)) | np.uint64(byte)
    edges = matcher.edges
    mask = len(edges) - 1
    slot = np.int64((key * _MIX_A) >> matcher.edge_shift)
    while True:
        edge = edges[slot]
        if edge >> np.uint64(32) == key:
            return np.int64(edge & np.uint64(0xFFFFFFFF))
        if edge == _NO_EDGE:
            return -1
        slot = (slot + 1) & mask


@numba.njit(cache=True, nogil=True)
def _longest(data, at, end, matcher):  # type: ignore[no-untyped-def]
    """The longest token at `at`, or -1."""
    node, best = 0, -1
    while at < end:
        child = _child(matcher, node, data[at])
        if child < 0:
            break
        node = child & (_IS_TOKEN - 1)
        if child & _IS_TOKEN:
            best = node
        at += 1
    return matcher.token_of_node[best] if best >= 0 else np.int32(-1)


@numba.njit(cache=True, nogil=True)
def _whole_word(data, at, end, matcher):  # type: ignore[no-untyped-def]
    """The token of exactly these bytes, whether or not merges make it, or -1."""
    node = 0
    while at < end:
        child = _child(matcher, node, data[at])
        if child < 0:
            return np.int32(-1)
        node = child & (_IS_TOKEN - 1)
        at += 1
    return matcher.token_of_node[node]


@numba.njit(cache=True, nogil=True, inline="always")
def _stands(left, right, matcher, scratch):  # type: ignore[no-untyped-def]
    """`may_stand`, remembered."""
    key = (np.uint64(left) << np.uint64(33)) | (np.uint64(right) << np.uint64(2)) | np.uint64(1)
    slot = np.int64((key * _MIX_A) >> scratch.neighbour_shift)
    known = scratch.neighbours[slot]
    if known & ~np.uint64(2) == key:
        return known & np.uint64(2) != 0
    verdict = may_stand(left, right, matcher)
    scratch.neighbours[slot] = key | (np.uint64(2) if verdict else np.uint64(0))
    return verdict


@numba.njit(cache=True, nogil=True)
def _grow(edges, shift, token_of_node, data, offsets, alive):  # type: ignore[no-untyped-def]
    """Insert every token, and mark those that can appear; returns the number of nodes."""
    mask = len(edges) - 1
    n_nodes = 1
    for token in range(len(offsets) - 1):
        node = np.int64(0)
        slot = np.int64(-1)
        for at in range(offsets[token], offsets[token + 1]):
            key = (np.uint64(node) << np.uint64(8)) | np.uint64(data[at])
            slot = np.int64((key * _MIX_A) >> shift)
            while edges[slot] != _NO_EDGE and edges[slot] >> np.uint64(32) != key:
                slot = (slot + 1) & mask
            if edges[slot] == _NO_EDGE:
                edges[slot] = (key << np.uint64(32)) | np.uint64(n_nodes)
                n_nodes += 1
            node = np.int64(edges[slot] & np.uint64(_IS_TOKEN - 1))
        if slot >= 0:
            token_of_node[node] = token
            if alive[token]:
                edges[slot] |= np.uint64(_IS_TOKEN)
    return n_nodes


@numba.njit(cache=True, nogil=True)
def _find_prefixes(matcher, data, offsets, alive):  # type: ignore[no-untyped-def]
    for token in range(len(offsets) - 1):
        if alive[token]:
            matcher.prefix[token] = _longest(data, offsets[token], offsets[token + 1] - 1, matcher)


@numba.njit(cache=True, nogil=True)
def may_stand(left, right, matcher):  # type: ignore[no-untyped-def]
    """Whether two tokens side by side are the encoding of their bytes.

    Told backwards in the order of ranks: the pair at the border must never have been the next to be merged. It exists from the merge
    that makes the later of its parts to the merge that takes one of them away; of equal ranks, the left one goes first.
    """
    origins = matcher.origins
    limit = np.int64(0x7FFFFFFE)
    while True:
        if find_pair(matcher.pairs, left, right)[0] < limit:
            return False
        if origins.rank[left] > origins.rank[right]:
            limit = np.int64(origins.rank[left])
            left = origins.right[left]
        elif origins.rank[right] >= 0:
            limit = np.int64(origins.rank[right]) + 1
            right = origins.left[right]
        else:
            return True
