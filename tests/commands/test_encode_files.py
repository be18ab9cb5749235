"""Encoding files gives whole shards of every document, in an order and with a split that only ids and the seed decide."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from tokenizers import Tokenizer as HuggingFaceTokenizer

from pipelines.commands.encode_files import EncodeRequest, encode_files
from schemas.errors import EmptyCorpusError, InputError, OutputError, TokenizerError
from schemas.recipe import Encode, Tokenizer
from tokenizer import bpe

TEXTS = [f"document {i} speaks of {'大模型' * (i % 3)} and {i * 7} other things" for i in range(40)]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "mine.json"
    bpe.save_tokenizer(bpe.train_from_columns([pa.array(TEXTS, pa.large_string())], Tokenizer(vocab_size=300)), path)
    return path


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"text": text, "lang": "en"}) + "\n" for text in TEXTS) + "no record\n")
    return path


def rows(out: Path, split: str) -> list[tuple[str, list[int]]]:
    found: list[tuple[str, list[int]]] = []
    for shard in json.loads((out / "shards" / "index.json").read_text())["shards"]:
        if shard["split"] == split:
            table = pa.ipc.open_file(pa.memory_map(str(out / "shards" / shard["path"]))).read_all()
            found += zip(table.column("source").to_pylist(), table.column("tokens").to_pylist(), strict=True)
    return found


def test_every_document_is_in_a_shard_once(tokenizer: Path, lines: Path, tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("a text of its own")
    done = encode_files(
        EncodeRequest(paths=[str(lines), str(tmp_path / "b.txt")], tokenizer=tokenizer, config=Encode(valid_ratio=0.25, shard_tokens=500)),
        tmp_path / "out",
    )
    decode = HuggingFaceTokenizer.from_file(str(tokenizer)).decode
    train, valid = rows(tmp_path / "out", "train"), rows(tmp_path / "out", "valid")
    found = sorted((source, decode(tokens)) for source, tokens in train + valid)
    assert found == sorted([*(("a.jsonl", text) for text in TEXTS), ("b.txt", "a text of its own")])
    assert 0 < len(valid) < len(train)
    assert [decode(tokens) for _, tokens in train] != [text for text in TEXTS if text in {decode(tokens) for _, tokens in train}]
    assert (done.n_failed, done.encoder, done.index["tokenizer"]["end_of_text"]) == (1, "fast", 0)
    assert sum(shard["n_documents"] for shard in done.index["shards"]) == 41
    assert (tmp_path / "out" / "tokenizer" / "tokenizer.json").read_bytes() == tokenizer.read_bytes()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"shards", "tokenizer"}


def test_the_order_of_files_does_not_show(tokenizer: Path, lines: Path, tmp_path: Path) -> None:
    other = tmp_path / "c.txt"
    other.write_text("a text of its own")
    for name, paths in (("one", [lines, other]), ("two", [other, lines])):
        encode_files(EncodeRequest(paths=[str(path) for path in paths], tokenizer=tokenizer), tmp_path / name)
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name / "shards").iterdir()} for name in ("one", "two"))
    assert one == two


def test_files_of_curated_documents_are_read(tokenizer: Path, tmp_path: Path) -> None:
    columns = {
        "doc_id": pa.array([b"0" * 16, b"1" * 16], pa.binary(16)),
        "source": pa.array(["web", "code"], pa.large_string()),
        "lang": pa.array(["en", None], pa.large_string()),
        "text": pa.array(TEXTS[:2], pa.large_string()),
        "origin_file": pa.array(["f", "f"], pa.large_string()),
        "origin_offset": pa.array([0, 1], pa.uint64()),
        "part": pa.array([0, 0], pa.uint32()),
    }
    (tmp_path / "run" / "documents").mkdir(parents=True)
    for path, names in ((tmp_path / "run" / "documents" / "d.arrow", list(columns)), (tmp_path / "bad.arrow", ["doc_id", "text"])):
        table = pa.table(columns).select(names)
        with pa.ipc.new_file(str(path), table.schema) as writer:
            writer.write_table(table)
    encode_files(EncodeRequest(paths=[str(tmp_path / "run")], tokenizer=tokenizer, config=Encode(valid_ratio=0)), tmp_path / "out")
    assert sorted(source for source, _ in rows(tmp_path / "out", "train")) == ["code", "web"]
    with pytest.raises(InputError, match=r"bad\.arrow lacks the columns lang, origin_file, origin_offset, part, source"):
        encode_files(EncodeRequest(paths=[str(tmp_path / "bad.arrow")], tokenizer=tokenizer), tmp_path / "other")


def test_a_tokenizer_without_a_fast_path_says_why(tmp_path: Path, lines: Path) -> None:
    path = tmp_path / "words.json"
    config = Tokenizer(model="wordpiece", vocab_size=100, special_tokens=("[UNK]", "[SEP]"))
    bpe.save_tokenizer(bpe.train_from_columns([pa.array(TEXTS, pa.large_string())], config), path)
    done = encode_files(EncodeRequest(paths=[str(lines)], tokenizer=path, end_of_text="[SEP]"), tmp_path / "out")
    assert (done.encoder, done.encoder_reason) == ("tokenizers", "the model is WordPiece, not BPE")
    assert done.index["tokenizer"]["end_of_text"] == 1


def test_what_cannot_be_encoded_is_refused(tokenizer: Path, lines: Path, tmp_path: Path) -> None:
    (tmp_path / "full" / "shards").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"CM-COMMAND-004: .*shards"):
        encode_files(EncodeRequest(paths=[str(lines)], tokenizer=tokenizer), tmp_path / "full")
    with pytest.raises(TokenizerError, match=r"CM-COMMAND-005: .* '</s>'"):
        encode_files(EncodeRequest(paths=[str(lines)], tokenizer=tokenizer, end_of_text="</s>"), tmp_path / "out")
    with pytest.raises(InputError, match=r"nowhere\.jsonl"):
        encode_files(EncodeRequest(paths=[str(tmp_path / "nowhere.jsonl")], tokenizer=tokenizer), tmp_path / "out")
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(EmptyCorpusError, match=r"CM-COMMAND-006: .*empty\.jsonl"):
        encode_files(EncodeRequest(paths=[str(tmp_path / "empty.jsonl")], tokenizer=tokenizer), tmp_path / "out")
