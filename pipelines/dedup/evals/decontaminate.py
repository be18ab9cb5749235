"""Documents -> the same without evaluation items: a document that holds one is dropped, or the item is cut out of it.

This is a pure function of each document and the evaluation sets, so it is called again wherever a text is read. Nothing is shuffled for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.dedup.arrays import Floats, Int64s, Mask
from pipelines.dedup.evals.matches import Matches, find_matches, match_spans
from pipelines.dedup.evals.sets import EvalSets
from pipelines.text.unicode import LETTER, MARK, NUMBER, TABLE_SIZE, UNSPACED, char_classes, decode
from pipelines.text.view import text_view
from schemas.buffers import Bytes
from schemas.recipe import Decontaminate

EVALUATION_CUT: Final = pa.field("n_cut_chars_evaluation", pa.uint32(), nullable=False)
"""A column of documents: how many characters were cut with evaluation items."""

_JOIN: Final = b"\n\n"


class Decontaminated(NamedTuple):
    """A batch of documents after decontamination."""

    text: pa.Array
    """large_string[n], without items if the recipe cuts them; unchanged in rows that are dropped."""
    stays: Mask
    """bool[n]: whether the document stays."""
    rows: Int64s
    """int64[matches]: the row of each match, ascending; of one row the largest coverage comes first."""
    items: Int64s
    coverage: Floats


@dataclass(frozen=True, slots=True)
class EvalHits:
    """The evaluation items found in a batch, by its rows."""

    dropped: Mask
    """bool[batch rows]: whether the document is dropped."""
    best: Int64s
    """int64[batch rows]: the item with the largest coverage, or -1."""
    coverage: Floats
    """float64[batch rows]: the share of the best item's grams."""
    items: Int64s
    """int64[m]: the items found, once for each document that holds it."""
    limit: float
    cuts: bool
    """Whether items were cut out of documents that stay."""

    @classmethod
    def of(cls, cleaned: Decontaminated, rows: Int64s, n: int, config: Decontaminate) -> EvalHits:
        """Hits of a batch of `n` rows, of which `rows` were decontaminated."""
        dropped, best, coverage = np.zeros(n, bool), np.full(n, -1, np.int64), np.zeros(n)
        dropped[rows] = ~cleaned.stays
        first = np.flatnonzero(np.diff(cleaned.rows, prepend=-1))
        best[rows[cleaned.rows[first]]], coverage[rows[cleaned.rows[first]]] = cleaned.items[first], cleaned.coverage[first]
        return cls(dropped, best, coverage, cleaned.items, config.min_coverage, cuts_items(config))

    def counts(self) -> dict[str, int]:
        """Number of an item in `EvalSets`, as counters have it -> how many documents contain the item; only items that were found."""
        items, n = np.unique(self.items, return_counts=True)
        return dict(zip(map(str, items.tolist()), n.tolist(), strict=True))


def eval_reasons(hits: EvalHits, evals: EvalSets) -> dict[str, pa.Array]:
    """Columns `reason`, `value` and `limit` by the rows of the batch: the set of the best item and its coverage; null without an item."""
    no_item = pa.array(hits.best < 0)
    sets = evals.sets.take(pa.array(np.maximum(hits.best, 0)))
    prefix, dot = pa.scalar("evaluation", pa.large_string()), pa.scalar(".", pa.large_string())
    columns = {
        "reason": pa.compute.binary_join_element_wise(prefix, sets, dot),
        "value": pa.array(hits.coverage),
        "limit": pa.repeat(pa.scalar(hits.limit), len(hits.best)),
    }
    return {name: pa.compute.if_else(no_item, pa.scalar(None, column.type), column) for name, column in columns.items()}


def cuts_items(config: Decontaminate) -> bool:
    """Whether items are cut out of documents."""
    return bool(config.paths) and config.outcome == "cut"


def with_evaluation_cut(documents: pa.RecordBatch, before: pa.Array, after: pa.Array) -> pa.RecordBatch:
    """The documents with the column EVALUATION_CUT, given their texts before and after items were cut out."""
    n_cut = pa.compute.subtract(pa.compute.utf8_length(before), pa.compute.utf8_length(after))
    return documents.append_column(EVALUATION_CUT, n_cut.cast(pa.uint32()))


def decontaminate(text: pa.Array, evals: EvalSets, config: Decontaminate) -> Decontaminated:
    """Find evaluation items in every text, and drop the document or cut out the items, as the recipe says.

    Where a text is cut, pieces of fewer than `min_piece_chars` characters are dropped, and the others are joined by an empty line.
    """
    found = find_matches(text, evals.index)
    found = found.take((found.coverage >= config.min_coverage) & (found.ended | (not config.ending)))
    rows, items, coverage, _ = _by_item(found, evals.owners)
    stays = np.ones(len(text), bool)
    if not len(rows):
        return Decontaminated(text, stays, rows, items, coverage)
    hit = np.unique(rows)
    if config.outcome == "drop":
        stays[hit] = False
        return Decontaminated(text, stays, rows, items, coverage)
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
    return Decontaminated(pa.compute.replace_with_mask(text, pa.array(mask), cut), stays, rows, items, coverage)


def _by_item(found: Matches, owners: Int64s) -> Matches:
    """Matches of search texts -> matches of items: for each row and item the one with the largest coverage, by row, then by coverage."""
    items = owners[found.items]
    found = Matches(found.rows, items, found.coverage, found.ended).take(np.lexsort((-found.coverage, items, found.rows)))
    is_first = (np.diff(found.rows, prepend=-1) != 0) | (np.diff(found.items, prepend=-1) != 0)
    found = found.take(is_first)
    return found.take(np.lexsort((found.items, -found.coverage, found.rows)))


def _pieces(content: Bytes, starts: Int64s, ends: Int64s, config: Decontaminate) -> list[bytes]:
    """The parts of a text between the spans, each span widened by the margin and then to the ends of the words that it would cut."""
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
    """The position `n_chars` characters before `at`, moved on to the start of the word there."""
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
    """The position `n_chars` characters after `at`, moved on to the end of the word there."""
    while at < len(data):
        code, width = decode(data, at)
        if n_chars <= 0 and not _in_word(code, classes):
            break
        at += width
        n_chars -= 1
    return at
