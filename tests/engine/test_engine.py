"""The Beam edge: the coder ships rows and not parents, a shuffle loses nothing, sinks write whole segments."""

from __future__ import annotations

import copy
import errno
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
from apache_beam.options.pipeline_options import DirectOptions, StandardOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from hypothesis import given
from hypothesis import strategies as st

from pipelines.engine.coder import RecordBatchCoder
from pipelines.engine.decision import Decision, kept, removed
from pipelines.engine.execute import _Options, run_graph
from pipelines.engine.progress import Progress
from pipelines.engine.segments import ReportFiles, WriteSegments, open_segment, read_report, tag
from pipelines.engine.shuffle import Shuffle, partition_of
from schemas.errors import CorpusmillError, InputError, OutputError, UnfilledError

SCHEMA = pa.schema([pa.field("partition", pa.uint32()), pa.field("value", pa.large_string())])


def batch(ranges: list[int], first: int = 0) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array(ranges, pa.uint32()), pa.array([f"v{first + i}" for i in range(len(ranges))], pa.large_string())], schema=SCHEMA
    )


def test_the_coder_ships_a_slice_and_not_its_parent() -> None:
    parent = batch([1] * 10_000)
    piece = tag(parent.slice(10, 5), 3, 7)
    encoded = RecordBatchCoder().encode(piece)
    assert len(encoded) < 2_000
    decoded = RecordBatchCoder().decode(encoded)
    assert decoded.equals(piece)
    assert decoded.schema.metadata == {b"segment": b"3", b"sequence": b"7"}


def test_the_size_of_a_batch_is_told_without_encoding_it(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = batch(list(range(1000)))
    monkeypatch.delattr(RecordBatchCoder, "encode")
    assert RecordBatchCoder().estimate_size(whole) == whole.nbytes
    assert RecordBatchCoder().estimate_size(whole.slice(0, 1)) < 100


def test_the_coder_is_the_one_that_beam_chooses() -> None:
    assert isinstance(beam.coders.registry.get_coder(pa.RecordBatch), RecordBatchCoder)
    pipeline = beam.Pipeline(runner=FnApiRunner())
    decisions = pipeline | beam.Create([0]) | beam.Map(decide)
    for collection in (decisions | "p" >> beam.Map(kept), decisions | "e" >> beam.Map(removed)):
        assert collection.element_type == pa.RecordBatch
    shuffled = decisions | "x" >> beam.Map(kept) | Shuffle(Path("unused"), sum_up)
    assert shuffled.element_type == pa.RecordBatch


def decide(number: int) -> Decision:
    return Decision(batch([number]), batch([]))


def sum_up(number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
    """One row: the partition and its values, sorted."""
    yield pa.RecordBatch.from_arrays(
        [pa.array([number], pa.uint32()), pa.array([" ".join(sorted(table.column("value").to_pylist()))], pa.large_string())], schema=SCHEMA
    )


def make_batch(numbers: tuple[int, ...]) -> pa.RecordBatch:
    return batch(list(numbers[1:]), numbers[0])


def keep(found: pa.RecordBatch, path: str) -> None:
    (row,) = found.to_pylist()
    Path(path, str(row["partition"])).write_text(row["value"])


@pytest.mark.parametrize("workers", [1, 2])
def test_a_shuffle_gives_each_partition_all_its_rows_once(tmp_path: Path, workers: int) -> None:
    out = tmp_path / "out"
    out.mkdir()

    def build(pipeline: beam.Pipeline) -> None:
        batches = pipeline | beam.Create([(0, 3, 1, 3), (10, 1), (20,), (30, 3, 0)]) | beam.Reshuffle() | beam.Map(make_batch)
        batches | Shuffle(tmp_path / "pieces", sum_up) | beam.Map(keep, path=str(out))

    run_graph(build, runner="local", workers=workers)
    assert {path.name: path.read_text() for path in out.iterdir()} == {"0": "v31", "1": "v1 v10", "3": "v0 v2 v30"}


def raise_input_error(number: int) -> int:
    raise InputError("CM-READ-001", "a.parquet is no Parquet file (really); give another path")


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_raised_on_purpose_comes_out_as_itself(workers: int) -> None:
    with pytest.raises(InputError, match=r"^CM-READ-001: a\.parquet is no Parquet file \(really\); give another path"):
        run_graph(lambda pipeline: pipeline | beam.Create([1]) | beam.Map(raise_input_error), runner="local", workers=workers)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    "error",
    [
        OutputError("CM-ENGINE-001", "two\nlines, a literal \\n, [while running 'this'] and schemas.errors.Foo: this"),
        UnfilledError("CM-TOKENIZER-001", "only 3 tokens", 3, 257),
    ],
    ids=["any text", "more than a message"],
)
def test_an_error_comes_out_of_a_worker_whole(error: CorpusmillError, workers: int) -> None:
    with pytest.raises(type(error)) as raised:
        run_graph(lambda pipeline: pipeline | beam.Create([1]) | beam.Map(raise_error, error=error), runner="local", workers=workers)
    assert (str(raised.value), raised.value.args) == (str(error), error.args)


def raise_error(number: int, error: CorpusmillError) -> int:
    raise error


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bug_that_speaks_of_an_error_stays_a_bug(workers: int) -> None:
    with pytest.raises((RuntimeError, KeyError), match=r"schemas\.errors\.Foo"):
        run_graph(lambda pipeline: pipeline | beam.Create([1]) | beam.Map(fail), runner="local", workers=workers)


def fail(number: int) -> int:
    raise KeyError("schemas.errors.Foo: no error of ours")


def fill_the_disk(number: int) -> int:
    raise OSError(errno.ENOSPC, "No space left on device", f"{number}.arrow")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_the_users_to_mend(workers: int) -> None:
    with pytest.raises(OutputError, match="No space left on device; mend that and go on with --resume"):
        run_graph(lambda pipeline: pipeline | beam.Create([1]) | beam.Map(fill_the_disk), runner="local", workers=workers)


def tagged(numbers: tuple[int, int]) -> pa.RecordBatch:
    segment, sequence = numbers
    return tag(batch([segment] * 2, sequence * 10), segment, sequence)


def test_a_segment_becomes_one_whole_file(tmp_path: Path) -> None:
    def build(pipeline: beam.Pipeline) -> None:
        batches = pipeline | beam.Create([(0, 0), (0, 1), (2, 0)], reshuffle=False) | beam.Map(tagged)
        batches | WriteSegments(tmp_path, "segments", "segment", SCHEMA) | ReportFiles(tmp_path / "report.json")

    run_graph(build, runner="local", workers=1)
    files = read_report(tmp_path / "report.json")
    assert [(file.path, file.n_rows) for file in files] == [("segments/segment-00000.arrow", 4), ("segments/segment-00002.arrow", 2)]
    assert open_segment(tmp_path / files[0].path).read_all().column("value").to_pylist() == ["v0", "v1", "v10", "v11"]
    assert sorted(path.name for path in (tmp_path / "segments").iterdir()) == ["segment-00000.arrow", "segment-00002.arrow"]


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1), st.integers(1, 1000))
def test_partitions_follow_the_order_of_the_keys(keys: list[int], n: int) -> None:
    found = partition_of(np.array(sorted(keys), np.uint64), n)
    assert (np.diff(found.astype(np.int64)) >= 0).all()
    assert found.max() < n
    assert partition_of(np.array([0, 2**64 - 1], np.uint64), n).tolist() == [0, n - 1]


def test_progress_counts_steps(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "deep" / "progress")
    assert progress.done() == 0
    progress.step()
    progress.step()
    assert progress.done() == 2


def test_views_of_options_are_made_once_and_share_their_values() -> None:
    options = copy.deepcopy(_Options(["--direct_num_workers=2"]))
    assert options.view_as(DirectOptions) is options.view_as(DirectOptions)
    assert options.view_as(StandardOptions).view_as(DirectOptions).direct_num_workers == 2
    options.view_as(StandardOptions).runner = "SomeRunner"
    assert options.view_as(DirectOptions).view_as(StandardOptions).runner == "SomeRunner"
