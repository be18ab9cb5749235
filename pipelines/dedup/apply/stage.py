"""The pool and its MERGE rows -> curated documents, and ledger rows of all documents."""

from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.dedup.apply.ledger import contamination_entries, kept_entries, merge_entries
from pipelines.dedup.arrays import Int64s
from pipelines.dedup.clusters import cluster_sizes, segment_cluster_sizes, with_cluster_size
from pipelines.dedup.evals.decontaminate import eval_reasons, with_evaluation_cut
from pipelines.dedup.job import DedupJob
from pipelines.dedup.memory import partitions_for
from pipelines.dedup.partitions import partition_by_segment
from pipelines.dedup.pool import EligibleRows
from pipelines.dedup.row_refs import row_of, row_ref
from pipelines.dedup.spans.rewrite import ELIGIBLE
from pipelines.dedup.stage import NumberedPath, partition_merges
from pipelines.engine.counters import count
from pipelines.engine.decision import Decision
from pipelines.engine.segments import batches_of, tag
from pipelines.engine.shuffle import Joined, PCollections, Shuffle, WritePieces, read_pieces
from schemas.hops import MERGE
from schemas.ledger import Outcome
from schemas.recipe import Dedup

_MERGE_ROW_BYTES = 64


class ApplyMerges(beam.PTransform):
    """What `Deduplicate` returns -> Decision: curated documents; ledger rows of those that end here and of those that are kept.

    `job` is that of `Deduplicate`. Evaluation items are looked for in the segments of the pool, before their texts were cut.
    """

    def __init__(self, job: DedupJob) -> None:
        super().__init__()
        self.job, self.folder = job, job.folder / "merges"
        self.n_partitions = partitions_for(job.n_documents * _MERGE_ROW_BYTES, job.dedup)

    def expand(self, inputs: PCollections) -> beam.PCollection[Decision]:
        """Bring each segment its merges; the text stays where it is."""
        segments: beam.PCollection[NumberedPath]
        merges: beam.PCollection[pa.RecordBatch]
        segments, merges = inputs
        pieces = merges | "by segment" >> beam.Map(partition_by_segment) | "pieces" >> WritePieces(self.folder)
        clusters = merges | "by survivor" >> beam.Map(partition_merges, column="survivor_ref", n_partitions=self.n_partitions)
        counted = clusters | "clusters" >> Shuffle(self.folder / "clusters", ClusterSizes(self.job.dedup, len(self.job.segments)))
        sizes = counted | WritePieces(self.folder / "sizes")
        grouped = {"path": segments, "pieces": pieces, "sizes": sizes} | "join" >> beam.CoGroupByKey()
        return grouped | "apply" >> beam.ParDo(_ApplyMerges(self.job, self.folder))


class ClusterSizes:
    """Shuffle reducer: MERGE rows by survivor -> (row_ref, cluster_size) of all documents in the clusters, partitioned by segment."""

    def __init__(self, dedup: Dedup, n_segments: int) -> None:
        self.kinds, self.first_earlier = dedup.document_kinds, row_ref(n_segments)

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Count. Survivors of earlier runs are left out: this run does not write them."""
        sizes = cluster_sizes(table, self.kinds)
        yield partition_by_segment(sizes.filter(pc.less(sizes.column("row_ref"), pa.scalar(self.first_earlier, pa.uint64()))))


class _ApplyMerges(beam.DoFn):
    def __init__(self, job: DedupJob, folder: Path) -> None:
        self.weighs, self.texts_were_cut = job.dedup.copies == "weigh", bool(job.dedup.cut_kinds)
        self.pool, self.eligibility, self.progress, self.folder = job.segments, job.eligibility, job.progress, folder

    def process(self, joined: Joined) -> Iterator[Decision]:
        segment, values = joined
        (path,) = values["path"]
        merges = None if self.weighs else read_pieces(self.folder, values["pieces"])
        merges = (merges.select(MERGE.names) if merges is not None else MERGE.empty_table()).sort_by("row_ref").combine_chunks()
        rows = row_of(merges.column("row_ref").to_numpy())
        sizes = segment_cluster_sizes(read_pieces(self.folder / "sizes", values["sizes"]))
        batches = zip(batches_of(Path(self.pool[segment])), batches_of(Path(path)), strict=True)
        first = 0
        for sequence, (pool_batch, latest) in enumerate(batches):
            low, high = np.searchsorted(rows, [first, first + latest.num_rows])
            sized = with_cluster_size(latest, first, sizes)
            curated, ledger = self.decide(pool_batch, sized, merges.slice(low, high - low), rows[low:high] - first)
            yield Decision(tag(curated, segment, sequence), tag(ledger, segment, sequence))
            first += latest.num_rows
        self.progress.step()

    def decide(
        self, pool_batch: pa.RecordBatch, latest: pa.RecordBatch, merges: pa.Table, rows: Int64s
    ) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """(curated documents, ledger rows) of a batch of the pool.

        `latest` has the same documents with the texts that are left. `merges` are the MERGE rows of the batch, `rows` the row of each.
        """
        documents, eligible_rows, hits = self.eligible(pool_batch, latest)
        stays = ~np.isin(eligible_rows, rows)
        curated = documents.filter(pa.array(stays))
        has_survivor = merges.column("survivor_ref").is_valid().to_numpy()
        reasons = {} if hits is None else eval_reasons(hits, self.eligibility.evals)
        merged = merge_entries(pool_batch, merges.filter(pa.array(has_survivor)), rows[has_survivor], Outcome.MERGED)
        dropped = [merge_entries(pool_batch, merges.filter(pa.array(~has_survivor)), rows[~has_survivor], Outcome.DROPPED)]
        n_in = documents.num_rows
        if hits is not None:
            dropped.append(contamination_entries(pool_batch, hits, reasons))
            n_in += dropped[-1].num_rows
            count("contamination", **hits.counts())
        n_dropped = sum(part.num_rows for part in dropped)
        count("dedup", n_in=n_in, n_out=curated.num_rows, merged=merged.num_rows, dropped=n_dropped)
        return curated, pa.concat_batches([merged, *dropped, kept_entries(curated, eligible_rows[stays], reasons)])

    def eligible(self, pool_batch: pa.RecordBatch, latest: pa.RecordBatch) -> EligibleRows:
        """The eligible documents of the pool's batch, with the texts that are left."""
        if self.texts_were_cut:
            found = self.eligibility(pool_batch, ("text",))
            documents = latest.drop_columns([ELIGIBLE]).take(pa.array(found.rows))
        else:
            found = self.eligibility(latest)
            documents = found.documents
        if found.hits is not None and found.hits.cuts:
            before = pool_batch.column("text").take(pa.array(found.rows))
            documents = with_evaluation_cut(documents, before, found.documents.column("text"))
        return found._replace(documents=documents)
