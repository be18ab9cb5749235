"""Token shards -> a small trained model, and whether it learned from them."""

from __future__ import annotations

from pipelines.driver.context import RunContext, StageResult
from pipelines.pretrain.loop import validate_shards
from schemas import layout
from schemas.files import entry
from schemas.stages import StageName


def run(context: RunContext) -> StageResult:
    """Train the small decoder."""
    config = context.recipe.pretrain
    if not config.enabled:
        return StageResult(outputs=[], details={"skipped": "pretrain.enabled = false"})
    metrics = validate_shards(
        context.folder, config, context.recipe.seed, on_step=lambda step, steps, loss: context.on_progress(StageName.VALIDATE, step, steps)
    )
    return StageResult(outputs=[entry(context.folder / layout.VALIDATION / "metrics.json", context.folder)], details=metrics)
