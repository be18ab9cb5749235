"""The pool -> MERGE rows -> curated documents. Only keys, signatures and places are regrouped, never text."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.dedup.decontaminate import eval_reasons
from pipelines.dedup.exact import best_of, compose, content_hashes, merge_equal, salted, url_hashes
from pipelines.dedup.frames import as_frame
from pipelines.dedup.memory import band_row_bytes, parts_of, range_share, ranges_for, signature_row_bytes
from pipelines.dedup.minhash import UInt64s, ranks
from pipelines.dedup.near.stage import FindNearDuplicates, places_spread, ranged
from pipelines.dedup.pool import TakePart
from pipelines.dedup.shingles import permutations, signatures
from pipelines.dedup.snapshots.index import Earlier, hash_keys
from pipelines.runtime import Decision, Exchange, Partition, Progress, count, ended, open_segment, passed, range_of, read_pieces, tag
from schemas.hops import MERGE, signature_schema
from schemas.ledger import Outcome, entries
from schemas.recipe import Dedup

Segment = tuple[int, str]


class Deduplicate(beam.PTransform):
    """(segment number, path) -> MERGE batches, each document at most once and every survivor one that stays."""

    def __init__(
        self,
        dedup: Dedup,
        segments: list[str],
        n_documents: int,
        folder: Path,
        progress: Progress,
        take_part: TakePart | None = None,
        earlier: Earlier | None = None,
    ) -> None:
        super().__init__()
        self.dedup, self.segments, self.folder, self.progress = dedup, segments, folder, progress
        self.take_part, self.earlier = take_part or TakePart(), earlier
        self.n_ranges = ranges_for(n_documents * signature_row_bytes(dedup), dedup)
        self.n_band_ranges = ranges_for(n_documents * dedup.minhash.bands * band_row_bytes(dedup), dedup)

    def expand(self, segments: beam.PCollection[Segment]) -> beam.PCollection[pa.RecordBatch]:
        """Sign, then one kind after the other, each on what the kinds before it left."""
        rows = segments | "sign" >> beam.ParDo(Sign(self.dedup, self.progress, self.take_part))
        merges: beam.PCollection[pa.RecordBatch] | None = None
        for kind in self.dedup.kinds:
            with_name = f"{kind}: "
            if kind == "minhash":
                near = FindNearDuplicates(
                    self.dedup, self.segments, self.folder / kind, self.n_band_ranges, self.earlier, self.take_part.text
                )
                new = rows | kind >> near
            else:
                column = f"{kind}_hash"
                keyed = rows | f"{with_name}key" >> beam.Map(by_hash, column=column, n_ranges=self.n_ranges)
                decided = keyed | kind >> Exchange(self.folder / kind, MergeEqual(kind, self.dedup, self.earlier), Decision)
                rows = decided | f"{with_name}stay" >> beam.Map(passed)
                new = decided | f"{with_name}merge" >> beam.Map(ended)
            if merges is None:
                merges = new
            else:
                before = merges | f"{with_name}before" >> beam.Map(by_place, column="survivor_at", later=False, n_ranges=self.n_ranges)
                now = new | f"{with_name}now" >> beam.Map(by_place, column="at", later=True, n_ranges=self.n_ranges)
                both = (before, now) | f"{with_name}join" >> beam.Flatten()
                merges = both | f"{with_name}compose" >> Exchange(self.folder / f"{kind}-compose", ComposeRange(self.dedup))
        if merges is None:
            merges = rows | "no kinds" >> beam.ParDo(nothing)
        return merges


class Sign(beam.DoFn):
    """A segment's documents -> SIGNATURE batches."""

    def __init__(self, dedup: Dedup, progress: Progress, take_part: TakePart) -> None:
        self.dedup, self.progress, self.take_part = dedup, progress, take_part
        n_permutations = dedup.minhash.bands * dedup.minhash.rows
        self.schema = signature_schema(n_permutations)
        self.a, self.b = permutations(n_permutations, dedup.minhash.seed)  # drawn in the driver, once

    def process(self, segment: Segment) -> Iterator[pa.RecordBatch]:
        """Sign every batch of the file."""
        number, path = segment
        reader = open_segment(Path(path))
        first_row = 0
        for index in range(reader.num_record_batches):
            batch = reader.get_batch(index)
            documents, rows, _ = self.take_part(batch, ("doc_id", "source", "url", "text"))
            signature = self.sign(documents, rows.astype(np.uint64) + np.uint64((number << 32) + first_row))
            count("dedup cost", signature_bytes=signature.nbytes)
            yield signature
            first_row += batch.num_rows
        self.progress.step()

    def sign(self, batch: pa.RecordBatch, places: npt.NDArray[np.uint64]) -> pa.RecordBatch:
        """The keys of each document; only those that the recipe's kinds ask for are computed."""
        n = batch.num_rows
        text = batch.column("text")
        kinds, minhash = self.dedup.kinds, self.dedup.minhash
        values, n_shingles = np.zeros((n, len(self.a)), np.uint32), np.zeros(n, np.uint32)
        if "minhash" in kinds:
            values, n_shingles = signatures(text, minhash.shingle, self.a, self.b)
        n_chars = pc.utf8_length(text).cast(pa.uint64()).to_numpy()
        salts = source_salts(batch.column("source")) if self.dedup.scope == "within_source" else np.zeros(n, np.uint64)
        columns = {
            "at": pa.array(places),
            "doc_id": batch.column("doc_id"),
            "rank": pa.array(ranks(self.priorities(batch), n_chars, batch.column("doc_id"))),
            "salt": pa.array(salts),
            "url_hash": salted(url_hashes(batch.column("url")), salts) if "url" in kinds else pa.nulls(n, pa.binary(16)),
            "exact_hash": salted(content_hashes(text), salts) if "exact" in kinds else batch.column("doc_id"),
            "n_shingles": pa.array(n_shingles),
            "minhash": pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), type=self.schema.field("minhash").type),
        }
        return pa.RecordBatch.from_arrays([columns[name] for name in self.schema.names], schema=self.schema)

    def priorities(self, batch: pa.RecordBatch) -> npt.NDArray[np.uint8]:
        """uint8[n]: 0 for protected sources, then the place of each document's source in the recipe's order."""
        order, source = self.dedup.priority, batch.column("source")
        places = pc.index_in(source, value_set=pa.array(order, pa.large_string())).fill_null(len(order)).to_numpy()
        protected = pc.is_in(source, value_set=pa.array(self.dedup.protected, pa.large_string())).to_numpy(zero_copy_only=False)
        return np.where(protected, 0, 1 + places).astype(np.uint8)


def source_salts(source: pa.Array) -> UInt64s:
    """uint64[n]: a hash of each document's source; never 0."""
    found = source.dictionary_encode()
    salts = [int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little") | 1 for name in found.dictionary.to_pylist()]
    return np.array(salts, np.uint64)[found.indices.to_numpy()]


def by_hash(batch: pa.RecordBatch, column: str, n_ranges: int) -> pa.RecordBatch:
    """Rows ranged by a hash column; rows without one stay together by their place."""
    hashes = batch.column(column)
    spread = places_spread(batch.column("at"))
    if hashes.null_count < len(hashes):
        keys = hash_keys(hashes.fill_null(b"\0" * 16))
        spread = np.where(hashes.is_valid().to_numpy(zero_copy_only=False), keys, spread)
    return ranged(batch, range_of(spread, n_ranges))


def by_place(batch: pa.RecordBatch, column: str, later: bool, n_ranges: int) -> pa.RecordBatch:
    """MERGE rows ranged by a place, marked as of the kind that just ran or not."""
    marked = batch.append_column("later", pa.repeat(pa.scalar(later), batch.num_rows))
    return ranged(marked, range_of(places_spread(batch.column(column)), n_ranges))


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


class ComposeRange:
    """Exchange reducer: point merges at survivors that stay."""

    def __init__(self, dedup: Dedup) -> None:
        self.most_bytes = range_share(dedup)

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Each document ends once, so what ended now is as many rows as the range has documents at most; the others come in parts."""
        now = table.filter(table.column("later"))
        yield compose(now.slice(0, 0), now, with_now=True)
        for part in parts_of(table, self.most_bytes):
            yield compose(part.filter(pc.invert(part.column("later"))), now)


class ApplyMerges(beam.PTransform):
    """((segment number, path), MERGE batches) -> Decision: curated documents; ledger rows of what ends here and of what is kept."""

    def __init__(self, folder: Path, progress: Progress, take_part: TakePart | None = None) -> None:
        super().__init__()
        self.folder, self.progress, self.take_part = folder, progress, take_part or TakePart()

    def expand(self, inputs: Any) -> beam.PCollection[Decision]:
        """Bring each segment its merges; the text stays where it is."""
        segments: beam.PCollection[Segment]
        merges: beam.PCollection[pa.RecordBatch]
        segments, merges = inputs  # Beam reads annotations of single collections only
        pieces = merges | "by segment" >> beam.Map(by_segment) | "pieces" >> Partition(self.folder)
        grouped = {"path": segments, "pieces": pieces} | "join" >> beam.CoGroupByKey()
        return grouped | "apply" >> beam.ParDo(_ApplyMerges(self.folder, self.progress, self.take_part))


def by_segment(merges: pa.RecordBatch) -> pa.RecordBatch:
    """MERGE rows ranged by the segment that holds the merged document."""
    return merges.append_column("range", pc.shift_right(merges.column("at"), pa.scalar(32, pa.uint64())).cast(pa.uint32()))


class _ApplyMerges(beam.DoFn):
    def __init__(self, folder: Path, progress: Progress, take_part: TakePart) -> None:
        self.folder, self.progress, self.take_part = folder, progress, take_part

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
            curated, ledger = self.decide(batch, merges.slice(low, high - low), rows[low:high] - first)
            yield Decision(tag(curated, segment, sequence), tag(ledger, segment, sequence))
            first += batch.num_rows
        self.progress.step()

    def decide(self, batch: pa.RecordBatch, merges: pa.Table, rows: npt.NDArray[np.int64]) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """`rows` of the batch are merged; of the others those that take part stay."""
        documents, taken, found = self.take_part(batch)
        stays = ~np.isin(taken, rows)
        curated = documents.filter(pa.array(stays))
        columns = {name: merges.column(name).combine_chunks() for name in ("reason", "value", "limit", "survivor_id")}
        merged = entries(batch.take(pa.array(rows)), "dedup", Outcome.MERGED, **columns)
        ledger = [merged]
        n_dropped = 0
        if found is not None:
            reason, value, limit = eval_reasons(found, self.take_part.evals)
            dropped = np.flatnonzero(found.dropped)
            n_dropped = len(dropped)
            columns = {"reason": reason, "value": value, "limit": limit}
            ended_here = {name: column.take(pa.array(dropped)) for name, column in columns.items()}
            ledger.append(entries(batch.take(pa.array(dropped)), "dedup", Outcome.DROPPED, **ended_here))
            was_cut = {name: column.take(pa.array(taken[stays])) for name, column in columns.items()}
            ledger.append(entries(curated, "dedup", Outcome.KEPT, **was_cut))
            count("contamination", **found.counts(self.take_part.evals))
        else:
            ledger.append(entries(curated, "dedup", Outcome.KEPT))
        count("dedup", n_in=len(taken) + n_dropped, n_out=curated.num_rows, merged=merged.num_rows, dropped=n_dropped)
        return curated, pa.concat_batches(ledger)


def nothing(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """No merges: the recipe names no kind."""
    yield from ()
