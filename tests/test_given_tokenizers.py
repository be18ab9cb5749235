"""Runs with a tokenizer that the recipe names: taken as it is, sized by its highest id, refused before anything is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tokenizers import Tokenizer as HuggingFaceTokenizer

from pipelines.commands.encode_files import EncodeRequest, encode_files
from pipelines.pretrain.shards import open_shards
from schemas.errors import TokenizerError
from schemas.recipe import Encode, Tokenizer
from tests.test_small_corpora import documents, execute, recipe_of
from tokenizer import bpe

SMALL_MODEL = {"steps": 2, "seq_len": 16, "batch_size": 2, "d_model": 16, "n_layers": 1, "n_heads": 1}


def tokenizer_json(path: Path, **model: Any) -> Path:
    texts = [row["text"] for row in documents(6)]
    document = json.loads(bpe.train_from_columns([pa.array(texts, pa.large_string())], Tokenizer(vocab_size=300)).to_str())
    document["model"] |= model
    path.write_text(json.dumps(document))
    return path


def with_holes(path: Path) -> Path:
    document = json.loads(path.read_text())
    vocab = document["model"]["vocab"]
    vocab |= {token: index + 70_000 for token, index in vocab.items() if index > 260}
    path.write_text(json.dumps(document))
    return path


def test_ids_with_holes_size_the_shards_the_index_and_the_model(tmp_path: Path) -> None:
    path = with_holes(tokenizer_json(tmp_path / "holes.json"))
    rows = documents(12)
    recipe = recipe_of(tmp_path, {"a": {"1": rows}}, tokenizer={"path": str(path)}, pretrain=SMALL_MODEL, dedup={"kinds": []})
    run = execute(recipe, tmp_path / "out")
    assert (tmp_path / "out" / "tokenizer" / "tokenizer.json").read_bytes() == path.read_bytes()
    index = json.loads((tmp_path / "out" / "shards" / "index.json").read_text())
    assert (index["tokenizer"]["vocab_size"], index["dtype"]) == (70_300, "uint32")
    assert run.records["tokenizer"].details["vocab_size"] == 70_300
    opened = open_shards(tmp_path / "out")
    found = [ids for split in opened.batches.values() for batch in split for ids in batch.column("tokens").to_pylist()]
    library = HuggingFaceTokenizer.from_file(str(path))
    assert sorted(found) == sorted(library.encode(row["text"]).ids for row in rows)
    assert max(map(max, found)) > 1 << 16
    assert run.records["validate"].details["checks"]["vocab_size"] == 70_300


def test_files_are_encoded_with_ids_above_16_bits(tmp_path: Path) -> None:
    path = with_holes(tokenizer_json(tmp_path / "holes.json"))
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in documents(3)))
    done = encode_files(EncodeRequest(paths=[str(tmp_path / "a.jsonl")], tokenizer=path, config=Encode(valid_ratio=0)), tmp_path / "out")
    assert (done.index["tokenizer"]["vocab_size"], done.index["tokenizer"]["end_of_text"], done.index["dtype"]) == (70_300, 0, "uint32")
    shard = pa.ipc.open_file(str(tmp_path / "out" / "shards" / "train-00000-of-00001.arrow")).read_all()
    library = HuggingFaceTokenizer.from_file(str(path))
    assert sorted(shard["tokens"].to_pylist()) == sorted(library.encode(row["text"]).ids for row in documents(3))


def test_an_older_file_is_extended_and_keeps_its_ids(tmp_path: Path) -> None:
    path = tokenizer_json(tmp_path / "old.json")
    document = json.loads(path.read_text())
    del document["model"]["type"]
    document["model"]["merges"] = [" ".join(merge) for merge in document["model"]["merges"]]
    path.write_text(json.dumps(document))
    sources = {"a": {"1": documents(12)}}
    execute(recipe_of(tmp_path, sources, tokenizer={"extend": str(path), "vocab_size": 310}), tmp_path / "out")
    new = bpe.load_tokenizer(tmp_path / "out" / "tokenizer" / "tokenizer.json").get_vocab()
    assert len(new) == 310
    assert document["model"]["vocab"].items() <= new.items()


@pytest.mark.parametrize("key", ["path", "extend"])
@pytest.mark.parametrize(
    ("model", "special", "expected"),
    [
        ({"dropout": 0.1}, "<|endoftext|>", "model.dropout = 0.1"),
        ({}, "<s>", "has no token '<s>' to separate documents"),
    ],
)
def test_a_tokenizer_that_cannot_serve_is_refused_before_anything_is_read(
    key: str, model: dict[str, Any], special: str, expected: str, tmp_path: Path
) -> None:
    path = tokenizer_json(tmp_path / "given.json", **model)
    settings = {key: str(path), "special_tokens": [special], "vocab_size": 400}
    with pytest.raises(TokenizerError, match=expected):
        execute(recipe_of(tmp_path, {"a": {"1": documents(2)}}, tokenizer=settings), tmp_path / "out")
    assert not (tmp_path / "out").exists()
