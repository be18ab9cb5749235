"""National and tax identity numbers: the country's format and check digits; if these are weak, also words that name the number."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

import stdnum.br.cnpj
import stdnum.br.cpf
import stdnum.de.idnr
import stdnum.es.dni
import stdnum.es.nie
import stdnum.fr.nir
import stdnum.gb.nhs
import stdnum.imei
import stdnum.in_.aadhaar
import stdnum.in_.pan
import stdnum.it.codicefiscale
import stdnum.jp.in_
import stdnum.kr.rrn
import stdnum.nl.bsn
import stdnum.us.ein
import stdnum.us.itin
import stdnum.us.rtn

from pipelines.scrub.candidates import Window, shape, word
from pipelines.scrub.context import is_glued, words_in
from pipelines.scrub.kind import Finder, Kind, Span, either, numbers, words

_NINO_LETTERS: Final = rb"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]"
_NINO: Final = re.compile(_NINO_LETTERS + rb"\d{6}[A-D]", re.IGNORECASE)
_NINO_LEAD: Final = re.compile(rb"(?<![A-Za-z0-9_])" + _NINO_LETTERS + rb"[ -]?\Z")
_NINO_CALLED_LEAD: Final = re.compile(rb"(?<![A-Za-z0-9_])[A-Za-z]{2}[ -]?\Z")
_NINO_TAIL: Final = re.compile(rb"[ -]?[A-D](?![A-Za-z0-9_])", re.IGNORECASE)
_NINO_CALLED_TAIL: Final = re.compile(rb"[ -]?[A-Z](?![A-Za-z0-9_])", re.IGNORECASE)
_NINO_PAIRS: Final = re.compile(rb"\d\d([ -])\d\d\1\d\d")
_NINO_CUE: Final = re.compile(r"national insurance|\bni\b|\bn\.i\.|nino", re.IGNORECASE)
_NINO_CALLED: Final = re.compile(
    r"(?:national insurance|\bni\b|\bn\.i\.|nino)\W{0,3}(?:(?:number|num|no|nino)\b\W{0,3}){0,2}(?:(?:is|was)\W)?\Z", re.IGNORECASE
)

_DNI_CUE: Final = re.compile(r"\bdni\b|\bnie\b|\bnif\b|documento|identidad|identificaci[oó]n|tax id|\bid\b", re.IGNORECASE)
_NIE_LEAD: Final = re.compile(rb"(?<![A-Za-z0-9_])[XYZ][- ]?\Z", re.IGNORECASE)
_DNI_TAIL: Final = re.compile(rb"[- ]?[A-HJ-NP-TV-Z](?![A-Za-z0-9_])", re.IGNORECASE)

_NRIC_WEIGHTS: Final = (2, 7, 6, 5, 4, 3, 2)
_NRIC_SERIES: Final = {
    "S": (0, "JZIHGFEDCBA"),
    "T": (4, "JZIHGFEDCBA"),
    "F": (0, "XWUTRQPNMLK"),
    "G": (4, "XWUTRQPNMLK"),
    "M": (3, "XWUTRQPNJLK"),
}


SOCIAL_SECURITY_SHAPES: Final = numbers(shape(3, 2, 4), shape(9))
"""US Social Security numbers, and numbers that are written like them."""


def checked(is_valid: Callable[[str], bool], alone: bytes = rb"(?!)", *, announced: bytes = rb"(?!)", cue: str = r"(?!)") -> Finder:
    """A finder of numbers that pass `is_valid`: written like `alone`, or like `announced` after words that match `cue`."""
    plain, named, about = re.compile(alone), re.compile(announced), re.compile(cue, re.IGNORECASE)

    def find(window: Window) -> Iterator[Span]:
        value = window.value
        fits = plain.fullmatch(value) or (named.fullmatch(value) and about.search(words_in(window.before)))
        if fits and not is_glued(window) and not window.before.endswith(b"+") and is_valid(value.decode().replace(" ", "")):
            yield 0, len(value)

    return find


US_ITIN: Final = Kind(
    "us_itin",
    SOCIAL_SECURITY_SHAPES,
    checked(
        stdnum.us.itin.is_valid, rb"\d{3}-\d{2}-\d{4}", announced=rb"\d{9}|\d{3} \d{2} \d{4}", cue=r"\bitin\b|taxpayer|\btax\s?id|\btin\b"
    ),
    "ranges",
)
UK_NHS: Final = Kind(
    "uk_nhs",
    numbers(shape(10), shape(3, 3, 4)),
    checked(stdnum.gb.nhs.is_valid, announced=rb"\d{10}|\d{3}([ -])\d{3}\1\d{4}", cue=r"\bnhs\b"),
    "mod 11, words before",
)
DE_TAX_ID: Final = Kind(
    "de_tax_id",
    numbers(shape(11), shape(2, 3, 3, 3)),
    checked(
        stdnum.de.idnr.is_valid, announced=rb"\d{11}|\d{2} \d{3} \d{3} \d{3}", cue=r"steuer|\bidnr|\btax\s?id|\btin\b|identifikationsnummer"
    ),
    "ISO 7064, words before",
)
FR_NIR: Final = Kind(
    "fr_nir",
    numbers(shape(15), shape(13, 2), shape(1, 2, 2, 2, 3, 3, 2)),
    checked(
        lambda number: number[0] in "12" and stdnum.fr.nir.is_valid(number),
        rb"\d( ?)\d\d\1\d\d\1\d\d\1\d{3}\1\d{3} ?\d\d",
    ),
    "mod 97",
)
IT_FISCAL_CODE: Final = Kind(
    "it_fiscal_code",
    words(word(6, 2, 1, 2, 1, 3, 1)),
    checked(stdnum.it.codicefiscale.is_valid, rb"[A-Za-z]{6}\d\d[A-Za-z]\d\d[A-Za-z]\d{3}[A-Za-z]"),
    "check letter, date",
)
NL_BSN: Final = Kind(
    "nl_bsn",
    numbers(shape(9), shape(4, 2, 3), shape(3, 3, 3)),
    checked(stdnum.nl.bsn.is_valid, announced=rb"\d{9}|\d{4}\.\d{2}\.\d{3}|\d{3}([ .])\d{3}\1\d{3}", cue=r"\bbsn\b|burgerservice|sofi"),
    "mod 11, words before",
)
BR_CPF: Final = Kind(
    "br_cpf",
    numbers(shape(3, 3, 3, 2), shape(9, 2), shape(11)),
    checked(
        stdnum.br.cpf.is_valid,
        rb"\d{3}\.\d{3}\.\d{3}-\d\d",
        announced=rb"\d{11}|\d{9}-\d\d|\d{3}([ .-])\d{3}\1\d{3}[ .-]\d\d",
        cue=r"\bcpf\b",
    ),
    "two check digits",
)
BR_CNPJ: Final = Kind(
    "br_cnpj",
    numbers(shape(2, 3, 3, 4, 2), shape(14)),
    checked(stdnum.br.cnpj.is_valid, rb"\d\d\.\d{3}\.\d{3}/\d{4}-\d\d", announced=rb"\d{14}", cue=r"\bcnpj\b"),
    "two check digits",
)
IN_AADHAAR: Final = Kind(
    "in_aadhaar",
    numbers(shape(12), shape(4, 4, 4)),
    checked(stdnum.in_.aadhaar.is_valid, announced=rb"\d{12}|\d{4}([ -])\d{4}\1\d{4}", cue=r"aadh?aar|\baadhar|uidai|आधार"),
    "Verhoeff, words before",
)
IN_PAN: Final = Kind(
    "in_pan",
    words(word(5, 4, 1)),
    checked(stdnum.in_.pan.is_valid, announced=rb"[A-Za-z]{5}\d{4}[A-Za-z]", cue=r"\bpan\b|permanent account|income tax|\btax\s?id|पैन"),
    "format, words before",
)
KR_RRN: Final = Kind(
    "kr_rrn",
    numbers(shape(6, 7), shape(13)),
    checked(stdnum.kr.rrn.is_valid, rb"\d{6}-\d{7}", announced=rb"\d{13}", cue=r"주민|등록번호|\brrn\b|resident reg"),
    "check digit, date",
)
JP_MY_NUMBER: Final = Kind(
    "jp_my_number",
    numbers(shape(12), shape(4, 4, 4)),
    checked(
        stdnum.jp.in_.is_valid, announced=rb"\d{12}|\d{4}([ -])\d{4}\1\d{4}", cue=r"(?-i:M[Yy]\s?N(?:umber|UMBER))|マイナンバー|個人番号"
    ),
    "check digit, words before",
)
IMEI: Final = Kind(
    "imei",
    numbers(shape(15), shape(2, 6, 6, 1)),
    checked(stdnum.imei.is_valid, announced=rb"\d{15}|\d\d([ -])\d{6}\1\d{6}\1\d", cue=r"\bimeis?\b"),
    "Luhn, words before",
)
US_EIN: Final = Kind(
    "us_ein",
    numbers(shape(2, 7), shape(9)),
    checked(
        stdnum.us.ein.is_valid, announced=rb"\d{2}-?\d{7}", cue=r"\bf?ein\b|employer\s+id|\btax(?:payer)?\s?id|\btin\b|federal\s+(?:tax|id)"
    ),
    "prefix, words before",
)
US_ROUTING: Final = Kind(
    "us_routing",
    numbers(shape(9)),
    checked(stdnum.us.rtn.is_valid, announced=rb"\d{9}", cue=r"routing|\baba\b|\brtn\b|\btransit"),
    "mod 10, words before",
)


def find_uk_nino(window: Window) -> Iterator[Span]:
    """A UK National Insurance number: in spaced pairs, or after words that name it, then with any letters."""
    value, before = window.value, words_in(window.before)
    if value[:1].isalpha():
        called = _NINO_CALLED.search(before) and value[-1:].isalpha()
        if not is_glued(window) and (called or (_NINO.fullmatch(value) and _NINO_CUE.search(before))):
            yield 0, len(value)
        return
    lead, tail = _NINO_CALLED_LEAD.search(window.before), _NINO_CALLED_TAIL.match(window.after)
    if not lead or not tail or not (value.isdigit() or _NINO_PAIRS.fullmatch(value)):
        return
    usual = _NINO_LEAD.search(window.before) and _NINO_TAIL.match(window.after) and not value.isdigit()
    if usual or _NINO_CALLED.search(words_in(window.before[: lead.start()])):
        yield -len(lead[0]), len(value) + tail.end()


UK_NINO: Final = Kind(
    "uk_nino",
    either(words(word(2, 6, 1)), numbers(shape(2, 2, 2), shape(6))),
    find_uk_nino,
    "prefix, format, words before",
)


def find_es_dni(window: Window) -> Iterator[Span]:
    """A Spanish DNI or NIE with the right letter, after words that name it; in 12345678-Z the letter follows the candidate."""
    digits = window.value.replace(b".", b"")
    lead = _NIE_LEAD.search(window.before) if len(digits) == 7 and digits.isdigit() else None
    before = window.before[: lead.start()] if lead else window.before
    if is_glued(Window(before, window.value, b"")) or not _DNI_CUE.search(words_in(before)):
        return
    tail = _DNI_TAIL.match(window.after) if digits.isdigit() else None
    if tail or not (digits.isdigit() or window.after[:1].isalnum()):
        number = ((lead[0][:1] if lead else b"") + digits + (tail[0][-1:] if tail else b"")).decode()
        if len(number) == 9 and (stdnum.es.dni.is_valid(number) or stdnum.es.nie.is_valid(number)):
            yield -len(lead[0]) if lead else 0, len(window.value) + (tail.end() if tail else 0)


ES_DNI: Final = Kind(
    "es_dni",
    either(words(shape(8, 1), word(1, 7, 1)), numbers(shape(7), shape(8), shape(2, 3, 3))),
    find_es_dni,
    "mod 23, words before",
)


def is_sg_nric(number: str) -> bool:
    """Whether the last letter of a Singaporean NRIC or FIN is right."""
    number = number.upper()
    if number[0] not in _NRIC_SERIES:
        return False
    offset, letters = _NRIC_SERIES[number[0]]
    total = offset + sum(weight * int(digit) for weight, digit in zip(_NRIC_WEIGHTS, number[1:8], strict=True))
    return letters[total % 11] == number[8]


SG_NRIC: Final = Kind(
    "sg_nric",
    words(word(1, 7, 1)),
    checked(is_sg_nric, announced=rb"[STFGMstfgm]\d{7}[A-Za-z]", cue=r"\bnric|\bfin\b|identity|\bic\b|singapore"),
    "check letter, words before",
)
