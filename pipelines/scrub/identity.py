"""Cards, IBANs and identity numbers, each held to its own checksum and issuer."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Final

import stdnum.cn.ric
import stdnum.iban
import stdnum.luhn
import stdnum.us.ssn
from stdnum import numdb
from stdnum.exceptions import ValidationError

from pipelines.scrub.candidates import IBAN, Window, shape
from pipelines.scrub.context import is_glued, words_in
from pipelines.scrub.kind import Kind, Span, form, numbers, numbers_of_digits
from pipelines.scrub.national import SOCIAL_SECURITY_SHAPES

# First and last prefix of a range of issuer numbers, and the lengths that its cards have.
_ISSUERS: Final = (
    ("4", "4", (13, 16, 19)),  # Visa
    ("51", "55", (16,)),  # Mastercard
    ("2221", "2720", (16,)),
    ("34", "34", (15,)),  # American Express
    ("37", "37", (15,)),
    ("6011", "6011", (16, 19)),  # Discover
    ("644", "659", (16, 19)),
    ("62", "62", (16, 17, 18, 19)),  # UnionPay
    ("8100", "8171", (16, 19)),
    ("300", "305", (14, 16)),  # Diners Club
    ("3095", "3095", (14, 16)),
    ("36", "36", (14, 16)),
    ("38", "39", (14, 16)),
    ("3528", "3589", (16, 17, 18, 19)),  # JCB
    ("1800", "1800", (15,)),
    ("2131", "2131", (15,)),
    ("50", "50", (12, 13, 14, 15, 16, 17, 18, 19)),  # Maestro
    ("56", "58", (12, 13, 14, 15, 16, 17, 18, 19)),
    ("6304", "6304", (12, 13, 14, 15, 16, 17, 18, 19)),
    ("67", "67", (12, 13, 14, 15, 16, 17, 18, 19)),
    ("2200", "2204", (16, 17, 18, 19)),  # Mir
    ("60", "60", (16,)),  # RuPay
    ("81", "82", (16,)),
    ("9792", "9792", (16,)),  # Troy
)
_JOINT: Final = rb"[ .-]|\xc2\xa0|\xe2\x80[\x89\x90-\x95\xaf]"
_GAP: Final = rb"(?P<gap>%b)" % _JOINT
_CARD_FORMS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rb"\d{12,19}\Z",
        rb"\d{4}%b\d{4}(?P=gap)\d{4}(?P=gap)\d{4}(?P=gap)\d{1,3}(?!\d)" % _GAP,
        rb"\d{4}%b\d{4}(?P=gap)\d{4}(?P=gap)\d{4}(?!\d)(?!(?P=gap)\d{4})" % _GAP,
        rb"\d{4}%b\d{6}(?P=gap)\d{4,5}(?!\d)" % _GAP,  # American Express, Diners Club
        rb"\d{6}%b\d{13}(?!\d)" % _GAP,  # UnionPay
    )
)
_CARD_CUE: Final = re.compile(
    r"card|visa|master|maestro|amex|american express|diners|discover|jcb|unionpay|\bcc\b|\bpan\b|credit|debit|karte|tarjeta|carte|cart[aã]o"
    r"|карт|卡|クレジット|カード|카드",
    re.IGNORECASE,
)
_CALLED_CARD: Final = re.compile(r"(?:credit|debit|bank)\s?card(?:\s(?:number|num|no)\.?)?[\s:#]*(?:(?:is|was)\s)?\Z", re.IGNORECASE)
_CALLED_IBAN: Final = re.compile(r"\bIBAN(?:\s(?:number|no|code)\.?)?[\s:='\"(]*(?:(?:is|was)\s)?\Z", re.IGNORECASE)
_CALLED_ACCOUNT: Final = re.compile(r"\bbank account(?:\s(?:number|num|no)\.?)?[\s:='\"(]*(?:(?:is|was)\s)?\Z", re.IGNORECASE)
_LIKE_IBAN: Final = re.compile(rb"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{11,30}|(?:[ -][A-Z0-9]{4}){2,7}(?:[ -][A-Z0-9]{1,3})?)(?![A-Za-z0-9])")
_IBAN_JOINT: Final = re.compile(_JOINT)
_USUAL_LENGTHS: Final = (14, 15, 16)
_CODE_BEFORE: Final = re.compile(rb"[=&#%@/?]\Z")

_CHINESE_ID: Final = re.compile(rb"(\d{6})([ -]?)(\d{8})\2(\d{3}[0-9Xx])\Z")

_SSN: Final = re.compile(rb"\d{3}-\d{2}-\d{4}\Z")
_SSN_LOOSE: Final = re.compile(rb"(\d{3})(?P<gap>[/]|%b)(\d{2})(?P=gap)(\d{4})\Z|\d{9}\Z" % _JOINT)
_SSN_ISSUED: Final = re.compile(rb"(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}")
_SSN_CUE: Final = re.compile(
    r"\bssn|\bs\.s\.n\b|social[\s-]+security|\bsoc\.? sec|\bss\s?#|\bmy social\b|\btax\s?(?:payer)?\s?id|\bitin\b|\btin\b", re.IGNORECASE
)


def find_payment_card(window: Window) -> Iterator[Span]:
    """A number with a valid check digit that has a known issuer and usual length, or follows words about cards."""
    for pattern in _CARD_FORMS:
        match = pattern.match(window.value)
        is_phone = window.before.endswith(b"+") and len(match[0]) < 16 if match else False  # E.164
        if match and not is_phone and not is_glued(window) and _is_card(match[0], window.before):
            yield match.span()
            return


def _is_card(number: bytes, before: bytes) -> bool:
    digits = re.sub(rb"\D", b"", number).decode()
    if not stdnum.luhn.is_valid(digits):  # mistyped, but labelled as a card and grouped like one
        return not number.isdigit() and len(digits) == 16 and _is_issued(digits) and bool(_CALLED_CARD.search(words_in(before)))
    return bool(_CARD_CUE.search(words_in(before))) or _is_plain_card(digits, before)


def _is_plain_card(digits: str, before: bytes) -> bool:
    """Whether the digits alone identify a card; of the issuers, only UnionPay has many with more than 16 digits."""
    is_usual = len(digits) in _USUAL_LENGTHS or (digits.startswith("62") and len(digits) > max(_USUAL_LENGTHS))
    return is_usual and _is_issued(digits) and not _CODE_BEFORE.search(before)


def _is_issued(digits: str) -> bool:
    return any(first <= digits[: len(first)] <= last and len(digits) in lengths for first, last, lengths in _ISSUERS)


def find_iban(window: Window) -> Iterator[Span]:
    """An IBAN with its country's length and pattern and valid check digits, in one piece or in groups; or a code directly after "IBAN".

    After "bank account", a code needs its country's length only.
    """
    valid = next(_valid_iban(window), None)
    if valid is not None:
        yield valid
        return
    like, before = _LIKE_IBAN.match(window.value), words_in(window.before)
    if like and (_CALLED_IBAN.search(before) or (_CALLED_ACCOUNT.search(before) and _has_length_of_iban(like[0]))):
        yield like.span()


def _has_length_of_iban(value: bytes) -> bool:
    return len(_IBAN_JOINT.sub(b"", value)) == _iban_length(value[:2].decode())


def _valid_iban(window: Window) -> Iterator[Span]:
    value = window.value
    n = _iban_length(value[:2].decode().upper())
    number = _IBAN_JOINT.sub(b"", value)[:n]
    if not n or len(number) < n or not stdnum.iban.is_valid(number.decode(), check_country=False):
        return
    end = kept = 0
    while kept < n:
        joint = _IBAN_JOINT.match(value, end)
        kept += joint is None
        end = joint.end() if joint else end + 1
    rest = value[end:] + window.after
    if not (rest[:1].isalnum() or rest[:1] == b"_"):
        yield 0, end


@functools.cache
def _iban_length(country: str) -> int:
    """Characters of an IBAN of the country; 0 where there are none."""
    structure = dict(numdb.get("iban").info(country)[0][1]).get("bban", "")
    return 4 + sum(int(n) for n in re.findall(r"(\d+)!", structure)) if structure else 0


def find_cn_resident_id(window: Window) -> Iterator[Span]:
    """A Chinese resident identity number: a region, a day of birth and the check digit."""
    match = _CHINESE_ID.match(window.value)
    if match and not is_glued(window) and _is_resident_id(b"".join(match.group(1, 3, 4)).decode()):
        yield match.span()


def _is_resident_id(number: str) -> bool:
    # The library also asks that the county existed in the year of birth, but numbers are given out later than that.
    if not ("19" <= number[6:8] <= "20" and _is_region(number[:6]) and stdnum.cn.ric.calc_check_digit(number) == number[-1].upper()):
        return False
    try:
        stdnum.cn.ric.get_birth_date(number)
    except ValidationError:
        return False
    return True


def _is_region(code: str) -> bool:
    return any(properties for _, properties in numdb.get("cn/loc").info(code))


def find_us_ssn(window: Window) -> Iterator[Span]:
    """A US Social Security number with hyphens; with other separators or without, only after words that name it."""
    match = _SSN.match(window.value)
    if not match:
        match = _SSN_LOOSE.match(window.value)
        if not match or not _SSN_CUE.search(words_in(window.before)):
            return
    digits = re.sub(rb"\D", b"", match[0])
    # The library refuses numbers that were printed in advertisements; after words that name them they are accepted.
    is_issued = stdnum.us.ssn.is_valid(digits.decode()) or (_SSN_ISSUED.fullmatch(digits) and _SSN_CUE.search(words_in(window.before)))
    if is_issued and not is_glued(window):
        yield match.span()


IBAN_NUMBER: Final = Kind("iban", form(IBAN), find_iban, "mod 97, country's pattern")
CN_RESIDENT_ID: Final = Kind("cn_resident_id", numbers(shape(18), shape(6, 8, 4)), find_cn_resident_id, "mod 11-2, region, date")
PAYMENT_CARD: Final = Kind("payment_card", numbers_of_digits(12, 31), find_payment_card, "Luhn, issuer")
US_SSN: Final = Kind("us_ssn", SOCIAL_SECURITY_SHAPES, find_us_ssn, "ranges")
