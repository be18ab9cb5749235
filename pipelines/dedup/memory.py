"""How `dedup.memory_mb` is divided, and how tables are split into parts that fit a share of it."""

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

# Shares of dedup.memory_mb. Sorting a partition takes several times its size; a text with its shingles takes about ten times its length.
PARTITION_SHARE: Final = 1 / 12
VERIFY_SHARE: Final = 1 / 32
_SAMPLE: Final = 10_000


def memory_share(dedup: Dedup, share: float) -> int:
    """A share of `dedup.memory_mb`, in bytes."""
    return int(dedup.memory_mb * 1024 * 1024 * share)


def partition_budget(dedup: Dedup) -> int:
    """Bytes of rows to sort or join at once."""
    return memory_share(dedup, PARTITION_SHARE)


def signature_row_bytes(dedup: Dedup) -> int:
    """Size of the SIGNATURE row of a document."""
    return 84 + 4 * dedup.minhash.bands * dedup.minhash.rows


def band_row_bytes(dedup: Dedup) -> int:
    """Size of the row of a document in one band."""
    return 28 + 2 * min(dedup.minhash.bands, MOST_GROUPS)


def block_row_bytes(dedup: Dedup) -> int:
    """Size of the rows of a document, one for each choice of blocks of its SimHash."""
    return 36 * len(block_masks(dedup.simhash))


def partitions_for(n_bytes: int, dedup: Dedup) -> int:
    """How many partitions a shuffle of `n_bytes` needs for one of them to fit the memory."""
    return max(4, math.ceil(n_bytes / partition_budget(dedup)))


def split_table(table: pa.Table, max_bytes: int) -> Iterator[pa.Table]:
    """Consecutive slices of at most about `max_bytes`; at least one slice."""
    n_parts = max(1, math.ceil(table.nbytes / max(1, max_bytes)))
    for low, high in pairwise(np.linspace(0, table.num_rows, n_parts + 1).astype(int).tolist()):
        yield table.slice(low, high - low)


def split_by_quantile(table: pa.Table, column: str, max_bytes: int) -> Iterator[pa.Table]:
    """The table in parts by quantiles of a uint64 column, ascending. Rows with equal values stay together, however many they are."""
    if table.nbytes <= max_bytes:
        yield table
        return
    n_parts = math.ceil(table.nbytes / max(1, max_bytes))
    values = table.column(column)
    sample = np.sort(values.take(pa.array(np.arange(0, len(values), max(1, len(values) // _SAMPLE)))).to_numpy())
    cuts = np.unique(sample[np.linspace(0, len(sample), n_parts, endpoint=False).astype(np.int64)[1:]])
    # A value that fills a part is a part by itself: cut behind it, too.
    cuts = np.unique(np.concatenate([cuts, cuts + np.uint64(1)])) if len(cuts) < n_parts - 1 else cuts
    for low, high in pairwise([0, *cuts.tolist(), None]):
        inside = pc.greater_equal(values, pa.scalar(low, pa.uint64()))
        part = table.filter(inside if high is None else pc.and_(inside, pc.less(values, pa.scalar(high, pa.uint64()))))
        if part.num_rows:
            yield part
