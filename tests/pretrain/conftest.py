"""One thread: the tensors are tiny, and results are then the same on every machine."""

from __future__ import annotations

import torch

torch.set_num_threads(1)
