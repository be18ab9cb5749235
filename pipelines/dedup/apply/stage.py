"""The pool and its MERGE rows -> curated documents, and the ledger rows of what ends here and of what is kept."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.dedup.clusters import cluster_sizes, sizes_of, with_cluster_size
from pipelines.dedup.evals.decontaminate import eval_reasons, with_evaluation_cut
from pipelines.dedup.memory import ranges_for
from pipelines.dedup.pool import TakePart
from pipelines.dedup.ranges import by_segment
from pipelines.dedup.spans.rewrite import STAYS
from pipelines.dedup.stage import Segment, by_place
from pipelines.engine.counters import count
from pipelines.engine.decision import Decision
from pipelines.engine.exchange import Exchange, Partition, read_pieces
from pipelines.engine.progress import Progress
from pipelines.engine.segments import open_segment, tag
from schemas.hops import MERGE
from schemas.ledger import Outcome, entries
from schemas.recipe import Dedup


class ApplyMerges(beam.PTransform):
    """What `Deduplicate` gives -> Decision: curated documents; ledger rows of what ends here and of what is kept.

    `pool` are the segments that it was given: what was found of evaluation sets is read there, the texts where they were cut.
    """

    def __init__(
        self, dedup: Dedup, pool: list[str], n_documents: int, folder: Path, progress: Progress, take_part: TakePart | None = None
    ) -> None:
        super().__init__()
        self.dedup, self.pool, self.folder, self.progress, self.take_part = dedup, pool, folder, progress, take_part or TakePart()
        self.n_ranges = ranges_for(n_documents * 64, dedup)

    def expand(self, inputs: Any) -> beam.PCollection[Decision]:
        """Bring each segment its merges; the text stays where it is."""
        segments: beam.PCollection[Segment]
        merges: beam.PCollection[pa.RecordBatch]
        segments, merges = inputs  # Beam reads annotations of single collections only
        pieces = merges | "by segment" >> beam.Map(by_segment) | "pieces" >> Partition(self.folder)
        clusters = merges | "by survivor" >> beam.Map(by_place, column="survivor_at", later=False, n_ranges=self.n_ranges)
        counted = clusters | "clusters" >> Exchange(self.folder / "clusters", ClusterSizes(self.dedup, len(self.pool)))
        grouped = {"path": segments, "pieces": pieces, "sizes": counted | Partition(self.folder / "sizes")} | "join" >> beam.CoGroupByKey()
        return grouped | "apply" >> beam.ParDo(_ApplyMerges(self.dedup, self.pool, self.folder, self.progress, self.take_part))


class ClusterSizes:
    """Exchange reducer: MERGE rows by survivor -> (at, cluster_size) of everything in the clusters, ranged by segment."""

    def __init__(self, dedup: Dedup, n_segments: int) -> None:
        self.kinds, self.first_earlier = dedup.document_kinds, pa.scalar(n_segments << 32, pa.uint64())

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Count; survivors of earlier runs are not written again."""
        sizes = cluster_sizes(table, self.kinds)
        yield by_segment(sizes.filter(pc.less(sizes.column("at"), self.first_earlier)))


class _ApplyMerges(beam.DoFn):
    def __init__(self, dedup: Dedup, pool: list[str], folder: Path, progress: Progress, take_part: TakePart) -> None:
        self.weighs, self.pool, self.folder, self.progress, self.take_part = dedup.copies == "weigh", pool, folder, progress, take_part

    def process(self, group: tuple[int, dict[str, Iterable[Any]]]) -> Iterator[Decision]:
        segment, found = group
        (path,) = found["path"]
        merges = None if self.weighs else read_pieces(self.folder, found["pieces"])
        sizes = sizes_of(read_pieces(self.folder / "sizes", found["sizes"]))
        merges = (merges.select(MERGE.names) if merges is not None else MERGE.empty_table()).sort_by("at").combine_chunks()
        rows = (merges.column("at").to_numpy() & np.uint64(0xFFFFFFFF)).astype(np.int64)
        pool, left = open_segment(Path(self.pool[segment])), open_segment(Path(path))
        first = 0
        for sequence in range(left.num_record_batches):
            batch = pool.get_batch(sequence)
            low, high = np.searchsorted(rows, [first, first + batch.num_rows])
            texts = with_cluster_size(left.get_batch(sequence), first, sizes)
            curated, ledger = self.decide(batch, texts, merges.slice(low, high - low), rows[low:high] - first)
            yield Decision(tag(curated, segment, sequence), tag(ledger, segment, sequence))
            first += batch.num_rows
        self.progress.step()

    def decide(
        self, batch: pa.RecordBatch, left: pa.RecordBatch, merges: pa.Table, rows: npt.NDArray[np.int64]
    ) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """`rows` of the pool's batch end here; of the others those that take part stay, as they stand in `left`."""
        if STAYS in left.schema.names:
            cleaned, taken, found = self.take_part(batch, ("text",))
            documents = left.drop_columns([STAYS]).take(pa.array(taken))
        else:
            documents, taken, found = self.take_part(left)
            cleaned = documents
        if found is not None and found.cuts:
            documents = with_evaluation_cut(documents, batch.column("text").take(pa.array(taken)), cleaned.column("text"))
        stays = ~np.isin(taken, rows)
        curated = documents.filter(pa.array(stays))
        reasons = {} if found is None else dict(zip(("reason", "value", "limit"), eval_reasons(found, self.take_part.evals), strict=True))
        has_survivor = merges.column("survivor_at").is_valid().to_numpy()
        ledger = []
        for outcome, chosen in ((Outcome.MERGED, has_survivor), (Outcome.DROPPED, ~has_survivor)):
            part = merges.filter(pa.array(chosen))
            columns = {name: part.column(name).combine_chunks() for name in ("reason", "value", "limit", "survivor_id")}
            ledger.append(entries(batch.take(pa.array(rows[chosen])), "dedup", outcome, **columns))
        if found is not None:
            dropped = pa.array(np.flatnonzero(found.dropped))
            of_dropped = {name: column.take(dropped) for name, column in reasons.items()}
            ledger.append(entries(batch.take(dropped), "dedup", Outcome.DROPPED, **of_dropped))
            count("contamination", **found.counts(self.take_part.evals))
        of_kept = {name: column.take(pa.array(taken[stays])) for name, column in reasons.items()}
        merged, *dropped_parts = (part.num_rows for part in ledger)
        count("dedup", n_in=len(taken) + sum(dropped_parts[1:]), n_out=curated.num_rows, merged=merged, dropped=sum(dropped_parts))
        return curated, pa.concat_batches([*ledger, entries(curated, "dedup", Outcome.KEPT, **of_kept)])
