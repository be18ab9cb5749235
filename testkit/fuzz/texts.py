"""Texts of many scripts whose content is known twice: as a source has them, and as they are without private values."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from testkit.planted import PLANTED


@dataclass(frozen=True, slots=True)
class Text:
    """A text, and the same with placeholders for its private values."""

    shown: str
    hidden: str


def _range(first: str, last: str) -> tuple[str, ...]:
    return tuple(map(chr, range(ord(first), ord(last) + 1)))


SCRIPTS: Final[dict[str, tuple[str, ...]]] = {
    "latin": _range("a", "z"),
    "latin with accents": tuple("abdelnorstéèüñøåłßœžçőı"),
    "latin, decomposed": ("a", "b", "n", "s", "e\u0301", "u\u0308", "n\u0303", "c\u0327", "e\u0302\u0323"),
    "greek": _range("α", "ω"),
    "cyrillic": _range("а", "я"),
    "armenian": _range("ա", "ֆ"),
    "hebrew": _range("א", "ת"),
    "arabic": tuple("ابتثجحخدذرزسشصضطظعغفقكلمنهوي"),
    "persian with joiners": ("می\u200c", "ها", "خ", "و", "ا", "ر", "گ", "پ"),
    "devanagari": ("क", "कि", "क्ष", "नी", "स", "ता", "र्", "म", "हिं", "दी", "क्\u200dष"),
    "tamil": ("க", "கி", "த", "மி", "ழ்", "நா", "டு"),
    "khmer": ("ក", "កា", "ខ្ម", "ែ", "រ", "ភា", "សា"),
    "georgian": _range("ა", "ჰ"),
    "hangul": ("한", "국", "어", "말", "은", "글", "씨", "를", "쓴", "다"),
    "hangul, decomposed": ("\u1112\u1161\u11ab", "\u1100\u116e\u11a8", "\u110b\u1165", "\u1106\u1161\u11af"),
    "gothic": _range("\U00010330", "\U00010340"),
    "emoji": ("😀", "👩\u200d👩\u200d👧", "👍🏽", "🇩🇪", "❤\ufe0f", "🦊"),
}
"""The letters of each script that has spaces between words; a letter may be several code points."""
UNSPACED: Final[dict[str, tuple[str, ...]]] = {
    "han": tuple("的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生"),
    "han beyond 16 bits": (*_range("\U00020000", "\U00020040"), "\U0002a6d6", "\U000323af", "字", "葛\U000e0100"),
    "kana": tuple("あいうえおかきくけこさしすせそアイウエオカキクケコがぎぐ"),
    "thai": (*_range("ข", "ฮ"), "กา", "ที่", "นี่", "เป็น", "ภา", "ษา", "ไทย"),
}
"""Those of scripts that have none."""

ENDS: Final = {"han": "。", "kana": "。", "han beyond 16 bits": "。", "devanagari": "।", "arabic": "؟", "armenian": "։"}
BEFORE: Final = (" ", "\n", " (", ": ", "：", "「", "，", " – ", " “")
AFTER: Final = (" ", "\n", ") ", ", ", "，", "。", "」", " – ", "” ")
BARE: Final = ("email", "ipv4", "iban", "payment_card", "secret", "private_key", "crypto_address", "mac", "phone", "cn_resident_id")
"""Kinds that are known without the words before them."""


def planted(kind: str) -> tuple[str, str, str]:
    """(what the kind needs before it, value, what it needs behind it)."""
    phrase, value = PLANTED[kind]
    if kind == "private_key":
        return "", phrase, ""
    value = f"+1 {value}" if kind == "phone" else value
    before, _, after = phrase.partition(value)
    return "" if kind in BARE else before, value, after.split(" ")[0] if kind == "url_credentials" else ""


def words(draw: random.Random, script: str, n: int) -> str:
    """n words of the script; without spaces where it has none."""
    if script in UNSPACED:
        return "".join(draw.choices(UNSPACED[script], k=3 * n))
    return " ".join("".join(draw.choices(SCRIPTS[script], k=draw.randint(3, 9))) for _ in range(n))


def name_of(number: int) -> str:
    """Letters that no other number has: they tell a text from every other one."""
    letters = "".join(chr(ord("a") + int(digit)) for digit in f"{number:07d}")
    return f"q{letters}z"


def line(draw: random.Random, script: str) -> str:
    """A sentence."""
    return words(draw, script, draw.randint(6, 16)) + ENDS.get(script, ".")


def text(draw: random.Random, number: int, *, private: bool = True, script: str | None = None) -> Text:
    """A text of some lines that no other number has; half of the texts have private values, each right beside letters."""
    scripts = [script or draw.choice([*SCRIPTS, *UNSPACED])]
    if script is None and draw.random() < 0.2:
        scripts.append(draw.choice([*SCRIPTS, *UNSPACED]))
    shown = hidden = f"{name_of(number)} {line(draw, draw.choice(scripts))}"
    for _ in range(draw.randint(0, 5)):
        one = "\n" + line(draw, draw.choice(scripts))
        shown, hidden = shown + one, hidden + one
        if private and draw.random() < 0.3:
            kind = draw.choice([*PLANTED, *BARE, "email", "email"])
            if kind == "private_key" and f"<{kind.upper()}>" in hidden:
                continue  # lines that stand twice on a page are read once
            needed, value, behind = planted(kind)
            before = "\n" + words(draw, draw.choice(scripts), 2) + draw.choice(BEFORE) + needed
            after = behind + draw.choice(AFTER) + words(draw, draw.choice(scripts), 2)
            placeholder = f"<{kind.upper()}>"
            shown, hidden = shown + before + value + after, hidden + before + placeholder + after
    return Text(shown, hidden)


def paragraphs(made: Text) -> tuple[list[str], Text]:
    """(its lines, the text that a list of them is): a key over several lines is not one any more."""
    return made.shown.split("\n"), Text(made.shown.replace("\n", "\n\n"), "" if "PRIVATE KEY" in made.shown else made.hidden)
