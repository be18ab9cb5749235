"""Documents of earlier runs, in a folder that a later run dedups against without their texts.

    INDEX/NAME-DIGEST/documents-00000.arrow  EARLIER rows: signature, address and shingle set of each document that stayed
    INDEX/NAME-DIGEST/keys-KIND-00000.arrow  KEYS rows, ascending through the files of a kind

Which snapshots count, `catalogue.py` says. The sorted shingle hashes are what verification compares, so a copy of an earlier document is
measured exactly as one within a run, and no text is kept. Keys are looked up by binary search in mapped files: what an addition costs
depends on the new documents.
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

from pipelines.dedup.minhash import UInt64s, group_prints
from pipelines.dedup.places import SegmentIndex, distinct
from pipelines.dedup.snapshots.catalogue import (
    Snapshot,
    catalogued,
    check_settings,
    claim_settings,
    enter,
    is_index,
    read_snapshots,
    withdraw,
)
from pipelines.dedup.snapshots.lookup import look_up
from schemas.buffers import fixed_column, fixed_view
from schemas.errors import IndexFolderError
from schemas.files import FileEntry, sha256_of, whole_file
from schemas.hops import ADDRESS
from schemas.recipe import Dedup

KEYS: Final = pa.schema([pa.field("key", pa.uint64(), nullable=False), pa.field("at", pa.uint64(), nullable=False)])
"""A key of a document at (documents file << 32 | row) of its snapshot."""
_OWN_RANK: Final = np.uint64((1 << 60) - 1)


def earlier_schema(n_permutations: int) -> pa.Schema:
    """What is kept of a document."""
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


def snapshots_before(dedup: Dedup) -> tuple[Snapshot, ...]:
    """The snapshots that a run dedups against: all but one of its own name, which it would replace."""
    if not dedup.index:
        return ()
    folder = Path(dedup.index)
    if not is_index(folder):
        if not dedup.snapshot:
            raise IndexFolderError(f"dedup.index: {folder} holds no index; name one, or let this run make it by dedup.snapshot = NAME")
        return ()
    check_settings(folder, dedup)
    return tuple(snapshot for snapshot in read_snapshots(folder) if snapshot.name != dedup.snapshot)


def describe_index(dedup: Dedup) -> tuple[str, ...]:
    """One line per file that a run dedups against."""
    return tuple(f"{s.folder}/{file.path} {file.n_bytes} {file.sha256}" for s in snapshots_before(dedup) for file in s.files())


def check_files(folder: Path, snapshots: tuple[Snapshot, ...]) -> None:
    """Raise IndexFolderError naming the first file that is not what its snapshot says."""
    for snapshot in snapshots:
        for file in snapshot.files():
            path = folder / snapshot.folder / file.path
            if not path.is_file():
                raise IndexFolderError(f"{path} is missing; restore it, or remove {catalogued(folder, snapshot)}")
            n_bytes, written_ns = path.stat().st_size, path.stat().st_mtime_ns
            if n_bytes == file.n_bytes and written_ns == snapshot.written_ns.get(file.path):
                continue
            if n_bytes != file.n_bytes or sha256_of(path) != file.sha256:
                raise IndexFolderError(
                    f"{path} is not the file that was written ({n_bytes} bytes, {file.n_bytes} expected; its sha256 differs); "
                    f"restore it, or remove {catalogued(folder, snapshot)}"
                )


def open_index(dedup: Dedup, n_segments: int) -> Earlier | None:
    """The earlier documents that a run of `n_segments` segments meets, every file checked; None where there are none."""
    snapshots = snapshots_before(dedup)
    check_files(Path(dedup.index), snapshots)
    return Earlier(Path(dedup.index), snapshots, dedup, n_segments) if snapshots else None


class Earlier:
    """Documents of earlier runs by key and by place; places go on behind the run's own segments."""

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
        self.first_place = n_segments << 32

    def found(self, kind: str, keys: UInt64s, most: int) -> tuple[UInt64s, UInt64s]:
        """(key, place) of earlier documents with one of `keys`, which ascend without repeats; at most `most` of a key and file."""
        found = [look_up(path, keys, most, first) for first, path in self.keys[kind]]
        return tuple(np.concatenate(parts) for parts in zip(*found, strict=True)) if found else (keys[:0], keys[:0])  # type: ignore[return-value]

    def take(self, places: UInt64s, columns: tuple[str, ...]) -> pa.RecordBatch:
        """Those columns of the documents at `places`, which ascend; at least one. Ranks are those of documents that always stay."""
        own = places - np.uint64(self.first_place)
        return SegmentIndex(self.files).take(own, columns)

    def equal(self, hashes: pl.Series, kind: str) -> pl.DataFrame:
        """Columns `{kind}_hash`, rank, at, doc_id of earlier documents whose hash is among `hashes`."""
        column = f"{kind}_hash"
        wanted = hashes.drop_nulls().unique()
        keys = distinct(hash_keys(wanted.to_arrow().cast(pa.binary(16)))) if len(wanted) else np.zeros(0, np.uint64)
        _, places = self.found(kind, keys, 4)
        places = distinct(places)
        if not len(places):
            return pl.DataFrame(schema={column: pl.Binary, "rank": pl.UInt64, "at": pl.UInt64, "doc_id": pl.Binary})
        rows = pl.DataFrame(self.take(places, (column, "rank", "doc_id"))).with_columns(
            pl.Series("at", places), pl.col("rank") & pl.lit(_OWN_RANK, pl.UInt64)
        )
        return rows.select(column, "rank", "at", "doc_id").filter(pl.col(column).is_in(wanted.implode()))

    def bands(self, keys: UInt64s, most: int) -> tuple[pa.Table | None, int]:
        """(band rows of earlier documents with one of `keys`, which may repeat; in how many buckets `most` were taken)."""
        key, at = self.found("minhash", distinct(keys), most)
        if not len(key):
            return None, 0
        places, where = np.unique(at, return_inverse=True)
        documents = self.take(places, ("rank", "minhash"))
        n_permutations = self.minhash.bands * self.minhash.rows
        values = documents.column("minhash").flatten().to_numpy(zero_copy_only=False).reshape(-1, n_permutations)
        groups = group_prints(np.ascontiguousarray(values), self.minhash)[where]
        rank = (documents.column("rank").to_numpy() & _OWN_RANK)[where]
        columns = {"key": pa.array(key), "at": pa.array(at), "rank": pa.array(rank), "groups": fixed_column(groups.view(np.uint8))}
        _, counts = np.unique(key, return_counts=True)
        return pa.table(columns), int((counts >= most).sum())

    def blocks(self, keys: UInt64s, most: int) -> pa.Table | None:
        """Rows as `block_keys` makes them of earlier documents with one of `keys`, which may repeat; at most `most` of a key and file."""
        key, at = self.found("simhash", distinct(keys), most)
        if not len(key):
            return None
        places, where = np.unique(at, return_inverse=True)
        documents = self.take(places, ("rank", "simhash"))
        rank = (documents.column("rank").to_numpy() & _OWN_RANK)[where]
        simhash = documents.column("simhash").to_numpy()[where]
        return pa.table({"key": pa.array(key), "at": pa.array(at), "rank": pa.array(rank), "simhash": pa.array(simhash)})


def hash_keys(hashes: pa.Array) -> UInt64s:
    """uint64[n]: the first eight bytes of each 16-byte hash."""
    return fixed_view(hashes)[:, :8].copy().view(np.uint64).reshape(-1)


# --- Adding ----------------------------------------------------------------------------------------------------------


def add_snapshot(dedup: Dedup, staged: Path, files: list[FileEntry]) -> Snapshot:
    """Copy what a run staged into the index and enter it in the catalogue, which is the moment from which it counts.

    `files` are the entries of everything in `staged`. A snapshot of the same name is replaced. Runs that add at once need not know of
    each other: nothing that another one writes is changed.
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
    replaced = enter(folder, snapshot)
    counting = {other.name: other.folder for other in read_snapshots(folder)}
    if counting.get(snapshot.name) != target.name:
        raise IndexFolderError(
            f"{folder}: another run replaced snapshot {snapshot.name!r} while this one added it; give one of them another dedup.snapshot"
        )
    if replaced is not None and replaced.folder not in counting.values():
        shutil.rmtree(folder / replaced.folder, ignore_errors=True)
    check_files(folder, (snapshot,))
    return snapshot


def take_back(folder: Path, name: str, snapshot_folder: str) -> bool:
    """Remove from an index what a run added, unless another run has replaced it since. Returns whether it was still there."""
    if not withdraw(folder, name, snapshot_folder):
        return False
    if snapshot_folder not in {snapshot.folder for snapshot in read_snapshots(folder)}:
        shutil.rmtree(folder / snapshot_folder, ignore_errors=True)
    return True
