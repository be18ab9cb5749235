"""A format is one module and one line in a list."""

from __future__ import annotations

import gzip
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from pipelines.read import readers
from pipelines.read.heads import FileHead
from pipelines.read.members import stored_parts
from pipelines.read.missing_columns import check_sample
from pipelines.read.reader import ReadContext, Reader
from pipelines.read.readers import READERS, detect, known_formats, reader_by_name, reader_of
from pipelines.read.records import Address, Document, RecordResult, Unread, unread_part
from pipelines.read.rows import read_row
from pipelines.read.sample import sample_source
from pipelines.read.splits import plan, plan_sources
from pipelines.text.nested import Row
from schemas.errors import InputError
from schemas.ledger import Outcome
from schemas.recipe import Read, Source
from testkit.archives import read_file, reasons

# --- What the module of a made-up format holds: records of `key=value` lines, with an empty line between two ---


def pairs_of(path: Path) -> Iterator[tuple[int, Row | Unread]]:
    with path.open("rb") as file:
        for part in stored_parts(file, path.name):
            if part.damage:
                yield 0, unread_part(part)
                continue
            for number, record in enumerate(b"".join(part.pieces()).decode().removeprefix("#kv\n").strip().split("\n\n")):
                lines = [line.partition("=") for line in record.split("\n")]
                is_record = all(equals for _, equals, _ in lines)
                yield number, {key: value for key, _, value in lines} if is_record else Unread(Outcome.FAILED, "bad_kv")


def read_kv(path: Path, name: str, context: ReadContext) -> Iterator[RecordResult]:
    for number, row in pairs_of(path):
        yield Address(number), row if isinstance(row, Unread) else read_row(row, context.columns, context.column_counts)


def rows_of_kv(path: Path, names: Collection[str]) -> Iterator[Row]:
    return (row for _, row in pairs_of(path) if not isinstance(row, Unread))


def begins_like_kv(head: FileHead) -> bool:
    return head.content.startswith(b"#kv\n")


KV = Reader(format="kv", title="key-value records", suffixes=(".kv",), read=read_kv, sniff=begins_like_kv, rows=rows_of_kv)

CONTENT = b"#kv\ntext=The tide turned at seven.\nurl=http://a.example/\nlang=en\n\nno pair\n\ntext=Bees kept to the lane.\n"
TEXTS = ["The tide turned at seven.", "Bees kept to the lane."]


@pytest.fixture
def kv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder for a tree that knows the format."""
    monkeypatch.setattr(readers, "READERS", [*READERS, KV])  # the one line
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.kv", CONTENT), ("a.KV.gz", gzip.compress(CONTENT)), ("records", CONTENT), ("records.1", gzip.compress(CONTENT))],
)
def test_a_new_format_is_read_by_suffix_and_by_content(kv: Path, name: str, content: bytes) -> None:
    Path(name).write_bytes(content)
    documents, failures = read_file(Path(name))
    assert [row["raw_text"] for row in documents] == TEXTS
    assert (documents[0]["url"], documents[0]["meta"]) == ("http://a.example/", '{"lang":"en"}')
    assert reasons(failures) == [(1, "failed", "bad_kv")]


def test_a_new_format_is_found_in_folders_sampled_and_named_in_messages(kv: Path) -> None:
    Path("d").mkdir()
    Path("d/a.kv").write_bytes(CONTENT)
    Path("d/b.html").write_bytes(b"<p>")
    sources = {"web": Source(path=("d",), url_column="link")}
    planned = plan_sources(sources, Path("run"))
    assert [(split.format, split.files) for split in planned.splits] == [("kv", ("d/a.kv",))]
    with pytest.raises(InputError, match=r"sources\.web\.url_column = 'link'.*columns found: text, url, lang\."):
        check_sample(sources, planned.splits)
    sample = sample_source("web", sources["web"], planned.splits, Read())
    assert (sample.columns, sample.batch.n_records, sample.bad_files) == (["text", "url", "lang"], 3, [])
    with pytest.raises(InputError, match=r"key-value records \(\.kv\)"):
        plan({"web": Source(path=("d/b.html",))}, Path("run"))


def test_a_recipe_that_states_the_format_reads_any_name_with_it(kv: Path) -> None:
    Path("a.txt").write_bytes(CONTENT.removeprefix(b"#kv\n"))
    documents, _ = read_file(Path("a.txt"), format="kv")
    assert [row["raw_text"] for row in documents] == TEXTS


# --- The list ---


def test_recipes_can_state_every_format() -> None:
    assert set(get_args(get_type_hints(Source)["format"])) == {"auto", *(reader.format for reader in READERS)}


def test_formats_and_suffixes_are_unambiguous() -> None:
    suffixes = [suffix for reader in READERS for suffix in reader.suffixes]
    assert len(set(suffixes)) == len(suffixes)
    assert len({reader.format for reader in READERS}) == len(READERS)
    for reader in READERS:
        assert reader_of(reader.format) is reader
        assert reader.suffixes or reader.accepts
        for suffix in reader.suffixes:
            assert reader_by_name(f"d.x/a{suffix.upper()}") is reader
            assert reader_by_name(f"a{suffix}.gz") is (reader if reader.takes_compression else None)
            assert suffix in known_formats()


def test_a_file_whose_first_bytes_fit_two_formats_has_the_first_of_the_list(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b'WARC/1.0\r\n{"text": "a"}\n{"text": "b"}\n')
    found = detect(tmp_path / "a").reader
    assert found
    assert found.format == "warc"


def test_every_reader_yields_a_document_for_a_minimal_file(tmp_path: Path) -> None:
    for reader, name, content in (
        (reader_of("text"), "a.txt", b"a b"),
        (reader_of("code"), "a.py", b"a b"),
        (reader_of("jsonl"), "a", b'{"text": "a b"}'),
    ):
        (tmp_path / name).write_bytes(content)
        ((address, document),) = reader.read(tmp_path / name, name, ReadContext(Source()))
        assert isinstance(document, Document)
        assert (address, document.text) == (Address(0), "a b")
