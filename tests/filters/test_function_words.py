"""Words confirm a language that the model tells with a low score, and leave its relatives out."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard

from pipelines.filters import model
from pipelines.filters.function_words import LEAST_WORDS, confirms, count_function_words, words_of
from pipelines.text.labels import code_of
from tests.filters.helpers import chain_of, documents, outcome
from tests.text.strategies import column

KIT = Path(__file__).parents[3] / "shared" / "data"
needs_model = pytest.mark.skipif(not model.cached_path().is_file(), reason="the language model is not there; `make model` fetches it")
needs_kit = pytest.mark.skipif(not KIT.is_dir(), reason="the labelled prose is not there")

SWAHILI = (
    "Watu wa kijiji hiki walikuwa na kisima kimoja katika bonde, lakini baada ya mvua kila mtu alikwenda mtoni kwa sababu maji ni safi. "
    "Wakati huo wazee wote walikaa chini ya mti ili kuzungumza kama kawaida, na watoto walicheza bila hofu au kelele za magari. "
)


def rows(path: str) -> list[dict[str, str]]:
    with (KIT / path).open("rb") as file:
        return [json.loads(line) for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), "utf-8")]


def columns(texts: list[str], langs: list[str | None], scores: list[float]) -> tuple[pa.Array, pa.Array, pa.Array]:
    return column(texts), pa.array(langs, pa.large_string()), pa.array(scores)


def test_different_function_words_of_the_language_are_counted_where_the_score_is_low() -> None:
    found = count_function_words(
        *columns(["ya na YA WA", "ya na", "ya na", "ya", "ya"], ["sw", "swh_Latn", "sw", "ja", None], [0.3, 0.69, 0.7, 0.3, 0.0])
    )
    assert found.to_pylist() == [3, 2, None, None, None]
    assert confirms(pa.array([LEAST_WORDS, LEAST_WORDS - 1, None], pa.float64())).tolist() == [True, False, False]


def test_there_are_enough_function_words_to_confirm_each_language() -> None:
    for code in ("en", "eu", "gd", "sl", "sw", "so", "oc"):
        assert len(words_of(code)) > 1.5 * LEAST_WORDS
    assert words_of("zh") == words_of("xx") == frozenset()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, None),
        ({"filters.limits": "published"}, "language.min_score"),
        ({"filters.language.min_score": 0.6}, "language.min_score"),
        ({"filters.profiles.sw.language.min_score": 0.6}, "language.min_score"),
    ],
)
def test_words_confirm_a_language_at_the_default_limit_alone(settings: dict[str, object], reason: str | None) -> None:
    chain = chain_of(["language"], **settings)
    n_words = pa.array([float(LEAST_WORDS)])
    batch = documents([SWAHILI]).append_column("lang", pa.array(["sw"], pa.large_string())).append_column("lang_score", pa.array([0.4]))
    batch = batch.append_column("lang_words", n_words).append_column("language.mixed_line_ratio", pa.array([float("nan")]))
    assert chain.decider.dropped(batch).column("reason").to_pylist() == ([reason] if reason else [])
    number = chain.context.languages.profile(batch.column("lang"), batch.column("lang_score").to_numpy(), n_words)
    assert number.tolist() == [chain.context.languages.numbers["und" if "filters.limits" in settings else "sw"]]


def test_a_pool_that_was_written_without_the_column_is_judged_by_scores() -> None:
    chain = chain_of(["language"])
    batch = documents([SWAHILI]).append_column("lang", pa.array(["sw"], pa.large_string())).append_column("lang_score", pa.array([0.4]))
    batch = batch.append_column("language.mixed_line_ratio", pa.array([float("nan")]))
    assert chain.decider.dropped(batch).column("reason").to_pylist() == ["language.min_score"]


@needs_model
def test_a_text_keeps_its_column_of_words() -> None:
    measured = chain_of(["language"]).measure(documents([SWAHILI * 3]))
    assert measured.column("lang").to_pylist() == ["sw"]
    assert outcome(chain_of(["language"]), documents([SWAHILI * 3])) == [None]


@needs_model
@needs_kit
@pytest.mark.parametrize("rule_set", ["language", "roots"])
@pytest.mark.parametrize("lang", ["en", "eu", "id", "ro", "sl", "sr", "sw", "uk"])
def test_prose_that_is_told_right_passes_the_limit_on_the_score(lang: str, rule_set: str) -> None:
    measured = chain_of([rule_set]).measure(documents([row["text"] for row in rows(f"prose/{lang}.jsonl.zst")]))
    right = [code_of(one) == lang for one in measured.column("lang").to_pylist()]
    measured = measured.filter(pa.array(right))
    reasons = chain_of([rule_set]).decider.dropped(measured).column("reason").to_pylist()
    assert sum(reason.endswith("score") for reason in reasons) <= 0.05 * measured.num_rows


@needs_model
@needs_kit
def test_texts_in_languages_that_the_model_does_not_know_are_not_confirmed() -> None:
    known = {code_of(name.removeprefix("__label__")) for name in model.load_language_model(None).get_labels()}
    universal = [row for row in rows("langid/udhr.jsonl.zst") if code_of(row["bcp47"]) not in known]
    prose = [row for lang in ("din", "ee", "kab", "rom", "wal", "wo", "zu") for row in rows(f"prose/{lang}.jsonl.zst")]
    counts = [
        confirms(chain_of(["language"]).measure(documents([row["text"] for row in part])).column("lang_words")).sum()
        for part in (universal, prose)
    ]
    assert len(universal) > 150 and len(prose) > 400
    assert counts[0] <= 3 and counts[1] == 0  # Malay as Indonesian, Nigerian Pidgin as English
