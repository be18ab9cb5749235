"""MinHash-LSH: signatures -> band keys -> candidate pairs. It only proposes; `verify` decides.

Documents are named by `at` (where they lie) and ordered by `rank`: the longest first, then the smallest doc_id. The better of
two copies is the one that stays.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.dedup.frames import as_batch, as_frame
from schemas.recipe import MinHash

CANDIDATE: Final = pa.schema(
    [
        pa.field(f"{side}_{name}", kind, nullable=False)
        for side in ("better", "worse")
        for name, kind in (("at", pa.uint64()), ("n_chars", pa.uint64()), ("doc_id", pa.binary(16)))
    ]
)
"""Two documents that share a band; the better one would survive."""

BEST_FIRST: Final = ("n_chars", "doc_id", "at")
BEST_FIRST_DESCENDING: Final = (True, False, False)


def detection_probability(jaccard: npt.ArrayLike, bands: int, rows: int) -> npt.NDArray[np.float64]:
    """The chance that a pair of this Jaccard similarity shares a band: 1 - (1 - J^rows)^bands."""
    return 1.0 - (1.0 - np.asarray(jaccard, np.float64) ** rows) ** bands


def band_keys(signature: pa.RecordBatch, config: MinHash) -> pa.RecordBatch:
    """One row per document with a signature and band: `key` uint64 (of band number and band), at, n_chars, doc_id."""
    signature = signature.filter(pc.greater(signature.column("n_shingles"), 0))
    n = signature.num_rows
    column = signature.column("minhash")
    values = column.flatten().to_numpy(zero_copy_only=False).reshape(n, config.bands * config.rows)
    keys = _band_keys(np.ascontiguousarray(values), config.bands, config.rows)
    repeat = pa.array(np.repeat(np.arange(n), config.bands))
    return pa.RecordBatch.from_pydict(
        {"key": pa.array(keys.reshape(-1)), **{name: signature.column(name).take(repeat) for name in ("at", "n_chars", "doc_id")}}
    )


@numba.njit(cache=True, nogil=True)
def _band_keys(values: npt.NDArray[np.uint32], bands: int, rows: int) -> npt.NDArray[np.uint64]:
    keys = np.empty((len(values), bands), np.uint64)
    for i in range(len(values)):
        for band in range(bands):
            key = np.uint64(band + 1) * np.uint64(0x9E3779B97F4A7C15)
            for row in range(rows):
                key = (key ^ np.uint64(values[i, band * rows + row])) * np.uint64(0xFF51AFD7ED558CCD)
                key ^= key >> np.uint64(32)
            keys[i, band] = key
    return keys


def candidate_pairs(bands: pa.Table, max_comparisons: int) -> tuple[pa.RecordBatch, int]:
    """(CANDIDATE batch, number of capped buckets): each member of a bucket paired with the best `max_comparisons` before it."""
    table = as_frame(bands)
    by = ("key", *BEST_FIRST)
    table = table.filter(pl.len().over("key") > 1).sort(by, descending=(False, *BEST_FIRST_DESCENDING))
    starts = table.get_column("key").rle_id().to_numpy()
    better, worse, n_capped = _pair_up(starts, max_comparisons)
    columns: dict[str, pl.Series] = {}
    for side, rows in (("better", better), ("worse", worse)):
        picked = table.select("at", "n_chars", "doc_id")[rows]
        columns |= {f"{side}_{name}": picked.get_column(name) for name in picked.columns}
    pairs = pl.DataFrame(columns).unique(("better_at", "worse_at"), keep="any")
    return as_batch(pairs, CANDIDATE), n_capped


@numba.njit(cache=True, nogil=True)
def _pair_up(bucket: npt.NDArray[np.uint32], most: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
    """Row pairs (better, worse) within runs of equal bucket numbers, each worse row with at most `most` better ones."""
    n = len(bucket)
    total = 0
    first = 0
    for i in range(n):
        if i > 0 and bucket[i] != bucket[i - 1]:
            first = i
        total += min(i - first, most)
    better = np.empty(total, np.int64)
    worse = np.empty(total, np.int64)
    n_capped = 0
    at = 0
    first = 0
    for i in range(n):
        if i > 0 and bucket[i] != bucket[i - 1]:
            first = i
        if i - first == most + 1:
            n_capped += 1
        for j in range(first, first + min(i - first, most)):
            better[at] = j
            worse[at] = i
            at += 1
    return better, worse, n_capped
