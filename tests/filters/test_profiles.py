"""Language profiles: what stands in them, and that clean prose of other languages passes."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import pytest
import zstandard

from pipelines.filters.profiles import NEUTRAL, PROFILES, code_of
from pipelines.filters.signals import SIGNALS
from pipelines.filters.tables import build
from pipelines.text.words import split_words
from schemas.recipe import RULE_SETS
from tests.filters.helpers import chain_of, documents
from tests.text.strategies import column

PROSE = Path(__file__).parents[3] / "shared" / "data" / "prose"
SETS = ["gopher_repetition", "gopher_quality", "c4", "fineweb"]


def test_english_has_the_published_limits() -> None:
    assert PROFILES["en"].limits == {}
    assert PROFILES["en"].stop_words == {"the", "be", "to", "of", "and", "that", "have", "with"}


@pytest.mark.parametrize("code", sorted(PROFILES))
def test_a_profile_is_something_that_the_rules_can_use(code: str) -> None:
    profile = PROFILES[code]
    for limit in profile.limits:
        rule_set, _, name = limit.partition(".")
        assert name in {field.name for field in dataclasses.fields(RULE_SETS[rule_set])}
        assert name[4:] in SIGNALS[rule_set] or limit == "c4.min_line_words"
    assert split_words(column(sorted(profile.stop_words))).counts.tolist() == [1] * len(profile.stop_words)
    assert set(profile.sentence_ends) - set("…") <= set(profile.terminal_punctuation) & set(profile.line_ends)
    assert len(profile.stop_words) >= 8 or code in ("th", "lo", "km", "my")


def test_stop_words_that_the_rules_see_as_several_words_are_refused() -> None:
    with pytest.raises(ValueError, match="the stop word 'two words' is no single word"):
        build([dataclasses.replace(NEUTRAL, stop_words=frozenset({"two words"}))])


@pytest.mark.parametrize(("label", "code"), [("en", "en"), ("zho_Hans", "zh"), ("jpn", "ja"), ("xx_Latn", "xx"), (None, "")])
def test_a_profile_is_found_by_a_models_label(label: str | None, code: str) -> None:
    assert code_of(label) == code


@pytest.mark.skipif(not PROSE.is_dir(), reason="the labelled prose is not there")
@pytest.mark.parametrize("lang", ["zh", "th", "ru", "ar", "de", "es", "vi", "tr", "hi"])
def test_clean_articles_pass_in_every_language(lang: str) -> None:
    """Encyclopaedia paragraphs without mark-up; C4's ban on curly brackets is left out, as it is about code."""
    with (PROSE / f"{lang}.jsonl.zst").open("rb") as file:
        rows = [json.loads(line) for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), "utf-8")]
    texts = [row["text"] for row in rows if row["source"] == "deepmind/xquad"]
    assert len(texts) > 15
    _, dropped = chain_of(SETS, **{"filters.c4.max_curly_brackets": "off"})(documents(texts))
    assert dropped.num_rows <= len(texts) * 0.05, dropped.column("reason").value_counts()
