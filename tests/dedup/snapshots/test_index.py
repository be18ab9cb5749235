"""A later run dedups against what earlier runs kept, names the earlier document, and trusts no file that was altered."""

from __future__ import annotations

import multiprocessing
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipelines.dedup.snapshots.catalogue import FORMAT, OldManifest, Settings, index_settings, read_snapshots
from pipelines.dedup.snapshots.index import add_snapshot, describe_index, open_index
from schemas.errors import IndexFolderError, RecipeError
from schemas.files import entry, sha256_of
from schemas.recipe import Dedup, MinHash
from testkit.deduplicate import deduplicate
from tests.dedup.reference import jaccard, shingles
from tests.dedup.test_stage import near, row_ref, words, write_segments

KINDS = ("url", "exact", "minhash")


def config(folder: Path, snapshot: str = "", **more: object) -> Dedup:
    return Dedup(index=str(folder / "index"), snapshot=snapshot, memory_mb=64, **more)  # type: ignore[arg-type]


def first_texts() -> list[list[str]]:
    return [[" ".join(words(200, ("first", segment, row))) for row in range(60)] for segment in range(2)]


def add_first(tmp_path: Path, **more: object) -> list[list[str]]:
    """Two segments in the index; the last document of the second is a copy of the first of the first, and so is not."""
    texts = first_texts()
    texts[1].append(texts[0][0])
    merges, _ = deduplicate(config(tmp_path, "one", **more), write_segments(tmp_path / "a", texts), tmp_path / "run-a")
    assert merges.column("row_ref").to_pylist() == [row_ref(1, 60)]
    return texts


def test_copies_of_earlier_documents_end_in_them(tmp_path: Path) -> None:
    texts = add_first(tmp_path)
    changed = " ".join(near(texts[1][7].split(), 4, 1))
    fresh = " ".join(words(200, "fresh"))
    second = write_segments(tmp_path / "b", [[texts[0][3] + " \n", changed + " and longer than it was", fresh, fresh, "", "short"]])
    merges, counters = deduplicate(config(tmp_path), second, tmp_path / "run-b")
    found = {m["row_ref"]: m for m in merges.to_pylist()}
    assert {row: (m["reason"], m["survivor_id"]) for row, m in found.items()} == {
        0: ("exact", b"0000-00000000003"),
        1: ("minhash", b"0001-00000000007"),
        3: ("exact", b"0000-00000000002"),
    }
    assert found[1]["value"] == pytest.approx(jaccard(shingles(changed + " and longer than it was", 5), shingles(texts[1][7], 5)))
    assert counters["verified_pairs"] == 1


def test_what_a_run_adds_is_met_by_the_next_and_replaced_by_one_of_its_name(tmp_path: Path) -> None:
    texts = add_first(tmp_path)
    fresh = [" ".join(words(200, ("fresh", row))) for row in range(5)]
    segments = write_segments(tmp_path / "b", [[texts[0][3], *fresh]])
    for _ in range(2):  # done again, as by a resume, it does not meet itself
        merges, _ = deduplicate(config(tmp_path, "two"), segments, tmp_path / "run-b")
        assert [m["row_ref"] for m in merges.to_pylist()] == [0]
    assert [(s.name, s.n_documents) for s in read_snapshots(tmp_path / "index")] == [("one", 120), ("two", 5)]
    assert len(list((tmp_path / "index").iterdir())) == 2 + 2
    assert sorted(path.name for path in (tmp_path / "index" / "snapshots").iterdir()) == ["one.00001.json", "two.00002.json"]
    merges, _ = deduplicate(config(tmp_path), write_segments(tmp_path / "c", [[fresh[4], texts[1][0]]]), tmp_path / "run-c")
    assert [m["survivor_id"] for m in merges.to_pylist()] == [b"0000-00000000005", b"0001-00000000000"]


def test_urls_and_sources_are_kept_apart_as_in_one_run(tmp_path: Path) -> None:
    texts = add_first(tmp_path, scope="within_source", kinds=("exact", "minhash"))
    copies = write_segments(tmp_path / "b", [[texts[0][1]], [texts[0][2]]], ["web", "other"])
    merges, _ = deduplicate(config(tmp_path, scope="within_source"), copies, tmp_path / "run-b")
    assert [(m["row_ref"], m["survivor_id"]) for m in merges.to_pylist()] == [(0, b"0000-00000000001")]


def test_a_truncated_or_altered_file_is_named(tmp_path: Path) -> None:
    add_first(tmp_path)
    files = sorted(path for path in (tmp_path / "index").rglob("*.arrow"))
    assert {path.name.split("-")[0] for path in files} == {"documents", "keys"}
    for path in files:
        content = path.read_bytes()
        for damaged in (content[:-100], content[:-1] + bytes([content[-1] ^ 1])):
            path.write_bytes(damaged)
            with pytest.raises(IndexFolderError, match=path.name):
                open_index(config(tmp_path), 1)
        path.unlink()
        with pytest.raises(IndexFolderError, match=f"{path.name} is missing"):
            open_index(config(tmp_path), 1)
        path.write_bytes(content)
    assert open_index(config(tmp_path), 1) is not None
    assert len(describe_index(config(tmp_path))) == len(files)


def test_only_files_that_were_touched_are_read_to_be_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_first(tmp_path)
    read: list[Path] = []

    def reading(path: Path) -> str:
        read.append(path)
        return sha256_of(path)

    monkeypatch.setattr("pipelines.dedup.snapshots.index.sha256_of", reading)
    open_index(config(tmp_path), 1)
    assert read == []
    (touched,) = (tmp_path / "index").rglob("documents-00001.arrow")
    touched.touch()
    open_index(config(tmp_path), 1)
    assert read == [touched]


def test_an_index_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IndexFolderError, match=r"dedup\.index: .* has no index"):
        open_index(config(tmp_path), 1)
    add_first(tmp_path)
    with pytest.raises(IndexFolderError, match="rows = 8, not 4"):
        open_index(config(tmp_path, minhash=MinHash(rows=4)), 1)
    settings = tmp_path / "index" / "index.json"
    settings.write_bytes(msgspec.json.encode(Settings(format=99, settings={})))
    with pytest.raises(IndexFolderError, match="format 99"):
        open_index(config(tmp_path), 1)
    settings.write_text("{")
    with pytest.raises(IndexFolderError, match=r"index\.json is damaged"):
        open_index(config(tmp_path), 1)
    with pytest.raises(RecipeError, match=r"dedup\.snapshot"):
        Dedup(snapshot="name")
    with pytest.raises(RecipeError, match=r"dedup\.snapshot"):
        Dedup(index="index", snapshot="../name")


def as_format_1(folder: Path, dedup: Dedup) -> None:
    """What the index was before: one manifest names all snapshots."""
    old = OldManifest(format=1, settings=index_settings(dedup), snapshots=read_snapshots(folder))
    (folder / "manifest.json").write_bytes(msgspec.json.encode(old))
    (folder / "index.json").unlink()
    shutil.rmtree(folder / "snapshots")


def test_an_index_of_the_old_shingles_is_refused_and_one_of_exact_copies_goes_on(tmp_path: Path) -> None:
    add_first(tmp_path)
    as_format_1(tmp_path / "index", config(tmp_path))
    with pytest.raises(IndexFolderError, match=r"manifest\.json has format 1, .* format 2; make the index again"):
        open_index(config(tmp_path), 1)
    exact = tmp_path / "exact"
    texts = add_first(exact, kinds=("exact",))
    as_format_1(exact / "index", config(exact, kinds=("exact",)))
    second = write_segments(exact / "b", [[texts[0][3], "fresh"]])
    merges, _ = deduplicate(config(exact, "two", kinds=("exact",)), second, exact / "run-b")
    assert [m["survivor_id"] for m in merges.to_pylist()] == [b"0000-00000000003"]
    assert [(s.name, s.n_documents) for s in read_snapshots(exact / "index")] == [("one", 120), ("two", 1)]


def add_at_once(folder: Path, name: str, barrier: Any, failed: Any) -> None:
    """One of several processes that add a snapshot of their own."""
    staged = folder / f"staged-{name}"
    staged.mkdir()
    (staged / "documents-00000.arrow").write_text(name)
    barrier.wait()
    try:
        add_snapshot(config(folder, name.partition("-")[0], kinds=("exact",)), staged, [entry(staged / "documents-00000.arrow", staged, 1)])
    except IndexFolderError:
        failed.put(name)


@pytest.mark.parametrize("names", [[f"s{n}" for n in range(8)], [f"same-{n}" for n in range(8)]])
def test_runs_that_add_at_once_all_count_or_say_so(tmp_path: Path, names: list[str]) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, failed = context.Barrier(len(names)), context.Queue()
    processes = [context.Process(target=add_at_once, args=(tmp_path, name, barrier, failed)) for name in names]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(names)
    found = read_snapshots(tmp_path / "index")
    assert [snapshot.name for snapshot in found] == sorted({name.partition("-")[0] for name in names})
    for snapshot in found:
        assert (tmp_path / "index" / snapshot.folder / "documents-00000.arrow").is_file()
    assert not list((tmp_path / "index").rglob("*.partial"))


def test_runs_with_other_settings_cannot_both_begin_an_index(tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    staged.mkdir()
    add_snapshot(config(tmp_path, "one", kinds=("exact",)), staged, [])
    with pytest.raises(IndexFolderError, match="kinds"):
        add_snapshot(config(tmp_path, "two", kinds=("url",)), staged, [])
    assert [snapshot.name for snapshot in read_snapshots(tmp_path / "index")] == ["one"]
    assert msgspec.json.decode((tmp_path / "index" / "index.json").read_bytes())["format"] == FORMAT
