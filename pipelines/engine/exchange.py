"""Regrouping rows by range, without Beam seeing more of them than (range, piece of a file)."""

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

FLUSH_BYTES: Final = 64 * 1024 * 1024
"""Rows that one worker holds before it writes them."""


class Exchange(beam.PTransform):
    """Regroup rows: RecordBatches with a uint32 column `range` -> what `reduce(range, table)` yields, once per range.

    `table` holds every row of that range, in no particular order. Rows travel in Arrow files under `folder`; only
    (range, piece name) pairs pass through Beam, so memory is bounded by the largest range on every runner.
    """

    def __init__(self, folder: Path, reduce: Callable[[int, pa.Table], Iterable[Any]], yields: type = pa.RecordBatch) -> None:
        super().__init__()
        self.folder, self.reduce, self.yields = folder, reduce, yields

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[Any]:
        """Partition, group the pieces, reduce."""
        reduced = beam.ParDo(_Reduce(self.folder, self.reduce)).with_output_types(self.yields)
        return batches | Partition(self.folder) | "group" >> beam.GroupByKey() | "reduce" >> reduced


class Partition(beam.PTransform):
    """The exchange's first half: RecordBatches with a column `range` -> (range, piece name)."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[tuple[int, str]]:
        """Write pieces."""
        return batches | beam.ParDo(_Partition(self.folder))


def read_pieces(folder: Path, pieces: Iterable[str]) -> pa.Table | None:
    """The rows of all pieces of one range, memory-mapped; None where there is no piece."""
    batches = []
    for piece in pieces:
        name, _, index = piece.partition("#")
        batches.append(open_segment(folder / name).get_batch(int(index)))
    return pa.Table.from_batches(batches) if batches else None


def range_of(keys: npt.NDArray[np.uint64], n_ranges: int) -> npt.NDArray[np.uint32]:
    """uint32[n]: which of `n_ranges` equal parts of the uint64 line each well-mixed key lies in."""
    return ((keys >> np.uint64(32)) * np.uint64(n_ranges) >> np.uint64(32)).astype(np.uint32)


class _Partition(beam.DoFn):
    """Buffers batches and writes them, one Arrow batch per range, whenever FLUSH_BYTES are held."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held: list[pa.RecordBatch] = []
        self.n_bytes = 0

    def process(self, batch: pa.RecordBatch) -> Iterator[tuple[int, str]]:
        if batch.num_rows:
            self.held.append(batch.replace_schema_metadata(None))
            self.n_bytes += batch.nbytes
        if self.n_bytes >= FLUSH_BYTES:
            yield from self._flush()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for piece in self._flush():
            yield GlobalWindows.windowed_value(piece)

    def _flush(self) -> Iterator[tuple[int, str]]:
        if not self.held:
            return
        table = pa.Table.from_batches(self.held)
        self.held, self.n_bytes = [], 0
        ranges = table.column("range").to_numpy()
        few = ranges.astype(np.uint16) if ranges.max() < 1 << 16 else ranges  # 16 bits are sorted by radix
        order = np.argsort(few, kind="stable")
        table, ranges = take_rows(table, order), ranges[order]
        starts = np.flatnonzero(np.diff(ranges.astype(np.int64), prepend=-1))
        # The name never reaches a result: a retried bundle must not write where the first try did.
        path = self.folder / f"{uuid.uuid4().hex}.arrow"
        with whole_file(path) as temporary, pa.ipc.new_file(str(temporary), table.schema) as writer:
            for start, end in pairwise([*starts, len(ranges)]):
                writer.write_batch(table.slice(start, end - start).combine_chunks().to_batches()[0])
        for piece, start in enumerate(starts):
            yield int(ranges[start]), f"{path.name}#{piece}"


class _Reduce(beam.DoFn):
    def __init__(self, folder: Path, reduce: Callable[[int, pa.Table], Iterable[Any]]) -> None:
        self.folder, self.reduce = folder, reduce

    def process(self, group: tuple[int, Iterable[str]]) -> Iterator[Any]:
        number, pieces = group
        yield from self.reduce(number, read_pieces(self.folder, pieces))
