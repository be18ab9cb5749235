"""Recipes and runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from schemas import layout
from schemas import recipe as recipes
from schemas.errors import OutputError
from schemas.ledger import scan_ledger
from schemas.manifest import read_run
from schemas.recipe import Recipe


def load_recipe(name: str | Path, settings: Mapping[str, object] | None = None) -> Recipe:
    """A built-in recipe, or that of a TOML file or of a run's folder, with `settings` by dotted key over it.

    Raises RecipeError for a wrong key or value; it names the nearest right one.
    """
    given = [f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in (settings or {}).items()]
    return recipes.load(str(name), given)


def run(
    recipe: Recipe,
    folder: str | Path,
    *,
    workers: int = 1,
    resume: bool = False,
    on_progress: Callable[[str, int, int | None], None] = lambda stage, done, total: None,
    on_message: Callable[[str], None] = lambda line: None,
) -> RunFolder:
    """Run the recipe into `folder`, on this machine, and open the result.

    `on_progress` is called with (stage, units done, units in all or None), `on_message` with what a user should know.
    Raises CorpusmillError, whose message says what to do. More than one worker needs an importable main module.
    """
    from pipelines.driver.context import Engine  # noqa: PLC0415 - Beam takes a second to import
    from pipelines.driver.run import Run  # noqa: PLC0415

    Run(recipe, Path(folder), Engine(workers=workers, on_message=on_message), on_progress).execute(resume=resume)
    return open_run(folder)


def open_run(folder: str | Path) -> RunFolder:
    """A run that is finished, or as far as it has come. Raises OutputError if there is none in `folder`."""
    path = Path(folder)
    state = read_run(path)
    return RunFolder(path, recipes.parse(state["recipe"]), state)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """What a run left behind. Frames are lazy: select columns and filter rows before `collect()`."""

    path: Path
    recipe: Recipe
    state: dict[str, Any]
    """run.json."""

    @property
    def complete(self) -> bool:
        """Whether every stage is done."""
        return bool(self.state["complete"])

    def ledger(self) -> pl.LazyFrame:
        """One row per input record: step, outcome, reason, value, limit, survivor_id and where it was read."""
        return scan_ledger(self.path / layout.LEDGER)

    def documents(self) -> pl.LazyFrame:
        """The documents that are kept: scrubbed text, URL, language, and every signal as a column."""
        return self._scan(layout.DOCUMENTS)

    def signals(self) -> pl.LazyFrame:
        """Every document that was read, the dropped ones included, with all columns but `text`."""
        return self._scan(layout.POOL).drop("text")

    def shards(self, split: str = "train") -> list[Path]:
        """The shard files of a split, "train" or "valid", in order."""
        return sorted((self.path / layout.SHARDS).glob(f"{split}-*.arrow"))

    def tokens(self, row: int, split: str = "train") -> npt.NDArray[np.unsignedinteger[Any]]:
        """The token ids of one document, by its row over all shards of the split; uint16 or uint32, a view of the file."""
        first = 0
        for path in self.shards(split):
            reader = pa.ipc.open_file(pa.memory_map(str(path)))
            for number in range(reader.num_record_batches):
                batch = reader.get_batch(number)
                if first <= row < first + batch.num_rows:
                    ids: npt.NDArray[np.unsignedinteger[Any]] = batch.column("tokens")[row - first].values.to_numpy()
                    return ids
                first += batch.num_rows
        raise IndexError(f"{self.path}: split {split!r} has {first} documents, so there is no row {row}")

    def _scan(self, folder: str) -> pl.LazyFrame:
        paths = sorted((self.path / folder).glob("*.arrow"))
        if not paths:
            raise OutputError(
                "CM-LIBRARY-001",
                f"{self.path / folder} has no files: the run has not come so far, or keeps none (filters.keep_dropped = false)",
            )
        return pl.scan_ipc(paths)
