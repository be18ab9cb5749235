"""Telephone numbers in candidate windows.

How strict the check is depends on the context. After a label ("Tel:", "电话") any 7 to 15 digits count, and fewer if a region that the
document may be from has such numbers. After `+`, the number must be valid in its country, or be grouped behind a country code (numbering
plans change, pages stay). Near a word such as "call", it must be valid in one of the document's regions. Elsewhere it must also be grouped
as is usual there, and must not look like a fragment, date, price or identifier, as most long numbers do.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from typing import Final

import phonenumbers
from phonenumbers import Leniency, NumberParseException, PhoneMetadata, PhoneNumberMatcher, PhoneNumberType

from pipelines.scrub.candidates import MIN_DIGITS, Window, shape
from pipelines.scrub.context import is_glued, is_in_doi, words_in
from pipelines.scrub.kind import Kind, Span, either, numbers, numbers_of_digits
from pipelines.scrub.locales import Locale
from pipelines.scrub.phone_words import CALL, CUE, HINTS, INITIAL, LABEL, LABEL_AFTER, OTHER_NUMBER, SOFT_CUE, SOFT_LABEL

_CODE_BEFORE: Final = re.compile(rb"[=&#%@$?_/\\<^~]\Z")
_CODE_AFTER: Final = re.compile(rb"[%@=$_:]|\xc2\xb0|\xe2\x82\xac|\xc2\xa3")
_DATE: Final = re.compile(
    r"(?:1[5-9]|20)\d\d[-./ ][01]?\d[-./ ][0-3]?\d(?!\d)|[0-3]?\d[-./ ][0-3]?\d[-./ ](?:1[5-9]|20)\d\d(?!\d)"
    r"|(?:1[5-9]|20)\d\d(?:[-–—/ ]| [-–/] )(?:1[5-9]|20)\d\d(?!\d)|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d)"
)
_EXTENSION: Final = re.compile(
    rb",? ?(?:x|ext\.?|extension|durchwahl|#) ?\d{1,7}(?!\d)|(?: ?\xe8\xbd\xac| ?\xe5\x88\x86\xe6\x9c\xba) ?\d{1,7}", re.IGNORECASE
)
_LONG_EXTENSION: Final = re.compile(rb",? ?(?:x|ext\.? ?)\d{2,6}(?!\d)", re.IGNORECASE)
_HEX_BEGINS: Final = re.compile(rb"\D0\Z")  # 0x12 is no extension
_FOREIGN: Final = re.compile(rb"\+\(?(?:\d{1,3}\)?[ -])?\Z")  # after the country code of another country
_ARGUMENT: Final = re.compile(rb"[A-Za-z0-9_]\(\Z")  # rgb(235 236 240)
_QUAD: Final = re.compile(rb"\d{1,3}(?:\.\d{1,3}){3}")
_DOTTED: Final = re.compile(rb"\d{1,3}(?:\.\d{1,3}){3}|\d+\.\d+|.*(?:\. ?\d.* | .*\.).*")
_GROUP: Final = re.compile(rb"\d+")
_MIN_CALLED: Final = 5  # islands have shorter numbers
_MIN_INTERNATIONAL: Final = 9
_MAX_DIGITS: Final = 15  # E.164

_SOME_NOUGHTS: Final = re.compile(rb"(?:0\D*){5}")
_NOUGHTS: Final = re.compile(rb"\D*(?:0\D*){4}")
_ROUND: Final = re.compile(rb"\d{1,3}(?:\D{1,2}\d{3})*\D{1,2}000")  # 734 000 000
_TRUNK: Final = re.compile(rb"\(?0\d+[^.\d]|\(\d")  # an area code as it is written before the rest; not the 0 of 0.3732417216

_LEAD: Final = re.compile(rb"(?:\+|\(\+|\+\(|\()\Z")
_CN_MOBILE: Final = re.compile(rb"(?P<country>(?:00)?86\)?[- ]?)?(?P<number>1[3-9]\d([- ]?)\d{4}\3\d{4})\Z")


def find_cn_mobile(window: Window) -> Iterator[Span]:
    """A Chinese mobile number, with its country code, or without one where the context allows it."""
    match = _CN_MOBILE.match(window.value)
    if not match or is_glued(window) or not (match["country"] or _may_be_chinese(window)):
        return
    number = _parse(match["number"].decode(), "CN")
    if number and phonenumbers.number_type(number) == PhoneNumberType.MOBILE:
        yield match.start() - (len(_lead(window)) if match["country"] else 0), match.end()


def _may_be_chinese(window: Window) -> bool:
    """Whether a number without a country code may be Chinese: after a label, in a document that may be Chinese, or next to Chinese text."""
    if _FOREIGN.search(window.before):
        return False
    if _labelled(window):
        return True
    return not _CODE_BEFORE.search(window.before) and (window.locale.lang is None or "CN" in window.locale.regions or _touches_han(window))


def e164(value: bytes, regions: Iterable[str]) -> set[str]:
    """The E.164 forms of a found number, without extension: one if it has a country code, else one for each region where it is valid.

    Example: b"(650) 253-0000 x12" in ("US", "GB") -> {"+16502530000"}
    """
    text = value.decode("utf-8", "ignore")
    digits = re.sub(r"\D", "", text)
    if "+" in text[:2]:
        spelled: list[tuple[str, str | None]] = [(text, None)]
    else:
        spelled = [(text, region) for region in regions]
        if digits.startswith("00"):
            spelled.append((f"+{digits[2:]}", None))
    numbers = (_parse(form, region) for form, region in spelled)
    return {phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) for number in numbers if number}


def _lead(window: Window) -> bytes:
    """The plus sign and the bracket before the first digit; the bracket only if it is closed within the number."""
    if b")" not in window.value:
        return b"+" if window.before.endswith(b"+") else b""
    match = _LEAD.search(window.before)
    if match and b"(" in match[0] and window.value.count(b"(") >= window.value.count(b")"):
        return b"+" if window.before.endswith(b"+") else b""
    return match[0] if match else b""


def find_phone(window: Window) -> Iterator[Span]:
    """The telephone number at the start of the candidate, with its plus sign or bracket and its extension."""
    lead = _lead(window)
    bare = window._replace(before=window.before[: len(window.before) - len(lead)], value=lead + window.value)
    end = _end(bare)
    if end:
        extension = None if _HEX_BEGINS.search(bare.value[:end]) else _EXTENSION.match(bare.value[end:] + bare.after)
        yield -len(lead), end - len(lead) + (extension.end() if extension else 0)


def _end(window: Window) -> int:
    """Where the number at the start of the window's value ends; 0 if there is none."""
    value = window.value
    ends = [match.end() for match in _GROUP.finditer(value)]
    if b"+" in value[:2] and not window.before[-1:].isalpha() and (end := _international_end(window, ends)):
        return end
    if _DATE.match(value.decode()) or is_in_doi(window):
        return 0
    end = _announced_end(window, ends)
    return end or (len(value) if _is_unannounced(window, len(ends)) else 0)


def _announced_end(window: Window, ends: list[int]) -> int:
    """Where the number ends, if words before or after announce it; 0 if none do, or if it is not valid."""
    value, n_groups, locale = window.value, len(ends), window.locale
    context = words_in(window.before) if window.hinted else ""
    extended = _LONG_EXTENSION.match(window.after) and not _HEX_BEGINS.search(value)
    labelled, called = _labelled(window), context and CALL.search(context)
    if (labelled or called) and (end := _valid_end(value, ends, locale.regions, _MIN_CALLED)):
        return end
    if labelled or (n_groups > 1 and (called or extended) and not _QUAD.fullmatch(value)):
        return _labelled_end(value, ends, locale)
    initial = n_groups > 1 and INITIAL.search(words_in(window.before))
    if not (context or initial) or _is_of_code(window):
        return 0
    if not initial and OTHER_NUMBER.search(context):
        return 0
    soft = n_groups > 1 and SOFT_CUE.search(context)
    if not (initial or soft or CUE.search(context)):
        return 0
    directly = initial or (soft and SOFT_LABEL.search(context))
    is_plain = n_groups > 1 and not _ARGUMENT.search(window.before)
    least = MIN_DIGITS if directly else MIN_DIGITS + 1
    return _valid_end(value, ends, locale.regions) or (_wide_end(value, locale, least) if is_plain else 0)


def _is_of_code(window: Window) -> bool:
    return bool(is_glued(window) or _CODE_BEFORE.search(window.before) or _CODE_AFTER.match(window.after))


def _international_end(window: Window, ends: list[int]) -> int:
    """Where the number after `+` ends: the longest valid one, else the whole value if it is grouped behind a country code; 0 if neither."""
    value = window.value
    for end in reversed(ends):
        if _is_valid(value[:end], None, Leniency.VALID):
            return end
    digits = re.sub(rb"\D", b"", value).decode()
    is_grouped = len(ends) > 2 and value[-1:].isdigit() and not (window.before[-1:].isdigit() or _SOME_NOUGHTS.search(value))
    if not is_grouped or not _MIN_INTERNATIONAL <= len(digits) <= _MAX_DIGITS or _CODE_BEFORE.search(window.before):
        return 0
    return ends[-1] if any(int(digits[:n]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE for n in (1, 2, 3)) else 0


def _valid_end(value: bytes, ends: list[int], regions: Iterable[str], least: int = MIN_DIGITS) -> int:
    """Where the longest beginning ends that is a valid number of at least `least` digits in one of the regions; 0 if there is none."""
    return next((end for end in reversed(ends) if _is_national(value[:end], regions, Leniency.VALID, least)), 0)


def _wide_end(value: bytes, locale: Locale, least: int = MIN_DIGITS) -> int:
    """The end of the value if it is valid in another region that the document may be from, else 0."""
    return len(value) if not _DOTTED.fullmatch(value) and _is_national(value, locale.wide, Leniency.VALID, least) else 0


def _labelled_end(value: bytes, ends: list[int], locale: Locale) -> int:
    """The end of the value if it is valid or has a plausible number of digits, else that of the longest valid beginning."""
    least = MIN_DIGITS - (len(ends) == 3)  # 61 51 81
    if least <= _n_digits(value) <= _MAX_DIGITS and not _NOUGHTS.match(value):
        return ends[-1]
    return _wide_end(value, locale, _MIN_CALLED) or _valid_end(value, ends, locale.wide)


def _is_unannounced(window: Window, n_groups: int) -> bool:
    """Whether the grouping alone identifies a telephone number, without words around it."""
    value = window.value
    if n_groups == 1 or (n_groups == 2 and not _TRUNK.match(value)) or _ROUND.fullmatch(value):
        return False
    if _is_of_code(window) or OTHER_NUMBER.search(words_in(window.before)):
        return False
    return _is_national(value, window.locale.regions, Leniency.STRICT_GROUPING)


def _is_national(value: bytes, regions: Iterable[str], leniency: int, least: int = MIN_DIGITS) -> bool:
    n_digits = _n_digits(value)
    if not least <= n_digits <= _MAX_DIGITS:
        return False
    digits = re.sub(rb"\D", b"", value).decode()
    if digits.startswith("00") and _is_valid(b"+" + digits[2:].encode(), None, Leniency.VALID):
        return True
    return any(_national_pattern(region).fullmatch(digits) and _is_valid(value, region, leniency) for region in regions)


def _is_valid(value: bytes, region: str | None, leniency: int) -> bool:
    """Whether the library finds a number of the region that spans all of `value`."""
    if _n_digits(value) > _MAX_DIGITS + 2:
        return False
    text = value.decode()
    if text.count("/") > 1:  # +49/30/901820
        text = text.replace("/", "-")
    match = next(iter(PhoneNumberMatcher(text, region, leniency, 1)), None)
    return match is not None and match.end == len(text) and match.start <= 1


@functools.cache
def _national_pattern(region: str) -> re.Pattern[str]:
    """Digits that can be a number of the region, by the library's own patterns but without the cost of its parser."""
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None or metadata.general_desc is None or metadata.general_desc.national_number_pattern is None:
        return re.compile(r"(?!)")
    if metadata.national_prefix_transform_rule:  # the dialled digits are not a prefix and the number
        return re.compile(r"\d{5,15}")
    prefix = metadata.national_prefix_for_parsing
    return re.compile((f"(?:{prefix})?" if prefix else "") + f"(?:{metadata.general_desc.national_number_pattern})")


def _parse(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def _labelled(window: Window) -> bool:
    """Whether a word directly before or after labels the number as a telephone number."""
    following = window.after
    extension = _EXTENSION.match(following)
    if extension:
        following = following[extension.end() :]
    return bool((window.hinted and LABEL.search(words_in(window.before))) or LABEL_AFTER.match(words_in(following)))


def _touches_han(window: Window) -> bool:
    """Whether a Chinese character or punctuation mark is directly before or after."""
    before, after = words_in(window.before).rstrip()[-1:], words_in(window.after).lstrip()[:1]
    return any(
        "\u3000" <= char <= "\u303f" or "\u4e00" <= char <= "\u9fff" or "\uff00" <= char <= "\uff0f" or char == "："
        for char in before + after
    )


def _n_digits(value: bytes) -> int:
    return sum(48 <= byte <= 57 for byte in value)


CN_MOBILE: Final = Kind("cn_mobile", numbers_of_digits(11, 15), find_cn_mobile, "phonenumbers")
PHONE: Final = Kind(
    "phone",
    numbers_of_digits(5, 40),
    find_phone,
    "phonenumbers, words before",
    HINTS,
    either(numbers_of_digits(MIN_DIGITS, 40), numbers(shape(2, 2, 2))),
)
