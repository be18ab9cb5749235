"""The documents that a tokenizer is trained and evaluated on: samples by hash(seed, doc_id), weighted by source and language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.sampling import hash_ids, in_share

Group = tuple[str, str | None]
"""(source, language)."""


def group_sizes(batches: Iterable[pa.RecordBatch]) -> Counter[Group]:
    """Bytes of text by source and language."""
    sizes: Counter[Group] = Counter()
    for batch in batches:
        table = pa.table({**_groups(batch), "n_bytes": pc.binary_length(batch.column("text"))})
        for row in table.group_by(["source", "lang"]).aggregate([("n_bytes", "sum")]).to_pylist():
            sizes[row["source"], row["lang"]] += row["n_bytes_sum"] or 0
    return sizes


def sampling_shares(sizes: Counter[Group], most_bytes: int, alpha: float) -> dict[Group, float]:
    """The share of each group's documents to sample, for about most_bytes in all, in proportion to bytes ** alpha.

    A group smaller than its part is taken whole, and the rest of its part is divided among the others.
    """
    found: dict[Group, float] = {}
    left = float(most_bytes)
    weights = {group: size**alpha for group, size in sizes.items() if size}
    # The group with the largest share is first.
    for group in sorted(weights, key=lambda group: sizes[group] / weights[group]):
        part = left * weights[group] / sum(weight for other, weight in weights.items() if other not in found)
        found[group] = min(1.0, part / sizes[group])
        left -= found[group] * sizes[group]
    return found


def sample_batch(batch: pa.RecordBatch, shares: dict[Group, float], seed: int, purpose: str) -> pa.RecordBatch:
    """The sampled documents of the batch; `shares` by group, `purpose` makes samples with the same seed independent."""
    groups = _groups(batch)
    pairs = zip(groups["source"].to_pylist(), groups["lang"].to_pylist(), strict=True)
    limits = np.fromiter((shares.get(pair, 0.0) for pair in pairs), np.float64, batch.num_rows)
    hashes = hash_ids(batch.column("doc_id"), seed, purpose)
    return batch.filter(pa.array(in_share(hashes, limits)))


def _groups(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    return {name: batch.column(name).cast(pa.large_string()) for name in ("source", "lang")}
