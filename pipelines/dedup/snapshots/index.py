"""The dedup index: documents of earlier runs, against which a later run dedups without their texts.

    INDEX/NAME-DIGEST/documents-00000.arrow  EARLIER rows: signature, address and shingle set of each document that stayed
    INDEX/NAME-DIGEST/keys-KIND-00000.arrow  KEYS rows, ascending through the files of a kind

`catalogue.py` says which snapshots count. Verification compares sorted shingle hashes, so a copy of an earlier document is measured exactly
as one within a run, and no text is kept. Keys are looked up by binary search in mapped files: the cost depends on the new documents.
"""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.dedup.arrays import UInt64s
from pipelines.dedup.minhash import group_prints
from pipelines.dedup.row_reader import RowReader, sorted_unique
from pipelines.dedup.row_refs import row_ref
from pipelines.dedup.snapshots.catalogue import (
    Snapshot,
    check_settings,
    claim_settings,
    enter_snapshot,
    is_index,
    read_snapshots,
    snapshot_entry,
    withdraw_snapshot,
)
from pipelines.dedup.snapshots.lookup import look_up_keys
from schemas.buffers import fixed_column, fixed_view
from schemas.errors import IndexFolderError
from schemas.files import FileEntry, sha256_of, whole_file
from schemas.hops import ADDRESS
from schemas.recipe import Dedup

KEYS: Final = pa.schema([pa.field("key", pa.uint64(), nullable=False), pa.field("at", pa.uint64(), nullable=False)])
"""A key of a document, and its row reference `at`: number of the documents file in the snapshot, row in that file."""
_WITHOUT_PRIORITY: Final = np.uint64((1 << 60) - 1)
"""Clears the source priority of a rank, so that earlier documents always stay."""
_MAX_EQUAL: Final = 4  # documents of one key that are read to compare their whole hashes, a file


def earlier_schema(n_permutations: int) -> pa.Schema:
    """EARLIER: what a snapshot keeps of a document."""
    return pa.schema(
        [
            pa.field("doc_id", pa.binary(16), nullable=False),
            *ADDRESS,
            pa.field("rank", pa.uint64(), nullable=False),
            pa.field("url_hash", pa.binary(16)),
            pa.field("exact_hash", pa.binary(16), nullable=False),
            pa.field("minhash", pa.list_(pa.field("item", pa.uint32(), nullable=False), n_permutations)),
            pa.field("simhash", pa.uint64(), nullable=False),
            pa.field("shingles", pa.large_list(pa.field("item", pa.uint64(), nullable=False)), nullable=False),
        ]
    )


def earlier_snapshots(dedup: Dedup) -> tuple[Snapshot, ...]:
    """The snapshots that a run dedups against: all but the one of its own name, which it would replace."""
    if not dedup.index:
        return ()
    folder = Path(dedup.index)
    if not is_index(folder):
        if not dedup.snapshot:
            raise IndexFolderError(
                "CM-DEDUP-009", f"dedup.index: {folder} has no index; pass another folder, or set dedup.snapshot = NAME to create it"
            )
        return ()
    check_settings(folder, dedup)
    return tuple(snapshot for snapshot in read_snapshots(folder) if snapshot.name != dedup.snapshot)


def describe_index(dedup: Dedup) -> tuple[str, ...]:
    """One line per file that a run dedups against."""
    return tuple(f"{s.folder}/{file.path} {file.n_bytes} {file.sha256}" for s in earlier_snapshots(dedup) for file in s.files())


def check_snapshot_files(folder: Path, snapshots: tuple[Snapshot, ...]) -> None:
    """Raise IndexFolderError if a file is missing or differs from its entry in the snapshot; the error names the first one."""
    for snapshot in snapshots:
        for file in snapshot.files():
            path = folder / snapshot.folder / file.path
            if not path.is_file():
                raise IndexFolderError("CM-DEDUP-010", f"{path} is missing; restore it, or remove {snapshot_entry(folder, snapshot)}")
            n_bytes, written_ns = path.stat().st_size, path.stat().st_mtime_ns
            if n_bytes == file.n_bytes and written_ns == snapshot.written_ns.get(file.path):
                continue
            if n_bytes != file.n_bytes or sha256_of(path) != file.sha256:
                raise IndexFolderError(
                    "CM-DEDUP-011",
                    f"{path} is not the file that was written ({n_bytes} bytes, {file.n_bytes} expected; its sha256 differs); "
                    f"restore it, or remove {snapshot_entry(folder, snapshot)}",
                )


def open_index(dedup: Dedup, n_segments: int) -> EarlierDocuments | None:
    """The earlier documents for a run of `n_segments` segments, with every file checked; None if there are none."""
    snapshots = earlier_snapshots(dedup)
    check_snapshot_files(Path(dedup.index), snapshots)
    return EarlierDocuments(Path(dedup.index), snapshots, dedup, n_segments) if snapshots else None


class EarlierDocuments:
    """Documents of earlier runs, by key and by row reference. Their segment numbers follow those of the run."""

    def __init__(self, folder: Path, snapshots: tuple[Snapshot, ...], dedup: Dedup, n_segments: int) -> None:
        self.n_segments, self.minhash = n_segments, dedup.minhash
        self.files = [str(folder / snapshot.folder / file.path) for snapshot in snapshots for file in snapshot.documents]
        firsts = np.cumsum([n_segments, *(len(snapshot.documents) for snapshot in snapshots)]).tolist()
        self.keys: dict[str, list[tuple[int, str]]] = {
            kind: [
                (first, str(folder / snapshot.folder / file.path))
                for first, snapshot in zip(firsts, snapshots, strict=False)
                for file in snapshot.keys.get(kind, ())
            ]
            for kind in dedup.document_kinds
        }
        self.first_ref = row_ref(n_segments)

    def found(self, kind: str, keys: UInt64s, max_rows: int) -> tuple[UInt64s, UInt64s]:
        """(key, row reference) of earlier documents with one of `keys`, which strictly ascend; at most `max_rows` of a key and file."""
        found = [look_up_keys(path, keys, max_rows, first) for first, path in self.keys[kind]]
        return tuple(np.concatenate(parts) for parts in zip(*found, strict=True)) if found else (keys[:0], keys[:0])  # type: ignore[return-value]

    def take(self, refs: UInt64s, columns: tuple[str, ...]) -> pa.RecordBatch:
        """Some columns of the documents at `refs`: at least one, ascending."""
        own = refs - self.first_ref
        return RowReader(self.files).take(own, columns)

    def equal(self, hashes: pl.Series, kind: str) -> pl.DataFrame:
        """Columns `{kind}_hash`, rank, row_ref and doc_id of the earlier documents whose hash is among `hashes`."""
        column = f"{kind}_hash"
        wanted = hashes.drop_nulls().unique()
        keys = sorted_unique(hash_keys(wanted.to_arrow().cast(pa.binary(16)))) if len(wanted) else np.zeros(0, np.uint64)
        _, refs = self.found(kind, keys, _MAX_EQUAL)
        refs = sorted_unique(refs)
        if not len(refs):
            return pl.DataFrame(schema={column: pl.Binary, "rank": pl.UInt64, "row_ref": pl.UInt64, "doc_id": pl.Binary})
        rows = pl.DataFrame(self.take(refs, (column, "rank", "doc_id"))).with_columns(
            pl.Series("row_ref", refs), pl.col("rank") & pl.lit(_WITHOUT_PRIORITY, pl.UInt64)
        )
        return rows.select(column, "rank", "row_ref", "doc_id").filter(pl.col(column).is_in(wanted.implode()))

    def bands(self, keys: UInt64s, max_rows: int) -> tuple[pa.Table | None, int]:
        """(band rows of earlier documents with one of `keys`, which may repeat; how many buckets reached `max_rows`)."""
        key, of_keys = self.found("minhash", sorted_unique(keys), max_rows)
        if not len(key):
            return None, 0
        refs, where = np.unique(of_keys, return_inverse=True)
        documents = self.take(refs, ("rank", "minhash"))
        n_permutations = self.minhash.bands * self.minhash.rows
        values = documents.column("minhash").flatten().to_numpy(zero_copy_only=False).reshape(-1, n_permutations)
        groups = group_prints(np.ascontiguousarray(values), self.minhash)[where]
        rank = (documents.column("rank").to_numpy() & _WITHOUT_PRIORITY)[where]
        columns = {"key": pa.array(key), "row_ref": pa.array(of_keys), "rank": pa.array(rank)}
        columns |= {"groups": fixed_column(groups.view(np.uint8))}
        _, counts = np.unique(key, return_counts=True)
        return pa.table(columns), int((counts >= max_rows).sum())

    def blocks(self, keys: UInt64s, max_rows: int) -> pa.Table | None:
        """Rows as of `block_keys` of earlier documents with one of `keys`, which may repeat; at most `max_rows` of a key and file."""
        key, of_keys = self.found("simhash", sorted_unique(keys), max_rows)
        if not len(key):
            return None
        refs, where = np.unique(of_keys, return_inverse=True)
        documents = self.take(refs, ("rank", "simhash"))
        rank = (documents.column("rank").to_numpy() & _WITHOUT_PRIORITY)[where]
        simhash = documents.column("simhash").to_numpy()[where]
        return pa.table({"key": pa.array(key), "row_ref": pa.array(of_keys), "rank": pa.array(rank), "simhash": pa.array(simhash)})


def hash_keys(hashes: pa.Array) -> UInt64s:
    """uint64[n]: the first eight bytes of each 16-byte hash."""
    return fixed_view(hashes)[:, :8].copy().view(np.uint64).reshape(-1)


def add_snapshot(dedup: Dedup, staged: Path, files: list[FileEntry]) -> Snapshot:
    """Copy what a run staged into the index and enter it in the catalogue; from then on it counts.

    `files` are the entries of all files in `staged`. A snapshot of the same name is replaced. Runs may add at the same time: none changes
    what another one writes.
    """
    folder = Path(dedup.index)
    claim_settings(folder, dedup)
    files = [dataclasses.replace(file, path=Path(file.path).name) for file in files]
    digest = hashlib.sha256("".join(sorted(file.sha256 for file in files)).encode()).hexdigest()[:12]
    target = folder / f"{dedup.snapshot}-{digest}"
    for file in files:
        with whole_file(target / file.path) as temporary:
            shutil.copyfile(staged / file.path, temporary)
    documents = tuple(file for file in files if file.path.startswith("documents-"))
    snapshot = Snapshot(
        name=dedup.snapshot,
        folder=target.name,
        n_documents=sum(file.n_rows or 0 for file in documents),
        documents=documents,
        keys={kind: tuple(file for file in files if file.path.startswith(f"keys-{kind}-")) for kind in dedup.document_kinds},
        written_ns={file.path: (target / file.path).stat().st_mtime_ns for file in files},
    )
    replaced = enter_snapshot(folder, snapshot)
    counting = {other.name: other.folder for other in read_snapshots(folder)}
    if counting.get(snapshot.name) != target.name:
        raise IndexFolderError(
            "CM-DEDUP-012",
            f"{folder}: another run replaced snapshot {snapshot.name!r} while this run added it; give each its own dedup.snapshot",
        )
    if replaced is not None and replaced.folder not in counting.values():
        shutil.rmtree(folder / replaced.folder, ignore_errors=True)
    check_snapshot_files(folder, (snapshot,))
    return snapshot


def remove_snapshot(folder: Path, name: str, snapshot_folder: str) -> bool:
    """Remove the snapshot that a run added, unless another run has replaced it. Returns whether it was still there."""
    if not withdraw_snapshot(folder, name, snapshot_folder):
        return False
    if snapshot_folder not in {snapshot.folder for snapshot in read_snapshots(folder)}:
        shutil.rmtree(folder / snapshot_folder, ignore_errors=True)
    return True
