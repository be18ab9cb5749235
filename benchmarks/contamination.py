"""What decontamination finds of evaluation items in other guises, and what it takes for one.

    python -m benchmarks.contamination --evals EVALS.jsonl.zst --prose EN.jsonl.zst --prose ZH.jsonl.zst [--out FILE.json]

EVALS has a column `question`, the prose `text`. Every item is put into prose of its script (the first file for the one written with spaces,
the second for Chinese) once in each guise. Of copies all should be found, of multiple-choice items without their options or
with them in another order nearly all. What is less than the item, or differs from it in words, is a near miss, made of
the question alone; how much of it is taken depends on the length of the item and on `decontaminate.min_coverage`. Of the prose
itself nothing should be taken.
"""

from __future__ import annotations

import itertools
import random
import re
import textwrap
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import polars as pl
import pyarrow as pa
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.measure import finish
from pipelines.dedup.evals.decontaminate import decontaminate
from pipelines.dedup.evals.index import n_words
from pipelines.dedup.evals.items import EvalItem
from pipelines.dedup.evals.options import question_of
from pipelines.dedup.evals.sets import EvalSets
from schemas.recipe import Decontaminate

Guise = Callable[[str, random.Random], str]
AROUND: Final = 300
"""Characters of prose before and behind an item."""
COVERAGES: Final = (0.8, 0.9, 0.95, 1.0)
console = Console(width=160)

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


def main(
    evals: Annotated[Path, typer.Option(help="Evaluation items")],
    prose: Annotated[list[Path], typer.Option(help="Prose written with spaces, then Chinese prose")],
    out: Annotated[Path | None, typer.Option(help="Write the numbers here, as JSON")] = None,
) -> None:
    """The share of documents that are taken, by guise, script and coverage, with and without the ending."""
    every = pl.read_ndjson(evals, infer_schema_length=None).get_column("question").to_list()
    texts = [pl.read_ndjson(path).get_column("text").to_list() for path in prose]
    around = tuple("\n".join(rows) for rows in texts)
    items = [item for item in every if n_words(item) >= Decontaminate().min_words]
    asked = [question_of(item) for item in items]
    chinese, choices = np.array([is_chinese(item) for item in items]), np.array([bool(question.options) for question in asked])
    evals_of_all, stems = evals_of(items), [question.stem for question in asked]
    settings = [Decontaminate(min_coverage=least, ending=ending) for least, ending in itertools.product(COVERAGES, (False, True))]
    heads = [f"{config.min_coverage}{' ending' if config.ending else ''}" for config in settings]
    table = Table("", "script", "n", *heads, title="% of documents taken")
    report = []
    for name, guise in (COPIES | CHOICES | NEAR_MISSES).items():
        documents = planted(stems if name in NEAR_MISSES else items, guise, (around[0], around[-1]))
        columns = [taken(evals_of_all, documents, config, own=name not in NEAR_MISSES) for config in settings]
        for script, of_script in (("spaced", ~chinese), ("Chinese", chinese)):
            rows = of_script & choices if name in CHOICES else of_script
            shares = [float(column[rows].mean()) for column in columns]
            table.add_row(name, script, f"{rows.sum():,}", *(f"{100 * share:.2f}" for share in shares))
            report.append({"guise": name, "script": script, "n": int(rows.sum()), **dict(zip(heads, shares, strict=True))})
    clean = pa.array([text for rows in texts for text in rows], pa.large_string())
    shares = [float(taken(evals_of_all, clean, config, own=False).mean()) for config in settings]
    table.add_row("prose", "both", f"{len(clean):,}", *(f"{100 * share:.2f}" for share in shares))
    report.append({"guise": "prose", "script": "both", "n": len(clean), **dict(zip(heads, shares, strict=True))})
    console.print(table)
    finish(out, [], {}, guises=report)


if __name__ == "__main__":
    typer.run(main)
