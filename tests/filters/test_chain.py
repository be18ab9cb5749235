"""The chain: reasons at every rule's boundary, order, languages, sources, and the laws of a kernel."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.filters import c4, fasttext_predict, fineweb, gopher_quality, gopher_repetition, identify
from pipelines.filters.chain import FilterChain
from pipelines.filters.model import cached_path
from pipelines.filters.precompile import precompile
from pipelines.filters.registry import REGISTRY
from pipelines.filters.verdict import STEP, signal_of
from pipelines.text import words
from schemas.errors import ModelError
from schemas.hops import DOCUMENT, LEDGER
from schemas.recipe import RULE_SETS, Recipe
from tests.filters.helpers import chain_of, documents, outcome, recipe_of
from tests.text.strategies import TEXTS

pytestmark = pytest.mark.skipif(not cached_path().is_file(), reason="the language model is not there; `make model` fetches it")

ENGLISH = (
    "The river rises in a shallow valley north of the old quarry and runs past four villages before it meets the sea.\n"
    "Farmers along its banks have kept records of every flood since the year their bridge was rebuilt from stone.\n"
    "Those notebooks show that high water used to come in March, when snow melted quickly under the first warm rain.\n"
    "In recent decades the worst floods have arrived during summer storms, which are short but far more violent.\n"
    "Engineers answered by lowering the meadows near the mill, so that water can spread there without touching houses."
)
CHINESE = (
    "这条河发源于老采石场以北的一个浅谷，流经四个村庄，最后汇入大海。\n"
    "自从桥梁用石头重建以来，两岸的农民一直记录着每一次洪水的情况。\n"
    "那些笔记表明，过去高水位往往出现在三月，那时积雪在第一场暖雨中迅速融化。\n"
    "近几十年来，最严重的洪水都是在夏季暴雨期间到来的，时间虽短，但却猛烈得多。\n"
    "工程师的办法是降低磨坊附近的草地，让水在那里漫开而不会碰到房屋。"
)
ALL_SETS = ["length", "url", "language", "gopher_repetition", "gopher_quality", "c4", "fineweb"]
FINEWEB_SETS = ["url", "language", "gopher_repetition", "gopher_quality", "c4", "fineweb"]


def measured(text: str, name: str) -> float:
    (value,) = chain_of([name.partition(".")[0]], **all_off())(documents([text]))[0].column(name).to_pylist()
    return float(value)


def all_off() -> dict[str, Any]:
    """Settings that turn every limit on documents off."""
    return {
        f"filters.{rule_set}.{field.name}": "off"
        for rule_set, kind in RULE_SETS.items()
        for field in dataclasses.fields(kind)
        if signal_of(field.name) in (*REGISTRY[rule_set].signals, *(("score",) if rule_set == "language" else ()))
    }


WITH_MODEL = ("language", "quality", "perplexity", "safety")
WITH_LIST = ("filters.roots.min_stop_word_ratio", "filters.roots.max_flagged_word_ratio")
PAGE_LIMITS = sorted(key for key in all_off() if key.split(".")[1] not in WITH_MODEL and key not in WITH_LIST)


@pytest.mark.parametrize("key", PAGE_LIMITS)
@pytest.mark.parametrize("text", [ENGLISH, "Say it.\n- the the the the the the... {lorem ipsum text} # {\n\nSay it.\n\nSay it."])
def test_a_limit_at_the_value_passes_and_one_beyond_it_drops(key: str, text: str) -> None:
    _, rule_set, name = key.split(".")
    value = measured(text, f"{rule_set}.{name[4:]}")
    beyond = value + 0.001 if name.startswith("min_") else value - 0.001
    assert outcome(chain_of([rule_set], **{**all_off(), key: value}), documents([text])) == [None]
    drops = chain_of([rule_set], **{**all_off(), key: beyond})
    assert outcome(drops, documents([text])) == [f"{rule_set}.{name}"]
    (row,) = drops(documents([text]))[1].to_pylist()
    assert (row["value"], row["limit"]) == (value, pytest.approx(beyond))


def test_zero_threshold_still_drops_and_off_does_not() -> None:
    batch = documents(["a # b"])
    assert outcome(chain_of(["gopher_quality"], **{**all_off(), "filters.gopher_quality.max_hash_ratio": 0}), batch) == [
        "gopher_quality.max_hash_ratio"
    ]
    assert outcome(chain_of(["gopher_quality"], **all_off()), batch) == [None]


def test_clean_pages_pass_the_whole_chain_in_english_and_chinese() -> None:
    """Chinese is not emptied by limits that were set on English."""
    keep = {"filters.language.keep": ["en", "zh"]}
    kept, ledger = chain_of(FINEWEB_SETS, **keep)(documents([ENGLISH, CHINESE]))
    assert ledger.num_rows == 0
    assert kept.column("lang").to_pylist() == ["en", "zh"]
    assert kept.column("raw_text").to_pylist() == [ENGLISH, CHINESE]


def test_the_first_failing_limit_of_the_first_failing_set_is_the_reason() -> None:
    short = documents(["Too short."])
    assert outcome(chain_of(["gopher_quality", "c4"]), short) == ["gopher_quality.min_words"]
    assert outcome(chain_of(["c4", "gopher_quality"]), short) == ["c4.min_sentences"]
    settings = {"filters.length.min_chars": 50, "filters.length.max_chars": 5}
    assert outcome(chain_of(["length"], **settings), short) == ["length.min_chars"]


def test_c4_hands_its_text_to_the_sets_behind_it_and_on() -> None:
    page = ENGLISH + "\nshort line\nThis page needs JavaScript to work well [1].\nOne more line with a note [12] in it."
    kept, _ = chain_of(["length", "c4", "fineweb"])(documents([page]))
    assert kept.column("raw_text").to_pylist() == [ENGLISH + "\nOne more line with a note  in it."]
    assert kept.column("length.chars").to_pylist() == [len(page)]
    assert kept.column("c4.cut_javascript").to_pylist() == [1]
    assert kept.column("fineweb.terminal_line_ratio").to_pylist() == [1]
    (chars,) = chain_of(["c4", "length"])(documents([page]))[0].column("length.chars").to_pylist()
    assert chars == len(ENGLISH) + len("\nOne more line with a note  in it.")


def test_language_keeps_what_it_is_told_and_says_so_in_the_ledger() -> None:
    sure = {"filters.language.keep": ["en"], "filters.language.min_score": 0.65}
    batch = documents([ENGLISH, CHINESE, "12 34"])
    assert outcome(chain_of(["language"], **sure), batch) == [None, "language.keep", "language.keep"]
    rows = chain_of(["language"], **sure)(batch)[1].to_pylist()
    assert [(row["lang"], row["limit"], row["step"], row["outcome"]) for row in rows] == [
        ("zh", None, "filters", "dropped"),
        (None, None, "filters", "dropped"),
    ]
    assert 0.9 < rows[0]["value"] <= 1
    assert rows[1]["value"] == 0
    assert outcome(chain_of(["language"], **{"filters.language.keep": []}), batch) == [None, None, "language.min_score"]
    assert outcome(chain_of(["language"], **{"filters.language.min_score": "off"}), batch) == [None, None, None]
    assert outcome(chain_of(["language"], **{"filters.profiles.zh.language.min_score": 1.5}), batch)[1] == "language.min_score"


def test_a_language_is_told_where_limits_depend_on_it_and_only_there() -> None:
    def lang(rules: list[str], **settings: Any) -> list[str | None]:
        found: list[str | None] = chain_of(rules, **settings)(documents([CHINESE]))[0].column("lang").to_pylist()
        return found

    assert lang(["length"]) == lang(["length", "url"]) == lang([]) == [None]
    assert lang(["length", "gopher_repetition"]) == ["zh"]
    assert lang(["length"], **{"filters.profiles.zh.length.min_chars": 5}) == ["zh"]
    assert outcome(chain_of(["length"], **{"filters.profiles.zh.length.min_chars": 5000}), documents([CHINESE])) == ["length.min_chars"]


def test_url_rules_drop_by_the_documents_address(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("bad.example\n")
    rules = chain_of(["url"], **{"filters.url.block_domains": str(tmp_path / "list.txt"), "filters.url.block_words": ["casino"]})
    urls = ["http://a.bad.example/casino", "http://ok.example/Casino", "http://ok.example/", None]
    batch = documents(["text"] * 4, urls=urls)
    assert outcome(rules, batch) == ["url.block_domains", "url.block_words", None, None]
    assert [(row["value"], row["limit"], row["lang"]) for row in rules(batch)[1].to_pylist()] == [(None, None, None)] * 2


def two_sources() -> Recipe:
    sources = {"web": {"path": "x", "rules": ["length", "gopher_repetition"]}, "code": {"path": "y", "rules": ["length"]}}
    return recipe_of([], **{f"sources.{name}.{key}": value for name, source in sources.items() for key, value in source.items()})


def test_every_source_has_its_own_rules_and_what_was_not_measured_is_null() -> None:
    batch = documents(["", "same\n" * 9, "same\n" * 9, "", ENGLISH], ["code", "web", "code", "web", "web"])
    both = FilterChain.of(two_sources())
    assert outcome(both, batch) == ["length.min_chars", "gopher_repetition.max_dup_line_ratio", None, "length.min_chars", None]
    kept, ledger = both(batch)
    assert kept.column("gopher_repetition.dup_line_ratio").to_pylist() == [None, 0]
    assert kept.column("length.chars").to_pylist() == [45, len(ENGLISH)]
    assert [lang is None for lang in kept.column("lang").to_pylist()] == [True, False]
    assert ledger.column("origin_offset").to_pylist() == [0, 1, 3]


@pytest.mark.parametrize("rules", [[], ["length"], ALL_SETS])
def test_schemas_are_exact_even_for_no_rows(rules: list[str]) -> None:
    whole = chain_of(rules)
    for batch in (documents([]), documents(["", ENGLISH]), documents([ENGLISH])):
        kept, ledger = whole(batch)
        assert kept.schema == pa.schema([*DOCUMENT, *whole.fields()])
        assert ledger.schema == LEDGER
    names = [field.name for field in whole.fields()]
    assert names[:3] == ["lang", "lang_score", "lang_words"]
    assert names[3:] == [f"{name}.{signal}" for name in RULE_SETS if name in rules for signal in REGISTRY[name].signals]


LOOSE = {
    "filters.gopher_quality.min_words": 3,
    "filters.gopher_quality.min_alpha_word_ratio": 0.2,
    "filters.c4.min_sentences": 1,
    "filters.language.min_score": 0.1,
}


@given(TEXTS, st.integers(0, 6))
def test_a_batch_cut_anywhere_gives_the_same_rows(texts: list[str], cut: int) -> None:
    texts = [*texts, ENGLISH, *texts[:2], CHINESE]
    batch = documents(texts)
    loose = chain_of(ALL_SETS, **LOOSE)
    whole, first, second = loose(batch), loose(batch.slice(0, cut)), loose(batch.slice(cut))
    for k in (0, 1):
        assert whole[k].to_pylist() == first[k].to_pylist() + second[k].to_pylist()
    assert whole[0].num_rows + whole[1].num_rows == len(texts)


def test_every_kernel_is_compiled_once() -> None:
    """Warming, real batches, slices, cleaned texts and empty batches all come with the same types."""
    recipe = recipe_of(ALL_SETS, **LOOSE, **{"sources.code.path": "y", "sources.code.rules": ["length", "c4", "gopher_quality", "fineweb"]})
    precompile(recipe)
    compiled = (
        *(words._split_words, words._split_on_space, identify._sample, fasttext_predict._predict, c4._cut_lines, fineweb._measure_lines),
        *(gopher_quality._count_words, gopher_quality._count_lines, gopher_repetition._measure_repetition),
    )
    whole = FilterChain.of(recipe)
    texts = [ENGLISH, CHINESE, "", "x", ENGLISH * 3]
    for batch in (documents(texts), documents(texts * 2, ["web", "code"] * 5).slice(1, 6), documents([])):
        whole(batch)
    assert {kernel.py_func.__name__: len(kernel.signatures) for kernel in compiled} == {kernel.py_func.__name__: 1 for kernel in compiled}


def test_warming_raises_what_a_run_would_miss(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"filters\.language\.model = .*nowhere\.bin"):
        precompile(recipe_of(["language"], **{"filters.language.model": str(tmp_path / "nowhere.bin")}))
    precompile(recipe_of(["length"], **{"filters.language.model": str(tmp_path / "nowhere.bin")}))


def test_the_paper_variant_counts_what_stands_between_white_space() -> None:
    """Punctuation is no word there, so the share of words with letters is higher."""
    text = '"Well," she said, "here (of all places) we are: three, four, five - or six?"'
    ratios = [
        chain_of(["gopher_quality"], **{**all_off(), "filters.gopher_quality.variant": variant})(documents([text]))[0]
        .column("gopher_quality.alpha_word_ratio")
        .to_pylist()[0]
        for variant in ("datatrove", "paper")
    ]
    assert ratios == [14 / 27, 14 / 15]


def test_documents_of_an_unknown_source_are_a_bug() -> None:
    with pytest.raises(KeyError, match="elsewhere"):
        chain_of(["length"])(documents(["text"], ["elsewhere"]))


def test_the_step_is_the_one_that_guards_look_for() -> None:
    assert STEP == "filters"
