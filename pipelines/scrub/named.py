"""Numbers without a check digit that only the words directly before tell: passports, driving licences, bank accounts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from pipelines.scrub.candidates import Window
from pipelines.scrub.context import words

Span = tuple[int, int]

_MARK: Final = r"[\s:：=#.\"'“”‘’(\[*-]"
_LINK: Final = (
    rf"{_MARK}{{0,4}}(?:(?:number|num|no|nr|nº|n°|id|号码?|番号|번호|numéro|número|numero){_MARK}{{0,4}})?"
    rf"(?:(?:is|was|of|as|es|ist|est|为|是|は){_MARK}{{0,3}})?$"
)
_GOES_ON: Final = re.compile(rb"[A-Za-z0-9_]|[.-][A-Za-z0-9]")


def named(label: str, value: bytes) -> Callable[[Window], Iterator[Span]]:
    """A finder of values that match, directly after the label."""
    before, form = re.compile(rf"(?:{label}){_LINK}", re.IGNORECASE), re.compile(value, re.IGNORECASE)

    def find(window: Window) -> Iterator[Span]:
        if form.fullmatch(window.value) and not _GOES_ON.match(window.after) and before.search(words(window.before)):
            yield 0, len(window.value)

    return find


find_passport: Final = named(
    r"passports?|passeport|reisepass\w*|pasaporte|passaporto|passaporte|paspoort|паспорт\w*|护照|護照|パスポート|여권",
    rb"[A-Z]{1,2}\d{6,9}|[A-Z]\d{2}[A-Z]{2}\d{4}|\d{2}[A-Z]{2}\d{5}|\d{8,9}|[CFGHJK][0-9CFGHJKLMNPRTVWXYZ]{8}",
)
find_driving_licence: Final = named(
    r"driv(?:er|ing)(?:['’]?s)?\s+licen[cs]e|\blicen[cs]e\s+(?:number|no)|f[üu]hrerschein\w*|permis de conduire|驾驶证|驾照|運転免許",
    rb"[A-Z]{1,3}\d{5,17}[A-Z]{0,2}|\d{7,14}|[A-Z]{5}\d{6}[A-Z0-9]{5}|[A-Z]\d{3}-\d{3}-\d{4}",
)
find_account: Final = named(
    r"\b(?:bank\s+)?(?:account|acct|a/c)\.?\s*(?:number|num|no|nr|#)|\bbank\s+(?:account|acct|a/c)|kontonummer|konto-?nr"
    r"|n[úu]mero de cuenta|num[ée]ro de compte|conta corrente|银行(?:卡|账|帐)号|银行账户|账户号码|口座番号|계좌번호",
    rb"\d{6,20}|\d{2,6}(?:[ -]\d{2,8}){1,5}",
)
