"""Proposing limits for a language: all documents of some files are measured by the filter chain, with every limit off."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from pipelines.commands.train import SOURCE, documents
from pipelines.filters.calibrate import Calibration, Floats, limits_of, propose_limits
from pipelines.filters.chain import FilterChain
from pipelines.filters.limits import Languages
from pipelines.filters.registry import REGISTRY
from schemas import recipe as recipes
from schemas.errors import InputError, RecipeError
from schemas.recipe import RULE_SETS, Filters, Recipe, check_rules

DEFAULT_RULES: Final = ("gopher_repetition", "gopher_quality", "c4", "fineweb")


def calibrate_files(paths: Sequence[str], lang: str, rules: Sequence[str], keep: float) -> Calibration:
    """Limits of these rule sets for one language; each limit keeps the share `keep` of the documents.

    Assumes that all documents are in that language. Raises RecipeError for rule sets without signals, InputError if there are no documents.
    """
    if not 0 < keep < 1:
        raise RecipeError("CM-COMMAND-001", f"keep = {keep}: must be in (0, 1), for example 0.99")
    check_rules(tuple(rules), "rules")
    if without := [name for name in rules if not REGISTRY[name].signals]:
        raise RecipeError("CM-COMMAND-002", f"rules: {without[0]!r} has no signals, so no limits can be proposed for it; remove it")
    chain = FilterChain.of(without_limits(paths, lang, rules))
    columns: dict[str, list[Floats]] = {field.name: [] for field in chain.fields() if pa.types.is_floating(field.type)}
    for batch in documents(paths):
        measured = chain.measure(batch)
        for name, parts in columns.items():
            parts.append(measured.column(name).to_numpy(zero_copy_only=False))
    signals = {name: np.concatenate([np.zeros(0), *parts]) for name, parts in columns.items()}
    if not len(next(iter(signals.values()))):
        raise InputError("CM-COMMAND-003", f"{', '.join(paths)} contain no documents; pass other files")
    return propose_limits(signals, todays_limits(lang, rules), lang, keep)


def without_limits(paths: Sequence[str], lang: str, rules: Sequence[str]) -> Recipe:
    """A recipe that measures with these rule sets and drops nothing."""
    filters: dict[str, object] = {"rules": list(rules), "language": {"assume": lang}}
    for name in rules:
        filters[name] = dict.fromkeys(limits_of(name, _names(name)), "off")
    return recipes.parse({"name": "calibrate", "sources": {SOURCE: {"path": list(paths)}}, "filters": filters})


def todays_limits(lang: str, rules: Sequence[str]) -> dict[str, float]:
    """The default limits for the language, by "rule_set.name"; limits that are off in all languages are left out."""
    languages = Languages.of(Filters())
    profile = languages.profile(pa.array([lang], pa.large_string()))
    return {
        f"{rule_set}.{name}": float(languages.limits[rule_set].of(name, profile)[0])
        for rule_set in rules
        for name in limits_of(rule_set, _names(rule_set))
        if getattr(RULE_SETS[rule_set](), name) is not None
    }


def _names(rule_set: str) -> list[str]:
    return [field.name for field in dataclasses.fields(RULE_SETS[rule_set])]
