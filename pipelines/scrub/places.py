"""Where a document is from, as far as its language and the domain of its URL tell: which national formats to look for."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Final

import phonenumbers

_REGIONS_OF_LANGUAGE: Final = {
    "ar": ("EG", "SA"),
    "bg": ("BG",),
    "ca": ("ES",),
    "cs": ("CZ",),
    "da": ("DK",),
    "de": ("DE", "AT", "CH"),
    "el": ("GR",),
    "en": ("US", "GB"),
    "es": ("ES", "MX"),
    "et": ("EE",),
    "fa": ("IR",),
    "fi": ("FI",),
    "fr": ("FR", "BE", "CH"),
    "he": ("IL",),
    "hi": ("IN",),
    "hr": ("HR",),
    "hu": ("HU",),
    "id": ("ID",),
    "it": ("IT", "CH"),
    "ja": ("JP",),
    "ko": ("KR",),
    "lt": ("LT",),
    "lv": ("LV",),
    "ms": ("MY",),
    "nb": ("NO",),
    "nl": ("NL", "BE"),
    "no": ("NO",),
    "pl": ("PL",),
    "pt": ("BR", "PT"),
    "ro": ("RO",),
    "ru": ("RU",),
    "sk": ("SK",),
    "sl": ("SI",),
    "sr": ("RS",),
    "sv": ("SE",),
    "th": ("TH",),
    "tr": ("TR",),
    "uk": ("UA",),
    "vi": ("VN",),
    "zh": ("CN", "TW", "HK"),
}

# Country domains that are mostly registered for what they spell.
_GENERIC_DOMAINS: Final = frozenset(("ai", "cc", "co", "fm", "gg", "io", "la", "ly", "me", "nu", "sh", "st", "tk", "to", "tv", "ws"))
_REGION_OF_DOMAIN: Final = {"uk": "GB", "su": "RU"}

_TOP_DOMAIN: Final = re.compile(r"^[a-z][a-z0-9+.-]*://[^/?#]*?\.([a-z]{2})(?::\d+)?(?:[/?#]|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of a document's origin."""

    lang: str | None
    regions: tuple[str, ...]
    """Regions whose national telephone formats are looked for."""


def place_of(lang: str | None, url: str | None, phone_regions: tuple[str, ...]) -> Place:
    """The recipe's regions, then those of the language and of the URL's country domain."""
    match = _TOP_DOMAIN.match(url) if url else None
    return _place(lang, match[1].lower() if match else None, phone_regions)


@functools.cache
def _place(lang: str | None, domain: str | None, phone_regions: tuple[str, ...]) -> Place:
    regions = [*phone_regions, *_REGIONS_OF_LANGUAGE.get((lang or "").split("-")[0], ())]
    if domain and domain not in _GENERIC_DOMAINS:
        regions.append(_REGION_OF_DOMAIN.get(domain, domain.upper()))
    known = [region for region in regions if region in phonenumbers.SUPPORTED_REGIONS]
    return Place(lang, tuple(dict.fromkeys(known)))
