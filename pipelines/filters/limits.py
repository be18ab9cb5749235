"""The limits of every rule set for every language.

A rule set's limits are the recipe's. Where one is the published default, the limit of the language's profile replaces it; a limit that
the recipe changes or turns off applies to every language. Of a profile's own limit and one that keeps clean prose the looser one applies,
unless filters.limits = "published". filters.profiles.<language> of the recipe overrides all of these.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

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
Profiles = npt.NDArray[np.int32]
"""The number of each row's language profile."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one rule set, in the order in which its config declares them."""

    names: tuple[str, ...]
    """For example "min_words"."""
    values: Floats
    """[limit, profile]; where a limit is off, the infinity that nothing exceeds."""

    def of(self, name: str, profile: Profiles) -> Floats:
        """One limit for rows of these profiles."""
        found: Floats = self.values[self.names.index(name), profile]
        return found


@dataclass(frozen=True, slots=True)
class Languages:
    """The profiles of a recipe, numbered. Languages without a profile have number 0."""

    numbers: dict[str, int]
    tables: ProfileTables
    limits: dict[str, Limits]
    """By rule set."""
    if_unsure: Profiles
    """[profile]: the number of the profile that replaces it where the model is not confident of the language."""
    by_jieba: npt.NDArray[np.bool_]
    """[profile]: whether jieba splits the words."""
    by_words: bool
    """Whether function words confirm a language, whatever its score: not under the published limits."""

    @staticmethod
    def of(filters: Filters) -> Languages:
        """Resolve every limit. RecipeError names an invalid one."""
        named = _by_code(filters)
        codes = sorted(PROFILES.keys() | named.keys())
        profiles = [NEUTRAL, *(_profile_of(code_of(code), filters) for code in codes)]
        own = [{}, *(named.get(code, {}) for code in codes)]
        limits = {name: _limits(name, filters, profiles, own, ["", *codes]) for name in RULE_SETS}
        numbers = {code: number for number, code in enumerate(codes, 1)}
        # In Chinese or Thai the script alone shows what a word is, whichever language of that script it is.
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
        """bool[n]: rows whose words confirm the language; `n_words` is the column lang_words, None where a run did not write it."""
        return np.zeros(n, np.bool_) if n_words is None or not self.by_words else confirms(n_words)

    def profile(self, lang: pa.Array, score: Floats | None = None, n_words: pa.Array | None = None) -> Profiles:
        """int32 per row: the number of the language's profile.

        Below a score of EVEN the text is as likely in another language, with other stop words. Such a row gets the profile of an unknown
        language, unless its words confirm the language.
        """
        encoded = lang.dictionary_encode()
        number = [self.numbers.get(label, self.numbers.get(code_of(label), 0)) for label in encoded.dictionary.to_pylist()]
        rows = pc.fill_null(encoded.indices, len(number)).to_numpy(zero_copy_only=False)
        found: Profiles = np.array([*number, 0], np.int32)[rows]
        if score is None:
            return found
        return np.where((score < EVEN) & ~self.confirmed(n_words, len(score)), self.if_unsure[found], found)


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
            raise RecipeError(
                "CM-FILTER-011", f"filters.profiles.{label}: is the same language as {named[key]!r}; write its limits in one place"
            )
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
    published = type(config)()
    names = tuple(field.name for field in dataclasses.fields(config) if field.name.startswith(("min_", "max_")))
    values = np.empty((len(names), len(profiles)))
    for k, name in enumerate(names):
        where = f"filters.{rule_set}.{name}"
        recipes_own = getattr(config, name)
        is_default = recipes_own is not None and recipes_own == getattr(published, name)
        for p, profile in enumerate(profiles):
            stated = own[p].get(rule_set, {})
            if name in stated:
                where_stated = f"filters.profiles.{codes[p]}.{rule_set}.{name}"
                values[k, p] = _number(where_stated, name, _with_stop_words(where_stated, name, stated[name], profile))
            elif name == "min_stop_words" and not profile.stop_words:
                values[k, p] = _number(where, name, None)
            else:
                limit = _profiles_limit(profile, rule_set, name, filters, recipes_own) if is_default else recipes_own
                values[k, p] = _number(where, name, limit)
    return Limits(names, values)


def _with_stop_words(where: str, name: str, limit: object, profile: LanguageProfile) -> object:
    """The limit; RecipeError for one on stop words in a language whose stop words are not known."""
    if name == "min_stop_words" and limit and not profile.stop_words:
        raise RecipeError(
            "CM-FILTER-012", f"{where} = {limit!r}: no stop words of this language are known, so it would drop every document; remove it"
        )
    return limit


def _profiles_limit(profile: LanguageProfile, rule_set: str, name: str, filters: Filters, published: float) -> float | None:
    """What a profile puts in the place of a published limit."""
    variant = getattr(getattr(filters, rule_set), "variant", None)
    limit = _of_variant(profile.limits, rule_set, variant, name, published)
    return looser(name, limit, _of_variant(profile.keeps, rule_set, variant, name, limit)) if filters.limits == "profiles" else limit


def _of_variant(limits: Mapping[str, float | None], rule_set: str, variant: str | None, name: str, otherwise: float | None) -> float | None:
    """The limit of the variant, or of all variants, or the other one."""
    return limits.get(f"{rule_set}:{variant}.{name}", limits.get(f"{rule_set}.{name}", otherwise))


def looser(name: str, one: float | None, other: float | None) -> float | None:
    """The one of two limits `min_X` or `max_X` that more documents pass. None is off and passes all."""
    if one is None or other is None:
        return None
    return min(one, other) if name.startswith("min_") else max(one, other)


def _number(where: str, name: str, limit: object) -> float:
    if limit is None:
        return -math.inf if name.startswith("min_") else math.inf
    if not isinstance(limit, int | float) or math.isnan(limit):
        raise RecipeError("CM-FILTER-013", f'{where} = {limit!r}: must be a number or "off"')
    return float(limit)
