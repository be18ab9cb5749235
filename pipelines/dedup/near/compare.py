"""The similarity of two documents, from their texts: it decides every removal, and the ledger states it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.dedup.arrays import Floats, Int64s, Mask, UInt64s
from pipelines.dedup.memory import VERIFY_SHARE, memory_share
from pipelines.dedup.row_reader import RowReader, sorted_unique
from pipelines.dedup.shingles import shingle_sets
from pipelines.dedup.simhash import simhashes
from pipelines.dedup.snapshots.index import EarlierDocuments
from pipelines.dedup.verify import similarities
from schemas.buffers import Offsets
from schemas.recipe import Dedup

SIMILARITY_KINDS: Final = ("url", "minhash", "simhash")
"""The kinds that merge similar documents; the ledger states the similarity."""

TextTransform = Callable[[pa.Array], pa.Array]
"""Texts of the pool -> the same texts as the documents will have them."""


class Shingled(NamedTuple):
    """Documents in the order of their row references: for each the set of its shingle hashes, hashes[offsets[i]:offsets[i + 1]]."""

    source: Int64s
    """A number for each source; -1 for documents of earlier runs."""
    hashes: UInt64s
    offsets: Offsets


class PairComparer:
    """(kind, row refs, row refs) -> the similarity of each two documents by the measure of the kind.

    This is the Jaccard similarity of their shingle sets. For `minhash` with `min_containment` it is the share of the second one's shingles
    that the first one has, for `simhash` the share of equal bits.
    """

    def __init__(self, dedup: Dedup, segments: list[str], earlier: EarlierDocuments | None, clean_text: TextTransform) -> None:
        self.dedup, self.reader, self.earlier, self.clean_text = dedup, RowReader(segments), earlier, clean_text
        self.max_bytes = memory_share(dedup, VERIFY_SHARE)

    def all_documents(self) -> RowReader:
        """Reads the documents of this run and, behind them, those of earlier runs."""
        return RowReader([*self.reader.segments, *(self.earlier.files if self.earlier else ())])

    def limit(self, kind: str) -> float:
        """The least similarity of a pair that a kind merges."""
        limit: float = getattr(self.dedup, kind).limit
        return limit

    def __call__(self, kind: str, winners: UInt64s, losers: UInt64s) -> tuple[Floats, Mask]:
        """(float64[n]: similarity, bool[n]: whether both are of one source). Texts are read in bounded portions of neighbouring pairs."""
        similarity, local = np.zeros(len(winners), np.float64), np.zeros(len(winners), np.bool_)
        for start, end in self.portions(winners, losers):
            part = slice(start, end)
            similarity[part], local[part] = self.measure(kind, winners[part], losers[part])
        return similarity, local

    def measure(self, kind: str, winners: UInt64s, losers: UInt64s) -> tuple[Floats, Mask]:
        """As a call, for pairs whose texts fit the memory."""
        refs = sorted_unique(np.concatenate([winners, losers]))
        first, second = np.searchsorted(refs, winners), np.searchsorted(refs, losers)
        if kind == "simhash":
            hashes, source = self.hashed(refs)
            similarity = 1 - np.bitwise_count(hashes[first] ^ hashes[second]) / 64
        else:
            found = self.shingled(refs)
            contained = kind == "minhash" and self.dedup.minhash.min_containment is not None
            similarity, source = similarities(found.hashes, found.offsets, first, second, contained), found.source
        return similarity, source[first] == source[second]

    def portions(self, winners: UInt64s, losers: UInt64s) -> Iterator[tuple[int, int]]:
        """(start, end) of consecutive slices of pairs; the texts of a slice have about `max_bytes` bytes at most."""
        if not len(winners):
            return
        refs = sorted_unique(np.concatenate([winners, losers]))
        n_own = self.n_own(refs)
        sizes = np.zeros(len(refs), np.int64)
        sizes[:n_own] = self.reader.sizes(refs[:n_own], "text")
        both = sizes[np.searchsorted(refs, winners)] + sizes[np.searchsorted(refs, losers)]
        portion = np.cumsum(both) // max(1, self.max_bytes)
        starts = np.flatnonzero(np.diff(portion, prepend=-1))
        yield from pairwise([*starts.tolist(), len(winners)])

    def n_own(self, refs: UInt64s) -> int:
        """How many of the ascending references are of this run; those of earlier runs follow."""
        return int(np.searchsorted(refs, self.earlier.first_ref)) if self.earlier else len(refs)

    def shingled(self, refs: UInt64s) -> Shingled:
        """The documents at `refs`; the shingle sets of earlier ones are read as stored."""
        n_own = self.n_own(refs)
        texts, source = self.texts(refs[:n_own])
        hashes, offsets = shingle_sets(texts, self.dedup.minhash.shingle)
        if self.earlier is None or n_own == len(refs):
            return Shingled(source, hashes, offsets)
        sets = self.earlier.take(refs[n_own:], ("shingles",)).column("shingles")
        ends = offsets[-1] + np.cumsum(pc.list_value_length(sets).to_numpy())
        source = np.concatenate([source, np.full(len(sets), -1)])
        return Shingled(source, np.concatenate([hashes, sets.flatten().to_numpy()]), np.concatenate([offsets, ends]))

    def hashed(self, refs: UInt64s) -> tuple[UInt64s, Int64s]:
        """(SimHash, source number) of the documents at `refs`."""
        n_own = self.n_own(refs)
        texts, source = self.texts(refs[:n_own])
        hashes, _ = simhashes(texts, self.dedup.simhash.shingle)
        if self.earlier is None or n_own == len(refs):
            return hashes, source
        stored = self.earlier.take(refs[n_own:], ("simhash",)).column("simhash").to_numpy()
        return np.concatenate([hashes, stored]), np.concatenate([source, np.full(len(stored), -1)])

    def texts(self, refs: UInt64s) -> tuple[pa.Array, Int64s]:
        """(cleaned texts, source numbers) of documents of this run; there may be none."""
        if not len(refs):
            return pa.array([], pa.large_string()), np.zeros(0, np.int64)
        documents = self.reader.take(refs, ("text", "source"))
        return self.clean_text(documents.column("text")), source_numbers(documents)


def source_numbers(documents: pa.RecordBatch) -> Int64s:
    """int64[n]: a number for each source."""
    numbers: Int64s = documents.column("source").dictionary_encode().indices.to_numpy().astype(np.int64)
    return numbers
