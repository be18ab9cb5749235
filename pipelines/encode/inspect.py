"""The contents of a token shard: schema, metadata, totals, and lengths of documents. No token is decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypedDict

import numpy as np
import pyarrow as pa

from schemas.errors import InputError

LENGTH_QUANTILES: Final = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)


class GroupTotals(TypedDict):
    """The documents of one source or language."""

    documents: int
    tokens: int


class ShardDescription(TypedDict):
    """Everything that `inspect` prints of a shard, except tokens."""

    documents: int
    tokens: int
    bytes: int
    columns: dict[str, str]
    """Types by name."""
    metadata: dict[str, str]
    sources: dict[str, GroupTotals]
    languages: dict[str, GroupTotals]
    lengths: dict[float, int]
    """LENGTH_QUANTILES of the documents' tokens; empty if there are no documents."""


def describe(path: Path) -> ShardDescription:
    """Counts, schema, metadata, tokens by source and language, and quantiles of document lengths."""
    table = open_shard(path)
    lengths = table.column("n_tokens").to_numpy()
    quantiles = np.quantile(lengths, LENGTH_QUANTILES) if len(lengths) else None
    return {
        "documents": table.num_rows,
        "tokens": int(lengths.sum()),
        "bytes": path.stat().st_size,
        "columns": {field.name: str(field.type) for field in table.schema},
        "metadata": {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()},
        "sources": _totals(table, "source"),
        "languages": _totals(table, "lang"),
        "lengths": {} if quantiles is None else dict(zip(LENGTH_QUANTILES, quantiles.astype(int).tolist(), strict=True)),
    }


def open_shard(path: Path) -> pa.Table:
    """The shard, memory-mapped; InputError if the file is not a token shard."""
    if not path.is_file():
        raise InputError("CM-ENCODE-001", f"{path} is not a file; pass a token shard, such as DIR/shards/train-00000-of-00001.arrow")
    try:
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except pa.ArrowInvalid as error:
        raise InputError("CM-ENCODE-002", f"{path} is not an Arrow IPC file: {error}") from error
    if missing := {"source", "lang", "tokens", "n_tokens"} - set(table.column_names):
        raise InputError("CM-ENCODE-003", f"{path} is not a token shard: it lacks the columns {', '.join(sorted(missing))}")
    return table


def _totals(table: pa.Table, by: str) -> dict[str, GroupTotals]:
    rows = table.group_by(by).aggregate([("n_tokens", "sum"), ("n_tokens", "count")]).sort_by(by).to_pylist()
    return {row[by] or "not known": {"documents": row["n_tokens_count"], "tokens": row["n_tokens_sum"]} for row in rows}
