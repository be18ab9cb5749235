"""The dedup room alone, from segment files to a table of merges. A module at the Beam edge: its annotations are no strings."""

from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import pyarrow as pa

from pipelines.dedup.pool import TakePart
from pipelines.dedup.snapshots.index import add_snapshot, open_index
from pipelines.dedup.snapshots.stage import StageSnapshot
from pipelines.dedup.stage import Deduplicate
from pipelines.engine.exchange import Exchange
from pipelines.engine.execute import run_graph
from pipelines.engine.progress import Progress
from pipelines.engine.segments import ReportFiles, open_segment, read_report
from schemas.hops import MERGE
from schemas.recipe import Dedup


def deduplicate(
    config: Dedup, segments: list[Path], folder: Path, workers: int = 1, take_part: TakePart | None = None
) -> tuple[pa.Table, dict[str, int]]:
    """(MERGE rows in the order of their documents, the room's counters); working files go to `folder`/work.

    Earlier documents are those of the config's index, to which what stays is added if the config names a snapshot.
    """
    merges, report = folder / "merges.arrow", folder / "snapshot.json"
    merges.unlink(missing_ok=True)
    paths = [str(path) for path in segments]
    n_documents = sum(open_segment(path).get_batch(i).num_rows for path in segments for i in range(open_segment(path).num_record_batches))
    taken = take_part or TakePart()

    def build(pipeline: beam.Pipeline) -> None:
        numbered = pipeline | beam.Create(list(enumerate(paths)))
        earlier = open_index(config, len(paths))
        find = Deduplicate(config, paths, n_documents, folder / "work", Progress(folder / "progress"), taken, earlier)
        left, found = numbered | find
        _ = found | "one range" >> beam.Map(under_one_range) | "gather" >> Exchange(folder / "work" / "merges", Write(merges), str)
        if config.snapshot:
            staged = StageSnapshot(config, taken.left_by(config), n_documents, folder, "snapshot", folder / "work" / "snapshot")
            _ = (left, found) | "snapshot" >> staged | ReportFiles(report)

    ran = run_graph(build, runner="local", workers=workers)
    if config.snapshot:
        add_snapshot(config, folder / "snapshot", read_report(report))
    table = open_segment(merges).read_all() if merges.is_file() else MERGE.empty_table()
    return table.sort_by("at"), ran.counters.get("dedup", {})


def under_one_range(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Every row in range 0."""
    return batch.append_column("range", pa.repeat(pa.scalar(0, pa.uint32()), batch.num_rows))


class Write:
    """Exchange reducer: all rows -> one file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, number: int, table: pa.Table) -> Iterator[str]:
        """Write them."""
        with pa.ipc.new_file(str(self.path), MERGE) as writer:
            writer.write_table(table.select(MERGE.names).cast(MERGE))
        yield str(self.path)
