"""Documents of one address: which of them are similar enough to a winner to be merged into it."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.dedup.exact import MIN_REMOVABLE_RANK
from pipelines.dedup.frames import as_batch
from pipelines.dedup.minhash import pair_up
from pipelines.dedup.near.compare import PairComparer
from pipelines.dedup.near.survivors import resolve_star_pairs
from pipelines.dedup.snapshots.index import hash_keys
from schemas.hops import MERGE

MOST_COMPARED: Final = 32
"""How many winners of its address a document is compared with: the first ones in rank and the nearest ones."""


def merge_same_address(frame: pl.DataFrame, comparer: PairComparer) -> tuple[pa.RecordBatch, int]:
    """(MERGE rows, how many documents share an address with a winner and stay).

    `frame` has the columns url_hash (null: no address), rank, row_ref and doc_id.
    """
    frame = frame.filter(pl.col("url_hash").is_not_null())
    if comparer.earlier:
        frame = pl.concat([frame, comparer.earlier.equal(frame.get_column("url_hash"), "url")])
    frame = frame.filter(pl.col("url_hash").is_duplicated()).sort("url_hash", "rank", "row_ref")
    rank, refs = (frame.get_column(name).to_numpy() for name in ("rank", "row_ref"))
    pairs = pair_up(np.arange(len(refs)), frame.get_column("url_hash").rle_id().cast(pl.UInt64).to_numpy(), MOST_COMPARED)
    winners, losers = pairs[rank[pairs[:, 1]] >= np.uint64(MIN_REMOVABLE_RANK)].T
    similarity, _ = comparer("url", refs[winners], refs[losers])
    near = similarity >= comparer.limit("url")
    survivor, value = resolve_star_pairs(winners[near], losers[near], similarity[near], len(refs))
    rows = np.flatnonzero(survivor)
    columns = {
        "row_ref": refs[rows],
        "survivor_ref": refs[survivor[rows] - 1],
        "survivor_id": frame.get_column("doc_id").gather(survivor[rows] - 1),
        "value": value[rows],
    }
    merged = pl.DataFrame(columns).with_columns(pl.lit("url").alias("reason"), pl.lit(comparer.limit("url")).alias("limit"))
    return as_batch(merged, MERGE), len(np.unique(losers)) - len(rows)


def with_address_key(table: pa.Table) -> pa.Table:
    """With a uint64 column `key`: equal for equal addresses, and a key of its own for each row without an address."""
    hashes = table.column("url_hash").combine_chunks()
    keys = np.where(hashes.is_valid(), hash_keys(hashes.fill_null(b"\0" * 16)), table.column("row_ref").to_numpy())
    return table.append_column("key", pa.array(keys, pa.uint64()))
