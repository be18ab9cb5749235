"""`run` and `refilter`: a run with progress bars and its summary at the end, or what it would do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipelines.commands.dry_run import forecast
from pipelines.commands.options import EngineOptions
from pipelines.commands.screen import console, end_unless_passed, say, show, stage_bars, stopped
from pipelines.driver.context import Engine
from pipelines.driver.refilter import refilter
from pipelines.driver.run import Run
from pipelines.engine.runners import check_runner
from pipelines.report.dry_run import bad_file_lines, plan_table
from pipelines.report.summary import summary
from schemas.recipe import Recipe
from schemas.stages import StageName


def run_recipe(recipe: Recipe, folder: Path, options: EngineOptions, *, resume: bool, on_log: Callable[[str], None] | None) -> None:
    """Run the recipe into the folder and print the summary. Ends with exit status 1 if the model does not pass."""
    beam_options = tuple(options.beam_options or ())
    check_runner(options.runner, beam_options)
    try:
        with stage_bars() as bars:
            engine = Engine(
                runner=options.runner, workers=options.workers, beam_options=beam_options, on_message=bars.on_message, on_log=on_log
            )
            records = Run(recipe, folder, engine, bars.on_progress).execute(resume=resume)
    except KeyboardInterrupt:
        raise stopped(f"stopped; to continue in {folder}, repeat the command with --resume") from None
    console.print(summary(folder))
    end_unless_passed(next(record.details for record in records if record.stage == StageName.VALIDATE))


def show_dry_run(recipe: Recipe, folder: Path, options: EngineOptions, *, resume: bool) -> None:
    """Print what the run would read, do and keep. Raises the error with which the run would end because of its files."""
    check_runner(options.runner, tuple(options.beam_options or ()))
    planned = Run(recipe, folder, Engine(), on_progress=lambda stage, done, total: None)
    planned.check(resume=resume)
    found = forecast(recipe, folder)
    show(plan_table(recipe, folder, found))
    for line in (*bad_file_lines(found), *(planned.foreseen() if resume else ())):
        say(line)
    found.check(recipe, say)


def refilter_run(folder: Path, settings: list[str], workers: int) -> None:
    """Apply other limits to a run and print its summary."""
    with stage_bars() as bars:
        refilter(folder, settings, Engine(workers=workers, on_message=bars.on_message), bars.on_progress)
    console.print(summary(folder))
    say(f"ledger/ and documents/ are new; to redo tokenizer, shards and model: run {folder} --resume")
