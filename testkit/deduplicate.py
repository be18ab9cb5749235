"""Dedup alone, from segment files to a table of merges. Beam reads the annotations, so they are not strings here."""

from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import pyarrow as pa

from pipelines.dedup.job import DedupJob
from pipelines.dedup.pool import Eligibility
from pipelines.dedup.snapshots.index import add_snapshot, open_index
from pipelines.dedup.snapshots.stage import StageSnapshot
from pipelines.dedup.stage import Deduplicate
from pipelines.engine.execute import run_graph
from pipelines.engine.progress import Progress
from pipelines.engine.segments import ReportFiles, batches_of, open_segment, read_report
from pipelines.engine.shuffle import Shuffle
from schemas.hops import MERGE
from schemas.recipe import Dedup


def deduplicate(
    config: Dedup, segments: list[Path], folder: Path, workers: int = 1, eligibility: Eligibility | None = None
) -> tuple[pa.Table, dict[str, int]]:
    """(MERGE rows in the order of their documents, dedup's counters); work files go to `folder`/work.

    Earlier documents are those of the config's index, to which what stays is added if the config names a snapshot.
    """
    merges, report = folder / "merges.arrow", folder / "snapshot.json"
    merges.unlink(missing_ok=True)
    n_documents = sum(batch.num_rows for path in segments for batch in batches_of(path))
    job = DedupJob(
        dedup=config,
        segments=[str(path) for path in segments],
        n_documents=n_documents,
        folder=folder / "work",
        progress=Progress(folder / "progress"),
        eligibility=eligibility or Eligibility(),
        earlier=open_index(config, len(segments)),
    )

    def build(pipeline: beam.Pipeline) -> None:
        numbered = pipeline | beam.Create(list(enumerate(job.segments)))
        left, found = numbered | Deduplicate(job)
        _ = found | "one partition" >> beam.Map(to_one_partition) | "gather" >> Shuffle(folder / "work" / "merges", Write(merges), str)
        if config.snapshot:
            staged = StageSnapshot(
                config, job.eligibility.after_cuts(config), n_documents, folder, "snapshot", folder / "work" / "snapshot"
            )
            _ = (left, found) | "snapshot" >> staged | ReportFiles(report)

    ran = run_graph(build, runner="local", workers=workers)
    if config.snapshot:
        add_snapshot(config, folder / "snapshot", read_report(report))
    table = open_segment(merges).read_all() if merges.is_file() else MERGE.empty_table()
    return table.sort_by("row_ref"), ran.counters.get("dedup", {})


def to_one_partition(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Every row in partition 0."""
    return batch.append_column("partition", pa.repeat(pa.scalar(0, pa.uint32()), batch.num_rows))


class Write:
    """Shuffle reducer: all rows -> one file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, number: int, table: pa.Table) -> Iterator[str]:
        """Write them."""
        with pa.ipc.new_file(str(self.path), MERGE) as writer:
            writer.write_table(table.select(MERGE.names).cast(MERGE))
        yield str(self.path)
