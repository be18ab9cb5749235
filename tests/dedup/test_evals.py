"""Evaluation items are found in whatever guise, and what only looks like them is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dedup.evals import find_items, index_items

QUESTION = "A farmer has 17 sheep and buys 5 more on every market day; how many sheep does he own after 3 market days?"
CHINESE = "下列关于中国古代四大发明的说法，正确的是哪一项？"
KIT = Path(__file__).parents[2].parent / "shared" / "data" / "evals"


def column(texts: list[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())


@pytest.mark.parametrize(
    ("text", "item", "coverage"),
    [
        (QUESTION, 0, 1.0),
        ("Something else before. " + QUESTION.upper().replace(";", ",--").replace(" ", "\n") + " And after.", 0, 1.0),
        ("前文。" + CHINESE.replace("，", "") + "后文", 1, 1.0),
        (QUESTION.replace("17", "18"), 0, 7 / 11),
        (CHINESE.replace("四", "五"), 1, 0.1),
        ("A farmer has sheep. How many market days?", 0, 0.0),
        ("", 0, 0.0),
    ],
)
def test_coverage_is_the_share_of_an_items_grams(text: str, item: int, coverage: float) -> None:
    found, share = find_items(column([text]), index_items(column([QUESTION, CHINESE, "too short"]), n=13, least=8))
    assert found[0] == (item if coverage else -1)
    assert share[0] == pytest.approx(coverage)


def reference(text: str, items: list[str], n: int, least: int) -> tuple[int, float]:
    best, coverage, most = -1, 0.0, 0
    words = text.split()
    for number, item in enumerate(items):
        own = item.split()
        if len(own) < least:
            continue
        size = min(n, len(own))
        grams = {tuple(own[i : i + size]) for i in range(len(own) - size + 1)}
        share = len(grams & {tuple(words[i : i + size]) for i in range(len(words) - size + 1)}) / len(grams)
        if (share, len(grams)) > (coverage, most) and share:
            best, coverage, most = number, share, len(grams)
    return best, coverage


WORDS = st.lists(st.sampled_from("abc"), max_size=12).map(" ".join)


@given(st.lists(WORDS, max_size=4), st.lists(WORDS, max_size=4), st.integers(0, 4))
def test_items_are_those_of_the_reference_however_texts_are_batched(items: list[str], texts: list[str], cut: int) -> None:
    index = index_items(column(items), n=4, least=2)
    whole = find_items(column(texts), index)
    assert list(zip(*(part.tolist() for part in whole), strict=True)) == [reference(text, items, 4, 2) for text in texts]
    parts = [find_items(part, index) for part in (column(texts)[:cut], column(texts)[cut:])]
    assert all(np.array_equal(w, np.concatenate(p)) for w, p in zip(whole, zip(*parts, strict=True), strict=True))


@pytest.mark.skipif(not KIT.is_dir(), reason="the evaluation kit is not there")
def test_every_planted_item_of_the_kit_is_found_and_no_clean_document_is_taken_for_one() -> None:
    import zstandard

    def rows(name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in zstandard.decompress((KIT / name).read_bytes(), 1 << 28).splitlines()]

    items = rows("evals.jsonl.zst")
    index = index_items(column([item["question"] for item in items]), n=13, least=8)
    documents = rows("planted_docs.jsonl.zst")
    found, coverage = find_items(column([document["text"] for document in documents]), index)
    for document, item, share in zip(documents, found, coverage, strict=True):
        planted = document["contaminated"]
        if planted is None:
            assert share == 0, document["id"]
        elif planted["kind"] in ("verbatim", "verbatim+answer", "lower+nopunct", "reflow"):
            assert share > 0.45, (document["id"], planted)
            assert (items[item]["set"], items[item]["id"]) == (planted["set"], planted["id"])
