"""Files of a run without the rows of some documents: same schema, same batches, the other rows as they were."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.files import whole_file
from schemas.ledger import as_now


def removed_rows(source: Path, ids: pa.Array, *columns: str) -> pa.Table:
    """These columns of the rows with a doc_id (binary[16]) in `ids`; no other column is read."""
    names = ["doc_id", *(name for name in columns if name != "doc_id")]
    parts = [batch.select(names).filter(pc.is_in(batch.column("doc_id"), ids)) for batch in _batches(source, names)]
    return pa.Table.from_batches(parts).select(list(columns or names))


def write_without(source: Path, target: Path, ids: pa.Array, *, keep_empty: bool) -> int:
    """Write the other rows to `target`, whole or not at all, and return how many; `keep_empty` keeps batches that lose all rows."""
    n_rows = 0
    with whole_file(target) as temporary, _writer(source, temporary) as writer:
        for batch in _batches(source):
            left = batch.filter(pc.invert(pc.fill_null(pc.is_in(batch.column("doc_id"), ids), False)))
            if left.num_rows or keep_empty:
                writer.write_batch(left)
            n_rows += left.num_rows
    return n_rows


def write_ledger(table: pa.Table, target: Path) -> None:
    """Write ledger rows as the runtime's sink does."""
    with whole_file(target) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def _batches(source: Path, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    if source.suffix == ".parquet":
        with pq.ParquetFile(source) as file:
            for group in range(file.num_row_groups):
                stored = dict(zip(as_now(file.schema_arrow).names, file.schema_arrow.names, strict=True))
                table = file.read_row_group(group, columns=[stored[name] for name in columns or stored])
                table = table.rename_columns(as_now(table.schema).names)
                yield pa.RecordBatch.from_arrays([column.combine_chunks() for column in table.columns], schema=table.schema)
            if not file.num_row_groups:
                yield pa.RecordBatch.from_pylist([], as_now(file.schema_arrow))
        return
    reader = pa.ipc.open_file(pa.memory_map(str(source)))
    for index in range(reader.num_record_batches):
        yield reader.get_batch(index)
    if not reader.num_record_batches:
        yield pa.RecordBatch.from_pylist([], reader.schema)


def _writer(source: Path, target: Path) -> pq.ParquetWriter | pa.ipc.RecordBatchFileWriter:
    if source.suffix == ".parquet":
        return pq.ParquetWriter(target, as_now(pq.read_schema(source)), compression="zstd")
    return pa.ipc.new_file(str(target), pa.ipc.open_file(pa.memory_map(str(source))).schema)
