"""How much of the corpus may come from one domain."""

from __future__ import annotations

from typing import Literal

from schemas.recipe.base import Threshold, config, require


@config
class Domains:
    """A cap on each registered domain's share (example.co.uk, with everything below it). Documents without a URL have no domain."""

    max_share: Threshold = None
    """Maximum share of the kept documents that one domain may have, 0 to 1."""
    by: Literal["chars", "documents"] = "chars"
    """Unit of the share: characters of text or documents."""

    def __post_init__(self) -> None:
        if self.max_share is not None:
            require(0 < self.max_share <= 1, "domains.max_share", self.max_share, "must be in (0, 1]")
