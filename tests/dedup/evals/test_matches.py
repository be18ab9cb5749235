"""Evaluation items are found in whatever guise, and what only looks like them is not."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dedup.evals.index import index_items
from pipelines.dedup.evals.matches import Matches, find_matches, gram_documents, match_spans

QUESTION = "A farmer has 17 sheep and buys 5 more on every market day; how many sheep does he own after 3 market days?"
CHINESE = "下列关于中国古代四大发明的说法，正确的是哪一项？"
CHOICE = "What is x-y if x = 7.5, y = 2 and well-known laws of arithmetic hold?\n(A)five (B)five and a half (C)six"


def column(texts: list[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())


def found_in(text: str, *items: str) -> dict[int, tuple[float, bool]]:
    """(coverage, whether its end stands there) by item."""
    found = find_matches(column([text]), index_items(column(list(items))))
    return dict(zip(found.items.tolist(), zip(found.coverage.tolist(), found.ended.tolist(), strict=True), strict=True))


@pytest.mark.parametrize(
    ("text", "item", "coverage", "ended"),
    [
        (QUESTION, 0, 1.0, True),
        ("Something else before. " + QUESTION.upper().replace(";", ",--").replace(" ", "\n") + " And after.", 0, 1.0, True),
        ("前文。" + CHINESE.replace("，", "") + "后文", 1, 1.0, True),
        (QUESTION.replace("17", "18"), 0, 7 / 11, True),
        (QUESTION.replace("days?", "weeks?"), 0, 10 / 11, False),
        (QUESTION.replace("3 market", "30 market"), 0, 8 / 11, False),
        (QUESTION.replace("market days?", "market days' end"), 0, 1.0, True),
        (QUESTION.replace("market days?", "market dayspring"), 0, 10 / 11, False),
        (CHINESE.replace("四", "五"), 1, 0.1, True),
    ],
)
def test_coverage_is_the_share_of_an_items_grams(text: str, item: int, coverage: float, ended: bool) -> None:
    found = find_matches(column([text]), index_items(column([QUESTION, CHINESE, "too short"])))
    assert found.coverage == pytest.approx([coverage])
    assert (found.items.tolist(), found.ended.tolist()) == ([item], [ended])


@pytest.mark.parametrize("text", ["", "A farmer has sheep. How many market days?", "too short"])
def test_of_other_text_nothing_is_found(text: str) -> None:
    assert found_in(text, QUESTION, CHINESE, "too short") == {}
    assert found_in(text) == {}


@pytest.mark.parametrize(
    "copy",
    [
        CHOICE.replace("-", " - ").replace("(", "( ").replace(")", " ) "),
        re.sub(r"[^\w\s]", "", CHOICE).lower(),
        re.sub(r"[^\w\s]", " ", CHOICE),
        CHOICE.replace("arithmetic", "arith-\nmetic").replace("(A)", "A. ").replace("(B)", "B. ").replace("(C)", "\nC. "),
        "> " + CHOICE.replace(" ", "\n> "),
    ],
    ids=["spaced", "no punctuation", "punctuation as spaces", "hyphenated", "quoted"],
)
def test_what_stands_between_letters_and_digits_is_no_difference(copy: str) -> None:
    assert found_in(f"Before. {copy} After.", CHOICE) == {0: (1.0, True)}


def words_of(text: str, joined: bool) -> list[str]:
    """The letters of each word, as the docstrings tell it."""
    runs = text.split() if joined else re.split(r"[\s,-]+", text)
    return [word for run in runs for word in re.findall(r"汉|[^汉]+", re.sub(r"[,-]", "", run).lower())]


def reference(text: str, items: list[str], n: int, least: int) -> dict[int, tuple[float, bool]]:
    words = words_of(text, joined=False)
    runs = {"".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, len(words) + 1)}
    found = {}
    for number, item in enumerate(items):
        own = words_of(item, joined=True)
        size = min(n, len(own))
        grams = ["".join(own[i : i + size]) for i in range(len(own) - size + 1)]
        if len(own) >= least and runs & set(grams):
            found[number] = (len(runs & set(grams)) / len(set(grams)), grams[-1] in runs)
    return found


TEXTS = st.lists(st.sampled_from(["a", "b", "ab", "A", "汉", "a-b", ",", "-"]), max_size=12).map(" ".join)


def by_row(found: Matches, n_rows: int) -> list[dict[int, tuple[float, bool]]]:
    """What `found_in` gives, for each row."""
    rows: list[dict[int, tuple[float, bool]]] = [{} for _ in range(n_rows)]
    for row, item, coverage, ended in zip(*(part.tolist() for part in found), strict=True):
        rows[row][item] = (coverage, ended)
    return rows


@given(st.lists(TEXTS, max_size=4), st.lists(TEXTS, max_size=4), st.integers(0, 4))
def test_items_are_those_of_the_reference_however_texts_are_batched(items: list[str], texts: list[str], cut: int) -> None:
    index = index_items(column(items), n=4, least=2)
    assert by_row(find_matches(column(texts), index), len(texts)) == [reference(text, items, 4, 2) for text in texts]
    whole = find_matches(column(texts), index)
    parts = [find_matches(part, index) for part in (column(texts)[:cut], column(texts)[cut:])]
    parts[1] = parts[1]._replace(rows=parts[1].rows + cut)
    assert all(np.array_equal(w, np.concatenate(p)) for w, p in zip(whole, zip(*parts, strict=True), strict=True))


def test_an_ignored_gram_is_no_evidence_and_none_is_missing() -> None:
    phrase = " ".join(f"w{i}" for i in range(13))
    items = column([f"{phrase} end", phrase, "start " + " ".join(f"v{i}" for i in range(13))])
    texts = column([phrase, f"so {phrase} end", "nothing", f"{phrase} {phrase}"])
    index = index_items(items)
    counts = gram_documents(texts, index)
    assert sorted(counts[counts > 0]) == [1, 3]  # the phrase with its end, the phrase
    ignored = index.grams[counts > 2]
    without = index_items(items, ignored=ignored)
    assert without.n_grams.tolist() == [1, 0, 2]
    assert by_row(find_matches(texts, without), 4) == [{}, {0: (1.0, True)}, {}, {}]


def test_spans_are_those_of_a_plain_search() -> None:
    text = "x y one two three four five six seven eight z one two three four five, six-seven eight! nine"
    index = index_items(column(["one two three four five six seven eight"]), 8, 8)
    rows, start, end = match_spans(column(["", text]), index, np.array([1]), np.array([0]))
    expected = [match.span() for match in re.finditer("one two three four five,? six.seven eight", text)]
    assert rows.tolist() == [1, 1]
    assert list(zip(start.tolist(), end.tolist(), strict=True)) == expected


def test_an_item_whose_last_gram_is_ignored_can_still_be_found_whole() -> None:
    items = column([QUESTION])
    index = index_items(items)
    closing = index.grams[gram_documents(column([" ".join(QUESTION.split()[-13:])]), index) > 0]
    assert len(closing) == 1
    found = find_matches(items, index_items(items, ignored=closing))
    assert (found.coverage.tolist(), found.ended.tolist()) == ([1.0], [True])
