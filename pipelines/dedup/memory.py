"""How `dedup.memory_mb` is shared out, and tables gone through in parts that fit a share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.dedup.minhash import MOST_GROUPS
from pipelines.dedup.simhash import block_masks
from schemas.recipe import Dedup

# Shares of dedup.memory_mb. Sorting a range takes several times its size; a text with its shingles about ten times its length.
RANGE_SHARE: Final = 1 / 12
VERIFY_SHARE: Final = 1 / 32
_SAMPLE: Final = 10_000


def memory_share(dedup: Dedup, share: float) -> int:
    """Bytes."""
    return int(dedup.memory_mb * 1024 * 1024 * share)


def range_share(dedup: Dedup) -> int:
    """Bytes of rows that are sorted or joined at once."""
    return memory_share(dedup, RANGE_SHARE)


def signature_row_bytes(dedup: Dedup) -> int:
    """Of one document."""
    return 84 + 4 * dedup.minhash.bands * dedup.minhash.rows


def band_row_bytes(dedup: Dedup) -> int:
    """Of one document in one band."""
    return 28 + 2 * min(dedup.minhash.bands, MOST_GROUPS)


def block_row_bytes(dedup: Dedup) -> int:
    """Of one document in all choices of blocks of its SimHash."""
    return 36 * len(block_masks(dedup.simhash))


def ranges_for(n_bytes: int, dedup: Dedup) -> int:
    """How many ranges an exchange of `n_bytes` needs, so that one of them fits the memory."""
    return max(4, math.ceil(n_bytes / range_share(dedup)))


def parts_of(table: pa.Table, most_bytes: int) -> Iterator[pa.Table]:
    """Consecutive slices of about `most_bytes` at most; at least one."""
    n_parts = max(1, math.ceil(table.nbytes / max(1, most_bytes)))
    for low, high in pairwise(np.linspace(0, table.num_rows, n_parts + 1).astype(int).tolist()):
        yield table.slice(low, high - low)


def cut_by(table: pa.Table, column: str, most_bytes: int) -> Iterator[pa.Table]:
    """The table in parts by quantiles of a uint64 column, ascending; rows with one value are never parted, however many they are."""
    if table.nbytes <= most_bytes:
        yield table
        return
    n_parts = math.ceil(table.nbytes / max(1, most_bytes))
    values = table.column(column)
    sample = np.sort(values.take(pa.array(np.arange(0, len(values), max(1, len(values) // _SAMPLE)))).to_numpy())
    cuts = np.unique(sample[np.linspace(0, len(sample), n_parts, endpoint=False).astype(np.int64)[1:]])
    # A value that fills a part by itself is one: cut behind it, too.
    cuts = np.unique(np.concatenate([cuts, cuts + np.uint64(1)])) if len(cuts) < n_parts - 1 else cuts
    for low, high in pairwise([0, *cuts.tolist(), None]):
        inside = pc.greater_equal(values, pa.scalar(low, pa.uint64()))
        part = table.filter(inside if high is None else pc.and_(inside, pc.less(values, pa.scalar(high, pa.uint64()))))
        if part.num_rows:
            yield part
