"""Numbers without a check digit that only the words directly before tell: passports, driving licences, voters, bank accounts.

Forms differ by state and year. A usual form needs the label alone; where "number", "is" or a colon follows the label, any code is taken:
groups of letters and digits joined by hyphens, slashes, underscores or spaces. A candidate is one group of it; what stands beside it joins.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from pipelines.scrub.candidates import Window
from pipelines.scrub.context import words
from pipelines.scrub.hints import Hints

Span = tuple[int, int]

_MARK: Final = r"[\s:：=#.,_|\"'“”‘’(\[*-]"
_LINK: Final = (
    rf"(?P<link>(?:{_MARK}{{1,3}}(?-i:[A-Z]{{2}})\))?{_MARK}{{0,4}}(?:id{_MARK}{{1,2}})?(?:card{_MARK}{{1,2}}|(?:bearing|with){_MARK})?"
    rf"(?:(?:numbers?|num|no|nr|nº|n°|id|号码?|番号|번호|numéro|número|numero){_MARK}{{0,4}})?"
    rf"(?:(?:is|was|of|like|(?:listed |given |recorded )?as|es|ist|est|lautet|为|是|は){_MARK}{{0,3}})?)"
)
_LEAD: Final = r"(?P<lead>(?-i:(?:[A-Z0-9]{1,6}[-_/ ]){0,4}[A-Z]{0,3}))\Z"
_TAIL: Final = re.compile(rb"(?:[-_/][A-Za-z0-9]{1,10}){0,4}")
_GOES_ON: Final = re.compile(rb"[A-Za-z0-9_]|[.-][A-Za-z0-9]")
_CALLED: Final = re.compile(r"[:：=#]|n[uúº°ro]|id|号|番|번|is|es|was|bearing|laut|为|是|は", re.IGNORECASE)
_DATES: Final = re.compile(rb"(?:19|20)\d\d[-/ ](?:\d\d?[-/ ]\d\d?|(?:19|20)\d\d)|\d\d?[-/ ]\d\d?[-/ ](?:19|20)\d\d")
_CODE: Final = re.compile(rb"(?=(?:[^0-9]*[0-9]){5})[A-Za-z0-9]{1,20}(?:[-_/ ][A-Za-z0-9]{1,14}){0,6}")
_LONGEST_CODE: Final = 30


def named(label: str, usual: bytes, *, codes: bool = True) -> Callable[[Window], Iterator[Span]]:
    """A finder of values directly after the label: of those in the `usual` form, and of any code (if `codes`) that is called a number."""
    before, form = re.compile(rf"(?:{label}){_LINK}{_LEAD}", re.IGNORECASE), re.compile(usual, re.IGNORECASE)

    def find(window: Window) -> Iterator[Span]:
        found = before.search(words(window.before))
        if not found:
            return
        lead, tail = found["lead"].encode(), _TAIL.match(window.after)
        is_called = codes and _CALLED.search(found["link"])
        for end in dict.fromkeys((tail.end() if tail else 0, 0)):
            value = lead + window.value + window.after[:end]
            is_code = is_called and len(value) <= _LONGEST_CODE and _CODE.fullmatch(value)
            if (is_code or form.fullmatch(value)) and not _DATES.fullmatch(value) and not _GOES_ON.match(window.after[end:]):
                yield -len(lead), len(window.value) + end
                return

    return find


def _parts(words: str) -> Hints:
    """Parts of words, one of which is in every label, to look for before the label is."""
    return tuple(part.encode() for part in words.split())


PASSPORT_HINTS: Final = _parts("pass pasaporte paspoort аспорт АСПОРТ 护照 護照 パスポート 여권")
find_passport: Final = named(
    r"passports?|passeport|reisepass\w*|passnummer|pasaporte|passaporto|passaporte|paspoort|паспорт\w*|护照|護照|パスポート|여권",
    rb"[A-Z]{1,2}\d{6,9}|[A-Z]\d{2}[A-Z]{2}\d{4}|\d{2}[A-Z]{2}\d{5}|\d{8,9}|[CFGHJK][0-9CFGHJKLMNPRTVWXYZ]{8}",
)
LICENCE_HINTS: Final = _parts("icen dl d.l. dvla driver hrerschein permis patente 驾驶证 驾照 運転免許")
_find_called_licence: Final = named(
    r"driv(?:er|ing)(?:['’]?s)?[\s_]+licen[cs]e|\blicen[cs]e\s+(?=number|no)|\b(?-i:DL|D\.L\.)(?=\s?(?:#|no|num))"
    r"|\bdriver(?:['’]?s)?\s(?=number|no\b)|\bdvla\b|f[üu]hrerschein\w*"
    r"|permis de conduire|(?:permiso|licencia) de conducir|patente di guida|驾驶证|驾照|運転免許証?",
    rb"[A-Z]{1,3}[- ]?\d{5,17}[A-Z]{0,2}|\d{7,14}|[A-Z]{5}\d{6}[A-Z0-9]{5}|[A-Z]\d{2,4}(?:-\d{2,5}){2,4}",
)
_UK_LICENCE: Final = re.compile(
    rb"(?<![A-Za-z0-9])(?=[A-Z]{1,5}9{0,4}[ 0-9])[A-Z9]{5}( ?)\d(?:[05][1-9]|[16][0-2])(?:0[1-9]|[12]\d|3[01])\d\1[A-Z][A-Z9][0-9][A-Z]{2}"
    rb"(?: ?\d\d)?(?![A-Za-z0-9])"
)


def find_driving_licence(window: Window) -> Iterator[Span]:
    """A number that a label names, or a British one: it holds a name, a day of birth and initials, and needs none."""
    lead = window.before[-6:] if window.value.isdigit() else b""
    british = _UK_LICENCE.search(window.before[-7:] + window.value + window.after[:10], len(window.before[-7:]) - len(lead))
    start = british.start() - len(window.before[-7:]) if british else 0
    if british and start <= 0:
        yield start, start + len(british[0])
    else:
        yield from _find_called_licence(window)


VOTER_HINTS: Final = _parts("voter elector epic eleitor")
find_voter_id: Final = named(
    r"\bvoter['’]?s?(?:[\s_-]+(?:registration|identity|identification|card|roll))?(?=[\s_-]+(?:card|number|no|num|id)\b)"
    r"|\belector(?:al|['’]?s)?(?:\s+(?:roll|photo identity card))?(?=\s+(?:number|no|id)\b)|\bepic(?=\s+(?:number|no)\b)"
    r"|clave de elector|t[íi]tulo de eleitor",
    rb"[A-Z]{3}\d{7}|[A-Z]{6}\d{8}[HM]\d{3}|\d{12}",
)
ACCOUNT_HINTS: Final = _parts("acc a/c konto cuenta compte conta 银行 账户 口座 계좌")
find_account: Final = named(
    r"\b(?:bank[\s_]*)?(?:account|acct|a/c)\.?[\s_]*(?=number|num|no|nr|#)|\bbank\s+(?:account|acct|a/c)"
    r"|\b(?:checking|savings|current|deposit|beneficiary|recipient|payee)\s+(?:account|acct)"
    r"|\ba/c\b|\baccounts?\s(?=(?:numbers?\s)?like\b)|sort\s+code:?\s\d\d-?\d\d-?\d\d,?\s(?:and\s)?(?:account|acct)|kontonummer|konto-?nr"
    r"|n[úu]mero de cuenta|num[ée]ro de compte|conta corrente|银行(?:卡|账|帐)号|银行账户|账户号码|口座番号|계좌번호",
    rb"[A-Z]{0,4}\d{6,20}[A-Z]?|\d{2,6}(?:[ -]\d{2,8}){1,5}|[A-Z]{2}\d{2}[A-Z]{4}\d{6,22}",
    codes=False,
)
