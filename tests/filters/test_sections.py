"""Sections of documents: found by heading or in the metadata, and measured in tokens."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.filters.sections import section_signals
from schemas.errors import RecipeError
from schemas.recipe import Sections
from tests.filters.helpers import chain_of, documents, outcome
from tests.text.reference import words
from tests.text.strategies import column, padded

BY_HEADING = Sections(heading="(?:Facts|事实)[:：]?", next_heading="(?:Held|本院认为)")
TEXTS = st.lists(
    st.lists(
        st.sampled_from(["Facts:", "Facts", "事实：", "Held", "本院认为", " of the case", "一二三，", "\n", "Facts in a line"]), max_size=12
    ).map("".join),
    max_size=5,
)


def metas(rows: list[dict[str, str] | None]) -> pa.Array:
    return pa.array([None if row is None else json.dumps(row) for row in rows], pa.large_string())


def section_of(text: str) -> str | None:
    """What follows the first line that begins with the heading, up to the next line that begins with the next one."""
    at = 0
    found: str | None = None
    for line in text.splitlines(keepends=True) if text else []:
        head = next((head for head in ("Facts:", "Facts", "事实：", "事实") if line.startswith(head)), None)
        if found is None and head is not None:
            found = line[len(head) :]
        elif found is not None:
            if line.startswith(("Held", "本院认为")):
                break
            found += line
        at += len(line)
    return found


@given(TEXTS, st.integers(0, 5))
def test_the_section_between_headings_is_measured_whatever_the_batch(texts: list[str], cut: int) -> None:
    def of(text: pa.Array) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        return section_signals(text, metas([None] * len(text)), BY_HEADING)

    whole = of(column(texts))
    sections = [section_of(text) for text in texts]
    assert whole.T.tolist() == [[len(words(one or "")), one is not None] for one in sections]
    assert np.array_equal(whole, np.hstack([of(column(texts)[:cut]), of(column(texts)[cut:])]))
    assert np.array_equal(whole, of(padded(texts)))


def test_a_value_of_the_metadata_goes_before_a_heading() -> None:
    config = Sections(key="facts", heading="Facts:")
    text = column(["Facts: three words here", "Facts: three words here", "none"])
    measured = section_signals(text, metas([{"facts": "one"}, None, {}]), config)
    assert measured.tolist() == [[1, 3, 0], [1, 1, 0]]


def test_every_character_of_chinese_japanese_and_thai_is_a_token() -> None:
    texts = ["事实：他走了。", "事实：それを見た。", "事实：เขาไป", "Facts: he went."]
    assert section_signals(column(texts), metas([None] * 4), BY_HEADING)[0].tolist() == [4, 6, 5, 3]


def test_a_short_section_drops_the_document() -> None:
    chain = chain_of(["sections"], **{"filters.sections.heading": "Facts:", "filters.sections.min_tokens": 3})
    assert outcome(chain, documents(["Facts: one two", "Facts: one two three", "no facts"])) == [
        "sections.min_tokens",
        None,
        "sections.min_tokens",
    ]


def test_what_is_no_regular_expression_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"filters\.sections\.heading = '\(': not a regular expression"):
        section_signals(column(["x"]), metas([None]), Sections(heading="("))
    with pytest.raises(RecipeError, match=r"filters\.sections\.next_heading = '\['"):
        section_signals(column(["x"]), metas([None]), Sections(heading="a", next_heading="["))
