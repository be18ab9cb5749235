"""Items of real evaluation sets planted in real documents: copies are found, near misses are not."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import zstandard

from pipelines.dedup.evals.decontaminate import decontaminate
from pipelines.dedup.evals.options import question_of
from pipelines.dedup.evals.sets import EvalSets, load_evals
from schemas.recipe import Decontaminate
from testkit.guises import CHOICES, COPIES, NEAR_MISSES, evals_of, is_chinese, planted, taken

KIT = Path(__file__).parents[3].parent / "shared" / "data"

pytestmark = pytest.mark.skipif(not KIT.is_dir(), reason="the evaluation kit is not there")


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in zstandard.decompress((KIT / name).read_bytes(), 1 << 28).splitlines()]


@pytest.fixture(scope="module")
def items() -> list[str]:
    return [row["question"] for row in rows("evals/evals.jsonl.zst") if is_chinese(row["question"]) or len(row["question"].split()) >= 13]


@pytest.fixture(scope="module")
def prose() -> tuple[str, str]:
    return "\n".join(row["text"] for row in rows("prose/en.jsonl.zst")), "\n".join(row["text"] for row in rows("prose/zh.jsonl.zst"))


def test_of_the_kits_documents_those_with_an_item_go() -> None:
    """Two of the wrapped ones lack the first half of theirs; of those halved or edited, these have all of the question."""
    documents = rows("evals/planted_docs.jsonl.zst")
    config = Decontaminate(paths=(str(KIT / "evals/evals.jsonl.zst"),))
    evals = load_evals(config)
    result = decontaminate(pa.array([document["text"] for document in documents], pa.large_string()), evals, config)
    kinds = [planted["kind"] if (planted := document["contaminated"]) else "clean" for document in documents]
    gone = Counter(kind for kind, stays in zip(kinds, result.stays, strict=True) if not stays)
    assert {kind: (gone[kind], n) for kind, n in Counter(kinds).items()} == {
        "verbatim": (32, 32),
        "verbatim+answer": (32, 32),
        "lower+nopunct": (24, 24),
        "reflow": (39, 41),
        "half": (13, 36),
        "word-edits": (13, 35),
        "clean": (0, 400),
    }
    names = list(zip(evals.sets.to_pylist(), evals.ids.to_pylist(), strict=True))
    found = {(row, *names[item]) for row, item in zip(result.rows.tolist(), result.items.tolist(), strict=True)}
    for row in np.flatnonzero(~result.stays).tolist():
        planted = documents[row]["contaminated"]
        assert (row, planted["set"], planted["id"]) in found


@pytest.fixture(scope="module")
def evals(items: list[str]) -> EvalSets:
    return evals_of(items)


@pytest.mark.parametrize("guise", COPIES)
def test_of_all_items_every_copy_is_found(items: list[str], evals: EvalSets, prose: tuple[str, str], guise: str) -> None:
    found = taken(evals, planted(items, COPIES[guise], prose), Decontaminate(), own=True)
    assert found.all(), np.flatnonzero(~found)


@pytest.mark.parametrize(
    ("guise", "spaced", "chinese"),
    [("without options", 0.92, 0.955), ("other order", 0.995, 0.999), ("other order, no labels", 0.92, 0.955)],
)
def test_multiple_choice_items_are_found_without_their_options_in_place(
    items: list[str], evals: EvalSets, prose: tuple[str, str], guise: str, spaced: float, chinese: float
) -> None:
    """Those whose question has fewer than 8 words, or stock words alone, are not found by it; of other text nothing is."""
    found = taken(evals, planted(items, CHOICES[guise], prose), Decontaminate(), own=True)
    choices = np.array([bool(question_of(item).options) for item in items])
    in_chinese = np.array([is_chinese(item) for item in items])
    assert found[choices & ~in_chinese].mean() >= spaced
    assert found[choices & in_chinese].mean() >= chinese


@pytest.mark.parametrize("lang", ["en", "zh", "ja", "de", "fr", "ru"])
def test_of_prose_nothing_is_taken(lang: str) -> None:
    config = Decontaminate(paths=(str(KIT / "evals/evals.jsonl.zst"),))
    texts = pa.array([row["text"] for row in rows(f"prose/{lang}.jsonl.zst")], pa.large_string())
    assert decontaminate(texts, load_evals(config), config).stays.all()


@pytest.mark.parametrize(
    ("guise", "most"),
    [
        ("first half", 0.003),
        ("second half", 0.005),
        ("10 % of words replaced", 0.01),
        ("4 % of words replaced", 0.06),
        ("a word replaced", 0.2),
    ],
)
def test_of_all_questions_few_near_misses_are_taken(
    items: list[str], evals: EvalSets, prose: tuple[str, str], guise: str, most: float
) -> None:
    stems = [question_of(item).stem for item in items]
    found = taken(evals, planted(stems, NEAR_MISSES[guise], prose), Decontaminate(), own=False)
    assert found.mean() <= most
