"""Corpora of which little or nothing is left somewhere come through, or end with one message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.commands.train import train_tokenizer
from pipelines.driver.context import Engine
from pipelines.driver.run import Run
from pipelines.encode.shards import SHARDS_FORMAT
from schemas import recipe as recipes
from schemas.errors import EmptyCorpusError, TokenizerError
from schemas.recipe import Tokenizer

Rows = list[dict[str, Any]]


def prose(number: int) -> str:
    return " ".join(f"word{(number * 7 + i * i) % 97} is a part of sentence {i} that stands here." for i in range(20))


def documents(n: int, first: int = 0) -> Rows:
    return [{"text": prose(first + i)} for i in range(n)]


DROPPED = [{"text": "short"}]
NUMBERS = [{"text": "12345 67890 " * 40 + str(i)} for i in range(5)]
CORPORA: dict[str, tuple[dict[str, dict[str, Rows]], int]] = {
    "all of the first file is dropped": ({"a": {"1": DROPPED, "2": documents(12)}}, 12),
    "the first file has no record": ({"a": {"1": [], "2": documents(5)}}, 5),
    "all of a source is dropped": ({"a": {"1": DROPPED * 3}, "b": {"1": documents(6)}}, 6),
    "all of the first file is merged": ({"a": {"1": documents(1), "2": documents(3)}, "b": {"1": documents(3)}}, 3),
    "every document is merged into one": ({"a": {"1": documents(1) * 10}}, 1),
    "one document": ({"a": {"1": documents(1)}}, 1),
    "no document has a language": ({"a": {"1": NUMBERS}}, 5),
}


def recipe_of(folder: Path, sources: dict[str, dict[str, Rows]], **settings: Any) -> recipes.Recipe:
    for source, files in sources.items():
        for name, rows in files.items():
            (folder / f"{source}-{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {
        "filters": {"rules": ["length"], "length": {"min_chars": 200}},
        "dedup": {"kinds": ["exact"]},
        "pretrain": {"enabled": False},
        **settings,
    }
    named = {source: {"path": [str(folder / f"{source}-*.jsonl")]} for source in sources}
    return recipes.parse({"name": "small", "seed": 1, "sources": named, **settings})


def execute(recipe: recipes.Recipe, out: Path, *, resume: bool = False) -> Run:
    run = Run(recipe, out, Engine(), lambda stage, done, total: None)
    run.execute(resume=resume)
    return run


@pytest.mark.parametrize("name", CORPORA)
def test_what_is_left_of_a_small_corpus_is_written_whole(name: str, tmp_path: Path) -> None:
    sources, n_kept = CORPORA[name]
    execute(recipe_of(tmp_path, sources), tmp_path / "out")
    index = json.loads((tmp_path / "out" / "shards" / "index.json").read_text())
    assert index["format"] == SHARDS_FORMAT
    assert sum(shard["n_documents"] for shard in index["shards"]) == n_kept
    ledger = pl.read_parquet(tmp_path / "out" / "ledger" / "*.parquet")
    assert ledger.height == sum(len(rows) for files in sources.values() for rows in files.values())
    assert ledger.filter(pl.col("outcome") == "kept").height == n_kept
    record = json.loads((tmp_path / "out" / "stages" / "tokenizer.json").read_text())
    assert record["details"]["evaluation"]["total"]["n_documents"] == n_kept
    assert 257 <= record["details"]["vocab_size"] < 32_768


def test_a_first_file_without_a_document_leaves_the_evaluation_of_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in documents(4)))
    paths = [str(tmp_path / "a.txt"), str(tmp_path / "b.jsonl")]
    (report,) = train_tokenizer(paths, Tokenizer(vocab_size=300, sample_bytes=2_000), 3, tmp_path / "out", [])
    assert report["total"]["n_documents"] == 5


def test_no_text_to_learn_from_is_a_message_or_leaves_the_bytes_alone(tmp_path: Path) -> None:
    protected = {"kinds": [], "protected": ["a"]}
    with pytest.raises(EmptyCorpusError, match=r"every document is of a source in dedup\.protected"):
        execute(recipe_of(tmp_path, {"a": {"1": documents(4)}}, dedup=protected), tmp_path / "out")
    run = execute(recipe_of(tmp_path, {"a": {"1": documents(4)}}, dedup=protected, tokenizer={"vocab_size": 257}), tmp_path / "bytes")
    assert run.records["tokenizer"].details["vocab_size"] == 257


def test_a_vocabulary_that_is_promised_and_out_of_reach_stops_the_run_before_dedup(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, {"a": {"1": documents(6)}}, tokenizer={"vocab_size": 5_000})
    with pytest.raises(
        TokenizerError, match=r"vocab_size = 5000: .* fills only (\d+) tokens .* set it to \1 or less, leave it out"
    ) as raised:
        execute(recipe, tmp_path / "out")
    assert (tmp_path / "out" / "stages" / "ingest.json").is_file()
    assert not (tmp_path / "out" / "stages" / "curate.json").exists()
    n_fits = int(str(raised.value).split("fills only ")[1].split()[0])
    assert f"run {tmp_path / 'out'} --resume --set tokenizer.vocab_size={n_fits}. This was found before dedup" in str(raised.value)
    execute(recipe_of(tmp_path, {"a": {"1": documents(6)}}, tokenizer={"vocab_size": n_fits}), tmp_path / "fits")


def test_a_vocabulary_that_only_dedup_puts_out_of_reach_is_told_by_the_tokenizer(tmp_path: Path) -> None:
    copies = [{"text": prose(0)}, {"text": prose(0)}, {"text": prose(0) + " "}]
    sources = {"a": {"1": copies}}
    run = execute(recipe_of(tmp_path, sources, dedup={"kinds": []}), tmp_path / "all")
    n_all = run.records["tokenizer"].details["vocab_size"]
    with pytest.raises(TokenizerError, match=r"fills only (\d+) .* run \S+ --resume --set tokenizer\.vocab_size=\1\Z"):
        execute(recipe_of(tmp_path, sources, dedup={"kinds": ["exact"]}, tokenizer={"vocab_size": n_all}), tmp_path / "one")
    assert (tmp_path / "one" / "stages" / "curate.json").is_file()
