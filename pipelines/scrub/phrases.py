"""Private values that are told by a phrase and not by their bytes alone; literal hints find the places that are worth a search.

Every pattern is bounded, so a search costs time linear in the text. A group named `value` is what is replaced.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pipelines.scrub.candidates import BEGIN, PHRASE, WRITTEN, Candidates, phrases_at
from pipelines.scrub.hints import places_of
from pipelines.scrub.scan_words import PROVIDERS
from pipelines.scrub.secrets import PRIVATE_KEY
from schemas.buffers import Bytes, Offsets


@dataclass(frozen=True, slots=True)
class Phrase:
    """What to search for around every hint, or around every candidate of a form."""

    pattern: re.Pattern[bytes]
    hints: tuple[bytes, ...] = ()
    form: int = PHRASE
    before: int = 128
    """Bytes before a hint that a match may start at."""
    after: int = 256

    def search(self, data: Bytes, offsets: Offsets, active: npt.NDArray[np.bool_], candidates: Candidates) -> Candidates:
        """Where the pattern matches near hints in active rows: its group `value`."""
        rows: list[int] = []
        starts: list[int] = []
        ends: list[int] = []
        if self.hints:
            hinted = places_of(self.hints, data, int(offsets[0]), int(offsets[-1])).tolist()
        else:
            hinted = np.sort(candidates.starts[candidates.forms == self.form]).tolist()
        for row, first, stop in self._neighbourhoods(hinted, data, offsets, active):
            for match in self.pattern.finditer(data[first:stop].tobytes()):
                start, end = match.span("value")
                while end < len(match.string) and match.string[end] & 0xC0 == 0x80:  # never within a character
                    end += 1
                rows.append(row)
                starts.append(start + first)
                ends.append(end + first)
        return phrases_at(rows, starts, ends)

    def _neighbourhoods(
        self, hinted: list[int], data: Bytes, offsets: Offsets, active: npt.NDArray[np.bool_]
    ) -> list[tuple[int, int, int]]:
        """(row, first, stop) of what stands around hints; neighbourhoods that touch are one."""
        found: list[tuple[int, int, int]] = []
        for at, row in zip(hinted, (np.searchsorted(offsets, hinted, side="right") - 1).tolist(), strict=True):
            if not active[row]:
                continue
            first, stop = max(int(offsets[row]), at - self.before), min(int(offsets[row + 1]), at + self.after)
            while first > offsets[row] and data[first] & 0xC0 == 0x80:
                first -= 1
            while stop < offsets[row + 1] and data[stop] & 0xC0 == 0x80:
                stop += 1
            if found and found[-1][0] == row and found[-1][2] >= first:
                found[-1] = (row, found[-1][1], stop)
            else:
                found.append((row, first, stop))
        return found


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
DATE_OF_BIRTH: Final = _phrase(
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
POSTAL_ADDRESS: Final = _phrase(
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
NUMBER_PLATE: Final = _phrase(
    r"(?:(?:(?:licen[cs]e|number|registration|reg)\s?plates?|plate\s(?:number|no|#)|kennzeichen|matr(?:í|i)cula|immatriculation|targa)"
    r"(?:\s(?:number|no|is|was|reads?|of))?[\s:#.\"'(]{1,4}|(?=" + _CHINESE_PLATE + r"))"
    r"(?P<value>" + _CHINESE_PLATE + r"|(?-i:(?=[A-Z -]{0,8}[0-9])(?:[A-Z0-9]{1,4}(?:[ -][A-Z0-9]{1,4}){1,2}|[A-Z0-9]{5,8})))"
    r"(?![A-Za-z0-9_])",
    "plate", "Plate", "PLATE", "ennzeichen", "atrícula", "atricula", "mmatriculation", "targa", "Targa", "车牌", "牌号", "号牌",
)  # fmt: skip
_AT: Final = r"(?:\s?[(\[{<]\s?(?:at|@)\s?[)\]}>]\s?|\s_at_\s|\s-at-\s)"
_DOT: Final = r"(?:\s?[(\[{<]\s?(?:dot|\.)\s?[)\]}>]\s?|\s-?dot-?\s)"
_NAME: Final = r"[A-Za-z0-9_%+-]{1,64}"
_PLAIN_AT: Final = rf"\sat\s(?=[A-Za-z0-9.-]{{1,63}}{_DOT}|(?:{b'|'.join(PROVIDERS).decode()})\.)"
OBFUSCATED_EMAIL: Final = Phrase(
    re.compile(
        (
            rf"(?<![A-Za-z0-9._%+-])(?P<value>{_NAME}(?:(?:\.|{_DOT}){_NAME}){{0,4}}(?:{_AT}|{_PLAIN_AT})[A-Za-z0-9-]{{1,63}}"
            rf"(?:(?:\.|{_DOT})[A-Za-z0-9-]{{1,63}}){{0,4}}(?:\.|{_DOT})[A-Za-z]{{2,24}})(?![A-Za-z0-9_-])"
        ).encode(),
        re.IGNORECASE,
    ),
    form=WRITTEN,
)
PRIVATE_KEYS: Final = Phrase(re.compile(rb"(?P<value>" + PRIVATE_KEY + rb")"), form=BEGIN, before=8, after=25_000)
