"""A file that is no tokenizer.json, or that encodes at random, is one clear message."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models

from schemas.errors import TokenizerError
from tokenizer.files import MOST_IDS, load_tokenizer, n_ids, parsed

VOCAB = {"a": 0, "b": 1, "ab": 2}


def saved(path: Path, change: Callable[[dict[str, Any]], Any] = lambda document: None) -> Path:
    document = json.loads(Tokenizer(models.BPE(VOCAB, [("a", "b")])).to_str())
    change(document)
    path.write_text(json.dumps(document))
    return path


def added(index: int, content: str) -> dict[str, Any]:
    return {"id": index, "content": content, "special": True} | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("tokenizer.json", b"", "it is not JSON"),
        ("tokenizer.json", b"\xff\xff", "it is not JSON"),
        ("tokenizer.json", b'\xef\xbb\xbf{"model": {}}', "it begins with a byte order mark; save it as UTF-8 without one"),
        ("tokenizer.json", "{}".encode("utf-16"), "it begins with a byte order mark; save it as UTF-8 without one"),
        ("tokenizer.json", b"[" * 100_000, "it is nested too deeply"),
        ("tokenizer.json", b"[]", "it is JSON without a model"),
        ("tokenizer.json", b'{"model": {"vocab": {}}}', "data did not match any variant"),
        ("vocab.json", b'{"a": 0}', "it is JSON without a model"),
        ("tokenizer.model", b"\n\x0e\n\x05<unk>", "it looks like a SentencePiece model; convert it"),
        ("cl100k_base.tiktoken", b"IQ== 0\nIg== 1\n", "it looks like a tiktoken file of ranks; convert it"),
    ],
)
def test_a_file_of_another_kind_is_named(name: str, content: bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(TokenizerError, match=f"{re.escape(str(path))} is not a tokenizer.json .*{expected}"):
        load_tokenizer(path)


def test_a_folder_is_told_from_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="is a folder; pass the path of"):
        load_tokenizer(tmp_path)
    saved(tmp_path / "tokenizer.json")
    with pytest.raises(TokenizerError, match=f"is a folder; .* {re.escape(str(tmp_path / 'tokenizer.json'))}"):
        load_tokenizer(tmp_path)
    with pytest.raises(TokenizerError, match="does not exist"):
        load_tokenizer(tmp_path / "none.json")


def test_a_file_that_encodes_at_random_is_refused_by_the_name_of_its_option(tmp_path: Path) -> None:
    path = saved(tmp_path / "tokenizer.json", lambda document: document["model"].update(dropout=0.1))
    with pytest.raises(TokenizerError, match=r"has model\.dropout = 0\.1, .* set it to null"):
        load_tokenizer(path)
    assert load_tokenizer(saved(tmp_path / "tokenizer.json", lambda document: document["model"].update(dropout=0.0)))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        # The library numbers tokens beside the vocabulary by its size, whatever the file says: 3 is taken.
        (lambda d: (d["model"]["vocab"].update(c=3000, d=4), d["added_tokens"].append(added(9, "<s>"))), None),
        (lambda d: (d["model"]["vocab"].update(c=3000, d=5), d["added_tokens"].append(added(9, "<s>"))), "'<s>' gets id 5 from"),
        (lambda d: d["model"]["vocab"].update(c=MOST_IDS), f"has the id {MOST_IDS}; ids must be below {MOST_IDS}"),
        (lambda d: d["model"].update(vocab={}, merges=[]), "has no tokens"),
    ],
)
def test_ids_are_each_of_one_token_and_fit(change: Callable[[dict[str, Any]], Any], expected: str | None, tmp_path: Path) -> None:
    path = saved(tmp_path / "tokenizer.json", change)
    if expected is None:
        assert n_ids(load_tokenizer(path)) == 3001
    else:
        with pytest.raises(TokenizerError, match=expected):
            load_tokenizer(path)


def test_what_a_file_leaves_out_is_read_as_the_library_fills_it_in(tmp_path: Path) -> None:
    def older(document: dict[str, Any]) -> None:
        del document["model"]["type"]
        document["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}

    path = saved(tmp_path / "tokenizer.json", older)
    document = parsed(path, load_tokenizer(path))
    assert document["model"]["type"] == "BPE"
    assert (document["pre_tokenizer"] or {})["use_regex"] is True
