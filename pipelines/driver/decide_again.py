"""Deciding again about the documents of the pool, by their measurements and without their sources."""

from __future__ import annotations

import shutil

from pipelines.driver.context import RunContext, StageResult, balance
from pipelines.driver.markers import record_of, without_decisions
from pipelines.driver.stages.ingest import build_decide_again, check_kept, failing
from pipelines.engine.stopwatch import stopwatch
from schemas import layout
from schemas.manifest import StageRecord, write_marker
from schemas.stages import StageName, stage_of

DECIDE = "decide"
"""What its progress is called."""


def decide_again(context: RunContext, before: StageRecord) -> StageRecord:
    """Rewrite the filters' ledger, and write and return the new record of `ingest`."""
    context.records[StageName.INGEST] = before
    pool = context.pool()
    segments = [str(context.folder / file.path) for file in pool]
    with stopwatch() as watch:
        ran, ledger = context.graph(DECIDE, len(segments), lambda graph: build_decide_again(graph, segments))
        counts = {**before.counts, **balance(ran, "filters")}
        check_kept(context, pool, counts)
    shutil.rmtree(context.folder / layout.WORK)
    outputs = sorted([*without_decisions(before).outputs, *ledger], key=lambda file: file.path)
    done = StageResult(outputs=outputs, counts=counts, details=before.details | failing(ran))
    stage = stage_of(StageName.INGEST)
    named = context.recipe.files_named_in(*stage.files_named_in)
    others = (line for line in before.inputs if line.partition(".")[0] not in stage.files_named_in)
    record = record_of(stage, context.recipe, (*named, *others), done, watch, before.versions)
    write_marker(context.folder, record)
    return record
