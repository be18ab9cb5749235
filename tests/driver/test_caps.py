"""Caps on domains and hosts: decided over everything that is kept, the same for any order, and never more than asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipelines.driver.caps import Caps, caps_of
from schemas import recipe as recipes
from schemas.hops import SCRUBBED
from schemas.recipe import Recipe


def recipe_of(**settings: Any) -> Recipe:
    data: dict[str, Any] = {"name": "test", "sources": {"web": {"path": ["x"]}}, "scrub": {"kinds": ["email"]}}
    for key, value in settings.items():
        recipes.apply_setting(data, f"{key}={value}")
    return recipes.parse(data)


def write_pool(folder: Path, rows: Sequence[tuple[str | None, int, int]], n_files: int = 1) -> list[Path]:
    """Documents (url, characters, e-mail addresses), dealt out to files."""
    schema = pa.schema([*SCRUBBED, pa.field("n_redacted_email", pa.uint32())])
    paths = []
    for number in range(n_files):
        batch = [
            {
                "doc_id": i.to_bytes(16, "big"),
                "source": "web",
                "source_class": "other",
                "url": url,
                "origin_file": "file",
                "origin_offset": i,
                "part": 0,
                "text": "x" * chars,
                "n_redacted_email": emails,
            }
            for i, (url, chars, emails) in enumerate(rows)
            if i % n_files == number
        ]
        paths.append(folder / f"segment-{number:05d}.arrow")
        with pa.ipc.new_file(str(paths[-1]), schema) as writer:
            writer.write_batch(pa.RecordBatch.from_pylist(batch, schema))
    return paths


def all_of(batch: pa.RecordBatch) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.ones(batch.num_rows, bool)


def batches(paths: list[Path]) -> list[pa.RecordBatch]:
    return [batch for path in paths for batch in pa.ipc.open_file(str(path)).read_all().to_batches()]


def stays(caps: Caps, paths: list[Path]) -> set[bytes]:
    return {doc_id for batch in batches(paths) for doc_id in batch.filter(pa.array(caps(batch))).column("doc_id").to_pylist()}


def test_a_recipe_without_caps_has_none(tmp_path: Path) -> None:
    assert caps_of(recipe_of(), write_pool(tmp_path, [("http://a.org/", 10, 0)]), all_of) is None


@pytest.mark.parametrize("n_files", [1, 3])
def test_a_large_domain_is_thinned_to_its_share_whatever_the_order(tmp_path: Path, n_files: int) -> None:
    rows = [(f"http://www.large.org/{i}", 10, 0) for i in range(600)] + [(f"http://small{i}.org/", 10, 0) for i in range(400)]
    recipe = recipe_of(**{"domains.max_share": 0.2, "domains.by": "documents"})
    paths = write_pool(tmp_path, rows, n_files)
    caps = caps_of(recipe, paths, all_of)
    assert caps is not None
    kept = stays(caps, paths)
    n_large = sum(i.to_bytes(16, "big") in kept for i in range(600))
    assert all(i.to_bytes(16, "big") in kept for i in range(600, 1000))
    assert n_large / len(kept) == pytest.approx(0.2, abs=0.05)
    ledger = pa.Table.from_batches([caps.dropped(batch) for batch in batches(paths)]).to_pylist()
    assert len(ledger) == 1000 - len(kept)
    assert {(row["step"], row["outcome"], row["reason"], row["value"], row["limit"]) for row in ledger} == {
        ("caps", "dropped", "domains.max_share", 0.6, 0.2)
    }
    again = caps_of(recipe, list(reversed(paths)), all_of)
    assert again is not None
    assert stays(again, paths) == kept


def test_all_of_a_host_full_of_private_values_goes_and_no_other(tmp_path: Path) -> None:
    rows = [
        ("http://list.org/1", 100, 9),
        ("http://LIST.org/2", 900, 0),
        ("http://other.org/", 1000, 2),
        (None, 10, 9),
    ]
    paths = write_pool(tmp_path, rows)
    caps = caps_of(recipe_of(**{"scrub.max_host_values_per_1000_chars": 5}), paths, all_of)
    assert caps is not None
    (batch,) = batches(paths)
    assert caps(batch).tolist() == [False, False, True, True]
    assert [(row["reason"], row["value"], row["limit"]) for row in caps.dropped(batch).to_pylist()] == [
        ("scrub.max_host_values_per_1000_chars", 9.0, 5.0)
    ] * 2


def test_what_other_rules_drop_counts_for_nothing(tmp_path: Path) -> None:
    rows = [("http://a.org/", 10, 0)] * 8 + [("http://b.org/", 10, 0), ("http://c.org/", 10, 0)]
    paths = write_pool(tmp_path, rows)

    def last_three(batch: pa.RecordBatch) -> np.ndarray[Any, np.dtype[np.bool_]]:
        return np.arange(batch.num_rows) >= 7

    caps = caps_of(recipe_of(**{"domains.max_share": 0.5}), paths, last_three)
    assert caps is not None
    (batch,) = batches(paths)
    assert caps(batch).tolist() == [False] * 7 + [True] * 3
    assert caps.dropped(batch).num_rows == 0
