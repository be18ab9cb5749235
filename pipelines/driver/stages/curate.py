"""The pool -> dedup -> documents, and ledger rows of merged and kept ones. Every signature must exist before copies are merged.

Text never passes a shuffle: dedup sends back which rows of which pool file end where.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import apache_beam as beam
import pyarrow as pa

from pipelines.dedup.apply.stage import ApplyMerges
from pipelines.dedup.clusters import CLUSTER_SIZE
from pipelines.dedup.evals.decontaminate import EVALUATION_CUT, cuts_items
from pipelines.dedup.evals.sets import contamination_report, describe_evals, load_evals, unsearchable_items
from pipelines.dedup.evals.stage import FindCommonGrams
from pipelines.dedup.forecast import Cost, cost_record, folder_bytes, forecast_cost, forecast_lines
from pipelines.dedup.job import DedupJob, n_progress_steps
from pipelines.dedup.pool import Eligibility, RowFilter
from pipelines.dedup.snapshots.index import add_snapshot, describe_index, open_index
from pipelines.dedup.snapshots.stage import StageSnapshot
from pipelines.dedup.spans.rewrite import cut_fields
from pipelines.dedup.stage import Deduplicate
from pipelines.driver.caps import apply_caps
from pipelines.driver.context import Graph, RunContext, StageResult, balance, columns_of
from pipelines.driver.guards import check_addresses, check_merges
from pipelines.driver.pool import decider_of, pool_schema
from pipelines.engine.decision import kept, removed
from pipelines.engine.execute import GraphResult
from pipelines.engine.segments import ReportFiles, WriteSegments
from pipelines.scrub.stage import rescrub
from schemas import layout
from schemas.files import FileEntry
from schemas.hops import LEDGER
from schemas.ledger import check_run, check_step
from schemas.manifest import Counts
from schemas.recipe import Recipe, redaction_columns
from schemas.stages import StageName

SNAPSHOT: Final = "work/curate/snapshot"
"""What goes into the dedup index when the stage is done."""


class Pool(NamedTuple):
    """What the stage works on."""

    segments: list[Path]
    n_documents: int
    """How many of their documents are eligible."""
    eligibility: Eligibility
    """Which documents are eligible."""


def inputs(context: RunContext) -> tuple[str, ...]:
    """The evaluation sets, and the snapshots of earlier runs."""
    return describe_evals(context.recipe.decontaminate) + describe_index(context.recipe.dedup)


def build(graph: Graph, pool: Pool) -> None:
    """The graph: eligible documents are merged or kept."""
    recipe, dedup, run, work = graph.recipe, graph.recipe.dedup, graph.run, graph.work
    job = DedupJob(
        dedup=dedup,
        segments=[str(path) for path in pool.segments],
        n_documents=pool.n_documents,
        folder=work,
        progress=graph.progress,
        eligibility=pool.eligibility,
        earlier=open_index(dedup, len(pool.segments)),
        rescrub=partial(rescrub, scrub=recipe.scrub),
    )
    numbered = graph.pipeline | "segments" >> beam.Create(list(enumerate(job.segments)))
    deduplicated = numbered | "dedup" >> Deduplicate(job)
    decided = deduplicated | "apply merges" >> ApplyMerges(job)
    curated = decided | "curated" >> beam.Map(kept)
    if cuts_items(recipe.decontaminate):  # text joined by a cut may form a private value
        curated = curated | "mend" >> beam.Map(rescrub, scrub=recipe.scrub)
    files = [
        curated | "documents" >> WriteSegments(run, layout.DOCUMENTS, "documents", documents_schema(recipe)),
        decided | "merged" >> beam.Map(removed) | "ledger" >> WriteSegments(run, layout.LEDGER, "dedup", LEDGER, ".parquet"),
    ]
    if dedup.snapshot:
        eligibility = pool.eligibility.after_cuts(dedup)
        files.append(
            deduplicated | "snapshot" >> StageSnapshot(dedup, eligibility, pool.n_documents, run, SNAPSHOT, work / "snapshot-keys")
        )
    files | "files" >> beam.Flatten() | "report" >> ReportFiles(graph.report)


def build_common_grams(graph: Graph, segments: list[Path], keeps: RowFilter) -> None:
    """The pool's rows that `keeps` keeps -> the n-grams of evaluation sets that are in too many of them to be evidence."""
    paths = graph.pipeline | "segments" >> beam.Create([str(path) for path in segments])
    common = FindCommonGrams(graph.recipe, keeps, len(segments), graph.run, graph.work / "grams", graph.progress)
    paths | "common" >> common | "report" >> ReportFiles(graph.report)


def documents_schema(recipe: Recipe) -> pa.Schema:
    """The documents: columns of the pool, how much was cut from each text, and how many copies each represents."""
    of_items = [EVALUATION_CUT] if cuts_items(recipe.decontaminate) else []
    return pa.schema([*pool_schema(recipe), *cut_fields(recipe.dedup), CLUSTER_SIZE, *of_items])


def run(context: RunContext) -> StageResult:
    """Merge copies; the documents that stay are the corpus."""
    recipe, folder = context.recipe, context.folder
    segments = [folder / file.path for file in context.pool()]
    n_kept = context.records[StageName.INGEST].counts["filters"].n_out
    capped = apply_caps(recipe, segments, decider_of(recipe).keeps, n_kept, context.ledger)
    eligibility = Eligibility(capped.keeps, recipe.decontaminate, common_grams(context, segments, capped.keeps))
    pool = Pool(segments, capped.counts.n_out, eligibility)
    estimated = forecast_cost(recipe.dedup, segments, pool.n_documents, pool.eligibility)
    for line in forecast_lines(estimated, recipe.dedup):
        context.engine.on_message(line)
    ran, files = context.graph(StageName.CURATE, n_progress_steps(recipe.dedup) * len(segments), lambda graph: build(graph, pool))
    staged = [file for file in files if file.path.startswith(f"{SNAPSHOT}/")]
    files = [file for file in files if file not in staged]
    counts = balance(ran, "dedup")
    check_rows(context, counts["dedup"], capped.counts, files)
    check_merges(context.ledger, recipe.guards)
    check_addresses(ran.counters.get("dedup", {}).get("same_address_apart", 0), pool.n_documents, recipe.guards)
    check_run(context.ledger, context.records[StageName.INGEST].counts["read"].n_in)
    measured = cost_of(ran, counts["dedup"], folder / layout.WORK / StageName.CURATE)
    details = {
        "redacted": redacted(recipe, [folder / file.path for file in files if file.path.startswith(f"{layout.DOCUMENTS}/")]),
        "dedup": {name: n for name, n in ran.counters.get("dedup", {}).items() if name not in Counts.__slots__},
        "dedup_cost": cost_record(estimated, measured, recipe.dedup),
        **contaminated(recipe, ran),
    }
    if staged:
        snapshot = add_snapshot(recipe.dedup, folder / SNAPSHOT, staged)
        details["snapshot"] = {"name": snapshot.name, "folder": snapshot.folder, "n_documents": snapshot.n_documents}
    if capped.files:
        counts = {"caps": capped.counts, **counts}
    return StageResult(outputs=[*files, *capped.files], counts=counts, details=details)


def common_grams(context: RunContext, segments: list[Path], keeps: RowFilter) -> tuple[Path, ...]:
    """Files of the n-grams of evaluation sets that are no evidence, where the recipe wants them counted."""
    config = context.recipe.decontaminate
    if not config.paths or config.max_documents is None:
        return ()
    _, files = context.graph(StageName.CURATE, len(segments), lambda graph: build_common_grams(graph, segments, keeps))
    return tuple(context.folder / file.path for file in files)


def check_rows(context: RunContext, dedup: Counts, caps: Counts, files: list[FileEntry]) -> None:
    """ConservationError unless all documents that the filters kept went through caps and dedup and have a row in the files."""
    check_step("filters to caps", context.records[StageName.INGEST].counts["filters"].n_out, caps.n_in, 0)
    check_step("caps to dedup", caps.n_out, dedup.n_in, 0)
    check_step("files of curate", dedup.n_in + dedup.n_out, sum(file.n_rows or 0 for file in files), 0)


def redacted(recipe: Recipe, documents: list[Path]) -> dict[str, int]:
    """By kind, how many private values were redacted in the documents."""
    kind_of = redaction_columns(pool_schema(recipe).names)
    sums = columns_of(documents, *kind_of).sum().row(0, named=True) if kind_of else {}
    return {kind_of[name]: n or 0 for name, n in sums.items()}


def cost_of(ran: GraphResult, dedup: Counts, work: Path) -> Cost:
    """What deduplication cost."""
    seen = ran.counters.get("dedup cost", {})
    return Cost(
        n_documents=dedup.n_in,
        signature_bytes=seen.get("signature_bytes", 0),
        band_bytes=seen.get("band_bytes", 0),
        disk_bytes=folder_bytes(work),
        largest_bucket=seen.get("largest_bucket", 0),
        cpu_s=round(ran.cpu_s, 1),
    )


def contaminated(recipe: Recipe, ran: GraphResult) -> dict[str, Any]:
    """What was found of evaluation sets; empty where the recipe names none."""
    if not recipe.decontaminate.paths:
        return {}
    evals = load_evals(recipe.decontaminate)
    return {
        "contamination": contamination_report(ran.counters.get("contamination", {}), evals),
        "evaluation_items_left_out": unsearchable_items(evals, recipe.decontaminate),
    }
