"""How much of the corpus one domain may be."""

from __future__ import annotations

from typing import Literal

from schemas.recipe.base import Threshold, config, require


@config
class Domains:
    """A cap on each registered domain's share (example.co.uk, with everything below it). Documents without a URL have no domain."""

    max_share: Threshold = None
    """Of what is kept, 0 to 1."""
    by: Literal["chars", "documents"] = "chars"
    """What a share is measured in: characters of text or documents."""

    def __post_init__(self) -> None:
        if self.max_share is not None:
            require(0 < self.max_share <= 1, "domains.max_share", self.max_share, "must lie in (0, 1]")
