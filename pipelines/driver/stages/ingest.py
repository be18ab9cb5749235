"""Sources -> read -> measure -> scrub -> decide -> the pool, and the ledger of what ends here. Raw text is not written."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import polars as pl

from pipelines.driver.context import Graph, RunContext, StageResult, balance, pool_folder
from pipelines.driver.guards import check_files, check_filters, check_lost, check_reading, failed_files
from pipelines.driver.pool import density_rules, kept_documents, pool_schema
from pipelines.engine.decision import kept, removed
from pipelines.engine.execute import GraphResult
from pipelines.engine.segments import ReportFiles, WriteSegments
from pipelines.filters.precompile import precompile
from pipelines.filters.stage import FAILING, FAILING_ALONE, Decide, DecideAgain, Measure
from pipelines.read.missing_columns import advice, check_column_counts, check_sample, row_splits
from pipelines.read.splits import describe_inputs, input_bytes, plan_sources
from pipelines.read.stage import LOST_BYTES, PASSED_OVER, ReadSplits, counted_columns
from pipelines.scrub.audit import AUDIT
from pipelines.scrub.index import INDEX
from pipelines.scrub.opt_out import OptOutLists
from pipelines.scrub.pseudonyms import key_fingerprint, pseudonym_key
from pipelines.scrub.stage import ScrubDocuments, opt_out_rows, scrub_audit, scrub_index
from schemas import layout
from schemas.errors import EmptyCorpusError
from schemas.files import FileEntry
from schemas.hops import LEDGER
from schemas.ledger import check_step, scan_ledger
from schemas.manifest import Counts
from schemas.splits import Split
from schemas.stages import StageName


def inputs(context: RunContext) -> tuple[str, ...]:
    """The files of the sources, which are looked up here, and the key of pseudonyms."""
    context.plan = plan_sources(context.recipe.sources, context.folder)
    return (*describe_inputs(context.plan.splits), *key_fingerprint(context.recipe.scrub))


def build(graph: Graph, splits: list[Split]) -> None:
    """The graph: every record is seen once."""
    recipe, run = graph.recipe, graph.run
    read = graph.pipeline | "splits" >> beam.Create(splits) | "read" >> ReadSplits(recipe, graph.progress)
    measured = read | "documents" >> beam.Map(kept) | "measure" >> Measure(recipe)
    scrubbed = measured | "scrub" >> ScrubDocuments(recipe.scrub, recipe.opt_out)
    decided = scrubbed | "decide" >> Decide(recipe, density_rules(recipe))
    ledger = layout.LEDGER
    files = (
        scrubbed | "audited" >> beam.Map(scrub_audit) | "audit" >> WriteSegments(run, layout.SCRUB_AUDIT, "audit", AUDIT, ".parquet"),
        scrubbed | "indexed" >> beam.Map(scrub_index) | "index" >> WriteSegments(run, layout.INDEX, "index", INDEX, ".parquet"),
        scrubbed | "left out" >> beam.Map(opt_out_rows) | "opt-out ledger" >> WriteSegments(run, ledger, "opt_out", LEDGER, ".parquet"),
        decided | "pool" >> beam.Map(kept) | "segments" >> WriteSegments(run, pool_folder(recipe), "segment", pool_schema(recipe)),
        read | "unread" >> beam.Map(removed) | "read ledger" >> WriteSegments(run, ledger, "read", LEDGER, ".parquet"),
        decided | "dropped" >> beam.Map(removed) | "filter ledger" >> WriteSegments(run, ledger, "filters", LEDGER, ".parquet"),
    )
    files | "files" >> beam.Flatten() | "report" >> ReportFiles(graph.report)


def build_decide_again(graph: Graph, segments: list[str]) -> None:
    """The graph that applies other limits to a finished run: the signals in the pool -> ledger rows of dropped documents."""
    paths = graph.pipeline | "segments" >> beam.Create(segments)
    dropped = paths | "decide" >> DecideAgain(graph.recipe, density_rules(graph.recipe), graph.progress)
    dropped | "ledger" >> WriteSegments(graph.run, layout.LEDGER, "filters", LEDGER, ".parquet") | "report" >> ReportFiles(graph.report)


def run(context: RunContext) -> StageResult:
    """Read, measure and scrub every record, and decide by its signals."""
    recipe, splits = context.recipe, context.plan.splits
    precompile(recipe)
    pseudonym_key(recipe.scrub)  # a missing key or list is an error before anything is read
    OptOutLists.of(recipe.opt_out)
    check_sample(recipe.sources, splits, context.engine.on_message)
    ran, files = context.graph(StageName.INGEST, len(splits), lambda graph: build(graph, splits))
    counts = balance(ran, "read", "opt_out", "filters")
    check_rows(context, ran, files, counts)
    pool = [file for file in files if file.path.startswith(f"{context.pool_folder}/")]
    unreadable = check_columns(context, ran)
    lost, sizes = {name: n for name, n in ran.counters.get(LOST_BYTES, {}).items() if n}, input_bytes(splits)
    check_lost(context.ledger, lost, sizes, recipe.guards.max_lost_bytes)
    check_kept(context, pool, counts)
    details: dict[str, Any] = {
        "n_splits": len(splits),
        "files": files_of_sources(context),
        "input_bytes": dict(sizes),
        "lost_bytes": lost,
        "passed_over_records": dict(sorted(ran.counters.get(PASSED_OVER, {}).items())),
    }
    if unreadable:
        details["unreadable_columns"] = unreadable
    if recipe.filters.keep_dropped:
        return StageResult(outputs=files, counts=counts, details=details | failing(ran))
    outputs = [file for file in files if file not in pool]
    return StageResult(outputs=outputs, intermediates=pool, counts=counts, details=details)


def check_rows(context: RunContext, ran: GraphResult, files: list[FileEntry], counts: dict[str, Counts]) -> None:
    """ConservationError unless the files have a row for every record that was counted."""
    n_ended = sum(c.dropped + c.failed for c in counts.values())
    n_scrubbed = ran.counters.get("scrub", {}).get("n_out", 0)

    def n_rows(folder: str) -> int:
        return sum(file.n_rows or 0 for file in files if file.path.startswith(f"{folder}/"))

    check_step("files of ingest", n_ended + n_scrubbed, n_rows(layout.LEDGER) + n_rows(context.pool_folder), 0)
    check_step("index", n_scrubbed, n_rows(layout.INDEX), 0)


def check_columns(context: RunContext, ran: GraphResult) -> dict[str, dict[str, int]]:
    """Raise if no record of a source has a column that the recipe names. Returns by source in how many files which could not be read.

    Says where opt-out lists of addresses had nothing to look at.
    """
    recipe, splits, on_message = context.recipe, context.plan.splits, context.engine.on_message
    seen = {name: counted_columns(ran.counters, name) for name in recipe.sources}
    check_column_counts(recipe.sources, splits, seen)
    for name, found in seen.items():
        if found.unreadable:
            on_message(f"sources.{name}: columns that could not be read: {', '.join(sorted(found.unreadable))}")
        is_asked = recipe.opt_out.urls or recipe.opt_out.hosts or recipe.sources[name].url_column
        if is_asked and found.rows and not found.addresses and row_splits(name, splits):
            found_nothing = f"sources.{name}: no record has a URL, so opt_out.urls and opt_out.hosts find nothing there"
            on_message(f"{found_nothing}; {advice(name, 'url_column', splits)}")
    return {name: dict(sorted(found.unreadable.items())) for name, found in seen.items() if found.unreadable}


def files_of_sources(context: RunContext) -> dict[str, dict[str, Any]]:
    """By source: how many files are read, how many of them could not be, and how many were named and are not read, by ending."""
    failed = dict(failed_files(context.ledger).group_by("source").agg(pl.col("origin_file").n_unique()).iter_rows())
    return {
        name: {"n_files": n, "n_failed": failed.get(name, 0), "passed_over": context.plan.passed_over[name]}
        for name, n in context.plan.n_files().items()
    }


def check_kept(context: RunContext, pool: list[FileEntry], counts: dict[str, Counts]) -> None:
    """Raise if the rules keep nothing, or less of a source or language than the guards allow."""
    recipe, ledger = context.recipe, context.ledger
    if not counts["read"].n_in:
        raise EmptyCorpusError("CM-RUN-018", f"no record stands in the files of {', '.join(recipe.sources)}; check the sources")
    check_files(failed_files(ledger), context.plan.n_files(), recipe.guards)
    kept = kept_documents(recipe, [context.folder / file.path for file in pool])
    check_reading(ledger, kept, recipe.guards)
    check_filters(ledger, kept, recipe.guards)
    if kept.is_empty():
        reasons = scan_ledger(ledger).group_by("reason").len("n").sort("n", descending=True).head(5).collect()
        raise EmptyCorpusError(
            "CM-RUN-019",
            f"no document is left of {counts['read'].n_in} records after reading and filtering; most frequent reasons: "
            + ", ".join(f"{reason} ({n})" for reason, n in reasons.iter_rows())
            + f". See {ledger}; loosen those rules or check the sources",
        )


def failing(ran: GraphResult) -> dict[str, dict[str, int]]:
    """By rule, how many documents fail it, and how many it alone."""
    return {name: dict(sorted(ran.counters.get(name, {}).items())) for name in (FAILING, FAILING_ALONE)}
