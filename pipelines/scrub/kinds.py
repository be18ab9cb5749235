"""The table of what is private: per kind its placeholder, which candidates it looks at and what decides.

A new kind is one line here, one finder, and its name in schemas.recipe.PII_KINDS. The order is that of certainty: where two
kinds claim the same text, the one that stands first wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pipelines.scrub.candidates import AT, DOT, HYPHEN, IBAN, IPV6, NUMBER, SLASH, Candidates, Window, separators, shape
from pipelines.scrub.identity import find_cn_resident_id, find_iban, find_payment_card, find_us_ssn
from pipelines.scrub.network import find_email, find_ipv4, find_ipv6
from pipelines.scrub.phones import find_cn_mobile, find_phone
from pipelines.scrub.places import Place

Mask = npt.NDArray[np.bool_]
Finder = Callable[[Window, Place], Iterator[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of private value."""

    placeholder: bytes
    picks: Callable[[Candidates], Mask]
    """Which candidates are worth a look, by form and shape alone."""
    find: Finder
    """Byte spans within the candidate (they may reach into what follows it) that hold a value."""


def _form(form: int) -> Callable[[Candidates], Mask]:
    return lambda candidates: candidates.forms == form


def _shapes(*shapes: int) -> Callable[[Candidates], Mask]:
    return lambda candidates: (candidates.forms == NUMBER) & np.isin(candidates.shapes, shapes)


def _digits(least: int, most: int) -> Callable[[Candidates], Mask]:
    return lambda candidates: (candidates.forms == NUMBER) & (candidates.n_digits >= least) & (candidates.n_digits <= most)


def _dotted_quads(candidates: Candidates) -> Mask:
    """1.2.3.4, 1.2.3.4/24, and the ends of 1.2.3.4-1.2.3.9."""
    shown = (separators(DOT, DOT, DOT), separators(DOT, DOT, DOT, SLASH), separators(DOT, DOT, DOT, HYPHEN, DOT, DOT, DOT))
    return (candidates.forms == NUMBER) & np.isin(candidates.separators, shown)


def _alone(find: Callable[[Window], Iterator[tuple[int, int]]]) -> Finder:
    """A finder that needs not know where the document is from."""
    return lambda window, place: find(window)


KINDS: Final[dict[str, Kind]] = {
    "email": Kind(b"<EMAIL>", _form(AT), _alone(find_email)),
    "iban": Kind(b"<IBAN>", _form(IBAN), _alone(find_iban)),
    "cn_resident_id": Kind(b"<CN_RESIDENT_ID>", _shapes(shape(18), shape(6, 8, 4)), _alone(find_cn_resident_id)),
    "payment_card": Kind(b"<PAYMENT_CARD>", _digits(12, 31), _alone(find_payment_card)),
    "us_ssn": Kind(b"<US_SSN>", _shapes(shape(3, 2, 4), shape(9)), _alone(find_us_ssn)),
    "ipv6": Kind(b"<IPV6>", _form(IPV6), _alone(find_ipv6)),
    "ipv4": Kind(b"<IPV4>", _dotted_quads, _alone(find_ipv4)),
    "cn_mobile": Kind(b"<CN_MOBILE>", _digits(11, 15), find_cn_mobile),
    "phone": Kind(b"<PHONE>", _digits(7, 40), find_phone),
}
