"""Segments and their MERGE rows -> the files of a snapshot: what a later run needs of the documents that stayed."""

from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import msgspec
import numpy as np
import pyarrow as pa

from pipelines.dedup.arrays import UInt64s
from pipelines.dedup.memory import partitions_for
from pipelines.dedup.minhash import band_keys
from pipelines.dedup.partitions import partition_by_segment
from pipelines.dedup.pool import Eligibility
from pipelines.dedup.row_refs import row_refs
from pipelines.dedup.shingles import shingle_sets
from pipelines.dedup.sign import Signer
from pipelines.dedup.simhash import block_keys
from pipelines.dedup.snapshots.index import KEYS, earlier_schema, hash_keys
from pipelines.engine.decision import Decision, kept, removed
from pipelines.engine.segments import batches_of
from pipelines.engine.shuffle import PARTITION, Joined, PCollections, Shuffle, WritePieces, partition_of, read_pieces
from schemas.files import entry, whole_file
from schemas.recipe import Dedup


class StageSnapshot(beam.PTransform):
    """((segment number, path), MERGE batches) -> FileEntry lines of the files written below `run`/`staged`."""

    def __init__(self, dedup: Dedup, eligibility: Eligibility, n_documents: int, run: Path, staged: str, folder: Path) -> None:
        super().__init__()
        self.dedup, self.eligibility, self.run, self.staged, self.folder = dedup, eligibility, run, run / staged, folder
        self.n_partitions = partitions_for(16 * n_documents * dedup.minhash.bands, dedup)

    def expand(self, inputs: PCollections) -> beam.PCollection[str]:
        """Write what stays of each segment, then its keys, sorted."""
        segments: beam.PCollection[tuple[int, str]]
        merges: beam.PCollection[pa.RecordBatch]
        segments, merges = inputs
        pieces = merges | "by segment" >> beam.Map(partition_by_segment) | "pieces" >> WritePieces(self.folder / "merges")
        grouped = {"path": segments, "pieces": pieces} | "join" >> beam.CoGroupByKey()
        written = grouped | "documents" >> beam.ParDo(_WriteDocuments(self))
        keys = written | "keyed" >> beam.Map(kept) | "keys" >> Shuffle(self.folder / "keys", WriteKeys(self))
        lines = (written | "written" >> beam.Map(removed), keys) | "files" >> beam.Flatten()
        return lines | "lines" >> beam.FlatMap(entry_lines)


def entry_lines(batch: pa.RecordBatch) -> Iterator[str]:
    """The FileEntry lines in the column `line` of a batch."""
    yield from batch.column("line").to_pylist()


class _WriteDocuments(beam.DoFn):
    """A segment and its MERGE rows -> a documents file; Decision: KEYS rows, and the file's FileEntry line."""

    def __init__(self, stage: StageSnapshot) -> None:
        self.dedup, self.eligibility, self.n_partitions = stage.dedup, stage.eligibility, stage.n_partitions
        self.run, self.staged, self.folder = stage.run, stage.staged, stage.folder
        dedup = stage.dedup
        self.sign = Signer(dedup)
        self.schema = earlier_schema(dedup.minhash.bands * dedup.minhash.rows)

    def process(self, joined: Joined) -> Iterator[Decision]:
        segment, values = joined
        (segment_path,) = values["path"]
        pieces = read_pieces(self.folder / "merges", values["pieces"])
        merged = np.sort(pieces.column("row_ref").to_numpy()) if pieces is not None else np.zeros(0, np.uint64)
        path = self.staged / f"documents-{segment:05d}.arrow"
        first_row = n_rows = 0
        with whole_file(path) as temporary, pa.ipc.new_file(str(temporary), self.schema) as writer:
            for batch in batches_of(Path(segment_path)):
                documents, rows, _ = self.eligibility(batch)
                signature = self.sign(documents, row_refs(segment, first_row + rows))
                first_row += batch.num_rows
                stays = pa.array(~np.isin(signature.column("row_ref").to_numpy(), merged))
                signature = signature.filter(stays)
                refs = row_refs(segment, np.arange(n_rows, n_rows + signature.num_rows))
                writer.write_batch(self.documents(documents.filter(stays), signature))
                n_rows += signature.num_rows
                yield Decision(self.keys(signature, refs), _no_line())
        yield Decision(self.keys(signature.slice(0, 0), refs[:0]), _line(path, self.run, n_rows))

    def documents(self, batch: pa.RecordBatch, signature: pa.RecordBatch) -> pa.RecordBatch:
        """EARLIER rows."""
        hashes, offsets = shingle_sets(batch.column("text"), self.dedup.minhash.shingle)
        sets = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(hashes), type=self.schema.field("shingles").type)
        named = {name: signature.column(name) for name in ("doc_id", "rank", "url_hash", "exact_hash", "minhash", "simhash")} | {
            "shingles": sets
        }
        columns = [named[name] if name in named else batch.column(name) for name in self.schema.names]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def keys(self, signature: pa.RecordBatch, refs: UInt64s) -> pa.RecordBatch:
        """Rows (key, row_ref) of every kind, partitioned by kind and key; `refs` are the documents' row references in the snapshot."""
        moved = signature.set_column(signature.schema.get_field_index("row_ref"), "row_ref", pa.array(refs))
        keys, key_refs, partitions = [], [], []
        for number, kind in enumerate(self.dedup.document_kinds):
            if kind in ("minhash", "simhash"):
                banded = band_keys(moved, self.dedup.minhash) if kind == "minhash" else block_keys(moved, self.dedup.simhash)
                keys.append(banded.column("key").to_numpy())
                key_refs.append(banded.column("row_ref").to_numpy())
            else:
                hashed = moved.filter(moved.column(f"{kind}_hash").is_valid())
                keys.append(hash_keys(hashed.column(f"{kind}_hash")))
                key_refs.append(hashed.column("row_ref").to_numpy())
            partitions.append(partition_of(keys[-1], self.n_partitions) + np.uint32(number * self.n_partitions))
        columns = [pa.array(np.concatenate(parts)) for parts in (keys, key_refs, partitions)]
        return pa.RecordBatch.from_arrays(columns, names=["key", "row_ref", PARTITION])


class WriteKeys:
    """Shuffle reducer: the keys of one kind and partition -> one sorted KEYS file."""

    def __init__(self, stage: StageSnapshot) -> None:
        self.kinds, self.n_partitions, self.run, self.staged = stage.dedup.document_kinds, stage.n_partitions, stage.run, stage.staged

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Sort and write."""
        kind, part = divmod(number, self.n_partitions)
        keys, refs = table.column("key").to_numpy(), table.column("row_ref").to_numpy()
        order = np.lexsort((refs, keys))
        path = self.staged / f"keys-{self.kinds[kind]}-{part:05d}.arrow"
        with whole_file(path) as temporary, pa.ipc.new_file(str(temporary), KEYS) as writer:
            writer.write_batch(pa.RecordBatch.from_arrays([pa.array(keys[order]), pa.array(refs[order])], schema=KEYS))
        yield _line(path, self.run, len(order))


def _line(path: Path, root: Path, n_rows: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"line": pa.array([msgspec.json.encode(entry(path, root, n_rows)).decode()], pa.large_string())})


def _no_line() -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"line": pa.array([], pa.large_string())})
