"""Near-duplicates: SIGNATURE batches -> MERGE batches. Bands propose pairs, true similarity decides, the winner of each pair stays."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Final

import apache_beam as beam
import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.dedup.arrays import Floats, Mask, UInt64s
from pipelines.dedup.frames import as_frame
from pipelines.dedup.memory import partition_budget, split_by_quantile, split_table
from pipelines.dedup.minhash import CANDIDATE, band_keys, candidate_pairs, pair_with_leaders, rank_chars, rank_priority
from pipelines.dedup.near.address import merge_same_address, with_address_key
from pipelines.dedup.near.compare import PairComparer, source_numbers
from pipelines.dedup.near.survivors import Survivors, attach_unresolved, join_components, resolve_stars
from pipelines.dedup.partitions import partition_by_key, partition_by_row_ref
from pipelines.dedup.row_reader import sorted_unique
from pipelines.dedup.simhash import block_keys, near_pairs
from pipelines.dedup.snapshots.index import EarlierDocuments
from pipelines.dedup.verify import EDGE, length_classes
from pipelines.engine.counters import count, most_seen
from pipelines.engine.decision import Decision
from pipelines.engine.shuffle import PARTITION, Shuffle, WritePieces, read_pieces, with_partition
from schemas.recipe import Dedup, MinHash, SimHash

MEASURED_BYTES: Final = 64  # of a pair of documents to compare
EARLIER_SHARE: Final = 8  # a bucket takes this times max_comparisons earlier documents


class FindNearDuplicates(beam.PTransform):
    """SIGNATURE batches -> MERGE batches."""

    def __init__(self, dedup: Dedup, comparer: PairComparer, folder: Path, n_partitions: int) -> None:
        super().__init__()
        self.dedup, self.comparer, self.folder, self.n_partitions = dedup, comparer, folder, n_partitions

    def expand(self, rows: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[pa.RecordBatch]:
        """Bands -> candidates -> verified edges -> merges."""
        return (
            rows
            | "bands" >> beam.Map(partition_bands, config=self.dedup.minhash, n_partitions=self.n_partitions)
            | "candidates" >> Shuffle(self.folder / "bands", ProposePairs(self.dedup, self.n_partitions, self.comparer.earlier))
            | "verify" >> Shuffle(self.folder / "pairs", VerifyPairs(self.dedup, self.comparer))
            | "resolve" >> Resolve(self.dedup, self.comparer, self.folder / "edges", "minhash")
        )


def partition_bands(batch: pa.RecordBatch, config: MinHash, n_partitions: int) -> pa.RecordBatch:
    """One row per document and band, partitioned by band key."""
    return partition_by_key(band_keys(batch, config), "key", n_partitions)


class ProposePairs:
    """Shuffle reducer: band rows -> CANDIDATE rows, partitioned by the loser, which has a bounded number of them."""

    def __init__(self, dedup: Dedup, n_partitions: int, earlier: EarlierDocuments | None) -> None:
        self.config, self.n_partitions, self.earlier = dedup.minhash, n_partitions, earlier
        self.max_bytes = partition_budget(dedup)

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Pair the members of each bucket, as many buckets at a time as fit the memory. A bucket that does not fit is thinned first."""
        count("dedup cost", band_bytes=table.nbytes)
        for part in split_by_quantile(table, "key", self.max_bytes):
            if part.nbytes <= 2 * self.max_bytes:
                yield from self.pair(part)
                continue
            pairs, leaders = pair_with_leaders(lambda part=part: split_table(part, self.max_bytes))  # type: ignore[misc]
            most_seen("dedup cost", largest_bucket=part.num_rows)
            for batch in pairs:
                yield self.partitioned(batch)
            pieces = list(split_by_quantile(leaders, "rank", self.max_bytes))
            count("dedup", cut_buckets=len(pieces) - 1)
            for piece in pieces:
                yield from self.pair(piece)

    def pair(self, bands: pa.Table) -> Iterator[pa.RecordBatch]:
        """CANDIDATE rows of these rows and the earlier documents that share their keys."""
        n_capped = 0
        if self.earlier:
            most = EARLIER_SHARE * self.config.max_comparisons
            earlier, n_capped = self.earlier.bands(bands.column("key").to_numpy(), most)
            if earlier is not None:
                bands = pa.concat_tables([bands.select(earlier.column_names), earlier])
        pairs, n_crowded, largest = candidate_pairs(bands, self.config.max_comparisons)
        most_seen("dedup cost", largest_bucket=largest)
        count("dedup", crowded_buckets=n_crowded, capped_earlier_buckets=n_capped)
        yield self.partitioned(pairs)

    def partitioned(self, pairs: pa.RecordBatch) -> pa.RecordBatch:
        """CANDIDATE rows partitioned by the loser."""
        return partition_by_row_ref(pairs, pairs.column("loser_ref"), self.n_partitions)


class VerifyPairs:
    """Shuffle reducer: CANDIDATE rows -> EDGE rows of the pairs that reach the limit, by the true similarity of their texts."""

    def __init__(self, dedup: Dedup, comparer: PairComparer) -> None:
        self.limit, self.comparer, self.max_bytes = dedup.minhash.limit, comparer, partition_budget(dedup)

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Compare as many pairs at a time as fit the memory."""
        n_pairs = n_verified = 0
        for part in split_by_quantile(table, "loser_ref", self.max_bytes):
            pairs = as_frame(part.drop_columns(PARTITION)).unique(("loser_ref", "winner_ref"), keep="any").sort("loser_ref", "winner_ref")
            edges = self.verified(pairs)
            n_pairs, n_verified = n_pairs + pairs.height, n_verified + edges.num_rows
            yield partition_edges(edges)
        count("dedup", candidate_pairs=n_pairs, verified_pairs=n_verified)

    def verified(self, pairs: pl.DataFrame) -> pa.RecordBatch:
        """EDGE rows of the pairs that reach the limit."""
        columns = [pairs.get_column(name).to_numpy() for name in CANDIDATE.names]
        similarity, local = self.comparer("minhash", columns[0], columns[2])
        reached = np.flatnonzero(similarity >= self.limit)
        return pa.RecordBatch.from_arrays([pa.array(column[reached]) for column in (*columns, similarity, local)], schema=EDGE)


class MergeSameAddress:
    """Shuffle reducer: a document is merged into the most similar document of its address that stays.

    An address alone removes nothing: rows of a table and chapters of a book may share one, or differ in the fragment only. Documents
    that are not similar enough are counted and stay.
    """

    def __init__(self, dedup: Dedup, comparer: PairComparer) -> None:
        self.comparer, self.max_bytes = comparer, partition_budget(dedup)

    def __call__(self, number: int, table: pa.Table) -> Iterator[Decision]:
        """Decide on as many addresses at a time as fit the memory. An address that does not fit is cut by rank."""
        for part in split_by_quantile(with_address_key(table), "key", self.max_bytes):
            pieces = list(split_by_quantile(part, "rank", self.max_bytes)) if part.nbytes > 2 * self.max_bytes else [part]
            count("dedup", cut_buckets=len(pieces) - 1)
            for piece in pieces:
                yield from self.decided(piece.drop_columns([PARTITION, "key"]))

    def decided(self, rows: pa.Table) -> Iterator[Decision]:
        """The SIGNATURE rows that stay, and MERGE rows."""
        merges, n_apart = merge_same_address(as_frame(rows.select(["url_hash", "rank", "row_ref", "doc_id"])), self.comparer)
        count("dedup", same_address_apart=n_apart)
        stays = rows.filter(pa.array(~np.isin(rows.column("row_ref").to_numpy(), merges.column("row_ref").to_numpy())))
        yield Decision(pa.RecordBatch.from_pylist([], rows.schema), merges)
        for batch in stays.to_batches():
            yield Decision(batch, merges.slice(0, 0))


class FindNearHashes(beam.PTransform):
    """SIGNATURE batches -> MERGE batches: hashes that agree in some blocks meet, and near ones are resolved as those of MinHash are."""

    def __init__(self, dedup: Dedup, comparer: PairComparer, folder: Path, n_partitions: int) -> None:
        super().__init__()
        self.dedup, self.comparer, self.folder, self.n_partitions = dedup, comparer, folder, n_partitions

    def expand(self, rows: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[pa.RecordBatch]:
        """Blocks -> near pairs -> merges."""
        return (
            rows
            | "blocks" >> beam.Map(partition_blocks, config=self.dedup.simhash, n_partitions=self.n_partitions)
            | "near" >> Shuffle(self.folder / "blocks", ProposeNearHashes(self.dedup, self.comparer))
            | "resolve" >> Resolve(self.dedup, self.comparer, self.folder / "edges", "simhash")
        )


def partition_blocks(batch: pa.RecordBatch, config: SimHash, n_partitions: int) -> pa.RecordBatch:
    """One row per document and choice of blocks, partitioned by key."""
    return partition_by_key(block_keys(batch, config), "key", n_partitions)


class ProposeNearHashes:
    """Shuffle reducer: rows of `block_keys` -> EDGE rows of hashes that differ in few bits."""

    def __init__(self, dedup: Dedup, comparer: PairComparer) -> None:
        self.config, self.reader, self.earlier = dedup.simhash, comparer.reader, comparer.earlier
        self.max_bytes = partition_budget(dedup)

    def __call__(self, number: int, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Pair the members of each bucket, earlier documents that share its key included."""
        count("dedup cost", band_bytes=table.nbytes)
        for part in split_by_quantile(table, "key", self.max_bytes):
            earlier = self.earlier.blocks(part.column("key").to_numpy(), self.config.max_comparisons) if self.earlier else None
            rows = part if earlier is None else pa.concat_tables([part.select(earlier.column_names), earlier])
            *sides, distance, n_crowded = near_pairs(rows, self.config)
            count("dedup", near_hashes=len(distance), crowded_buckets=n_crowded)
            if len(distance):
                winner_refs, _, loser_refs, _ = sides
                columns = [pa.array(side) for side in sides] + [pa.array(1 - distance / 64), pa.array(self.local(winner_refs, loser_refs))]
                yield partition_edges(pa.RecordBatch.from_arrays(columns, schema=EDGE))

    def local(self, winners: UInt64s, losers: UInt64s) -> Mask:
        """bool[n]: whether both are of one source; earlier documents have no source."""
        refs = sorted_unique(np.concatenate([winners, losers]))
        n_own = int(np.searchsorted(refs, self.earlier.first_ref)) if self.earlier else len(refs)
        source = np.full(len(refs), -1)
        source[:n_own] = source_numbers(self.reader.take(refs[:n_own], ("source",)))
        same: Mask = source[np.searchsorted(refs, winners)] == source[np.searchsorted(refs, losers)]
        return same


def partition_edges(edges: pa.RecordBatch) -> pa.RecordBatch:
    """EDGE rows partitioned by the length class of the loser."""
    rank = edges.column("loser_rank").to_numpy()
    return with_partition(edges, length_classes(rank_chars(rank), rank_priority(rank)))


class Resolve(beam.PTransform):
    """EDGE batches partitioned by length class -> MERGE batches.

    One worker reads the classes from the longest documents down, in parts that fit the memory. What it keeps of each document lies in a
    mapped file. It compares numbers only, so a hundred million edges take minutes.
    """

    def __init__(self, dedup: Dedup, comparer: PairComparer, folder: Path, kind: str) -> None:
        super().__init__()
        self.dedup, self.comparer, self.folder, self.kind = dedup, comparer, folder, kind

    def expand(self, edges: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[pa.RecordBatch]:
        """Write the classes, send the names of their pieces to one worker, resolve."""
        pieces = edges | WritePieces(self.folder) | "to one worker" >> beam.Map(to_one_worker) | beam.GroupByKey()
        return pieces | "resolve in order" >> beam.ParDo(_Resolve(self.dedup, self.comparer, self.folder, self.kind))


def to_one_worker(piece: tuple[int, str]) -> tuple[int, tuple[int, str]]:
    """Every piece under key 0."""
    return 0, piece


class _Resolve(beam.DoFn):
    def __init__(self, dedup: Dedup, comparer: PairComparer, folder: Path, kind: str) -> None:
        self.dedup, self.comparer, self.folder, self.kind = dedup, comparer, folder, kind
        self.max_bytes = partition_budget(dedup)

    def process(self, group: tuple[int, Iterable[tuple[int, str]]]) -> Iterator[pa.RecordBatch]:
        pieces = sorted(group[1])
        config: MinHash | SimHash = getattr(self.dedup, self.kind)
        # Similarity 1 means the same set or hash, unless it is containment.
        equal_sets = isinstance(config, SimHash) or config.min_containment is None
        survivors = Survivors(self.folder / "survivors", self.comparer.all_documents())
        if isinstance(config, MinHash) and config.clusters == "components":
            join_components(lambda: self.parts(pieces), survivors)
        else:
            for local in (True, False) if self.dedup.scope == "local_then_global" else (False,):
                for part in self.parts(pieces):
                    edges = part.filter(part.column("local")) if local else part
                    resolve_stars(edges, survivors, equal_sets=equal_sets)
            attach_unresolved(self.parts(pieces), survivors, self.measure, config.limit)
        survivors.measure_chains(self.measure, max(1, self.max_bytes // MEASURED_BYTES))
        yield from survivors.merges(config.limit, self.kind, self.max_bytes)

    def measure(self, winners: UInt64s, losers: UInt64s) -> Floats:
        """float64[n]: the similarity of each two documents by the measure of the kind."""
        return self.comparer(self.kind, winners, losers)[0]

    def parts(self, pieces: list[tuple[int, str]]) -> Iterator[pa.Table]:
        """The edges in parts of about `max_bytes`, in the order of the losers: longer documents come in earlier parts."""
        buffer: list[pa.Table] = []
        n_bytes = 0
        for _, names in groupby(pieces, key=itemgetter(0)):
            table = read_pieces(self.folder, [name for _, name in names])
            if table is None:
                continue
            if buffer and n_bytes + table.nbytes > self.max_bytes:
                yield pa.concat_tables(buffer)
                buffer, n_bytes = [], 0
            if table.nbytes > self.max_bytes:
                yield from split_by_quantile(table, "loser_rank", self.max_bytes)
            else:
                buffer.append(table)
                n_bytes += table.nbytes
        if buffer:
            yield pa.concat_tables(buffer)
