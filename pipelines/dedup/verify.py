"""Candidates -> true Jaccard -> stars: what LSH proposed is checked against the texts before anything is removed."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from pipelines.dedup.frames import as_batch, as_frame
from pipelines.dedup.minhash import BEST_FIRST, BEST_FIRST_DESCENDING, CANDIDATE
from pipelines.dedup.shingles import UInt64s
from schemas.buffers import Offsets
from schemas.hops import MERGE

Rows = npt.NDArray[np.int64]

EDGE: Final = CANDIDATE.append(pa.field("jaccard", pa.float64(), nullable=False))
"""A candidate pair with the true Jaccard similarity of its shingle sets."""


@numba.njit(cache=True, nogil=True)
def jaccard_of_pairs(hashes: UInt64s, offsets: Offsets, first: Rows, second: Rows) -> npt.NDArray[np.float64]:
    """float64[n]: |A and B| / |A or B| of the ascending sets in rows `first[i]` and `second[i]`; 0 where both are empty."""
    result = np.zeros(len(first), np.float64)
    for pair in range(len(first)):
        i, i_end = offsets[first[pair]], offsets[first[pair] + 1]
        j, j_end = offsets[second[pair]], offsets[second[pair] + 1]
        total = (i_end - i) + (j_end - j)
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
        if total:
            result[pair] = common / (total - common)
    return result


def resolve_stars(edges: pa.Table, limit: float, reason: str) -> pa.RecordBatch:
    """MERGE rows: going from the best document down, one is merged iff a document that stays is similar enough to it.

    `edges` are EDGE rows with jaccard >= limit, once each. The survivor is the most similar of those that stay (of equals the
    best), so every removal stands on its own comparison and never on a chain of them.
    """
    frame = as_frame(edges)
    sides = [
        frame.select(pl.col(f"{side}_at").alias("at"), pl.col(f"{side}_n_chars").alias("n_chars"), pl.col(f"{side}_doc_id").alias("doc_id"))
        for side in ("better", "worse")
    ]
    nodes = pl.concat(sides).unique("at").sort(BEST_FIRST, descending=BEST_FIRST_DESCENDING).with_row_index("rank")
    ranks = nodes.select("at", "rank")
    frame = frame.join(ranks.rename({"at": "better_at", "rank": "better"}), on="better_at")
    frame = frame.join(ranks.rename({"at": "worse_at", "rank": "worse"}), on="worse_at")
    frame = frame.sort("worse", "jaccard", "better", descending=[False, True, False])
    better = frame.get_column("better").to_numpy().astype(np.int64)
    worse = frame.get_column("worse").to_numpy().astype(np.int64)
    chosen = frame[_stars(better, worse, nodes.height)]
    merges = chosen.select(
        pl.col("worse_at").alias("at"),
        pl.col("better_at").alias("survivor_at"),
        pl.col("better_doc_id").alias("survivor_id"),
        pl.lit(reason).alias("reason"),
        pl.col("jaccard").alias("value"),
        pl.lit(limit).alias("limit"),
    )
    return as_batch(merges, MERGE)


@numba.njit(cache=True, nogil=True)
def _stars(better: Rows, worse: Rows, n_nodes: int) -> Rows:
    """Of edges sorted by `worse`, the first of each node whose `better` stays: the edges by which nodes are merged."""
    merged = np.zeros(n_nodes, np.bool_)
    chosen = np.empty(len(worse), np.int64)
    n = 0
    for edge in range(len(worse)):
        node = worse[edge]
        # Every better node has been decided: its own edges came before.
        if not merged[node] and not merged[better[edge]]:
            merged[node] = True
            chosen[n] = edge
            n += 1
    return chosen[:n]
