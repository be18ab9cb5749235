"""A recipe -> the rules that it configures, by the names that the ledger gives as reasons.

The list comes from the recipe because a rule that never fired is not in the ledger.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from pipelines.filters.limits import Languages
from schemas.recipe import Recipe

Limit = float | str | None
"""A number or text of the recipe; None is off."""

ANY_OTHER: Final = "any other"
"""Languages without a profile, as a key of limits."""

LINE_RULES: Final = {
    "c4.require_terminal_punctuation": "c4.cut_no_terminal",
    "c4.min_line_words": "c4.cut_few_words",
    "c4.max_word_chars": "c4.cut_long_word",
    "c4.cut_javascript": "c4.cut_javascript",
    "c4.cut_policy": "c4.cut_policy",
    "c4.remove_citations": "c4.citations",
    "refinedweb.max_line_upper_ratio": "refinedweb.cut_upper",
    "refinedweb.cut_numeric": "refinedweb.cut_numeric",
    "refinedweb.cut_counters": "refinedweb.cut_counter",
    "refinedweb.min_line_words": "refinedweb.cut_few_words",
    "refinedweb.edit_lines": "refinedweb.edited_lines",
}
"""Settings that cut lines and never drop a document, and the signal that counts the lines that each one cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One limit that can drop a document."""

    name: str
    """As in the ledger: "gopher_quality.min_words"."""
    limit: Limit
    other_limits: dict[str, Limit]
    """The limit in each language with another one; languages without a profile share one entry."""
    sources: tuple[str, ...]
    """The sources whose documents it judges."""

    @property
    def rule_set(self) -> str:
        """The part of the name before the dot."""
        return self.name.partition(".")[0]

    @property
    def signal(self) -> str:
        """The column of DIR/documents that the limit acts on."""
        if self.name == "language.min_score":
            return "lang_score"
        return f"{self.rule_set}.{self.name.partition('.')[2].removeprefix('min_').removeprefix('max_')}"


def configured_rules(recipe: Recipe, languages: Sequence[str]) -> list[Rule]:
    """Every limit that is on in some language, in the order in which the rule sets judge; `languages` are those of the run."""
    judged: dict[str, list[str]] = {}
    for source, config in recipe.sources.items():
        for rule_set in recipe.filters.rules if config.rules is None else config.rules:
            judged.setdefault(rule_set, []).append(source)
    resolved = Languages.of(recipe.filters)
    rules = []
    for rule_set, sources in judged.items():
        config = getattr(recipe.filters, rule_set)
        for key, value in _settings(config):
            limit = _limit(key, value)
            others = _other_limits(resolved, rule_set, key, limit, languages)
            name = f"{rule_set}.{key}"
            if name not in LINE_RULES and (limit is not None or others):
                rules.append(Rule(name=name, limit=limit, other_limits=others, sources=tuple(sources)))
    return rules


def _settings(config: Any) -> Iterator[tuple[str, object]]:
    """The settings of a rule set; entries of a mapping one by one, as min.score."""
    for field in dataclasses.fields(config):
        name, value = field.name, getattr(config, field.name)
        if isinstance(value, dict):
            yield from ((f"{name}.{key}", one) for key, one in value.items())
        else:
            yield name, value


def _other_limits(resolved: Languages, rule_set: str, key: str, limit: Limit, languages: Sequence[str]) -> dict[str, Limit]:
    limits = resolved.limits[rule_set]
    if key not in limits.names or not languages:
        return {}
    profiles = resolved.profile(pa.array(languages, pa.large_string()))
    found: dict[str, Limit] = {}
    for language, profile, value in zip(languages, profiles.tolist(), limits.of(key, profiles).tolist(), strict=True):
        found[language if profile else ANY_OTHER] = None if math.isinf(value) else value
    return {language: other for language, other in found.items() if other != limit}


def _limit(key: str, value: object) -> Limit:
    """The limit that a setting of a rule set states, or None if it is off or not a limit."""
    if key.startswith(("min_", "max_", "min.", "max.")) and isinstance(value, int | float):
        return value
    if key.startswith(("keep_lists.", "drop_lists.")) and isinstance(value, str):
        return Path(value).name
    if key.startswith(("keep", "drop.", "licences", "extensions")) and isinstance(value, tuple):
        return ", ".join(value) or None
    if isinstance(value, datetime.date):
        return value.isoformat()
    if key == "block_words" and isinstance(value, tuple):
        return f"{len(value)} words" if value else None
    if key in ("block_domains", "keep_domains", "hard_words", "subwords") and isinstance(value, str):
        return Path(value).name
    if key == "soft_score" and isinstance(value, int | float):
        return value
    return None
