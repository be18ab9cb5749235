"""Segments and their merges -> the files of a snapshot: what a later run needs of the documents that stayed."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import msgspec
import numpy as np
import pyarrow as pa

from pipelines.dedup.memory import ranges_for
from pipelines.dedup.minhash import band_keys
from pipelines.dedup.pool import TakePart
from pipelines.dedup.ranges import by_segment
from pipelines.dedup.shingles import shingle_sets
from pipelines.dedup.sign import Signer
from pipelines.dedup.simhash import block_keys
from pipelines.dedup.snapshots.index import KEYS, earlier_schema, hash_keys
from pipelines.engine.decision import Decision, kept, removed
from pipelines.engine.exchange import Exchange, Partition, range_of, read_pieces
from pipelines.engine.segments import open_segment
from schemas.files import entry, whole_file
from schemas.recipe import Dedup


class StageSnapshot(beam.PTransform):
    """((segment number, path), MERGE batches) -> FileEntry lines of the files written below `run`/`staged`."""

    def __init__(self, dedup: Dedup, take_part: TakePart, n_documents: int, run: Path, staged: str, folder: Path) -> None:
        super().__init__()
        self.dedup, self.take_part, self.run, self.staged, self.folder = dedup, take_part, run, run / staged, folder
        self.n_ranges = ranges_for(16 * n_documents * dedup.minhash.bands, dedup)

    def expand(self, inputs: Any) -> beam.PCollection[str]:
        """Write what stays of each segment, then its keys, sorted."""
        segments: beam.PCollection[tuple[int, str]]
        merges: beam.PCollection[pa.RecordBatch]
        segments, merges = inputs
        pieces = merges | "by segment" >> beam.Map(by_segment) | "pieces" >> Partition(self.folder / "merges")
        grouped = {"path": segments, "pieces": pieces} | "join" >> beam.CoGroupByKey()
        written = grouped | "documents" >> beam.ParDo(_WriteDocuments(self))
        keys = written | "keyed" >> beam.Map(kept) | "keys" >> Exchange(self.folder / "keys", WriteKeys(self))
        lines = (written | "written" >> beam.Map(removed), keys) | "files" >> beam.Flatten()
        return lines | "lines" >> beam.FlatMap(lines_of)


def lines_of(batch: pa.RecordBatch) -> Iterator[str]:
    """The lines of a batch with a column `line`."""
    yield from batch.column("line").to_pylist()


class _WriteDocuments(beam.DoFn):
    """A segment and its merges -> one documents file, and its keys."""

    def __init__(self, stage: StageSnapshot) -> None:
        self.dedup, self.take_part, self.n_ranges = stage.dedup, stage.take_part, stage.n_ranges
        self.run, self.staged, self.folder = stage.run, stage.staged, stage.folder
        dedup = stage.dedup
        self.sign = Signer(dedup)
        self.schema = earlier_schema(dedup.minhash.bands * dedup.minhash.rows)

    def process(self, group: tuple[int, dict[str, Iterable[Any]]]) -> Iterator[Decision]:
        segment, found = group
        (segment_path,) = found["path"]
        pieces = read_pieces(self.folder / "merges", found["pieces"])
        merged = np.sort(pieces.column("at").to_numpy()) if pieces is not None else np.zeros(0, np.uint64)
        reader = open_segment(Path(segment_path))
        path = self.staged / f"documents-{segment:05d}.arrow"
        first_row = n_rows = 0
        with whole_file(path) as temporary, pa.ipc.new_file(str(temporary), self.schema) as writer:
            for index in range(reader.num_record_batches):
                batch = reader.get_batch(index)
                documents, rows, _ = self.take_part(batch)
                signature = self.sign(documents, rows.astype(np.uint64) + np.uint64((segment << 32) + first_row))
                first_row += batch.num_rows
                stays = pa.array(~np.isin(signature.column("at").to_numpy(), merged))
                signature = signature.filter(stays)
                places = (np.uint64(segment) << np.uint64(32)) + np.arange(n_rows, n_rows + signature.num_rows, dtype=np.uint64)
                writer.write_batch(self.documents(documents.filter(stays), signature))
                n_rows += signature.num_rows
                yield Decision(self.keys(signature, places), _no_line())
        yield Decision(self.keys(signature.slice(0, 0), places[:0]), _line(path, self.run, n_rows))

    def documents(self, batch: pa.RecordBatch, signature: pa.RecordBatch) -> pa.RecordBatch:
        """EARLIER rows."""
        hashes, offsets = shingle_sets(batch.column("text"), self.dedup.minhash.shingle)
        sets = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(hashes), type=self.schema.field("shingles").type)
        named = {name: signature.column(name) for name in ("doc_id", "rank", "url_hash", "exact_hash", "minhash", "simhash")} | {
            "shingles": sets
        }
        columns = [named[name] if name in named else batch.column(name) for name in self.schema.names]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def keys(self, signature: pa.RecordBatch, places: np.ndarray[Any, Any]) -> pa.RecordBatch:
        """KEYS rows of every kind, ranged by kind and key."""
        moved = signature.set_column(signature.schema.get_field_index("at"), "at", pa.array(places))
        keys, at, ranges = [], [], []
        for number, kind in enumerate(self.dedup.document_kinds):
            if kind in ("minhash", "simhash"):
                met = band_keys(moved, self.dedup.minhash) if kind == "minhash" else block_keys(moved, self.dedup.simhash)
                keys.append(met.column("key").to_numpy())
                at.append(met.column("at").to_numpy())
            else:
                held = moved.filter(moved.column(f"{kind}_hash").is_valid())
                keys.append(hash_keys(held.column(f"{kind}_hash")))
                at.append(held.column("at").to_numpy())
            ranges.append(range_of(keys[-1], self.n_ranges) + np.uint32(number * self.n_ranges))
        columns = [pa.array(np.concatenate(parts)) for parts in (keys, at, ranges)]
        return pa.RecordBatch.from_arrays(columns, names=["key", "at", "range"])


class WriteKeys:
    """Exchange reducer: the keys of one kind and range -> one sorted file."""

    def __init__(self, stage: StageSnapshot) -> None:
        self.kinds, self.n_ranges, self.run, self.staged = stage.dedup.document_kinds, stage.n_ranges, stage.run, stage.staged

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Sort and write."""
        kind, part = divmod(number, self.n_ranges)
        keys, at = table.column("key").to_numpy(), table.column("at").to_numpy()
        order = np.lexsort((at, keys))
        path = self.staged / f"keys-{self.kinds[kind]}-{part:05d}.arrow"
        with whole_file(path) as temporary, pa.ipc.new_file(str(temporary), KEYS) as writer:
            writer.write_batch(pa.RecordBatch.from_arrays([pa.array(keys[order]), pa.array(at[order])], schema=KEYS))
        yield _line(path, self.run, len(order))


def _line(path: Path, root: Path, n_rows: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"line": pa.array([msgspec.json.encode(entry(path, root, n_rows)).decode()], pa.large_string())})


def _no_line() -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"line": pa.array([], pa.large_string())})
