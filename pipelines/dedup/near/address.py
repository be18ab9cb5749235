"""Documents of one address: SIGNATURE rows -> those that stay, and MERGE rows of those that are like a better one of their address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.dedup.exact import LEAST_MORTAL
from pipelines.dedup.frames import as_batch, as_frame
from pipelines.dedup.memory import cut_by, range_share
from pipelines.dedup.minhash import pair_up
from pipelines.dedup.near.compare import Compare
from pipelines.dedup.near.survivors import resolve_pairs
from pipelines.dedup.snapshots.index import hash_keys
from pipelines.runtime import Decision, count
from schemas.hops import MERGE
from schemas.recipe import Dedup

MOST_COMPARED: Final = 32
"""Better documents of its address that one is compared with: the best ones and the nearest in rank."""


class MergeAlike:
    """Exchange reducer: rows with one address -> one is merged into the document that stays and is most like it.

    An address alone removes nothing: rows of a table and chapters of a book may share one, or differ in its fragment. Those that are
    not alike are counted and stay.
    """

    def __init__(self, dedup: Dedup, compare: Compare) -> None:
        self.compare, self.most_bytes, self.limit = compare, range_share(dedup), dedup.url.limit

    def __call__(self, number: int, table: pa.Table) -> Iterator[Decision]:
        """As many addresses at a time as fit the memory; one that does not fit is cut by rank."""
        for part in cut_by(_keyed(table), "key", self.most_bytes):
            pieces = list(cut_by(part, "rank", self.most_bytes)) if part.nbytes > 2 * self.most_bytes else [part]
            count("dedup", cut_buckets=len(pieces) - 1)
            for piece in pieces:
                yield from self.decided(piece.drop_columns(["range", "key"]))

    def decided(self, rows: pa.Table) -> Iterator[Decision]:
        """What stays, and what is merged."""
        merges = self.merges(as_frame(rows.select(["url_hash", "rank", "at", "doc_id"])))
        stays = rows.filter(pa.array(~np.isin(rows.column("at").to_numpy(), merges.column("at").to_numpy())))
        yield Decision(pa.RecordBatch.from_pylist([], rows.schema), merges)
        for batch in stays.to_batches():
            yield Decision(batch, merges.slice(0, 0))

    def merges(self, frame: pl.DataFrame) -> pa.RecordBatch:
        """MERGE rows of the rows with an address."""
        frame = frame.filter(pl.col("url_hash").is_not_null())
        if self.compare.earlier:
            frame = pl.concat([frame, self.compare.earlier.equal(frame.get_column("url_hash"), "url")])
        frame = frame.filter(pl.col("url_hash").is_duplicated()).sort("url_hash", "rank", "at")
        bucket = frame.get_column("url_hash").rle_id().cast(pl.UInt64).to_numpy()
        rank, at = (frame.get_column(name).to_numpy() for name in ("rank", "at"))
        pairs = pair_up(np.arange(len(at)), bucket, MOST_COMPARED)
        better, worse = pairs[rank[pairs[:, 1]] >= np.uint64(LEAST_MORTAL)].T
        similarity, _ = self.compare("url", at[better], at[worse])
        near = similarity >= self.limit
        of, value = resolve_pairs(better[near], worse[near], similarity[near], len(at))
        rows = np.flatnonzero(of)
        count("dedup", same_address_apart=len(np.unique(worse)) - len(rows))
        columns = {
            "at": at[rows],
            "survivor_at": at[of[rows] - 1],
            "survivor_id": frame.get_column("doc_id").gather(of[rows] - 1),
            "value": value[rows],
        }
        merged = pl.DataFrame(columns).with_columns(pl.lit("url").alias("reason"), pl.lit(self.limit).alias("limit"))
        return as_batch(merged, MERGE)


def _keyed(table: pa.Table) -> pa.Table:
    """With a column `key` that is one where the address is; rows without an address have one of their own."""
    hashes = table.column("url_hash").combine_chunks()
    keys = np.where(hashes.is_valid(), hash_keys(hashes.fill_null(b"\0" * 16)), table.column("at").to_numpy())
    return table.append_column("key", pa.array(keys, pa.uint64()))
