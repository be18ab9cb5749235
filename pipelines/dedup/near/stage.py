"""Near-duplicates: SIGNATURE batches -> MERGE batches. Bands propose, true similarity decides, the best of those that are alike stay."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Final

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from pipelines.dedup.frames import as_frame
from pipelines.dedup.memory import cut_by, parts_of, range_share
from pipelines.dedup.minhash import CANDIDATE, UInt64s, band_keys, candidate_pairs, chars_of, lead
from pipelines.dedup.near.address import merge_alike, with_address_key
from pipelines.dedup.near.compare import Compare, numbered_sources
from pipelines.dedup.near.survivors import Floats, Survivors, follow_merged, join_components, resolve_stars
from pipelines.dedup.places import distinct
from pipelines.dedup.ranges import places_spread, ranged
from pipelines.dedup.simhash import block_keys, near_pairs
from pipelines.dedup.snapshots.index import Earlier
from pipelines.dedup.verify import EDGE, length_class
from pipelines.engine.counters import count, most_seen
from pipelines.engine.decision import Decision
from pipelines.engine.exchange import Exchange, Partition, range_of, read_pieces
from schemas.recipe import Dedup, MinHash, SimHash

MEASURED_BYTES: Final = 64  # of a pair of documents that are compared
EARLIER_SHARE: Final = 8  # of one bucket, so many times max_comparisons earlier documents are looked at


class FindNearDuplicates(beam.PTransform):
    """SIGNATURE batches -> MERGE batches."""

    def __init__(self, dedup: Dedup, compare: Compare, folder: Path, n_ranges: int) -> None:
        super().__init__()
        self.dedup, self.compare, self.folder, self.n_ranges = dedup, compare, folder, n_ranges

    def expand(self, rows: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[pa.RecordBatch]:
        """Bands -> candidates -> verified edges -> merges."""
        return (
            rows
            | "bands" >> beam.Map(bands_by_range, config=self.dedup.minhash, n_ranges=self.n_ranges)
            | "candidates" >> Exchange(self.folder / "bands", ProposePairs(self.dedup, self.n_ranges, self.compare.earlier))
            | "verify" >> Exchange(self.folder / "pairs", VerifyPairs(self.dedup, self.compare))
            | "resolve" >> Resolve(self.dedup, self.compare, self.folder / "edges", "minhash")
        )


def bands_by_range(batch: pa.RecordBatch, config: MinHash, n_ranges: int) -> pa.RecordBatch:
    """One row per document and band, ranged by band key."""
    bands = band_keys(batch, config)
    return ranged(bands, range_of(bands.column("key").to_numpy(), n_ranges))


class ProposePairs:
    """Exchange reducer: band rows -> candidate pairs, ranged by the worse document, which has a bounded number of them."""

    def __init__(self, dedup: Dedup, n_ranges: int, earlier: Earlier | None) -> None:
        self.config, self.n_ranges, self.earlier = dedup.minhash, n_ranges, earlier
        self.most_bytes = range_share(dedup)

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Pair the members of each bucket, as many buckets at a time as fit the memory; a bucket that does not fit is thinned first."""
        count("dedup cost", band_bytes=table.nbytes)
        for part in cut_by(table, "key", self.most_bytes):
            if part.nbytes <= 2 * self.most_bytes:
                yield from self.pair(part)
                continue
            pairs, leaders = lead(lambda part=part: parts_of(part, self.most_bytes))  # type: ignore[misc]
            most_seen("dedup cost", largest_bucket=part.num_rows)
            for batch in pairs:
                yield self.ranged(batch)
            pieces = list(cut_by(leaders, "rank", self.most_bytes))
            count("dedup", cut_buckets=len(pieces) - 1)
            for piece in pieces:
                yield from self.pair(piece)

    def pair(self, bands: pa.Table) -> Iterator[pa.RecordBatch]:
        """Candidates among these rows and earlier documents that share their keys."""
        n_capped = 0
        if self.earlier:
            most = EARLIER_SHARE * self.config.max_comparisons
            earlier, n_capped = self.earlier.bands(bands.column("key").to_numpy(), most)
            if earlier is not None:
                bands = pa.concat_tables([bands.select(earlier.column_names), earlier])
        pairs, n_crowded, largest = candidate_pairs(bands, self.config.max_comparisons)
        most_seen("dedup cost", largest_bucket=largest)
        count("dedup", crowded_buckets=n_crowded, capped_earlier_buckets=n_capped)
        yield self.ranged(pairs)

    def ranged(self, pairs: pa.RecordBatch) -> pa.RecordBatch:
        """CANDIDATE rows ranged by the worse document."""
        return ranged(pairs, range_of(places_spread(pairs.column("worse_at")), self.n_ranges))


class VerifyPairs:
    """Exchange reducer: candidate pairs -> edges that reach the limit, by the true similarity of the texts' shingles."""

    def __init__(self, dedup: Dedup, compare: Compare) -> None:
        self.limit, self.compare, self.most_bytes = dedup.minhash.limit, compare, range_share(dedup)

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Compare, as many pairs at a time as fit the memory."""
        n_pairs = n_verified = 0
        for part in cut_by(table, "worse_at", self.most_bytes):
            pairs = as_frame(part.drop_columns("range")).unique(("worse_at", "better_at"), keep="any").sort("worse_at", "better_at")
            edges = self.verified(pairs)
            n_pairs, n_verified = n_pairs + pairs.height, n_verified + edges.num_rows
            yield by_length_class(edges)
        count("dedup", candidate_pairs=n_pairs, verified_pairs=n_verified)

    def verified(self, pairs: pl.DataFrame) -> pa.RecordBatch:
        """EDGE rows: those of the pairs that reach the limit."""
        columns = [pairs.get_column(name).to_numpy() for name in CANDIDATE.names]
        similarity, local = self.compare("minhash", columns[0], columns[2])
        reached = np.flatnonzero(similarity >= self.limit)
        return pa.RecordBatch.from_arrays([pa.array(column[reached]) for column in (*columns, similarity, local)], schema=EDGE)


class MergeAlike:
    """Exchange reducer: rows with one address -> one is merged into the document that stays and is most like it.

    An address alone removes nothing: rows of a table and chapters of a book may share one, or differ in its fragment. Those that are
    not alike are counted and stay.
    """

    def __init__(self, dedup: Dedup, compare: Compare) -> None:
        self.compare, self.most_bytes = compare, range_share(dedup)

    def __call__(self, number: int, table: pa.Table) -> Iterator[Decision]:
        """As many addresses at a time as fit the memory; one that does not fit is cut by rank."""
        for part in cut_by(with_address_key(table), "key", self.most_bytes):
            pieces = list(cut_by(part, "rank", self.most_bytes)) if part.nbytes > 2 * self.most_bytes else [part]
            count("dedup", cut_buckets=len(pieces) - 1)
            for piece in pieces:
                yield from self.decided(piece.drop_columns(["range", "key"]))

    def decided(self, rows: pa.Table) -> Iterator[Decision]:
        """What stays, and what is merged."""
        merges, n_apart = merge_alike(as_frame(rows.select(["url_hash", "rank", "at", "doc_id"])), self.compare)
        count("dedup", same_address_apart=n_apart)
        stays = rows.filter(pa.array(~np.isin(rows.column("at").to_numpy(), merges.column("at").to_numpy())))
        yield Decision(pa.RecordBatch.from_pylist([], rows.schema), merges)
        for batch in stays.to_batches():
            yield Decision(batch, merges.slice(0, 0))


class FindNearHashes(beam.PTransform):
    """SIGNATURE batches -> MERGE batches: hashes that agree in some blocks meet, and those that are near are resolved like MinHash's."""

    def __init__(self, dedup: Dedup, compare: Compare, folder: Path, n_ranges: int) -> None:
        super().__init__()
        self.dedup, self.compare, self.folder, self.n_ranges = dedup, compare, folder, n_ranges

    def expand(self, rows: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[pa.RecordBatch]:
        """Blocks -> near pairs -> merges."""
        return (
            rows
            | "blocks" >> beam.Map(blocks_by_range, config=self.dedup.simhash, n_ranges=self.n_ranges)
            | "near" >> Exchange(self.folder / "blocks", PairNear(self.dedup, self.compare))
            | "resolve" >> Resolve(self.dedup, self.compare, self.folder / "edges", "simhash")
        )


def blocks_by_range(batch: pa.RecordBatch, config: SimHash, n_ranges: int) -> pa.RecordBatch:
    """One row per document and choice of blocks, ranged by key."""
    keys = block_keys(batch, config)
    return ranged(keys, range_of(keys.column("key").to_numpy(), n_ranges))


class PairNear:
    """Exchange reducer: rows of `block_keys` -> edges between hashes that differ in few bits."""

    def __init__(self, dedup: Dedup, compare: Compare) -> None:
        self.config, self.index, self.earlier = dedup.simhash, compare.index, compare.earlier
        self.most_bytes = range_share(dedup)

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Pair the members of each bucket, and earlier documents that share their keys."""
        count("dedup cost", band_bytes=table.nbytes)
        for part in cut_by(table, "key", self.most_bytes):
            met = self.earlier.blocks(part.column("key").to_numpy(), self.config.max_comparisons) if self.earlier else None
            rows = part if met is None else pa.concat_tables([part.select(met.column_names), met])
            *sides, distance, n_crowded = near_pairs(rows, self.config)
            count("dedup", near_hashes=len(distance), crowded_buckets=n_crowded)
            if len(distance):
                better_at, _, worse_at, _ = sides
                columns = [pa.array(side) for side in sides] + [pa.array(1 - distance / 64), pa.array(self.local(better_at, worse_at))]
                yield by_length_class(pa.RecordBatch.from_arrays(columns, schema=EDGE))

    def local(self, better: UInt64s, worse: UInt64s) -> npt.NDArray[np.bool_]:
        """bool[n]: whether both are of one source; earlier documents are of none."""
        places = distinct(np.concatenate([better, worse]))
        n_own = int(np.searchsorted(places, np.uint64(self.earlier.first_place))) if self.earlier else len(places)
        source = np.full(len(places), -1)
        source[:n_own] = numbered_sources(self.index.take(places[:n_own], ("source",)))
        same: npt.NDArray[np.bool_] = source[np.searchsorted(places, better)] == source[np.searchsorted(places, worse)]
        return same


def by_length_class(edges: pa.RecordBatch) -> pa.RecordBatch:
    """EDGE rows ranged by the length class of the worse document."""
    rank = edges.column("worse_rank").to_numpy()
    return ranged(edges, length_class(chars_of(rank), rank >> np.uint64(60)))


class Resolve(beam.PTransform):
    """EDGE batches ranged by length class -> MERGE batches.

    One worker goes through the classes from the longest documents down, in parts that fit the memory; what it remembers of each
    document lies in a mapped file. It only compares numbers, so a hundred million edges are minutes.
    """

    def __init__(self, dedup: Dedup, compare: Compare, folder: Path, kind: str) -> None:
        super().__init__()
        self.dedup, self.compare, self.folder, self.kind = dedup, compare, folder, kind

    def expand(self, edges: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[pa.RecordBatch]:
        """Write the classes, name their pieces to one worker, resolve."""
        pieces = edges | Partition(self.folder) | "in one place" >> beam.Map(under_one_key) | beam.GroupByKey()
        return pieces | "from the best down" >> beam.ParDo(_Resolve(self.dedup, self.compare, self.folder, self.kind))


def under_one_key(piece: tuple[int, str]) -> tuple[int, tuple[int, str]]:
    """Every piece under key 0."""
    return 0, piece


class _Resolve(beam.DoFn):
    def __init__(self, dedup: Dedup, compare: Compare, folder: Path, kind: str) -> None:
        self.dedup, self.compare, self.folder, self.kind = dedup, compare, folder, kind
        self.most_bytes = range_share(dedup)

    def process(self, group: tuple[int, Iterable[tuple[int, str]]]) -> Iterator[pa.RecordBatch]:
        pieces = sorted(group[1])
        config: MinHash | SimHash = getattr(self.dedup, self.kind)
        # Similarity 1 means the same set or hash, unless it is containment.
        equal_sets = isinstance(config, SimHash) or config.min_containment is None
        survivors = Survivors(self.folder / "survivors", self.compare.everything())
        if isinstance(config, MinHash) and config.clusters == "components":
            join_components(lambda: self.parts(pieces), survivors)
        else:
            for local in (True, False) if self.dedup.scope == "local_then_global" else (False,):
                for part in self.parts(pieces):
                    edges = part.filter(part.column("local")) if local else part
                    resolve_stars(edges, survivors, equal_sets=equal_sets)
            follow_merged(self.parts(pieces), survivors, self.measure, config.limit)
        survivors.measure_chains(self.measure, max(1, self.most_bytes // MEASURED_BYTES))
        yield from survivors.merges(config.limit, self.kind, self.most_bytes)

    def measure(self, better: UInt64s, worse: UInt64s) -> Floats:
        """How alike each two are by the measure of the kind."""
        return self.compare(self.kind, better, worse)[0]

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
                yield from cut_by(table, "worse_rank", self.most_bytes)
            else:
                held.append(table)
                n_bytes += table.nbytes
        if held:
            yield pa.concat_tables(held)
