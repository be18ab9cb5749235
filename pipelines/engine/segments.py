"""Files of RecordBatches: which one a batch belongs to, writing them whole, telling the driver of them, and reading them.

The number of a batch's file (`segment`) and its place in it (`sequence`) travel in the batch's schema metadata, so the layout of the
files does not depend on workers. What a graph wrote reaches the driver as `FileEntry` lines: a file that a retried bundle left is
never taken for a result.
"""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import apache_beam as beam
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

from pipelines.engine.coder import give_back
from schemas.files import FileEntry, entry, whole_file

_SEGMENT: Final = b"segment"
_SEQUENCE: Final = b"sequence"


def tag(batch: pa.RecordBatch, segment: int, sequence: int) -> pa.RecordBatch:
    """The batch, marked as number `sequence` of file segment `segment`."""
    return batch.replace_schema_metadata({_SEGMENT: b"%d" % segment, _SEQUENCE: b"%d" % sequence})


def retag(batch: pa.RecordBatch, origin: pa.RecordBatch) -> pa.RecordBatch:
    """The batch, marked as `origin` is: kernels drop metadata."""
    return batch.replace_schema_metadata(origin.schema.metadata)


def _tag_of(batch: pa.RecordBatch) -> tuple[int, int]:
    metadata = batch.schema.metadata
    return int(metadata[_SEGMENT]), int(metadata[_SEQUENCE])


class _OpenFile:
    """A segment file being written."""

    def __init__(self, path: Path, root: Path, schema: pa.Schema) -> None:
        self.path, self.root = path, root
        self.n_rows = 0
        self._whole = whole_file(path)
        temporary = self._whole.__enter__()
        self._writer = (
            pq.ParquetWriter(temporary, schema, compression="zstd")
            if path.suffix == ".parquet"
            else pa.ipc.new_file(str(temporary), schema)
        )

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)
        self.n_rows += batch.num_rows

    def close(self) -> FileEntry:
        self._writer.close()
        self._whole.__exit__(None, None, None)
        return entry(self.path, self.root, self.n_rows)

    def abandon(self) -> None:
        self._writer.close()
        self._whole.__exit__(InterruptedError, InterruptedError(), None)


class WriteSegments(beam.PTransform):
    """RecordBatches tagged with their segment -> one file each, `folder/name-00017.suffix`; yields FileEntry as JSON.

    A segment that a runner hands over in pieces becomes several files, each named by its first batch.
    """

    def __init__(self, run: Path, folder: str, name: str, schema: pa.Schema, suffix: str = ".arrow") -> None:
        super().__init__()
        self.sink = _SegmentSink(run, folder, name, schema, suffix)

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[str]:
        """Write."""
        return batches | beam.ParDo(self.sink)


def place_of(path: Path) -> tuple[int, int]:
    """(segment, sequence) of the first batch in a file that WriteSegments named."""
    found = re.search(r"-(\d+)(?:-(\d+))?\.\w+\Z", path.name)
    if found is None:
        raise ValueError(f"{path} is no segment file")
    return int(found[1]), int(found[2] or 0)


class _SegmentSink(beam.DoFn):
    def __init__(self, run: Path, folder: str, name: str, schema: pa.Schema, suffix: str) -> None:
        self.run, self.folder, self.name, self.schema, self.suffix = run, folder, name, schema, suffix
        self.open: _OpenFile | None = None
        self.segment = -1

    def process(self, batch: pa.RecordBatch) -> Iterator[str]:
        segment, sequence = _tag_of(batch)
        if self.open is None or segment != self.segment:
            yield from self._close()
            piece = f"-{sequence:05d}" if sequence else ""
            path = self.run / self.folder / f"{self.name}-{segment:05d}{piece}{self.suffix}"
            self.open, self.segment = _OpenFile(path, self.run, self.schema), segment
        self.open.write(batch.replace_schema_metadata(self.schema.metadata))
        give_back(batch)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for line in self._close():
            yield GlobalWindows.windowed_value(line)

    def teardown(self) -> None:
        if self.open is not None:
            self.open.abandon()

    def _close(self) -> Iterator[str]:
        if self.open is not None:
            closing, self.open = self.open, None
            yield msgspec.json.encode(closing.close()).decode()


class ReportFiles(beam.PTransform):
    """FileEntry lines -> `path`, one JSON array that the driver reads when the graph is done."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def expand(self, lines: beam.PCollection[str]) -> beam.PCollection[str]:
        """Gather and write."""
        return lines | beam.Map(_under_one_key) | beam.GroupByKey() | beam.Map(_write_report, path=self.path)


def _under_one_key(line: str) -> tuple[int, str]:
    return 0, line


def _write_report(group: tuple[int, Iterable[str]], path: Path) -> str:
    with whole_file(path) as temporary:
        temporary.write_text("[" + ",".join(sorted(group[1])) + "]")
    return str(path)


def read_report(path: Path) -> list[FileEntry]:
    """The file entries that a graph reported, by path; empty if it wrote none."""
    if not path.is_file():
        return []
    return sorted(msgspec.json.decode(path.read_bytes(), type=list[FileEntry]), key=lambda file: file.path)


def open_segment(path: Path) -> pa.ipc.RecordBatchFileReader:
    """A segment file, memory-mapped: its batches are views of the file."""
    return pa.ipc.open_file(pa.memory_map(os.fspath(path)))


def batches_of(path: Path) -> Iterator[pa.RecordBatch]:
    """The batches of a segment file, in order."""
    reader = open_segment(path)
    return (reader.get_batch(index) for index in range(reader.num_record_batches))
