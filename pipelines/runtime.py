"""What every room's stage needs of Beam: the Arrow coder, counters, file sinks, the exchange, and running a graph.

One element is one `pa.RecordBatch`. Which segment a batch belongs to travels in its schema metadata, so that a sink can
write one file per segment and the layout does not depend on workers. Files come into being whole; what a graph wrote
reaches the driver as `FileEntry` lists, so a file of a retried bundle is never taken for a result. Annotations here and in
the stages are no strings (no `from __future__`): Beam chooses coders by them.
"""

import os
import re
import resource
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import apache_beam as beam
import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.metrics import Metrics, MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

import schemas.errors
from pipelines.runners import options_of, refused, runner_of
from pipelines.workers import watch_workers
from schemas.buffers import take_rows
from schemas.errors import MENDABLE, CorpusmillError, OutputError
from schemas.files import FileEntry, entry, whole_file
from schemas.hops import MAX_BATCH_BYTES

FLUSH_BYTES: Final = 64 * 1024 * 1024  # an exchange's buffer per worker
AnyOptions = TypeVar("AnyOptions", bound=PipelineOptions)
_SEGMENT: Final = b"segment"
_SEQUENCE: Final = b"sequence"


# --- The coder -------------------------------------------------------------------------------------------------------


class RecordBatchCoder(beam.coders.Coder):
    """Arrow IPC: a slice costs its own rows, where pickle ships the parent's buffers."""

    def encode(self, value: pa.RecordBatch) -> bytes:
        """One schema message and one batch message."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, value.schema) as writer:
            writer.write_batch(value)
        return sink.getvalue().to_pybytes()

    def decode(self, encoded: bytes) -> pa.RecordBatch:
        """The batch, over the given bytes without a copy."""
        return pa.ipc.open_stream(encoded).read_next_batch()

    def estimate_size(self, value: pa.RecordBatch) -> int:
        """Bytes of its buffers: Beam asks for it of samples, and would encode them to tell."""
        return int(value.nbytes)

    def is_deterministic(self) -> bool:
        """Equal batches give equal bytes."""
        return True

    def to_type_hint(self) -> type:
        """The type that this coder is registered for."""
        return pa.RecordBatch


beam.coders.registry.register_coder(pa.RecordBatch, RecordBatchCoder)


def give_back(batch: pa.RecordBatch) -> None:
    """Where the batch is a huge text, let Arrow return the memory that it has freed: it would keep several times such a text."""
    if batch.nbytes > MAX_BATCH_BYTES:
        pa.default_memory_pool().release_unused()


# --- Segments and counters -------------------------------------------------------------------------------------------


def tag(batch: pa.RecordBatch, segment: int, sequence: int) -> pa.RecordBatch:
    """The batch, marked as number `sequence` of file segment `segment`."""
    return batch.replace_schema_metadata({_SEGMENT: b"%d" % segment, _SEQUENCE: b"%d" % sequence})


def retag(batch: pa.RecordBatch, origin: pa.RecordBatch) -> pa.RecordBatch:
    """The batch, marked as `origin` is: kernels drop metadata."""
    return batch.replace_schema_metadata(origin.schema.metadata)


def _tag_of(batch: pa.RecordBatch) -> tuple[int, int]:
    metadata = batch.schema.metadata
    return int(metadata[_SEGMENT]), int(metadata[_SEQUENCE])


class Decision(NamedTuple):
    """What a room made of a batch: documents that go on, and ledger rows of those that end here."""

    passed: pa.RecordBatch
    ended: pa.RecordBatch


def passed(decision: Decision) -> pa.RecordBatch:
    """The documents that go on."""
    return decision.passed


def ended(decision: Decision) -> pa.RecordBatch:
    """The ledger rows of those that end here."""
    return decision.ended


def count(room: str, **numbers: int) -> None:
    """Add to the room's counters, such as n_in and n_out."""
    for name, number in numbers.items():
        Metrics.counter(room, name).inc(int(number))


def most_seen(room: str, **numbers: int) -> None:
    """Raise the room's counters to these numbers where they are lower."""
    for name, number in numbers.items():
        Metrics.distribution(room, name).update(int(number))


def count_outcomes(room: str, ledger: pa.RecordBatch) -> None:
    """Add the ledger rows to the room's counters dropped, merged and failed."""
    outcomes = ledger.column("outcome").value_counts().to_pylist()
    count(room, **{row["values"]: row["counts"] for row in outcomes})


class Progress:
    """A file that grows by one byte per finished unit of work, so that a driver on this machine can watch."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def step(self) -> None:
        """One unit is done."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(b".")

    def done(self) -> int:
        """Units done so far."""
        return self.path.stat().st_size if self.path.is_file() else 0


# --- File sinks ------------------------------------------------------------------------------------------------------


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


# --- The exchange ----------------------------------------------------------------------------------------------------


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


# --- Running a graph -------------------------------------------------------------------------------------------------


class Ran(NamedTuple):
    """What a finished graph cost and counted."""

    counters: dict[str, dict[str, int]]
    wall_s: float
    cpu_s: float


def run_graph(
    build: Callable[[beam.Pipeline], None],
    *,
    runner: str,
    workers: int,
    beam_options: tuple[str, ...] = (),
    say: Callable[[str], None] = lambda line: None,
) -> Ran:
    """Build a pipeline with `build`, run it to its end and return its counters by room; `say` is called with what a user should know.

    An error that a worker raised on purpose comes out as what it was, wherever it was raised.
    """
    with stopwatch() as watch:
        options = _Options(list(options_of(runner, workers, beam_options)))
        try:
            pipeline = beam.Pipeline(runner=runner_of(runner, workers), options=options)
            build(pipeline)
            with watch_workers(say):
                result = pipeline.run()
                result.wait_until_finish()
        except Exception as error:
            raised = _raised_on_purpose(error) or (refused(runner, error) if runner != "local" else None)
            if raised is None:
                raise
            raise raised from None
    return Ran(_counters(result), watch.wall_s, watch.cpu_s)


class Stopwatch:
    """Seconds between the start and the end of a block."""

    wall_s = 0.0
    cpu_s = 0.0


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Wall seconds, and CPU seconds of this process and of its children that have ended, of a block."""
    watch = Stopwatch()
    wall, cpu = time.monotonic(), _cpu_seconds()
    try:
        yield watch
    finally:
        watch.wall_s, watch.cpu_s = time.monotonic() - wall, _cpu_seconds() - cpu


def _cpu_seconds() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


class _Options(PipelineOptions):
    """Options whose views are made once: Beam asks for several a transform, and to make one is to build and run an argument parser."""

    def view_as(self, cls: type[AnyOptions]) -> AnyOptions:
        """The options of that class; views share their values."""
        views: dict[type, Any] = self.__dict__.setdefault("views", {})
        if cls not in views:
            views[cls] = super().view_as(cls)
        view: AnyOptions = views[cls]
        return view


def _counters(result: PipelineResult) -> dict[str, dict[str, int]]:
    rooms: dict[str, dict[str, int]] = {}
    found = result.metrics().query(MetricsFilter())
    for metric in found["counters"]:  # a runner may give a counter of 0 as None
        room = rooms.setdefault(metric.key.metric.namespace, {})
        room[metric.key.metric.name] = room.get(metric.key.metric.name, 0) + (metric.result or 0)
    for metric in found["distributions"]:
        room = rooms.setdefault(metric.key.metric.namespace, {})
        most = metric.result.max if metric.result else 0
        room[metric.key.metric.name] = max(room.get(metric.key.metric.name, 0), most or 0)
    return rooms


def _raised_on_purpose(error: BaseException) -> CorpusmillError | None:
    """The CorpusmillError behind what Beam raised: in process the error itself, from a worker process its printed trace."""
    if isinstance(error, CorpusmillError):
        return type(error)(re.sub(r" \[while running .*", "", str(error), flags=re.DOTALL))
    found = re.findall(r"schemas\.errors\.(\w+): (.+?)(?: \[while running|\n|\\n|\Z)", str(error))
    if found:
        return getattr(schemas.errors, found[-1][0])(found[-1][1])
    if refused := re.search(r"\[Errno (\d+)\]", str(error)):
        number = int(refused[1])
        if number in MENDABLE:
            return OutputError(f"a file could not be read or written: {os.strerror(number)}; mend that and go on with --resume")
    return None


@contextmanager
def watch_progress(progress: Progress, report: Callable[[int], None], every_s: float = 0.2) -> Iterator[None]:
    """Call `report(units done)` from a thread until the block ends."""
    progress.path.unlink(missing_ok=True)
    over = threading.Event()

    def poll() -> None:
        while not over.wait(every_s):
            report(progress.done())

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        report(progress.done())


def open_segment(path: Path) -> pa.ipc.RecordBatchFileReader:
    """A segment file, memory-mapped: its batches are views of the file."""
    return pa.ipc.open_file(pa.memory_map(os.fspath(path)))
