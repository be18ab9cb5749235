"""Documents -> the same without evaluation items: those that hold one are dropped, or it is cut out of them.

A pure function of each document and the evaluation sets, so it may be asked again wherever a text is read; nothing is regrouped for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.dedup.evals.index import Ints
from pipelines.dedup.evals.matches import Matches, find_matches, match_spans
from pipelines.dedup.evals.sets import EvalSets
from pipelines.text.unicode import LETTER, MARK, NUMBER, TABLE_SIZE, UNSPACED, char_classes, decode
from pipelines.text.view import text_view
from schemas.buffers import Bytes
from schemas.recipe import Decontaminate

EVALUATION_CUT: Final = pa.field("n_cut_chars_evaluation", pa.uint32(), nullable=False)
"""A column of documents: the characters that went with evaluation items."""

_JOIN: Final = b"\n\n"


class Cleaned(NamedTuple):
    """What decontamination makes of a batch of documents."""

    text: pa.Array
    """large_string[rows], cut where the recipe cuts; as it was in rows that are dropped."""
    stays: npt.NDArray[np.bool_]
    """bool[rows]."""
    rows: Ints
    """The matches by row, then of the largest coverage first."""
    items: Ints
    coverage: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in a batch, by its rows."""

    dropped: npt.NDArray[np.bool_]
    """bool[batch rows]: whether the document ends here."""
    best: Ints
    """int64[batch rows]: the item with the largest coverage, or -1."""
    coverage: npt.NDArray[np.float64]
    """float64[batch rows]: the share of the best item's grams."""
    items: Ints
    """Every item found, once per document that holds it."""
    limit: float
    cuts: bool
    """Whether items were cut out of the documents that stay."""

    @classmethod
    def of(cls, cleaned: Cleaned, rows: Ints, n: int, config: Decontaminate) -> Found:
        """`rows` are the batch's rows that were looked at."""
        dropped, best, coverage = np.zeros(n, bool), np.full(n, -1, np.int64), np.zeros(n)
        dropped[rows] = ~cleaned.stays
        first = np.flatnonzero(np.diff(cleaned.rows, prepend=-1))
        best[rows[cleaned.rows[first]]], coverage[rows[cleaned.rows[first]]] = cleaned.items[first], cleaned.coverage[first]
        return cls(dropped, best, coverage, cleaned.items, config.min_coverage, cuts_items(config))

    def counts(self, evals: EvalSets) -> dict[str, int]:
        """How many documents hold each item that was found, by `set` TAB `id`."""
        items, n = np.unique(self.items, return_counts=True)
        names = zip(evals.sets.take(pa.array(items)).to_pylist(), evals.ids.take(pa.array(items)).to_pylist(), n.tolist(), strict=True)
        return {f"{name}\t{item}": found for name, item, found in names}


def eval_reasons(found: Found, evals: EvalSets) -> tuple[pa.Array, pa.Array, pa.Array]:
    """(reason, value, limit) per row of the batch, null where nothing was found: the set of the best item and its coverage."""
    nothing = pa.array(found.best < 0)
    null = pa.scalar(None)
    sets = evals.sets.take(pa.array(np.maximum(found.best, 0)))
    reason = pa.compute.binary_join_element_wise(pa.scalar("evaluation", pa.large_string()), sets, pa.scalar(".", pa.large_string()))
    columns = (reason, pa.array(found.coverage), pa.repeat(pa.scalar(found.limit), len(found.best)))
    value_of = (pa.compute.if_else(nothing, null.cast(column.type), column) for column in columns)
    reasons, values, limits = value_of
    return reasons, values, limits


def cuts_items(config: Decontaminate) -> bool:
    """Whether items are cut out of documents."""
    return bool(config.paths) and config.outcome == "cut"


def with_evaluation_cut(documents: pa.RecordBatch, before: pa.Array, after: pa.Array) -> pa.RecordBatch:
    """The documents with the column EVALUATION_CUT, given their texts before and after items were cut out."""
    n_cut = pa.compute.subtract(pa.compute.utf8_length(before), pa.compute.utf8_length(after))
    return documents.append_column(EVALUATION_CUT, n_cut.cast(pa.uint32()))


def decontaminate(text: pa.Array, evals: EvalSets, config: Decontaminate) -> Cleaned:
    """Look for evaluation items in every text, and take them out as the recipe says.

    Of a text that is cut, pieces of fewer than `min_piece_chars` characters go too; what is left is joined by an empty line.
    """
    found = find_matches(text, evals.index)
    found = found.take((found.coverage >= config.min_coverage) & (found.ended | (not config.ending)))
    rows, items, coverage, _ = _by_item(found, evals.owners)
    stays = np.ones(len(text), bool)
    if not len(rows):
        return Cleaned(text, stays, rows, items, coverage)
    hit = np.unique(rows)
    if config.outcome == "drop":
        stays[hit] = False
        return Cleaned(text, stays, rows, items, coverage)
    in_rows, starts, ends = match_spans(text, evals.index, found.rows, found.items)
    data, offsets = text_view(text)
    whole: list[bytes | None] = [None] * len(text)
    for row in hit:
        content = data[offsets[row] : offsets[row + 1]]
        inside = in_rows == row
        pieces = _pieces(content, starts[inside], ends[inside], config)
        stays[row] = 0 < len(pieces) <= config.max_pieces
        if stays[row]:
            whole[row] = _JOIN.join(pieces)
    cut = pa.array([part for row, part in enumerate(whole) if stays[row] and part is not None], pa.large_binary()).cast(pa.large_string())
    mask = np.array([stays[row] and part is not None for row, part in enumerate(whole)], bool)
    return Cleaned(pa.compute.replace_with_mask(text, pa.array(mask), cut), stays, rows, items, coverage)


def _by_item(found: Matches, owners: Ints) -> Matches:
    """Matches of texts as matches of items: one for each row and item, that of the largest coverage; by row, then by coverage."""
    items = owners[found.items]
    found = Matches(found.rows, items, found.coverage, found.ended).take(np.lexsort((-found.coverage, items, found.rows)))
    is_first = (np.diff(found.rows, prepend=-1) != 0) | (np.diff(found.items, prepend=-1) != 0)
    found = found.take(is_first)
    return found.take(np.lexsort((found.items, -found.coverage, found.rows)))


def _pieces(content: Bytes, starts: Ints, ends: Ints, config: Decontaminate) -> list[bytes]:
    """What is left of a text between the spans, each widened by the margin and then to the ends of the words it would cut."""
    classes = char_classes()
    pieces = []
    at = 0
    for start, end in zip(starts, ends, strict=True):
        before = _back(content, start, config.margin_chars, classes)
        if before > at:
            pieces.append(content[at:before].tobytes())
        at = max(at, _forth(content, end, config.margin_chars, classes))
    pieces.append(content[at:].tobytes())
    return [piece.strip() for piece in pieces if len(piece.decode().strip()) >= max(1, config.min_piece_chars)]


@numba.njit(cache=True, nogil=True)
def _in_word(code: int, classes: npt.NDArray[np.uint8]) -> bool:
    kind = classes[code] if code < TABLE_SIZE else 0
    return kind & (LETTER | NUMBER | MARK) != 0 and kind & UNSPACED == 0


@numba.njit(cache=True, nogil=True)
def _back(data: Bytes, at: int, n_chars: int, classes: npt.NDArray[np.uint8]) -> int:
    """`n_chars` characters before `at`, and on to the start of the word there."""
    while at > 0:
        before = at - 1
        while before > 0 and data[before] & 0xC0 == 0x80:
            before -= 1
        if n_chars <= 0 and not _in_word(decode(data, before)[0], classes):
            break
        at = before
        n_chars -= 1
    return at


@numba.njit(cache=True, nogil=True)
def _forth(data: Bytes, at: int, n_chars: int, classes: npt.NDArray[np.uint8]) -> int:
    """`n_chars` characters behind `at`, and on to the end of the word there."""
    while at < len(data):
        code, width = decode(data, at)
        if n_chars <= 0 and not _in_word(code, classes):
            break
        at += width
        n_chars -= 1
    return at
