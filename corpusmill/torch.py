"""Token shards as a torch dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch.utils.data import Dataset

from pipelines.pretrain.data import TokenRing, WindowBatches
from pipelines.pretrain.shards import open_shards


class TokenWindows(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Windows of `seq_len` tokens and their targets, int64[seq_len] each, in an order that depends on `seed`.

    Documents follow each other, separated by the end-of-text token. The shards are memory-mapped. Each `epoch` has another
    order.
    """

    def __init__(
        self, folder: str | Path, seq_len: int, *, split: Literal["train", "valid"] = "train", seed: int = 0, epoch: int = 0
    ) -> None:
        """`folder` is a run folder. Raises CorpusmillError if its shards do not match their index."""
        opened = open_shards(Path(folder))
        ring = TokenRing(opened.batches[split], opened.index.end_of_text)
        self.windows = WindowBatches(ring, seq_len=seq_len, batch_size=1, seed=seed)
        self.first = epoch * self.windows.n_windows

    def __len__(self) -> int:
        return self.windows.n_windows

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        if not 0 <= number < len(self):
            raise IndexError(number)
        (tokens,), _ = self.windows.batch(self.first + number)
        return torch.from_numpy(tokens[:-1]), torch.from_numpy(tokens[1:])
