"""Windows -> a trained decoder and its losses; a training that was killed goes on from its checkpoint as if it had not been.

On a CPU the losses after a resume equal those of an uninterrupted training bit for bit, for the same number of threads.
"""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor

from pipelines.pretrain.data import IGNORED, HeldOut, Windows
from pipelines.pretrain.model import Decoder
from schemas.errors import OutputError, RecipeError
from schemas.files import whole_file
from schemas.recipe import Pretrain

BETAS: Final = (0.9, 0.95)
FINAL_RATIO: Final = 0.1
"""The learning rate ends at this share of its peak."""
MOST_LOGITS: Final = {"cpu": 1 << 22, "cuda": 1 << 28}
"""A batch is computed in pieces of at most so many logits: 16 MB on a CPU, where larger ones cost a quarter more time in fresh pages."""


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far a training has come and what it has measured."""

    step: int = 0
    losses: list[float] = field(default_factory=list)
    """One per step, before the step."""
    evaluations: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    """(step, nats over all held-out tokens by source)"""
    train_s: float = 0.0


@dataclass(slots=True, kw_only=True)
class Trained:
    """What training leaves behind."""

    progress: Progress
    n_parameters: int
    device: str
    torch: str
    resumed_from: int
    """The step of the checkpoint that it went on from; 0 for a training from the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Where a training is kept, and the digest of everything that shapes it: a checkpoint with another one is not gone on with."""

    path: Path
    fingerprint: str

    def save(self, model: Decoder, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
        """Write it, whole or not at all."""
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "progress": asdict(progress)}
        with whole_file(self.path) as temporary:
            torch.save({"fingerprint": self.fingerprint, **state}, temporary)

    def restore(self, model: Decoder, optimizer: torch.optim.Optimizer) -> Progress:
        """Bring both to the state of the file, if there is one of this training; else leave them as they are."""
        if not self.path.is_file():
            return Progress()
        try:
            state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
            raise OutputError(f"{self.path} is damaged and cannot be gone on from; delete it to train from the start") from error
        if state["fingerprint"] != self.fingerprint:
            return Progress()
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        return Progress(**state["progress"])


def train(
    config: Pretrain,
    seed: int,
    vocab_size: int,
    windows: Windows,
    held_out: dict[str, HeldOut],
    checkpoint: Checkpoint,
    on_step: Callable[[int, int, float], None],
) -> Trained:
    """Train for config.steps steps in all, evaluating before the first, every valid_every and after the last."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = Decoder(config, vocab_size, seed).to(device)
    optimizer = adamw(model, config)
    progress = checkpoint.restore(model, optimizer)
    resumed_from = progress.step
    if not progress.evaluations:
        progress.evaluations.append((0, evaluate(model, held_out)))
    while progress.step < config.steps:
        start = time.perf_counter()
        tokens, _ = windows.batch(progress.step)
        loss = advance(model, optimizer, torch.from_numpy(tokens).to(device), learning_rate(progress.step, config), config.clip_norm)
        progress.train_s += time.perf_counter() - start
        if not math.isfinite(loss):
            raise RecipeError(
                f"pretrain.learning_rate = {config.learning_rate}: the loss became {loss} at step {progress.step}; "
                "lower it, or raise pretrain.warmup_steps"
            )
        progress.losses.append(loss)
        progress.step += 1
        last = progress.step == config.steps
        if last or progress.step % config.valid_every == 0:
            progress.evaluations.append((progress.step, evaluate(model, held_out)))
        if last or progress.step % config.checkpoint_every == 0:
            checkpoint.save(model, optimizer, progress)
        on_step(progress.step, config.steps, loss)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return Trained(
        progress=progress, n_parameters=model.n_parameters(), device=name, torch=str(torch.__version__), resumed_from=resumed_from
    )


def advance(model: Decoder, optimizer: torch.optim.Optimizer, tokens: Tensor, rate: float, clip_norm: float) -> float:
    """One step on windows (B, T + 1); the mean loss before it, in nats per token."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    n_targets = tokens[:, 1:].numel()
    total = 0.0
    for piece in torch.split(tokens, rows_at_once(model, tokens.shape[1] - 1)):
        loss = cross_entropy(model, piece[:, :-1], piece[:, 1:]) / n_targets
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.item()
    torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
    optimizer.step()
    return total


@torch.no_grad()
def evaluate(model: Decoder, held_out: dict[str, HeldOut]) -> dict[str, float]:
    """Nats that the model spends on all held-out tokens of each source."""
    device = model.embedding.weight.device
    nats = {}
    for source, held in held_out.items():
        n_rows = rows_at_once(model, held.inputs.shape[1])
        inputs, targets = (torch.split(torch.from_numpy(part), n_rows) for part in (held.inputs, held.targets))
        pieces = (cross_entropy(model, i.to(device), t.to(device)).item() for i, t in zip(inputs, targets, strict=True))
        nats[source] = math.fsum(pieces)
    return nats


def rows_at_once(model: Decoder, seq_len: int) -> int:
    """How many windows are computed at once, at least one."""
    return max(1, MOST_LOGITS[model.embedding.weight.device.type] // (seq_len * model.head.out_features))


def cross_entropy(model: Decoder, inputs: Tensor, targets: Tensor) -> Tensor:
    """Nats summed over the targets that are not IGNORED; bfloat16 where a GPU computes it."""
    with torch.autocast(inputs.device.type, torch.bfloat16, enabled=inputs.is_cuda):
        logits = model(inputs)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum")


def adamw(model: Decoder, config: Pretrain) -> torch.optim.AdamW:
    """AdamW that decays matrices and leaves the norms' gains alone."""
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=BETAS, fused=True)


def learning_rate(step: int, config: Pretrain) -> float:
    """Linear from near 0 to the peak over the warm-up, then a half cosine down to FINAL_RATIO of it at the last step."""
    warmup = min(config.warmup_steps, config.steps - 1)
    if step < warmup:
        return config.learning_rate * (step + 1) / (warmup + 1)
    done = (step - warmup) / max(1, config.steps - 1 - warmup)
    return config.learning_rate * (FINAL_RATIO + (1 - FINAL_RATIO) * (1 + math.cos(math.pi * done)) / 2)
