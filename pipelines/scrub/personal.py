"""Private values that a phrase alone reveals: dates of birth, postal addresses, number plates."""

from __future__ import annotations

import re
from typing import Final

from pipelines.scrub.kind import Kind, whole_phrase
from pipelines.scrub.phrases import Phrase


def _phrase(pattern: str, *hints: str) -> Phrase:
    return Phrase(re.compile(pattern.encode(), re.IGNORECASE), tuple(hint.encode() for hint in hints))


_MONTH: Final = (
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|märz|mai|okt|dez|enero|abril|ago|dic|janv|f(?:é|e)v|avr|juin|juil"
    r"|ao(?:û|u)t|d(?:é|e)c)"
    r"[a-z]{0,7}\.?"
)
_DATE: Final = (
    rf"(?:\d{{1,4}}(?:[-/ ]|\. ?)\d{{1,2}}(?:[-/ ]|\. ?)\d{{2,4}}|\d{{1,2}}(?:st|nd|rd|th|\.)?\s(?:of\s|de\s)?{_MONTH},?\s(?:de\s)?\d{{4}}"
    rf"|{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?,?\s\d{{4}}|\d{{4}}\s?年\s?\d{{1,2}}\s?月\s?\d{{1,2}}\s?日|\d{{4}}년\s?\d{{1,2}}월\s?\d{{1,2}}일)"
)
_BIRTH_DATE: Final = _phrase(
    r"(?<![A-Za-z])(?:date of birth|birth\s?da(?:te|y)|d\.?o\.?b(?![A-Za-z])\.?|born(?: on)?|geburtsdatum"
    r"|geboren(?: am)?|geb\.(?::| am)?|n(?:é|e)e? le|date de naissance|fecha de nacimiento|nacid[oa] el|data di nascita|data de nascimento"
    r"|f(?:ø|ö)dt?|født|urodzon[ya]|ur\.|narozena?|nar\.|syntynyt|doğum tarihi"
    r"|出生(?:日期|年月日)?|生日|生年月日|생년월일|дата рождения|род(?:ился|илась|\.))"
    r"(?:：|[\s:,.?!'\"()*-]){0,6}(?:(?:it['’]s|is|was|am|为|是)[\s:]{1,3}|为|是)?(?P<value>" + _DATE + r")(?!\d)",
    "irth", "IRTH", "orn", "DOB", "dob", "DoB", "Dob", "D.O.B", "d.o.b", "D.o.B", "eburt", "ebor", "geb.", "Geb.", "ødt", "ödd", "urodz",
    "Urodz", "ur. ", "narozen", "nar. ", "syntynyt", "doğum", "Doğum", "род.", "Род.", "родил", "aissance", "née", "né ", "nacim", "nacid",
    "nascit", "nascim",
    "出生", "生日", "生年月日", "생년월일", "рожден",
)  # fmt: skip
_ADDRESS: Final = _phrase(
    r"(?<![A-Za-z])(?:"
    r"(?:home|mailing|postal|street|billing|shipping|residential|work|new|my|our)?\s?address(?:\sis|\sto)?"
    r"(?:\s?:|(?<=is)|(?<=to))"
    r"|anschrift\s?:|adresse\s?:|direcci(?:ó|o)n\s?:|indirizzo\s?:|endere(?:ç|c)o\s?:|(?:地址|住址|住所|주소)\s?(?::|：|是|为))"
    r"\s{0,3}(?P<value>(?=[^\n]{0,60}\d)[^\n@<>{}]{6,120})",
    "ddress", "DDRESS", "nschrift", "dresse", "irecci", "ndirizzo", "ndere", "地址", "住址", "住所", "주소",
)  # fmt: skip
_CHINESE_PLATE: Final = (
    r"(?:京|津|沪|渝|冀|豫|云|辽|黑|湘|皖|鲁|新|苏|浙|赣|鄂|桂|甘|晋|蒙|陕|吉|闽|贵|粤|青|藏|川|宁|琼)"
    r"(?-i:[A-HJ-NP-Z](?:·|•| )?(?=[A-HJ-NP-Z]{0,5}[0-9])[A-HJ-NP-Z0-9]{5,6})"
)
_PLATE: Final = _phrase(
    r"(?:(?:(?:licen[cs]e|number|registration|reg)\s?plates?|plate\s(?:number|no|#)|kennzeichen|matr(?:í|i)cula|immatriculation|targa)"
    r"(?:\s(?:number|no|is|was|reads?|of))?[\s:#.\"'(]{1,4}|(?=" + _CHINESE_PLATE + r"))"
    r"(?P<value>" + _CHINESE_PLATE + r"|(?-i:(?=[A-Z -]{0,8}[0-9])(?:[A-Z0-9]{1,4}(?:[ -][A-Z0-9]{1,4}){1,2}|[A-Z0-9]{5,8})))"
    r"(?![A-Za-z0-9_])",
    "plate", "Plate", "PLATE", "ennzeichen", "atrícula", "atricula", "mmatriculation", "targa", "Targa", "车牌", "牌号", "号牌",
)  # fmt: skip

NUMBER_PLATE: Final = Kind("number_plate", _PLATE, whole_phrase, "format, words before")
DATE_OF_BIRTH: Final = Kind("date_of_birth", _BIRTH_DATE, whole_phrase, "date, words before")
POSTAL_ADDRESS: Final = Kind("postal_address", _ADDRESS, whole_phrase, "words before")
