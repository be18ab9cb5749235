"""Windows -> a trained decoder and its losses. A killed training continues from its checkpoint, with the same result.

On a CPU the losses after a resume equal those of an uninterrupted training bit for bit, for the same number of threads.
"""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, TypedDict

import torch
import torch.nn.functional as F
from torch import Tensor

from pipelines.pretrain.data import IGNORE_INDEX, HeldOut, WindowBatches
from pipelines.pretrain.model import TransformerDecoder
from schemas.errors import OutputError, RecipeError
from schemas.files import whole_file
from schemas.recipe import Pretrain

BETAS: Final = (0.9, 0.95)
FINAL_RATIO: Final = 0.1
"""The learning rate ends at this share of its peak."""
MOST_LOGITS: Final = {"cpu": 1 << 22, "cuda": 1 << 28}
"""A batch is computed in pieces of at most this many logits: 16 MB on a CPU, where larger pieces take a quarter longer (page faults)."""


@dataclass(slots=True, kw_only=True)
class TrainingProgress:
    """The step of a training and its measurements so far; a checkpoint stores it."""

    step: int = 0
    losses: list[float] = field(default_factory=list)
    """One per step, before the step."""
    evaluations: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    """(step, nats over all held-out tokens by source)"""
    train_s: float = 0.0


class ProgressState(TypedDict):
    """The fields of TrainingProgress."""

    step: int
    losses: list[float]
    evaluations: list[tuple[int, dict[str, float]]]
    train_s: float


class CheckpointState(TypedDict):
    """The content of a checkpoint."""

    fingerprint: str
    model: dict[str, Tensor]
    optimizer: dict[str, object]
    progress: ProgressState


@dataclass(slots=True, kw_only=True)
class TrainingResult:
    """A finished training."""

    progress: TrainingProgress
    n_parameters: int
    device: str
    torch: str
    resumed_from: int
    """The step of the checkpoint that it continued from; 0 if there was none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The file of a checkpoint, and the digest of everything that shapes the training; a checkpoint with another digest is ignored."""

    path: Path
    fingerprint: str

    def save(self, model: TransformerDecoder, optimizer: torch.optim.Optimizer, progress: TrainingProgress) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "progress": asdict(progress)}
        with whole_file(self.path) as temporary:
            torch.save({"fingerprint": self.fingerprint, **state}, temporary)

    def restore(self, model: TransformerDecoder, optimizer: torch.optim.Optimizer) -> TrainingProgress:
        """Restore both from the file, if it is of this training, and return its progress; else leave them as they are."""
        if not self.path.is_file():
            return TrainingProgress()
        try:
            state: CheckpointState = torch.load(self.path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
            raise OutputError("CM-PRETRAIN-008", f"{self.path} is damaged; delete it to train from the start") from error
        if state["fingerprint"] != self.fingerprint:
            return TrainingProgress()
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        return TrainingProgress(**state["progress"])


def train_decoder(
    config: Pretrain,
    seed: int,
    vocab_size: int,
    windows: WindowBatches,
    held_out: dict[str, HeldOut],
    checkpoint: Checkpoint,
    on_step: Callable[[int, int, float], None],
) -> TrainingResult:
    """Train up to config.steps steps. Evaluates before the first step, every valid_every steps and after the last."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = TransformerDecoder(config, vocab_size, seed).to(device)
    optimizer = adamw(model, config)
    progress = checkpoint.restore(model, optimizer)
    resumed_from = progress.step
    if not progress.evaluations:
        progress.evaluations.append((0, held_out_nats(model, held_out)))
    while progress.step < config.steps:
        start = time.perf_counter()
        tokens, _ = windows.batch(progress.step)
        loss = advance(model, optimizer, torch.from_numpy(tokens).to(device), learning_rate(progress.step, config), config.clip_norm)
        progress.train_s += time.perf_counter() - start
        if not math.isfinite(loss):
            raise RecipeError(
                "CM-PRETRAIN-009",
                f"pretrain.learning_rate = {config.learning_rate}: the loss became {loss} at step {progress.step}; "
                "lower it, or raise pretrain.warmup_steps",
            )
        progress.losses.append(loss)
        progress.step += 1
        last = progress.step == config.steps
        if last or progress.step % config.valid_every == 0:
            progress.evaluations.append((progress.step, held_out_nats(model, held_out)))
        if last or progress.step % config.checkpoint_every == 0:
            checkpoint.save(model, optimizer, progress)
        on_step(progress.step, config.steps, loss)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return TrainingResult(
        progress=progress, n_parameters=model.n_parameters(), device=name, torch=str(torch.__version__), resumed_from=resumed_from
    )


def advance(model: TransformerDecoder, optimizer: torch.optim.Optimizer, tokens: Tensor, rate: float, clip_norm: float) -> float:
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
def held_out_nats(model: TransformerDecoder, held_out: dict[str, HeldOut]) -> dict[str, float]:
    """By source, the summed loss of all held-out tokens, in nats."""
    device = model.embedding.weight.device
    nats = {}
    for source, held in held_out.items():
        n_rows = rows_at_once(model, held.inputs.shape[1])
        inputs, targets = (torch.split(torch.from_numpy(part), n_rows) for part in (held.inputs, held.targets))
        pieces = (cross_entropy(model, i.to(device), t.to(device)).item() for i, t in zip(inputs, targets, strict=True))
        nats[source] = math.fsum(pieces)
    return nats


def rows_at_once(model: TransformerDecoder, seq_len: int) -> int:
    """How many windows to compute at once, at least one."""
    return max(1, MOST_LOGITS[model.embedding.weight.device.type] // (seq_len * model.head.out_features))


def cross_entropy(model: TransformerDecoder, inputs: Tensor, targets: Tensor) -> Tensor:
    """Nats summed over the targets that are not IGNORE_INDEX; computed in bfloat16 on a GPU."""
    with torch.autocast(inputs.device.type, torch.bfloat16, enabled=inputs.is_cuda):
        logits = model(inputs)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE_INDEX, reduction="sum")


def adamw(model: TransformerDecoder, config: Pretrain) -> torch.optim.AdamW:
    """AdamW with weight decay for matrices, and none for the gains of norms."""
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
