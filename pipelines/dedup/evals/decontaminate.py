"""Documents -> the same without evaluation items: those that hold one are dropped, or it is cut out of them.

A pure function of each document and the evaluation sets, so it may be asked again wherever a text is read; nothing is regrouped for it.
"""

from __future__ import annotations

import functools
import glob
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from pipelines.dedup.evals.index import EvalIndex, Ints, index_items
from pipelines.dedup.evals.matches import find_matches, match_spans
from pipelines.text.unicode import LETTER, MARK, NUMBER, TABLE_SIZE, UNSPACED, char_classes, decode
from pipelines.text.view import text_view
from schemas.buffers import Bytes
from schemas.errors import InputError
from schemas.files import sha256_of
from schemas.recipe import Decontaminate

EVALUATION_CUT: Final = pa.field("n_cut_chars_evaluation", pa.uint32(), nullable=False)
"""A column of documents: the characters that went with evaluation items."""

_JSONL: Final = (".jsonl", ".ndjson", ".json")
_COMPRESSED: Final = (".gz", ".zst")
_JOIN: Final = b"\n\n"


@dataclass(frozen=True, slots=True)
class EvalSets:
    """Evaluation items, looked for together."""

    sets: pa.Array
    """large_string[items]: the set that each item belongs to."""
    ids: pa.Array
    """large_string[items]: its name within the set."""
    index: EvalIndex


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


def contamination(counts: dict[str, int], evals: EvalSets) -> dict[str, dict[str, object]]:
    """The report: by evaluation set how many items it has, and in how many documents each that was found stands."""
    report: dict[str, dict[str, object]] = {
        name: {"items": n, "found": 0, "documents_by_item": {}} for name, n in sorted(Counter(evals.sets.to_pylist()).items())
    }
    for name, n in sorted(counts.items()):
        of_set, _, item = name.partition("\t")
        report[of_set]["documents_by_item"][item] = n  # type: ignore[index]
        report[of_set]["found"] += 1  # type: ignore[operator]
    return report


def cuts_items(config: Decontaminate) -> bool:
    """Whether items are cut out of documents."""
    return bool(config.paths) and config.outcome == "cut"


def with_evaluation_cut(documents: pa.RecordBatch, before: pa.Array, after: pa.Array) -> pa.RecordBatch:
    """The documents with the column EVALUATION_CUT, given their texts before and after items were cut out."""
    n_cut = pa.compute.subtract(pa.compute.utf8_length(before), pa.compute.utf8_length(after))
    return documents.append_column(EVALUATION_CUT, n_cut.cast(pa.uint32()))


def eval_files(config: Decontaminate) -> list[Path]:
    """The files that the recipe names, sorted; InputError names a path that leads to none."""
    found = []
    for pattern in config.paths:
        files = sorted(Path(path) for path in glob.glob(pattern, recursive=True) if Path(path).is_file())  # noqa: PTH207 - absolute patterns
        if not files:
            raise InputError(f"decontaminate.paths: {pattern} leads to no file; name files or globs of evaluation sets")
        found += files
    return sorted(set(found))


def describe_evals(config: Decontaminate) -> tuple[str, ...]:
    """One line per file, with its digest: what a result depends on besides recipe and documents."""
    return tuple(f"{path} {path.stat().st_size} {sha256_of(path)}" for path in eval_files(config))


def load_evals(config: Decontaminate, ignored: tuple[Path, ...] = ()) -> EvalSets:
    """Read and index the recipe's evaluation sets, once per process as long as the files stay as they are.

    `ignored`: Arrow files with a column `gram` of those that are no evidence.
    """
    return _load(config, _states(eval_files(config)), _states(ignored))


_State = tuple[Path, int, int]


def _states(files: Iterable[Path]) -> tuple[_State, ...]:
    """Path, size and modification time of each file."""
    return tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in files)


@functools.lru_cache(maxsize=4)
def _load(config: Decontaminate, files: tuple[_State, ...], without: tuple[_State, ...]) -> EvalSets:
    common = [pa.ipc.open_file(path).read_all().column("gram").to_numpy() for path, _, _ in without]
    ignored = np.concatenate(common) if common else None
    items = pl.concat([_read_items(path, config) for path, _, _ in files])
    text = items.get_column("text").to_arrow().cast(pa.large_string())
    sets, ids = (items.get_column(name).to_arrow().cast(pa.large_string()) for name in ("set", "id"))
    return EvalSets(sets, ids, index_items(text, config.n, config.min_words, ignored))


def _read_items(path: Path, config: Decontaminate) -> pl.DataFrame:
    """Columns set, id, text."""
    name = path.name
    for suffix in _COMPRESSED:
        name = name.removesuffix(suffix)
    try:
        if name.endswith(".parquet"):
            frame = pl.read_parquet(path)
        elif name.endswith(_JSONL):
            frame = pl.read_ndjson(path, infer_schema_length=None)
        else:
            frame = pl.DataFrame({"text": path.read_text("utf-8").splitlines()}).with_row_index("id").filter(pl.col("text") != "")
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        message = f"{path} cannot be read as an evaluation set ({type(error).__name__}); give JSONL, Parquet or UTF-8 text"
        raise InputError(message) from error
    wanted = config.columns if name.endswith((".parquet", *_JSONL)) else ("text",)
    column = next((column for column in wanted if column in frame.columns), None)
    if column is None:
        raise InputError(f"{path} has none of the columns {', '.join(config.columns)}; name its own in decontaminate.columns")
    if "id" not in frame.columns:
        frame = frame.with_row_index("id")
    stem = pl.lit(name.rsplit(".", 1)[0])
    named = frame.select(
        (pl.col("set").cast(pl.String).fill_null(stem) if "set" in frame.columns else stem).alias("set"),
        pl.col("id").cast(pl.String),
        pl.col(column).cast(pl.String).alias("text"),
    )
    return named.filter(pl.col("text").is_not_null())


def decontaminate(text: pa.Array, evals: EvalSets, config: Decontaminate) -> Cleaned:
    """Look for evaluation items in every text, and take them out as the recipe says.

    Of a text that is cut, pieces of fewer than `min_piece_chars` characters go too; what is left is joined by an empty line.
    """
    found = find_matches(text, evals.index)
    found = found.take((found.coverage >= config.min_coverage) & (found.ended | (not config.ending)))
    rows, items, coverage, _ = found.take(np.lexsort((found.items, -found.coverage, found.rows)))
    stays = np.ones(len(text), bool)
    if not len(rows):
        return Cleaned(text, stays, rows, items, coverage)
    hit = np.unique(rows)
    if config.outcome == "drop":
        stays[hit] = False
        return Cleaned(text, stays, rows, items, coverage)
    in_rows, starts, ends = match_spans(text, evals.index, rows, items)
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
