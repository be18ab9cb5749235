"""Apply other limits to a finished run, from the signals in its pool, without its sources.

Only what decides may change, and whatever comes after it; what a rule measures or cuts needs a run of its own. The ledger and the
documents are then what a whole run with the new settings would have made. Tokenizer, shards, model and report of the old
decision are deleted: `run DIR --resume` makes them anew.
"""

from __future__ import annotations

from pathlib import Path

from pipelines.driver.context import Engine, OnProgress, RunContext
from pipelines.driver.decide_again import DECIDE, decide_again
from pipelines.driver.measuring import measured_otherwise
from pipelines.driver.run import Run
from schemas import recipe as recipes
from schemas.certificate import check_none_pending
from schemas.errors import OutputError, RecipeError
from schemas.files import sha256_of
from schemas.lock import locked
from schemas.manifest import StageRecord, changed_versions, read_marker, read_run
from schemas.recipe import Recipe
from schemas.stages import StageName, following, stage_of


def refilter(folder: Path, settings: list[str], engine: Engine, on_progress: OnProgress) -> Recipe:
    """Decide about every document of a run again, with these `section.key=value` settings over its recipe; the new recipe.

    Raises RecipeError for a setting that would change what is measured, OutputError if the run kept no pool.
    """
    with locked(folder):
        check_none_pending(folder)
        data = read_run(folder)["recipe"]
        old = recipes.parse(data)
        for setting in settings:
            recipes.apply_setting(data, setting)
        new = recipes.parse(data)
        check_same_measurements(old, new)
        run = Run(new, folder, engine, on_progress)
        records, ingest, curate = run.records, StageName.INGEST, StageName.CURATE
        for stage in (StageName.CRAWL, ingest):
            records[stage] = _marker(folder, stage)
        _check_pool(run.context)
        for change in changed_versions(records[ingest].versions, run.markers.versions[ingest]):
            engine.on_message(f"the documents keep the measurements of an earlier version: {change}")
        run.forget(following(ingest))
        on_progress(DECIDE, 0, None)
        records[ingest] = decide_again(run.context, records[ingest])
        on_progress(DECIDE, 1, 1)
        on_progress(curate, 0, None)
        records[curate] = run.bring_up_to_date(stage_of(curate))
        on_progress(curate, 1, 1)
        run.write_state(complete=False)
    return new


def check_same_measurements(old: Recipe, new: Recipe) -> None:
    """Raise RecipeError, naming the settings, if the new recipe reads, measures, cuts or scrubs otherwise."""
    if changed := measured_otherwise(old, new):
        raise RecipeError(
            "CM-RUN-007",
            f"refilter cannot change {', '.join(changed)}: that changes what is read, measured, cut or scrubbed, not only what is decided. "
            "Run the recipe with these settings into a new folder",
        )


def _marker(folder: Path, stage: StageName) -> StageRecord:
    marker = read_marker(folder, stage)
    if marker is None:
        raise OutputError("CM-RUN-008", f"{folder}: the stage {str(stage)!r} has not been finished; finish the run with --resume first")
    return marker


def _check_pool(context: RunContext) -> None:
    """Every file of the pool is there as it was written."""
    if not context.recipe.filters.keep_dropped:
        raise OutputError(
            "CM-RUN-009",
            f"{context.folder} was made with filters.keep_dropped = false: nothing is left to decide about; run the recipe again",
        )
    for file in context.pool():
        path = context.folder / file.path
        if not path.is_file() or sha256_of(path) != file.sha256:
            raise OutputError("CM-RUN-010", f"{path} is missing or not as the run wrote it; run the recipe again into a new folder")
