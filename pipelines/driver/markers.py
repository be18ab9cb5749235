"""Which stages hold: their markers against the recipe, the code, the inputs and the files that are there now."""

from __future__ import annotations

import dataclasses
from importlib import import_module
from types import ModuleType

from pipelines.driver.context import RunContext, StageResult
from pipelines.driver.measuring import measured_from, measured_otherwise
from pipelines.engine.stopwatch import Stopwatch
from schemas import layout
from schemas import recipe as recipes
from schemas.errors import InputError
from schemas.manifest import StageRecord, changed_files, changed_settings, changed_versions, lines_of, read_marker
from schemas.recipe import Recipe
from schemas.shaping import digest_of, settings_of, versions_of
from schemas.stages import STAGES, Stage, StageName, following, stage_of


def module_of(stage: Stage) -> ModuleType:
    """The module that does the stage's work; imported when it is needed, since some are heavy."""
    return import_module(stage.module)


class Markers:
    """Compares the markers of a run with its recipe, inputs and versions now."""

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self.versions = {stage.name: versions_of(stage) for stage in STAGES}
        """Of the code as it was loaded."""

    def read(self, stage: StageName) -> StageRecord | None:
        """The marker of a stage, or None where there is none."""
        return read_marker(self.context.folder, stage)

    def inputs(self, stage: Stage) -> tuple[str, ...]:
        """What the stage reads, one line each: files of earlier stages, files that the recipe names, and what its module adds."""
        records = [self.context.records[name] for name in stage.after if name in self.context.records]
        whole = stage.name == StageName.REPORT
        made = (line for record in records for line in lines_of((record.intermediates if not whole else ()) or record.outputs))
        own = module_of(stage).inputs(self.context) if stage.adds_inputs else ()
        return (*made, *self.context.recipe.files_named_in(*stage.files_named_in), *own)

    def inputs_or_before(self, stage: Stage, marker: StageRecord | None) -> tuple[tuple[str, ...], InputError | None]:
        """What the stage reads; where sources that were read are not there any more, what it read then, and the error that says so."""
        try:
            return self.inputs(stage), None
        except InputError as gone:
            if marker is None:
                raise
            return marker.inputs, gone

    def shaped_otherwise(self, stage: Stage, marker: StageRecord) -> list[str]:
        """The settings and versions that shape the stage and differ from the marker. A crawl is always kept."""
        settings = changed_settings(marker.settings, settings_of(self.context.recipe, stage))
        versions = changed_versions(marker.versions, self.versions[stage.name]) if stage.name != StageName.CRAWL else ()
        return [*settings, *versions]

    def changes(self, stage: Stage, marker: StageRecord | None, inputs: tuple[str, ...]) -> list[str]:
        """Why the marker does not hold; empty if it does."""
        if marker is None:
            return ["it has not been finished"]
        if changes := self.shaped_otherwise(stage, marker):
            return changes
        if marker.inputs != inputs:
            return ["its inputs changed"]
        return list(changed_files(self.context.folder, marker, used_up=self.used_up(stage, marker)))

    def used_up(self, stage: Stage, marker: StageRecord) -> bool:
        """Whether the next stage has been done with exactly the marker's intermediates, and need not be done again."""
        if not marker.intermediates:
            return False
        after = stage_of(following(stage.name)[0])
        done = self.read(after.name)
        self.context.records[stage.name] = marker
        return done is not None and not self.changes(after, done, self.inputs(after))

    def may_decide_again(self, stage: Stage, marker: StageRecord, inputs: tuple[str, ...]) -> bool:
        """Whether only limits changed, and every document with its measurements is there to be judged by them."""
        recipe = self.context.recipe
        if stage.name != StageName.INGEST or not recipe.filters.keep_dropped or measured_from(marker.inputs) != measured_from(inputs):
            return False
        old = recipes.parse({**marker.settings, "name": recipe.name}) if marker.settings else None
        if old is None or measured_otherwise(old, recipe) or any(changed_versions(marker.versions, self.versions[stage.name])):
            return False
        return not any(changed_files(self.context.folder, without_decisions(marker), used_up=False))


def record_of(
    stage: Stage, recipe: Recipe, inputs: tuple[str, ...], done: StageResult, watch: Stopwatch, versions: dict[str, str]
) -> StageRecord:
    """The marker of a stage that was done now."""
    settings = settings_of(recipe, stage)
    return StageRecord(
        stage=stage.name,
        recipe_digest=digest_of(settings),
        inputs=inputs,
        outputs=tuple(done.outputs),
        intermediates=tuple(done.intermediates),
        settings=settings,
        versions=versions,
        counts=done.counts,
        details=done.details,
        wall_s=round(watch.wall_s, 3),
        cpu_s=round(watch.cpu_s, 3),
    )


def without_decisions(record: StageRecord) -> StageRecord:
    """The record of the stage that reads without the ledger of the filters."""
    decisions = f"{layout.LEDGER}/filters-"
    return dataclasses.replace(record, outputs=tuple(file for file in record.outputs if not file.path.startswith(decisions)))
