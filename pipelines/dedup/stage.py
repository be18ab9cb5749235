"""The pool -> MERGE rows. Only keys, signatures and row references are regrouped, never text."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.dedup.arrays import Floats, UInt64s
from pipelines.dedup.chains import compose
from pipelines.dedup.exact import merge_equal, winner_rows
from pipelines.dedup.frames import as_frame
from pipelines.dedup.job import DedupJob
from pipelines.dedup.memory import partition_budget, split_table
from pipelines.dedup.near.compare import PairComparer
from pipelines.dedup.near.stage import FindNearDuplicates, FindNearHashes, MergeSameAddress
from pipelines.dedup.partitions import partition_by_row_ref, spread_refs
from pipelines.dedup.pool import Eligibility
from pipelines.dedup.row_refs import row_ref
from pipelines.dedup.sign import Signer
from pipelines.dedup.snapshots.index import EarlierDocuments, hash_keys
from pipelines.dedup.spans.job import SpanJob
from pipelines.dedup.spans.stage import CutSpans
from pipelines.engine.counters import count
from pipelines.engine.decision import Decision, kept, removed
from pipelines.engine.progress import Progress
from pipelines.engine.segments import batches_of
from pipelines.engine.shuffle import PARTITION, PCollections, Shuffle, partition_of, with_partition
from schemas.hops import signature_schema
from schemas.recipe import Dedup

NumberedPath = tuple[int, str]
"""(segment number, path)."""
Batches: TypeAlias = beam.PCollection[pa.RecordBatch]


class DedupState(NamedTuple):
    """What the kinds so far have left."""

    segments: beam.PCollection[NumberedPath]
    paths: list[str]
    """Of the same segments, by number."""
    eligibility: Eligibility
    """Which of their documents are eligible."""


class Deduplicate(beam.PTransform):
    """(segment number, path) -> (the segments to take the documents from, MERGE batches).

    Each document has at most one MERGE row, and every survivor stays. The segments are those of the pool, or, row by row the same, those
    that the kinds that cut have rewritten; `job.eligibility.after_cuts(dedup)` reads them.
    """

    def __init__(self, job: DedupJob) -> None:
        super().__init__()
        self.job, self.dedup, self.folder = job, job.dedup, job.folder
        self.n_partitions = job.n_partitions

    def expand(self, segments: beam.PCollection[NumberedPath]) -> PCollections:
        """Run one kind after the other, each on what the kinds before it left. Texts that were cut are signed again."""
        state = DedupState(segments, self.job.segments, self.job.eligibility)
        signatures: Batches | None = None
        merges: Batches | None = None
        for kind in self.dedup.kinds:
            if kind in self.dedup.cut_kinds:
                state, new = self.cut(kind, state, merges)
                signatures = None
            else:
                if signatures is None:
                    sign = SignDocuments(self.dedup, self.job.progress, state.eligibility)
                    signatures = state.segments | f"{kind}: sign" >> beam.ParDo(sign)
                signatures, new = self.merge(kind, signatures, state)
            merges = new if merges is None else self.compose(kind, merges, new, state)
        if merges is None:
            merges = segments | "no kinds" >> beam.ParDo(no_merges)
        return state.segments, merges

    def cut(self, kind: str, state: DedupState, merges: Batches | None) -> tuple[DedupState, Batches]:
        """(what a kind that cuts spans leaves, MERGE batches of the documents that it removes)."""
        job = SpanJob(
            kind,
            self.dedup,
            state.paths,
            self.job.n_bytes,
            self.folder / kind,
            state.eligibility,
            self.job.rescrub,
            self.job.progress,
        )
        before = {"path": state.segments} if merges is None else {"path": state.segments, "merges": merges}
        segments, new = before | kind >> CutSpans(job)
        return DedupState(segments, job.outputs(), self.job.eligibility.after_cuts(self.dedup)), new

    def merge(self, kind: str, signatures: Batches, state: DedupState) -> tuple[Batches, Batches]:
        """(SIGNATURE batches of the documents that stay, MERGE batches) of a kind that compares whole documents."""
        folder, comparer = self.folder / kind, self.comparer(state)
        if kind == "minhash":
            merges = signatures | kind >> FindNearDuplicates(self.dedup, comparer, folder, self.job.n_band_partitions)
            return self.without_merged(kind, signatures, merges), merges
        if kind == "simhash":
            merges = signatures | kind >> FindNearHashes(self.dedup, comparer, folder, self.job.n_block_partitions)
            return self.without_merged(kind, signatures, merges), merges
        reduce = MergeSameAddress(self.dedup, comparer) if kind == "url" else MergeEqual(kind, self.dedup, self.job.earlier)
        keyed = signatures | f"{kind}: key" >> beam.Map(partition_by_hash, column=f"{kind}_hash", n_partitions=self.n_partitions)
        decided = keyed | kind >> Shuffle(folder, reduce, Decision)
        return decided | f"{kind}: stay" >> beam.Map(kept), decided | f"{kind}: merge" >> beam.Map(removed)

    def without_merged(self, kind: str, signatures: Batches, merges: Batches) -> Batches:
        """The SIGNATURE batches without merged documents, if another kind that compares whole documents follows; else as they are."""
        following = self.dedup.kinds[self.dedup.kinds.index(kind) + 1 :][:1]
        if not following or following[0] in self.dedup.cut_kinds:
            return signatures
        shape = {"n_permutations": self.dedup.minhash.bands * self.dedup.minhash.rows, "n_partitions": self.n_partitions}
        unmarked = signatures | f"{kind}: here" >> beam.Map(unmerged_signatures, **shape)
        marked = merges | f"{kind}: gone" >> beam.Map(merge_markers, **shape)
        both = (unmarked, marked) | f"{kind}: both" >> beam.Flatten()
        return both | f"{kind}: left" >> Shuffle(self.folder / f"{kind}-left", drop_merged)

    def comparer(self, state: DedupState) -> PairComparer:
        """What measures the similarity of documents, by the texts that the kinds so far have left."""
        return PairComparer(self.dedup, state.paths, self.job.earlier, state.eligibility.clean_text)

    def compose(self, kind: str, merges: Batches, new: Batches, state: DedupState) -> Batches:
        """All merges so far. Those of earlier kinds point at survivors that stay and that are similar enough."""
        n_partitions = self.n_partitions
        before = merges | f"{kind}: before" >> beam.Map(partition_merges, column="survivor_ref", n_partitions=n_partitions)
        now = new | f"{kind}: now" >> beam.Map(partition_merges, column="row_ref", is_new=True, n_partitions=n_partitions)
        both = (before, now) | f"{kind}: join" >> beam.Flatten()
        return both | f"{kind}: compose" >> Shuffle(self.folder / f"{kind}-compose", ComposeMerges(self.dedup, self.comparer(state)))


def no_merges(segment: NumberedPath) -> Iterator[pa.RecordBatch]:
    """No MERGE batches: the recipe names no kind."""
    yield from ()


class SignDocuments(beam.DoFn):
    """(segment number, path) -> SIGNATURE batches of its eligible documents."""

    def __init__(self, dedup: Dedup, progress: Progress, eligibility: Eligibility) -> None:
        self.sign, self.progress, self.eligibility = Signer(dedup), progress, eligibility

    def process(self, segment: NumberedPath) -> Iterator[pa.RecordBatch]:
        """Sign every batch of the file."""
        number, path = segment
        first_row = 0
        for batch in batches_of(Path(path)):
            columns = [name for name in batch.schema.names if name in ("doc_id", "source", "url", "text")]
            documents, rows, _ = self.eligibility(batch, columns)
            signature = self.sign(documents, row_ref(number, first_row) + rows.astype(np.uint64))
            count("dedup cost", signature_bytes=signature.nbytes)
            yield signature
            first_row += batch.num_rows
        self.progress.step()


def partition_by_hash(batch: pa.RecordBatch, column: str, n_partitions: int) -> pa.RecordBatch:
    """Rows partitioned by a binary[16] column. Rows without a hash are spread over all partitions."""
    hashes = batch.column(column)
    keys = spread_refs(batch.column("row_ref"))
    if hashes.null_count < len(hashes):
        keys = np.where(hashes.is_valid().to_numpy(zero_copy_only=False), hash_keys(hashes.fill_null(b"\0" * 16)), keys)
    return with_partition(batch, partition_of(keys, n_partitions))


class MergeEqual:
    """Shuffle reducer: of the rows with one value in a hash column, the winner stays.

    It goes through the rows twice, a part at a time: first it finds the winner of each hash, then it decides on each row. So a hash that
    a million documents share needs no more memory than any other.
    """

    def __init__(self, kind: str, dedup: Dedup, earlier: EarlierDocuments | None) -> None:
        self.kind, self.earlier = kind, earlier
        self.max_bytes = partition_budget(dedup)

    def __call__(self, number: int, table: pa.Table) -> Iterator[Decision]:
        """Split the rows of a partition into those that stay and those that are merged."""
        column = f"{self.kind}_hash"
        parts = [part.select([column, "rank", "row_ref", "doc_id"]) for part in split_table(table, self.max_bytes)]
        winners = winner_rows([winner_rows(as_frame(part), column) for part in parts], column)
        if self.earlier:
            winners = winner_rows([winners, self.earlier.equal(winners.get_column(column), self.kind)], column)
        for part in split_table(table, self.max_bytes):
            stays, merges = merge_equal(part, column, self.kind, winners)
            stays = stays.drop_columns(PARTITION)
            yield Decision(pa.RecordBatch.from_pylist([], stays.schema), merges)
            for batch in stays.to_batches():
                yield Decision(batch, merges.slice(0, 0))


def partition_merges(batch: pa.RecordBatch, column: str, n_partitions: int, is_new: bool = False) -> pa.RecordBatch:
    """MERGE rows partitioned by a column of row references, with a column `is_new`: whether the kind that just ran made them."""
    marked = batch.append_column("is_new", pa.repeat(pa.scalar(is_new), batch.num_rows))
    refs = pc.coalesce(batch.column(column), batch.column("row_ref"))  # a document may be removed without a survivor
    return partition_by_row_ref(marked, refs, n_partitions)


def unmerged_signatures(batch: pa.RecordBatch, n_permutations: int, n_partitions: int) -> pa.RecordBatch:
    """SIGNATURE rows partitioned by row reference, with a column `is_merged` that is false."""
    return _with_is_merged({name: batch.column(name) for name in batch.schema.names}, False, n_permutations, n_partitions)


def merge_markers(batch: pa.RecordBatch, n_permutations: int, n_partitions: int) -> pa.RecordBatch:
    """MERGE rows -> rows as of `unmerged_signatures` with a row reference alone, and `is_merged` true."""
    return _with_is_merged({"row_ref": batch.column("row_ref")}, True, n_permutations, n_partitions)


def _with_is_merged(known: dict[str, pa.Array], is_merged: bool, n_permutations: int, n_partitions: int) -> pa.RecordBatch:
    schema, n = signature_schema(n_permutations), len(known["row_ref"])
    columns = [known[field.name].cast(field.type) if field.name in known else pa.nulls(n, field.type) for field in schema]
    rows = pa.RecordBatch.from_arrays(columns, schema=schema).append_column("is_merged", pa.repeat(pa.scalar(is_merged), n))
    return partition_by_row_ref(rows, known["row_ref"], n_partitions)


def drop_merged(number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
    """Shuffle reducer: the SIGNATURE rows of documents that no MERGE row names."""
    is_merged = table.column("is_merged")
    merged = table.filter(is_merged).column("row_ref").to_numpy()
    stays = pc.and_(pc.invert(is_merged), pa.array(~np.isin(table.column("row_ref").to_numpy(), merged)))
    yield from table.filter(stays).drop_columns(["is_merged", PARTITION]).to_batches()


class ComposeMerges:
    """Shuffle reducer: point earlier merges at survivors that stay."""

    def __init__(self, dedup: Dedup, comparer: PairComparer) -> None:
        self.max_bytes, self.comparer = partition_budget(dedup), comparer

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Compose part by part. A document is removed once, so the new merges are at most as many as the partition has documents."""
        new = table.filter(table.column("is_new"))
        yield compose(new.slice(0, 0), new, self.measure, with_new=True)
        for part in split_table(table, self.max_bytes):
            before = part.filter(pc.invert(part.column("is_new")))
            composed = compose(before, new, self.measure)
            count("dedup", stay_after_all=before.num_rows - composed.num_rows)
            yield composed

    def measure(self, kind: str, winners: UInt64s, losers: UInt64s) -> Floats:
        """float64[n]: the similarity of each two documents by the measure of the kind."""
        return self.comparer(kind, winners, losers)[0]
