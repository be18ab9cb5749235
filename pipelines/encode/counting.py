"""Exact pre-token counts of streamed text within a memory limit: counts that do not fit are written to files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pyarrow as pa

from schemas.recipe import Tokenizer
from tokenizer.bpe import (
    PretokenCounter,
    column_counter,
    max_count_bytes,
    merge_pretoken_counts,
    most_frequent_pretokens,
    pretoken_partitions,
)

N_PARTITIONS: Final = 64
"""Spilled counts are added up in this many parts, one after the other."""


def count_columns(columns: Iterable[pa.Array], config: Tokenizer) -> pa.RecordBatch:
    """COUNTS of the pre-tokens of the columns: of all, or of the most frequent ones that config.memory_mb allows."""
    most_bytes = max_count_bytes(config)
    counter, add = PretokenCounter(), column_counter(config)
    with tempfile.TemporaryDirectory(prefix="corpusmill-counts-") as folder:
        spilled: list[Path] = []
        for column in columns:
            add(counter, column)
            if counter.nbytes > most_bytes:
                spilled.append(_spill(counter.counts(), Path(folder) / f"{len(spilled):05d}.arrow"))
                counter = PretokenCounter()
        if not spilled:
            return counter.counts()
        spilled.append(_spill(counter.counts(), Path(folder) / f"{len(spilled):05d}.arrow"))
        del counter
        sums = Path(folder) / "sums.arrow"
        with pa.ipc.new_file(str(sums), pa.ipc.open_file(spilled[0]).schema) as writer:
            for number in range(N_PARTITIONS):
                writer.write_batch(merge_pretoken_counts(_mapped(path).get_batch(number) for path in spilled))
        return most_frequent_pretokens(count_batches([sums]), most_bytes)


def count_batches(files: Iterable[Path]) -> list[pa.RecordBatch]:
    """The batches of files of counts, memory-mapped."""
    readers = [_mapped(path) for path in files]
    return [reader.get_batch(index) for reader in readers for index in range(reader.num_record_batches)]


def _spill(counts: pa.RecordBatch, path: Path) -> Path:
    """A file with one batch per range."""
    table = pa.Table.from_batches([counts]).append_column("partition", pretoken_partitions(counts, N_PARTITIONS)).sort_by("partition")
    bounds = table.column("partition").combine_chunks().to_numpy().searchsorted(range(N_PARTITIONS + 1))
    table = table.drop_columns("partition").combine_chunks()
    with pa.ipc.new_file(str(path), counts.schema) as writer:
        for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            batches = table.slice(start, end - start).combine_chunks().to_batches()
            writer.write_batch(batches[0] if batches else counts.slice(0, 0))
    return path


def _mapped(path: Path) -> pa.ipc.RecordBatchFileReader:
    return pa.ipc.open_file(pa.memory_map(str(path)))
