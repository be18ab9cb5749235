"""Evaluation items in other guises: copies that must be found, and near misses that need not be."""

from __future__ import annotations

import itertools
import random
import re
import textwrap
import unicodedata
from collections.abc import Callable
from typing import Final

import numpy as np
import pyarrow as pa

from pipelines.dedup.evals.decontaminate import decontaminate
from pipelines.dedup.evals.items import EvalItem
from pipelines.dedup.evals.options import question_of
from pipelines.dedup.evals.sets import EvalSets
from schemas.recipe import Decontaminate

Guise = Callable[[str, random.Random], str]
AROUND: Final = 300
"""Characters of prose before and behind an item."""
_HAN: Final = re.compile("[\u3400-\u9fff]")


def is_chinese(text: str) -> bool:
    """Whether a fifth of the text or more is Chinese characters."""
    return 5 * len(_HAN.findall(text)) >= len("".join(text.split()))


def without_punctuation(text: str, instead: str = "") -> str:
    """In lower case, other characters than letters, digits, marks and white space replaced."""
    return "".join(instead if unicodedata.category(char)[0] in "PS" else char for char in text.lower())


def wrapped(text: str, rng: random.Random) -> str:
    """In lines of one width."""
    return "\n".join(textwrap.wrap(text, rng.randint(20, 90)))


def hyphenated(text: str, rng: random.Random) -> str:
    """In lines of one width, long words parted where they end."""
    lines, line, width = [], "", rng.randint(25, 70)
    for word in text.split():
        rest, room = word, width - len(line) - 2
        if len(line) + len(word) >= width:
            part = min(room, len(word) - 3) if word.isalpha() and word.isascii() and len(word) > 6 and room >= 3 else 0
            lines.append(f"{line} {word[:part]}-" if part else line)
            line, rest = "", word[part:]
        line = f"{line} {rest}".strip()
    return "\n".join([*lines, line])


def edited(n: int | None = None, share: float = 0.0) -> Guise:
    """`n` words, or a share of them and at least one, replaced; two characters count as a word of Chinese."""

    def edit(text: str, rng: random.Random) -> str:
        chinese = is_chinese(text)
        words = re.findall(r"[\u3400-\u9fff]{1,2}|[^\u3400-\u9fff]+" if chinese else r"\S+|\s+", text)
        places = [i for i, word in enumerate(words) if (_HAN.match(word) if chinese else not word.isspace())]
        for place in rng.sample(places, min(len(places), n or max(1, round(share * len(places))))):
            words[place] = "某物" if chinese else "something"
        return "".join(words)

    return edit


def number_changed(text: str, rng: random.Random) -> str:
    """One number is another; a text without one loses its end."""
    numbers = list(re.finditer(r"\d+", text))
    if not numbers:
        return text[: len(text) // 2]
    number = rng.choice(numbers)
    return f"{text[: number.start()]}{int(number.group()) + rng.randint(1, 9)}{text[number.end() :]}"


def reordered(text: str, rng: random.Random, *, labelled: bool) -> str:
    """With its options in another order, behind the labels of the old one or behind none."""
    question = question_of(text)
    options = list(question.options)
    while options == list(question.options) and len(set(options)) > 1:
        rng.shuffle(options)
    heads = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if labelled else itertools.repeat("")
    return "\n".join([question.stem, *(f"{head}. {option}" if head else option for head, option in zip(heads, options, strict=False))])


COPIES: Final[dict[str, Guise]] = {
    "verbatim": lambda text, rng: text,
    "upper case": lambda text, rng: "".join(char.upper() if len(char.upper()) == 1 else char for char in text),  # not "ß"
    "without punctuation": lambda text, rng: without_punctuation(text),
    "punctuation as spaces": lambda text, rng: without_punctuation(text, " "),
    "wrapped": wrapped,
    "hyphenated": hyphenated,
    "quoted": lambda text, rng: "> " + wrapped(text, rng).replace("\n", "\n> "),
    "labels": lambda text, rng: re.sub(r"(?m)^\s*\(?([A-E])\)?[.:、]?\s*", r"\1) ", text),
}
CHOICES: Final[dict[str, Guise]] = {
    "without options": lambda text, rng: question_of(text).stem,
    "other order": lambda text, rng: reordered(text, rng, labelled=True),
    "other order, no labels": lambda text, rng: reordered(text, rng, labelled=False),
}
"""Of multiple-choice items."""
NEAR_MISSES: Final[dict[str, Guise]] = {
    "first half": lambda text, rng: text[: len(text) // 2],
    "second half": lambda text, rng: text[len(text) // 2 :],
    "a number changed": number_changed,
    "a word replaced": edited(1),
    "two words replaced": edited(2),
    "4 % of words replaced": edited(share=0.04),
    "10 % of words replaced": edited(share=0.10),
}


def planted(items: list[str], guise: Guise, prose: tuple[str, str], seed: int = 1) -> pa.Array:
    """Each item, in the guise, amid prose of its script."""
    rng = random.Random(seed)
    texts = []
    for item in items:
        around = prose[is_chinese(item)]
        at = rng.randrange(len(around) - 2 * AROUND)
        texts.append(f"{around[at : at + AROUND]}\n{guise(item, rng)}\n{around[at + AROUND : at + 2 * AROUND]}")
    return pa.array(texts, pa.large_string())


def evals_of(items: list[str]) -> EvalSets:
    """The items, indexed as those of a file are."""
    return EvalSets.of([EvalItem("items", str(number), (question_of(item),)) for number, item in enumerate(items)], Decontaminate())


def taken(evals: EvalSets, documents: pa.Array, config: Decontaminate, own: bool) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """bool[n]: whether the document of each item is taken, for that very item if `own`."""
    found = decontaminate(documents, evals, config)
    rows = found.rows[found.rows == found.items] if own else found.rows
    result = np.zeros(len(documents), bool)
    result[rows] = True
    return result
