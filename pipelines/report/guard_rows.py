"""The ceilings of the recipe, and how near the run came to each."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import polars as pl

from pipelines.driver.guards import LEAST_BYTES
from pipelines.read.records import FILE_REASONS
from pipelines.report.formats import NO_LANGUAGE
from pipelines.report.ledger_facts import NOT_JUDGED, WAITING, LedgerFacts
from pipelines.report.rows import GuardRow
from pipelines.report.run_facts import RunFacts
from schemas.stages import StageName

FAILED: Final = (pl.col("step") == "read") & (pl.col("outcome") == "failed")
FILTERED: Final = (pl.col("step") == "filters") & ~pl.col("reason").str.starts_with("language.")
MERGED: Final = ~pl.col("outcome").is_in(["kept", WAITING])


def guard_rows(run: RunFacts, ledger: LedgerFacts) -> list[GuardRow]:
    """One row for each guard, in the order in which a run reaches them."""
    guards, counts = run.recipe.guards, ledger.outcome_counts
    judged, compared = counts.filter(~pl.col("step").is_in(NOT_JUDGED)), counts.filter(pl.col("step") == "dedup")
    rows = (
        _worst_files(run, ledger),
        _worst_group(GuardRow(key="guards.max_failed", limit=guards.max_failed), counts, FAILED, ("source",), guards.min_documents),
        _worst_group(
            GuardRow(key="guards.max_filtered", limit=guards.max_filtered), judged, FILTERED, ("source", "lang"), guards.min_documents
        ),
        _worst_group(
            GuardRow(key="guards.max_merged", limit=guards.max_merged),
            compared.filter(ledger.is_complete),
            MERGED,
            ("source", "lang"),
            guards.min_documents,
        ),
        _largest_cluster(run, ledger),
        _same_address(run, ledger),
        _lost_bytes(run),
    )
    return list(rows)


def _worst_group(row: GuardRow, counts: pl.DataFrame, removed: pl.Expr, columns: tuple[str, ...], least: int) -> GuardRow:
    """The group of at least `least` records that lost the largest share; groups are the values of each of `columns`."""
    worst = row
    for by in columns:
        groups = counts.group_by(by).agg(n=pl.col("n").sum(), removed=pl.col("n").filter(removed).sum())
        for name, n, lost in groups.filter(pl.col("n") >= least).sort(by).iter_rows():
            if worst.group is None or lost / n > worst.share:
                kind = "language" if by == "lang" else by
                worst = replace(row, group=f"{kind} {name or NO_LANGUAGE}", n=n, share=lost / n)
    return worst


def _worst_files(run: RunFacts, ledger: LedgerFacts) -> GuardRow:
    """The source with the largest share of files of which nothing could be read."""
    bad = ledger.rows.filter(pl.col("step") == "read", pl.col("origin_offset") == 0, pl.col("reason").is_in(FILE_REASONS))
    n_bad = dict(bad.group_by("source").len().collect().iter_rows())
    row = GuardRow(key="guards.max_failed_files", limit=run.recipe.guards.max_failed_files)
    shares = [(n_bad.get(name, 0) / files.n_files, name, files.n_files) for name, files in run.ingest.files.items() if files.n_files]
    if not shares:
        return row
    share, name, n_files = max(shares, key=lambda one: one[0])
    return replace(row, group=f"source {name}", n=n_files, share=share)


def _largest_cluster(run: RunFacts, ledger: LedgerFacts) -> GuardRow:
    """The largest cluster, as a share of all documents that reached dedup."""
    n = ledger.n_records(step="dedup")
    row = GuardRow(key="guards.max_cluster", limit=run.recipe.guards.max_cluster)
    if not ledger.is_complete or not ledger.clusters or n < run.recipe.guards.min_documents:
        return row
    largest = ledger.clusters[0]
    return replace(row, group=f"cluster of {largest.survivor_id}", verb="contains", n=n, share=(largest.n_merged + 1) / n)


def _same_address(run: RunFacts, ledger: LedgerFacts) -> GuardRow:
    """Documents with the URL of another document but other text, as a share of all documents that reached dedup."""
    n = ledger.n_records(step="dedup")
    row = GuardRow(key="guards.max_same_address", limit=run.recipe.guards.max_same_address)
    if not run.done(StageName.CURATE) or n < run.recipe.guards.min_documents:
        return row
    share = run.curate.dedup.get("same_address_apart", 0) / n
    return replace(row, group="documents that share a URL but not its text", verb="are", n=n, share=share)


def _lost_bytes(run: RunFacts) -> GuardRow:
    """The source with the largest share of bytes that could not be read."""
    row = GuardRow(key="guards.max_lost_bytes", limit=run.recipe.guards.max_lost_bytes)
    sizes = {name: size for name, size in run.ingest.input_bytes.items() if size >= LEAST_BYTES}
    if not sizes:
        return row
    share, name = max(((run.ingest.lost_bytes.get(name, 0) / size, name) for name, size in sizes.items()), key=lambda one: one[0])
    return replace(row, group=f"source {name} (bytes)", n=sizes[name], share=share)
