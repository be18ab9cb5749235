"""How `dedup.memory_mb` is shared out."""

from __future__ import annotations

import math
from typing import Final

from schemas.recipe import Dedup

# Sorting a range takes several times its size; a text with its shingles about ten times its length.
RANGE_SHARE: Final = 1 / 12
VERIFY_SHARE: Final = 1 / 32


def memory_share(dedup: Dedup, share: float) -> int:
    """Bytes."""
    return int(dedup.memory_mb * 1024 * 1024 * share)


def ranges_for(n_bytes: int, dedup: Dedup) -> int:
    """How many ranges an exchange of `n_bytes` needs, so that one of them fits the memory."""
    return max(4, math.ceil(n_bytes / memory_share(dedup, RANGE_SHARE)))
