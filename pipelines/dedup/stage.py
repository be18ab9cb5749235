"""The pool -> MERGE rows -> curated documents. Only keys, signatures and places are regrouped, never text."""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.dedup.clusters import CLUSTER_SIZE, cluster_sizes
from pipelines.dedup.exact import compose, content_hashes, merge_equal, url_hashes
from pipelines.dedup.frames import as_frame
from pipelines.dedup.memory import RANGE_SHARE, VERIFY_SHARE, memory_share, ranges_for
from pipelines.dedup.minhash import CANDIDATE, MOST_GROUPS, UInt64s, band_keys, candidate_pairs, chars_of, ranks
from pipelines.dedup.places import SegmentIndex
from pipelines.dedup.shingles import permutations, shingle_sets, signatures
from pipelines.dedup.simhash import block_keys, block_masks, near_pairs, simhashes
from pipelines.dedup.spans.rewrite import STAYS, Mend, unchanged
from pipelines.dedup.spans.stage import CutSpans, Job, by_segment
from pipelines.dedup.verify import EDGE, length_class, resolve_stars, similarities
from pipelines.runtime import Decision, Exchange, Partition, Progress, count, ended, open_segment, passed, range_of, read_pieces, tag
from schemas.buffers import fixed_view
from schemas.hops import MERGE, signature_schema
from schemas.ledger import Outcome, entries
from schemas.recipe import Dedup, MinHash, SimHash

_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing: the high bits of at * _SPREAD are well mixed

Segment = tuple[int, str]
Keeps = Callable[[pa.RecordBatch], npt.NDArray[np.bool_]]
"""Which documents of a batch the rules before this room keep; the others take no part."""


def all_of(batch: pa.RecordBatch) -> npt.NDArray[np.bool_]:
    """Keeps every document."""
    return np.ones(batch.num_rows, bool)


def stays_so_far(batch: pa.RecordBatch) -> npt.NDArray[np.bool_]:
    """Keeps the documents of a rewritten segment that no kind before has ended."""
    return batch.column(STAYS).to_numpy(zero_copy_only=False).copy()


class Deduplicate(beam.PTransform):
    """(segment number, path) -> (the segments to take the documents from, MERGE batches).

    Each document has at most one MERGE row, and every survivor stays. The segments are the given ones, or, row by row the same,
    those that the kinds which cut have written.
    """

    def __init__(
        self,
        dedup: Dedup,
        segments: list[str],
        n_documents: int,
        folder: Path,
        progress: Progress,
        keeps: Keeps = all_of,
        mend: Mend = unchanged,
    ) -> None:
        super().__init__()
        self.dedup, self.segments, self.folder, self.progress, self.keeps, self.mend = dedup, segments, folder, progress, keeps, mend
        self.n_bytes = sum(Path(segment).stat().st_size for segment in segments)
        minhash = dedup.minhash
        self.n_ranges = ranges_for(n_documents * (64 + 4 * minhash.bands * minhash.rows), dedup)
        self.n_block_ranges = ranges_for(n_documents * 36 * len(block_masks(dedup.simhash)), dedup)
        self.n_band_ranges = ranges_for(n_documents * minhash.bands * (28 + 2 * min(minhash.bands, MOST_GROUPS)), dedup)

    def expand(self, segments: beam.PCollection[Segment]) -> Any:
        """One kind after the other, each on what the kinds before it left; texts that were cut are signed anew."""
        paths, keeps = self.segments, self.keeps
        rows: beam.PCollection[pa.RecordBatch] | None = None
        merges: beam.PCollection[pa.RecordBatch] | None = None
        for kind in self.dedup.kinds:
            with_name = f"{kind}: "
            if kind in self.dedup.cut_kinds:
                job = Job(kind, self.dedup, paths, self.n_bytes, self.folder / kind, keeps, Ranks(self.dedup), self.mend)
                before = {"path": segments} if merges is None else {"path": segments, "merges": merges}
                segments, new = before | kind >> CutSpans(job)
                paths, keeps, rows = job.outputs(), stays_so_far, None
            else:
                if rows is None:
                    rows = segments | f"{with_name}sign" >> beam.ParDo(Sign(self.dedup, self.progress, keeps))
                rows, new = self.merged(kind, rows, paths)
            if merges is None:
                merges = new
            else:
                earlier = merges | f"{with_name}before" >> beam.Map(by_place, column="survivor_at", later=False, n_ranges=self.n_ranges)
                now = new | f"{with_name}now" >> beam.Map(by_place, column="at", later=True, n_ranges=self.n_ranges)
                both = (earlier, now) | f"{with_name}join" >> beam.Flatten()
                merges = both | f"{with_name}compose" >> Exchange(self.folder / f"{kind}-compose", compose_range)
        if merges is None:
            merges = segments | "no kinds" >> beam.ParDo(nothing)
        return segments, merges

    def merged(self, kind: str, rows: beam.PCollection[pa.RecordBatch], paths: list[str]) -> Any:
        """(rows that go on, MERGE batches) of a kind that compares whole documents."""
        if kind == "minhash":
            return rows, rows | kind >> FindNearDuplicates(self.dedup, paths, self.folder / kind, self.n_band_ranges)
        if kind == "simhash":
            return rows, rows | kind >> FindNearHashes(self.dedup, paths, self.folder / kind, self.n_block_ranges)
        column = f"{kind}_hash"
        keyed = rows | f"{kind}: key" >> beam.Map(by_hash, column=column, n_ranges=self.n_ranges)
        decided = keyed | kind >> Exchange(self.folder / kind, MergeEqual(column, kind), Decision)
        return decided | f"{kind}: stay" >> beam.Map(passed), decided | f"{kind}: merge" >> beam.Map(ended)


class Sign(beam.DoFn):
    """A segment's documents -> SIGNATURE batches."""

    def __init__(self, dedup: Dedup, progress: Progress, keeps: Keeps) -> None:
        self.dedup, self.progress, self.keeps = dedup, progress, keeps
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
            stays = self.keeps(batch)
            places = np.flatnonzero(stays).astype(np.uint64) + np.uint64((number << 32) + first_row)
            yield self.sign(batch.select(["doc_id", "source", "url", "text"]).filter(pa.array(stays)), places)
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
        near, n_near = (
            simhashes(text, self.dedup.simhash.shingle) if "simhash" in kinds else (np.zeros(n, np.uint64), np.zeros(n, np.uint32))
        )
        columns = {
            "at": pa.array(places),
            "doc_id": batch.column("doc_id"),
            "rank": pa.array(Ranks(self.dedup)(batch)),
            "url_hash": url_hashes(batch.column("url")) if "url" in kinds else pa.nulls(n, pa.binary(16)),
            "exact_hash": content_hashes(text) if "exact" in kinds else batch.column("doc_id"),
            "n_shingles": pa.array(n_shingles),
            "n_simhash": pa.array(n_near),
            "simhash": pa.array(near),
            "minhash": pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), type=self.schema.field("minhash").type),
        }
        return pa.RecordBatch.from_arrays([columns[name] for name in self.schema.names], schema=self.schema)


class Ranks:
    """Documents -> uint64[n], the smaller the better: priority of the source, then length, then doc_id."""

    def __init__(self, dedup: Dedup) -> None:
        self.order = dedup.priority

    def __call__(self, batch: pa.RecordBatch) -> UInt64s:
        """The rank of each document of a batch with doc_id, source and text."""
        found = pc.index_in(batch.column("source"), value_set=pa.array(self.order, pa.large_string()))
        priority = found.fill_null(len(self.order)).to_numpy().astype(np.uint8)
        return ranks(priority, pc.utf8_length(batch.column("text")).cast(pa.uint64()).to_numpy(), batch.column("doc_id"))


class FindNearDuplicates(beam.PTransform):
    """SIGNATURE batches -> MERGE batches: bands propose, true similarity decides, stars are resolved from the best down."""

    def __init__(self, dedup: Dedup, segments: list[str], folder: Path, n_ranges: int) -> None:
        super().__init__()
        self.dedup, self.segments, self.folder, self.n_ranges = dedup, segments, folder, n_ranges

    def expand(self, rows: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[pa.RecordBatch]:
        """Bands -> candidates -> verified edges -> merges."""
        config = self.dedup.minhash
        return (
            rows
            | "bands" >> beam.Map(bands_by_range, config=config, n_ranges=self.n_ranges)
            | "candidates" >> Exchange(self.folder / "bands", ProposePairs(config, self.n_ranges))
            | "verify" >> Exchange(self.folder / "pairs", VerifyPairs(self.dedup, self.segments))
            | "resolve" >> ResolveStars(self.dedup, self.segments, self.folder / "edges", "minhash")
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
    places = pc.coalesce(batch.column(column), batch.column("at"))  # a document may have ended without a survivor
    return _ranged(marked, range_of(_places(places), n_ranges))


def bands_by_range(batch: pa.RecordBatch, config: MinHash, n_ranges: int) -> pa.RecordBatch:
    """One row per document and band, ranged by band key."""
    bands = band_keys(batch, config)
    return _ranged(bands, range_of(bands.column("key").to_numpy(), n_ranges))


def blocks_by_range(batch: pa.RecordBatch, config: SimHash, n_ranges: int) -> pa.RecordBatch:
    """One row per document and choice of blocks, ranged by key."""
    keys = block_keys(batch, config)
    return _ranged(keys, range_of(keys.column("key").to_numpy(), n_ranges))


def by_length_class(edges: pa.RecordBatch) -> pa.RecordBatch:
    """EDGE rows ranged by the length class of the worse document."""
    rank = edges.column("worse_rank").to_numpy()
    return _ranged(edges, length_class(chars_of(rank), rank >> np.uint64(60)))


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
    """Exchange reducer: band rows -> candidate pairs, ranged by the worse document, which has a bounded number of them."""

    def __init__(self, config: MinHash, n_ranges: int) -> None:
        self.config, self.n_ranges = config, n_ranges

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Pair the members of each bucket."""
        pairs, n_crowded = candidate_pairs(table, self.config.max_comparisons)
        count("dedup", crowded_buckets=n_crowded)
        yield _ranged(pairs, range_of(_places(pairs.column("worse_at")), self.n_ranges))


class VerifyPairs:
    """Exchange reducer: candidate pairs -> edges that reach the limit, by the true similarity of the texts' shingles."""

    def __init__(self, dedup: Dedup, segments: list[str]) -> None:
        self.config, self.index = dedup.minhash, SegmentIndex(segments)
        self.most_chars = memory_share(dedup, VERIFY_SHARE)

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Read the texts in bounded portions and compare."""
        pairs = as_frame(table.drop_columns("range")).unique(("worse_at", "better_at"), keep="any").sort("worse_at", "better_at")
        n_verified = 0
        for portion in _portions(pairs, self.most_chars):
            edges = self.verified(portion)
            n_verified += edges.num_rows
            yield by_length_class(edges)
        count("dedup", candidate_pairs=pairs.height, verified_pairs=n_verified)

    def verified(self, pairs: pl.DataFrame) -> pa.RecordBatch:
        """EDGE rows: those of the pairs that reach the limit."""
        better, worse = (pairs.get_column(f"{side}_at").to_numpy() for side in ("better", "worse"))
        places = np.unique(np.concatenate([better, worse]))
        documents = self.index.take(places, ("text", "doc_id"))
        hashes, offsets = shingle_sets(documents.column("text"), self.config.shingle)
        better, worse = np.searchsorted(places, better), np.searchsorted(places, worse)
        similarity = similarities(hashes, offsets, better, worse, self.config.min_containment is not None)
        reached = np.flatnonzero(similarity >= self.config.limit)
        columns = [pa.array(pairs.get_column(name).to_numpy()[reached]) for name in CANDIDATE.names]
        ids = documents.column("doc_id").take(pa.array(better[reached]))
        return pa.RecordBatch.from_arrays([*columns, ids, pa.array(similarity[reached])], schema=EDGE)


class FindNearHashes(beam.PTransform):
    """SIGNATURE batches -> MERGE batches: hashes that agree in some blocks meet, and those that are near are resolved like MinHash's."""

    def __init__(self, dedup: Dedup, segments: list[str], folder: Path, n_ranges: int) -> None:
        super().__init__()
        self.dedup, self.segments, self.folder, self.n_ranges = dedup, segments, folder, n_ranges

    def expand(self, rows: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[pa.RecordBatch]:
        """Blocks -> near pairs -> merges."""
        return (
            rows
            | "blocks" >> beam.Map(blocks_by_range, config=self.dedup.simhash, n_ranges=self.n_ranges)
            | "near" >> Exchange(self.folder / "blocks", PairNear(self.dedup, self.segments))
            | "resolve" >> ResolveStars(self.dedup, self.segments, self.folder / "edges", "simhash")
        )


class PairNear:
    """Exchange reducer: rows of `block_keys` -> edges between hashes that differ in few bits."""

    def __init__(self, dedup: Dedup, segments: list[str]) -> None:
        self.config, self.index = dedup.simhash, SegmentIndex(segments)

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Pair the members of each bucket."""
        better_at, better_rank, worse_at, worse_rank, distance, n_crowded = near_pairs(table, self.config)
        count("dedup", near_hashes=len(distance), crowded_buckets=n_crowded)
        if not len(distance):
            return
        places, which = np.unique(better_at, return_inverse=True)
        ids = self.index.take(places, ("doc_id",)).column("doc_id").take(pa.array(which))
        columns = [pa.array(column) for column in (better_at, better_rank, worse_at, worse_rank)]
        yield by_length_class(pa.RecordBatch.from_arrays([*columns, ids, pa.array(1 - distance / 64)], schema=EDGE))


class ResolveStars(beam.PTransform):
    """EDGE batches ranged by length class -> MERGE batches.

    One worker goes through the classes from the longest documents down, in parts that fit the memory; what it remembers of all
    documents is one bit each. It only compares numbers, so a hundred million edges are minutes.
    """

    def __init__(self, dedup: Dedup, segments: list[str], folder: Path, kind: str) -> None:
        super().__init__()
        self.dedup, self.segments, self.folder, self.kind = dedup, segments, folder, kind

    def expand(self, edges: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[pa.RecordBatch]:
        """Write the classes, name their pieces to one worker, resolve."""
        pieces = edges | Partition(self.folder) | "in one place" >> beam.Map(under_one_key) | beam.GroupByKey()
        resolve = _ResolveStars(self.dedup, self.segments, self.folder, self.kind)
        return pieces | "from the best down" >> beam.ParDo(resolve)


class _ResolveStars(beam.DoFn):
    def __init__(self, dedup: Dedup, segments: list[str], folder: Path, kind: str) -> None:
        self.dedup, self.index, self.folder, self.kind = dedup, SegmentIndex(segments), folder, kind
        self.limit = getattr(dedup, kind).limit
        self.most_bytes = memory_share(dedup, RANGE_SHARE)

    def process(self, group: tuple[int, Iterable[tuple[int, str]]]) -> Iterator[pa.RecordBatch]:
        first_rows = self.index.first_rows()
        merged = np.zeros((int(first_rows[-1]) >> 3) + 1, np.uint8)
        for part in self.parts(sorted(group[1])):
            yield resolve_stars(part, merged, first_rows, self.limit, self.kind)

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


class ApplyMerges(beam.PTransform):
    """((segment number, path), MERGE batches) -> Decision: curated documents; ledger rows of merged and of kept ones."""

    def __init__(self, dedup: Dedup, n_documents: int, folder: Path, progress: Progress, keeps: Keeps = all_of) -> None:
        super().__init__()
        self.dedup, self.folder, self.progress, self.keeps = dedup, folder, progress, keeps
        self.n_ranges = ranges_for(n_documents * 64, dedup)

    def expand(self, inputs: Any) -> beam.PCollection[Decision]:
        """Bring each segment its merges; the text stays where it is."""
        segments: beam.PCollection[Segment]
        merges: beam.PCollection[pa.RecordBatch]
        segments, merges = inputs  # Beam reads annotations of single collections only
        pieces = merges | "by segment" >> beam.Map(by_segment) | "pieces" >> Partition(self.folder)
        clusters = merges | "by survivor" >> beam.Map(by_place, column="survivor_at", later=False, n_ranges=self.n_ranges)
        sizes = clusters | "clusters" >> Exchange(self.folder / "clusters", ClusterSizes(self.dedup)) | Partition(self.folder / "sizes")
        grouped = {"path": segments, "pieces": pieces, "sizes": sizes} | "join" >> beam.CoGroupByKey()
        return grouped | "apply" >> beam.ParDo(_ApplyMerges(self.dedup, self.folder, self.progress, self.keeps))


class ClusterSizes:
    """Exchange reducer: MERGE rows by survivor -> (at, cluster_size) of everything in the clusters, ranged by segment."""

    def __init__(self, dedup: Dedup) -> None:
        self.kinds = dedup.document_kinds

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Count."""
        yield by_segment(cluster_sizes(table, self.kinds))


class _ApplyMerges(beam.DoFn):
    def __init__(self, dedup: Dedup, folder: Path, progress: Progress, keeps: Keeps) -> None:
        self.weighs, self.folder, self.progress, self.keeps = dedup.copies == "weigh", folder, progress, keeps

    def process(self, group: tuple[int, dict[str, Iterable[Any]]]) -> Iterator[Decision]:
        segment, found = group
        (path,) = found["path"]
        merges = None if self.weighs else read_pieces(self.folder, found["pieces"])
        sizes = self.cluster_sizes(found["sizes"])
        merges = (merges.select(MERGE.names) if merges is not None else MERGE.empty_table()).sort_by("at").combine_chunks()
        rows = (merges.column("at").to_numpy() & np.uint64(0xFFFFFFFF)).astype(np.int64)
        reader = open_segment(Path(path))
        first = 0
        for sequence in range(reader.num_record_batches):
            batch = reader.get_batch(sequence)
            low, high = np.searchsorted(rows, [first, first + batch.num_rows])
            batch = with_cluster_size(batch, first, sizes)
            curated, ledger = self.decide(batch, merges.slice(low, high - low), rows[low:high] - first)
            yield Decision(tag(curated, segment, sequence), tag(ledger, segment, sequence))
            first += batch.num_rows
        self.progress.step()

    def cluster_sizes(self, pieces: Iterable[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
        """(rows, sizes) of the segment's documents that have copies, ascending."""
        sizes = read_pieces(self.folder / "sizes", pieces)
        if sizes is None:
            return np.zeros(0, np.int64), np.zeros(0, np.uint32)
        rows = (sizes.column("at").to_numpy() & np.uint64(0xFFFFFFFF)).astype(np.int64)
        order = np.argsort(rows)
        return rows[order], sizes.column(CLUSTER_SIZE.name).to_numpy()[order]

    def decide(self, batch: pa.RecordBatch, merges: pa.Table, rows: npt.NDArray[np.int64]) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """`rows` of the batch end here; of the others those that the rules keep stay."""
        stays = self.keeps(batch)
        n_in = int(np.count_nonzero(stays))
        stays[rows] = False
        curated = batch.select([name for name in batch.schema.names if name != STAYS]).filter(pa.array(stays))
        ledger = [entries(curated, "dedup", Outcome.KEPT)]
        count("dedup", n_in=n_in, n_out=curated.num_rows)
        has_survivor = merges.column("survivor_at").is_valid().to_numpy()
        for outcome, chosen in ((Outcome.MERGED, has_survivor), (Outcome.DROPPED, ~has_survivor)):
            part = merges.filter(pa.array(chosen))
            columns = {name: part.column(name).combine_chunks() for name in ("reason", "value", "limit", "survivor_id")}
            ledger.insert(0, entries(batch.take(pa.array(rows[chosen])), "dedup", outcome, **columns))
            count("dedup", **{outcome.value: part.num_rows})
        return curated, pa.concat_batches(ledger)


def with_cluster_size(batch: pa.RecordBatch, first: int, sizes: tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]) -> pa.RecordBatch:
    """The batch, whose first row is number `first` of its segment, with the column `cluster_size`."""
    rows, of_row = sizes
    low, high = np.searchsorted(rows, [first, first + batch.num_rows])
    column = np.ones(batch.num_rows, np.uint32)
    column[rows[low:high] - first] = of_row[low:high]
    return batch.append_column(CLUSTER_SIZE, pa.array(column))


def under_one_key(piece: tuple[int, str]) -> tuple[int, tuple[int, str]]:
    """Every piece under key 0."""
    return 0, piece


def compose_range(number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
    """Exchange reducer: point merges at survivors that stay."""
    yield compose(table)


def nothing(segment: Segment) -> Iterator[pa.RecordBatch]:
    """No merges: the recipe names no kind."""
    yield from ()


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
