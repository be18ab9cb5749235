"""A later run dedups against what earlier runs kept, names the earlier document, and trusts no file that was altered."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benchmarks.deduplicate import deduplicate
from pipelines.dedup.snapshots.index import Manifest, describe_index, open_index, read_manifest
from schemas.errors import IndexFolderError, RecipeError
from schemas.files import sha256_of
from schemas.recipe import Dedup, MinHash
from tests.dedup.reference import jaccard, shingles
from tests.dedup.test_stage import at, near, words, write_segments

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
    assert merges.column("at").to_pylist() == [at(1, 60)]
    return texts


def test_copies_of_earlier_documents_end_in_them(tmp_path: Path) -> None:
    texts = add_first(tmp_path)
    changed = " ".join(near(texts[1][7].split(), 4, 1))
    fresh = " ".join(words(200, "fresh"))
    second = write_segments(tmp_path / "b", [[texts[0][3] + " \n", changed + " and longer than it was", fresh, fresh, "", "short"]])
    merges, counters = deduplicate(config(tmp_path), second, tmp_path / "run-b")
    found = {m["at"]: m for m in merges.to_pylist()}
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
        assert [m["at"] for m in merges.to_pylist()] == [0]
    manifest = read_manifest(tmp_path / "index")
    assert manifest is not None
    assert [(s.name, s.n_documents) for s in manifest.snapshots] == [("one", 120), ("two", 5)]
    assert len(list((tmp_path / "index").iterdir())) == 3
    merges, _ = deduplicate(config(tmp_path), write_segments(tmp_path / "c", [[fresh[4], texts[1][0]]]), tmp_path / "run-c")
    assert [m["survivor_id"] for m in merges.to_pylist()] == [b"0000-00000000005", b"0001-00000000000"]


def test_urls_and_sources_are_kept_apart_as_in_one_run(tmp_path: Path) -> None:
    texts = add_first(tmp_path, scope="within_source", kinds=("exact", "minhash"))
    copies = write_segments(tmp_path / "b", [[texts[0][1]], [texts[0][2]]], ["web", "other"])
    merges, _ = deduplicate(config(tmp_path, scope="within_source"), copies, tmp_path / "run-b")
    assert [(m["at"], m["survivor_id"]) for m in merges.to_pylist()] == [(0, b"0000-00000000001")]


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
    with pytest.raises(IndexFolderError, match="holds no index"):
        open_index(config(tmp_path), 1)
    add_first(tmp_path)
    with pytest.raises(IndexFolderError, match="rows = 8, not 4"):
        open_index(config(tmp_path, minhash=MinHash(rows=4)), 1)
    manifest = tmp_path / "index" / "manifest.json"
    manifest.write_bytes(msgspec.json.encode(Manifest(format=99, settings={})))
    with pytest.raises(IndexFolderError, match="format 99"):
        open_index(config(tmp_path), 1)
    manifest.write_text("{")
    with pytest.raises(IndexFolderError, match=r"manifest\.json is damaged"):
        open_index(config(tmp_path), 1)
    with pytest.raises(RecipeError, match=r"dedup\.snapshot"):
        Dedup(snapshot="name")
    with pytest.raises(RecipeError, match=r"dedup\.snapshot"):
        Dedup(index="index", snapshot="../name")
