"""Which private values are searched for, and what replaces them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import Final

from schemas.recipe.base import FilePath, Threshold, config, require, unknown_key

DEFAULT_KINDS: Final = (
    "secret", "private_key", "url_credentials", "email", "obfuscated_email", "iban", "cn_resident_id", "payment_card", "crypto_address",
    "it_fiscal_code", "br_cpf", "br_cnpj", "kr_rrn", "fr_nir", "us_itin", "us_ssn", "uk_nino", "ipv6", "ipv4", "mac", "cn_mobile", "imei",
    "in_aadhaar", "in_pan", "uk_nhs", "de_tax_id", "es_dni", "nl_bsn", "jp_my_number", "sg_nric", "us_ein", "us_routing", "bank_account",
    "passport", "driving_licence", "voter_id", "phone",
)  # fmt: skip
"""Kinds that are precise on ordinary text: a checksum, a format, or the words directly before confirm them."""
OTHER_KINDS: Final = ("number_plate", "date_of_birth", "gps", "user", "key", "postal_address")
"""Kinds that over-redact, because a phrase or the form alone identifies them: off unless a recipe names them."""
PII_KINDS: Final = (*DEFAULT_KINDS, *OTHER_KINDS)

_REDACTED: Final = "n_redacted_"


def redaction_column(kind: str) -> str:
    """The column with the number of values of a kind that were replaced in a document: n_redacted_email for email."""
    return f"{_REDACTED}{kind}"


def redaction_columns(names: Iterable[str]) -> dict[str, str]:
    """The kind of each of these columns whose name `redaction_column` made."""
    return {name: name.removeprefix(_REDACTED) for name in names if name.startswith(_REDACTED)}


MODES: Final = ("placeholder", "pseudonym", "drop_line", "drop_document")
KEY_VARIABLE: Final = "CORPUSMILL_SCRUB_KEY"


@config
class Scrub:
    """Which private values are replaced, and by what; the default is the placeholder of their kind, such as <EMAIL>."""

    kinds: tuple[str, ...] = DEFAULT_KINDS
    """Kinds of private values to replace."""
    modes: dict[str, str] = field(default_factory=dict)
    """By kind: "placeholder" (the default), "pseudonym", "drop_line" or "drop_document".

    The same value and key give the same pseudonym. It has the format of the value if the kind has a range reserved for examples
    (example.com, 555-01xx, 192.0.2.0/24, 2001:db8::/32); otherwise it is a placeholder with a keyed code."""
    pseudonym_key_file: FilePath | None = None
    """Path of a file whose bytes are the key of pseudonyms; without it the environment variable CORPUSMILL_SCRUB_KEY is the key."""
    phone_regions: tuple[str, ...] = ("US", "GB")
    """Regions whose national telephone formats are searched for besides the international one; a document's language adds its own."""
    keep_role_addresses: bool = False
    """Keep e-mail addresses of offices, such as info@ and support@, in the text."""
    max_values: Threshold = None
    """Drop documents with more private values; Dolma's limit is 5."""
    max_values_per_1000_chars: Threshold = None
    """Drop documents with more private values per 1,000 characters."""
    max_host_values_per_1000_chars: Threshold = None
    """Drop all documents of a host whose kept documents together have more private values per 1,000 characters: LLaMA 2's rule for sites
    full of personal data."""
    special_tokens: bool = False
    """Make every placeholder one token of the trained tokenizer."""

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in PII_KINDS:
                raise unknown_key("scrub.kinds", kind, PII_KINDS)
        for kind, mode in self.modes.items():
            if kind not in PII_KINDS:
                raise unknown_key("scrub.modes", kind, PII_KINDS)
            require(mode in MODES, f"scrub.modes.{kind}", mode, f"choose one of {', '.join(MODES)}")
            require(kind in self.kinds, f"scrub.modes.{kind}", mode, "add the kind to scrub.kinds")
        for name in ("max_values", "max_values_per_1000_chars", "max_host_values_per_1000_chars"):
            limit = getattr(self, name)
            require(limit is None or limit >= 0, f"scrub.{name}", limit, 'give a number that is not negative, or "off"')

    def mode(self, kind: str) -> str:
        """What happens to values of the kind."""
        return self.modes.get(kind, "placeholder")
