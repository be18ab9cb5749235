"""Rows of evaluation sets in every shape that is in use: which texts are looked for, and which rows are counted as without text."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pipelines.dedup.evals.items import EvalFile, questions_of, read_eval_file, texts_in
from pipelines.dedup.evals.sets import load_evals, unsearchable_items
from schemas.errors import InputError
from schemas.recipe import Decontaminate

COLUMNS = Decontaminate().columns
Q1 = "How many ropes did the crew check before the tide turned at seven?"
Q2 = "Which of the families along the lane kept their bees in painted boxes?"


def items(path: Path) -> list[tuple[str, str, list[str]]]:
    return [(item.set, item.id, [question.text for question in item.questions]) for item in read_eval_file(path, COLUMNS).items]


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (Q1, [Q1]),
        ([Q1], [Q1]),
        ([Q1, "And why?"], [Q1, "And why?", f"{Q1}\nAnd why?"]),
        ({"text": Q1, "tokens": Q1.split()}, [Q1]),
        ({"stem": Q1, "choices": [{"label": "A", "text": "two"}]}, [Q1]),
        ({"input": {"text": Q1}}, [Q1]),
        ({"tokens": Q1.split()}, []),
        ([{"role": "system", "content": "Be brief."}, {"role": "user", "content": Q1}, {"role": "assistant", "content": "Two."}], [Q1]),
        ([{"role": "user", "content": Q1}, {"role": "assistant", "content": "Two."}, {"role": "user", "content": Q2}], [Q1, Q2]),
        ([{"from": "human", "value": Q1}, {"from": "gpt", "value": "Two."}], [Q1]),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {}}, {"type": "text", "text": Q1}]}], [Q1]),
        ([{"role": "user", "content": [{"type": "text", "text": "Look."}, {"type": "text", "text": Q1}]}], [f"Look.\n{Q1}"]),
        ([{"role": "user", "parts": [{"text": Q1}]}], [Q1]),
        ([{"role": "User", "content": Q1}, {"role": "Assistant", "content": "Two."}], [Q1]),
        ([{"role": "prompter", "text": Q1}, {"role": "assistant", "text": "Two."}], [Q1]),
        ([{"from": "human", "value": Q1, "text": "shown otherwise"}], [Q1]),
        ([{"content": Q1}], [Q1]),
        ({"messages": [{"role": "user", "content": Q1}]}, [Q1]),
        (json.dumps([{"role": "user", "content": Q1}]), [Q1]),
        (json.dumps({"text": Q1}), [Q1]),
        ('{"no json', ['{"no json']),
        ('{"n": 5}', ['{"n": 5}']),
        (Q1.encode(), [Q1]),
        ([], []),
        ({}, []),
        (None, []),
        (5, []),
    ],
)
def test_the_text_of_an_item_is_found_in_any_shape(value: Any, texts: list[str]) -> None:
    assert texts_in(value) == texts


@pytest.mark.parametrize(
    "row",
    [
        {"question": Q1},
        {"question": None, "prompt": Q1},
        {"question": {}, "input": [Q1]},
        {"instruction": Q1, "input": ""},
        {"turns": [Q1]},
        {"problem": Q1},
    ],
)
def test_the_first_column_that_holds_text_is_the_item(row: dict[str, Any]) -> None:
    assert [question.text for question in questions_of(row, COLUMNS)] == [Q1]


def test_members_of_objects_are_named_with_dots() -> None:
    assert [question.text for question in questions_of({"doc": {"q": Q1}}, ("doc.q",))] == [Q1]


ROWS = [{"question": {"text": Q1}, "id": 7, "set": "bees"}, {"question": {"text": Q2}, "id": None, "set": None}]
LINES = "".join(f"{json.dumps(row)}\n" for row in ROWS).encode()
FOUND = [("bees", "7", [Q1]), ("a", "1", [Q2])]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", LINES),
        ("a.ndjson", b"\xef\xbb\xbf" + LINES),
        ("a.jsonl.gz", gzip.compress(LINES)),
        ("a.JSONL.GZ", gzip.compress(LINES)),
        ("a.jsonl.bz2", bz2.compress(LINES)),
        ("a.jsonl.xz", lzma.compress(LINES)),
        ("a.jsonl.zst", zstandard.compress(LINES)),
        ("a.jsonl", gzip.compress(LINES)),
        ("a.json", LINES),
        ("a.json", json.dumps(ROWS).encode()),
        ("a.json", json.dumps(ROWS, indent=1).encode()),
        ("a.json", b"\xef\xbb\xbf" + json.dumps(ROWS, indent=1).encode()),
        ("a.json.gz", gzip.compress(json.dumps({"canary": "x", "examples": ROWS}, indent=1).encode())),
        ("a.jsonl", LINES.replace(b'"id": 7', b'"score": NaN, "id": 7')),
    ],
)
def test_every_file_that_can_be_a_source_can_be_an_evaluation_set(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert items(tmp_path / name) == FOUND


def test_json_over_several_lines_may_be_one_item_and_of_lists_the_longest_counts(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(ROWS[0], indent=1))
    assert items(tmp_path / "a.json") == FOUND[:1]
    (tmp_path / "a.json").write_text(json.dumps({"authors": [{"text": "somebody"}], "rows": ROWS, "tags": ["x", "y", "z"]}, indent=1))
    assert items(tmp_path / "a.json") == FOUND


def test_a_long_zstd_window_is_read(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=31, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    (tmp_path / "a.jsonl.zst").write_bytes(packer.compress(LINES) + packer.flush())
    assert items(tmp_path / "a.jsonl.zst") == FOUND


@pytest.mark.parametrize("prompt", [{"text": Q1}, [Q1], [{"role": "user", "content": Q1}], json.dumps([{"role": "user", "content": Q1}])])
def test_parquet_has_the_same_shapes(tmp_path: Path, prompt: Any) -> None:
    pq.write_table(pa.Table.from_pylist([{"prompt": prompt, "id": 3}]), tmp_path / "a.parquet")
    assert items(tmp_path / "a.parquet") == [("a", "3", [Q1])]


def test_parquet_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    pq.write_table(pa.table({"question": [Q1]}), tmp_path / "a.bin")
    assert items(tmp_path / "a.bin") == [("a", "0", [Q1])]


def test_a_column_that_nobody_asks_for_does_not_matter_in_parquet(tmp_path: Path) -> None:
    interval = pa.array([b"x" * 12], pa.binary(12))
    pq.write_table(pa.table({"question": [Q1], "wait": interval, "m": [Q2.encode()]}), tmp_path / "a.parquet")
    pl.DataFrame({"question": [Q1], "n": pl.Series([2**70], dtype=pl.Int128)}).write_parquet(tmp_path / "b.parquet")
    assert [items(tmp_path / name) for name in ("a.parquet", "b.parquet")] == [[("a", "0", [Q1])], [("b", "0", [Q1])]]


def test_options_come_from_other_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({"question": [Q1], "choices": [["two", "ten"]], "answer": [1]}), tmp_path / "a.parquet")
    (item,) = read_eval_file(tmp_path / "a.parquet", COLUMNS).items
    assert (item.questions[0].stem, item.questions[0].options) == (Q1, ("two", "ten"))


def test_options_come_from_the_object_that_has_the_question() -> None:
    choices = [{"label": "A", "text": "two"}, {"label": "B", "text": "ten"}]
    (question,) = questions_of({"question": {"stem": Q1, "choices": choices}}, COLUMNS)
    assert (question.stem, question.options) == (Q1, ("two", "ten"))


def test_text_has_an_item_a_line_compressed_or_not(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(f"{Q1}\n\n{Q2}\n".encode()))
    assert items(tmp_path / "a.txt.gz") == [("a", "0", [Q1]), ("a", "2", [Q2])]
    assert not read_eval_file(tmp_path / "a.txt.gz", COLUMNS).without_text  # a blank line is not a row


def test_a_byte_order_mark_is_not_part_of_the_first_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf" + f"{Q1}\n".encode())
    assert items(tmp_path / "a.txt") == [("a", "0", [Q1])]


def test_an_id_may_be_zero_and_must_be_a_plain_value(tmp_path: Path) -> None:
    rows = [{"question": Q1, "id": {"n": 1}, "set": ["bees"]}, {"question": Q2, "id": 0, "set": "bees"}]
    (tmp_path / "a.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert items(tmp_path / "a.jsonl") == [("a", "0", [Q1]), ("bees", "0", [Q2])]


def test_a_table_has_an_item_a_row_and_no_answers_in_it(tmp_path: Path) -> None:
    """As TruthfulQA, GPQA and C-Eval are published; a line as text would hold answers, and no document with the question be found."""
    rows = 'id,Question,Best Answer,A,B\n1,"Who rowed, and why?\nSay it.",Nobody,the ferryman,the keeper\n2,What is it?,Tea,,\n'
    for name, content in (
        ("a.csv", rows.encode()),
        ("a.CSV.gz", gzip.compress(b"\xef\xbb\xbf" + rows.encode().replace(b"\n", b"\r\n"))),
        ("a.tsv", rows.replace("rowed, and", "rowed: and").replace(",", "\t").replace("rowed: and", "rowed, and").encode()),
    ):
        (tmp_path / name).write_bytes(content)
        items = read_eval_file(tmp_path / name, COLUMNS).items
        assert [(item.id, *(question.stem.split() for question in item.questions)) for item in items] == [
            ("1", ["Who", "rowed,", "and", "why?", "Say", "it."]),
            ("2", ["What", "is", "it?"]),
        ], name
        assert items[0].questions[0].options == ("the ferryman", "the keeper")
    (tmp_path / "mmlu.csv").write_text("What is it?,Tea,Coffee,A\n")
    with pytest.raises(InputError, match=r"first line has none of the columns.*What is it\?, Tea"):
        read_eval_file(tmp_path / "mmlu.csv", COLUMNS)


def test_an_object_on_one_line_that_has_no_text_may_hold_the_items(tmp_path: Path) -> None:
    (tmp_path / "bbh.json").write_text(json.dumps({"canary": "words", "examples": [{"input": "Who?"}, {"input": "Why?"}]}))
    found = read_eval_file(tmp_path / "bbh.json", COLUMNS)
    assert [item.questions[0].stem for item in found.items] == ["Who?", "Why?"]


def test_rows_without_text_are_counted_by_reason(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(LINES + b'{"question": []}\n{"other": 1}\n{\n')
    found: EvalFile = read_eval_file(tmp_path / "a.jsonl", COLUMNS)
    assert (len(found.items), found.without_text) == (2, {"no text": 2, "bad_json": 1})
    config = Decontaminate(paths=(str(tmp_path / "*"),))
    assert unsearchable_items(load_evals(config), config) == [
        f"{tmp_path / 'a.jsonl'}: 1 row has no text that can be looked for (bad_json)",
        f"{tmp_path / 'a.jsonl'}: 2 rows have no text that can be looked for (no text)",
    ]


def test_a_row_that_is_too_large_costs_itself_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.text.row_files.MAX_ROW_BYTES", 200)
    (tmp_path / "a.jsonl").write_bytes(json.dumps({"question": Q1 * 9}).encode() + b"\n" + LINES)
    found = read_eval_file(tmp_path / "a.jsonl", COLUMNS)
    assert (len(found.items), found.without_text) == (2, {"too_large": 1})


def test_short_items_are_counted_and_only_short_ones_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("2 + 2 =\n")
    config = Decontaminate(paths=(str(tmp_path / "*"),))
    with pytest.raises(InputError, match=r"none of 1 items has decontaminate\.min_words = 8 words"):
        load_evals(config)
    (tmp_path / "b.txt").write_text(f"{Q1}\n")
    assert unsearchable_items(load_evals(config), config) == [
        "1 of 2 evaluation items has fewer words than decontaminate.min_words = 8 and is not looked for"
    ]


@pytest.mark.parametrize("name", ["a.txt", "a.json", "a.jsonl"])
@pytest.mark.parametrize(
    ("pack", "at"),  # a byte of the checksum; None: where the CRC-32 of the content is
    [
        (gzip.compress, None),
        (zstandard.ZstdCompressor(write_checksum=True).compress, -1),
        (bz2.compress, 10),
        (lambda content: lzma.compress(content, check=lzma.CHECK_CRC32), None),
    ],
)
def test_a_compressed_file_with_a_wrong_checksum_has_no_items(
    tmp_path: Path, name: str, pack: Callable[[bytes], bytes], at: int | None
) -> None:
    content = {"a.txt": f"{Q1}\n".encode(), "a.json": json.dumps(ROWS, indent=1).encode(), "a.jsonl": LINES}[name]
    packed = bytearray(pack(content))
    (tmp_path / name).write_bytes(packed)
    assert items(tmp_path / name)
    packed[packed.rindex(zlib.crc32(content).to_bytes(4, "little")) if at is None else at] ^= 1
    (tmp_path / name).write_bytes(packed)
    with pytest.raises(InputError, match=rf"{name} cannot be read as an evaluation set \((?:gzip|zstd|bzip2|xz)_damaged\)"):
        read_eval_file(tmp_path / name, COLUMNS)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.jsonl",
            b'{"body": {"x": 1}}\n',
            r"a\.jsonl: no row has text in one of the columns question.*: body, body\.x\. Name",
        ),
        ("a.jsonl", b"", r"a\.jsonl: no row has text"),
        ("a.jsonl.gz", gzip.compress(LINES * 100)[:-9], r"a\.jsonl\.gz cannot be read as an evaluation set"),
        ("a.PARQUET", b"No table.\n", r"a\.PARQUET cannot be read as an evaluation set \(not_parquet\)"),
        ("a.parquet", b"PAR1 but not", r"a\.parquet cannot be read as an evaluation set \(unreadable_file\)"),
        ("a.txt", b"caf\xe9 " * 9, r"a\.txt cannot be read as an evaluation set \(not UTF-8\)"),
    ],
)
def test_a_file_without_items_is_one_message(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_eval_file(tmp_path / name, COLUMNS)
