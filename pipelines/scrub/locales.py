"""Where a document is from, judged by its language and the domain of its URL: which national formats to look for."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Final

import phonenumbers

from pipelines.text.labels import code_of

_REGIONS_OF_LANGUAGE: Final = {
    "aa": "DJ | ER ET", "af": "ZA | NA", "am": "ET",
    "ar": "EG SA | AE BH DJ DZ EH ER IL IQ JO KM KW LB LY MA MR OM PS QA SD SO SS SY TD TN YE", "as": "IN", "ay": "BO | PE",
    "az": "AZ | IR", "be": "BY", "bg": "BG", "bi": "VU", "bn": "BD | IN", "bo": "CN", "br": "FR", "bs": "BA | ME", "ca": "ES | AD FR IT",
    "ceb": "PH", "ch": "GU | MP", "co": "FR", "cs": "CZ", "cy": "GB", "da": "DK | FO GL", "de": "DE AT CH | BE LI LU IT", "dv": "MV",
    "dz": "BT", "ee": "GH | TG", "el": "GR | CY",
    "en": "US GB | AG AI AS AU BB BM BS BW BZ CA CC CK CM CX CY DM ER ET FJ FK FM GD GG GH GI GM GU GY HK IE IM IN IO JE JM KE KI "
        "KN KY LC LK LR LS MG MH MP MS MT MU MV MW MY NA NF NG NR NU NZ PG PH PK PR PW RW SB SC SD SG SH AC TA SL SS SX SZ TC TK "
        "TO TT TV TZ UG VC VG VI VU WS ZA ZM ZW",
    "es": "ES MX | AR BO CL CO CR CU DO EC GQ GT HN NI PA PE PR PY SV UY VE", "et": "EE", "eu": "ES | FR", "fa": "IR | AF TJ",
    "fi": "FI | AX SE", "fil": "PH", "fj": "FJ", "fo": "FO",
    "fr": "FR BE CH | BF BI BJ BL CA CD CF CG CI CM DJ DZ GA GF GN GP GQ HT KM LB LU MA MC MF MG ML MQ MR MU NC NE PF PM RE RW SC "
        "SN TD TG TN VU WF YT",
    "fy": "NL", "ga": "IE", "gd": "GB", "gl": "ES", "gn": "PY", "gu": "IN", "gv": "IM", "ha": "NG | NE GH", "haw": "US", "he": "IL",
    "hi": "IN", "hr": "HR | BA ME", "ht": "HT", "hu": "HU | RO SK RS", "hy": "AM", "id": "ID | TL", "ig": "NG", "is": "IS",
    "it": "IT CH | SM VA", "ja": "JP", "jv": "ID", "ka": "GE", "kk": "KZ", "kl": "GL", "km": "KH", "kn": "IN", "ko": "KR | KP",
    "ku": "TR | IQ IR SY", "ky": "KG", "lb": "LU", "lg": "UG", "ln": "CD | CG", "lo": "LA", "lt": "LT", "lv": "LV", "mg": "MG",
    "mh": "MH", "mi": "NZ | CK", "mk": "MK", "ml": "IN", "mn": "MN | CN", "mr": "IN", "ms": "MY | BN SG", "mt": "MT", "my": "MM",
    "na": "NR", "nb": "NO | SJ", "nd": "ZW", "ne": "NP | IN", "nl": "NL BE | AW BQ CW SR SX", "nn": "NO | SJ", "no": "NO | SJ",
    "ny": "MW | ZM", "oc": "FR", "om": "ET", "or": "IN", "pa": "IN | PK", "pap": "CW | AW BQ", "pl": "PL", "ps": "AF | PK",
    "pt": "BR PT | AO CV GW MO MZ ST TL", "qu": "PE | BO EC", "rm": "CH", "rn": "BI", "ro": "RO | MD", "ru": "RU | BY KG KZ MD TJ UA UZ",
    "rw": "RW", "sd": "PK | IN", "sg": "CF", "sh": "RS | BA HR ME", "si": "LK", "sk": "SK", "sl": "SI", "sm": "WS | AS", "sn": "ZW",
    "so": "SO | DJ ET KE", "sq": "AL | XK MK ME", "sr": "RS | BA ME XK", "ss": "SZ", "st": "LS | ZA", "su": "ID", "sv": "SE | AX FI",
    "sw": "TZ | KE UG CD", "ta": "IN | LK SG MY", "te": "IN", "tet": "TL", "tg": "TJ", "th": "TH", "ti": "ER | ET", "tk": "TM",
    "tl": "PH", "tn": "BW | ZA", "to": "TO", "tr": "TR | CY", "ty": "PF", "ug": "CN", "uk": "UA", "ur": "PK | IN", "uz": "UZ", "vi": "VN",
    "wo": "SN", "xh": "ZA", "yi": "IL | US", "yo": "NG | BJ", "yue": "HK | MO CN", "zh": "CN TW HK | MO SG MY", "zu": "ZA",
}  # fmt: skip
"""By language: regions that most texts in it come from | other regions where it is official or widely used."""

# Country domains that are mostly registered for the word that they spell.
_GENERIC_DOMAINS: Final = frozenset(("ai", "cc", "co", "fm", "gg", "io", "la", "ly", "me", "nu", "sh", "st", "tk", "to", "tv", "ws"))
_REGION_OF_DOMAIN: Final = {"uk": "GB", "su": "RU"}

_TOP_DOMAIN: Final = re.compile(r"^[a-z][a-z0-9+.-]*://[^/?#]*?\.([a-z]{2})(?::\d+)?(?:[/?#]|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Locale:
    """What is known about a document's origin."""

    lang: str | None
    regions: tuple[str, ...]
    """Regions whose national telephone formats are looked for."""
    wide: tuple[str, ...] = ()
    """Other regions that the document may be from; their formats count if words call the number a telephone number."""


UNKNOWN: Final = Locale(None, ())


def locale_of(lang: str | None, url: str | None, phone_regions: tuple[str, ...]) -> Locale:
    """The recipe's regions, then those of the language and of the URL's country domain."""
    match = _TOP_DOMAIN.match(url) if url else None
    return _place(lang, match[1].lower() if match else None, phone_regions)


@functools.cache
def _place(lang: str | None, domain: str | None, phone_regions: tuple[str, ...]) -> Locale:
    main, _, wide = _REGIONS_OF_LANGUAGE.get(code_of(lang), "").partition("|")
    regions, others = [*phone_regions, *main.split()], wide.split()
    if domain:
        (others if domain in _GENERIC_DOMAINS else regions).append(_REGION_OF_DOMAIN.get(domain, domain.upper()))
    known = dict.fromkeys(region for region in (*regions, *others) if region in phonenumbers.SUPPORTED_REGIONS)
    return Locale(lang, tuple(region for region in known if region in regions), tuple(region for region in known if region not in regions))
