"""Segments and their merges -> curated documents with `text` instead of `raw_text`, and the ledger rows of both."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.runtime import Decision, Partition, Progress, count, open_segment, read_pieces, tag
from pipelines.scrub.scrub import scrub_batch
from schemas.hops import LEDGER, MERGE
from schemas.ledger import Outcome, entries
from schemas.recipe import Scrub


class ApplyMergesAndScrub(beam.PTransform):
    """((segment number, path), MERGE batches) -> Decision: curated documents; ledger rows of merged and of kept ones."""

    def __init__(self, scrub: Scrub, folder: Path, progress: Progress) -> None:
        super().__init__()
        self.scrub, self.folder, self.progress = scrub, folder, progress

    def expand(self, inputs: Any) -> beam.PCollection[Decision]:
        """Bring each segment its merges; the text stays where it is."""
        segments: beam.PCollection[tuple[int, str]]
        merges: beam.PCollection[pa.RecordBatch]
        segments, merges = inputs  # Beam reads annotations of single collections only
        pieces = merges | "by segment" >> beam.Map(by_segment) | "pieces" >> Partition(self.folder)
        grouped = {"path": segments, "pieces": pieces} | "join" >> beam.CoGroupByKey()
        return grouped | "apply and scrub" >> beam.ParDo(_ApplyAndScrub(self.scrub, self.folder, self.progress))


def by_segment(merges: pa.RecordBatch) -> pa.RecordBatch:
    """MERGE rows ranged by the segment that holds the merged document."""
    return merges.append_column("range", pc.shift_right(merges.column("at"), pa.scalar(32, pa.uint64())).cast(pa.uint32()))


class _ApplyAndScrub(beam.DoFn):
    def __init__(self, scrub: Scrub, folder: Path, progress: Progress) -> None:
        self.scrub, self.folder, self.progress = scrub, folder, progress

    def process(self, group: tuple[int, dict[str, Iterable[Any]]]) -> Iterator[Decision]:
        segment, found = group
        (path,) = found["path"]
        merges = read_pieces(self.folder, found["pieces"])
        merges = (merges.select(MERGE.names) if merges is not None else MERGE.empty_table()).sort_by("at").combine_chunks()
        rows = (merges.column("at").to_numpy() & np.uint64(0xFFFFFFFF)).astype(np.int64)
        reader = open_segment(Path(path))
        first = 0
        for sequence in range(reader.num_record_batches):
            batch = reader.get_batch(sequence)
            low, high = np.searchsorted(rows, [first, first + batch.num_rows])
            yield self.decide(batch, merges.slice(low, high - low), rows[low:high] - first, segment, sequence)
            first += batch.num_rows
        self.progress.step()

    def decide(self, batch: pa.RecordBatch, merges: pa.Table, rows: np.ndarray[Any, Any], segment: int, sequence: int) -> Decision:
        stays = np.ones(batch.num_rows, bool)
        stays[rows] = False
        staying = batch.filter(pa.array(stays))
        curated = scrub_batch(staying, self.scrub)
        columns = {name: merges.column(name).combine_chunks() for name in ("reason", "value", "limit", "survivor_id")}
        merged = entries(batch.take(pa.array(rows)), "dedup", Outcome.MERGED, **columns)
        kept = entries(staying, "scrub", Outcome.KEPT)
        count("dedup", n_in=batch.num_rows, n_out=staying.num_rows, merged=merged.num_rows)
        count("scrub", n_in=staying.num_rows, n_out=curated.num_rows)
        ledger = pa.Table.from_batches([merged, kept], LEDGER).combine_chunks().to_batches()
        return Decision(
            tag(curated, segment, sequence), tag(ledger[0] if ledger else pa.RecordBatch.from_pylist([], LEDGER), segment, sequence)
        )
