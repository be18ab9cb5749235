"""A recipe refuses what it does not understand, and says what would be right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas import recipe as recipes
from schemas.errors import RecipeError

MINIMAL: dict[str, Any] = {"name": "x", "sources": {"web": {"path": "a.warc.gz"}}}


def parse(**sections: Any) -> recipes.Recipe:
    return recipes.parse({**MINIMAL, **sections})


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"filtres": {}}, "unknown key 'filtres'; did you mean 'filters'?"),
        ({"dedup": {"minhash": {"band": 3}}}, "dedup.minhash: unknown key 'band'; did you mean 'bands'?"),
        ({"sources": {"web": {"pth": "a"}}}, "sources.web: unknown key 'pth'; did you mean 'path'?"),
        ({"encode": {"shard_tokens": "many"}}, "encode.shard_tokens: Expected `int`, got `str`"),
        ({"dedup": {"kinds": ["exact", "minhsh"]}}, "dedup.kinds = 'minhsh': valid are url, exact, minhash, simhash"),
        ({"dedup": {"scope": "al"}}, "dedup.scope = 'al': valid are all, within_source, local_then_global"),
        ({"encode": {"valid_ratio": 1}}, "encode.valid_ratio = 1.0: must lie in [0, 1)"),
        ({"filters": {"rules": ["gofer_quality"]}}, "filters.rules: unknown key 'gofer_quality'; did you mean 'gopher_quality'?"),
        ({"filters": {"profiles": {"zh": {"c4": {"min_sentence": 1}}}}}, "did you mean 'min_sentences'?"),
        ({"filters": {"rules": ["gopher_repetition:dolmo"]}}, "its variants are: datatrove, dolma, nemo"),
        ({"filters": {"rules": ["length:dolma"]}}, "it has no variants; write 'length'"),
        ({"filters": {"rules": ["gopher_quality:nemo", "gopher_quality:dolma"]}}, "gopher_quality runs in one variant"),
        ({"filters": {"rules": ["c4", "gopher_quality:nemo"], "gopher_quality": {"variant": "paper"}}}, "and 'paper' is asked for, too"),
        ({"tokenizer": {"vocab_size": 100}}, "the byte alphabet and the special tokens alone need 257"),
        ({"scrub": {"kinds": ["e-mail"]}}, "did you mean 'email'?"),
        ({"scrub": {"modes": {"email": "hide"}}}, "scrub.modes.email = 'hide': choose one of placeholder"),
        ({"scrub": {"modes": {"user": "pseudonym"}}}, "scrub.modes.user = 'pseudonym': add the kind to scrub.kinds"),
        ({"sources": {}}, "name at least one source"),
        ({"sources": {"web": {"source_class": "blog"}}}, "use one of book, commoncrawl"),
        ({"pretrain": {"d_model": 100, "n_heads": 3}}, "must be a multiple of 2 x n_heads = 6"),
    ],
)
def test_a_wrong_recipe_names_the_key_and_the_remedy(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse(**sections)
    assert message in str(caught.value)


def test_off_turns_a_rule_off_and_zero_is_a_value() -> None:
    filters = parse(filters={"gopher_quality": {"min_words": "off", "min_stop_words": 0}}).filters
    assert filters.gopher_quality.min_words is None
    assert filters.gopher_quality.min_stop_words == 0


def test_a_rule_can_name_the_variant_that_it_runs_in() -> None:
    sources = {"web": {"path": "a"}, "books": {"path": "b", "rules": ["length", "gopher_quality:nemo"]}}
    recipe = parse(sources=sources, filters={"rules": ["gopher_repetition:dolma", "c4"]})
    assert recipe.filters.rules == ("gopher_repetition", "c4")
    assert recipe.sources["books"].rules == ("length", "gopher_quality")
    assert (recipe.filters.gopher_repetition.variant, recipe.filters.gopher_quality.variant) == ("dolma", "nemo")
    named = [recipes.shown(recipe.filters, name) for name in ("length", "gopher_repetition", "c4")]
    assert named == ["length", "gopher_repetition:dolma", "c4:datatrove"]
    assert recipes.parse(recipe.as_dict()) == recipe


def test_a_setting_is_read_as_toml_or_else_as_text() -> None:
    data: dict[str, Any] = {}
    for setting in ('a.b=["x"]', "a.c=3", "a.d=../web/*.gz", "a.e = off"):
        recipes.apply_setting(data, setting)
    assert data == {"a": {"b": ["x"], "c": 3, "d": "../web/*.gz", "e": "off"}}


@pytest.mark.parametrize("setting", ["novalue", "=3", "name.x=3"])
def test_a_setting_that_makes_no_sense_is_refused(setting: str) -> None:
    with pytest.raises(RecipeError):
        recipes.apply_setting({"name": "x"}, setting)


def test_the_digest_depends_on_values_alone() -> None:
    assert (
        parse(seed=1, encode={"valid_ratio": 0.1}).digest()
        == recipes.parse({"encode": {"valid_ratio": 0.1}, "seed": 1, **MINIMAL}).digest()
    )
    assert parse(seed=1).digest() != parse(seed=2).digest()


def test_as_dict_parses_back_to_the_same_recipe() -> None:
    recipe = recipes.load("demo", ["filters.gopher_quality.min_words=off"])
    read = recipes.parse(recipe.as_dict())
    assert read == recipe
    assert read.digest() == recipe.digest(), "a default that is written as a whole number is read back as one"


@pytest.mark.parametrize("name", recipes.list_recipes())
def test_every_built_in_recipe_loads_and_says_what_it_is(name: str) -> None:
    assert recipes.load(name).description


def test_an_unknown_recipe_names_the_nearest() -> None:
    with pytest.raises(RecipeError, match="did you mean 'fineweb'"):
        recipes.load("finweb")


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9])
@pytest.mark.parametrize("permutations", [32, 128])
def test_banding_for_a_threshold_is_datasketchs_optimum(threshold: float, permutations: int) -> None:
    from datasketch.lsh import _optimal_param

    from schemas.recipe import MinHash

    found = MinHash(threshold=threshold, permutations=permutations)
    assert (found.bands, found.rows) == _optimal_param(threshold, permutations, 0.5, 0.5)


def test_a_recipe_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('\ufeff[sources.web]\npath = "a.jsonl"\n', "utf-8")
    assert recipes.load(str(tmp_path / "mine.toml")).sources["web"].path == ("a.jsonl",)
