"""Lines, sentences and substrings: of equal units the first one stays."""

from collections.abc import Iterable, Iterator
from functools import partial

import apache_beam as beam
import numpy as np
import pyarrow as pa

from pipelines.dedup.memory import partition_budget, split_table
from pipelines.dedup.partitions import partition_by_key, partition_by_segment
from pipelines.dedup.sign import Ranks, salts_of
from pipelines.dedup.spans.find import FindUnits, unit_finder
from pipelines.dedup.spans.job import LiveSegment, SpanJob, live_batches
from pipelines.dedup.spans.repeats.first_copies import UNIT, cut_later, first_of_equal, within_documents
from pipelines.dedup.spans.repeats.substring import anchor_table, anchors, window_units
from pipelines.engine.decision import Decision, kept, removed
from pipelines.engine.shuffle import Joined, Shuffle, WritePieces, read_pieces
from schemas.recipe import Dedup


class FindRepeats(beam.PTransform):
    """(segment number, LiveSegment) -> CUT batches partitioned by segment."""

    def __init__(self, job: SpanJob) -> None:
        super().__init__()
        self.job = job

    def expand(self, live: beam.PCollection[tuple[int, LiveSegment]]) -> beam.PCollection[pa.RecordBatch]:
        """Find the units of each segment; of equal ones the first stays."""
        job, known = self.job, {"live": live}
        if job.kind == "substring" and not job.within_document:
            seen = live | "anchors" >> beam.ParDo(_FindAnchors(job))
            repeated = seen | "repeated" >> Shuffle(job.folder / "anchors", repeated_by_segment)
            known["anchors"] = repeated | WritePieces(job.folder / "repeated")
        found = known | "known" >> beam.CoGroupByKey() | "units" >> beam.ParDo(_FindUnits(job))
        inside = found | "in one document" >> beam.Map(removed)
        across = found | "elsewhere" >> beam.Map(kept) | "first" >> Shuffle(job.folder / "units", KeepFirst(job.dedup))
        return (inside, across) | beam.Flatten()


class _FindAnchors(beam.DoFn):
    """A segment -> rows (key, segment) of its anchors; the same anchor comes once for each document or more."""

    def __init__(self, job: SpanJob) -> None:
        self.job = job

    def process(self, numbered: tuple[int, LiveSegment]) -> Iterator[pa.RecordBatch]:
        number, segment = numbered
        for live in live_batches(segment, self.job.eligibility):
            keys = anchors(live.eligible_documents("text").column("text"), self.job.dedup.substring.min_words)
            columns = {"key": pa.array(keys), "segment": pa.repeat(pa.scalar(number, pa.uint32()), len(keys))}
            yield partition_by_key(pa.RecordBatch.from_pydict(columns), "key", self.job.n_partitions)


def repeated_by_segment(number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
    """Shuffle reducer: anchors that occur more than once, for each segment that has them."""
    keys, segments = table.column("key").to_numpy(), table.column("segment").to_numpy()
    order = np.argsort(keys)
    same = keys[order][1:] == keys[order][:-1]
    shared = order[np.append(same, False) | np.insert(same, 0, False)] if len(order) else order
    pairs = np.unique(np.rec.fromarrays([segments[shared], keys[shared]]))
    yield pa.RecordBatch.from_pydict({"key": pa.array(pairs["f1"], pa.uint64()), "partition": pa.array(pairs["f0"], pa.uint32())})


class _FindUnits(beam.DoFn):
    """A segment -> Decision: UNIT batches partitioned by key, CUT batches partitioned by segment."""

    def __init__(self, job: SpanJob) -> None:
        self.job = job

    def process(self, joined: Joined) -> Iterator[Decision]:
        _, values = joined
        (segment,) = values["live"]
        job, ranks = self.job, Ranks(self.job.dedup)
        find = self.windows(values["anchors"]) if "anchors" in values else unit_finder(job.kind, job.dedup)
        for live in live_batches(segment, job.eligibility):
            documents, refs = live.eligible_documents("doc_id", "source", "text"), live.eligible_refs()
            units, cuts = within_documents(find(documents.column("text")), refs, ranks(documents), alone=job.within_document)
            salts = salts_of(documents.column("source"), job.dedup)[np.searchsorted(refs, units.column("row_ref").to_numpy())]
            units = units.set_column(0, UNIT.field("key"), pa.array(units.column("key").to_numpy() ^ salts))
            yield Decision(partition_by_key(units, "key", job.n_partitions), partition_by_segment(cuts))

    def windows(self, pieces: Iterable[str]) -> FindUnits:
        """What finds the windows whose anchors are repeated; `pieces` name the segment's repeated anchors."""
        table = read_pieces(self.job.folder / "repeated", pieces)
        keys = np.zeros(0, np.uint64) if table is None else table.column("key").to_numpy()
        return partial(window_units, k=self.job.dedup.substring.min_words, repeated=anchor_table(keys))


class KeepFirst:
    """Shuffle reducer: UNIT rows -> CUT rows partitioned by segment.

    A line that is on every page of a corpus makes a partition arbitrarily large. So the reducer goes through the rows twice, a part at
    a time: first it finds the first of equal units, then it decides on each unit.
    """

    def __init__(self, dedup: Dedup) -> None:
        self.max_bytes = partition_budget(dedup)

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Find the firsts, then cut the others."""
        parts = list(split_table(table, self.max_bytes))
        firsts = UNIT.empty_table()
        for part in parts[:-1]:
            firsts = first_of_equal(pa.concat_tables([firsts, part.select(UNIT.names)]), repeated_only=False)
        firsts = first_of_equal(pa.concat_tables([firsts, parts[-1].select(UNIT.names)]), repeated_only=True)
        for part in parts:
            yield partition_by_segment(cut_later(part, firsts))
