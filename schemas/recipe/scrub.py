"""Which private values are replaced."""

from __future__ import annotations

from typing import Final

from schemas.errors import RecipeError
from schemas.recipe.base import config, unknown_key

PII_KINDS: Final = ("email", "ipv4", "ipv6", "payment_card", "iban", "cn_resident_id", "us_ssn", "cn_mobile", "phone")


@config
class Scrub:
    """Which private values are replaced by their kind's placeholder, such as <EMAIL>."""

    kinds: tuple[str, ...] = PII_KINDS
    phone_regions: tuple[str, ...] = ("US", "GB")
    """Regions whose national formats are looked for besides international ones; a document's language adds its own."""

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in PII_KINDS:
                raise RecipeError(unknown_key("scrub.kinds", kind, PII_KINDS))
