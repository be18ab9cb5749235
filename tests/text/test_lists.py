"""Lists that a recipe names are read whatever editor or archiver wrote them."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path

import polars as pl
import pytest
import zstandard

from pipelines.filters.bad_words import read_list
from pipelines.filters.metadata import read_values
from pipelines.filters.word_lists import read_word_list
from pipelines.scrub.opt_out import OptOutLists
from pipelines.text.domains import covered
from pipelines.text.lists import all_lines, read_lines
from schemas.errors import RecipeError
from schemas.recipe.opt_out import OptOut

LIST = "first.example\r\n\r\n# a note\r\n second.example \r\n"


@pytest.mark.parametrize(
    "content",
    [
        LIST.encode(),
        LIST.encode("utf-8-sig"),
        LIST.encode("utf-16"),
        b"\xfe\xff" + LIST.encode("utf-16-be"),
        gzip.compress(LIST.encode("utf-8-sig"), mtime=0),
        bz2.compress(LIST.encode()),
        lzma.compress(LIST.encode()),
        zstandard.compress(LIST.encode()),
    ],
)
def test_lines_are_the_same_whatever_wrote_them(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "list.txt").write_bytes(content)
    assert read_lines(str(tmp_path / "list.txt"), "opt_out.hosts", "domains") == [(1, "first.example"), (4, "second.example")]


def test_a_byte_order_mark_hides_no_entry_of_any_list(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xef\xbb\xbffirst.example\nsecond.example\n")
    hosts = OptOutLists.of(OptOut(hosts=str(path))).hosts
    assert hosts is not None
    assert covered(pl.Series(["first.example", "second.example"]), hosts).tolist() == [2, 2]
    assert read_values(str(path), "key") == ("first.example", "second.example")
    path.write_bytes(b"\xef\xbb\xbfhttp://first.example/\n")
    (tmp_path / "plain.txt").write_bytes(b"http://first.example/\n")
    assert OptOutLists.of(OptOut(urls=str(path))).urls == OptOutLists.of(OptOut(urls=str(tmp_path / "plain.txt"))).urls
    path.write_bytes(b"\xef\xbb\xbfaa\nbb\n")
    (tmp_path / "plain.txt").write_bytes(b"aa\nbb\n")
    marked, plain = (read_list(str(name), (), "key") for name in (path, tmp_path / "plain.txt"))
    assert marked.keys.tolist() == plain.keys.tolist()
    listed, also = (read_word_list(str(name), "key") for name in (path, tmp_path / "plain.txt"))
    assert listed.phrases.tolist() == also.phrases.tolist()


@pytest.mark.parametrize("content", [b"caf\xe9\n", gzip.compress(b"words\n" * 1000, mtime=0)[:-9]])
def test_a_list_that_cannot_be_read_names_its_key(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(RecipeError, match=r"opt_out\.urls = '.*list\.txt'"):
        all_lines(str(tmp_path / "list.txt"), "opt_out.urls", "URLs")
