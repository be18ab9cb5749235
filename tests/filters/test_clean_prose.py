"""On prose of many languages that nobody tampered with, the default limits on harmful and damaged text drop next to nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import zstandard

from pipelines.filters import integrity, safety
from schemas.recipe import Integrity, Safety
from tests.text.strategies import column

KIT = Path(__file__).parents[2].parent / "shared" / "data"
FILES = sorted((KIT / "prose").glob("*.jsonl.zst"))

pytestmark = pytest.mark.skipif(not FILES, reason="the kit of prose in many languages is not there")


def texts(path: Path) -> list[str]:
    with zstandard.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def test_no_clean_document_fails_a_limit_on_hidden_or_damaged_characters() -> None:
    limits = np.array([[getattr(Integrity(), f"max_{name}")] for name in integrity.SIGNALS])
    failing = {path.name: int((integrity.integrity_signals(column(texts(path))) > limits).any(axis=0).sum()) for path in FILES}
    assert {name: n for name, n in failing.items() if n} == {}


def test_listed_words_drop_less_than_two_clean_documents_in_a_hundred_of_any_language() -> None:
    lists = {path.name: str(path) for path in (KIT / "lists" / "ldnoobw").iterdir() if len(path.name) in (2, 3)}
    config, n_judged = Safety(words=lists), 0
    for path in FILES:
        lang = path.name.partition(".")[0]
        if lang in lists:
            text = column(texts(path))
            ratio = safety.safety_signals(text, pa.array([lang] * len(text), pa.large_string()), config)[1]
            assert (ratio > (config.max_flagged_word_ratio or 0)).mean() < 0.02, lang
            n_judged += len(text)
    assert n_judged > 1000
