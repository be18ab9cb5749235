"""Numbers without a check digit, known only by the label directly before them: passports, driving licences, voters, bank accounts.

Forms differ by state and year. A usual form needs the label alone. Where "number", "is" or a colon follows the label, any code is taken:
groups of letters and digits joined by hyphens, slashes, underscores or spaces. A candidate is one such group; its neighbours are added.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pipelines.scrub.candidates import Window, shape, word
from pipelines.scrub.context import words_in
from pipelines.scrub.hints import Hints
from pipelines.scrub.kind import Finder, Kind, Span, codes, either, numbers, words, words_of_length

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


def after_label(label: str, usual: bytes, *, any_code: bool = True) -> Finder:
    """A finder of values directly after the label: those in the `usual` form and, if `any_code`, any code that is called a number."""
    before, form = re.compile(rf"(?:{label}){_LINK}{_LEAD}", re.IGNORECASE), re.compile(usual, re.IGNORECASE)

    def find(window: Window) -> Iterator[Span]:
        found = before.search(words_in(window.before))
        if not found:
            return
        lead, tail = found["lead"].encode(), _TAIL.match(window.after)
        is_called = any_code and _CALLED.search(found["link"])
        for end in dict.fromkeys((tail.end() if tail else 0, 0)):
            value = lead + window.value + window.after[:end]
            is_code = is_called and len(value) <= _LONGEST_CODE and _CODE.fullmatch(value)
            if (is_code or form.fullmatch(value)) and not _DATES.fullmatch(value) and not _GOES_ON.match(window.after[end:]):
                yield -len(lead), len(window.value) + end
                return

    return find


def _hints(parts: str) -> Hints:
    """Parts of words, one of which is in every label; they are searched for first."""
    return tuple(part.encode() for part in parts.split())


_PASSPORT_HINTS: Final = _hints("pass pasaporte paspoort аспорт АСПОРТ 护照 護照 パスポート 여권")
_find_passport: Final = after_label(
    r"passports?|passeport|reisepass\w*|passnummer|pasaporte|passaporto|passaporte|paspoort|паспорт\w*|护照|護照|パスポート|여권",
    rb"[A-Z]{1,2}\d{6,9}|[A-Z]\d{2}[A-Z]{2}\d{4}|\d{2}[A-Z]{2}\d{5}|\d{8,9}|[CFGHJK][0-9CFGHJKLMNPRTVWXYZ]{8}",
)
PASSPORT: Final = Kind("passport", codes, _find_passport, "words before", _PASSPORT_HINTS)

_LICENCE_HINTS: Final = _hints("icen dl d.l. dvla driver hrerschein permis patente 驾驶证 驾照 運転免許")
_find_called_licence: Final = after_label(
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
    """A number after a label, or a British one, which contains a name, a date of birth and initials and needs no label."""
    lead = window.before[-6:] if window.value.isdigit() else b""
    british = _UK_LICENCE.search(window.before[-7:] + window.value + window.after[:10], len(window.before[-7:]) - len(lead))
    start = british.start() - len(window.before[-7:]) if british else 0
    if british and start <= 0:
        yield start, start + len(british[0])
    else:
        yield from _find_called_licence(window)


_british: Final = either(words(word(5, 6, 2, 1, 2)), numbers(shape(6)))
"""Words, or digits between two of them, like a British driving licence."""
DRIVING_LICENCE: Final = Kind(
    "driving_licence", either(codes, _british), find_driving_licence, "words before, or format", _LICENCE_HINTS, _british
)

_VOTER_HINTS: Final = _hints("voter elector epic eleitor")
_find_voter_id: Final = after_label(
    r"\bvoter['’]?s?(?:[\s_-]+(?:registration|identity|identification|card|roll))?(?=[\s_-]+(?:card|number|no|num|id)\b)"
    r"|\belector(?:al|['’]?s)?(?:\s+(?:roll|photo identity card))?(?=\s+(?:number|no|id)\b)|\bepic(?=\s+(?:number|no)\b)"
    r"|clave de elector|t[íi]tulo de eleitor",
    rb"[A-Z]{3}\d{7}|[A-Z]{6}\d{8}[HM]\d{3}|\d{12}",
)
VOTER_ID: Final = Kind("voter_id", codes, _find_voter_id, "words before", _VOTER_HINTS)

_ACCOUNT_HINTS: Final = _hints("acc a/c konto cuenta compte conta 银行 账户 口座 계좌")
_find_account: Final = after_label(
    r"\b(?:bank[\s_]*)?(?:account|acct|a/c)\.?[\s_]*(?=number|num|no|nr|#)|\bbank\s+(?:account|acct|a/c)"
    r"|\b(?:checking|savings|current|deposit|beneficiary|recipient|payee)\s+(?:account|acct)"
    r"|\ba/c\b|\baccounts?\s(?=(?:numbers?\s)?like\b)|sort\s+code:?\s\d\d-?\d\d-?\d\d,?\s(?:and\s)?(?:account|acct)|kontonummer|konto-?nr"
    r"|n[úu]mero de cuenta|num[ée]ro de compte|conta corrente|银行(?:卡|账|帐)号|银行账户|账户号码|口座番号|계좌번호",
    rb"[A-Z]{0,4}\d{6,20}[A-Z]?|\d{2,6}(?:[ -]\d{2,8}){1,5}|[A-Z]{2}\d{2}[A-Z]{4}\d{6,22}",
    any_code=False,
)
BANK_ACCOUNT: Final = Kind("bank_account", either(codes, words_of_length(21, 34)), _find_account, "words before", _ACCOUNT_HINTS)
