"""The driver: the stages of a run in order, each with its marker.

A stage is done again unless its marker holds: the settings that it reads, the versions that it runs on, its inputs and every output are
as they were. Files under DIR/work serve the next stage only; they are deleted as soon as it is done.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from pipelines.dedup.evals.sets import load_evals, unsearchable_items
from pipelines.dedup.snapshots.index import earlier_snapshots, remove_snapshot
from pipelines.driver.context import Engine, OnProgress, RunContext, StageResult, listed
from pipelines.driver.decide_again import decide_again
from pipelines.driver.log import RunLog
from pipelines.driver.markers import Markers, module_of, record_of
from pipelines.driver.vocabulary import foresee_vocabulary
from pipelines.engine.stopwatch import stopwatch
from schemas import layout
from schemas.certificate import certificates, check_none_pending
from schemas.errors import CorpusmillError, InputError, OutputError, TokenizerError
from schemas.file_names import check_folder_name
from schemas.lock import LOCK_FILE, locked
from schemas.manifest import StageRecord, read_run, remove_marker, withdraw, write_marker, write_run
from schemas.recipe import Recipe
from schemas.stages import STAGES, Stage, StageName, following, stage_of
from tokenizer import bpe


class Run:
    """One run of a recipe into one folder."""

    def __init__(self, recipe: Recipe, folder: Path, engine: Engine, on_progress: OnProgress) -> None:
        self.log = RunLog(folder, engine.on_log)
        self.context = RunContext(recipe, folder, dataclasses.replace(engine, on_message=self.listener(engine)), on_progress)
        self.markers = Markers(self.context)
        self.at_work = False
        """Whether a stage has started. An error before that leaves run.json unchanged."""

    def listener(self, engine: Engine) -> Callable[[str], None]:
        """What hears of messages: the engine's listener and, while the run is at work, the log."""

        def on_message(line: str) -> None:
            engine.on_message(line)
            if self.at_work:
                self.log.write(line)

        return on_message

    @property
    def records(self) -> dict[str, StageRecord]:
        """The records of the stages that are done, by name."""
        return self.context.records

    def execute(self, *, resume: bool) -> list[StageRecord]:
        """Bring every stage up to date and return their records; CorpusmillError if the run cannot continue."""
        folder, on_progress = self.context.folder, self.context.on_progress
        self.check(resume=resume)
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            check_folder(folder, self.context.recipe, resume=resume)  # as it is now that nobody else writes into it
            if not (folder / "run.json").is_file():
                self.write_state(complete=False)  # by which a resume knows the folder
            recipe, engine = self.context.recipe, self.context.engine
            self.log.write(f"run of recipe {recipe.name} ({recipe.digest()[:16]}) on {engine.runner} with {engine.workers} workers")
            for stage in STAGES:
                on_progress(stage.name, 0, None)
                before = self.markers.read(stage.name)
                try:
                    self.records[stage.name] = self.bring_up_to_date(stage)
                except CorpusmillError as error:
                    self.log.write(f"{stage.name}: stopped: {error}")
                    if self.at_work:
                        self.write_state(complete=False, stopped=f"{stage.name}: {error}")
                    raise
                self.log.stage(self.records[stage.name], kept=self.records[stage.name] == before)
                on_progress(stage.name, 1, 1)
                if self.at_work or stage == STAGES[-1]:
                    self.write_state(complete=stage in STAGES[-2:])
        return list(self.records.values())

    def check(self, *, resume: bool) -> None:
        """Refuse a folder that holds something else and, on resume, one in which a takedown has not been finished.

        What the recipe names and a late stage reads is opened now, not after hours.
        """
        recipe = self.context.recipe
        check_folder(self.context.folder, recipe, resume=resume)
        if recipe.decontaminate.paths:
            for line in unsearchable_items(load_evals(recipe.decontaminate), recipe.decontaminate):
                self.context.engine.on_message(line)
        earlier_snapshots(recipe.dedup)
        check_tokenizer(recipe)

    def foreseen(self) -> Iterator[str]:
        """What a resume would do again, stage by stage, by settings and versions; files and sources are not looked into."""
        again = False
        for stage in STAGES:
            marker = self.markers.read(stage.name)
            changes = self.markers.shaped_otherwise(stage, marker) if marker else ["it has not been finished"]
            why = listed(changes) if changes else "what it reads is made anew"
            again = again or bool(changes)
            yield f"{stage.name}: {f'done again: {why}' if again else 'kept'}"

    def bring_up_to_date(self, stage: Stage) -> StageRecord:
        """The record of `stage`: its marker if that holds, else made by doing the stage now."""
        marker = self.markers.read(stage.name)
        inputs, gone = self.markers.inputs_or_before(stage, marker)
        changes = self.markers.changes(stage, marker, inputs)
        on_message = self.context.engine.on_message
        if marker and not changes:
            if gone:
                on_message(f"{stage.name}: {gone}; what was read before is kept")
            return marker
        if marker and self.markers.may_decide_again(stage, marker, inputs):
            self.at_work = True
            on_message(f"{stage.name} decides again about the documents that were read: {listed(changes)}")
            self.forget(following(stage.name))
            return decide_again(self.context, marker)
        self.check_may_begin(stage, changes, gone)
        self.at_work = True
        if marker:
            on_message(f"{stage.name} is done again, and what comes after it: {listed(changes)}")
            later = following(stage.name) if self.markers.shaped_otherwise(stage, marker) else ()
            self.forget((stage.name, *later))
            inputs = self.markers.inputs(stage)  # an index that the run has left lacks its snapshot
        if marker or stage.name != StageName.CRAWL:  # a stopped crawl continues
            self.clear(stage.name)
        return self.do(stage, inputs)

    def check_may_begin(self, stage: Stage, changes: list[str], gone: InputError | None) -> None:
        """Refuse to read sources that are gone, and to read anything again after a takedown."""
        if gone:
            raise InputError("CM-RUN-011", f"{listed(changes)}: so the sources must be read again, but {gone}")
        if stage.name in (StageName.CRAWL, StageName.INGEST) and certificates(self.context.folder):
            raise OutputError(
                "CM-RUN-012",
                f"{self.context.folder}: documents were taken down from this run, and {listed(changes)}; reading again would bring those "
                "documents back. Put what the certificates in takedown/ name on opt_out lists and run into a new folder",
            )

    def do(self, stage: Stage, inputs: tuple[str, ...]) -> StageRecord:
        """Do the stage now, and write its marker."""
        if stage.name == StageName.CURATE:
            foresee_vocabulary(self.context)
        if stage.name == StageName.REPORT:
            self.write_state(complete=True)  # the report is of it
        with stopwatch() as watch:
            done: StageResult = module_of(stage).run(self.context)
        record = record_of(stage, self.context.recipe, inputs, done, watch, self.markers.versions[stage.name])
        write_marker(self.context.folder, record)
        work = self.context.folder / layout.WORK
        if not stage.leaves_work and work.is_dir():
            shutil.rmtree(work)
        return record

    def forget(self, stages: tuple[StageName, ...]) -> None:
        """Delete the files of the stages, markers first, so that files of another recipe are never mistaken for this one's."""
        if StageName.CURATE in stages:
            self.leave_index()
        for name in reversed(stages):
            remove_marker(self.context.folder, name)
        withdraw(self.context.folder, stages)
        for name in stages:
            self.clear(name)
        if StageName.VALIDATE in stages:
            shutil.rmtree(self.context.folder / layout.VALIDATION, ignore_errors=True)

    def leave_index(self) -> None:
        """Take the snapshot that this run added out of its index, unless the recipe replaces it: the run would meet its own documents."""
        marker = self.markers.read(StageName.CURATE)
        snapshot = marker.details.get("snapshot") if marker else None
        if not marker or not snapshot:
            return
        index, dedup = marker.settings["dedup"]["index"], self.context.recipe.dedup
        is_replaced = (index, snapshot["name"]) == (dedup.index, dedup.snapshot)
        if not is_replaced and remove_snapshot(Path(index), snapshot["name"], snapshot["folder"]):
            self.context.engine.on_message(f"{index}: snapshot {snapshot['name']!r}, which this run had added, is taken out")

    def clear(self, name: StageName) -> None:
        """Delete the stage's files."""
        for pattern in stage_of(name).owns:
            for path in self.context.folder.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def write_state(self, *, complete: bool, stopped: str | None = None) -> None:
        """DIR/run.json as of now; `stopped` says what ended the run."""
        context = self.context
        workers, runner = context.engine.workers, context.engine.runner
        records = list(self.records.values())
        write_run(context.folder, context.recipe, records, workers=workers, runner=runner, complete=complete, stopped=stopped)


def check_tokenizer(recipe: Recipe) -> None:
    """TokenizerError where the tokenizer that the recipe names cannot be used, grown, or separate documents."""
    config = recipe.tokenizer
    given = config.path or config.extend
    if given is None:
        return
    if bpe.load_tokenizer(Path(given)).token_to_id(end := config.special_tokens[0]) is None:
        raise TokenizerError(
            "CM-RUN-013", f"{given} has no token {end!r} to separate documents; name the one it has in tokenizer.special_tokens"
        )
    if config.extend:
        bpe.column_counter(config)


def check_folder(folder: Path, recipe: Recipe, *, resume: bool) -> None:
    """OutputError where a run of this recipe may not write into the folder."""
    check_folder_name(folder)
    check_none_pending(folder)
    if folder.exists() and not folder.is_dir():
        raise OutputError("CM-RUN-014", f"{folder} is a file; give --out a new or empty folder")
    if not folder.is_dir() or all(path.name == LOCK_FILE for path in folder.iterdir()):
        return
    if not resume:
        raise OutputError("CM-RUN-015", f"{folder} is not empty; give --out a new folder, or add --resume to go on with that run")
    if not (folder / "run.json").is_file():
        if not (folder / "stages").is_dir():
            raise OutputError(
                "CM-RUN-016", f"{folder} is not empty, and not the folder of a run: there is nothing to resume; give --out a new folder"
            )
        return
    before = read_run(folder)["recipe"]
    if before.get("name") != recipe.name and before.get("sources") != recipe.as_dict()["sources"]:
        raise OutputError(
            "CM-RUN-017",
            f"{folder} holds the run of another recipe, {before.get('name')!r}, with other sources; give --out a new folder, "
            "or the recipe that its run.json states",
        )
