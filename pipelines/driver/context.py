"""What every stage is given: the recipe, the folder, the engine, and what earlier stages left; and how it runs a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import apache_beam as beam
import polars as pl
import pyarrow as pa

from pipelines.engine.execute import GraphResult, run_graph
from pipelines.engine.progress import Progress, watch_progress
from pipelines.engine.segments import batches_of, open_segment, read_report
from schemas import layout
from schemas.files import FileEntry
from schemas.ledger import check_step
from schemas.manifest import Counts, StageRecord
from schemas.recipe import Recipe
from schemas.splits import Plan
from schemas.stages import StageName

OnProgress = Callable[[str, int, int | None], None]
"""Called with (stage, units done, units in all or None) while a stage runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Where the graphs run. Nothing here changes the corpus."""

    runner: str = "local"
    workers: int = 1
    beam_options: tuple[str, ...] = ()
    on_message: Callable[[str], None] = lambda line: None
    """Called with messages for the user before a stage runs."""
    on_log: Callable[[str], None] | None = None
    """Called with every line of DIR/run.log."""

    def run(self, build: Callable[[beam.Pipeline], None]) -> GraphResult:
        """Run the graph that `build` makes."""
        return run_graph(build, runner=self.runner, workers=self.workers, beam_options=self.beam_options, on_message=self.on_message)


@dataclass(frozen=True, slots=True)
class Graph:
    """What a function that builds a graph is given."""

    pipeline: beam.Pipeline
    recipe: Recipe
    run: Path
    """The run folder."""
    work: Path
    """Where the graph may leave files that it alone reads."""
    report: Path
    """Where the graph lists the files that it made."""
    progress: Progress


@dataclass(slots=True, kw_only=True)
class StageResult:
    """What a stage hands to its marker."""

    outputs: list[FileEntry]
    intermediates: list[FileEntry] = field(default_factory=list)
    counts: dict[str, Counts] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class RunContext:
    """One run of a recipe into one folder, as its stages see it."""

    recipe: Recipe
    folder: Path
    engine: Engine
    on_progress: OnProgress
    records: dict[str, StageRecord] = field(default_factory=dict)
    """The records of the stages that are done, by name."""
    plan: Plan = field(default_factory=lambda: Plan([], {}))
    """What is read, once the inputs have been looked up."""

    def graph(self, stage: str, units: int, build: Callable[[Graph], None]) -> tuple[GraphResult, list[FileEntry]]:
        """Run one graph, telling its progress; returns what it counted and the files that it reported."""
        work = self.folder / layout.WORK
        report = work / f"{stage}.json"
        report.unlink(missing_ok=True)
        progress = Progress(work / f"{stage}.progress")
        with watch_progress(progress, lambda done: self.on_progress(stage, done, units)):
            ran = self.engine.run(
                lambda pipeline: build(Graph(pipeline, self.recipe, self.folder, work / stage, report, progress)),
            )
        return ran, read_report(report)

    @property
    def ledger(self) -> Path:
        """The folder of ledger files."""
        return self.folder / layout.LEDGER

    @property
    def pool_folder(self) -> str:
        """Where measured and scrubbed documents wait for a decision."""
        return pool_folder(self.recipe)

    def pool(self) -> list[FileEntry]:
        """The files of measured documents, in order."""
        record = self.records[StageName.INGEST]
        return [file for file in (*record.intermediates, *record.outputs) if file.path.startswith(f"{self.pool_folder}/")]

    def documents(self) -> list[Path]:
        """The files of curated documents, in order."""
        outputs = self.records[StageName.CURATE].outputs
        return [self.folder / file.path for file in outputs if file.path.startswith(f"{layout.DOCUMENTS}/")]

    def texts(self) -> Iterator[pa.RecordBatch]:
        """What a tokenizer needs of the curated documents, batch by batch."""
        for path in self.documents():
            yield from (batch.select(["doc_id", "source", "lang", "text"]) for batch in batches_of(path))


def pool_folder(recipe: Recipe) -> str:
    """Where measured and scrubbed documents wait for a decision."""
    return layout.POOL if recipe.filters.keep_dropped else layout.WORK_POOL


def columns_of(paths: list[Path], *names: str) -> pl.DataFrame:
    """Some columns of Arrow files, as one frame."""
    return pl.concat([pl.DataFrame(open_segment(path).read_all().select(list(names))) for path in paths])


def balance(ran: GraphResult, *rooms: str) -> dict[str, Counts]:
    """Counts by room, checked: each room's own sum, and one room's output against the next one's input."""
    counts = {room: Counts(**{name: n for name, n in ran.counters.get(room, {}).items() if name in Counts.__slots__}) for room in rooms}
    for room, c in counts.items():
        check_step(room, c.n_in, c.n_out, c.dropped + c.merged + c.failed)
    for first, second in pairwise(rooms):
        check_step(f"{first} to {second}", counts[first].n_out, counts[second].n_in, 0)
    return counts


def listed(changes: list[str]) -> str:
    """The first changes, and how many more there are."""
    return "; ".join(changes[:3]) + (f"; and {len(changes) - 3} more" if len(changes) > 3 else "")
