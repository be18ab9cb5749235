"""The table of what is private: per kind which candidates it looks at, what decides, and what vouches for the decision.

A new kind is one line here, one finder, and its name in schemas.recipe.PII_KINDS. The order is that of certainty: where two
kinds claim the same text, the one that stands first wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pipelines.scrub import named, national, phone_words, phrases
from pipelines.scrub.candidates import (
    AT,
    DOT,
    HANDLE,
    HYPHEN,
    IBAN,
    IPV6,
    KEY,
    MAC,
    MIN_DIGITS,
    NUMBER,
    SLASH,
    TOKEN,
    Candidates,
    Window,
    separators,
    shape,
    word,
)
from pipelines.scrub.hints import Hints
from pipelines.scrub.identity import find_cn_resident_id, find_iban, find_payment_card, find_us_ssn
from pipelines.scrub.network import (
    find_email,
    find_gps,
    find_ipv4,
    find_ipv6,
    find_mac,
    find_obfuscated_email,
    find_url_credentials,
    find_user,
)
from pipelines.scrub.phones import find_cn_mobile, find_phone
from pipelines.scrub.phrases import Phrase
from pipelines.scrub.places import Place
from pipelines.scrub.secrets import KEY_HINTS, find_crypto_address, find_key, find_private_key, find_secret

Mask = npt.NDArray[np.bool_]
Picks = Callable[[Candidates], Mask]
Finder = Callable[[Window, Place], Iterator[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of private value."""

    picks: Picks | Phrase
    """Which candidates are worth a look, by form and shape alone; or the phrase that finds them."""
    find: Finder
    """Byte spans within the candidate (they may reach into what stands around it) that hold a value."""
    validator: str
    """What vouches for a value."""
    hints: Hints = ()
    """Unless empty: only candidates after one of these parts of words are worth a look,"""
    alone: Picks | None = None
    """but for those that this picks."""


def placeholder(kind: str) -> bytes:
    """The word that stands for values of the kind."""
    return f"<{kind.upper()}>".encode()


def _form(*forms: int) -> Picks:
    return lambda candidates: np.isin(candidates.forms, forms)


def _shapes(*shapes: int) -> Picks:
    return lambda candidates: (candidates.forms == NUMBER) & np.isin(candidates.shapes, shapes)


def _words(*shapes: int) -> Picks:
    return lambda candidates: (candidates.forms == TOKEN) & np.isin(candidates.shapes, shapes)


def _digits(least: int, most: int) -> Picks:
    return lambda candidates: (candidates.forms == NUMBER) & (candidates.n_digits >= least) & (candidates.n_digits <= most)


def _either(*picks: Picks) -> Picks:
    return lambda candidates: np.logical_or.reduce([pick(candidates) for pick in picks])


def _lengths(least: int, most: int) -> Picks:
    """Words of so many bytes."""

    def picks(candidates: Candidates) -> Mask:
        n = candidates.ends - candidates.starts
        return (candidates.forms == TOKEN) & (n >= least) & (n <= most)

    return picks


def _codes(candidates: Candidates) -> Mask:
    """Numbers, and words of letters and digits, that may be a person's or an account's."""
    n, n_digits = candidates.ends - candidates.starts, candidates.n_digits
    is_word = (candidates.forms == TOKEN) & (n >= 6) & (n <= 20) & (n_digits >= 4)
    return is_word | ((candidates.forms == NUMBER) & (n_digits >= 6) & (n_digits <= 20))


def _british(candidates: Candidates) -> Mask:
    """Words, or digits between two of them, like a British driving licence."""
    return _words(word(5, 6, 2, 1, 2))(candidates) | _shapes(shape(6))(candidates)


def _licences(candidates: Candidates) -> Mask:
    return _codes(candidates) | _british(candidates)


def _dotted_quads(candidates: Candidates) -> Mask:
    """1.2.3.4, 1.2.3.4/24, and the ends of 1.2.3.4-1.2.3.9."""
    shown = (separators(DOT, DOT, DOT), separators(DOT, DOT, DOT, SLASH), separators(DOT, DOT, DOT, HYPHEN, DOT, DOT, DOT))
    return (candidates.forms == NUMBER) & np.isin(candidates.separators, shown)


def _decimals(candidates: Candidates) -> Mask:
    is_long = candidates.n_digits >= MIN_DIGITS
    return (candidates.forms == NUMBER) & (candidates.separators == separators(DOT)) & is_long


def _alone(find: Callable[[Window], Iterator[tuple[int, int]]]) -> Finder:
    """A finder that needs not know where the document is from."""
    return lambda window, place: find(window)


def _whole(window: Window, place: Place) -> Iterator[tuple[int, int]]:
    """The phrase says it all."""
    yield 0, len(window.value)


_SOCIAL: Final = _shapes(shape(3, 2, 4), shape(9))
_DNI: Final = _either(_words(shape(8, 1), word(1, 7, 1)), _shapes(shape(7), shape(8), shape(2, 3, 3)))
KINDS: Final[dict[str, Kind]] = {
    "private_key": Kind(phrases.PRIVATE_KEYS, _alone(find_private_key), "PEM, base64"),
    "secret": Kind(_form(KEY), _alone(find_secret), "format of the service"),
    "url_credentials": Kind(_form(AT), _alone(find_url_credentials), "URL"),
    "email": Kind(_form(AT), _alone(find_email), "public suffix list"),
    "obfuscated_email": Kind(phrases.OBFUSCATED_EMAIL, _alone(find_obfuscated_email), "public suffix list"),
    "iban": Kind(_form(IBAN), _alone(find_iban), "mod 97, country's pattern"),
    "cn_resident_id": Kind(_shapes(shape(18), shape(6, 8, 4)), _alone(find_cn_resident_id), "mod 11-2, region, date"),
    "payment_card": Kind(_digits(12, 31), _alone(find_payment_card), "Luhn, issuer"),
    "crypto_address": Kind(_lengths(26, 62), _alone(find_crypto_address), "base58check, bech32 or hex of Ethereum"),
    "it_fiscal_code": Kind(_words(word(6, 2, 1, 2, 1, 3, 1)), _alone(national.find_it_fiscal_code), "check letter, date"),
    "br_cpf": Kind(_shapes(shape(3, 3, 3, 2), shape(9, 2), shape(11)), _alone(national.find_br_cpf), "two check digits"),
    "br_cnpj": Kind(_shapes(shape(2, 3, 3, 4, 2), shape(14)), _alone(national.find_br_cnpj), "two check digits"),
    "kr_rrn": Kind(_shapes(shape(6, 7), shape(13)), _alone(national.find_kr_rrn), "check digit, date"),
    "fr_nir": Kind(_shapes(shape(15), shape(13, 2), shape(1, 2, 2, 2, 3, 3, 2)), _alone(national.find_fr_nir), "mod 97"),
    "us_itin": Kind(_SOCIAL, _alone(national.find_us_itin), "ranges"),
    "us_ssn": Kind(_SOCIAL, _alone(find_us_ssn), "ranges"),
    "us_ein": Kind(_shapes(shape(2, 7), shape(9)), _alone(national.find_us_ein), "prefix, words before"),
    "uk_nino": Kind(
        _either(_words(word(2, 6, 1)), _shapes(shape(2, 2, 2), shape(6))), _alone(national.find_uk_nino), "prefix, format, words before"
    ),
    "ipv6": Kind(_form(IPV6), _alone(find_ipv6), "global unicast"),
    "ipv4": Kind(_dotted_quads, _alone(find_ipv4), "public ranges"),
    "mac": Kind(_either(_form(MAC), _lengths(12, 12)), _alone(find_mac), "unicast, six octets"),
    "cn_mobile": Kind(_digits(11, 15), find_cn_mobile, "phonenumbers"),
    "imei": Kind(_shapes(shape(15), shape(2, 6, 6, 1)), _alone(national.find_imei), "Luhn, words before"),
    "in_aadhaar": Kind(_shapes(shape(12), shape(4, 4, 4)), _alone(national.find_in_aadhaar), "Verhoeff, words before"),
    "in_pan": Kind(_words(word(5, 4, 1)), _alone(national.find_in_pan), "format, words before"),
    "uk_nhs": Kind(_shapes(shape(10), shape(3, 3, 4)), _alone(national.find_uk_nhs), "mod 11, words before"),
    "de_tax_id": Kind(_shapes(shape(11), shape(2, 3, 3, 3)), _alone(national.find_de_tax_id), "ISO 7064, words before"),
    "es_dni": Kind(_DNI, _alone(national.find_es_dni), "mod 23, words before"),
    "nl_bsn": Kind(_shapes(shape(9), shape(4, 2, 3), shape(3, 3, 3)), _alone(national.find_nl_bsn), "mod 11, words before"),
    "jp_my_number": Kind(_shapes(shape(12), shape(4, 4, 4)), _alone(national.find_jp_my_number), "check digit, words before"),
    "sg_nric": Kind(_words(word(1, 7, 1)), _alone(national.find_sg_nric), "check letter, words before"),
    "us_routing": Kind(_shapes(shape(9)), _alone(national.find_us_routing), "mod 10, words before"),
    "bank_account": Kind(_either(_codes, _lengths(21, 34)), _alone(named.find_account), "words before", named.ACCOUNT_HINTS),
    "passport": Kind(_codes, _alone(named.find_passport), "words before", named.PASSPORT_HINTS),
    "driving_licence": Kind(_licences, _alone(named.find_driving_licence), "words before, or format", named.LICENCE_HINTS, _british),
    "voter_id": Kind(_codes, _alone(named.find_voter_id), "words before", named.VOTER_HINTS),
    "number_plate": Kind(phrases.NUMBER_PLATE, _whole, "format, words before"),
    "date_of_birth": Kind(phrases.DATE_OF_BIRTH, _whole, "date, words before"),
    "phone": Kind(
        _digits(5, 40),
        find_phone,
        "phonenumbers, words before",
        phone_words.HINTS,
        _either(_digits(MIN_DIGITS, 40), _shapes(shape(2, 2, 2))),
    ),
    "gps": Kind(_decimals, _alone(find_gps), "range"),
    "user": Kind(_form(HANDLE), _alone(find_user), "format"),
    "key": Kind(_lengths(20, 128), _alone(find_key), "entropy, words before", KEY_HINTS),
    "postal_address": Kind(phrases.POSTAL_ADDRESS, _whole, "words before"),
}
