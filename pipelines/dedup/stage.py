"""The pool -> MERGE rows -> curated documents. Only keys, signatures and places are regrouped, never text."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.dedup.chains import compose
from pipelines.dedup.exact import best_of, merge_equal
from pipelines.dedup.frames import as_frame
from pipelines.dedup.memory import band_row_bytes, block_row_bytes, parts_of, range_share, ranges_for, signature_row_bytes
from pipelines.dedup.minhash import UInt64s
from pipelines.dedup.near.compare import Compare
from pipelines.dedup.near.stage import FindNearDuplicates, FindNearHashes, MergeAlike
from pipelines.dedup.pool import TakePart
from pipelines.dedup.ranges import places_spread, ranged
from pipelines.dedup.sign import Signer
from pipelines.dedup.snapshots.index import Earlier, hash_keys
from pipelines.dedup.spans.rewrite import Mend, unchanged
from pipelines.dedup.spans.stage import CutSpans, Job
from pipelines.engine.counters import count
from pipelines.engine.decision import Decision, kept, removed
from pipelines.engine.exchange import Exchange, range_of
from pipelines.engine.progress import Progress
from pipelines.engine.segments import open_segment
from schemas.hops import signature_schema
from schemas.recipe import Dedup

Segment = tuple[int, str]


class Left(NamedTuple):
    """What the kinds so far have left: segments, where they lie, and how they are read."""

    segments: beam.PCollection[Segment]
    paths: list[str]
    take_part: TakePart


def steps_of(dedup: Dedup) -> int:
    """How often `Deduplicate` and `ApplyMerges` tell of progress for each segment.

    Documents are signed before each run of kinds that compare them, every kind that cuts writes them anew, and at last merges are applied.
    """
    signings = sum(not cuts for cuts, _ in groupby(kind in dedup.cut_kinds for kind in dedup.kinds))
    return signings + len(dedup.cut_kinds) + 1


class Deduplicate(beam.PTransform):
    """(segment number, path) -> (the segments to take the documents from, MERGE batches).

    Each document has at most one MERGE row, and every survivor stays. The segments are the given ones, or, row by row the same,
    those that the kinds which cut have written; `take_part.left_by(dedup)` reads them.
    """

    def __init__(
        self,
        dedup: Dedup,
        segments: list[str],
        n_documents: int,
        folder: Path,
        progress: Progress,
        take_part: TakePart | None = None,
        earlier: Earlier | None = None,
        mend: Mend = unchanged,
    ) -> None:
        super().__init__()
        self.dedup, self.segments, self.folder, self.progress = dedup, segments, folder, progress
        self.take_part, self.earlier, self.mend = take_part or TakePart(), earlier, mend
        self.n_bytes = sum(Path(segment).stat().st_size for segment in segments)
        self.n_ranges = ranges_for(n_documents * signature_row_bytes(dedup), dedup)
        self.n_band_ranges = ranges_for(n_documents * dedup.minhash.bands * band_row_bytes(dedup), dedup)
        self.n_block_ranges = ranges_for(n_documents * block_row_bytes(dedup), dedup)

    def expand(self, segments: beam.PCollection[Segment]) -> Any:
        """One kind after the other, each on what the kinds before it left; texts that were cut are signed anew."""
        left = Left(segments, self.segments, self.take_part)
        rows: beam.PCollection[pa.RecordBatch] | None = None
        merges: beam.PCollection[pa.RecordBatch] | None = None
        for kind in self.dedup.kinds:
            if kind in self.dedup.cut_kinds:
                left, new = self.cut(kind, left, merges)
                rows = None
            else:
                if rows is None:
                    rows = left.segments | f"{kind}: sign" >> beam.ParDo(Sign(self.dedup, self.progress, left.take_part))
                rows, new = self.merge(kind, rows, left)
            merges = new if merges is None else self.composed(kind, merges, new, left)
        if merges is None:
            merges = segments | "no kinds" >> beam.ParDo(nothing)
        return left.segments, merges

    def cut(self, kind: str, left: Left, merges: beam.PCollection[pa.RecordBatch] | None) -> tuple[Left, beam.PCollection[pa.RecordBatch]]:
        """What a kind that cuts spans leaves, and the documents that end by it."""
        job = Job(kind, self.dedup, left.paths, self.n_bytes, self.folder / kind, left.take_part, self.mend, self.progress)
        before = {"path": left.segments} if merges is None else {"path": left.segments, "merges": merges}
        segments, new = before | kind >> CutSpans(job)
        return Left(segments, job.outputs(), self.take_part.left_by(self.dedup)), new

    def merge(
        self, kind: str, rows: beam.PCollection[pa.RecordBatch], left: Left
    ) -> tuple[beam.PCollection[pa.RecordBatch], beam.PCollection[pa.RecordBatch]]:
        """(rows that go on, MERGE batches) of a kind that compares whole documents."""
        folder = self.folder / kind
        if kind == "minhash":
            merges = rows | kind >> FindNearDuplicates(self.dedup, self.compare(left), folder, self.n_band_ranges)
            return self.standing(kind, rows, merges), merges
        if kind == "simhash":
            merges = rows | kind >> FindNearHashes(self.dedup, self.compare(left), folder, self.n_block_ranges)
            return self.standing(kind, rows, merges), merges
        reduce = MergeAlike(self.dedup, self.compare(left)) if kind == "url" else MergeEqual(kind, self.dedup, self.earlier)
        keyed = rows | f"{kind}: key" >> beam.Map(by_hash, column=f"{kind}_hash", n_ranges=self.n_ranges)
        decided = keyed | kind >> Exchange(folder, reduce, Decision)
        return decided | f"{kind}: stay" >> beam.Map(kept), decided | f"{kind}: merge" >> beam.Map(removed)

    def standing(
        self, kind: str, rows: beam.PCollection[pa.RecordBatch], merges: beam.PCollection[pa.RecordBatch]
    ) -> beam.PCollection[pa.RecordBatch]:
        """The rows of documents that `kind` has not merged, for another one that compares whole documents after it."""
        following = self.dedup.kinds[self.dedup.kinds.index(kind) + 1 :][:1]
        if not following or following[0] in self.dedup.cut_kinds:
            return rows
        shape = {"n_permutations": self.dedup.minhash.bands * self.dedup.minhash.rows, "n_ranges": self.n_ranges}
        here = rows | f"{kind}: here" >> beam.Map(by_own_place, **shape)
        gone = merges | f"{kind}: gone" >> beam.Map(as_gone, **shape)
        return (here, gone) | f"{kind}: both" >> beam.Flatten() | f"{kind}: left" >> Exchange(self.folder / f"{kind}-left", without_gone)

    def compare(self, left: Left) -> Compare:
        """What measures how alike documents are, by the texts that the kinds so far have left."""
        return Compare(self.dedup, left.paths, self.earlier, left.take_part.text)

    def composed(
        self, kind: str, merges: beam.PCollection[pa.RecordBatch], new: beam.PCollection[pa.RecordBatch], left: Left
    ) -> beam.PCollection[pa.RecordBatch]:
        """All merges so far, those of earlier kinds pointed at survivors that stay and are like them."""
        before = merges | f"{kind}: before" >> beam.Map(by_place, column="survivor_at", later=False, n_ranges=self.n_ranges)
        now = new | f"{kind}: now" >> beam.Map(by_place, column="at", later=True, n_ranges=self.n_ranges)
        both = (before, now) | f"{kind}: join" >> beam.Flatten()
        return both | f"{kind}: compose" >> Exchange(self.folder / f"{kind}-compose", ComposeRange(self.dedup, self.compare(left)))


def nothing(segment: Segment) -> Iterator[pa.RecordBatch]:
    """No merges: the recipe names no kind."""
    yield from ()


class Sign(beam.DoFn):
    """A segment's documents -> SIGNATURE batches."""

    def __init__(self, dedup: Dedup, progress: Progress, take_part: TakePart) -> None:
        self.sign, self.progress, self.take_part = Signer(dedup), progress, take_part

    def process(self, segment: Segment) -> Iterator[pa.RecordBatch]:
        """Sign every batch of the file."""
        number, path = segment
        reader = open_segment(Path(path))
        first_row = 0
        for index in range(reader.num_record_batches):
            batch = reader.get_batch(index)
            columns = [name for name in batch.schema.names if name in ("doc_id", "source", "url", "text")]
            documents, rows, _ = self.take_part(batch, columns)
            signature = self.sign(documents, rows.astype(np.uint64) + np.uint64((number << 32) + first_row))
            count("dedup cost", signature_bytes=signature.nbytes)
            yield signature
            first_row += batch.num_rows
        self.progress.step()


def by_hash(batch: pa.RecordBatch, column: str, n_ranges: int) -> pa.RecordBatch:
    """Rows ranged by a hash column; rows without one stay together by their place."""
    hashes = batch.column(column)
    spread = places_spread(batch.column("at"))
    if hashes.null_count < len(hashes):
        keys = hash_keys(hashes.fill_null(b"\0" * 16))
        spread = np.where(hashes.is_valid().to_numpy(zero_copy_only=False), keys, spread)
    return ranged(batch, range_of(spread, n_ranges))


class MergeEqual:
    """Exchange reducer: rows equal in a hash column -> the best stays.

    It goes through the rows twice, a part at a time: which is the best of each hash, then what becomes of each row. So a hash that
    a million documents share costs no more memory than any other.
    """

    def __init__(self, kind: str, dedup: Dedup, earlier: Earlier | None) -> None:
        self.kind, self.earlier = kind, earlier
        self.most_bytes = range_share(dedup)

    def __call__(self, number: int, table: pa.Table) -> Iterator[Decision]:
        """Split a range into what stays and what is merged."""
        column = f"{self.kind}_hash"
        bests = [best_of(as_frame(part.select([column, "rank", "at", "doc_id"])), column) for part in parts_of(table, self.most_bytes)]
        best = best_of(bests, column)
        if self.earlier:
            best = best_of([best, self.earlier.equal(best.get_column(column), self.kind)], column)
        for part in parts_of(table, self.most_bytes):
            stays, merges = merge_equal(part, column, self.kind, best)
            stays = stays.drop_columns("range")
            yield Decision(pa.RecordBatch.from_pylist([], stays.schema), merges)
            for batch in stays.to_batches():
                yield Decision(batch, merges.slice(0, 0))


def by_place(batch: pa.RecordBatch, column: str, later: bool, n_ranges: int) -> pa.RecordBatch:
    """MERGE rows ranged by a place, marked as of the kind that just ran or not."""
    marked = batch.append_column("later", pa.repeat(pa.scalar(later), batch.num_rows))
    places = pc.coalesce(batch.column(column), batch.column("at"))  # a document may have ended without a survivor
    return ranged(marked, range_of(places_spread(places), n_ranges))


def by_own_place(batch: pa.RecordBatch, n_permutations: int, n_ranges: int) -> pa.RecordBatch:
    """SIGNATURE rows ranged by place, marked as no merge."""
    return _marked({name: batch.column(name) for name in batch.schema.names}, False, n_permutations, n_ranges)


def as_gone(batch: pa.RecordBatch, n_permutations: int, n_ranges: int) -> pa.RecordBatch:
    """MERGE rows as rows of `by_own_place` that hold a place and nothing else."""
    return _marked({"at": batch.column("at")}, True, n_permutations, n_ranges)


def _marked(known: dict[str, pa.Array], gone: bool, n_permutations: int, n_ranges: int) -> pa.RecordBatch:
    schema, n = signature_schema(n_permutations), len(known["at"])
    columns = [known[field.name].cast(field.type) if field.name in known else pa.nulls(n, field.type) for field in schema]
    rows = pa.RecordBatch.from_arrays(columns, schema=schema).append_column("gone", pa.repeat(pa.scalar(gone), n))
    return ranged(rows, range_of(places_spread(known["at"]), n_ranges))


def without_gone(number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
    """Exchange reducer: the SIGNATURE rows of places that no merge names."""
    gone = table.column("gone")
    stays = pc.and_(pc.invert(gone), pa.array(~np.isin(table.column("at").to_numpy(), table.filter(gone).column("at").to_numpy())))
    yield from table.filter(stays).drop_columns(["gone", "range"]).to_batches()


class ComposeRange:
    """Exchange reducer: point merges at survivors that stay."""

    def __init__(self, dedup: Dedup, compare: Compare) -> None:
        self.most_bytes, self.compare = range_share(dedup), compare

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Each document ends once, so what ended now is as many rows as the range has documents at most; the others come in parts."""
        now = table.filter(table.column("later"))
        yield compose(now.slice(0, 0), now, self.measure, with_now=True)
        for part in parts_of(table, self.most_bytes):
            before = part.filter(pc.invert(part.column("later")))
            composed = compose(before, now, self.measure)
            count("dedup", stay_after_all=before.num_rows - composed.num_rows)
            yield composed

    def measure(self, kind: str, better: UInt64s, worse: UInt64s) -> npt.NDArray[np.float64]:
        """How alike each two are by the measure of the kind."""
        return self.compare(kind, better, worse)[0]
