"""Shards that are not what their index says are named, and an order that is no shuffle shows."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipelines.pretrain.shards import Census, open_shards, read_index
from schemas.errors import OutputError, RecipeError
from schemas.files import sha256_of
from tests.pretrain.corpus import Documents, token_batch, write_corpus

TRAIN: Documents = [("web", [1, 2, 3]), ("code", [4]), ("web", [])]
VALID: Documents = [("code", [5, 5])]


def corpus(folder: Path) -> Path:
    return write_corpus(folder, [("train", TRAIN), ("train", TRAIN[:1]), ("valid", VALID)])


def edit_index(folder: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "shards" / "index.json"
    index = json.loads(path.read_text())
    edit(index)
    path.write_text(json.dumps(index))


def test_what_is_opened_is_what_was_written(tmp_path: Path) -> None:
    opened = open_shards(corpus(tmp_path))
    found = {split: [row for batch in batches for row in batch.column("tokens").to_pylist()] for split, batches in opened.batches.items()}
    assert found == {"train": [[1, 2, 3], [4], [], [1, 2, 3]], "valid": [[5, 5]]}
    assert opened.census.token_counts.sum() == 7
    assert opened.census.token_counts[:6].tolist() == [0, 2, 2, 2, 1, 0]
    assert opened.census.train_documents == {"web": 3, "code": 1}
    assert opened.census.n_runs == 3


def test_a_changed_byte_names_the_file(tmp_path: Path) -> None:
    path = corpus(tmp_path) / "shards" / "train-00001-of-00002.arrow"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(OutputError, match=r"train-00001-of-00002\.arrow is damaged: its sha256 is .*--resume"):
        open_shards(tmp_path)


def test_a_missing_shard_and_another_tokenizer_are_named(tmp_path: Path) -> None:
    (corpus(tmp_path) / "shards" / "valid-00000-of-00001.arrow").unlink()
    with pytest.raises(OutputError, match=r"valid-00000-of-00001\.arrow is damaged: it is missing"):
        open_shards(tmp_path)
    (tmp_path / "tokenizer" / "tokenizer.json").write_text("{}")
    with pytest.raises(OutputError, match=r"tokenizer\.json is damaged: its sha256"):
        open_shards(tmp_path)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda index: index["shards"][0].update(n_tokens=9), r"train-00000-of-00002\.arrow is damaged: n_tokens is 4, not 9"),
        (lambda index: index["shards"][0].update(n_documents=9), "n_documents is 3, not 9"),
        (lambda index: index["sources"]["code"].update(n_tokens=9), "sums by source "),
        (lambda index: index["sources"].pop("code"), "sums by source "),
        (lambda index: index["tokenizer"].update(vocab_size=4), "token id 4 .* vocabulary of 4"),
        (lambda index: index["tokenizer"].update(vocab_size=70_000), "columns are not those of a token shard of 70000"),
        (lambda index: index["tokenizer"].update(end_of_text=2), "end-of-text token 2"),
        (lambda index: index.update(format="other/1"), "its format is 'other/1', not 'corpusmill-shards/1'"),
        (lambda index: index.pop("shards"), "missing required field `shards`"),
    ],
)
def test_an_index_that_disagrees_is_an_error(tmp_path: Path, edit: Callable[[dict[str, Any]], None], message: str) -> None:
    edit_index(corpus(tmp_path), edit)
    with pytest.raises(OutputError, match=message):
        open_shards(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.set_column(4, t.schema.field(4), pa.array([3, 1, 1], pa.uint32())), "n_tokens is not the number of tokens"),
        (lambda t: t.replace_schema_metadata({"tokenizer": "another"}), r"it was not made by tokenizer/tokenizer\.json"),
    ],
)
def test_a_shard_at_odds_with_itself_is_an_error(tmp_path: Path, change: Callable[[pa.Table], pa.Table], message: str) -> None:
    path = corpus(tmp_path) / "shards" / "train-00000-of-00002.arrow"
    table = change(pa.ipc.open_file(path.read_bytes()).read_all())
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)
    edit_index(tmp_path, lambda index: index["shards"][0].update(sha256=sha256_of(path)))
    with pytest.raises(OutputError, match=message):
        open_shards(tmp_path)


def test_a_folder_without_shards_says_so(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"CM-PRETRAIN-006: .*index\.json"):
        read_index(tmp_path)


def test_a_tokenizer_without_its_end_of_text_is_refused(tmp_path: Path) -> None:
    edit_index(corpus(tmp_path), lambda index: index["tokenizer"].update(end_of_text=None))
    with pytest.raises(RecipeError, match=r"CM-PRETRAIN-005: tokenizer\.special_tokens"):
        open_shards(tmp_path)


def census_of(sources: list[str], batch_rows: int = 64) -> Census:
    census = Census(257)
    for start in range(0, len(sources), batch_rows):
        census.add(token_batch([(source, [1]) for source in sources[start : start + batch_rows]]), "train")
    return census


def test_runs_are_counted_across_batches() -> None:
    assert [census_of(list("aabba"), batch_rows=rows).n_runs for rows in (1, 2, 3, 5)] == [3, 3, 3, 3]


def test_the_score_of_a_shuffle_is_standard_and_that_of_sorted_sources_is_not() -> None:
    sources = ["a"] * 500 + ["b"] * 300 + ["c"] * 200
    generator = random.Random(0)
    scores = []
    for _ in range(100):
        score = census_of(generator.sample(sources, 1000), batch_rows=1000).shuffle_z()
        assert score is not None
        scores.append(score)
    assert np.mean(scores) == pytest.approx(0, abs=0.3)
    assert np.std(scores) == pytest.approx(1, abs=0.25)
    in_order = census_of(sources).shuffle_z()
    assert in_order is not None
    assert in_order < -30


@pytest.mark.parametrize("sources", [[], ["a"], ["a"] * 500, ["a"] * 500 + ["b", "b"]])
def test_too_little_to_judge_the_shuffle_is_not_judged(sources: list[str]) -> None:
    assert census_of(sources).shuffle_z() is None
