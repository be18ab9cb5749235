"""A kind that cuts: segments -> the same segments, row by row, with less text. Only keys and row references are regrouped, never text."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa

from pipelines.dedup.arrays import UInt64s
from pipelines.dedup.partitions import partition_by_segment
from pipelines.dedup.row_reader import RowReader
from pipelines.dedup.row_refs import row_of
from pipelines.dedup.sign import Ranks
from pipelines.dedup.spans.job import LiveBatch, LiveSegment, SpanJob, live_batches
from pipelines.dedup.spans.repeats.stage import FindRepeats
from pipelines.dedup.spans.rewrite import rewrite_batch, rewritten_schema, with_survivor_ids
from pipelines.dedup.spans.templates.stage import FindTemplates
from pipelines.engine.counters import count
from pipelines.engine.segments import open_segment
from pipelines.engine.shuffle import Joined, WritePieces, read_pieces
from schemas.files import whole_file
from schemas.hops import CUT, MERGE

FINDERS: Final[dict[str, type[FindRepeats] | type[FindTemplates]]] = {
    "lines": FindRepeats,
    "sentences": FindRepeats,
    "substring": FindRepeats,
    "templates": FindTemplates,
}
"""By kind: SpanJob -> transform from (segment number, LiveSegment) to CUT batches partitioned by segment."""


class RewrittenSegment(NamedTuple):
    """A segment with the texts that are left, and MERGE rows of the documents that the kind removed."""

    number: int
    path: str
    merges: pa.RecordBatch


class CutSpans(beam.PTransform):
    """{"path": segments, "merges": MERGE batches of earlier kinds, if any} -> (rewritten segments, MERGE batches of this kind)."""

    def __init__(self, job: SpanJob) -> None:
        super().__init__()
        self.job = job

    def expand(self, inputs: dict[str, beam.PCollection]) -> tuple[beam.PCollection, beam.PCollection]:
        """Find what is cut, bring each segment its cuts, write what is left."""
        job = self.job
        grouped = {"path": inputs["path"]}
        if "merges" in inputs:
            merged = inputs["merges"] | "merged" >> beam.Map(partition_by_segment)
            grouped["removed"] = merged | "removed" >> WritePieces(job.folder / "removed")
        live = grouped | "join" >> beam.CoGroupByKey() | "live" >> beam.ParDo(_OpenLiveSegment(job.folder / "removed"))
        cuts = live | "find" >> FINDERS[job.kind](job) | "cuts" >> WritePieces(job.folder / "cuts")
        both = {"live": live, "cuts": cuts} | "bring cuts" >> beam.CoGroupByKey()
        rewritten = both | "rewrite" >> beam.ParDo(_RewriteSegment(job))
        return rewritten | "segments" >> beam.Map(numbered_path), rewritten | "merges" >> beam.Map(segment_merges)


def numbered_path(rewritten: RewrittenSegment) -> tuple[int, str]:
    """(segment number, path)."""
    return rewritten.number, rewritten.path


def segment_merges(rewritten: RewrittenSegment) -> pa.RecordBatch:
    """MERGE rows of the documents that the kind removed."""
    return rewritten.merges


class _OpenLiveSegment(beam.DoFn):
    """(segment number, its path and the pieces of its MERGE rows) -> (segment number, LiveSegment)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def process(self, joined: Joined) -> Iterator[tuple[int, LiveSegment]]:
        number, values = joined
        (path,) = values["path"]
        merges = read_pieces(self.folder, values.get("removed", ()))
        removed = np.zeros(0, np.int64) if merges is None else np.sort(row_of(merges.column("row_ref").to_numpy()))
        yield number, LiveSegment(number, path, removed)


class _RewriteSegment(beam.DoFn):
    """(segment number, its LiveSegment and the pieces of its CUT rows) -> RewrittenSegment."""

    def __init__(self, job: SpanJob) -> None:
        self.job, self.reader, self.protected = job, RowReader(job.segments), Ranks(job.dedup).protected

    def process(self, joined: Joined) -> Iterator[RewrittenSegment]:
        number, values = joined
        (segment,) = values["live"]
        cuts = read_pieces(self.job.folder / "cuts", values["cuts"])
        cuts = (cuts.select(CUT.names) if cuts is not None else CUT.empty_table()).sort_by("row_ref").combine_chunks()
        path = Path(self.job.outputs()[number])
        schema = rewritten_schema(open_segment(Path(segment.path)).schema, self.job.kind)
        merges = [pa.RecordBatch.from_pylist([], MERGE)]
        with whole_file(path) as temporary, pa.ipc.new_file(str(temporary), schema) as writer:
            for live in live_batches(segment, self.job.eligibility):
                rewritten, batch_merges = self.rewrite(live, cuts)
                writer.write_batch(rewritten)
                merges.append(batch_merges)
        self.job.progress.step()
        yield RewrittenSegment(number, str(path), with_survivor_ids(pa.concat_batches(merges), self.doc_ids))

    def rewrite(self, live: LiveBatch, cuts: pa.Table) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """(the rewritten batch, its MERGE rows), given the CUT rows of the segment, ascending. Protected documents are not cut."""
        documents, refs = live.documents, cuts.column("row_ref").to_numpy()
        low, high = np.searchsorted(refs, [live.first_ref, live.first_ref + np.uint64(documents.num_rows)])
        may_be_cut = ~self.protected(documents)[(refs[low:high] - live.first_ref).astype(np.int64)]
        cuts = cuts.slice(low, high - low).filter(pa.array(may_be_cut))
        kind = self.job.cut_kind
        rewritten, merges = rewrite_batch(documents, live.eligible, live.first_ref, cuts, kind)
        chars = rewritten.column(kind.chars_column).to_numpy()
        count("dedup", **{f"{kind.name}_cut_chars": int(chars.sum()), f"{kind.name}_cut_documents": int(np.count_nonzero(chars))})
        return rewritten, merges

    def doc_ids(self, refs: UInt64s) -> pa.Array:
        """The doc_ids of ascending row references."""
        return self.reader.take(refs, ("doc_id",)).column("doc_id")
