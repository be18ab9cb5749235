"""Rules on a document's address: blocked, allowed and kept domains, and words in the URL, some of which only add to a score.

RefinedWeb (arXiv 2306.01116, section G.1) drops a URL for one word of its hard list, for one of its strict list anywhere in it, and for
two of its soft list. Words are runs of letters, marks and digits in the readable URL, with percent escapes and punycode decoded. A listed
word of a script without spaces is also found inside a run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.filters.limits import Floats, Profiles
from pipelines.filters.rule_set import RuleContext, RuleSet
from pipelines.filters.verdict import Mask, RuleOutcome, Verdict
from pipelines.text.domains import DomainList, covered, hosts_of, read_domains
from pipelines.text.lists import read_lines
from pipelines.text.unicode import TABLE_SIZE, UNSPACED, char_classes
from schemas.errors import RecipeError
from schemas.files import cached_by_file
from schemas.recipe import Filters, Url

_WORD: Final = r"[\p{L}\p{M}\p{N}]+"
_NO_LETTERS: Final = r"[\s!-/:-@\[-`{-~]"  # white space and ASCII punctuation
_NOT_OF_A_WORD: Final = r"[^\p{L}\p{M}\p{N}]+"


@dataclass(frozen=True, slots=True)
class UrlRules:
    """The rules of a recipe, ready for matching."""

    block: DomainList | None
    allow: DomainList | None
    keep: DomainList | None
    words: str | None
    """A regular expression."""
    hard: ScoredWords | None
    subwords: tuple[str, ...]
    soft: ScoredWords | None
    soft_score: float | None

    @staticmethod
    def of(config: Url) -> UrlRules:
        """Read the lists; RecipeError names an invalid one."""

        def domains(key: str) -> DomainList | None:
            path = getattr(config, key)
            return None if path is None else read_domains(path, f"filters.url.{key}")

        return UrlRules(
            domains("block_domains"),
            domains("allow_domains"),
            domains("keep_domains"),
            _any_word(config.block_words),
            None if config.hard_words is None else read_words(config.hard_words, "hard_words"),
            () if config.subwords is None else read_subwords(config.subwords),
            None if config.soft_words is None else read_words(config.soft_words, "soft_words"),
            config.soft_score,
        )


@dataclass(frozen=True, slots=True)
class ScoredWords:
    """Words with their weights."""

    spaced: pl.DataFrame
    """word, weight: of scripts with spaces."""
    unspaced: pl.DataFrame
    """word, weight: of scripts without spaces."""


def url_outcomes(url: pa.Array, rules: UrlRules) -> Iterator[RuleOutcome]:
    """The outcome of each rule that is set, on a large_string column.

    A null URL fails keep_domains alone.
    """
    hosts = hosts_of(url)
    n = len(url)
    none = np.full(n, np.nan)
    allowed = np.zeros(n, np.int64) if rules.allow is None else covered(hosts, rules.allow)
    free = allowed == 0
    if rules.keep is not None:
        yield "url.keep_domains", (covered(hosts, rules.keep) == 0) & free, none, np.nan
    if rules.block is not None:
        yield "url.block_domains", covered(hosts, rules.block) > allowed, none, np.nan
    if rules.words is not None:
        yield "url.block_words", has_blocked_word(url, rules.words) & free, none, np.nan
    if rules.hard is None and not rules.subwords and rules.soft is None:
        return
    text = readable(url)
    if rules.hard is not None:
        found = score(text, rules.hard)
        yield "url.hard_words", (found > 0) & free, found, 0
    if rules.subwords:
        joined = text.str.replace_all(_NOT_OF_A_WORD, "")
        yield "url.subwords", joined.str.contains_any(list(rules.subwords)).fill_null(False).to_numpy() & free, none, np.nan
    if rules.soft is not None and rules.soft_score is not None:
        found = score(text, rules.soft)
        yield "url.soft_score", (found >= rules.soft_score) & free, found, rules.soft_score


def has_blocked_word(url: pa.Array, words: str) -> Mask:
    """bool[n] of a large_string column: whether it contains one of the words between non-letters; false for null."""
    found: Mask = pl.Series("url", pl.from_arrow(url), dtype=pl.String).str.contains(words).fill_null(False).to_numpy()
    return found


def score(text: pl.Series, words: ScoredWords) -> Floats:
    """float64 per readable URL: the sum of the weights of the different words in it; 0 for null."""
    total = np.zeros(len(text))
    found = []
    if len(words.spaced):
        found.append((words.spaced, text.str.extract_all(_WORD)))
    if len(words.unspaced):
        found.append((words.unspaced, text.str.extract_many(words.unspaced.get_column("word").to_list(), overlapping=True)))
    for listed, in_url in found:
        rows = pl.DataFrame({"row": np.arange(len(text)), "word": in_url}).explode("word").drop_nulls().unique()
        sums = rows.join(listed, on="word").group_by("row").agg(pl.col("weight").sum())
        total[sums.get_column("row").to_numpy()] += sums.get_column("weight").to_numpy()
    return total


def readable(url: pa.Array) -> pl.Series:
    """URLs in lower case, with percent escapes and punycode decoded."""
    text = pl.Series("url", pl.from_arrow(url), dtype=pl.String).str.to_lowercase()
    coded = text.filter(text.str.contains(r"%[0-9a-f]{2}|xn--")).unique()
    return text.replace(coded, pl.Series([_decoded(one) for one in coded], dtype=pl.String)) if len(coded) else text


def _decoded(url: str) -> str:
    return re.sub(r"xn--[a-z0-9-]+", _label, unquote(url, errors="replace")).lower()


def _label(match: re.Match[str]) -> str:
    try:
        return match[0].encode("ascii").decode("idna")
    except UnicodeError:  # not punycode, though it looks like it
        return match[0]


@cached_by_file
def read_words(path: str, key: str) -> ScoredWords:
    """The words in the file, one a line, each followed by a space and its weight, else of weight 1."""
    spaced: list[tuple[str, float]] = []
    unspaced: list[tuple[str, float]] = []
    for word, weight in _weighted(path, key, weights=key == "soft_words"):
        (unspaced if any(_is_unspaced(char) for char in word) else spaced).append((word, weight))
    schema = {"word": pl.String, "weight": pl.Float64}
    frames = [pl.DataFrame(rows, schema=schema, orient="row").unique("word", keep="first") for rows in (spaced, unspaced)]
    return ScoredWords(frames[0], frames[1])


@cached_by_file
def read_subwords(path: str) -> tuple[str, ...]:
    """The words in the file, one a line."""
    return tuple(word for word, _ in _weighted(path, "subwords", weights=False))


def _weighted(path: str, key: str, *, weights: bool) -> list[tuple[str, float]]:
    found = []
    for number, line in read_lines(path, f"filters.url.{key}", "words"):
        word, _, weight = line.lower().partition(" ")
        try:
            value = float(weight) if weight.strip() else 1.0
        except ValueError:
            value = np.nan
        if not (0 < value < np.inf) or (weight.strip() and not weights) or re.search(_NO_LETTERS, word):
            wanted = (
                "one word per line, optionally followed by a space and its weight" if weights else "one word of letters and digits per line"
            )
            raise RecipeError("CM-FILTER-025", f"filters.url.{key}: {path}, line {number}: write {wanted}")
        found.append((word, value))
    return found


def _is_unspaced(char: str) -> bool:
    return ord(char) < TABLE_SIZE and bool(char_classes()[ord(char)] & UNSPACED)


def _any_word(words: tuple[str, ...]) -> str | None:
    if not words:
        return None
    if not all(word.strip() for word in words):
        raise RecipeError("CM-FILTER-026", f"filters.url.block_words = {list(words)!r}: every URL contains the empty word; remove it")
    return rf"(?i)(?:^|\P{{L}})(?:{'|'.join(map(re.escape, words))})(?:\P{{L}}|$)"


def _check(filters: Filters) -> UrlRules:
    return UrlRules.of(filters.url)


def _judge(documents: pa.RecordBatch, profile: Profiles, context: RuleContext) -> Verdict:
    rules = UrlRules.of(context.filters.url)  # each list is read once per process, as long as its file stays the same
    return Verdict.of(url_outcomes(documents.column("url"), rules), documents.num_rows)


RULE_SET = RuleSet(name="url", config=Url, judge=_judge, check=_check, needs_language=False)
