"""MinHash-LSH: signatures -> band keys -> candidate pairs. This module proposes pairs; `verify.py` decides on them.

Documents are named by `row_ref` and ordered by (`rank`, `row_ref`). Of two documents the first in this order is the winner, which stays,
and the other one the loser. A bucket with more members than may be compared is split by the other bands of the same signatures, so that
its near-duplicates still meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.dedup.arrays import Floats, Int64s, Mask, UInt16s, UInt32s, UInt64s
from schemas.buffers import fixed_column, fixed_view
from schemas.recipe import MinHash

CANDIDATE: Final = pa.schema(
    [pa.field(name, pa.uint64(), nullable=False) for name in ("winner_ref", "winner_rank", "loser_ref", "loser_rank")]
)
"""Two documents that share a band."""

MOST_GROUPS: Final = 16  # bands of which a band row carries a fingerprint
_PRIORITY_SHIFT: Final = np.uint64(60)
_MAX_CHARS: Final = np.uint64((1 << 28) - 1)
_DEPTH: Final = 2  # how often a crowded bucket is split again
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


def detection_probability(jaccard: npt.ArrayLike, bands: int, rows: int) -> Floats:
    """The chance that a pair of this Jaccard similarity shares a band: 1 - (1 - J^rows)^bands."""
    return 1.0 - (1.0 - np.asarray(jaccard, np.float64) ** rows) ** bands


def ranks(priority: npt.NDArray[np.uint8], n_chars: UInt64s, doc_id: pa.Array) -> UInt64s:
    """uint64[n], of which the smaller wins: 4 bits of source priority, 28 of length (the longest first), the first 32 of the doc_id.

    Priority 0 is for documents that are never removed: protected ones, and those of earlier runs.

    >>> ranks(0, 3, b"...") < ranks(0, 2, b"...") < ranks(1, 9, b"...")
    """
    shortness = _MAX_CHARS - np.minimum(n_chars, _MAX_CHARS)
    prefix = fixed_view(doc_id)[:, :4].copy().view(">u4").reshape(-1).astype(np.uint64)
    return (priority.astype(np.uint64) << _PRIORITY_SHIFT) | (shortness << np.uint64(32)) | prefix


def is_removable(rank: UInt64s) -> Mask:
    """bool[n]: whether a document of this rank may be merged at all."""
    return rank_priority(rank) != np.uint64(0)


def rank_priority(rank: UInt64s) -> UInt64s:
    """uint64[n]: the source priority in a rank."""
    return rank >> _PRIORITY_SHIFT


def rank_chars(rank: UInt64s) -> UInt64s:
    """uint64[n]: the length in a rank, in characters, at most 2^28 - 1."""
    return _MAX_CHARS - ((rank >> np.uint64(32)) & _MAX_CHARS)


def band_keys(signature: pa.RecordBatch, config: MinHash) -> pa.RecordBatch:
    """One row for each band of each document with a signature: `key` uint64 (of band number and band), row_ref, rank, groups.

    `groups` are 16-bit fingerprints of the document's first bands, the same in each of its rows.
    """
    signature = signature.filter(pc.greater(signature.column("n_shingles"), 0))
    n = signature.num_rows
    values = signature.column("minhash").flatten().to_numpy(zero_copy_only=False).reshape(n, config.bands * config.rows)
    keys = _band_keys(np.ascontiguousarray(values), config.bands, config.rows)
    groups = _prints(keys)
    keys ^= signature.column("salt").to_numpy()[:, None]
    return pa.RecordBatch.from_pydict(
        {
            "key": pa.array(keys.reshape(-1)),
            "row_ref": pa.array(np.repeat(signature.column("row_ref").to_numpy(), config.bands)),
            "rank": pa.array(np.repeat(signature.column("rank").to_numpy(), config.bands)),
            "groups": fixed_column(np.repeat(groups, config.bands, axis=0).view(np.uint8)),
        }
    )


def group_prints(values: UInt32s, config: MinHash) -> UInt16s:
    """uint16[n, groups]: the fingerprints that `band_keys` makes of signatures uint32[n, bands * rows]."""
    return _prints(_band_keys(values, config.bands, config.rows))


def _prints(keys: UInt64s) -> UInt16s:
    return (keys[:, :MOST_GROUPS] >> np.uint64(48)).astype(np.uint16)


@numba.njit(cache=True, nogil=True)
def _band_keys(values: UInt32s, bands: int, rows: int) -> UInt64s:
    keys = np.empty((len(values), bands), np.uint64)
    for i in range(len(values)):
        for band in range(bands):
            key = np.uint64(band + 1) * np.uint64(0x9E3779B97F4A7C15)
            for row in range(rows):
                key = (key ^ np.uint64(values[i, band * rows + row])) * np.uint64(0xFF51AFD7ED558CCD)
                key ^= key >> np.uint64(32)
            keys[i, band] = key
    return keys


def candidate_pairs(bands: pa.Table, max_pairs: int) -> tuple[pa.RecordBatch, int, int]:
    """(CANDIDATE batch, number of crowded buckets, members of the largest bucket) of rows as `band_keys` makes them.

    In a bucket of up to `max_pairs` + 1 members, every pair is proposed. In a larger one, members that agree in every band meet the winner
    of their kind, and only that one goes on. If still too many go on, the bucket is crowded: see `_pair_crowd`.
    """
    keys = bands.column("key").to_numpy()
    rows = recurring_rows(keys)
    order = rows[np.argsort(keys[rows])]
    shared = order[run_lengths(keys[order]) > 1]
    refs, rank, keys = (bands.column(name).take(pa.array(shared)).to_numpy() for name in ("row_ref", "rank", "key"))
    order = np.lexsort((refs, rank, keys))
    shared, refs, rank, keys = shared[order], refs[order], rank[order], keys[order]
    lengths = run_lengths(keys)
    large = lengths > max_pairs + 1
    found = [pair_up(np.flatnonzero(~large), keys[~large], max_pairs)]
    n_crowded = 0
    if large.any():
        members = np.flatnonzero(large)
        column = bands.column("groups").take(pa.array(shared[members])).combine_chunks()
        groups = np.zeros((len(keys), column.type.byte_width // 2), np.uint16)
        groups[members] = fixed_view(column).view(np.uint16)
        pairs, leaders = _pair_with_leaders(members, keys, groups)
        crowded = run_lengths(keys[leaders]) > max_pairs + 1
        found += [pairs, pair_up(leaders[~crowded], keys[leaders[~crowded]], max_pairs)]
        crowd = leaders[crowded]
        n_crowded = len(np.unique(keys[crowd]))
        found += _pair_crowd(crowd, keys[crowd], groups, max_pairs, 0, _DEPTH)
    pairs = np.concatenate(found)
    pairs = pairs[is_removable(rank[pairs[:, 1]])]
    pairs = pairs[_first_of_each(refs[pairs[:, 0]], refs[pairs[:, 1]])]
    winners, losers = pairs[:, 0], pairs[:, 1]
    columns = [pa.array(c) for c in (refs[winners], rank[winners], refs[losers], rank[losers])]
    return pa.RecordBatch.from_arrays(columns, schema=CANDIDATE), n_crowded, int(lengths.max(initial=0))


def pair_with_leaders(parts: Callable[[], Iterable[pa.Table]]) -> tuple[Iterator[pa.RecordBatch], pa.Table]:
    """(CANDIDATE batches of rows with the winner of their kind, those winners). Rows of a kind agree in the key and in every group.

    It does what `candidate_pairs` does with large buckets, for a bucket that does not fit the memory: it holds the winners only.
    """
    held: list[pa.Table] = []
    for part in parts():
        held = [_winners_of_kinds(pa.concat_tables([*held, part]))]
    leaders = held[0]
    kinds = _kinds(leaders)

    def pairs() -> Iterator[pa.RecordBatch]:
        for part in parts():
            where = np.searchsorted(kinds, _kinds(part))
            winners = leaders.take(pa.array(where))
            sides = [side.column(name).to_numpy() for side in (winners, part) for name in ("row_ref", "rank")]
            follows = np.flatnonzero((sides[0] != sides[2]) & is_removable(sides[3]))
            yield pa.RecordBatch.from_arrays([pa.array(side[follows]) for side in sides], schema=CANDIDATE)

    return pairs(), leaders


def _winners_of_kinds(bands: pa.Table) -> pa.Table:
    """The winner of each kind, by kind."""
    kinds = _kinds(bands)
    order = np.lexsort((bands.column("row_ref").to_numpy(), bands.column("rank").to_numpy(), kinds))
    first = np.flatnonzero(np.diff(kinds[order], prepend=~kinds[order[:1]]) != 0)
    return bands.take(pa.array(order[first]))


def _kinds(bands: pa.Table) -> UInt64s:
    groups = fixed_view(bands.column("groups").combine_chunks()).view(np.uint16)
    return _hash_rows(bands.column("key").to_numpy(), groups)


def _pair_with_leaders(members: Int64s, keys: UInt64s, groups: UInt16s) -> tuple[Int64s, Int64s]:
    """(pairs of members with the winner of their kind, those winners), within one bucket each."""
    kind = _hash_rows(keys[members], groups[members])
    order = np.argsort(kind, kind="stable")
    starts = np.flatnonzero(np.diff(kind[order], prepend=~kind[order[:1]]) != 0)
    leader = np.repeat(order[starts], np.diff(starts, append=len(order)))
    follows = leader != order
    return np.column_stack([members[leader[follows]], members[order[follows]]]), np.sort(members[order[starts]])


def _pair_crowd(crowd: Int64s, bucket: UInt64s, groups: UInt16s, max_pairs: int, first: int, depth: int) -> list[Int64s]:
    """Pairs in buckets that are too large: of each member with the first and the nearest in rank, and within each further shared band.

    A near-duplicate has nearly the length of its original and mostly shares several bands with it. The cost is at most
    2^depth x groups^depth x max_pairs pairs a member, however large the bucket is.
    """
    found = [pair_up(crowd, bucket, max_pairs)]
    whole = run_lengths(bucket)
    for group in range(first, groups.shape[1] if depth else 0):
        finer = _hash_rows(bucket, groups[crowd, group : group + 1])
        order = np.argsort(finer, kind="stable")
        rows, finer, before = crowd[order], finer[order], whole[order]
        lengths = run_lengths(finer)
        split = lengths < before  # a bucket that this band does not split at all is left to the next one
        fits = split & (lengths > 1) & (lengths <= max_pairs + 1)
        found.append(pair_up(rows[fits], finer[fits], max_pairs))
        rest = split & (lengths > max_pairs + 1)
        if rest.any():
            found += _pair_crowd(rows[rest], finer[rest], groups, max(2, max_pairs // 4), group + 1, depth - 1)
    return found


@numba.njit(cache=True, nogil=True)
def pair_up(rows: Int64s, bucket: UInt64s, max_pairs: int) -> Int64s:
    """int64[m, 2], (winner, loser): each row with at most `max_pairs` before it in its bucket, half the first, half the nearest."""
    n = len(rows)
    total = 0
    first = 0
    for i in range(n):
        if i > 0 and bucket[i] != bucket[i - 1]:
            first = i
        total += min(i - first, max_pairs)
    pairs = np.empty((total, 2), np.int64)
    filled = 0
    first = 0
    for i in range(n):
        if i > 0 and bucket[i] != bucket[i - 1]:
            first = i
        before = min(i - first, max_pairs)
        best = before if i - first <= max_pairs else (max_pairs + 1) // 2
        for k in range(before):
            pairs[filled, 0] = rows[first + k if k < best else i - before + k]
            pairs[filled, 1] = rows[i]
            filled += 1
    return pairs


@numba.njit(cache=True, nogil=True)
def recurring_rows(keys: UInt64s) -> Int64s:
    """int64[m], ascending: the rows whose key recurs, and few others. Most keys occur once and need not be sorted."""
    bits = 2
    while len(keys) >> (bits - 2):
        bits += 1
    shift = np.uint64(64 - bits)
    seen = np.zeros(1 << bits, np.uint8)
    for i in range(len(keys)):
        slot = (keys[i] * _MIX) >> shift
        seen[slot] = min(seen[slot] + 1, 2)
    rows = np.empty(len(keys), np.int64)
    n = 0
    for i in range(len(keys)):
        rows[n] = i
        n += seen[(keys[i] * _MIX) >> shift] > 1
    return rows[:n].copy()


@numba.njit(cache=True, nogil=True)
def run_lengths(keys: UInt64s) -> Int64s:
    """int64[n]: the length of the run of equal keys that each key belongs to."""
    lengths = np.empty(len(keys), np.int64)
    start = 0
    for i in range(len(keys)):
        if i + 1 == len(keys) or keys[i + 1] != keys[i]:
            lengths[start : i + 1] = i + 1 - start
            start = i + 1
    return lengths


@numba.njit(cache=True, nogil=True)
def _hash_rows(bucket: UInt64s, groups: UInt16s) -> UInt64s:
    """uint64[n]: one key for a bucket and the values of some groups."""
    keys = np.empty(len(bucket), np.uint64)
    for i in range(len(bucket)):
        key = bucket[i]
        for group in range(groups.shape[1]):
            key = (key ^ np.uint64(groups[i, group])) * _MIX
            key ^= key >> np.uint64(29)
        keys[i] = key
    return keys


def _first_of_each(first: UInt64s, second: UInt64s) -> Int64s:
    """The first row of each distinct pair."""
    order = np.lexsort((second, first))
    a, b = first[order], second[order]
    fresh = np.ones(len(order), bool)
    fresh[1:] = (a[1:] != a[:-1]) | (b[1:] != b[:-1])
    return order[fresh]
