"""Candidates -> true similarity -> stars: what LSH proposed is checked against the texts before anything is removed."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.dedup.minhash import CANDIDATE, Rows, UInt64s
from schemas.buffers import Offsets
from schemas.hops import MERGE

EDGE: Final = CANDIDATE.append(pa.field("better_id", pa.binary(16), nullable=False)).append(
    pa.field("similarity", pa.float64(), nullable=False)
)
"""A candidate pair with the true similarity of its shingle sets."""


@numba.njit(cache=True, nogil=True)
def similarities(hashes: UInt64s, offsets: Offsets, better: Rows, worse: Rows, containment: bool) -> npt.NDArray[np.float64]:
    """float64[n] of the ascending sets A in row `better[i]` and B in row `worse[i]`; 0 where both are empty.

    Jaccard |A and B| / |A or B|, or the containment |A and B| / |B|: how much of what would be removed stands in what stays.
    """
    result = np.zeros(len(better), np.float64)
    for pair in range(len(better)):
        i, i_end = offsets[better[pair]], offsets[better[pair] + 1]
        j, j_end = offsets[worse[pair]], offsets[worse[pair] + 1]
        in_both = i_end - i + j_end - j
        of = j_end - j
        common = 0
        while i < i_end and j < j_end:
            if hashes[i] == hashes[j]:
                common += 1
                i += 1
                j += 1
            elif hashes[i] < hashes[j]:
                i += 1
            else:
                j += 1
        if not containment:
            of = in_both - common
        if of:
            result[pair] = common / of
    return result


def length_class(chars: UInt64s, priority: UInt64s) -> npt.NDArray[np.uint32]:
    """uint32[n], not descending where ranks ascend: documents of one priority and of about one length share a class."""
    octave = np.floor(32 * np.log2(chars.astype(np.float64) + 1)).astype(np.uint32)
    return priority.astype(np.uint32) * np.uint32(1024) + (np.uint32(1023) - octave)


def resolve_stars(
    edges: pa.Table, merged: npt.NDArray[np.uint8], first_rows: npt.NDArray[np.uint64], limit: float, reason: str
) -> pa.RecordBatch:
    """MERGE rows: going from the best document down, one is merged iff a document that stays is similar enough to it.

    `edges` are EDGE rows, those of better worse documents in earlier calls. `merged` has one bit per document, numbered through
    the segments (`first_rows[segment]` + row), and is marked here. The survivor is the most similar of those that stay (of equals
    the best), so every removal stands on its own comparison and never on a chain of them.
    """
    names = ("better_at", "better_rank", "worse_at", "worse_rank", "similarity")
    better, better_rank, worse, worse_rank, similarity = (edges.column(name).to_numpy() for name in names)
    order = np.lexsort((better, better_rank, -similarity, worse, worse_rank))
    chosen = order[_stars(_numbered(better[order], first_rows), _numbered(worse[order], first_rows), merged)]
    n = len(chosen)
    columns = {
        "at": pa.array(worse[chosen]),
        "survivor_at": pa.array(better[chosen]),
        "survivor_id": edges.column("better_id").take(pa.array(chosen)).combine_chunks(),
        "reason": pa.repeat(pa.scalar(reason, pa.large_string()), n),
        "value": pa.array(similarity[chosen]),
        "limit": pa.repeat(pa.scalar(limit, pa.float64()), n),
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in MERGE.names], schema=MERGE)


def _numbered(at: UInt64s, first_rows: UInt64s) -> Rows:
    return (first_rows[(at >> np.uint64(32)).astype(np.int64)] + (at & np.uint64(0xFFFFFFFF))).astype(np.int64)


@numba.njit(cache=True, nogil=True)
def _stars(better: Rows, worse: Rows, merged: npt.NDArray[np.uint8]) -> Rows:
    """Of edges in the order of `worse`, the first of each document whose `better` stays: the edges by which it is merged."""
    chosen = np.empty(len(worse), np.int64)
    n = 0
    for edge in range(len(worse)):
        # Every better document has been decided: its own edges came before.
        if not _is_set(merged, worse[edge]) and not _is_set(merged, better[edge]):
            merged[worse[edge] >> 3] |= np.uint8(1 << (worse[edge] & 7))
            chosen[n] = edge
            n += 1
    return chosen[:n]


@numba.njit(cache=True, nogil=True)
def _is_set(bits: npt.NDArray[np.uint8], at: int) -> bool:
    return bits[at >> 3] & (1 << (at & 7)) != 0
