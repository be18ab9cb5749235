"""Evaluation sets -> an index of the texts by which their items are found."""

from __future__ import annotations

import functools
import glob
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
import pyarrow as pa

from pipelines.dedup.arrays import Int64s, UInt64s
from pipelines.dedup.evals.index import EvalIndex, index_items
from pipelines.dedup.evals.items import EvalItem, read_eval_file
from pipelines.dedup.evals.options import search_texts
from schemas.errors import InputError
from schemas.file_names import well_formed
from schemas.files import sha256_of
from schemas.recipe import Decontaminate


@dataclass(frozen=True, slots=True)
class EvalSets:
    """Evaluation items, looked for together."""

    sets: pa.Array
    """large_string[items]: the set that each item belongs to."""
    ids: pa.Array
    """large_string[items]: the name of each item in its set."""
    index: EvalIndex
    """The grams of the search texts, by which items are found."""
    owners: Int64s
    """int64[texts]: the item of each search text."""
    without_text: dict[tuple[str, str], int]
    """How many rows have no item, by (file, reason)."""

    @classmethod
    def of(cls, items: Sequence[EvalItem], config: Decontaminate, ignored: UInt64s | None = None) -> EvalSets:
        """Index the items by their questions; multiple-choice items also without their options."""
        asked = defaultdict(set)
        for question in (question for item in items for question in item.questions):
            asked[question.stem].add(frozenset(question.options))
        texts: list[str] = []
        owners: list[int] = []
        for number, item in enumerate(items):
            found = [text for question in item.questions for text in search_texts(question, config.min_words, len(asked[question.stem]))]
            texts += dict.fromkeys(found)
            owners += [number] * (len(texts) - len(owners))
        sets, ids = (pa.array([getattr(item, name) for item in items], pa.large_string()) for name in ("set", "id"))
        index = index_items(pa.array(texts, pa.large_string()), config.n, config.min_words, ignored)
        return cls(sets, ids, index, np.array(owners, np.int64), {})

    @property
    def n_too_short(self) -> int:
        """How many items are not searched for because they have too few words."""
        return len(self.sets) - len(np.unique(self.owners[self.index.n_grams > 0]))


class SetReport(TypedDict):
    """One evaluation set and what was found of it."""

    items: int
    found: int
    documents_by_item: dict[str, int]
    """By id, in how many documents each item found is. Items with the same id are added up."""


def contamination_report(counts: Mapping[str, int], evals: EvalSets) -> dict[str, SetReport]:
    """By evaluation set: how many items it has, how many were found, and in how many documents each of these.

    `counts` are the sums of `EvalHits.counts`: by item number, in how many documents the item is.
    """
    sets, ids = evals.sets.to_pylist(), evals.ids.to_pylist()
    report = {name: SetReport(items=n, found=0, documents_by_item={}) for name, n in sorted(Counter(sets).items())}
    for item, n in sorted(((int(number), n) for number, n in counts.items()), key=lambda found: ids[found[0]]):
        of_set = report[sets[item]]
        of_set["found"] += 1
        of_set["documents_by_item"][ids[item]] = of_set["documents_by_item"].get(ids[item], 0) + n
    return report


def eval_files(config: Decontaminate) -> list[Path]:
    """The files of `decontaminate.paths`, sorted. InputError if a path or pattern matches none."""
    found = []
    for pattern in config.paths:
        named = [pattern] if Path(pattern).is_file() else glob.glob(pattern, recursive=True)  # noqa: PTH207 - absolute patterns
        files = sorted(path for path in map(Path, named) if path.is_file())
        if not files:
            raise InputError("CM-DEDUP-003", f"decontaminate.paths: {pattern} matches no file; pass files or patterns of evaluation sets")
        found += files
    return sorted(set(found))


def describe_evals(config: Decontaminate) -> tuple[str, ...]:
    """One line per file with its digest, as an input of the stage."""
    return tuple(f"{well_formed(str(path))} {path.stat().st_size} {sha256_of(path)}" for path in eval_files(config))


def load_evals(config: Decontaminate, ignored: tuple[Path, ...] = ()) -> EvalSets:
    """Read and index the evaluation sets of the recipe, once per process until a file changes.

    `ignored` are Arrow files with a column `gram`: grams that are no evidence of an item.
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
    read = {path: read_eval_file(path, config.columns) for path, _, _ in files}
    evals = EvalSets.of([item for found in read.values() for item in found.items], config, ignored)
    if files and not without and evals.n_too_short == len(evals.sets):
        raise InputError(
            "CM-DEDUP-004",
            f"decontaminate.paths: none of {len(evals.sets)} items has decontaminate.min_words = {config.min_words} words, so nothing "
            "can be found; name other files, or lower it",
        )
    evals.without_text.update(
        {(well_formed(str(path)), reason): n for path, found in read.items() for reason, n in found.without_text.items()}
    )
    return evals


def unsearchable_items(evals: EvalSets, config: Decontaminate) -> list[str]:
    """Lines about rows and items that are not searched for, for the user."""
    lines = []
    for (path, reason), n in sorted(evals.without_text.items()):
        lines.append(f"{path}: {'1 row has' if n == 1 else f'{n} rows have'} no text that can be looked for ({reason})")
    if n := evals.n_too_short:
        has, is_ = ("has", "is") if n == 1 else ("have", "are")
        of = f"{n} of {len(evals.sets)} evaluation items"
        lines.append(f"{of} {has} fewer words than decontaminate.min_words = {config.min_words} and {is_} not looked for")
    return lines
