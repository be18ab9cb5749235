"""Token shards: Arrow IPC files of whole documents in shuffled order, and the index that lists them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypedDict

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.buffers import take_rows
from schemas.files import FileEntry, whole_file
from schemas.hops import MAX_BATCH_ROWS, TOKENS_COLUMNS

SHARDS_FORMAT: Final = "corpusmill-shards/1"


def in_shuffled_order(table: pa.Table) -> pa.Table:
    """The rows sorted by `order`, and equal ones by address, so that the order of arrival does not show."""
    by = ("order", "doc_id", "origin_file", "origin_offset", "part")
    order = pc.sort_indices(table.select(by), sort_keys=[(name, "ascending") for name in by])
    return take_rows(table, order.to_numpy().astype(np.int64))


def split_shards(table: pa.Table, most_tokens: int) -> Iterator[pa.Table]:
    """Consecutive slices of at most `most_tokens` tokens each, with at least one document each."""
    sizes = table.column("n_tokens").to_numpy()
    start, held = 0, 0
    for row, size in enumerate(sizes):
        if held and held + size > most_tokens:
            yield table.slice(start, row - start)
            start, held = row, 0
        held += int(size)
    if start < table.num_rows:
        yield table.slice(start)


def write_shard(table: pa.Table, path: Path, schema: pa.Schema) -> None:
    """An uncompressed Arrow IPC file of the shard's columns: it can be memory-mapped and read without a copy."""
    table = table.select(list(TOKENS_COLUMNS)).combine_chunks()
    with whole_file(path) as temporary, pa.ipc.new_file(str(temporary), schema) as writer:
        for batch in table.cast(schema.remove_metadata()).to_batches(MAX_BATCH_ROWS):
            writer.write_batch(batch)


def final_names(names: list[str]) -> dict[str, str]:
    """Provisional shard names (split-range-piece) -> final ones (split-NNNNN-of-NNNNN), in the same order per split."""
    final: dict[str, str] = {}
    for split in ("train", "valid"):
        mine = sorted(name for name in names if name.startswith(split))
        final |= {name: f"{split}-{i:05d}-of-{len(mine):05d}.arrow" for i, name in enumerate(mine)}
    return final


def named_shards(files: list[FileEntry], root: Path) -> list[FileEntry]:
    """Rename provisional shard files below `root` to their final names; their bytes and digests stay."""
    final = final_names([Path(file.path).name for file in files])
    renamed = []
    for file in files:
        path = root / file.path
        target = path.rename(path.with_name(final[path.name]))
        renamed.append(FileEntry(path=str(target.relative_to(root)), n_bytes=file.n_bytes, sha256=file.sha256, n_rows=file.n_rows))
    return sorted(renamed, key=lambda file: file.path)


class ShardEntry(TypedDict):
    """A shard in shards/index.json; `path` is relative to that file."""

    path: str
    split: str
    n_documents: int
    n_tokens: int
    n_bytes: int
    sha256: str


class ShardIndex(TypedDict):
    """shards/index.json."""

    format: str
    tokenizer: dict[str, object]
    dtype: str
    shards: list[ShardEntry]
    sources: dict[str, dict[str, int]]


def shard_index(shards: list[FileEntry], root: Path, tokenizer: dict[str, object], dtype: str) -> ShardIndex:
    """The content of shards/index.json: `tokenizer` (path, digest and size), and the totals of every shard and source."""
    entries: list[ShardEntry] = []
    for shard in shards:
        n_documents, n_tokens = shard_counts(root / shard.path)
        name = Path(shard.path).name
        entries.append(
            {
                "path": name,
                "split": name.split("-")[0],
                "n_documents": n_documents,
                "n_tokens": n_tokens,
                "n_bytes": shard.n_bytes,
                "sha256": shard.sha256,
            }
        )
    totals = source_totals([root / shard.path for shard in shards])
    return {"format": SHARDS_FORMAT, "tokenizer": tokenizer, "dtype": dtype, "shards": entries, "sources": totals}


def source_totals(paths: list[Path]) -> dict[str, dict[str, int]]:
    """Documents and tokens by source over all shards, read from the files themselves."""
    totals: dict[str, dict[str, int]] = {}
    for path in paths:
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_file(file).read_all().select(["source", "n_tokens"])
            for row in table.group_by("source").aggregate([("n_tokens", "sum"), ("n_tokens", "count")]).to_pylist():
                total = totals.setdefault(row["source"], {"n_documents": 0, "n_tokens": 0})
                total["n_documents"] += row["n_tokens_count"]
                total["n_tokens"] += row["n_tokens_sum"]
    return dict(sorted(totals.items()))


def shard_counts(path: Path) -> tuple[int, int]:
    """(documents, tokens) in a shard file."""
    with pa.memory_map(str(path)) as file:
        table = pa.ipc.open_file(file).read_all()
        return table.num_rows, pc.sum(table.column("n_tokens")).as_py() or 0


def write_shard_index(path: Path, index: Mapping[str, object]) -> None:
    """Write shards/index.json, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(index), indent=2) + b"\n")


def shard_partitions(order: npt.NDArray[np.uint64], valid: npt.NDArray[np.bool_], n_partitions: int) -> pa.Array:
    """uint32[n]: each document's range of the shuffled order, or `n_partitions` for the validation split."""
    part = ((order >> np.uint64(32)) * np.uint64(n_partitions) >> np.uint64(32)).astype(np.uint32)
    return pa.array(np.where(valid, np.uint32(n_partitions), part))
