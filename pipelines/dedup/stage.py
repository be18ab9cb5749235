"""Segments -> MERGE rows: which documents end in which others. Only keys, signatures and places are regrouped, never text."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.dedup.exact import compose, content_hashes, merge_equal, url_hashes
from pipelines.dedup.minhash import band_keys, candidate_pairs
from pipelines.dedup.shingles import permutations, shingle_sets, signatures
from pipelines.dedup.verify import EDGE, jaccard_of_pairs, resolve_stars
from pipelines.runtime import Decision, Exchange, Progress, count, ended, open_segment, passed, range_of
from schemas.buffers import fixed_view
from schemas.hops import signature_schema
from schemas.recipe import Dedup, MinHash

RANGE_BYTES: Final = 64 * 1024 * 1024  # what one range of an exchange should hold at most
VERIFY_CHARS: Final = 32 * 1024 * 1024  # text held at once while candidates are verified
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing: the high bits of at * _SPREAD are well mixed

Segment = tuple[int, str]


class Deduplicate(beam.PTransform):
    """(segment number, path) -> MERGE batches, each document at most once and every survivor one that stays."""

    def __init__(self, dedup: Dedup, segments: list[str], n_documents: int, folder: Path, progress: Progress) -> None:
        super().__init__()
        self.dedup, self.segments, self.folder, self.progress = dedup, segments, folder, progress
        row_bytes = 64 + 4 * dedup.minhash.bands * dedup.minhash.rows
        self.n_ranges = max(4, math.ceil(n_documents * row_bytes / RANGE_BYTES))

    def expand(self, segments: beam.PCollection[Segment]) -> beam.PCollection[pa.RecordBatch]:
        """Sign, then one kind after the other, each on what the kinds before it left."""
        rows = segments | "sign" >> beam.ParDo(Sign(self.dedup, self.progress))
        merges: beam.PCollection[pa.RecordBatch] | None = None
        for kind in self.dedup.kinds:
            with_name = f"{kind}: "
            if kind == "minhash":
                new = rows | kind >> FindNearDuplicates(self.dedup.minhash, self.segments, self.folder / kind, self.n_ranges)
            else:
                column = f"{kind}_hash"
                keyed = rows | f"{with_name}key" >> beam.Map(by_hash, column=column, n_ranges=self.n_ranges)
                decided = keyed | kind >> Exchange(self.folder / kind, MergeEqual(column, kind), Decision)
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
        self.schema = signature_schema(dedup.minhash.bands * dedup.minhash.rows)

    def setup(self) -> None:
        """Draw the permutations once per worker."""
        minhash = self.dedup.minhash
        self.a, self.b = permutations(minhash.bands * minhash.rows, minhash.seed)

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
        columns = {
            "at": pa.array((np.uint64(segment) << np.uint64(32)) + np.arange(first_row, first_row + n, dtype=np.uint64)),
            "doc_id": batch.column("doc_id"),
            "n_chars": pc.utf8_length(text).cast(pa.uint64()),
            "url_hash": url_hashes(batch.column("url")) if "url" in kinds else pa.nulls(n, pa.binary(16)),
            "exact_hash": content_hashes(text) if "exact" in kinds else batch.column("doc_id"),
            "n_shingles": pa.array(n_shingles),
            "minhash": pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), type=self.schema.field("minhash").type),
        }
        return pa.RecordBatch.from_arrays([columns[name] for name in self.schema.names], schema=self.schema)


class FindNearDuplicates(beam.PTransform):
    """SIGNATURE batches -> MERGE batches: bands propose, true Jaccard decides, stars are resolved from the best down."""

    def __init__(self, config: MinHash, segments: list[str], folder: Path, n_ranges: int) -> None:
        super().__init__()
        self.config, self.segments, self.folder, self.n_ranges = config, segments, folder, n_ranges

    def expand(self, rows: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[pa.RecordBatch]:
        """Bands -> candidates -> verified edges -> merges."""
        return (
            rows
            | "bands" >> beam.Map(bands_by_range, config=self.config, n_ranges=self.n_ranges)
            | "candidates" >> Exchange(self.folder / "bands", ProposePairs(self.config, self.n_ranges))
            | "verify" >> Exchange(self.folder / "pairs", VerifyPairs(self.config, self.segments))
            | "resolve" >> Exchange(self.folder / "edges", ResolveStars(self.config))
        )


def by_hash(batch: pa.RecordBatch, column: str, n_ranges: int) -> pa.RecordBatch:
    """Rows ranged by a hash column; rows without one stay together by their place."""
    hashes = batch.column(column)
    spread = _places(batch.column("at"))
    if hashes.null_count < len(hashes):
        filled = hashes.fill_null(b"\0" * 16)
        spread = np.where(
            hashes.is_valid().to_numpy(zero_copy_only=False), fixed_view(filled)[:, :8].copy().view(np.uint64).reshape(-1), spread
        )
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

    def __init__(self, column: str, reason: str) -> None:
        self.column, self.reason = column, reason

    def __call__(self, number: int, table: pa.Table) -> Iterator[Decision]:
        """Split a range into what stays and what is merged."""
        stays, merges = merge_equal(table, self.column, self.reason)
        stays = stays.drop_columns("range")
        yield Decision(pa.RecordBatch.from_pylist([], stays.schema), merges)
        for batch in stays.to_batches():
            yield Decision(batch, merges.slice(0, 0))


class ProposePairs:
    """Exchange reducer: band rows -> candidate pairs, ranged by the better document."""

    def __init__(self, config: MinHash, n_ranges: int) -> None:
        self.config, self.n_ranges = config, n_ranges

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Pair the members of each bucket."""
        pairs, n_capped = candidate_pairs(table, self.config.max_comparisons)
        count("dedup", capped_buckets=n_capped)
        yield _ranged(pairs, range_of(_places(pairs.column("better_at")), self.n_ranges))


class VerifyPairs:
    """Exchange reducer: candidate pairs -> edges of at least min_jaccard, by the true Jaccard of the texts' shingles."""

    def __init__(self, config: MinHash, segments: list[str]) -> None:
        self.config, self.segments = config, segments

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Read the texts in bounded portions and compare."""
        table = table.group_by([name for name in table.column_names if name != "range"], use_threads=False).aggregate([])
        table = table.sort_by([("better_at", "ascending"), ("worse_at", "ascending")])
        n_verified = 0
        for portion in _portions(table, VERIFY_CHARS):
            better, worse = (portion.column(f"{side}_at").to_numpy() for side in ("better", "worse"))
            places = np.unique(np.concatenate([better, worse]))
            hashes, offsets = shingle_sets(texts_at(self.segments, places), self.config.shingle)
            jaccard = jaccard_of_pairs(hashes, offsets, np.searchsorted(places, better), np.searchsorted(places, worse))
            edges = portion.append_column("jaccard", pa.array(jaccard)).filter(pa.array(jaccard >= self.config.min_jaccard))
            n_verified += edges.num_rows
            for batch in edges.select(EDGE.names).combine_chunks().to_batches():
                yield _ranged(batch, np.zeros(batch.num_rows, np.uint32))
        count("dedup", candidate_pairs=table.num_rows, verified_pairs=n_verified)


class ResolveStars:
    """Exchange reducer: verified edges -> merges."""

    def __init__(self, config: MinHash) -> None:
        self.config = config

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """From the best document down."""
        yield resolve_stars(table, self.config.min_jaccard, "minhash")


def compose_range(number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
    """Exchange reducer: point merges at survivors that stay."""
    yield compose(table)


def nothing(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """No merges: the recipe names no kind."""
    yield from ()


def texts_at(segments: list[str], places: npt.NDArray[np.uint64]) -> pa.Array:
    """large_string: the texts at the given places, which ascend."""
    found = []
    numbers = (places >> np.uint64(32)).astype(np.int64)
    rows = (places & np.uint64(0xFFFFFFFF)).astype(np.int64)
    for number in np.unique(numbers):
        wanted = rows[numbers == number]
        reader = open_segment(Path(segments[number]))
        first = 0
        for index in range(reader.num_record_batches):
            batch = reader.get_batch(index)
            inside = wanted[(wanted >= first) & (wanted < first + batch.num_rows)] - first
            if len(inside):
                found.append(batch.column("raw_text").take(pa.array(inside)))
            first += batch.num_rows
    return pa.concat_arrays(found)


def _portions(table: pa.Table, most_chars: int) -> Iterator[pa.Table]:
    """Consecutive slices whose texts add up to about `most_chars` at most."""
    chars = sum(table.column(f"{side}_n_chars").to_numpy() for side in ("better", "worse"))
    portion = np.cumsum(chars) // np.uint64(most_chars)
    starts = np.flatnonzero(np.diff(portion.astype(np.int64), prepend=-1))
    for start, end in zip(starts, [*starts[1:], table.num_rows], strict=True):
        yield table.slice(start, end - start)


def _places(column: pa.Array) -> npt.NDArray[np.uint64]:
    return column.to_numpy() * _SPREAD


def _ranged(batch: pa.RecordBatch, ranges: npt.NDArray[np.uint32]) -> pa.RecordBatch:
    return batch.append_column("range", pa.array(ranges, pa.uint32()))
