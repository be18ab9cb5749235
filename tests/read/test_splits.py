"""Which files are read, in which order, as which splits."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickle
import re
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pipelines.read import splits
from pipelines.read.source_files import glob_pattern
from pipelines.read.splits import describe_inputs, plan, plan_sources
from schemas import recipe as recipes
from schemas.errors import InputError
from schemas.recipe import Source
from schemas.splits import Split


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(*paths: str, size: int = 1) -> None:
    for path in paths:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(b"x" * size)


def files(path: str | tuple[str, ...], **settings: Any) -> list[tuple[str, tuple[str, ...]]]:
    source = Source(path=(path,) if isinstance(path, str) else path, **settings)
    return [(split.format, split.files) for split in plan({"web": source}, Path("run"))]


def test_each_archive_or_table_is_a_split_and_small_files_share_one(folder: Path) -> None:
    touch(
        "d/b.warc.gz",
        "d/a.warc",
        "d/sub/c.jsonl.zst",
        "d/e.parquet",
        "d/f.txt",
        "d/g.md.gz",
        "d/ignored.png",
        "d/.hidden.txt",
        "d/.git/x.txt",
    )
    assert files("d") == [
        ("warc", ("d/a.warc",)),
        ("warc", ("d/b.warc.gz",)),
        ("parquet", ("d/e.parquet",)),
        ("text", ("d/f.txt", "d/g.md.gz")),
        ("jsonl", ("d/sub/c.jsonl.zst",)),
    ]


def test_small_files_are_gathered_up_to_a_size(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splits, "GATHER_BYTES", 10)
    touch("d/a.txt", "d/b.txt", "d/c.txt", size=5)
    touch("d/d.txt", size=50)
    assert [group for _, group in files("d")] == [("d/a.txt", "d/b.txt"), ("d/c.txt",), ("d/d.txt",)]


def test_numbers_follow_the_recipe_and_the_names(folder: Path) -> None:
    touch("a.warc", "b/1.jsonl", "b/2.jsonl")
    found = plan({"z": Source(path=("b",)), "a": Source(path=("a.warc",))}, Path("run"))
    assert [(split.index, split.source, split.files) for split in found] == [
        (0, "z", ("b/1.jsonl",)),
        (1, "z", ("b/2.jsonl",)),
        (2, "a", ("a.warc",)),
    ]
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301


def test_globs_cross_folders_and_a_file_named_twice_is_read_once(folder: Path) -> None:
    touch("d/1.jsonl", "d/e/2.jsonl", "d/e/3.txt")
    expected = [("jsonl", ("d/1.jsonl",)), ("jsonl", ("d/e/2.jsonl",))]
    assert files("d/**/*.jsonl") == expected
    assert files(("d/**/*.jsonl", "d/1.jsonl")) == expected
    assert files(str(folder / "d" / "*.jsonl")) == [("jsonl", (f"{folder}/d/1.jsonl",))]


def test_a_name_with_wildcards_that_is_there_is_itself(folder: Path) -> None:
    touch("a[1].jsonl", "a1.jsonl")
    assert files("a[1].jsonl") == [("jsonl", ("a[1].jsonl",))]


def test_a_stated_format_holds_for_named_files_and_globs(folder: Path) -> None:
    touch("d/part-0.json.gz", "d/part-1.json.gz")
    assert files("d/part-0.json.gz", format="jsonl") == [("jsonl", ("d/part-0.json.gz",))]
    assert [format_ for format_, _ in files("d/part-*", format="jsonl")] == ["jsonl", "jsonl"]


def test_a_code_tree_is_files_in_known_languages_except_excluded_ones(folder: Path) -> None:
    touch("t/a.py", "t/b.png", "t/test/c.py", "t/lib/test/d.py", "t/lib/e.c", "t/site-packages/f.py", "t/config-3/g.py", "t/README.md")
    excluded = ("test/**", "**/test/**", "site-packages/**", "config-*/**")
    assert files("t", format="code", exclude=excluded) == [("code", ("t/a.py", "t/lib/e.c"))]
    assert files("t/**", format="code", exclude=("**/*.c", "*/**/[cd].py")) == [
        ("code", ("t/a.py", "t/config-3/g.py", "t/site-packages/f.py"))
    ]


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("test/**", "test/a/b", "a/test/b"),
        ("**/test/*", "test/b", "test/a/b"),
        ("*.py", "a.py", "a/b.py"),
        ("[!a]?", "bc", "ab"),
        ("a.b+", "a.b+", "aab"),
        ("[x", "[x", "x"),
    ],
)
def test_globs_match_as_in_a_shell(pattern: str, matching: str, other: str) -> None:
    assert re.fullmatch(glob_pattern(pattern), matching)
    assert not re.fullmatch(glob_pattern(pattern), other)


def test_a_crawl_is_read_from_the_run_folder_under_names_that_leave_it_out(folder: Path) -> None:
    touch("run/crawl/site/b.warc.gz", "run/crawl/site/a.warc.gz", "run/crawl/site/notes.txt")
    source = recipes.parse({"name": "r", "sources": {"site": {"crawl": {"seeds": ["http://a.example/"]}}}}).sources["site"]
    found = plan({"site": source}, Path("run"))
    assert [(split.root, split.files) for split in found] == [("run", ("crawl/site/a.warc.gz",)), ("run", ("crawl/site/b.warc.gz",))]
    assert [line.split()[:4] for line in describe_inputs(found)] == [["site", "warc", f"crawl/site/{x}.warc.gz", "1"] for x in "ab"]
    with pytest.raises(InputError, match=r"sources\.site\.crawl: no WARC file in elsewhere/crawl/site"):
        plan({"site": source}, Path("elsewhere"))


def test_inputs_are_described_by_size_and_time(folder: Path) -> None:
    touch("a.jsonl", size=7)
    os.utime("a.jsonl", ns=(5, 123_456_789))
    assert describe_inputs(plan({"web": Source(path=("a.jsonl",))}, Path("run"))) == ("web jsonl a.jsonl 7 123456789",)


@pytest.mark.parametrize(
    ("path", "settings", "message"),
    [
        ((), {}, r"sources\.web: nothing to read; set sources\.web\.path"),
        (("absent",), {}, r"sources\.web\.path = 'absent': no such file or folder"),
        (("absent-*",), {}, r"sources\.web\.path = 'absent-\*': no readable file there; use WARC"),
        (("pictures",), {}, r"sources\.web\.path = 'pictures': no readable file there \(passed over: 1 \.png\); use WARC"),
        (("pictures",), {"format": "code"}, r"passed over: 1 \.png"),
        (("a.json",), {}, r"'a\.json': the file is JSON, but not one object per line"),
        (("n" * 300,), {}, "no such file or folder"),
        (("d",), {"exclude": ("**",)}, r"passed over: 1 excluded.*exclude"),
        (
            ("pictures/a.png",),
            {},
            r"'pictures/a\.png': unknown format.*; set sources\.NAME\.format, or use WARC .*JSON Lines",
        ),
    ],
)
def test_unreadable_paths_are_refused_with_a_remedy(folder: Path, path: tuple[str, ...], settings: dict[str, Any], message: str) -> None:
    touch("pictures/a.png", "d/a.txt")
    Path("a.json").write_text("[1]")
    with pytest.raises(InputError, match=message):
        files(path, **settings)


def test_two_sources_may_not_read_one_file_even_by_another_name(folder: Path) -> None:
    touch("d/a.jsonl", "d/b.jsonl")
    Path("link").symlink_to("d")
    with pytest.raises(InputError, match=r"sources 'one' and 'two' both read link/b\.jsonl"):
        plan({"one": Source(path=("d/*.jsonl",)), "two": Source(path=("link/b.jsonl",))}, Path("run"))


def test_files_passed_over_are_counted_by_ending(folder: Path) -> None:
    touch(
        "d/robots.txt", "d/a.html", "d/b.HTML", "d/c.csv.gz", "d/e.arrow", "d/notes", "d/.hidden", "d/x.a-very-long-ending", "d/old/f.txt"
    )
    Path("d/g.json").write_text('{\n "a": 1\n}')
    Path("d/broken.txt").symlink_to("gone")
    os.mkfifo("d/pipe.txt")
    found = plan_sources({"web": Source(path=("d",), exclude=("old/**",))}, Path("run"))
    assert [split.files for split in found.splits] == [("d/robots.txt",)]
    assert found.passed_over == {
        "web": {
            ".html": 2,
            "broken links and special files": 2,
            ".arrow": 1,
            ".csv.gz": 1,
            ".json (not JSON Lines)": 1,
            "excluded": 1,
            "hidden": 1,
            "no ending": 1,
            "other endings": 1,
        }
    }
    assert plan_sources({"web": Source(path=("d/*.[jth]*",))}, Path("run")).passed_over["web"] == {
        ".html": 1,
        ".json (not JSON Lines)": 1,
        "broken links and special files": 2,
    }


def tar_of(content: bytes) -> bytes:
    stored = io.BytesIO()
    member = tarfile.TarInfo("rows.jsonl")
    member.size = len(content)
    with tarfile.open(fileobj=stored, mode="w") as archive:
        archive.addfile(member, io.BytesIO(content))
    return stored.getvalue()


def zip_of(content: bytes) -> bytes:
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w") as archive:
        archive.writestr("rows.jsonl", content)
    return stored.getvalue()


def test_a_file_without_a_telling_name_is_known_by_its_first_bytes(folder: Path) -> None:
    Path("d").mkdir()
    rows = b'{"text": "a"}\n{"text": "b"}\n'
    pq.write_table(pa.table({"text": ["a"]}), "d/part-0000")
    Path("d/c4-train.00000-of-00002.json.gz").write_bytes(gzip.compress(rows[:14]) + gzip.compress(rows[14:]))
    Path("d/rows.json").write_bytes(b"\xef\xbb\xbf" + rows)
    Path("d/rows.jsonl.1").write_bytes(zstandard.compress(rows))
    Path("d/rows.json.xz").write_bytes(lzma.compress(rows))
    Path("d/rows.bz").write_bytes(bz2.compress(rows))
    Path("d/one").write_bytes(b'{"text": "' + b"x" * 100_000 + b'"}')
    Path("d/damaged.json").write_bytes(b'{"text": "a}\n' + rows)
    Path("d/pages.JSONL.GZ").write_bytes(gzip.compress(rows))
    Path("d/pages.cdx.gz.1").write_bytes(gzip.compress(b"WARC/1.0\r\n"))
    Path("d/warc.bz2").write_bytes(bz2.compress(b"WARC/1.0\r\n"))
    Path("d/array.json").write_bytes(b'[{"text": "a"},\n{"text": "b"}]')
    Path("d/inner.json").write_bytes(b'{\n"rows": [\n{"text": "a"}\n]}')
    Path("d/rows.tar.gz").write_bytes(gzip.compress(tar_of(rows)))
    Path("d/rows.zip").write_bytes(zip_of(rows))
    Path("d/page.html").write_bytes(b'<pre>\n{"text": "a"}\n</pre>\n<p>')
    found = plan_sources({"web": Source(path=("d",))}, Path("run"))
    assert {file.removeprefix("d/"): split.format for split in found.splits for file in split.files} == {
        "part-0000": "parquet",
        "c4-train.00000-of-00002.json.gz": "jsonl",
        "rows.json": "jsonl",
        "rows.jsonl.1": "jsonl",
        "rows.json.xz": "jsonl",
        "rows.bz": "jsonl",
        "one": "jsonl",
        "damaged.json": "jsonl",
        "pages.JSONL.GZ": "jsonl",
        "pages.cdx.gz.1": "warc",
        "warc.bz2": "warc",
    }
    assert found.passed_over["web"] == {".json (not JSON Lines)": 2, ".html": 1, ".tar.gz": 1, ".zip": 1}
    assert files("d/rows.json") == [("jsonl", ("d/rows.json",))]
    assert files("d", format="parquet") == [("parquet", ("d/part-0000",))]


def test_linked_folders_are_followed_once(folder: Path) -> None:
    touch("store/part.jsonl", "d/real/x.jsonl")
    Path("d/linked").symlink_to("../store")
    Path("d/z-loop").symlink_to("..")
    Path("d/itself").symlink_to("itself")
    for number in range(9):
        Path(f"d/real/{number}-here").symlink_to(".")
    Path("d/real/up").symlink_to("../real")
    for path in ("d", "d/**/*.jsonl", "d/**"):
        found = plan_sources({"web": Source(path=(path,))}, Path("run"))
        assert [split.files for split in found.splits] == [("d/linked/part.jsonl",), ("d/real/x.jsonl",)], path
    assert plan_sources({"web": Source(path=("d",))}, Path("run")).passed_over["web"] == {
        "other names of what is read": 12,
        "broken links and special files": 1,
    }


def test_a_file_with_several_names_is_read_once_and_its_other_names_are_counted(folder: Path) -> None:
    touch("d/a.jsonl", "d/z.jsonl")
    Path("d/0.jsonl").symlink_to("a.jsonl")
    Path("d/hard.jsonl").hardlink_to("d/z.jsonl")
    found = plan_sources({"web": Source(path=("d", "./d/a.jsonl", "d/../d/a.jsonl", str(folder / "d/z.jsonl")))}, Path("run"))
    assert [split.files for split in found.splits] == [("./d/a.jsonl",), (f"{folder}/d/z.jsonl",)]
    assert found.passed_over == {"web": {"other names of what is read": 5}}
    assert files("d/[0a].jsonl") == [("jsonl", ("d/a.jsonl",))]
    with pytest.raises(InputError, match=r"sources 'one' and 'two' both read d/hard\.jsonl"):
        plan({"one": Source(path=("d/z.jsonl",)), "two": Source(path=("d/hard.jsonl",))}, Path("run"))


def test_names_of_any_bytes_are_found_and_described_as_text(folder: Path) -> None:
    names = [b"caf\xe9.jsonl", b"a\nb.jsonl", b'it\'s "so".jsonl', b"[1].jsonl", b"\\x41.jsonl", b"end.jsonl ", b"n" * 249 + b".jsonl"]
    Path("d[1]").mkdir()
    for name in names:
        Path(os.fsdecode(b"d[1]/" + name)).write_bytes(b'{"text": "a"}\n')
    for path in ("d[1]", "d[1]/*", "d[1]/**/*"):
        found = plan({"web": Source(path=(path,))}, Path("run"))
        lines = [line.rsplit(" ", 2)[0].removeprefix("web jsonl d[1]/") for line in describe_inputs(found)]
        assert sorted(lines) == sorted(
            [r"caf\xe9.jsonl", r"a\nb.jsonl", 'it\'s "so".jsonl', "[1].jsonl", r"\\x41.jsonl", r"end.jsonl\x20", "n" * 249 + ".jsonl"]
        )
    assert files(r"d[1]/caf\xe9.jsonl") == [("jsonl", ("d[1]/caf\udce9.jsonl",))]
    assert files(r"d[1]/caf\xe9*") == [("jsonl", ("d[1]/caf\udce9.jsonl",))]
    assert files(r"d[1]/\x41.jsonl") == [("jsonl", (r"d[1]/\x41.jsonl",))]


def test_a_folder_that_cannot_be_listed_stops_the_run_before_it_starts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch("d/a.jsonl", "d/closed/b.jsonl")
    listed = os.scandir

    def scandir(path: str) -> Any:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(InputError, match="d/closed: the folder cannot be listed: Permission denied"):
        files("d")
    assert files("d", exclude=("closed/**",)) == [("jsonl", ("d/a.jsonl",))]


def test_a_split_says_where_its_files_are() -> None:
    split = Split(index=0, source="web", format="warc", files=("crawl/web/a.warc.gz",), root="/runs/one")
    assert Path(split.root) / split.files[0] == Path("/runs/one/crawl/web/a.warc.gz")
