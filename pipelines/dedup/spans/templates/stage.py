"""Templates: lines on many pages of a host are cut from all of its pages."""

from collections.abc import Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.dedup.arrays import UInt64s
from pipelines.dedup.partitions import partition_by_key, partition_by_segment
from pipelines.dedup.sign import salts_of
from pipelines.dedup.spans.job import LiveBatch, LiveSegment, SpanJob, live_batches
from pipelines.dedup.spans.repeats.first_copies import cut_rows
from pipelines.dedup.spans.templates.host_lines import count_lines, frequent_lines, host_hashes, template_keys, template_units
from pipelines.dedup.spans.units import Units
from pipelines.engine.decision import Decision, kept, removed
from pipelines.engine.shuffle import Joined, Shuffle, WritePieces, read_pieces
from schemas.recipe import Dedup


class FindTemplates(beam.PTransform):
    """(segment number, LiveSegment) -> CUT batches partitioned by segment."""

    def __init__(self, job: SpanJob) -> None:
        super().__init__()
        self.job = job

    def expand(self, live: beam.PCollection[tuple[int, LiveSegment]]) -> beam.PCollection[pa.RecordBatch]:
        """Count lines by host, compare the counts with the pages of the host, and cut the lines that are on enough of them."""
        job = self.job
        counted = live | "count" >> beam.ParDo(_CountLines(job))
        frequent = counted | "lines" >> beam.Map(kept) | "frequent" >> Shuffle(job.folder / "lines", FrequentLines(job))
        both = (frequent, counted | "pages" >> beam.Map(removed)) | beam.Flatten()
        keys = both | "by host" >> Shuffle(job.folder / "hosts", TemplateKeys(job)) | WritePieces(job.folder / "keys")
        return {"live": live, "keys": keys} | "known" >> beam.CoGroupByKey() | "look" >> beam.ParDo(_CutTemplates(job))


class _CountLines(beam.DoFn):
    """A segment -> Decision: COUNT batches of lines partitioned by line, and of pages partitioned by host."""

    def __init__(self, job: SpanJob) -> None:
        self.job = job

    def process(self, numbered: tuple[int, LiveSegment]) -> Iterator[Decision]:
        number, segment = numbered
        for live in live_batches(segment, self.job.eligibility):
            units, hosts = _host_lines(live, self.job.dedup)
            counts = count_lines(units, hosts, number)
            is_line = pc.not_equal(counts.column("key"), pa.scalar(0, pa.uint64()))
            lines, pages = counts.filter(is_line), counts.filter(pc.invert(is_line))
            n_partitions = self.job.n_partitions
            yield Decision(partition_by_key(lines, "key", n_partitions), partition_by_key(pages, "host", n_partitions))


def _host_lines(live: LiveBatch, dedup: Dedup) -> tuple[Units, UInt64s]:
    """(lines of the eligible documents, uint64[n]: the host of each document, 0 if it has none).

    Hosts are hashes. If the scope is `within_source`, a host of two sources is two hosts.
    """
    documents = live.eligible_documents("source", "url", "text")
    hosts = host_hashes(documents.column("url"))
    scoped = np.where(hosts == 0, hosts, hosts ^ salts_of(documents.column("source"), dedup))
    return template_units(documents.column("text"), scoped), scoped


class FrequentLines:
    """Shuffle reducer: COUNT rows by line -> those of lines on enough pages, partitioned by host."""

    def __init__(self, job: SpanJob) -> None:
        self.min_pages, self.n_partitions = job.dedup.templates.min_pages, job.n_partitions

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Add up the pages of each line."""
        yield partition_by_key(frequent_lines(table, self.min_pages), "host", self.n_partitions)


class TemplateKeys:
    """Shuffle reducer: COUNT rows by host -> keys of its template lines, partitioned by segment."""

    def __init__(self, job: SpanJob) -> None:
        self.min_share = job.dedup.templates.min_share

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Compare the pages of each line with the pages of the host."""
        keys = template_keys(table, self.min_share)
        yield pa.RecordBatch.from_pydict({"key": keys.column("key"), "partition": keys.column("segment").cast(pa.uint32())})


class _CutTemplates(beam.DoFn):
    """A segment and the keys of its template lines -> CUT batches partitioned by segment."""

    def __init__(self, job: SpanJob) -> None:
        self.job = job

    def process(self, joined: Joined) -> Iterator[pa.RecordBatch]:
        _, values = joined
        (segment,) = values["live"]
        keys = read_pieces(self.job.folder / "keys", values["keys"])
        if keys is None:
            return
        templates = np.unique(keys.column("key").to_numpy())
        for live in live_batches(segment, self.job.eligibility):
            units, _ = _host_lines(live, self.job.dedup)
            units = units.take(np.isin(units.keys, templates))
            yield partition_by_segment(cut_rows(units, live.eligible_refs()[units.rows], None, kept=False))
