"""Which limit holds for which language, and what passes it."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from pipelines.filters.limits import Languages, Limits, looser
from pipelines.filters.profiles import PROFILES
from pipelines.filters.verdict import judge_limits
from schemas.errors import RecipeError
from schemas.recipe import RULE_SETS
from tests.filters.helpers import recipe_of

LANGS = pa.array(["en", "zh", "zho_Hans", "xx", None], pa.large_string())


def resolved(name: str, **settings: object) -> list[float]:
    """The limit `rule_set.limit` for each of LANGS."""
    languages = Languages.of(recipe_of([], **settings).filters)
    rule_set, _, limit = name.partition(".")
    return languages.limits[rule_set].of(limit, languages.profile(LANGS)).tolist()


def test_a_profile_stands_in_for_the_published_limit_and_not_for_one_that_the_recipe_changes() -> None:
    zh = PROFILES["zh"].limits["gopher_quality.min_words"]
    assert resolved("gopher_quality.min_words") == [50, zh, zh, 50, 50]
    assert resolved("gopher_quality.min_words", **{"filters.gopher_quality.min_words": 60}) == [60] * 5


def test_of_a_languages_own_limit_and_one_that_keeps_clean_prose_the_looser_holds() -> None:
    published = {"filters.limits": "published"}
    assert resolved("gopher_repetition.max_dup_10gram_ratio") == [0.2, 0.3, 0.3, 0.2, 0.2]
    assert resolved("gopher_repetition.max_dup_10gram_ratio", **published) == [0.1, 0.15, 0.15, 0.1, 0.1]
    assert resolved("gopher_repetition.max_dup_5gram_ratio")[:2] == [0.3, math.inf]
    assert resolved("roots.max_char_repetition_ratio") == [0.2, 0.3, 0.3, 0.2, 0.2]
    assert resolved("roots.max_char_repetition_ratio", **published) == [0.106, 0.2, 0.2, 0.2, 0.2]
    assert resolved("roots.min_language_score", **published)[:2] == [0.8, 0.85]
    assert resolved("roots.min_language_score") == [0.7] * 5
    assert [looser("min_a", 1, 2), looser("max_a", 1, 2), looser("min_a", None, 2), looser("max_a", 1, None)] == [1, 2, None, None]


def test_as_published_english_has_every_default_of_the_rule_sets() -> None:
    languages = Languages.of(recipe_of([], **{"filters.limits": "published"}).filters)
    for rule_set, config in RULE_SETS.items():
        limits = languages.limits[rule_set]
        for name, value in zip(limits.names, limits.values[:, languages.numbers["en"]], strict=True):
            stated = getattr(config(), name)
            assert value == (stated if stated is not None else math.copysign(math.inf, -1 if name.startswith("min_") else 1))


def test_a_limit_that_the_recipe_states_holds_whatever_keeps_clean_prose() -> None:
    assert resolved("gopher_quality.min_alpha_word_ratio", **{"filters.gopher_quality.min_alpha_word_ratio": 0.7}) == [0.7] * 5
    assert resolved("gopher_quality.min_alpha_word_ratio") == [0.4] * 5
    assert resolved("gopher_quality.min_alpha_word_ratio", **{"filters.gopher_quality.variant": "paper"}) == [0.8] * 5


def test_what_the_recipe_turns_off_no_profile_turns_on() -> None:
    assert resolved("gopher_quality.min_words", **{"filters.gopher_quality.min_words": "off"}) == [-math.inf] * 5
    assert resolved("c4.max_word_chars", **{"filters.c4.max_word_chars": "off"}) == [math.inf] * 5


def test_what_a_profile_turns_off_is_off() -> None:
    assert resolved("gopher_quality.max_mean_word_length")[:3] == [10, math.inf, math.inf]


def test_a_recipes_own_profile_stands_over_both() -> None:
    own = {"filters.profiles.zh.gopher_quality.min_words": 0, "filters.profiles.xx.gopher_quality.min_words": 9}
    assert resolved("gopher_quality.min_words", **own) == [50, 0, 0, 9, 50]
    assert resolved("gopher_quality.min_words", **own, **{"filters.gopher_quality.min_words": "off"}) == [-math.inf, 0, 0, 9, -math.inf]
    assert resolved("gopher_quality.min_words", **{"filters.profiles.zh.gopher_quality.min_words": "off"})[:2] == [50, -math.inf]


def test_without_known_stop_words_their_rule_is_off_and_cannot_be_turned_on() -> None:
    assert resolved("gopher_quality.min_stop_words") == [2, 2, 2, -math.inf, -math.inf]
    with pytest.raises(RecipeError, match=r"filters\.profiles\.xx\.gopher_quality\.min_stop_words = 1.0: no stop words"):
        resolved("gopher_quality.min_stop_words", **{"filters.profiles.xx.gopher_quality.min_stop_words": 1})


@pytest.mark.parametrize(("value", "shown"), [("many", "'many'"), (math.nan, "nan")])
def test_what_is_no_number_is_refused(value: object, shown: str) -> None:
    recipe = recipe_of([], **{"filters.profiles.zh.c4.min_sentences": 1})
    recipe.filters.profiles["zh"]["c4"]["min_sentences"] = value  # type: ignore[assignment]
    with pytest.raises(RecipeError, match=rf'filters\.profiles\.zh\.c4\.min_sentences = {shown}: must be a number or "off"'):
        Languages.of(recipe.filters)


def test_limits_are_inclusive_and_the_first_that_fails_is_named() -> None:
    limits = Limits(("min_a", "max_a", "max_b", "min_line"), np.array([[1.0, -math.inf], [3.0, 3.0], [0.0, 0.0], [9.0, 9.0]]))
    signals = {"a": np.array([1, 3, 0.5, 4, 0.5, 4, math.nan, math.nan]), "b": np.array([0, 0, 1, 0, 0, 1, 0, 0], float)}
    verdict = judge_limits("set", limits, signals, np.array([0, 0, 0, 0, 1, 1, 0, 1], np.int32))
    assert verdict.reasons == ("set.min_a", "set.max_a", "set.max_b")
    assert verdict.failed.tolist() == [-1, -1, 0, 1, -1, 1, 0, 1]
    assert verdict.fails[2].tolist() == [False, False, True, False, False, True, False, False]
    assert verdict.values[verdict.failed[[2, 3]], [2, 3]].tolist() == [0.5, 4]
    assert verdict.limits[verdict.failed[[2, 3, 5]], [2, 3, 5]].tolist() == [1, 3, 3]


@pytest.mark.parametrize("variant", ["dolma", "nemo"])
def test_a_variant_that_counts_characters_has_their_limits_whatever_a_word_is_to_the_others(variant: str) -> None:
    chosen = {"filters.gopher_repetition.variant": variant, "filters.gopher_quality.variant": variant}
    for name in ("gopher_repetition.max_top_2gram_ratio", "gopher_repetition.max_dup_5gram_ratio", "gopher_quality.min_words"):
        by_characters, by_jieba = resolved(name, **chosen), resolved(name, **chosen, **{"filters.language.zh_words": "jieba"})
        assert by_characters == by_jieba
    assert resolved("gopher_repetition.max_top_2gram_ratio", **chosen)[1] == 0.2
