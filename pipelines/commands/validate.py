"""`validate`: trains the small decoder on the shards of a run again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipelines.commands.screen import end_unless_passed, say, stage_bars
from pipelines.pretrain.loop import validate_shards
from schemas import recipe as recipes
from schemas.errors import RecipeError
from schemas.lock import locked
from schemas.manifest import keys_that_differ, read_run
from schemas.recipe import Recipe
from schemas.shaping import reads
from schemas.stages import StageName, stage_of


def validate_run(folder: Path, settings: Sequence[str]) -> None:
    """Train on the shards of the run and print the losses. Ends with exit status 1 if the model does not pass."""
    recipe = recipe_with(folder, settings)
    with locked(folder), stage_bars() as bars:
        metrics = validate_shards(
            folder, recipe.pretrain, recipe.seed, on_step=lambda step, steps, loss: bars.on_progress(StageName.VALIDATE, step, steps)
        )
    say(
        f"trained on {metrics['n_trained_tokens']:,} tokens in {metrics['train_s']:.0f} s on {metrics['device']}: validation loss "
        f"{metrics['first_loss']:.3f} -> {metrics['loss']:.3f} nats per token (token frequencies alone: {metrics['unigram_loss']:.3f})"
    )
    end_unless_passed(metrics)


def recipe_with(folder: Path, settings: Sequence[str]) -> Recipe:
    """The recipe of the run with these settings. Raises RecipeError for a setting that the stage `validate` does not read."""
    data = read_run(folder)["recipe"]
    before = recipes.parse(data).as_dict()
    for setting in settings:
        recipes.apply_setting(data, setting)
    recipe = recipes.parse(data)
    if changed := [key for key in keys_that_differ(before, recipe.as_dict()) if not reads(stage_of(StageName.VALIDATE), key)]:
        raise RecipeError(
            "CM-COMMAND-014",
            f"validate does not read {', '.join(changed)}; to redo the stages that do: `run {folder} --resume --set KEY=VALUE`",
        )
    return recipe
