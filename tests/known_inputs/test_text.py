"""What is made of text: private values, languages, copies, evaluation items, lists of who left, and tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tokenizers import Tokenizer

from tests.known_inputs.command import CASES, Done, command, needs_cases, run

pytestmark = needs_cases
KEPT = ("kept", None)


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_address_behind_a_letter_of_two_bytes_is_all_that_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "names.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in ("José\nana@example.org", "à\nana@example.org")))
    done = run(tmp_path / "out", path)
    assert done.status == 0
    assert [row["text"] for row in done.documents] == ["José\n<EMAIL>", "à\n<EMAIL>"]


@pytest.mark.parametrize("name", ["scrub.jsonl", "scrub2.jsonl"])
def test_private_values_go_and_what_only_looks_like_them_stays(tmp_path: Path, name: str) -> None:
    path = CASES / "scrub" / name
    done = run(tmp_path / "out", path)
    assert done.status == 0
    given = rows_of(path)
    n_values = [sum(n for key, n in row.items() if key.startswith("n_redacted_")) for row in done.documents]
    assert len(n_values) == len(given)
    hidden = {row["id"] for row, n in zip(given, n_values, strict=True) if n}
    assert hidden == {row["id"] for row in given if row["id"].startswith("hide:")}
    kept = [(row["text"], document["text"]) for row, document in zip(given, done.documents, strict=True) if row["id"] not in hidden]
    assert all(before == after for before, after in kept)


def test_capitals_and_decomposed_letters_are_told_as_the_language_they_are(tmp_path: Path) -> None:
    path = CASES / "language" / "lang.jsonl"
    done = run(tmp_path / "out", path, 'filters.rules=["language"]', "filters.language.min_score=0")
    assert done.status == 0
    wanted = {row["id"]: row["want"] for row in rows_of(path)}
    assert {row: document["lang"] for row, document in zip(wanted, done.documents, strict=True)} == wanted


@pytest.mark.parametrize(("name", "n"), [("numbers.jsonl", 20), ("operators.jsonl", 10)])
def test_texts_that_differ_in_digits_or_operators_are_no_copies(tmp_path: Path, name: str, n: int) -> None:
    done = run(tmp_path / "out", CASES / "dedup" / name, 'dedup.kinds=["exact", "minhash"]')
    assert (done.status, done.endings) == (0, {name: [KEPT] * n})


@pytest.mark.parametrize("name", ["dolma.jsonl", "dolma.parquet"])
@pytest.mark.parametrize(("asked", "at", "reason"), [("hosts", 3, "opt_out.host"), ("urls", 4, "opt_out.url")])
def test_opt_out_lists_take_effect_on_nested_addresses(tmp_path: Path, name: str, asked: str, at: int, reason: str) -> None:
    done = run(tmp_path / "out", CASES / "columns" / name, f"opt_out.{asked}={CASES / 'columns' / f'{asked}.txt'}")
    assert done.status == 0
    assert done.endings == {name: [("dropped", reason) if number == at else KEPT for number in range(10)]}
    assert {row["licence"] for row in done.documents} == {"CC-BY-4.0"}
    assert [row["url"] for row in done.documents] == [f"https://site{i}.example.org/p" for i in range(10) if i != at]


@pytest.mark.parametrize("dry", [False, True])
def test_a_column_that_no_record_has_is_an_error_that_names_those_there_are(tmp_path: Path, dry: bool) -> None:
    done = run(tmp_path / "out", CASES / "columns" / "link.jsonl", "sources.s.url_column=href", dry=dry)
    assert done.status == 2
    assert "sources.s.url_column = 'href': no record has it; columns found: text, link." in done.message


def test_takedown_finds_an_address_however_it_is_escaped(tmp_path: Path) -> None:
    done = run(tmp_path / "out", CASES / "takedown" / "u.jsonl")
    assert done.status == 0
    for number, url in enumerate(["https://example-c.org/~user/café", "https://example-l.org/a%20b"], 1):
        removed = command("takedown", done.out, "--url", url, "--yes", out=done.out)
        assert removed.status == 0
        assert f"by host: {url.split('/')[2]} 1" in removed.shown
        assert (done.out / "takedown" / f"{number:04}.json").is_file()


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Done]:
    text, folder = CASES / "bz2-xz" / "00.jsonl", tmp_path_factory.mktemp("encoded")
    return {
        path.name: command("encode", "--input", text, "--tokenizer", path, "--out", folder / path.stem, out=folder / path.stem)
        for path in (CASES / "tokenizers").glob("*.json")
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("tokenizer-ids-above-65535.json", pa.uint32()),
        ("tokenizer-string-merges.json", pa.uint16()),
        ("tokenizer-no-model-type.json", pa.uint16()),
    ],
)
def test_given_tokenizers_encode_as_their_own_library_does(encoded: dict[str, Done], name: str, kind: pa.DataType) -> None:
    done = encoded[name]
    assert (done.status, done.message) == (0, "")
    (shard,) = (done.out / "shards").glob("*.arrow")
    tokens = pa.ipc.open_file(pa.memory_map(str(shard))).read_all()["tokens"]
    assert tokens.type.value_type == kind
    ids = pc.list_flatten(tokens).to_pylist()
    (row,) = rows_of(CASES / "bz2-xz" / "00.jsonl")
    path = CASES / "tokenizers" / name
    assert ids[: len(expected := library(path).encode(row["text"]).ids)] == expected
    assert len(ids) - len(expected) <= 1  # the end of the text


def library(path: Path) -> Tokenizer:
    """The file in the library that it was written for, which asks for the model's type."""
    data = json.loads(path.read_text())
    data["model"]["type"] = "BPE"
    return Tokenizer.from_str(json.dumps(data))


def test_merges_as_strings_can_be_extended(tmp_path: Path) -> None:
    path = CASES / "tokenizers" / "tokenizer-string-merges.json"
    done = run(tmp_path / "out", CASES / "first-file" / "a-empty-first" / "m.jsonl", f"tokenizer.extend={path}", "tokenizer.vocab_size=330")
    assert (done.status, done.message) == (0, "")
    before = Tokenizer.from_file(str(path)).get_vocab()
    after = Tokenizer.from_file(str(done.out / "tokenizer" / "tokenizer.json")).get_vocab()
    assert before.items() <= after.items()
    assert len(after) == 330


EVALS = {"base": 4, "nq": 4, "mtbench": 4, "chat": 4, "bom": 4, "nan": 2}


@pytest.mark.parametrize(("name", "n"), [*((f"{name}.jsonl", n) for name, n in EVALS.items()), ("a.jsonl.bz2", 4), ("long.jsonl.zst", 4)])
def test_items_of_every_form_are_found(tmp_path: Path, name: str, n: int) -> None:
    done = run(tmp_path / "out", CASES / "evals" / "docs.jsonl", f'decontaminate.paths=["{CASES / "evals" / name}"]')
    assert done.status == 0
    rows = done.endings["docs.jsonl"]
    assert (rows.count(("dropped", f"evaluation.{name.partition('.')[0]}")), rows.count(KEPT)) == (n, 20 - n)


def test_items_beside_a_column_that_no_reader_knows_are_found(tmp_path: Path) -> None:
    docs = tmp_path / "docs.jsonl"
    docs.write_text(
        "".join(json.dumps({"text": text}) + "\n" for text in ("A note. The first line here. More.", "Another note without it."))
    )
    evals = CASES / "evals" / "duck.parquet"
    done = run(tmp_path / "out", docs, f'decontaminate.paths=["{evals}"]', "decontaminate.min_words=3")
    assert (done.status, done.endings) == (0, {"docs.jsonl": [("dropped", "evaluation.duck"), KEPT]})
    too_short = run(tmp_path / "never", docs, f'decontaminate.paths=["{evals}"]')
    assert too_short.status == 2
    assert "none of 1 items has decontaminate.min_words = 8 words" in too_short.message
