"""Segments -> MERGE rows: which documents end in which others. Only keys, signatures and places are regrouped, never text."""

import hashlib
import math
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Final

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.dedup.exact import compose, content_hashes, merge_equal, salted, url_hashes
from pipelines.dedup.frames import as_frame
from pipelines.dedup.minhash import CANDIDATE, MOST_GROUPS, UInt64s, band_keys, candidate_pairs, chars_of, ranks
from pipelines.dedup.places import SegmentIndex
from pipelines.dedup.shingles import permutations, shingle_sets, signatures
from pipelines.dedup.snapshots.index import Earlier, hash_keys
from pipelines.dedup.verify import EDGE, length_class, resolve_stars, similarities
from pipelines.runtime import Decision, Exchange, Partition, Progress, count, ended, open_segment, passed, range_of, read_pieces
from schemas.buffers import Offsets
from schemas.hops import signature_schema
from schemas.recipe import Dedup, MinHash

# Shares of dedup.memory_mb. Sorting a range takes several times its size; a text with its shingles about ten times its length.
RANGE_SHARE: Final = 1 / 12
VERIFY_SHARE: Final = 1 / 32
EARLIER_SHARE: Final = 8  # of one bucket, so many times max_comparisons earlier documents are looked at
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing: the high bits of at * _SPREAD are well mixed

Segment = tuple[int, str]


class Deduplicate(beam.PTransform):
    """(segment number, path) -> MERGE batches, each document at most once and every survivor one that stays."""

    def __init__(
        self, dedup: Dedup, segments: list[str], n_documents: int, folder: Path, progress: Progress, earlier: Earlier | None = None
    ) -> None:
        super().__init__()
        self.dedup, self.segments, self.folder, self.progress, self.earlier = dedup, segments, folder, progress, earlier
        minhash = dedup.minhash
        self.n_ranges = ranges_for(n_documents * (64 + 4 * minhash.bands * minhash.rows), dedup)
        self.n_band_ranges = ranges_for(n_documents * minhash.bands * (28 + 2 * min(minhash.bands, MOST_GROUPS)), dedup)

    def expand(self, segments: beam.PCollection[Segment]) -> beam.PCollection[pa.RecordBatch]:
        """Sign, then one kind after the other, each on what the kinds before it left."""
        rows = segments | "sign" >> beam.ParDo(Sign(self.dedup, self.progress))
        merges: beam.PCollection[pa.RecordBatch] | None = None
        for kind in self.dedup.kinds:
            with_name = f"{kind}: "
            if kind == "minhash":
                new = rows | kind >> FindNearDuplicates(self.dedup, self.segments, self.folder / kind, self.n_band_ranges, self.earlier)
            else:
                column = f"{kind}_hash"
                keyed = rows | f"{with_name}key" >> beam.Map(by_hash, column=column, n_ranges=self.n_ranges)
                decided = keyed | kind >> Exchange(self.folder / kind, MergeEqual(kind, self.earlier), Decision)
                rows = decided | f"{with_name}stay" >> beam.Map(passed)
                new = decided | f"{with_name}merge" >> beam.Map(ended)
            if merges is None:
                merges = new
            else:
                before = merges | f"{with_name}before" >> beam.Map(by_place, column="survivor_at", later=False, n_ranges=self.n_ranges)
                now = new | f"{with_name}now" >> beam.Map(by_place, column="at", later=True, n_ranges=self.n_ranges)
                both = (before, now) | f"{with_name}join" >> beam.Flatten()
                merges = both | f"{with_name}compose" >> Exchange(self.folder / f"{kind}-compose", compose_range)
        if merges is None:
            merges = rows | "no kinds" >> beam.ParDo(nothing)
        return merges


class Sign(beam.DoFn):
    """A segment's documents -> SIGNATURE batches."""

    def __init__(self, dedup: Dedup, progress: Progress) -> None:
        self.dedup, self.progress = dedup, progress
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
            yield self.sign(batch, number, first_row)
            first_row += batch.num_rows
        self.progress.step()

    def sign(self, batch: pa.RecordBatch, segment: int, first_row: int) -> pa.RecordBatch:
        """The keys of each document; only those that the recipe's kinds ask for are computed."""
        n = batch.num_rows
        text = batch.column("raw_text")
        kinds, minhash = self.dedup.kinds, self.dedup.minhash
        values, n_shingles = np.zeros((n, len(self.a)), np.uint32), np.zeros(n, np.uint32)
        if "minhash" in kinds:
            values, n_shingles = signatures(text, minhash.shingle, self.a, self.b)
        n_chars = pc.utf8_length(text).cast(pa.uint64()).to_numpy()
        salts = source_salts(batch.column("source")) if self.dedup.scope == "within_source" else np.zeros(n, np.uint64)
        columns = {
            "at": pa.array((np.uint64(segment) << np.uint64(32)) + np.arange(first_row, first_row + n, dtype=np.uint64)),
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


class FindNearDuplicates(beam.PTransform):
    """SIGNATURE batches -> MERGE batches: bands propose, true similarity decides, stars are resolved from the best down."""

    def __init__(self, dedup: Dedup, segments: list[str], folder: Path, n_ranges: int, earlier: Earlier | None) -> None:
        super().__init__()
        self.dedup, self.segments, self.folder, self.n_ranges, self.earlier = dedup, segments, folder, n_ranges, earlier

    def expand(self, rows: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[pa.RecordBatch]:
        """Bands -> candidates -> verified edges -> merges."""
        config = self.dedup.minhash
        return (
            rows
            | "bands" >> beam.Map(bands_by_range, config=config, n_ranges=self.n_ranges)
            | "candidates" >> Exchange(self.folder / "bands", ProposePairs(config, self.n_ranges, self.earlier))
            | "verify" >> Exchange(self.folder / "pairs", VerifyPairs(self.dedup, self.segments, self.earlier))
            | "resolve" >> ResolveStars(self.dedup, self.segments + (self.earlier.files if self.earlier else []), self.folder / "edges")
        )


def by_hash(batch: pa.RecordBatch, column: str, n_ranges: int) -> pa.RecordBatch:
    """Rows ranged by a hash column; rows without one stay together by their place."""
    hashes = batch.column(column)
    spread = _places(batch.column("at"))
    if hashes.null_count < len(hashes):
        keys = hash_keys(hashes.fill_null(b"\0" * 16))
        spread = np.where(hashes.is_valid().to_numpy(zero_copy_only=False), keys, spread)
    return _ranged(batch, range_of(spread, n_ranges))


def by_place(batch: pa.RecordBatch, column: str, later: bool, n_ranges: int) -> pa.RecordBatch:
    """MERGE rows ranged by a place, marked as of the kind that just ran or not."""
    marked = batch.append_column("later", pa.repeat(pa.scalar(later), batch.num_rows))
    return _ranged(marked, range_of(_places(batch.column(column)), n_ranges))


def bands_by_range(batch: pa.RecordBatch, config: MinHash, n_ranges: int) -> pa.RecordBatch:
    """One row per document and band, ranged by band key."""
    bands = band_keys(batch, config)
    return _ranged(bands, range_of(bands.column("key").to_numpy(), n_ranges))


class MergeEqual:
    """Exchange reducer: rows equal in a hash column -> the best stays."""

    def __init__(self, kind: str, earlier: Earlier | None) -> None:
        self.kind, self.earlier = kind, earlier

    def __call__(self, number: int, table: pa.Table) -> Iterator[Decision]:
        """Split a range into what stays and what is merged."""
        column = f"{self.kind}_hash"
        earlier = self.earlier.equal(as_frame(table.select([column])).get_column(column), self.kind) if self.earlier else None
        stays, merges = merge_equal(table, column, self.kind, earlier)
        stays = stays.drop_columns("range")
        yield Decision(pa.RecordBatch.from_pylist([], stays.schema), merges)
        for batch in stays.to_batches():
            yield Decision(batch, merges.slice(0, 0))


class ProposePairs:
    """Exchange reducer: band rows -> candidate pairs, ranged by the worse document, which has a bounded number of them."""

    def __init__(self, config: MinHash, n_ranges: int, earlier: Earlier | None) -> None:
        self.config, self.n_ranges, self.earlier = config, n_ranges, earlier

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Pair the members of each bucket."""
        n_capped = 0
        if self.earlier:
            most = EARLIER_SHARE * self.config.max_comparisons
            earlier, n_capped = self.earlier.bands(table.column("key").to_numpy(), most)
            if earlier is not None:
                table = pa.concat_tables([table.select(earlier.column_names), earlier])
        pairs, n_crowded = candidate_pairs(table, self.config.max_comparisons)
        count("dedup", crowded_buckets=n_crowded, capped_earlier_buckets=n_capped)
        yield _ranged(pairs, range_of(_places(pairs.column("worse_at")), self.n_ranges))


class VerifyPairs:
    """Exchange reducer: candidate pairs -> edges that reach the limit, by the true similarity of the texts' shingles."""

    def __init__(self, dedup: Dedup, segments: list[str], earlier: Earlier | None) -> None:
        self.config, self.index, self.earlier = dedup.minhash, SegmentIndex(segments), earlier
        self.most_chars = memory_share(dedup, VERIFY_SHARE)

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Read the texts in bounded portions and compare."""
        pairs = as_frame(table.drop_columns("range")).unique(("worse_at", "better_at"), keep="any").sort("worse_at", "better_at")
        n_verified = 0
        for portion in _portions(pairs, self.most_chars):
            edges = self.verified(portion)
            n_verified += edges.num_rows
            classes = length_class(chars_of(edges.column("worse_rank").to_numpy()), edges.column("worse_rank").to_numpy() >> np.uint64(60))
            yield _ranged(edges, classes)
        count("dedup", candidate_pairs=pairs.height, verified_pairs=n_verified)

    def verified(self, pairs: pl.DataFrame) -> pa.RecordBatch:
        """EDGE rows: those of the pairs that reach the limit."""
        better, worse = (pairs.get_column(f"{side}_at").to_numpy() for side in ("better", "worse"))
        places = np.unique(np.concatenate([better, worse]))
        doc_id, hashes, offsets = self.shingled(places)
        better, worse = np.searchsorted(places, better), np.searchsorted(places, worse)
        similarity = similarities(hashes, offsets, better, worse, self.config.min_containment is not None)
        reached = np.flatnonzero(similarity >= self.config.limit)
        columns = [pa.array(pairs.get_column(name).to_numpy()[reached]) for name in CANDIDATE.names]
        ids = doc_id.take(pa.array(better[reached]))
        return pa.RecordBatch.from_arrays([*columns, ids, pa.array(similarity[reached])], schema=EDGE)

    def shingled(self, places: UInt64s) -> tuple[pa.Array, UInt64s, Offsets]:
        """(doc_id, shingle sets as `shingle_sets` gives them) of the documents at `places`; sets of earlier ones are read as stored."""
        n_own = int(np.searchsorted(places, np.uint64(self.earlier.first_place))) if self.earlier else len(places)
        documents = self.index.take(places[:n_own], ("raw_text", "doc_id"))
        hashes, offsets = shingle_sets(documents.column("raw_text"), self.config.shingle)
        if self.earlier is None or n_own == len(places):
            return documents.column("doc_id"), hashes, offsets
        earlier = self.earlier.take(places[n_own:], ("shingles", "doc_id"))
        sets = earlier.column("shingles")
        ends = offsets[-1] + np.cumsum(pc.list_value_length(sets).to_numpy())
        ids = pa.concat_arrays([documents.column("doc_id"), earlier.column("doc_id")])
        return ids, np.concatenate([hashes, sets.flatten().to_numpy()]), np.concatenate([offsets, ends])


class ResolveStars(beam.PTransform):
    """EDGE batches ranged by length class -> MERGE batches.

    One worker goes through the classes from the longest documents down, in parts that fit the memory; what it remembers of all
    documents is one bit each. It only compares numbers, so a hundred million edges are minutes.
    """

    def __init__(self, dedup: Dedup, segments: list[str], folder: Path) -> None:
        super().__init__()
        self.dedup, self.segments, self.folder = dedup, segments, folder

    def expand(self, edges: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[pa.RecordBatch]:
        """Write the classes, name their pieces to one worker, resolve."""
        pieces = edges | Partition(self.folder) | "in one place" >> beam.Map(under_one_key) | beam.GroupByKey()
        return pieces | "from the best down" >> beam.ParDo(_ResolveStars(self.dedup, self.segments, self.folder))


class _ResolveStars(beam.DoFn):
    def __init__(self, dedup: Dedup, segments: list[str], folder: Path) -> None:
        self.dedup, self.index, self.folder = dedup, SegmentIndex(segments), folder
        self.most_bytes = memory_share(dedup, RANGE_SHARE)

    def process(self, group: tuple[int, Iterable[tuple[int, str]]]) -> Iterator[pa.RecordBatch]:
        first_rows = self.index.first_rows()
        merged = np.zeros((int(first_rows[-1]) >> 3) + 1, np.uint8)
        for part in self.parts(sorted(group[1])):
            yield resolve_stars(part, merged, first_rows, self.dedup.minhash.limit, "minhash")

    def parts(self, pieces: list[tuple[int, str]]) -> Iterator[pa.Table]:
        """The edges in parts of about `most_bytes`, better worse documents in earlier parts."""
        held: list[pa.Table] = []
        n_bytes = 0
        for _, names in groupby(pieces, key=itemgetter(0)):
            table = read_pieces(self.folder, [name for _, name in names])
            if table is None:
                continue
            if held and n_bytes + table.nbytes > self.most_bytes:
                yield pa.concat_tables(held)
                held, n_bytes = [], 0
            if table.nbytes > self.most_bytes:
                yield from by_rank(table, math.ceil(table.nbytes / self.most_bytes))
            else:
                held.append(table)
                n_bytes += table.nbytes
        if held:
            yield pa.concat_tables(held)


def by_rank(table: pa.Table, n_parts: int) -> Iterator[pa.Table]:
    """A class that is too large, in about `n_parts` parts by the exact rank of the worse document, the best first."""
    rank = table.column("worse_rank")
    sample = np.sort(rank.take(pa.array(np.arange(0, len(rank), max(1, len(rank) // 10_000)))).to_numpy())
    cuts = np.unique(sample[np.linspace(0, len(sample), n_parts, endpoint=False).astype(np.int64)[1:]])
    for low, high in pairwise([0, *cuts.tolist(), None]):
        inside = pc.greater_equal(rank, pa.scalar(low, pa.uint64()))
        yield table.filter(inside if high is None else pc.and_(inside, pc.less(rank, pa.scalar(high, pa.uint64()))))


def source_salts(source: pa.Array) -> UInt64s:
    """uint64[n]: a hash of each document's source; never 0."""
    found = source.dictionary_encode()
    salts = [int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little") | 1 for name in found.dictionary.to_pylist()]
    return np.array(salts, np.uint64)[found.indices.to_numpy()]


def under_one_key(piece: tuple[int, str]) -> tuple[int, tuple[int, str]]:
    """Every piece under key 0."""
    return 0, piece


def compose_range(number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
    """Exchange reducer: point merges at survivors that stay."""
    yield compose(table)


def nothing(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """No merges: the recipe names no kind."""
    yield from ()


def memory_share(dedup: Dedup, share: float) -> int:
    """Bytes."""
    return int(dedup.memory_mb * 1024 * 1024 * share)


def ranges_for(n_bytes: int, dedup: Dedup) -> int:
    """How many ranges an exchange of `n_bytes` needs, so that one of them fits the memory."""
    return max(4, math.ceil(n_bytes / memory_share(dedup, RANGE_SHARE)))


def _portions(pairs: pl.DataFrame, most_chars: int) -> Iterator[pl.DataFrame]:
    """Consecutive slices whose texts add up to about `most_chars` at most."""
    chars = sum(chars_of(pairs.get_column(f"{side}_rank").to_numpy()) for side in ("better", "worse"))
    portion = np.cumsum(chars) // np.uint64(most_chars)
    starts = np.flatnonzero(np.diff(portion.astype(np.int64), prepend=-1))
    for start, end in pairwise([*starts.tolist(), pairs.height]):
        yield pairs.slice(start, end - start)


def _places(column: pa.Array) -> UInt64s:
    return column.to_numpy() * _SPREAD


def _ranged(batch: pa.RecordBatch, ranges: npt.NDArray[np.uint32]) -> pa.RecordBatch:
    return batch.append_column("range", pa.array(ranges, pa.uint32()))
