"""How alike two documents are, from their texts: what every removal is decided by, and what the ledger states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.dedup.memory import VERIFY_SHARE, memory_share
from pipelines.dedup.minhash import UInt64s
from pipelines.dedup.places import SegmentIndex, distinct
from pipelines.dedup.shingles import shingle_sets
from pipelines.dedup.simhash import simhashes
from pipelines.dedup.snapshots.index import Earlier
from pipelines.dedup.verify import similarities
from schemas.buffers import Offsets
from schemas.recipe import Dedup

ALIKE: Final = ("url", "minhash", "simhash")
"""The kinds that merge documents which are alike, to a degree that the ledger states."""

Floats = npt.NDArray[np.float64]
Text = Callable[[pa.Array], pa.Array]
"""What becomes of texts between the pool and the documents."""


class Shingled(NamedTuple):
    """Documents in the order of their places, by the sets of their shingles' hashes."""

    source: npt.NDArray[np.int64]
    """A number for each source; -1 for documents of earlier runs."""
    hashes: UInt64s
    offsets: Offsets


class Compare:
    """(kind, places, places) -> how alike each two documents are by the measure of the kind.

    That is the Jaccard similarity of their shingle sets; for `minhash` with `min_containment` how much of the second stands in the first;
    for `simhash` the share of equal bits.
    """

    def __init__(self, dedup: Dedup, segments: list[str], earlier: Earlier | None, text: Text) -> None:
        self.dedup, self.index, self.earlier, self.text = dedup, SegmentIndex(segments), earlier, text
        self.most_bytes = memory_share(dedup, VERIFY_SHARE)

    def everything(self) -> SegmentIndex:
        """The documents of this run and, behind them, those of earlier ones."""
        return SegmentIndex([*self.index.segments, *(self.earlier.files if self.earlier else ())])

    def limit(self, kind: str) -> float:
        """What the documents of a merged pair reach."""
        limit: float = getattr(self.dedup, kind).limit
        return limit

    def __call__(self, kind: str, better: UInt64s, worse: UInt64s) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """(similarity float64[n], whether both are of one source bool[n]); texts are read in bounded portions of neighbouring pairs."""
        similarity, local = np.zeros(len(better), np.float64), np.zeros(len(better), np.bool_)
        for start, end in self.portions(better, worse):
            part = slice(start, end)
            similarity[part], local[part] = self.measured(kind, better[part], worse[part])
        return similarity, local

    def measured(self, kind: str, better: UInt64s, worse: UInt64s) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Of pairs whose texts fit the memory."""
        places = distinct(np.concatenate([better, worse]))
        first, second = np.searchsorted(places, better), np.searchsorted(places, worse)
        if kind == "simhash":
            hashes, source = self.hashed(places)
            similarity = 1 - np.bitwise_count(hashes[first] ^ hashes[second]) / 64
        else:
            found = self.shingled(places)
            contained = kind == "minhash" and self.dedup.minhash.min_containment is not None
            similarity, source = similarities(found.hashes, found.offsets, first, second, contained), found.source
        return similarity, source[first] == source[second]

    def portions(self, better: UInt64s, worse: UInt64s) -> Iterator[tuple[int, int]]:
        """Consecutive slices of pairs whose texts have about `most_bytes` bytes at most."""
        if not len(better):
            return
        places = distinct(np.concatenate([better, worse]))
        n_own = self.n_own(places)
        sizes = np.zeros(len(places), np.int64)
        sizes[:n_own] = self.index.sizes(places[:n_own], "text")
        both = sizes[np.searchsorted(places, better)] + sizes[np.searchsorted(places, worse)]
        portion = np.cumsum(both) // max(1, self.most_bytes)
        starts = np.flatnonzero(np.diff(portion, prepend=-1))
        yield from pairwise([*starts.tolist(), len(better)])

    def n_own(self, places: UInt64s) -> int:
        """How many of the ascending places are of this run."""
        return int(np.searchsorted(places, np.uint64(self.earlier.first_place))) if self.earlier else len(places)

    def shingled(self, places: UInt64s) -> Shingled:
        """The documents at `places`; the shingle sets of earlier ones are read as stored."""
        n_own = self.n_own(places)
        texts, source = self.texts(places[:n_own])
        hashes, offsets = shingle_sets(texts, self.dedup.minhash.shingle)
        if self.earlier is None or n_own == len(places):
            return Shingled(source, hashes, offsets)
        sets = self.earlier.take(places[n_own:], ("shingles",)).column("shingles")
        ends = offsets[-1] + np.cumsum(pc.list_value_length(sets).to_numpy())
        source = np.concatenate([source, np.full(len(sets), -1)])
        return Shingled(source, np.concatenate([hashes, sets.flatten().to_numpy()]), np.concatenate([offsets, ends]))

    def hashed(self, places: UInt64s) -> tuple[UInt64s, npt.NDArray[np.int64]]:
        """(SimHash, number of the source) of the documents at `places`."""
        n_own = self.n_own(places)
        texts, source = self.texts(places[:n_own])
        hashes, _ = simhashes(texts, self.dedup.simhash.shingle)
        if self.earlier is None or n_own == len(places):
            return hashes, source
        met = self.earlier.take(places[n_own:], ("simhash",)).column("simhash").to_numpy()
        return np.concatenate([hashes, met]), np.concatenate([source, np.full(len(met), -1)])

    def texts(self, places: UInt64s) -> tuple[pa.Array, npt.NDArray[np.int64]]:
        """(texts as they leave the pool, numbers of their sources) of this run's documents; there may be none."""
        if not len(places):
            return pa.array([], pa.large_string()), np.zeros(0, np.int64)
        documents = self.index.take(places, ("text", "source"))
        return self.text(documents.column("text")), numbered_sources(documents)


def numbered_sources(documents: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """int64[n]: a number for each source."""
    numbers: npt.NDArray[np.int64] = documents.column("source").dictionary_encode().indices.to_numpy().astype(np.int64)
    return numbers
