"""The limits of every rule set for every language, and the decision that they make over signals.

A rule set's limit is the recipe's. Where that is the published default, a language profile's stands in for it; a limit that the recipe
changes or turns off holds in every language. Of a profile's own limit and one that keeps clean prose the looser one stands, unless
filters.limits = "published". filters.profiles.<language> of the recipe stands over all.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.filters.function_words import confirms
from pipelines.filters.profiles import CHINESE_BY_JIEBA, NEUTRAL, PROFILES, LanguageProfile
from pipelines.filters.tables import ProfileTables, profile_tables
from pipelines.text.labels import UNKNOWN, code_of, split_label
from schemas.errors import RecipeError
from schemas.recipe import RULE_SETS, Filters

EVEN: Final = 0.5

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one rule set, in the order of their declaration."""

    names: tuple[str, ...]
    """Such as "min_words"."""
    values: Floats
    """[limit, profile]; where a limit is off, the infinity that nothing exceeds."""

    def of(self, name: str, profile: npt.NDArray[np.int32]) -> Floats:
        """One limit for rows of these profiles."""
        found: Floats = self.values[self.names.index(name), profile]
        return found


@dataclass(frozen=True, slots=True)
class Languages:
    """The profiles of a recipe, numbered; number 0 is that of any language without one."""

    numbers: dict[str, int]
    tables: ProfileTables
    limits: dict[str, Limits]
    """By rule set."""
    if_unsure: npt.NDArray[np.int32]
    """[profile]: which one stands in for it where the language is not told with confidence."""
    by_jieba: npt.NDArray[np.bool_]
    """[profile]: whether words are jieba's."""
    by_words: bool
    """Whether function words confirm a language, whatever its score: not under the published limits."""

    @staticmethod
    def of(filters: Filters) -> Languages:
        """Resolve every limit; RecipeError names one that cannot be meant."""
        named = _by_code(filters)
        codes = sorted(PROFILES.keys() | named.keys())
        profiles = [NEUTRAL, *(_profile_of(code_of(code), filters) for code in codes)]
        own = [{}, *(named.get(code, {}) for code in codes)]
        limits = {name: _limits(name, filters, profiles, own, ["", *codes]) for name in RULE_SETS}
        numbers = {code: number for number, code in enumerate(codes, 1)}
        # What a word is in Chinese or Thai shows in the script, whichever language of that script it is.
        if_unsure = np.array([number if profile.unspaced else numbers[UNKNOWN] for number, profile in enumerate(profiles)], np.int32)
        return Languages(
            numbers,
            profile_tables(profiles),
            limits,
            if_unsure,
            np.array([profile.by_jieba for profile in profiles]),
            filters.limits == "profiles",
        )

    def confirmed(self, n_words: pa.Array | None, n: int) -> npt.NDArray[np.bool_]:
        """bool[n]: rows whose words confirm the language; `n_words` is the column lang_words, which runs of old do not have."""
        return np.zeros(n, np.bool_) if n_words is None or not self.by_words else confirms(n_words)

    def profile(self, lang: pa.Array, score: Floats | None = None, n_words: pa.Array | None = None) -> npt.NDArray[np.int32]:
        """int32 per row: the number of the language's profile.

        Where the model's score is given and below EVEN, the language is as likely another one, whose stop words are others: such a
        row has the profile of a language that is not known, unless its words confirm the language.
        """
        encoded = lang.dictionary_encode()
        number = [self.numbers.get(label, self.numbers.get(code_of(label), 0)) for label in encoded.dictionary.to_pylist()]
        rows = pc.fill_null(encoded.indices, len(number)).to_numpy(zero_copy_only=False)
        found: npt.NDArray[np.int32] = np.array([*number, 0], np.int32)[rows]
        if score is None:
            return found
        return np.where((score < EVEN) & ~self.confirmed(n_words, len(score)), self.if_unsure[found], found)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What each rule of a set says about each of n rows."""

    reasons: tuple[str, ...]
    """The rules in the order in which they judge, such as "gopher_quality.min_words"."""
    fails: npt.NDArray[np.bool_]
    """[rule, n]"""
    values: Floats
    """[rule, n]: the signal that decides; NaN where there is none."""
    limits: Floats
    """[rule, n]; NaN where there is none."""

    @property
    def failed(self) -> npt.NDArray[np.int64]:
        """[n]: the place in `reasons` of the first rule that a row fails, or -1."""
        if not self.reasons:
            return np.full(self.fails.shape[1], -1)
        return np.where(self.fails.any(axis=0), np.argmax(self.fails, axis=0), -1)


def decide(rule_set: str, limits: Limits, signals: Mapping[str, Floats], profile: npt.NDArray[np.int32]) -> Verdict:
    """Compare each limit `min_X` or `max_X`, bounds included, with the signal X, in order; NaN is within no limit.

    Limits without a signal of their name act within the measuring and are passed over.
    """
    names = [name for name in limits.names if name[4:] in signals]
    if not names:
        return Verdict((), *np.zeros((3, 0, len(profile))))
    values = np.stack([signals[name[4:]] for name in names])
    bounds = np.stack([limits.of(name, profile) for name in names])
    is_min = np.array([name.startswith("min_") for name in names])[:, None]
    within = np.where(is_min, values >= bounds, values <= bounds) | np.isinf(bounds)
    return Verdict(tuple(f"{rule_set}.{name}" for name in names), ~within, values, bounds)


def _profile_of(code: str, filters: Filters) -> LanguageProfile:
    profile = PROFILES.get(code, NEUTRAL)
    return CHINESE_BY_JIEBA if filters.language.zh_words == "jieba" and profile is PROFILES["zh"] else profile


def _by_code(filters: Filters) -> dict[str, dict[str, dict[str, float | str | None]]]:
    """The recipe's own profiles by code, or by label where the recipe names a script: "eng" is "en", "zho_Hans" stays."""
    named: dict[str, str] = {}
    for label in filters.profiles:
        code, script = split_label(label)
        key = label if script else code
        if key in named:
            raise RecipeError(f"filters.profiles.{label}: {named[key]!r} is the same language; write its limits in one place")
        named[key] = label
    return {key: filters.profiles[label] for key, label in named.items()}


def _limits(
    rule_set: str,
    filters: Filters,
    profiles: Sequence[LanguageProfile],
    own: Sequence[Mapping[str, Mapping[str, object]]],
    codes: list[str],
) -> Limits:
    config = getattr(filters, rule_set)
    published, variant = type(config)(), getattr(config, "variant", None)
    names = tuple(field.name for field in dataclasses.fields(config) if field.name.startswith(("min_", "max_")))
    values = np.empty((len(names), len(profiles)))
    for k, name in enumerate(names):
        for p, profile in enumerate(profiles):
            where = f"filters.{rule_set}.{name}"
            limit: Any = getattr(config, name)
            if limit is not None and limit == getattr(published, name):
                limit = _of_variant(profile.limits, rule_set, variant, name, limit)
                if filters.limits == "profiles":
                    limit = looser(name, limit, _of_variant(profile.keeps, rule_set, variant, name, limit))
            if name in own[p].get(rule_set, {}):
                where = f"filters.profiles.{codes[p]}.{rule_set}.{name}"
                limit = own[p][rule_set][name]
                if name == "min_stop_words" and limit and not profile.stop_words:
                    raise RecipeError(f"{where} = {limit!r}: no stop words of this language are known, so every document would be dropped")
            elif name == "min_stop_words" and not profile.stop_words:
                limit = None
            values[k, p] = _number(where, name, limit)
    return Limits(names, values)


def _of_variant(limits: Mapping[str, float | None], rule_set: str, variant: str | None, name: str, otherwise: float | None) -> float | None:
    """The limit of the variant, or of all variants, or the other one."""
    return limits.get(f"{rule_set}:{variant}.{name}", limits.get(f"{rule_set}.{name}", otherwise))


def looser(name: str, one: float | None, other: float | None) -> float | None:
    """Of two limits `min_X` or `max_X` the one that more documents pass; None, which is off, passes all."""
    if one is None or other is None:
        return None
    return min(one, other) if name.startswith("min_") else max(one, other)


def _number(where: str, name: str, limit: object) -> float:
    if limit is None:
        return -math.inf if name.startswith("min_") else math.inf
    if not isinstance(limit, int | float) or math.isnan(limit):
        raise RecipeError(f'{where} = {limit!r}: must be a number or "off"')
    return float(limit)
