"""What the rule sets remove of documents in many languages, each set alone, under the profile of the language that the model tells.

Clean prose is what benchmarks/prose.py leaves of a document: the paragraphs of ten words or more, without mark-up, code, tables and
lists of links, where they are half of it and a hundred words or more in sum, so that no rule on length speaks. A profile is held to
losing no more than MOST_REMOVED of it. Removal of the documents as they are, mark-up and all, is counted beside it; there, what is too
short for a rule set is told apart. English stands twice, the second time under the published limits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from benchmarks.corpus import batch_of
from pipelines.filters.chain import FilterChain
from schemas import recipe as recipes
from testkit.prose import is_prose, paragraphs

RULE_SETS: Final = ("gopher_repetition", "gopher_quality", "c4", "fineweb", "refinedweb", "roots")
BY_PAPER: Final = "gopher_quality:paper"
LANGUAGES: Final = ("en", "zh", "ja", "th", "km", "ru", "ar", "de", "fr", "es")
"""Those of the headline, as far as the corpus has them."""
TOO_SHORT: Final = ("min_words", "min_sentences")
FIRST: Final = ("gopher_repetition", "gopher_quality", "c4", "fineweb")
"""FineWeb's chain; what RefinedWeb and ROOTS count against a document is mark-up above all."""
MOST_REMOVED: Final = 0.05
AS_PUBLISHED: Final = "en, as published"


@dataclass(slots=True)
class Removed:
    """What each rule set removes of a language's documents, and by which rules first."""

    n: int
    rules: dict[str, Counter[str]] = field(default_factory=dict)

    def share(self, rule_set: str, without: tuple[str, ...] = ()) -> float:
        """Of the documents, those that the rule set removes by other rules than these."""
        rules = self.rules[rule_set]
        return (rules.total() - sum(rules[rule] for rule in without)) / self.n if self.n else 0.0

    def worst(self, of: Iterable[str], without: tuple[str, ...] = ()) -> tuple[float, str]:
        """The largest share that one of these rule sets removes, and which."""
        return max((self.share(name, without), name) for name in of)


Groups = dict[str, Removed]


def chains(model: str | None, limits: str = "profiles") -> Iterator[tuple[str, FilterChain]]:
    """A chain for each rule set with the limits that it has if a recipe states none, and Gopher's quality by the paper's words."""
    for name in (*RULE_SETS, BY_PAPER):
        language = {"model": model} if model else {}
        filters: dict[str, object] = {"rules": [name], "limits": limits, "language": language}
        yield name, FilterChain.of(recipes.parse({"name": "removal", "sources": {"web": {"path": ["x"]}}, "filters": filters}))


def removed(texts: list[str], groups: list[str], judging: Mapping[str, FilterChain]) -> Groups:
    """By group what each rule set removes."""
    found = {group: Removed(n, {name: Counter() for name in judging}) for group, n in Counter(groups).items()}
    batch = batch_of(texts)
    for name, chain in judging.items():
        _, ledger = chain(batch)
        for row, reason in zip(ledger.column("origin_offset").to_pylist(), ledger.column("reason").to_pylist(), strict=True):
            found[groups[row]].rules[name][reason.partition(".")[2]] += 1
    return found


def print_removed(console: Console, table: pl.DataFrame, model: str | None) -> dict[str, float]:
    """A line per group, why where more than MOST_REMOVED of the prose goes, and the headline; shares of the prose by language."""
    texts, langs, groups = (table[name].to_list() for name in ("text", "lang", "group"))
    prose = [paragraphs(text, lang) for text, lang in zip(texts, langs, strict=True)]
    judged = np.flatnonzero(is_prose(texts, prose, langs)).tolist()
    raw, clean = _both_limits(texts, groups, model), _both_limits([prose[row] for row in judged], [groups[row] for row in judged], model)
    console.print(_table(raw, clean))
    _print_reasons(console, clean)
    known = [lang for lang in (*LANGUAGES, AS_PUBLISHED) if lang in clean]
    console.print(f"documents as they are, the most that one of {', '.join(FIRST)} removes:", _worst(raw, known, FIRST), soft_wrap=True)
    console.print("the same without what is too short for a rule:", _worst(raw, known, FIRST, TOO_SHORT), soft_wrap=True)
    every = (*RULE_SETS, BY_PAPER)
    console.print("HEADLINE false removal of clean prose, the most that any rule set removes:", _worst(clean, known, every), soft_wrap=True)
    return {f"prose_removed_{lang}": clean[lang].worst(every)[0] for lang in known if lang != AS_PUBLISHED}


def _both_limits(texts: list[str], groups: list[str], model: str | None) -> Groups:
    found = removed(texts, groups, dict(chains(model)))
    english = [row for row, group in enumerate(groups) if group == "en"]
    if english:
        found |= removed([texts[row] for row in english], [AS_PUBLISHED] * len(english), dict(chains(model, "published")))
    return found


def _table(raw: Groups, clean: Groups) -> Table:
    names = next(iter(raw.values())).rules
    shown = Table("language", "documents", "prose", *names, title="removed: of the documents as they are / of the clean prose in them")
    for group, whole in sorted(raw.items()):
        part = clean.get(group)
        cells = [f"{whole.share(name):.0%} / {f'{part.share(name):.1%}' if part else '-'}" for name in names]
        shown.add_row(group, str(whole.n), str(part.n if part else 0), *cells)
    return shown


def _print_reasons(console: Console, clean: Groups) -> None:
    for group, part in sorted(clean.items()):
        for name, rules in part.rules.items():
            if part.share(name) > MOST_REMOVED:
                why = ", ".join(f"{rule} {n}" for rule, n in rules.most_common())
                console.print(f"ABOVE {MOST_REMOVED:.0%} {group} {name}: {rules.total()} of {part.n} ({why})")


def _worst(groups: Groups, langs: Iterable[str], of: tuple[str, ...], without: tuple[str, ...] = ()) -> str:
    worst = {lang: groups[lang].worst(of, without) for lang in langs}
    return "; ".join(f"{lang} {share:.1%}{f' ({name})' if share else ''}" for lang, (share, name) in worst.items())
