"""Keys of exact copies, by text (but for white space) and by address; and the merging of documents with equal texts."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from pipelines.dedup.arrays import UInt64s
from pipelines.dedup.frames import as_batch, as_frame
from pipelines.text.unicode import SPACE, TABLE_SIZE, char_classes, decode
from pipelines.text.urls import page_urls
from schemas.buffers import Bytes, Offsets, fixed_column, fixed_view, string_view
from schemas.hops import MERGE

_DIGEST_BYTES: Final = 16
MIN_REMOVABLE_RANK: Final = 1 << 60  # documents with a smaller rank are never removed


def content_hashes(text: pa.Array) -> pa.Array:
    """binary[16] per text: blake2b of the text with each run of white space as one space, and none at the ends."""
    data, offsets = string_view(text)
    squeezed, bounds = _squeeze(data, offsets, char_classes())
    return _digests(squeezed, bounds)


def url_hashes(url: pa.Array) -> pa.Array:
    """binary[16] per URL: blake2b of its form as `page_urls` writes it; null where there is no URL."""
    canonical = page_urls(pl.Series("url", pl.from_arrow(url), dtype=pl.String))
    data, offsets = string_view(canonical.to_arrow().cast(pa.large_string()))
    hashes = _digests(data, offsets)
    return pa.compute.if_else(url.is_valid(), hashes, pa.scalar(None, hashes.type))


def salted(hashes: pa.Array, salts: UInt64s) -> pa.Array:
    """binary[16] per hash: different ones for different salts; null stays null."""
    if not salts.any():
        return hashes
    values = fixed_view(hashes.fill_null(b"\0" * _DIGEST_BYTES)).copy().view(np.uint64) ^ salts[:, None]
    mixed = fixed_column(values.view(np.uint8))
    return pa.compute.if_else(hashes.is_valid(), mixed, pa.scalar(None, mixed.type))


def winner_rows(frames: pl.DataFrame | list[pl.DataFrame], key: str) -> pl.DataFrame:
    """Of each value of column `key` but null, the row that wins: the least (rank, row_ref). Columns key, rank, row_ref, doc_id."""
    frame = pl.concat(frames) if isinstance(frames, list) else frames
    return frame.filter(pl.col(key).is_not_null()).sort(key, "rank", "row_ref").unique(key, keep="first", maintain_order=True)


def merge_equal(table: pa.Table, key: str, reason: str, winners: pl.DataFrame | None = None) -> tuple[pa.Table, pa.RecordBatch]:
    """(rows that stay, MERGE batch): of the rows with one value in column `key`, the winner stays; null equals nothing.

    `winners` are the winners of each value, as `winner_rows` returns them; needed if the table is only a part. Protected rows always stay.
    """
    frame = as_frame(table.select([key, "rank", "row_ref", "doc_id"]))
    winners = winner_rows(frame, key) if winners is None else winners
    survivors = winners.select(key, pl.col("row_ref").alias("survivor_ref"), pl.col("doc_id").alias("survivor_id"))
    frame = frame.select(key, "rank", "row_ref").with_row_index("row").join(survivors, on=key, how="inner", maintain_order="left")
    frame = frame.filter((pl.col("row_ref") != pl.col("survivor_ref")) & (pl.col("rank") >= MIN_REMOVABLE_RANK))
    merges = frame.with_columns(pl.lit(reason).alias("reason"), pl.lit(1.0).alias("value"), pl.lit(1.0).alias("limit"))
    stays = np.ones(table.num_rows, bool)
    stays[merges.get_column("row").to_numpy()] = False
    return table.filter(pa.array(stays)), as_batch(merges, MERGE)


def _digests(data: Bytes, offsets: Offsets) -> pa.Array:
    view = data.data
    digest = b"".join(hashlib.blake2b(view[i:j], digest_size=_DIGEST_BYTES).digest() for i, j in pairwise(offsets))
    return fixed_column(np.frombuffer(digest, np.uint8).reshape(-1, _DIGEST_BYTES))


@numba.njit(cache=True, nogil=True)
def _squeeze(data: Bytes, offsets: Offsets, classes: npt.NDArray[np.uint8]) -> tuple[Bytes, Offsets]:
    n = len(offsets) - 1
    out = np.empty(offsets[n] - offsets[0], np.uint8)
    bounds = np.zeros(n + 1, np.int64)
    filled = 0
    for row in range(n):
        at, end = offsets[row], offsets[row + 1]
        pending = False
        begun = False
        while at < end:
            code, width = decode(data, at)
            if code < TABLE_SIZE and classes[code] & SPACE:
                pending = begun
            else:
                if pending:
                    out[filled] = 32
                    filled += 1
                for i in range(width):
                    out[filled + i] = data[at + i]
                filled += width
                begun = True
                pending = False
            at += width
        bounds[row + 1] = filled
    return out[:filled].copy(), bounds
