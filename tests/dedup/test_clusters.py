"""How many documents a document represents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines.dedup.clusters import cluster_sizes, with_cluster_size
from pipelines.engine.segments import open_segment
from schemas.errors import RecipeError
from schemas.hops import MERGE
from schemas.recipe import Dedup
from tests.test_end_to_end import execute, ledger, site_recipe


def merge(row_ref: int, survivor: int | None, reason: str) -> dict[str, Any]:
    return {"row_ref": row_ref, "survivor_ref": survivor, "reason": reason, "value": 1.0, "limit": 1.0}


def test_survivors_and_what_was_merged_into_them_have_the_size_of_the_cluster() -> None:
    rows = [
        merge(4, 1, "exact"),
        merge(2, 1, "minhash"),
        merge(9, 8, "exact"),
        merge(5, 1, "lines.min_left"),
        merge(6, None, "templates.min_left"),
    ]
    schema = pa.schema([field.with_nullable(True) for field in MERGE])
    sizes = cluster_sizes(pa.Table.from_pylist(rows, schema), ("exact", "minhash"))
    assert sizes.to_pylist() == [{"row_ref": row_ref, "cluster_size": n} for row_ref, n in ((1, 3), (2, 3), (4, 3), (8, 2), (9, 2))]


def test_the_column_of_a_batch_in_the_middle_of_a_segment() -> None:
    batch = pa.RecordBatch.from_pydict({"text": ["a", "b", "c"]})
    sizes = (pa.array([1, 10, 12, 13]).to_numpy(), pa.array([7, 2, 3, 9], pa.uint32()).to_numpy())
    assert with_cluster_size(batch, 10, sizes).column("cluster_size").to_pylist() == [2, 1, 3]


def test_copies_that_are_weighed_stay_and_those_that_are_dropped_are_counted(tmp_path: Path) -> None:
    dropped = execute_refine(tmp_path, "drop")
    weighed = execute_refine(tmp_path, "weigh")
    n_merged = sum(size - 1 for size in dropped)
    assert n_merged > 0
    assert len(weighed) == len(dropped) + n_merged
    assert sorted(weighed) == sorted(size for size in dropped for _ in range(size))


def execute_refine(folder: Path, copies: str) -> list[int]:
    out = folder / copies
    execute(site_recipe(folder, **{"dedup.copies": copies}), out)
    assert ledger(out).filter(outcome="merged").height == 0 or copies == "drop"
    names = [file["path"] for file in json.loads((out / "run.json").read_text())["files"] if file["path"].startswith("documents/")]
    return [size for name in names for size in open_segment(out / name).read_all().column("cluster_size").to_pylist()]


def test_copies_cannot_be_weighed_and_cut() -> None:
    with pytest.raises(RecipeError, match="the kinds lines cut copies"):
        Dedup(kinds=("exact", "lines"), copies="weigh")
