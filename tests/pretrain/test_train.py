"""The schedule, the optimizer, and a training that is killed and goes on as if it had not been."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.pretrain.data import IGNORE_INDEX, HeldOut, TokenRing, WindowBatches, hold_out
from pipelines.pretrain.model import TransformerDecoder
from pipelines.pretrain.train import (
    MOST_LOGITS,
    Checkpoint,
    TrainingResult,
    adamw,
    advance,
    cross_entropy,
    held_out_nats,
    learning_rate,
    train_decoder,
)
from schemas.errors import OutputError, RecipeError
from schemas.recipe import Pretrain
from tests.pretrain.corpus import BYTES, token_batch

SMALL = Pretrain(n_layers=1, d_model=32, n_heads=2, seq_len=8, batch_size=4, steps=12, warmup_steps=3, valid_every=4, checkpoint_every=5)
BATCHES = [token_batch([("web", [1 + (i + j) % 40 for j in range(11)]) for i in range(30)])]


def train_small(path: Path, config: Pretrain = SMALL, stop_after: int | None = None, fingerprint: str = "f") -> TrainingResult:
    windows = WindowBatches(TokenRing(BATCHES, 0), seq_len=config.seq_len, batch_size=config.batch_size, seed=1)
    held_out = hold_out(BATCHES, end_of_text=0, seq_len=config.seq_len, most_tokens=50)

    def on_step(step: int, steps: int, loss: float) -> None:
        if step == stop_after:
            raise KeyboardInterrupt

    return train_decoder(config, 1, BYTES, windows, held_out, Checkpoint(path=path, fingerprint=fingerprint), on_step)


def test_a_killed_training_goes_on_to_bitwise_the_same_losses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    whole = train_small(tmp_path / "whole.pt")
    with pytest.raises(KeyboardInterrupt):
        train_small(tmp_path / "killed.pt", stop_after=7)
    resumed = train_small(tmp_path / "killed.pt")
    assert (whole.resumed_from, resumed.resumed_from) == (0, 5)
    assert resumed.progress.losses == whole.progress.losses
    assert len(whole.progress.losses) == 12
    assert resumed.progress.evaluations == whole.progress.evaluations
    assert [step for step, _ in whole.progress.evaluations] == [0, 4, 8, 12]
    one, other = (torch.load(tmp_path / name, weights_only=True)["model"] for name in ("whole.pt", "killed.pt"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_finished_training_has_nothing_left_to_do(tmp_path: Path) -> None:
    whole = train_small(tmp_path / "c.pt")
    again = train_small(tmp_path / "c.pt", stop_after=1)
    assert again.resumed_from == 12
    assert again.progress == whole.progress


def test_a_checkpoint_of_another_training_is_not_gone_on_with(tmp_path: Path) -> None:
    train_small(tmp_path / "c.pt")
    assert train_small(tmp_path / "c.pt", fingerprint="another").resumed_from == 0


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    for content in (b"", b"damaged"):
        (tmp_path / "c.pt").write_bytes(content)
        with pytest.raises(OutputError, match=r"c\.pt is damaged; delete it"):
            train_small(tmp_path / "c.pt")


def test_a_loss_that_is_no_number_stops_the_training(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"pretrain\.learning_rate = 1e\+30: the loss became nan at step \d+; lower it"):
        train_small(tmp_path / "c.pt", replace(SMALL, learning_rate=1e30, warmup_steps=0))


def test_the_rate_rises_linearly_and_falls_by_a_cosine_to_a_tenth() -> None:
    config = Pretrain(steps=14, warmup_steps=3, learning_rate=1.0)
    rates = [learning_rate(step, config) for step in range(14)]
    assert rates[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert rates[8] == pytest.approx(0.55)
    assert rates[13] == pytest.approx(0.1)
    assert rates[3:] == sorted(rates[3:], reverse=True)


@pytest.mark.parametrize(("steps", "warmup"), [(1, 0), (1, 20), (2, 20), (5, 0)])
def test_short_trainings_have_a_rate_at_every_step(steps: int, warmup: int) -> None:
    config = Pretrain(steps=steps, warmup_steps=warmup, learning_rate=1.0)
    assert all(0 < learning_rate(step, config) <= 1 for step in range(steps))
    assert max(learning_rate(step, config) for step in range(steps)) == 1


def test_matrices_decay_and_gains_do_not() -> None:
    model = TransformerDecoder(SMALL, BYTES, seed=0)
    decayed, kept = adamw(model, SMALL).param_groups
    assert (decayed["weight_decay"], kept["weight_decay"], decayed["betas"]) == (0.1, 0.0, (0.9, 0.95))
    assert {p.ndim for p in decayed["params"]} == {2}
    assert {p.ndim for p in kept["params"]} == {1}
    assert sum(p.numel() for group in (decayed, kept) for p in group["params"]) == model.n_parameters()


def test_a_batch_in_pieces_is_the_same_step(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = torch.randint(0, BYTES, (5, 9), generator=torch.Generator().manual_seed(0))
    losses, models = [], []
    for most in (1 << 22, 1, 2 * 8 * 320):
        monkeypatch.setitem(MOST_LOGITS, "cpu", most)
        model = TransformerDecoder(SMALL, BYTES, seed=0)
        losses.append(advance(model, adamw(model, SMALL), tokens, 1e-3, 1.0))
        models.append(model)
    assert losses[1:] == pytest.approx([losses[0]] * 2)
    for name, parameter in models[0].named_parameters():
        for model in models[1:]:
            torch.testing.assert_close(model.get_parameter(name), parameter, atol=1e-4, rtol=1e-3)


@torch.no_grad()
def test_evaluation_spends_the_nats_of_the_targets_and_of_nothing_else() -> None:
    model = TransformerDecoder(SMALL, BYTES, seed=0)
    inputs = np.array([[0, 5, 6, 0], [7, 0, 0, 0]])
    targets = np.array([[5, 6, IGNORE_INDEX, 7], [IGNORE_INDEX] * 4])
    logs = model(torch.from_numpy(inputs)).log_softmax(-1)
    by_hand = -sum(logs[0, i, t].item() for i, t in ((0, 5), (1, 6), (3, 7)))
    assert held_out_nats(model, {"web": HeldOut(inputs=inputs, targets=targets)}) == {"web": pytest.approx(by_hand, rel=1e-5)}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_loss_of_a_cpu_but_for_rounding(tmp_path: Path) -> None:
    model, tokens = TransformerDecoder(SMALL, BYTES, seed=0), torch.randint(0, BYTES, (4, 9))
    on_cpu = cross_entropy(model, tokens[:, :-1], tokens[:, 1:]).item()
    assert cross_entropy(model.cuda(), tokens[:, :-1].cuda(), tokens[:, 1:].cuda()).item() == pytest.approx(on_cpu, rel=1e-2)
    trained = train_small(tmp_path / "c.pt")
    assert trained.device == torch.cuda.get_device_name()
    assert all(math.isfinite(loss) for loss in trained.progress.losses)
