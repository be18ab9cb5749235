"""Documents of one address: which of them are like a better one, and so end in it."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.dedup.exact import LEAST_MORTAL
from pipelines.dedup.frames import as_batch
from pipelines.dedup.minhash import pair_up
from pipelines.dedup.near.compare import Compare
from pipelines.dedup.near.survivors import resolve_pairs
from pipelines.dedup.snapshots.index import hash_keys
from schemas.hops import MERGE

MOST_COMPARED: Final = 32
"""Better documents of its address that one is compared with: the best ones and the nearest in rank."""


def merge_alike(frame: pl.DataFrame, compare: Compare) -> tuple[pa.RecordBatch, int]:
    """(MERGE rows, documents that share an address with a better one and stay) of rows url_hash, rank, at, doc_id; null is no address."""
    frame = frame.filter(pl.col("url_hash").is_not_null())
    if compare.earlier:
        frame = pl.concat([frame, compare.earlier.equal(frame.get_column("url_hash"), "url")])
    frame = frame.filter(pl.col("url_hash").is_duplicated()).sort("url_hash", "rank", "at")
    rank, at = (frame.get_column(name).to_numpy() for name in ("rank", "at"))
    pairs = pair_up(np.arange(len(at)), frame.get_column("url_hash").rle_id().cast(pl.UInt64).to_numpy(), MOST_COMPARED)
    better, worse = pairs[rank[pairs[:, 1]] >= np.uint64(LEAST_MORTAL)].T
    similarity, _ = compare("url", at[better], at[worse])
    near = similarity >= compare.limit("url")
    of, value = resolve_pairs(better[near], worse[near], similarity[near], len(at))
    rows = np.flatnonzero(of)
    columns = {
        "at": at[rows],
        "survivor_at": at[of[rows] - 1],
        "survivor_id": frame.get_column("doc_id").gather(of[rows] - 1),
        "value": value[rows],
    }
    merged = pl.DataFrame(columns).with_columns(pl.lit("url").alias("reason"), pl.lit(compare.limit("url")).alias("limit"))
    return as_batch(merged, MERGE), len(np.unique(worse)) - len(rows)


def with_address_key(table: pa.Table) -> pa.Table:
    """With a column `key` that is one where the address is; rows without an address have one of their own."""
    hashes = table.column("url_hash").combine_chunks()
    keys = np.where(hashes.is_valid(), hash_keys(hashes.fill_null(b"\0" * 16)), table.column("at").to_numpy())
    return table.append_column("key", pa.array(keys, pa.uint64()))
