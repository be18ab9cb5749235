"""Recipes and runs of the library."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from schemas import layout
from schemas import recipe as recipes
from schemas.errors import OutputError
from schemas.ledger import scan_ledger
from schemas.manifest import RunState, read_run
from schemas.recipe import Recipe

TokenIds = npt.NDArray[np.uint16] | npt.NDArray[np.uint32]


def load_recipe(name: str | Path, settings: Mapping[str, object] | None = None) -> Recipe:
    """A built-in recipe by name, or the recipe of a TOML file or run folder by path, with `settings` by dotted key on top.

    Raises RecipeError for a wrong key or value; it names the nearest valid one.
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
    """Run the recipe into `folder` on this machine, and open the result.

    Calls `on_progress` with (stage, units done, total units or None) and `on_message` with lines for the user. Raises CorpusmillError; its
    message says what to do. With more than one worker the main module must be importable.
    """
    from pipelines.driver.context import Engine  # noqa: PLC0415 - Beam takes a second to import
    from pipelines.driver.run import Run  # noqa: PLC0415

    Run(recipe, Path(folder), Engine(workers=workers, on_message=on_message), on_progress).execute(resume=resume)
    return open_run(folder)


def open_run(folder: str | Path) -> RunFolder:
    """Open a run, finished or not. Raises OutputError if `folder` is not the folder of a run."""
    path = Path(folder)
    state = read_run(path)
    return RunFolder(path, recipes.parse(state["recipe"]), state)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The results of a run. Frames are lazy: select columns and filter rows before `collect()`."""

    path: Path
    recipe: Recipe
    state: RunState
    """The content of run.json."""

    @property
    def complete(self) -> bool:
        """Whether all stages are done."""
        return bool(self.state["complete"])

    def ledger(self) -> pl.LazyFrame:
        """One row per input record: address, step, outcome, reason, value, limit, survivor_id."""
        return scan_ledger(self.path / layout.LEDGER)

    def documents(self) -> pl.LazyFrame:
        """The kept documents: scrubbed text, URL, language, and every signal as a column.

        Raises OutputError if the run has none yet.
        """
        return self._scan(layout.DOCUMENTS)

    def signals(self) -> pl.LazyFrame:
        """Every document that was read, also the dropped ones, with all columns except `text`.

        Raises OutputError if the run has none yet, or does not keep dropped documents.
        """
        return self._scan(layout.POOL).drop("text")

    def shards(self, split: str = "train") -> list[Path]:
        """The shard files of the split "train" or "valid", in order."""
        return sorted((self.path / layout.SHARDS).glob(f"{split}-*.arrow"))

    def tokens(self, row: int, split: str = "train") -> TokenIds:
        """The token ids of one document by its row number among all shards of the split; a view of the file.

        Raises IndexError if there is no such row.
        """
        first = 0
        for path in self.shards(split):
            reader = pa.ipc.open_file(pa.memory_map(str(path)))
            for number in range(reader.num_record_batches):
                batch = reader.get_batch(number)
                if first <= row < first + batch.num_rows:
                    ids: TokenIds = batch.column("tokens")[row - first].values.to_numpy()
                    return ids
                first += batch.num_rows
        raise IndexError(f"{self.path}: split {split!r} has {first} documents, so there is no row {row}")

    def _scan(self, folder: str) -> pl.LazyFrame:
        paths = sorted((self.path / folder).glob("*.arrow"))
        if not paths:
            raise OutputError(
                "CM-LIBRARY-001",
                f"{self.path / folder} has no files: the run has not finished that stage, or filters.keep_dropped is false; resume the run",
            )
        return pl.scan_ipc(paths)
