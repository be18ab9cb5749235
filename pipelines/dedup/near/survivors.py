"""Verified edges -> the survivor of each document. Both ways read the edges in batches and keep a few bytes a document in a mapped file.

Stars: in the order of (rank, row_ref), a document is merged iff one that stays is similar enough to it. Components: documents that any
chain of edges joins are merged into the first of them, whatever their similarity to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.dedup.arrays import Floats, Int64s, Mask, UInt64s
from pipelines.dedup.minhash import is_removable
from pipelines.dedup.row_reader import RowReader
from pipelines.dedup.row_refs import row_of, row_refs, segment_of
from schemas.hops import MERGE

Measure = Callable[[UInt64s, UInt64s], Floats]
"""(row refs of winners, row refs of losers) -> float64[n]: the similarity of each two."""

_ROW_BYTES: Final = 128  # of a MERGE row with all that is looked up for it


class Survivors:
    """By document, numbered through the files of `reader`: the one it is merged into. The arrays lie in mapped files."""

    def __init__(self, path: Path, reader: RowReader) -> None:
        self.path, self.reader = path, reader
        self.first_rows = reader.first_rows()
        self.survivor: Int64s = self.column("of", np.int64)
        """1 + the survivor's number; 0 for a document that stays."""
        self.value = self.column("value", np.float64)
        """Similarity to the document in `compared`."""
        self.compared: Int64s = self.column("compared", np.int64)
        """1 + the number of the document that it was measured against; 0 if there is none."""

    def column(self, name: str, dtype: type[np.generic]) -> npt.NDArray[Any]:
        """Zeros, one per document, in a file of their own. The file is sparse: pages that nothing is written to take no room."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return np.memmap(self.path.with_suffix(f".{name}"), dtype, "w+", shape=(max(1, int(self.first_rows[-1])),))

    def numbers(self, refs: UInt64s) -> Int64s:
        """int64[n]: the numbers of documents, by row reference."""
        return self.first_rows[segment_of(refs)].astype(np.int64) + row_of(refs)

    def row_refs(self, numbers: Int64s) -> UInt64s:
        """uint64[n]: the row references of documents, by number."""
        segments = np.searchsorted(self.first_rows, numbers.astype(np.uint64), side="right") - 1
        return row_refs(segments, numbers - self.first_rows[segments].astype(np.int64))

    def merged(self, step: int) -> Iterator[tuple[Int64s, Int64s]]:
        """(number, number of the survivor) of the merged documents, in batches of at most `step` documents."""
        for start in range(0, len(self.survivor), step):
            losers = np.flatnonzero(self.survivor[start : start + step]) + start
            if len(losers):
                yield losers, _roots(self.survivor, losers)

    def measure_chains(self, measure: Measure, step: int) -> None:
        """Measure the similarity to the survivor of each document that was compared with another document only."""
        for losers, root in self.merged(step):
            far = self.compared[losers] != root + 1
            self.value[losers[far]] = measure(self.row_refs(root[far]), self.row_refs(losers[far]))
            self.compared[losers[far]] = root[far] + 1

    def merges(self, limit: float, reason: str, max_bytes: int) -> Iterator[pa.RecordBatch]:
        """MERGE rows by row reference, in batches of about `max_bytes` with all that is looked up for them."""
        step = max(1, max_bytes // _ROW_BYTES)
        for losers, root in self.merged(step):
            survivor = self.row_refs(root)
            known, where = np.unique(survivor, return_inverse=True)
            n = len(losers)
            columns = {
                "row_ref": pa.array(self.row_refs(losers)),
                "survivor_ref": pa.array(survivor),
                "survivor_id": self.reader.take(known, ("doc_id",)).column("doc_id").take(pa.array(where)),
                "reason": pa.repeat(pa.scalar(reason, pa.large_string()), n),
                "value": pa.array(self.value[losers]),
                "limit": pa.repeat(pa.scalar(limit, pa.float64()), n),
            }
            yield pa.RecordBatch.from_arrays([columns[name] for name in MERGE.names], schema=MERGE)


def resolve_stars(edges: pa.Table, survivors: Survivors, *, equal_sets: bool) -> None:
    """In the order of (rank, row_ref), a document is merged iff one that stays is similar enough to it.

    `edges` are EDGE rows; calls must come in the order of the losers. The survivor is the most similar document that stays (of equally
    similar ones the winner), so every removal has a comparison of its own. With `equal_sets`, similarity 1 means equal shingle sets: a
    document with the same set as a merged one goes where that one went, with the same similarity.
    """
    names = ("winner_ref", "winner_rank", "loser_ref", "loser_rank", "similarity")
    winners, winner_rank, losers, loser_rank, similarity = (edges.column(name).to_numpy() for name in names)
    order = np.lexsort((winners, winner_rank, -similarity, losers, loser_rank))
    numbers = (survivors.numbers(side[order]) for side in (winners, losers))
    _resolve_stars(*numbers, similarity[order], equal_sets, survivors.survivor, survivors.value, survivors.compared)


def attach_unresolved(parts: Iterable[pa.Table], survivors: Survivors, measure: Measure, limit: float) -> None:
    """Merge documents that stay only because all documents near them were merged.

    In a large bucket, many documents were compared with the winner of their kind only. Each is measured against the survivor of the nearest
    one, and merged if it reaches the limit. A document that others were merged into stays.
    """
    is_survivor = survivors.column("is_survivor", np.bool_)
    _mark_survivors(survivors.survivor, is_survivor)
    for edges in parts:
        winners, losers = _ends(edges, survivors)
        left = np.flatnonzero((survivors.survivor[losers] == 0) & (survivors.survivor[winners] != 0) & ~is_survivor[losers])
        order = left[np.lexsort((winners[left], -edges.column("similarity").to_numpy()[left], losers[left]))]
        nearest = order[np.diff(losers[order], prepend=-1) != 0]
        loser, root = losers[nearest], _roots(survivors.survivor, winners[nearest])
        similarity = measure(survivors.row_refs(root), survivors.row_refs(loser))
        near = similarity >= limit
        survivors.survivor[loser[near]] = survivors.compared[loser[near]] = root[near] + 1
        survivors.value[loser[near]] = similarity[near]


def resolve_star_pairs(winners: Int64s, losers: Int64s, similarity: Floats, n: int) -> tuple[Int64s, Floats]:
    """As `resolve_stars`, of documents 0 to n - 1 by (rank, row_ref): (int64[n]: 1 + survivor or 0, float64[n]: similarity)."""
    survivor, value, compared = np.zeros(n, np.int64), np.zeros(n, np.float64), np.zeros(n, np.int64)
    order = np.lexsort((winners, -similarity, losers))
    _resolve_stars(winners[order], losers[order], similarity[order], True, survivor, value, compared)
    return survivor, value


@numba.njit(cache=True, nogil=True)
def _resolve_stars(
    winners: Int64s, losers: Int64s, similarity: Floats, equal_sets: bool, survivor_of: Int64s, value: Floats, compared: Int64s
) -> None:
    for edge in range(len(losers)):
        # Every possible winner has been decided on: its own edges came before.
        if survivor_of[losers[edge]] != 0:
            continue
        if survivor_of[winners[edge]] == 0:
            survivor_of[losers[edge]] = winners[edge] + 1
            value[losers[edge]] = similarity[edge]
        elif equal_sets and similarity[edge] == 1.0:
            survivor_of[losers[edge]] = survivor_of[winners[edge]]
            value[losers[edge]] = value[winners[edge]]
        compared[losers[edge]] = survivor_of[losers[edge]]


def join_components(parts: Callable[[], Iterable[pa.Table]], survivors: Survivors) -> None:
    """Merge every document into the first of its connected component. `measure_chains` must then compare those that no edge joins to it.

    Labels are lowered along the edges, batch by batch, until a round lowers none.
    """
    label = survivors.column("label", np.int64)
    while sum(_lower_labels(*_ends(edges, survivors), label) for edges in parts()):
        pass
    first_rank, first_member = survivors.column("best_rank", np.uint64), survivors.column("best", np.int64)
    for edges in parts():
        for side in ("winner", "loser"):
            numbers = survivors.numbers(edges.column(f"{side}_ref").to_numpy())
            _keep_first(numbers, edges.column(f"{side}_rank").to_numpy(), label, first_rank, first_member)
    for edges in parts():
        ends, similarity = _ends(edges, survivors), edges.column("similarity").to_numpy()
        for numbers, others, side in zip(ends, ends[::-1], ("winner", "loser"), strict=True):
            removable = is_removable(edges.column(f"{side}_rank").to_numpy())
            _merge_into_first(
                numbers, others, removable, similarity, label, first_member, survivors.survivor, survivors.value, survivors.compared
            )


def _ends(edges: pa.Table, survivors: Survivors) -> tuple[Int64s, Int64s]:
    return survivors.numbers(edges.column("winner_ref").to_numpy()), survivors.numbers(edges.column("loser_ref").to_numpy())


@numba.njit(cache=True, nogil=True)
def _root(survivor_of: Int64s, number: int) -> int:
    """The end of the chain of survivors that begins at a document. The chain is shortened on the way."""
    while survivor_of[number] != 0:
        onward = survivor_of[survivor_of[number] - 1]
        if onward != 0:
            survivor_of[number] = onward
        number = survivor_of[number] - 1
    return number


@numba.njit(cache=True, nogil=True)
def _roots(survivor_of: Int64s, numbers: Int64s) -> Int64s:
    roots = np.empty(len(numbers), np.int64)
    for i in range(len(numbers)):
        roots[i] = _root(survivor_of, numbers[i])
    return roots


@numba.njit(cache=True, nogil=True)
def _lower_labels(first: Int64s, second: Int64s, label: Int64s) -> int:
    """Lower the label of both ends of each edge to the smaller one; returns how many edges lowered a label."""
    lowered = 0
    for edge in range(len(first)):
        a, b = _root(label, first[edge]), _root(label, second[edge])
        if a != b:
            label[max(a, b)] = min(a, b) + 1
            lowered += 1
    return lowered


@numba.njit(cache=True, nogil=True)
def _keep_first(numbers: Int64s, rank: UInt64s, label: Int64s, first_rank: UInt64s, first_member: Int64s) -> None:
    """Keep the least (rank, number) of each component, at the component's label."""
    for i in range(len(numbers)):
        root = _root(label, numbers[i])
        is_earlier = first_member[root] == 0 or rank[i] < first_rank[root]
        if is_earlier or (rank[i] == first_rank[root] and numbers[i] + 1 < first_member[root]):
            first_rank[root], first_member[root] = rank[i], numbers[i] + 1


@numba.njit(cache=True, nogil=True)
def _mark_survivors(survivor_of: Int64s, is_survivor: Mask) -> None:
    for number in range(len(survivor_of)):
        if survivor_of[number] != 0:
            is_survivor[_root(survivor_of, number)] = True
            is_survivor[survivor_of[number] - 1] = True


@numba.njit(cache=True, nogil=True)
def _merge_into_first(
    numbers: Int64s,
    others: Int64s,
    removable: Mask,
    similarity: Floats,
    label: Int64s,
    first_member: Int64s,
    survivor_of: Int64s,
    value: Floats,
    compared: Int64s,
) -> None:
    for i in range(len(numbers)):
        survivor = first_member[_root(label, numbers[i])]
        if removable[i] and survivor != numbers[i] + 1:
            survivor_of[numbers[i]] = survivor
            if others[i] + 1 == survivor:
                value[numbers[i]], compared[numbers[i]] = similarity[i], survivor
