"""Verified edges -> who ends in whom. Both ways go over the edges in batches and remember a few bytes a document, in a mapped file.

Stars: from the best document down, one is merged iff one that stays is similar enough to it. Components: documents that are joined by any
chain of edges end in the best of them, whatever their similarity to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.dedup.minhash import Rows, UInt64s, may_end
from pipelines.dedup.places import SegmentIndex
from schemas.hops import MERGE

Floats = npt.NDArray[np.float64]
Measure = Callable[[UInt64s, UInt64s], Floats]
"""(places of the better documents, places of the worse ones) -> how alike each two are."""

_ROW_BYTES: Final = 128  # of a merge with everything that is looked up for it


class Survivors:
    """Of every document, numbered through the files of `index`, the one it ends in."""

    def __init__(self, path: Path, index: SegmentIndex) -> None:
        self.path, self.index = path, index
        self.first_rows = index.first_rows()
        self.of: Rows = self.column("of", np.int64)
        """1 + the survivor's number; 0 for a document that stays."""
        self.value = self.column("value", np.float64)
        """Similarity to the document that `compared` names."""
        self.compared: Rows = self.column("compared", np.int64)
        """1 + the number of the document it was measured against."""

    def column(self, name: str, dtype: type[np.generic]) -> npt.NDArray[Any]:
        """Zeros, one per document, in a file of their own; pages that nothing is written to take no room."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return np.memmap(self.path.with_suffix(f".{name}"), dtype, "w+", shape=(max(1, int(self.first_rows[-1])),))

    def numbers(self, at: UInt64s) -> Rows:
        """int64[n] of places."""
        return (self.first_rows[(at >> np.uint64(32)).astype(np.int64)] + (at & np.uint64(0xFFFFFFFF))).astype(np.int64)

    def places(self, numbers: Rows) -> UInt64s:
        """uint64[n] of numbers."""
        segments = np.searchsorted(self.first_rows, numbers.astype(np.uint64), side="right") - 1
        return (segments.astype(np.uint64) << np.uint64(32)) + numbers.astype(np.uint64) - self.first_rows[segments]

    def ended(self, step: int) -> Iterator[tuple[Rows, Rows]]:
        """(number, number of the survivor) of the documents that end, in batches of `step` documents at most."""
        for start in range(0, len(self.of), step):
            ended = np.flatnonzero(self.of[start : start + step]) + start
            if len(ended):
                yield ended, _roots(self.of, ended)

    def measure_chains(self, measure: Measure, step: int) -> None:
        """State the similarity to the survivor where a document was measured against another one on the way there."""
        for ended, root in self.ended(step):
            far = self.compared[ended] != root + 1
            self.value[ended[far]] = measure(self.places(root[far]), self.places(ended[far]))
            self.compared[ended[far]] = root[far] + 1

    def merges(self, limit: float, reason: str, most_bytes: int) -> Iterator[pa.RecordBatch]:
        """MERGE rows by place, in batches of about `most_bytes` with what they need."""
        step = max(1, most_bytes // _ROW_BYTES)
        for ended, root in self.ended(step):
            survivor = self.places(root)
            known, where = np.unique(survivor, return_inverse=True)
            n = len(ended)
            columns = {
                "at": pa.array(self.places(ended)),
                "survivor_at": pa.array(survivor),
                "survivor_id": self.index.take(known, ("doc_id",)).column("doc_id").take(pa.array(where)),
                "reason": pa.repeat(pa.scalar(reason, pa.large_string()), n),
                "value": pa.array(self.value[ended]),
                "limit": pa.repeat(pa.scalar(limit, pa.float64()), n),
            }
            yield pa.RecordBatch.from_arrays([columns[name] for name in MERGE.names], schema=MERGE)


def resolve_stars(edges: pa.Table, survivors: Survivors, *, equal_sets: bool) -> None:
    """Going from the best document down, one is merged iff a document that stays is similar enough to it.

    `edges` are EDGE rows, those of better worse documents in earlier calls. The survivor is the most similar of those that stay (of
    equals the best), so every removal stands on its own comparison. With `equal_sets`, similarity 1 means equal shingle sets: then
    the comparison of one is that of the other, and a document goes where its equal went.
    """
    names = ("better_at", "better_rank", "worse_at", "worse_rank", "similarity")
    better, better_rank, worse, worse_rank, similarity = (edges.column(name).to_numpy() for name in names)
    order = np.lexsort((better, better_rank, -similarity, worse, worse_rank))
    numbers = (survivors.numbers(side[order]) for side in (better, worse))
    _stars(*numbers, similarity[order], equal_sets, survivors.of, survivors.value, survivors.compared)


def follow_merged(parts: Iterable[pa.Table], survivors: Survivors, measure: Measure, limit: float) -> None:
    """Documents that stay since all that are near them ended are measured against the survivor of the nearest one.

    In a large bucket many documents were compared with the best of their kind alone. One that others end in stays.
    """
    leads = survivors.column("leads", np.bool_)
    _mark_leads(survivors.of, leads)
    for edges in parts:
        better, worse = _ends(edges, survivors)
        left = np.flatnonzero((survivors.of[worse] == 0) & (survivors.of[better] != 0) & ~leads[worse])
        order = left[np.lexsort((better[left], -edges.column("similarity").to_numpy()[left], worse[left]))]
        nearest = order[np.diff(worse[order], prepend=-1) != 0]
        number, root = worse[nearest], _roots(survivors.of, better[nearest])
        similarity = measure(survivors.places(root), survivors.places(number))
        near = similarity >= limit
        survivors.of[number[near]] = survivors.compared[number[near]] = root[near] + 1
        survivors.value[number[near]] = similarity[near]


def resolve_pairs(better: Rows, worse: Rows, similarity: Floats, n: int) -> tuple[Rows, Floats]:
    """(1 + survivor or 0 int64[n], similarity to it float64[n]) of the documents 0 to n - 1, the best first; as `resolve_stars`."""
    of, value, compared = np.zeros(n, np.int64), np.zeros(n, np.float64), np.zeros(n, np.int64)
    order = np.lexsort((better, -similarity, worse))
    _stars(better[order], worse[order], similarity[order], True, of, value, compared)
    return of, value


@numba.njit(cache=True, nogil=True)
def _stars(better: Rows, worse: Rows, similarity: Floats, equal_sets: bool, of: Rows, value: Floats, compared: Rows) -> None:
    for edge in range(len(worse)):
        # Every better document has been decided: its own edges came before.
        if of[worse[edge]] != 0:
            continue
        if of[better[edge]] == 0:
            of[worse[edge]] = better[edge] + 1
            value[worse[edge]] = similarity[edge]
        elif equal_sets and similarity[edge] == 1.0:
            of[worse[edge]] = of[better[edge]]
            value[worse[edge]] = value[better[edge]]
        compared[worse[edge]] = of[worse[edge]]


def join_components(parts: Callable[[], Iterable[pa.Table]], survivors: Survivors) -> None:
    """Every document ends in the best of its connected component; `measure_chains` has yet to compare those that no edge joins to it.

    Labels are lowered along the edges, batch by batch, until a round lowers none.
    """
    label = survivors.column("label", np.int64)
    while sum(_lower_labels(*_ends(edges, survivors), label) for edges in parts()):
        pass
    best_rank, best = survivors.column("best_rank", np.uint64), survivors.column("best", np.int64)
    for edges in parts():
        for side in ("better", "worse"):
            numbers = survivors.numbers(edges.column(f"{side}_at").to_numpy())
            _keep_best(numbers, edges.column(f"{side}_rank").to_numpy(), label, best_rank, best)
    for edges in parts():
        ends, similarity = _ends(edges, survivors), edges.column("similarity").to_numpy()
        for numbers, others, side in zip(ends, ends[::-1], ("better", "worse"), strict=True):
            mortal = may_end(edges.column(f"{side}_rank").to_numpy())
            _end_in_best(numbers, others, mortal, similarity, label, best, survivors.of, survivors.value, survivors.compared)


def _ends(edges: pa.Table, survivors: Survivors) -> tuple[Rows, Rows]:
    return survivors.numbers(edges.column("better_at").to_numpy()), survivors.numbers(edges.column("worse_at").to_numpy())


@numba.njit(cache=True, nogil=True)
def _root(of: Rows, number: int) -> int:
    """Where the chain of 1 + number ends; the chain is shortened on the way."""
    while of[number] != 0:
        onward = of[of[number] - 1]
        if onward != 0:
            of[number] = onward
        number = of[number] - 1
    return number


@numba.njit(cache=True, nogil=True)
def _roots(of: Rows, numbers: Rows) -> Rows:
    roots = np.empty(len(numbers), np.int64)
    for i in range(len(numbers)):
        roots[i] = _root(of, numbers[i])
    return roots


@numba.njit(cache=True, nogil=True)
def _lower_labels(first: Rows, second: Rows, label: Rows) -> int:
    """How many labels an edge lowered: the smaller number is the label of both."""
    lowered = 0
    for edge in range(len(first)):
        a, b = _root(label, first[edge]), _root(label, second[edge])
        if a != b:
            label[max(a, b)] = min(a, b) + 1
            lowered += 1
    return lowered


@numba.njit(cache=True, nogil=True)
def _keep_best(numbers: Rows, rank: UInt64s, label: Rows, best_rank: UInt64s, best: Rows) -> None:
    """By component (at its label): the best (rank, number) seen."""
    for i in range(len(numbers)):
        root = _root(label, numbers[i])
        better = best[root] == 0 or rank[i] < best_rank[root]
        if better or (rank[i] == best_rank[root] and numbers[i] + 1 < best[root]):
            best_rank[root], best[root] = rank[i], numbers[i] + 1


@numba.njit(cache=True, nogil=True)
def _mark_leads(of: Rows, leads: npt.NDArray[np.bool_]) -> None:
    for number in range(len(of)):
        if of[number] != 0:
            leads[_root(of, number)] = True
            leads[of[number] - 1] = True


@numba.njit(cache=True, nogil=True)
def _end_in_best(
    numbers: Rows,
    others: Rows,
    mortal: npt.NDArray[np.bool_],
    similarity: Floats,
    label: Rows,
    best: Rows,
    of: Rows,
    value: Floats,
    compared: Rows,
) -> None:
    for i in range(len(numbers)):
        survivor = best[_root(label, numbers[i])]
        if mortal[i] and survivor != numbers[i] + 1:
            of[numbers[i]] = survivor
            if others[i] + 1 == survivor:
                value[numbers[i]], compared[numbers[i]] = similarity[i], survivor
