"""The measurements of a training -> the data of metrics.json, and whether the shards pass."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, TypedDict

import numpy as np

from pipelines.pretrain.baseline import Baseline
from pipelines.pretrain.data import WindowBatches
from pipelines.pretrain.shards import OpenedShards
from schemas.recipe import Pretrain

if TYPE_CHECKING:  # that module imports torch
    from pipelines.pretrain.train import TrainingResult

LEAST_FALL: Final = 0.05
"""The validation loss must fall by this share."""
LEAST_GAIN: Final = 0.01
"""It must end this share below the loss of the unigram model."""
MOST_SHUFFLE_Z: Final = 6.0
CURVE_POINTS: Final = 500
SPIKE_WINDOW: Final = 32
SPIKE_SCORE: Final = 6.0


def training_metrics(
    opened: OpenedShards, windows: WindowBatches, config: Pretrain, trained: TrainingResult, baseline: Baseline
) -> dict[str, object]:
    """The content of metrics.json that depends on the training."""
    return {
        **verdict(trained, baseline, opened.census.shuffle_z()),
        **loss_metrics(trained, baseline),
        **training_cost(trained, windows, config),
        "checks": checked_counts(opened),
    }


class TrainingVerdict(TypedDict):
    """Whether the shards pass, and the reasons if not."""

    passed: bool
    reasons: list[str]


def verdict(trained: TrainingResult, baseline: Baseline, shuffle_z: float | None) -> TrainingVerdict:
    """Whether the shards pass, and the reasons if not.

    A falling loss alone shows only that token frequencies were learned; a loss below the unigram model's shows that order was, too.
    """
    first, last = (baseline.losses(nats) for _, nats in (trained.progress.evaluations[0], trained.progress.evaluations[-1]))
    reasons = []
    if not last["loss"] <= (1 - LEAST_FALL) * first["loss"]:
        reasons.append(
            f"the validation loss went from {first['loss']:.3f} to {last['loss']:.3f} nats per token; it must fall by {LEAST_FALL:.0%}"
        )
    if not last["loss"] <= (1 - LEAST_GAIN) * last["unigram_loss"]:
        reasons.append(
            f"the validation loss ended at {last['loss']:.3f} nats per token, not {LEAST_GAIN:.0%} below the {last['unigram_loss']:.3f} of "
            "token frequencies alone: the model did not learn their order; raise pretrain.steps, or check the documents"
        )
    if shuffle_z is not None and abs(shuffle_z) > MOST_SHUFFLE_Z:
        reasons.append(
            f"the train shards are not shuffled: runs of one source are {shuffle_z:+.1f} deviations off (limit {MOST_SHUFFLE_Z:.0f})"
        )
    return {"passed": not reasons, "reasons": reasons}


def loss_metrics(trained: TrainingResult, baseline: Baseline) -> dict[str, object]:
    """The final loss, overall and by source, and the loss curves."""
    progress = trained.progress
    evaluated = [(step, baseline.losses(nats)) for step, nats in progress.evaluations]
    last = progress.evaluations[-1][1]
    return {
        **evaluated[-1][1],
        "first_loss": evaluated[0][1]["loss"],
        "uniform_loss": baseline.uniform_loss,
        "sources": {source: baseline.losses(last, [source]) for source in last},
        "train_curve": curve(progress.losses),
        "valid_curve": [[step, losses["loss"], losses["bits_per_byte"]] for step, losses in evaluated],
        "spikes": spikes(progress.losses),
    }


def training_cost(trained: TrainingResult, windows: WindowBatches, config: Pretrain) -> dict[str, object]:
    """Size, duration and device of the training."""
    n_trained = config.steps * config.batch_size * config.seq_len
    return {
        "steps": config.steps,
        "resumed_from": trained.resumed_from,
        "n_parameters": trained.n_parameters,
        "n_trained_tokens": n_trained,
        "tokens_per_parameter": n_trained / trained.n_parameters,
        "epochs": windows.epochs(config.steps),
        "tokens_per_s": n_trained / trained.progress.train_s,
        "train_s": trained.progress.train_s,
        "device": trained.device,
        "torch": trained.torch,
    }


def checked_counts(opened: OpenedShards) -> dict[str, object]:
    """Counts that were verified before training; all of them agree with the index."""
    shards = opened.index.shards
    return {
        "n_shards": len(shards),
        "n_documents": sum(shard.n_documents for shard in shards),
        "n_tokens": sum(shard.n_tokens for shard in shards),
        "n_distinct_train_tokens": int(np.count_nonzero(opened.census.token_counts)),
        "vocab_size": opened.index.tokenizer.vocab_size,
        "shuffle_z": opened.census.shuffle_z(),
    }


def curve(losses: list[float]) -> list[list[float]]:
    """[step, mean loss of the steps since the previous point], at most CURVE_POINTS of them."""
    width = math.ceil(len(losses) / CURVE_POINTS)
    return [[min(i + width, len(losses)), float(np.mean(losses[i : i + width]))] for i in range(0, len(losses), width)]


def spikes(losses: list[float]) -> list[int]:
    """Steps (from 1) whose loss is SPIKE_SCORE standard deviations above the mean of the SPIKE_WINDOW before."""
    found = []
    for step in range(SPIKE_WINDOW, len(losses)):
        before = losses[step - SPIKE_WINDOW : step]
        if losses[step] > np.mean(before) + SPIKE_SCORE * np.std(before):
            found.append(step + 1)
    return found
