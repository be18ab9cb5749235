"""Lines of another language than their document's: measured, cut, and left alone where they cannot be told."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.filters.language import RULE_SET
from pipelines.filters.language_lines import LEAST_BYTES, mixed_lines
from pipelines.filters.model import cached_path
from schemas.errors import RecipeError
from schemas.recipe import Language
from tests.filters.helpers import chain_of, documents, outcome
from tests.text.strategies import column, padded

pytestmark = pytest.mark.skipif(not cached_path().is_file(), reason="the language model is not there; `make model` fetches it")

CUT = Language(lines="cut")
ENGLISH = "The river rises in a shallow valley north of the old quarry and runs past four villages before it meets the sea."
GERMAN = "Der Fluss entspringt in einem flachen Tal nördlich des alten Steinbruchs und fließt an vier Dörfern vorbei zum Meer."
CHINESE = "这条河发源于老采石场以北的一个浅谷，流经四个村庄，最后汇入大海。"
GREEK = "Ο ποταμός πηγάζει σε μια ρηχή κοιλάδα βόρεια του παλιού λατομείου."
SHORT = "Das ist kurz."
LINES = [ENGLISH, GERMAN, CHINESE, GREEK, SHORT, "", "12 + 34", "ab"]


def of(texts: list[str], langs: list[str | None]) -> tuple[list[str], list[float]]:
    left, ratio = mixed_lines(column(texts), pa.array(langs, pa.large_string()), CUT)
    return left.to_pylist(), ratio.tolist()


def test_lines_of_another_language_go_and_their_share_of_the_characters_is_told() -> None:
    text = "\n".join([ENGLISH, GERMAN, ENGLISH, CHINESE])
    left, ratio = of([text], ["en"])
    assert left == ["\n".join([ENGLISH, ENGLISH])]
    assert ratio == [pytest.approx((len(GERMAN) + len(CHINESE)) / sum(len(line) for line in text.split("\n")))]


def test_what_is_too_short_to_tell_stays() -> None:
    assert len(SHORT.encode()) < LEAST_BYTES
    text = "\n".join([ENGLISH, SHORT, "", "12 + 34", "好"])
    assert of([text], ["en"]) == ([text], [0])


def test_a_document_whose_language_is_not_known_keeps_every_line() -> None:
    text = f"{ENGLISH}\n{CHINESE}"
    assert of([text, text, "", "\n"], ["und", None, "en", "zh"]) == ([text, text, "", "\n"], [0, 0, 0, 0])


def test_a_line_in_a_script_of_no_language_of_the_document_goes_whatever_the_model_says() -> None:
    syriac = "ܒܪܫܝܬ ܐܝܬܘܗܝ ܗܘܐ ܡܠܬܐ ܘܗܘ ܡܠܬܐ ܐܝܬܘܗܝ ܗܘܐ ܠܘܬ ܐܠܗܐ ܘܐܠܗܐ"
    assert of([f"{ENGLISH}\n{syriac}"], ["eng_Latn"])[0] == [ENGLISH]


@given(
    st.lists(st.tuples(st.lists(st.sampled_from(LINES), max_size=5).map("\n".join), st.sampled_from(["en", "de", None])), max_size=5),
    st.integers(0, 5),
)
def test_a_batch_cut_anywhere_or_sliced_gives_the_same_rows(rows: list[tuple[str, str | None]], cut: int) -> None:
    texts, langs = [text for text, _ in rows], pa.array([lang for _, lang in rows], pa.large_string())
    left, ratio = mixed_lines(column(texts), langs, CUT)
    parts = [mixed_lines(column(texts)[:cut], langs[:cut], CUT), mixed_lines(column(texts)[cut:], langs[cut:], CUT)]
    assert left.to_pylist() == [text for part, _ in parts for text in part.to_pylist()]
    assert ratio.tolist() == np.concatenate([part for _, part in parts]).tolist()
    assert left.to_pylist() == mixed_lines(padded(texts), langs, CUT)[0].to_pylist()


MIXED = "\n".join([ENGLISH, ENGLISH, GERMAN, ENGLISH])


@pytest.mark.parametrize(("lines", "stays"), [("keep", MIXED), ("measure", MIXED), ("cut", "\n".join([ENGLISH] * 3))])
def test_the_chain_measures_or_cuts_as_it_is_told(lines: str, stays: str) -> None:
    kept, _ = chain_of(["language"], **{"filters.language.lines": lines, "filters.language.min_score": "off"})(documents([MIXED]))
    assert kept.column("raw_text").to_pylist() == [stays]
    assert kept.column("language.mixed_line_ratio").null_count == (lines == "keep")


def test_a_document_that_is_mixed_for_the_most_part_can_be_dropped() -> None:
    settings = {"filters.language.lines": "measure", "filters.language.max_mixed_line_ratio": 0.3, "filters.language.min_score": "off"}
    batch = documents([f"{ENGLISH}\n{ENGLISH}", f"{ENGLISH}\n{ENGLISH}\n{GERMAN}\n{CHINESE}\n{CHINESE}"])
    assert outcome(chain_of(["language"], **settings), batch) == [None, "language.max_mixed_line_ratio"]
    assert RULE_SET.only_decides("max_mixed_line_ratio")
    assert not RULE_SET.only_decides("lines")


def test_a_limit_on_what_is_not_measured_is_refused() -> None:
    with pytest.raises(RecipeError, match=r'filters\.language\.max_mixed_line_ratio = 0\.3: needs lines = "measure" or "cut"'):
        chain_of(["language"], **{"filters.language.max_mixed_line_ratio": 0.3})
