"""Regroup rows by partition. Beam sees no row, only (partition, piece of a file) pairs."""

import uuid
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

from pipelines.engine.segments import open_segment
from schemas.buffers import take_rows
from schemas.files import whole_file

PARTITION: Final = "partition"
"""Name of the uint32 column that says which partition a row goes to."""
FLUSH_BYTES: Final = 64 * 1024 * 1024
"""Size of the buffer that a worker fills before it writes a file."""

Reduce = Callable[[int, pa.Table], Iterable[Any]]
"""(partition, all of its rows in no particular order) -> elements of the shuffle's output."""

PCollections = Any
"""Several PCollections in a tuple or dict. Beam reads annotations of single collections only, and warns of all others but Any."""

Joined = tuple[int, dict[str, Iterable[Any]]]
"""What CoGroupByKey makes of several collections: (key, {name of the collection: its values of that key})."""


class Shuffle(beam.PTransform):
    """RecordBatches with a column PARTITION -> what `reduce` yields; it is called once per partition that has rows.

    Rows travel in Arrow files under `folder`. Only (partition, piece name) pairs pass through Beam, so on every runner memory is
    bounded by the largest partition. `yields` is the type of the output's elements, by which Beam chooses their coder.
    """

    def __init__(self, folder: Path, reduce: Reduce, yields: type = pa.RecordBatch) -> None:
        super().__init__()
        self.folder, self.reduce, self.yields = folder, reduce, yields

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[Any]:
        """Write the pieces, group their names, reduce."""
        reduced = beam.ParDo(_ReducePieces(self.folder, self.reduce)).with_output_types(self.yields)
        return batches | WritePieces(self.folder) | "group" >> beam.GroupByKey() | "reduce" >> reduced


class WritePieces(beam.PTransform):
    """The first half of a shuffle: RecordBatches with a column PARTITION -> (partition, piece name)."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[tuple[int, str]]:
        """Write the pieces."""
        return batches | beam.ParDo(_WritePieces(self.folder))


def read_pieces(folder: Path, pieces: Iterable[str]) -> pa.Table | None:
    """The rows of all pieces of one partition, memory-mapped; None if there are no pieces."""
    batches = []
    for piece in pieces:
        name, _, index = piece.partition("#")
        batches.append(open_segment(folder / name).get_batch(int(index)))
    return pa.Table.from_batches(batches) if batches else None


def partition_of(keys: npt.NDArray[np.uint64], n_partitions: int) -> npt.NDArray[np.uint32]:
    """uint32[n]: which of `n_partitions` equal parts of the uint64 line each key falls into; the keys must be well mixed."""
    return ((keys >> np.uint64(32)) * np.uint64(n_partitions) >> np.uint64(32)).astype(np.uint32)


def with_partition(batch: pa.RecordBatch, partitions: npt.NDArray[np.uint32]) -> pa.RecordBatch:
    """The batch with the column PARTITION."""
    return batch.append_column(PARTITION, pa.array(partitions, pa.uint32()))


class _WritePieces(beam.DoFn):
    """Buffers batches. Whenever it holds FLUSH_BYTES, it writes a file with one Arrow batch per partition."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.buffer: list[pa.RecordBatch] = []
        self.n_bytes = 0

    def process(self, batch: pa.RecordBatch) -> Iterator[tuple[int, str]]:
        if batch.num_rows:
            self.buffer.append(batch.replace_schema_metadata(None))
            self.n_bytes += batch.nbytes
        if self.n_bytes >= FLUSH_BYTES:
            yield from self._flush()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for piece in self._flush():
            yield GlobalWindows.windowed_value(piece)

    def _flush(self) -> Iterator[tuple[int, str]]:
        if not self.buffer:
            return
        table = pa.Table.from_batches(self.buffer)
        self.buffer, self.n_bytes = [], 0
        partitions = table.column(PARTITION).to_numpy()
        narrow = partitions.astype(np.uint16) if partitions.max() < 1 << 16 else partitions  # numpy sorts 16 bits by radix
        order = np.argsort(narrow, kind="stable")
        table, partitions = take_rows(table, order), partitions[order]
        starts = np.flatnonzero(np.diff(partitions.astype(np.int64), prepend=-1))
        # The name never reaches a result: a retried bundle must not write where the first try did.
        path = self.folder / f"{uuid.uuid4().hex}.arrow"
        with whole_file(path) as temporary, pa.ipc.new_file(str(temporary), table.schema) as writer:
            for start, end in pairwise([*starts, len(partitions)]):
                writer.write_batch(table.slice(start, end - start).combine_chunks().to_batches()[0])
        for piece, start in enumerate(starts):
            yield int(partitions[start]), f"{path.name}#{piece}"


class _ReducePieces(beam.DoFn):
    def __init__(self, folder: Path, reduce: Reduce) -> None:
        self.folder, self.reduce = folder, reduce

    def process(self, group: tuple[int, Iterable[str]]) -> Iterator[Any]:
        partition, pieces = group
        yield from self.reduce(partition, read_pieces(self.folder, pieces))
