"""A recipe refuses what it does not understand, and says what would be right."""

from __future__ import annotations

import ast
import dataclasses
import re
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
        ({"dedup": {"minhash": {"min_jaccard": 2}}}, "dedup.minhash.min_jaccard = 2.0: must be in (0, 1]"),
        ({"encode": {"valid_ratio": 1}}, "encode.valid_ratio = 1.0: must be in [0, 1)"),
        ({"filters": {"rules": ["gofer_quality"]}}, "filters.rules: unknown key 'gofer_quality'; did you mean 'gopher_quality'?"),
        ({"filters": {"profiles": {"zh": {"c4": {"min_sentence": 1}}}}}, "did you mean 'min_sentences'?"),
        ({"filters": {"rules": ["gopher_repetition:dolmo"]}}, "its variants are: datatrove, dolma, nemo"),
        ({"filters": {"rules": ["length:dolma"]}}, "it has no variants; write 'length'"),
        ({"filters": {"rules": ["gopher_quality:nemo", "gopher_quality:dolma"]}}, "gopher_quality runs in one variant"),
        ({"filters": {"rules": ["c4", "gopher_quality:nemo"], "gopher_quality": {"variant": "paper"}}}, "names 'paper'"),
        ({"tokenizer": {"vocab_size": 100}}, "tokenizer.vocab_size = 100: must be at least 257"),
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


@pytest.mark.parametrize("name", ["web", "网页", "बच्चे", "a-b_c-1", "x" * 60, "école"])
def test_a_name_has_letters_of_any_script(name: str) -> None:
    assert list(parse(sources={name: {"path": "a.txt"}}).sources) == [name]


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "/x",
        "a/b",
        "a\\b",
        ".hidden",
        "-x",
        "x.",
        "a b",
        "a\n",
        "<b>",
        "x" * 61,
        "con",
        "NUL.txt",
        "e\u0301",
        "\u202ea",
    ],
)
@pytest.mark.parametrize("where", ["sources", "name", "dedup.snapshot"])
def test_a_name_is_never_a_path(name: str, where: str) -> None:
    changes: dict[str, Any] = {"name": name} if where == "name" else {"dedup": {"index": "i", "snapshot": name}}
    if where == "dedup.snapshot" and not name:
        return  # no snapshot
    with pytest.raises(RecipeError, match=re.escape(where)):
        parse(**(changes if where != "sources" else {"sources": {name: {"path": "a.txt"}}}))


def test_a_source_has_no_dot_in_its_name_and_the_message_says_what_it_may_have() -> None:
    with pytest.raises(RecipeError, match=r"^CM-RECIPE-001: sources = 'a\.b': .* letters .*, digits, '-' and '_';"):
        parse(sources={"a.b": {"path": "a.txt"}})
    with pytest.raises(RecipeError, match=r"^CM-RECIPE-001: name = 'a b': .* letters .*, digits, '-', '_' and '\.';"):
        parse(name="a b")
    assert parse(name="a.b").name == "a.b"


@pytest.mark.parametrize(
    "setting", ["guards.max_merged=nan", "guards.max_merged=-inf", "filters.metadata.min.score=nan", "seed=9223372036854775808"]
)
def test_a_number_that_is_none_or_too_large_is_refused(setting: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(setting.split("=", maxsplit=1)[0])):
        recipes.load("fineweb", ["sources.web.path=a.warc.gz", setting])


@pytest.mark.parametrize("rule", ["keep", "drop", "keep_lists", "drop_lists", "min"])
@pytest.mark.parametrize("key", ["rights", "licence"])
def test_a_rule_on_what_is_no_metadata_is_refused_since_it_would_do_nothing(rule: str, key: str) -> None:
    value: Any = {"min": 1, "keep_lists": "a.txt", "drop_lists": "a.txt"}.get(rule, ["noai"])
    with pytest.raises(RecipeError, match=rf"filters\.metadata\.{rule}\.{key} = .*"):
        parse(filters={"metadata": {rule: {key: value}}})


def test_a_setting_states_one_value() -> None:
    with pytest.raises(RecipeError, match=r"CM-RECIPE-011: .*seed=1"):
        recipes.apply_setting({}, 'seed=1\nname="x"')


def test_what_cannot_be_a_recipe_is_refused(tmp_path: Path) -> None:
    for name, content, message in (
        ("large", b"#" * (5 << 20), r"CM-RECIPE-008: .*large has 5242880 bytes"),
        ("deep", b"a=" + b"[" * 100_000, "CM-RECIPE-009: .*deep"),
        ("latin", b'a = "\xff"', "CM-RECIPE-009: .*latin"),
        ("twice", b"[read]\n[read]\n", "CM-RECIPE-009: .*twice"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RecipeError, match=message):
            recipes.load(str(tmp_path / name))


def test_every_key_says_what_it_means() -> None:
    keys = recipes.documented_keys()
    assert not [key.name for key in keys if not key.meaning]
    assert len({key.name for key in keys}) == len(keys) > 250
    shown = {key.name: (key.default, key.meaning) for key in keys}
    assert shown["dedup.lines.min_left"] == ("1", "Drop a document that was cut and has fewer characters left.")
    for kind in (recipes.ClassifierTraining, recipes.NgramTraining):
        assert recipes.meanings_of(kind).keys() == {field.name for field in dataclasses.fields(kind)}


def test_every_key_has_a_reader() -> None:
    """A key that is accepted and read nowhere would do nothing."""
    from pipelines.filters.registry import REGISTRY
    from pipelines.filters.verdict import signal_of

    root = Path(recipes.__file__).parents[2]
    names = {"keep_lists", "drop_lists"}  # asked for as f"{name}_lists"
    names |= {"threshold", "permutations"}  # the recipe itself makes bands and rows of them
    for path in (path for folder in ("pipelines", "tokenizer") for path in (root / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
    for key in recipes.documented_keys():
        section, leaf = key.name.split(".")[-2:] if "." in key.name else ("", key.name)
        assert leaf in names or (section in REGISTRY and signal_of(leaf) in REGISTRY[section].signals), key.name


def test_only_what_is_declared_as_a_file_counts_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that happens to have the name of a language is no input of the stage."""
    monkeypatch.chdir(tmp_path)
    Path("en").write_text("not a list")
    Path("words.txt").write_text("some\n")
    filters = {
        "language": {"keep": ["en"], "assume": "en"},
        "url": {"block_domains": "words.txt"},
        "roots": {"stop_words": {"en": "words.txt"}},
    }
    recipe = recipes.parse({"name": "files", "sources": {"web": {"path": ["x"]}}, "filters": filters, "opt_out": {"urls": "words.txt"}})
    found = [line.split(" ")[:3] for line in recipe.files_named_in("filters", "opt_out", "dedup")]
    assert found == [[key, "words.txt", "5"] for key in ("filters.url.block_domains", "filters.roots.stop_words.en", "opt_out.urls")]
