"""The driver: the stages of a run in order, each with its marker, its sums and its guard.

A stage is done again unless its marker holds: the settings that it reads, the versions that it runs on, its inputs and every output are
as they were. Files under DIR/work serve the next stage only; they are deleted as soon as it is done.
"""

from __future__ import annotations

import dataclasses
import math
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import apache_beam as beam
import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import graph
from pipelines.caps import Keeps, batches_of, caps_of
from pipelines.dedup.evals.sets import contamination, describe_evals, left_out, load_evals
from pipelines.dedup.forecast import Cost, compared, folder_bytes
from pipelines.dedup.forecast import lines_of as lines_of_forecast
from pipelines.dedup.pool import TakePart
from pipelines.dedup.snapshots.index import add_snapshot, describe_index, snapshots_before, take_back
from pipelines.dedup.stage import steps_of
from pipelines.encode.counting import parts_of
from pipelines.encode.evaluate import EVALUATED_BYTES, evaluate
from pipelines.encode.sample import Group, drawn, group_sizes, shares
from pipelines.encode.shards import index_of, named_shards, write_index
from pipelines.encode.stage import curated
from pipelines.filters.stage import FAILING, FAILING_ALONE
from pipelines.filters.warm import warm
from pipelines.guards import check_addresses, check_files, check_filters, check_lost, check_merges, check_reading, failed_files
from pipelines.measuring import measured_from, measured_otherwise
from pipelines.read.missing import advice, check_sample, check_seen, row_splits
from pipelines.read.splits import Plan, Split, describe_inputs, input_bytes, plan_all
from pipelines.read.stage import LOST_BYTES, PASSED_OVER, seen_in
from pipelines.runtime import Progress, Ran, Stopwatch, open_segment, read_report, run_graph, stopwatch, watch_progress
from pipelines.scrub.opt_out import Lists
from pipelines.scrub.scrub import digest as scrub_digest
from pipelines.scrub.scrub import special_tokens
from pipelines.scrub.stand_ins import fingerprint_of_key, key_of
from schemas import recipe as recipes
from schemas.certificate import certificates, check_none_pending
from schemas.errors import CorpusmillError, EmptyCorpusError, InputError, OutputError, TokenizerError, UnfilledError
from schemas.file_names import check_folder_name
from schemas.files import FileEntry, entry, sha256_of, whole_file
from schemas.hops import LEDGER, tokens_schema
from schemas.ledger import check_run, check_stage
from schemas.lock import LOCK_FILE, locked
from schemas.manifest import (
    Counts,
    StageRecord,
    changed_files,
    changed_settings,
    changed_versions,
    lines_of,
    marker_path,
    read_marker,
    read_run,
    withdraw,
    write_marker,
    write_run,
)
from schemas.recipe import Recipe, Tokenizer
from schemas.shaping import STAGES, corpus_digest, digest_of, settings_of, versions_of
from tokenizer import bpe

TOKENIZER_FILE: Final = "tokenizer/tokenizer.json"
COUNTS_RANGE_BYTES: Final = 256 * 1024 * 1024
"""Sampled text for each range of pre-tokens that counts are added up in."""
AMPLE_BYTES_PER_TOKEN: Final = 200
"""A pool with more text for each token of the vocabulary is not tried beforehand."""
CLEARLY_UNFILLED: Final = 0.9
OWNS: Final = {
    "crawl": ("crawl",),
    "collect": ("work", "pool", "ledger", "scrub_audit", "index"),
    "refine": ("work/refine", "documents", "ledger/refine-*.parquet", "ledger/caps-*.parquet"),
    "tokenizer": ("work/tokenizer", "tokenizer"),
    "encode": ("work/encode", "shards"),
    "validate": (),  # a checkpoint there may be gone on with
    "report": ("report", "README.md"),
}
"""What a stage deletes before it starts, so that nothing of an earlier try is taken for its own."""

Tell = Callable[[str, int, int | None], None]
"""Called with (stage, units done, units in all or None) while a stage runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Where the graphs run. Nothing here changes the corpus."""

    runner: str = "local"
    workers: int = 1
    beam_options: tuple[str, ...] = ()
    say: Callable[[str], None] = lambda line: None
    """Called with what a user should know before a stage runs."""

    def run(self, build: Callable[[beam.Pipeline], None]) -> Ran:
        """Run the graph that `build` makes."""
        return run_graph(build, runner=self.runner, workers=self.workers, beam_options=self.beam_options, say=self.say)


@dataclass(slots=True, kw_only=True)
class Done:
    """What a stage hands to its marker."""

    outputs: list[FileEntry]
    intermediates: list[FileEntry] = field(default_factory=list)
    counts: dict[str, Counts] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Capped:
    """What stays after the caps, how many, and the ledger of what does not."""

    keeps: Keeps
    counts: Counts
    files: list[FileEntry]


class Run:
    """One run of a recipe into one folder."""

    def __init__(self, recipe: Recipe, folder: Path, engine: Engine, tell: Tell) -> None:
        self.recipe, self.folder, self.engine, self.tell = recipe, folder, engine, tell
        self.records: dict[str, StageRecord] = {}
        self.plan = Plan([], {})
        self.at_work = False
        """Whether a stage has been begun: what is refused before leaves run.json as it is."""
        self.versions = {stage: versions_of(stage) for stage in STAGES}  # of the code as it was loaded

    @property
    def splits(self) -> list[Split]:
        """What is read, once the inputs of `collect` have been looked up."""
        return self.plan.splits

    def execute(self, *, resume: bool) -> list[StageRecord]:
        """Bring every stage up to date and return their records; CorpusmillError says why a run cannot go on."""
        self.check(resume=resume)
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder):
            check_folder(self.folder, self.recipe, resume=resume)  # as it is now that nobody else writes into it
            if not (self.folder / "run.json").is_file():
                self.write_state(complete=False)  # by which a resume knows the folder
            for stage in STAGES:
                self.tell(stage, 0, None)
                try:
                    self.records[stage] = self.bring_up_to_date(stage)
                except CorpusmillError as error:
                    if self.at_work:
                        self.write_state(complete=False, stopped=f"{stage}: {error}")
                    raise
                self.tell(stage, 1, 1)
                if self.at_work or stage == STAGES[-1]:
                    self.write_state(complete=stage in STAGES[-2:])
        return list(self.records.values())

    def check(self, *, resume: bool) -> None:
        """Refuse a folder that holds something else and, on resume, one in which a takedown has not been finished.

        What the recipe names and a late stage reads is opened now, not after hours.
        """
        check_folder(self.folder, self.recipe, resume=resume)
        if self.recipe.decontaminate.paths:
            for line in left_out(load_evals(self.recipe.decontaminate), self.recipe.decontaminate):
                self.engine.say(line)
        snapshots_before(self.recipe.dedup)
        self.check_tokenizer()

    def check_tokenizer(self) -> None:
        """TokenizerError where the tokenizer that the recipe names cannot be used, grown, or separate documents."""
        config = self.recipe.tokenizer
        given = config.path or config.extend
        if given is None:
            return
        if bpe.load(Path(given)).token_to_id(end := config.special_tokens[0]) is None:
            raise TokenizerError(f"{given} has no token {end!r} to separate documents; name the one it has in tokenizer.special_tokens")
        if config.extend:
            bpe.counting(config)

    def foreseen(self) -> Iterator[str]:
        """What a resume would do again, stage by stage, by settings and versions; files and sources are not looked into."""
        again = False
        for stage in STAGES:
            marker = read_marker(self.folder, stage)
            changes = self.shaped_otherwise(stage, marker) if marker else ["it has not been finished"]
            why = _listed(changes) if changes else "what it reads is made anew"
            again = again or bool(changes)
            yield f"{stage}: {f'done again: {why}' if again else 'kept'}"

    def bring_up_to_date(self, stage: str) -> StageRecord:
        """The record of `stage`: its marker if that holds, else made by doing the stage now."""
        marker = read_marker(self.folder, stage)
        inputs, gone = self.inputs_or_before(stage, marker)
        changes = self.changes(stage, marker, inputs)
        if marker and not changes:
            if gone:
                self.engine.say(f"{stage}: {gone}; what was read before is kept")
            return marker
        if marker and self.may_decide_again(stage, marker, inputs):
            self.at_work = True
            self.engine.say(f"{stage} decides again about the documents that were read: {_listed(changes)}")
            self.forget(STAGES[STAGES.index(stage) + 1 :])
            return self.decide_again(marker)
        if gone:
            raise InputError(f"{_listed(changes)}: so the sources must be read again, but {gone}")
        if stage in ("crawl", "collect") and certificates(self.folder):
            raise OutputError(
                f"{self.folder}: documents were taken down from this run, and {_listed(changes)}; reading again would bring those "
                "documents back. Put what the certificates in takedown/ name on opt_out lists and run into a new folder"
            )
        self.at_work = True
        if marker:
            self.engine.say(f"{stage} is done again, and what comes after it: {_listed(changes)}")
            self.forget(STAGES[STAGES.index(stage) :] if self.shaped_otherwise(stage, marker) else (stage,))
            inputs = self.inputs_of(stage)  # an index that the run has left lacks its snapshot
        if marker or stage != "crawl":  # what a crawl that was stopped has fetched is gone on with
            self.clear(stage)
        if stage == "refine":
            self.foresee_vocabulary()
        with stopwatch() as watch:
            done: Done = getattr(self, f"do_{stage}")()
        record = self.record(stage, inputs, done, watch)
        write_marker(self.folder, record)
        if stage in ("refine", "tokenizer", "encode"):
            shutil.rmtree(self.folder / "work", ignore_errors=stage == "tokenizer")
        return record

    # --- What holds and what does not --------------------------------------------------------------------------------

    def shaped_otherwise(self, stage: str, marker: StageRecord) -> list[str]:
        """The settings and versions that shape the stage and are not the marker's. A crawl is kept whatever it was made with."""
        settings = changed_settings(marker.settings, settings_of(self.recipe, stage))
        versions = changed_versions(marker.versions, self.versions[stage]) if stage != "crawl" else ()
        return [*settings, *versions]

    def changes(self, stage: str, marker: StageRecord | None, inputs: tuple[str, ...]) -> list[str]:
        """Why the marker does not hold; empty if it does."""
        if marker is None:
            return ["it has not been finished"]
        if changes := self.shaped_otherwise(stage, marker):
            return changes
        if marker.inputs != inputs:
            return ["its inputs changed"]
        return list(changed_files(self.folder, marker, used_up=self.used_up(marker)))

    def inputs_or_before(self, stage: str, marker: StageRecord | None) -> tuple[tuple[str, ...], InputError | None]:
        """What the stage reads; where sources that were read are not there any more, what it read then, and the error that says so."""
        try:
            return self.inputs_of(stage), None
        except InputError as gone:
            if marker is None:
                raise
            return marker.inputs, gone

    def may_decide_again(self, stage: str, marker: StageRecord, inputs: tuple[str, ...]) -> bool:
        """Whether only limits changed, and every document with its measurements is there to be judged by them."""
        if stage != "collect" or not self.recipe.filters.keep_dropped or measured_from(marker.inputs) != measured_from(inputs):
            return False
        old = recipes.parse({**marker.settings, "name": self.recipe.name}) if marker.settings else None
        if old is None or measured_otherwise(old, self.recipe) or any(changed_versions(marker.versions, self.versions[stage])):
            return False
        return not any(changed_files(self.folder, _without_decisions(marker), used_up=False))

    def forget(self, stages: tuple[str, ...]) -> None:
        """Delete what the stages made, their markers first, so that nothing of another recipe is taken for this one's."""
        if "refine" in stages:
            self.leave_index()
        for stage in reversed(stages):
            marker_path(self.folder, stage).unlink(missing_ok=True)
        withdraw(self.folder, stages)
        for stage in stages:
            self.clear(stage)
        if "validate" in stages:
            shutil.rmtree(self.folder / "validation", ignore_errors=True)

    def leave_index(self) -> None:
        """Take the snapshot that this run added out of its index, unless the recipe replaces it: the run would meet its own documents."""
        marker = read_marker(self.folder, "refine")
        snapshot = marker.details.get("snapshot") if marker else None
        if not marker or not snapshot:
            return
        index, dedup = marker.settings["dedup"]["index"], self.recipe.dedup
        is_replaced = (index, snapshot["name"]) == (dedup.index, dedup.snapshot)
        if not is_replaced and take_back(Path(index), snapshot["name"], snapshot["folder"]):
            self.engine.say(f"{index}: snapshot {snapshot['name']!r}, which this run had added, is taken out")

    def clear(self, stage: str) -> None:
        """Delete the stage's files."""
        for pattern in OWNS[stage]:
            for path in self.folder.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def record(self, stage: str, inputs: tuple[str, ...], done: Done, watch: Stopwatch) -> StageRecord:
        """The marker of a stage that was done now."""
        settings = settings_of(self.recipe, stage)
        return StageRecord(
            stage=stage,
            recipe_digest=digest_of(settings),
            inputs=inputs,
            outputs=tuple(done.outputs),
            intermediates=tuple(done.intermediates),
            settings=settings,
            versions=self.versions[stage],
            counts=done.counts,
            details=done.details,
            wall_s=round(watch.wall_s, 3),
            cpu_s=round(watch.cpu_s, 3),
        )

    def inputs_of(self, stage: str) -> tuple[str, ...]:
        """What the stage reads, one line each."""
        if stage == "collect":
            self.plan = plan_all(self.recipe.sources, self.folder)
            lists = self.recipe.files_named_in("opt_out", "filters", "scrub")
            return (*describe_inputs(self.splits), *fingerprint_of_key(self.recipe.scrub), *lists)
        if stage == "report":
            return tuple(line for record in self.records.values() for line in lines_of(record.outputs))
        before = {"crawl": (), "refine": ("collect",), "tokenizer": ("refine",), "encode": ("refine", "tokenizer"), "validate": ("encode",)}
        made = (line for name in before[stage] for line in lines_of(self.records[name].intermediates or self.records[name].outputs))
        named = {"refine": "dedup", "tokenizer": "tokenizer"}.get(stage)
        met = describe_evals(self.recipe.decontaminate) + describe_index(self.recipe.dedup) if stage == "refine" else ()
        return (*made, *(self.recipe.files_named_in(named) if named else ()), *met)

    def used_up(self, marker: StageRecord) -> bool:
        """Whether the next stage has been done with exactly the marker's intermediates, and need not be done again."""
        if not marker.intermediates:
            return False
        following = STAGES[STAGES.index(marker.stage) + 1]
        done = read_marker(self.folder, following)
        self.records[marker.stage] = marker
        return done is not None and not self.changes(following, done, self.inputs_of(following))

    def write_state(self, *, complete: bool, stopped: str | None = None) -> None:
        """DIR/run.json as of now; `stopped` says what ended the run."""
        records = list(self.records.values())
        workers, runner = self.engine.workers, self.engine.runner
        write_run(self.folder, self.recipe, records, workers=workers, runner=runner, complete=complete, stopped=stopped)

    # --- The stages --------------------------------------------------------------------------------------------------

    def do_crawl(self) -> Done:
        """Fetch the sources that say how to be fetched."""
        done = Done(outputs=[])
        for name, source in self.recipe.sources.items():
            if source.crawl is None:
                continue
            from pipelines.crawl.crawler import crawl  # noqa: PLC0415 - heavy, and most runs crawl nothing
            from pipelines.crawl.visits import CrawlProgress  # noqa: PLC0415

            most = source.crawl.max_pages

            def on_page(progress: CrawlProgress, most: int = most) -> None:
                self.tell("crawl", progress.n_fetched, most)

            report = crawl(source.crawl, self.folder / "crawl" / name, resume=True, on_page=on_page)
            done.outputs += [entry(path, self.folder) for path in report.files]
            done.details[name] = msgspec.to_builtins(report.counts)
        return done

    def do_collect(self) -> Done:
        """Read, measure and scrub every record, and decide by what was measured."""
        warm(self.recipe)
        key_of(self.recipe.scrub)  # a missing key or list is told before anything is read
        Lists.of(self.recipe.opt_out)
        check_sample(self.recipe.sources, self.splits, self.engine.say)
        ran, files = self.graph(
            "collect",
            len(self.splits),
            lambda pipeline, report, progress: graph.collect(pipeline, self.recipe, self.splits, self.folder, report, progress),
        )
        counts = self.balance(ran, "read", "opt_out", "filters")
        n_ended = sum(c.dropped + c.failed for c in counts.values())
        n_scrubbed = ran.counters.get("scrub", {}).get("n_out", 0)
        n_rows = {name: sum(file.n_rows or 0 for file in files if file.path.startswith(f"{name}/")) for name in graph.COLLECTED}
        check_stage("files of collect", n_ended + n_scrubbed, n_rows[graph.LEDGER_FOLDER] + n_rows[graph.pool_folder(self.recipe)], 0)
        check_stage("index", n_scrubbed, n_rows[graph.INDEX_FOLDER], 0)
        pool = [file for file in files if file.path.startswith(graph.pool_folder(self.recipe))]
        unreadable = self.check_columns(ran)
        lost, sizes = {name: n for name, n in ran.counters.get(LOST_BYTES, {}).items() if n}, input_bytes(self.splits)
        check_lost(self.folder / graph.LEDGER_FOLDER, lost, sizes, self.recipe.guards.max_lost_bytes)
        self.check_kept(pool, counts)
        details: dict[str, Any] = {
            "n_splits": len(self.splits),
            "files": self.files_of_sources(),
            "input_bytes": dict(sizes),
            "lost_bytes": lost,
            "passed_over_records": dict(sorted(ran.counters.get(PASSED_OVER, {}).items())),
        }
        if unreadable:
            details["unreadable_columns"] = unreadable
        if self.recipe.filters.keep_dropped:
            return Done(outputs=files, counts=counts, details=details | failing(ran))
        outputs = [file for file in files if file not in pool]
        return Done(outputs=outputs, intermediates=pool, counts=counts, details=details)

    def decide_again(self, before: StageRecord) -> StageRecord:
        """The record of `collect`, written, with the ledger of the filters made anew from the measurements in the pool."""
        self.records["collect"] = before
        pool = self.pool()
        segments = [self.folder / file.path for file in pool]
        with stopwatch() as watch:
            ran, ledger = self.graph(
                "decide",
                len(segments),
                lambda pipeline, report, progress: graph.decide_again(pipeline, self.recipe, segments, self.folder, report, progress),
            )
            counts = {**before.counts, **self.balance(ran, "filters")}
            self.check_kept(pool, counts)
        shutil.rmtree(self.folder / "work")
        outputs = sorted([*_without_decisions(before).outputs, *ledger], key=lambda file: file.path)
        done = Done(outputs=outputs, counts=counts, details=before.details | failing(ran))
        sources = (line for line in before.inputs if not line.startswith(("filters.", "scrub.")))
        inputs = (*sources, *self.recipe.files_named_in("filters", "scrub"))
        record = dataclasses.replace(self.record("collect", inputs, done, watch), versions=before.versions)
        write_marker(self.folder, record)
        return record

    def check_columns(self, ran: Ran) -> dict[str, dict[str, int]]:
        """Raise if no record of a source has a column that the recipe names. Returns by source in how many files which could not be read.

        Says where opt-out lists of addresses had nothing to look at.
        """
        seen = {name: seen_in(ran.counters, name) for name in self.recipe.sources}
        check_seen(self.recipe.sources, self.splits, seen)
        for name, found in seen.items():
            if found.unreadable:
                self.engine.say(f"sources.{name}: columns that could not be read: {', '.join(sorted(found.unreadable))}")
            is_asked = self.recipe.opt_out.urls or self.recipe.opt_out.hosts or self.recipe.sources[name].url_column
            if is_asked and found.rows and not found.addresses and row_splits(name, self.splits):
                found_nothing = f"sources.{name}: no record has a URL, so opt_out.urls and opt_out.hosts find nothing there"
                self.engine.say(f"{found_nothing}; {advice(name, 'url_column', self.splits)}")
        return {name: dict(sorted(found.unreadable.items())) for name, found in seen.items() if found.unreadable}

    def files_of_sources(self) -> dict[str, dict[str, Any]]:
        """By source: how many files are read, how many of them could not be, and how many were named and are not read, by ending."""
        failed = dict(failed_files(self.folder / graph.LEDGER_FOLDER).group_by("source").agg(pl.col("origin_file").n_unique()).iter_rows())
        return {
            name: {"n_files": n, "n_failed": failed.get(name, 0), "passed_over": self.plan.passed_over[name]}
            for name, n in self.plan.n_files().items()
        }

    def check_kept(self, pool: list[FileEntry], counts: dict[str, Counts]) -> None:
        """Raise if the rules keep nothing, or less of a source or language than the guards allow."""
        ledger = self.folder / graph.LEDGER_FOLDER
        if not counts["read"].n_in:
            raise EmptyCorpusError(f"no record stands in the files of {', '.join(self.recipe.sources)}; check the sources")
        check_files(failed_files(ledger), self.plan.n_files(), self.recipe.guards)
        kept = self.kept(pool)
        check_reading(ledger, kept, self.recipe.guards)
        check_filters(ledger, kept, self.recipe.guards)
        if kept.is_empty():
            reasons = pl.scan_parquet(ledger / "*.parquet").group_by("reason").len("n").sort("n", descending=True).head(5).collect()
            raise EmptyCorpusError(
                f"no document is left of {counts['read'].n_in} records after reading and filtering; most frequent reasons: "
                + ", ".join(f"{reason} ({n})" for reason, n in reasons.iter_rows())
                + f". See {ledger}; loosen those rules or check the sources"
            )

    def kept(self, pool: list[FileEntry]) -> pl.DataFrame:
        """(source, lang) of every document of the pool that no rule drops."""
        keeps = graph.decider_of(self.recipe).keeps
        schema = pa.schema([pa.field("source", pa.large_string()), pa.field("lang", pa.large_string())])
        found = []
        for file in pool:
            reader = open_segment(self.folder / file.path)
            for index in range(reader.num_record_batches):
                batch = reader.get_batch(index)
                found.append(batch.select(schema.names).filter(pa.array(keeps(batch))).cast(schema))
        return pl.DataFrame(pa.Table.from_batches(found, schema))

    def do_refine(self) -> Done:
        """Merge copies; the documents that stay are the corpus."""
        segments = [self.folder / file.path for file in self.pool()]
        capped = self.cap(segments)
        n_documents = capped.counts.n_out
        take_part = TakePart(capped.keeps, self.recipe.decontaminate, self.common_grams(segments, capped.keeps))
        foreseen = graph.forecast_refine(self.recipe, segments, n_documents, take_part)
        for line in lines_of_forecast(foreseen, self.recipe.dedup):
            self.engine.say(line)
        ran, files = self.graph(
            "refine",
            steps_of(self.recipe.dedup) * len(segments),
            lambda pipeline, report, progress: graph.refine(
                pipeline, self.recipe, segments, n_documents, take_part, self.folder, report, progress
            ),
        )
        staged = [file for file in files if file.path.startswith(graph.SNAPSHOT)]
        files = [file for file in files if file not in staged]
        counts = self.balance(ran, "dedup")
        check_stage("filters to caps", self.records["collect"].counts["filters"].n_out, capped.counts.n_in, 0)
        check_stage("caps to dedup", n_documents, counts["dedup"].n_in, 0)
        check_stage("files of refine", counts["dedup"].n_in + counts["dedup"].n_out, sum(file.n_rows or 0 for file in files), 0)
        ledger = self.folder / graph.LEDGER_FOLDER
        check_merges(ledger, self.recipe.guards)
        check_addresses(ran.counters.get("dedup", {}).get("same_address_apart", 0), n_documents, self.recipe.guards)
        check_run(ledger, self.records["collect"].counts["read"].n_in)
        documents = [self.folder / file.path for file in files if file.path.startswith(graph.DOCUMENTS)]
        names = [field.name for field in graph.curated_schema(self.recipe) if field.name.startswith("n_redacted_")]
        redacted = self.columns(documents, *names).sum().row(0, named=True) if names else {}
        details: dict[str, Any] = {
            "redacted": {name.removeprefix("n_redacted_"): n or 0 for name, n in redacted.items()},
            "dedup": {name: n for name, n in ran.counters.get("dedup", {}).items() if name not in Counts.__slots__},
        }
        seen = ran.counters.get("dedup cost", {})
        happened = Cost(
            n_documents=counts["dedup"].n_in,
            signature_bytes=seen.get("signature_bytes", 0),
            band_bytes=seen.get("band_bytes", 0),
            disk_bytes=folder_bytes(self.folder / "work" / "refine"),
            largest_bucket=seen.get("largest_bucket", 0),
            cpu_s=round(ran.cpu_s, 1),
        )
        details["dedup_cost"] = compared(foreseen, happened, self.recipe.dedup)
        if self.recipe.decontaminate.paths:
            evals = load_evals(self.recipe.decontaminate)
            details["contamination"] = contamination(ran.counters.get("contamination", {}), evals)
            details["evaluation_items_left_out"] = left_out(evals, self.recipe.decontaminate)
        if staged:
            snapshot = add_snapshot(self.recipe.dedup, self.folder / graph.SNAPSHOT, staged)
            details["snapshot"] = {"name": snapshot.name, "folder": snapshot.folder, "n_documents": snapshot.n_documents}
        if capped.files:
            counts = {"caps": capped.counts, **counts}
        return Done(outputs=[*files, *capped.files], counts=counts, details=details)

    def foresee_vocabulary(self) -> None:
        """TokenizerError where a small pool cannot fill the vocabulary that the recipe promises.

        Copies are still in it, and what they leave may fill a few tokens more by other merges: only a clear failure ends the run now.
        """
        config = self.tokenizer_config
        if config.path or config.model != "bpe" or config.vocab_size is None:
            return
        keeps, n_bytes, columns = graph.decider_of(self.recipe).keeps, 0, []
        for batch in batches_of([self.folder / file.path for file in self.pool()]):
            columns.append(batch.column("text").filter(pa.array(keeps(batch))))
            n_bytes += columns[-1].nbytes
            if n_bytes > AMPLE_BYTES_PER_TOKEN * config.asked_size:
                return
        try:
            bpe.train(columns, config)
        except UnfilledError as error:
            if error.n_filled < CLEARLY_UNFILLED * config.asked_size:
                raise TokenizerError(f"{self.with_remedy(error)}. This was found before dedup, which may leave less text") from None
        except TokenizerError:  # told when the corpus is known
            return

    def with_remedy(self, error: UnfilledError) -> str:
        """The message with the command that goes on with fewer tokens; what was read and merged is kept."""
        if not error.n_fits:
            return str(error)
        return f"{error}. To go on with what was done: run {self.folder} --resume --set tokenizer.vocab_size={error.n_fits}"

    def common_grams(self, segments: list[Path], keeps: Keeps) -> tuple[Path, ...]:
        """Files of the n-grams of evaluation sets that are no evidence, where the recipe wants them counted."""
        if not self.recipe.decontaminate.paths or self.recipe.decontaminate.max_documents is None:
            return ()
        _, files = self.graph(
            "refine",
            len(segments),
            lambda pipeline, report, progress: graph.find_common_grams(
                pipeline, self.recipe, segments, keeps, self.folder, report, progress
            ),
        )
        return tuple(self.folder / file.path for file in files)

    def cap(self, pool: list[Path]) -> Capped:
        """What the caps on domains and hosts leave of the documents that the rules keep, and the ledger of the others."""
        keeps = graph.decider_of(self.recipe).keeps
        n_kept = self.records["collect"].counts["filters"].n_out
        caps = caps_of(self.recipe, pool, keeps)
        if caps is None:
            return Capped(keeps, Counts(n_in=n_kept, n_out=n_kept), [])
        rows = pa.Table.from_batches([caps.dropped(batch) for batch in batches_of(pool)], LEDGER)
        path = self.folder / graph.LEDGER_FOLDER / "caps-00000.parquet"
        with whole_file(path) as temporary:
            pq.write_table(rows, temporary, compression="zstd")
        counts = Counts(n_in=n_kept, n_out=n_kept - rows.num_rows, dropped=rows.num_rows)
        return Capped(caps, counts, [entry(path, self.folder, rows.num_rows)])

    def do_tokenizer(self) -> Done:
        """Train on a sample, or take the given file; then measure it on the documents."""
        try:
            return self.make_tokenizer()
        except UnfilledError as error:
            raise TokenizerError(self.with_remedy(error)) from None

    def make_tokenizer(self) -> Done:
        """The tokenizer's file, and what it is worth."""
        path, config = self.folder / TOKENIZER_FILE, self.tokenizer_config
        sizes = group_sizes(self.texts())
        details: dict[str, Any] = {}
        if config.path:
            with whole_file(path) as temporary:
                shutil.copyfile(config.path, temporary)
        else:
            learned_from = Counter({group: size for group, size in sizes.items() if group[0] not in self.recipe.dedup.protected})
            if sizes.total() and not learned_from.total() and config.vocab_size is None:
                raise EmptyCorpusError(
                    "no text is left to train a tokenizer on: every document is of a source in dedup.protected; "
                    "name a tokenizer in tokenizer.path"
                )
            taken = shares(learned_from, config.sample_bytes, config.alpha)
            if config.model == "bpe":
                tokenizer, details = self.train_bpe(taken, sum(sizes[group] * share for group, share in taken.items()))
            else:
                sample = [drawn(batch, taken, self.recipe.seed, "tokenizer") for batch in self.texts()]
                tokenizer = bpe.train((batch.column("text") for batch in sample), config)
                details = {"sample_documents": sum(batch.num_rows for batch in sample), "sample_bytes": sum(group_sizes(sample).values())}
            bpe.save(tokenizer, path)
        measured = shares(sizes, EVALUATED_BYTES, 1.0)
        (evaluation,) = evaluate({"this one": path}, (drawn(batch, measured, self.recipe.seed, "evaluation") for batch in self.texts()))
        details |= {"vocab_size": evaluation["vocab_size"], "evaluation": evaluation}
        return Done(outputs=[entry(path, self.folder)], details=details)

    def train_bpe(self, taken: dict[Group, float], n_bytes: float) -> tuple[Any, dict[str, Any]]:
        """The tokenizer and how much text it saw: exact counts by all workers, then the learning."""
        n_ranges, documents = math.ceil(n_bytes / COUNTS_RANGE_BYTES), self.documents()
        ran, files = self.graph(
            "tokenizer",
            len(documents),
            lambda pipeline, report, progress: graph.count_pretokens(
                pipeline, self.recipe, self.tokenizer_config, documents, taken, n_ranges, self.folder, report, progress
            ),
        )
        parts = parts_of(self.folder / file.path for file in files)
        counted = ran.counters.get("tokenizer", {})
        details = {"sample_documents": counted.get("n_documents", 0), "sample_bytes": counted.get("n_bytes", 0)}
        counts = bpe.most_frequent(parts, bpe.most_counted_bytes(self.tokenizer_config))
        details |= {"distinct_pretokens": sum(part.num_rows for part in parts), "learned_from_pretokens": counts.num_rows}
        return bpe.train_from_counts(counts, self.tokenizer_config), details

    def do_encode(self) -> Done:
        """Encode, shuffle, write shards, number them and write their index."""
        tokenizer = self.folder / TOKENIZER_FILE
        documents = self.documents()
        encoder = bpe.Encoder(tokenizer)
        metadata = {"tokenizer": sha256_of(tokenizer), "recipe": corpus_digest(self.recipe), "scrub": scrub_digest(self.recipe.scrub)}
        schema = tokens_schema(encoder.vocab_size, metadata)
        n_bytes = sum(path.stat().st_size for path in documents)
        n_ranges = math.ceil(n_bytes / (4 * self.recipe.encode.shard_tokens))  # about four bytes a token
        ran, files = self.graph(
            "encode",
            len(documents),
            lambda pipeline, report, progress: graph.encode(
                pipeline,
                curated,
                documents,
                self.recipe.encode,
                self.recipe.dedup.protected,
                self.recipe.seed,
                tokenizer,
                schema,
                n_ranges,
                self.folder,
                report,
                progress,
            ),
        )
        counters = ran.counters.get("encode", {})
        counts = Counts(n_in=counters.get("n_in", 0), n_out=counters.get("n_out", 0))
        check_stage("encode", counts.n_in, counts.n_out, 0)
        check_stage("encode", self.records["refine"].counts["dedup"].n_out, sum(file.n_rows or 0 for file in files), 0)
        shards = named_shards(files, self.folder)
        path = self.folder / "shards" / "index.json"
        named = {"path": TOKENIZER_FILE, "sha256": metadata["tokenizer"], "vocab_size": encoder.vocab_size}
        end = encoder.tokenizer.token_to_id(self.recipe.tokenizer.special_tokens[0])
        index = index_of(shards, self.folder, {**named, "end_of_text": end}, str(encoder.id_type))
        write_index(path, index)
        # "fast", or "tokenizers" where the file asks for what the compiled encoder does not do: then the reason is named.
        how = {"encoder": encoder.path, "encoder_reason": encoder.reason}
        n_tokens = sum(shard["n_tokens"] for shard in index["shards"])
        details = {**how, "n_tokens": n_tokens, "n_shards": len(shards), "sources": index["sources"]}
        return Done(outputs=[*shards, entry(path, self.folder)], counts={"encode": counts}, details=details)

    def do_validate(self) -> Done:
        """Train the small decoder on the shards."""
        if not self.recipe.pretrain.enabled:
            return Done(outputs=[], details={"skipped": "pretrain.enabled = false"})
        from pipelines.pretrain.loop import validate  # noqa: PLC0415 - heavy

        metrics = validate(
            self.folder, self.recipe.pretrain, self.recipe.seed, on_step=lambda step, steps, loss: self.tell("validate", step, steps)
        )
        return Done(outputs=[entry(self.folder / "validation" / "metrics.json", self.folder)], details=metrics)

    def do_report(self) -> Done:
        """The HTML report and the dataset card."""
        from pipelines.report.page import write_report  # noqa: PLC0415 - heavy

        self.write_state(complete=True)
        return Done(outputs=[entry(path, self.folder) for path in write_report(self.folder)])

    # --- Helpers -----------------------------------------------------------------------------------------------------

    def graph(self, stage: str, units: int, build: Callable[[beam.Pipeline, Path, Progress], None]) -> tuple[Ran, list[FileEntry]]:
        """Run one graph, telling its progress; returns what it counted and the files that it reported."""
        report = self.folder / "work" / f"{stage}.json"
        report.unlink(missing_ok=True)
        progress = Progress(self.folder / "work" / f"{stage}.progress")
        with watch_progress(progress, lambda done: self.tell(stage, done, units)):
            ran = self.engine.run(lambda pipeline: build(pipeline, report, progress))
        return ran, read_report(report)

    def balance(self, ran: Ran, *rooms: str) -> dict[str, Counts]:
        """Counts by room, checked: each room's own sum, and one room's output against the next one's input."""
        counts = {room: Counts(**{name: n for name, n in ran.counters.get(room, {}).items() if name in Counts.__slots__}) for room in rooms}
        for room, c in counts.items():
            check_stage(room, c.n_in, c.n_out, c.dropped + c.merged + c.failed)
        for first, second in pairwise(rooms):
            check_stage(f"{first} to {second}", counts[first].n_out, counts[second].n_in, 0)
        return counts

    @property
    def tokenizer_config(self) -> Tokenizer:
        """The recipe's, with the placeholders of private values as special tokens if it wants them."""
        config = self.recipe.tokenizer
        return dataclasses.replace(config, special_tokens=(*config.special_tokens, *special_tokens(self.recipe.scrub)))

    def pool(self) -> list[FileEntry]:
        """The files of measured documents, in order."""
        record = self.records["collect"]
        folder = graph.pool_folder(self.recipe)
        return [file for file in (*record.intermediates, *record.outputs) if file.path.startswith(f"{folder}/")]

    def texts(self) -> Iterator[pa.RecordBatch]:
        """What a tokenizer needs of the curated documents, batch by batch."""
        for path in self.documents():
            reader = open_segment(path)
            for index in range(reader.num_record_batches):
                yield reader.get_batch(index).select(["doc_id", "source", "lang", "text"])

    def documents(self) -> list[Path]:
        """The files of curated documents, in order."""
        return [self.folder / file.path for file in self.records["refine"].outputs if file.path.startswith(graph.DOCUMENTS)]

    def columns(self, paths: list[Path], *names: str) -> pl.DataFrame:
        """Some columns of Arrow files, as one frame."""
        return pl.concat([pl.DataFrame(open_segment(path).read_all().select(list(names))) for path in paths])


def failing(ran: Ran) -> dict[str, dict[str, int]]:
    """By rule, how many documents fail it, and how many it alone."""
    return {name: dict(sorted(ran.counters.get(name, {}).items())) for name in (FAILING, FAILING_ALONE)}


def check_folder(folder: Path, recipe: Recipe, *, resume: bool) -> None:
    """OutputError where a run of this recipe may not write into the folder."""
    check_folder_name(folder)
    check_none_pending(folder)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; give --out a new or empty folder")
    if not folder.is_dir() or all(path.name == LOCK_FILE for path in folder.iterdir()):
        return
    if not resume:
        raise OutputError(f"{folder} is not empty; give --out a new folder, or add --resume to go on with that run")
    if not (folder / "run.json").is_file():
        if not (folder / "stages").is_dir():
            raise OutputError(f"{folder} is not empty, and not the folder of a run: there is nothing to resume; give --out a new folder")
        return
    before = read_run(folder)["recipe"]
    if before.get("name") != recipe.name and before.get("sources") != recipe.as_dict()["sources"]:
        raise OutputError(
            f"{folder} holds the run of another recipe, {before.get('name')!r}, with other sources; give --out a new folder, "
            "or the recipe that its run.json states"
        )


def _without_decisions(record: StageRecord) -> StageRecord:
    """The record of `collect` without the ledger of the filters."""
    return dataclasses.replace(record, outputs=tuple(f for f in record.outputs if not f.path.startswith(f"{graph.LEDGER_FOLDER}/filters-")))


def _listed(changes: list[str]) -> str:
    """The first changes, and how many more there are."""
    return "; ".join(changes[:3]) + (f"; and {len(changes) - 3} more" if len(changes) > 3 else "")
