"""Which documents are eligible for dedup, and what happens to the others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipelines.dedup.apply.stage import _ApplyMerges
from pipelines.dedup.evals.sets import contamination_report, load_evals
from pipelines.dedup.job import DedupJob
from pipelines.dedup.pool import Eligibility
from pipelines.engine.progress import Progress
from schemas.hops import MERGE
from schemas.recipe import Decontaminate, Dedup
from testkit.deduplicate import deduplicate
from tests.dedup.test_stage import row_ref, words, write_segments

QUESTION = "A farmer has 17 sheep and buys 5 more on every market day; how many sheep does he own after 3 market days?"


def applier(folder: Path, eligibility: Eligibility) -> _ApplyMerges:
    progress = Progress(folder / "progress")
    job = DedupJob(dedup=Dedup(), segments=[], n_documents=0, folder=folder, progress=progress, eligibility=eligibility)
    return _ApplyMerges(job, folder)


@pytest.fixture
def evals(tmp_path: Path) -> str:
    path = tmp_path / "arith.jsonl"
    path.write_text(json.dumps({"id": "q1", "question": QUESTION}) + "\n")
    return str(path)


def batch_of(texts: list[str]) -> pa.RecordBatch:
    n = len(texts)
    strings = {name: pa.array(["web"] * n, pa.large_string()) for name in ("source", "origin_file")}
    given = {"doc_id": pa.array([bytes([i]) * 16 for i in range(n)], pa.binary(16)), **strings}
    return pa.record_batch(
        {**given, "origin_offset": pa.array(range(n), pa.uint64()), "part": [0] * n, "text": pa.array(texts, pa.large_string())}
    )


def test_rules_and_evaluation_sets_decide_which_documents_are_eligible(evals: str) -> None:
    batch = batch_of(["one", f"two {QUESTION}", "three", QUESTION, "five"])
    eligibility = Eligibility(lambda batch: np.array([True, True, True, False, False]), Decontaminate(paths=(evals,)))
    documents, rows, found = eligibility(batch, ("text",))
    assert documents.column("text").to_pylist() == ["one", "three"]
    assert rows.tolist() == [0, 2]
    assert found is not None
    assert found.dropped.tolist() == [False, True, False, False, False]
    assert found.counts() == {"0": 1}


def test_a_document_with_an_item_ends_in_the_ledger_with_its_set_and_coverage(evals: str, tmp_path: Path) -> None:
    batch = batch_of(["one", f"two {QUESTION}", "three"])
    eligibility = Eligibility(config=Decontaminate(paths=(evals,)))
    apply = applier(tmp_path, eligibility)
    curated, ledger = apply.decide(batch, batch, MERGE.empty_table(), np.zeros(0, np.int64))
    assert curated.column("text").to_pylist() == ["one", "three"]
    rows = {row["origin_offset"]: (row["outcome"], row["reason"], row["value"], row["limit"]) for row in ledger.to_pylist()}
    assert rows == {0: ("kept", None, None, None), 1: ("dropped", "evaluation.arith", 1.0, 0.9), 2: ("kept", None, None, None)}


def test_what_is_cut_stays_and_says_so(evals: str, tmp_path: Path) -> None:
    body = " ".join(words(100, "body"))
    batch = batch_of(["one", f"{body} {QUESTION} {body}", QUESTION])
    eligibility = Eligibility(config=Decontaminate(paths=(evals,), outcome="cut", margin_chars=10))
    apply = applier(tmp_path, eligibility)
    curated, ledger = apply.decide(batch, batch, MERGE.empty_table(), np.zeros(0, np.int64))
    assert "sheep" not in "".join(curated.column("text").to_pylist())
    rows = {row["origin_offset"]: (row["outcome"], row["reason"]) for row in ledger.to_pylist()}
    assert rows == {0: ("kept", None), 1: ("kept", "evaluation.arith"), 2: ("dropped", "evaluation.arith")}


def test_dedup_compares_what_is_left_after_the_cut(evals: str, tmp_path: Path) -> None:
    """Two pages that differ in the question only, which is longer than what they share is short."""
    body = " ".join(words(120, "body"))
    segments = write_segments(tmp_path / "segments", [[f"{body} {' '.join([QUESTION] * 4)} {body}", f"{body}\n\n{body}", QUESTION]])
    cut = Eligibility(config=Decontaminate(paths=(evals,), outcome="cut", margin_chars=0))
    merges, _ = deduplicate(Dedup(), segments, tmp_path / "cut", eligibility=cut)
    assert [(m["row_ref"], m["survivor_ref"], m["value"]) for m in merges.to_pylist()] == [(row_ref(0, 1), row_ref(0, 0), 1.0)]
    merges, _ = deduplicate(Dedup(), segments, tmp_path / "drop", eligibility=Eligibility(config=Decontaminate(paths=(evals,))))
    assert merges.num_rows == 0


def test_the_report_counts_by_set_and_item(evals: str) -> None:
    sets = load_evals(Decontaminate(paths=(evals,)))
    assert contamination_report({"0": 3}, sets) == {"arith": {"items": 1, "found": 1, "documents_by_item": {"q1": 3}}}
    assert contamination_report({}, sets) == {"arith": {"items": 1, "found": 0, "documents_by_item": {}}}
