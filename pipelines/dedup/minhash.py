"""MinHash-LSH: signatures -> band keys -> candidate pairs. It only proposes; `verify` decides.

Documents are named by `at` (where they lie) and ordered by (`rank`, `at`): the smaller is the better one, which stays. A bucket
with more members than may be compared is split by the other bands of the same signatures, so that its near-duplicates still meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.buffers import fixed_column, fixed_view
from schemas.recipe import MinHash

Rows = npt.NDArray[np.int64]
UInt16s = npt.NDArray[np.uint16]
UInt64s = npt.NDArray[np.uint64]

CANDIDATE: Final = pa.schema(
    [pa.field(name, pa.uint64(), nullable=False) for name in ("better_at", "better_rank", "worse_at", "worse_rank")]
)
"""Two documents that share a band; the better one would survive."""

MOST_GROUPS: Final = 16  # bands of which a band row carries a fingerprint
_CHARS_BITS: Final = 28
_DEPTH: Final = 2  # how often a crowded bucket is split again
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


def detection_probability(jaccard: npt.ArrayLike, bands: int, rows: int) -> npt.NDArray[np.float64]:
    """The chance that a pair of this Jaccard similarity shares a band: 1 - (1 - J^rows)^bands."""
    return 1.0 - (1.0 - np.asarray(jaccard, np.float64) ** rows) ** bands


def ranks(priority: npt.NDArray[np.uint8], n_chars: UInt64s, doc_id: pa.Array) -> UInt64s:
    """uint64[n], smaller is better: 4 bits of source priority, 28 of length (the longest first), the first 32 of the doc_id.

    Priority 0 is that of documents which never end: protected ones, and those of earlier runs.

    >>> ranks(0, 3, b"...") < ranks(0, 2, b"...") < ranks(1, 9, b"...")
    """
    most = np.uint64((1 << _CHARS_BITS) - 1)
    shorter = most - np.minimum(n_chars, most)
    prefix = fixed_view(doc_id)[:, :4].copy().view(">u4").reshape(-1).astype(np.uint64)
    return (priority.astype(np.uint64) << np.uint64(60)) | (shorter << np.uint64(32)) | prefix


def may_end(rank: UInt64s) -> npt.NDArray[np.bool_]:
    """bool[n]: whether a document of this rank may be merged at all."""
    return rank >> np.uint64(60) != np.uint64(0)


def chars_of(rank: UInt64s) -> UInt64s:
    """The length that a rank was made from (at most 2^28 - 1)."""
    most = np.uint64((1 << _CHARS_BITS) - 1)
    return most - ((rank >> np.uint64(32)) & most)


def band_keys(signature: pa.RecordBatch, config: MinHash) -> pa.RecordBatch:
    """One row per document with a signature and band: `key` uint64 (of band number and band), at, rank, groups.

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
            "at": pa.array(np.repeat(signature.column("at").to_numpy(), config.bands)),
            "rank": pa.array(np.repeat(signature.column("rank").to_numpy(), config.bands)),
            "groups": fixed_column(np.repeat(groups, config.bands, axis=0).view(np.uint8)),
        }
    )


def group_prints(values: npt.NDArray[np.uint32], config: MinHash) -> UInt16s:
    """uint16[n, groups]: the fingerprints that `band_keys` makes of signatures uint32[n, bands * rows]."""
    return _prints(_band_keys(values, config.bands, config.rows))


def _prints(keys: UInt64s) -> UInt16s:
    return (keys[:, :MOST_GROUPS] >> np.uint64(48)).astype(np.uint16)


@numba.njit(cache=True, nogil=True)
def _band_keys(values: npt.NDArray[np.uint32], bands: int, rows: int) -> UInt64s:
    keys = np.empty((len(values), bands), np.uint64)
    for i in range(len(values)):
        for band in range(bands):
            key = np.uint64(band + 1) * np.uint64(0x9E3779B97F4A7C15)
            for row in range(rows):
                key = (key ^ np.uint64(values[i, band * rows + row])) * np.uint64(0xFF51AFD7ED558CCD)
                key ^= key >> np.uint64(32)
            keys[i, band] = key
    return keys


def candidate_pairs(bands: pa.Table, most: int) -> tuple[pa.RecordBatch, int, int]:
    """(CANDIDATE batch, number of crowded buckets, members of the largest bucket) of rows as `band_keys` makes them.

    In a bucket of up to `most` + 1 members every pair is proposed. In a larger one, members that agree in every band meet the best
    of their kind, and only that one goes on; if still too many go on, the bucket is crowded: see `_pair_crowd`.
    """
    keys = bands.column("key").to_numpy()
    rows = may_recur(keys)
    order = rows[np.argsort(keys[rows])]
    shared = order[run_lengths(keys[order]) > 1]
    at, rank, keys = (bands.column(name).take(pa.array(shared)).to_numpy() for name in ("at", "rank", "key"))
    order = np.lexsort((at, rank, keys))
    shared, at, rank, keys = shared[order], at[order], rank[order], keys[order]
    lengths = run_lengths(keys)
    large = lengths > most + 1
    found = [pair_up(np.flatnonzero(~large), keys[~large], most)]
    n_crowded = 0
    if large.any():
        members = np.flatnonzero(large)
        column = bands.column("groups").take(pa.array(shared[members])).combine_chunks()
        groups = np.zeros((len(keys), column.type.byte_width // 2), np.uint16)
        groups[members] = fixed_view(column).view(np.uint16)
        pairs, leaders = _pair_with_leaders(members, keys, groups)
        crowded = run_lengths(keys[leaders]) > most + 1
        found += [pairs, pair_up(leaders[~crowded], keys[leaders[~crowded]], most)]
        crowd = leaders[crowded]
        n_crowded = len(np.unique(keys[crowd]))
        found += _pair_crowd(crowd, keys[crowd], groups, most, 0, _DEPTH)
    pairs = np.concatenate(found)
    pairs = pairs[may_end(rank[pairs[:, 1]])]
    pairs = pairs[_first_of_each(at[pairs[:, 0]], at[pairs[:, 1]])]
    better, worse = pairs[:, 0], pairs[:, 1]
    columns = [pa.array(c) for c in (at[better], rank[better], at[worse], rank[worse])]
    return pa.RecordBatch.from_arrays(columns, schema=CANDIDATE), n_crowded, int(lengths.max(initial=0))


def lead(parts: Callable[[], Iterable[pa.Table]]) -> tuple[Iterator[pa.RecordBatch], pa.Table]:
    """(CANDIDATE batches of rows that agree in key and every group with the best of them, those best ones).

    What `candidate_pairs` does with large buckets, for one that does not fit the memory: only the best rows are held.
    """
    held: list[pa.Table] = []
    for part in parts():
        held = [_best_of_kind(pa.concat_tables([*held, part]))]
    leaders = held[0]
    kinds = _kinds(leaders)

    def pairs() -> Iterator[pa.RecordBatch]:
        for part in parts():
            where = np.searchsorted(kinds, _kinds(part))
            better = leaders.take(pa.array(where))
            sides = [side.column(name).to_numpy() for side in (better, part) for name in ("at", "rank")]
            follows = np.flatnonzero((sides[0] != sides[2]) & may_end(sides[3]))
            yield pa.RecordBatch.from_arrays([pa.array(side[follows]) for side in sides], schema=CANDIDATE)

    return pairs(), leaders


def _best_of_kind(bands: pa.Table) -> pa.Table:
    """The best row of each kind, by kind."""
    kinds = _kinds(bands)
    order = np.lexsort((bands.column("at").to_numpy(), bands.column("rank").to_numpy(), kinds))
    first = np.flatnonzero(np.diff(kinds[order], prepend=~kinds[order[:1]]) != 0)
    return bands.take(pa.array(order[first]))


def _kinds(bands: pa.Table) -> UInt64s:
    groups = fixed_view(bands.column("groups").combine_chunks()).view(np.uint16)
    return _hash_rows(bands.column("key").to_numpy(), groups)


def _pair_with_leaders(members: Rows, keys: UInt64s, groups: UInt16s) -> tuple[Rows, Rows]:
    """(pairs of members that agree in every group with the best of them, those best ones), within one bucket each."""
    kind = _hash_rows(keys[members], groups[members])
    order = np.argsort(kind, kind="stable")
    starts = np.flatnonzero(np.diff(kind[order], prepend=~kind[order[:1]]) != 0)
    leader = np.repeat(order[starts], np.diff(starts, append=len(order)))
    follows = leader != order
    return np.column_stack([members[leader[follows]], members[order[follows]]]), np.sort(members[order[starts]])


def _pair_crowd(crowd: Rows, bucket: UInt64s, groups: UInt16s, most: int, first: int, depth: int) -> list[Rows]:
    """Pairs within buckets that are too large: with the best, with the nearest in rank, and within each further shared band.

    A near-duplicate has nearly the length of its original and mostly shares several bands with it. Cost: at most
    2^depth x groups^depth x most pairs a member, however large the bucket is.
    """
    found = [pair_up(crowd, bucket, most)]
    whole = run_lengths(bucket)
    for group in range(first, groups.shape[1] if depth else 0):
        finer = _hash_rows(bucket, groups[crowd, group : group + 1])
        order = np.argsort(finer, kind="stable")
        rows, finer, before = crowd[order], finer[order], whole[order]
        lengths = run_lengths(finer)
        split = lengths < before  # a bucket that this band does not split at all is left to the next one
        fits = split & (lengths > 1) & (lengths <= most + 1)
        found.append(pair_up(rows[fits], finer[fits], most))
        rest = split & (lengths > most + 1)
        if rest.any():
            found += _pair_crowd(rows[rest], finer[rest], groups, max(2, most // 4), group + 1, depth - 1)
    return found


@numba.njit(cache=True, nogil=True)
def pair_up(rows: Rows, bucket: UInt64s, most: int) -> Rows:
    """int64[m, 2], (better, worse): each row with those before it in its bucket, `most` at most: half the best, half the nearest."""
    n = len(rows)
    total = 0
    first = 0
    for i in range(n):
        if i > 0 and bucket[i] != bucket[i - 1]:
            first = i
        total += min(i - first, most)
    pairs = np.empty((total, 2), np.int64)
    filled = 0
    first = 0
    for i in range(n):
        if i > 0 and bucket[i] != bucket[i - 1]:
            first = i
        before = min(i - first, most)
        best = before if i - first <= most else (most + 1) // 2
        for k in range(before):
            pairs[filled, 0] = rows[first + k if k < best else i - before + k]
            pairs[filled, 1] = rows[i]
            filled += 1
    return pairs


@numba.njit(cache=True, nogil=True)
def may_recur(keys: UInt64s) -> Rows:
    """int64[m], ascending: the rows whose key occurs again, and few others. Most keys occur once and need not be sorted."""
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
def run_lengths(keys: UInt64s) -> Rows:
    """int64[n]: how long the run of equal keys is in which each key stands."""
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


def _first_of_each(first: UInt64s, second: UInt64s) -> Rows:
    """Where each distinct pair stands first."""
    order = np.lexsort((second, first))
    a, b = first[order], second[order]
    fresh = np.ones(len(order), bool)
    fresh[1:] = (a[1:] != a[:-1]) | (b[1:] != b[:-1])
    return order[fresh]
