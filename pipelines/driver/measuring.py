"""The settings that determine the pool. If they are unchanged, a run can apply other limits without reading again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pipelines.filters.chain import FilterChain
from pipelines.filters.decide import rules_of
from pipelines.filters.registry import REGISTRY
from schemas import recipe as recipes
from schemas.recipe import Recipe

_AFTER: Final = ("name", "description", "domains", "decontaminate", "dedup", "tokenizer", "encode", "pretrain", "guards")
"""Parts of a recipe that act after the filters."""


def measured_otherwise(old: Recipe, new: Recipe) -> list[str]:
    """The settings by which the new recipe reads, measures, cuts or scrubs otherwise; empty where it only decides otherwise."""
    before, after = dict(_measuring(old)), dict(_measuring(new))
    return sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))


def measured_from(inputs: tuple[str, ...]) -> tuple[str, ...]:
    """The inputs of `ingest` but for the lists that only decide, such as one of blocked domains."""
    return tuple(line for line in inputs if not _is_list_that_decides(line.split(" ", 1)[0]))


def _is_list_that_decides(key: str) -> bool:
    section, *rest = key.split(".")
    return section == "filters" and len(rest) > 1 and rest[0] in recipes.RULE_SETS and REGISTRY[rest[0]].only_decides(rest[1])


def _measuring(recipe: Recipe) -> Iterator[tuple[str, Any]]:
    """Every setting that determines the pool, by dotted key."""
    data = recipe.as_dict()
    filters = data.pop("filters")
    for key, value in _flat({key: value for key, value in data.items() if key not in _AFTER}):
        if not key.startswith("scrub.max_") and key != "scrub.special_tokens":  # limits on what was counted; the tokenizer's
            yield key, value
    profiles = filters.pop("profiles")
    del filters["limits"]  # of limits that act on signals alone
    by_set = {name: filters.pop(name) for name in recipes.RULE_SETS}
    for key, value in _flat(filters):
        yield f"filters.{key}", value
    for where, sets in {"filters": by_set, **{f"filters.profiles.{lang}": sets for lang, sets in profiles.items()}}.items():
        for rule_set, keys in sets.items():
            yield from ((f"{where}.{rule_set}.{key}", value) for key, value in keys.items() if not REGISTRY[rule_set].only_decides(key))
    chain = FilterChain.of(recipe)
    for source, rules in rules_of(recipe).items():  # a profile can make an earlier rule set ask for the language
        yield f"filters.profiles (when {source} is identified)", next((name for name in rules if chain.needs_language(name)), None)


def _flat(data: dict[str, Any], under: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{under}{key}.")
        else:
            yield f"{under}{key}", value
