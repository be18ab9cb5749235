"""What a training's numbers are turned into."""

from __future__ import annotations

import math

import pytest

from pipelines.pretrain.baseline import Baseline
from pipelines.pretrain.metrics import curve, spikes, verdict
from pipelines.pretrain.train import TrainingProgress, TrainingResult


def judged(first: float, last: float, shuffle_z: float | None = None) -> list[str]:
    """Reasons against a training whose loss per token went from `first` to `last`, the unigram model's being 5."""
    progress = TrainingProgress(step=2, losses=[first], evaluations=[(0, {"web": 10 * first}), (2, {"web": 10 * last})], train_s=1.0)
    trained = TrainingResult(progress=progress, n_parameters=1, device="cpu", torch="2", resumed_from=0)
    baseline = Baseline(n_tokens={"web": 10}, n_bytes={"web": 40}, unigram_nats={"web": 50.0}, uniform_loss=9.0)
    found = verdict(trained, baseline, shuffle_z)
    assert found["passed"] == (not found["reasons"])
    reasons: list[str] = found["reasons"]
    return reasons


@pytest.mark.parametrize(("first", "last", "z"), [(9.0, 4.9, None), (9.0, 4.95, 5.9), (9.0, 1.0, -5.9), (5.0, 4.75, 0.0)])
def test_a_loss_that_fell_below_the_unigram_models_passes(first: float, last: float, z: float | None) -> None:
    assert judged(first, last, z) == []


def test_each_failing_is_a_reason_with_its_numbers() -> None:
    (flat,) = judged(4.9, 4.8)
    assert flat.startswith("the validation loss went from 4.900 to 4.800 nats per token; it must fall by 5%")
    (frequencies,) = judged(9.0, 4.96)
    assert frequencies.startswith("the validation loss ended at 4.960 nats per token, not 1% below the 5.000 of token frequencies alone")
    (order,) = judged(9.0, 4.0, -6.1)
    assert order == "the train shards are not shuffled: runs of one source are -6.1 deviations off (limit 6)"
    assert len(judged(9.0, 9.5, 7.0)) == 3
    assert len(judged(9.0, math.nan)) == 2


def test_a_curve_is_thinned_to_means() -> None:
    assert curve([3.0, 2.0, 1.0]) == [[1, 3.0], [2, 2.0], [3, 1.0]]
    thinned = curve([float(i) for i in range(1101)])
    assert len(thinned) == 367
    assert thinned[0] == [3, 1.0]
    assert thinned[-1] == [1101, 1099.0]


def test_a_spike_is_a_step_far_above_those_before() -> None:
    losses = [3 + 0.1 * (i % 5) for i in range(60)]
    assert spikes(losses) == []
    losses[40] = 6.0
    assert spikes(losses) == [41]
