"""Ledger, documents, shards and run.json -> the report page and the dataset card."""

from __future__ import annotations

from pipelines.driver.context import RunContext, StageResult
from pipelines.report.page import write_report
from schemas.files import entry


def run(context: RunContext) -> StageResult:
    """Write both; run.json already states all stages before this one."""
    return StageResult(outputs=[entry(path, context.folder) for path in write_report(context.folder)])
