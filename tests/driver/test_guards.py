"""Ceilings on loss: what stops a run, and that its message says what to look at."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from pipelines.driver.guards import check_addresses, check_files, check_lost, check_merges, failed_files
from schemas.errors import GuardError, InputError
from schemas.hops import LEDGER
from schemas.recipe import Guards


def write_ledger(folder: Path, n: int, clusters: list[int]) -> None:
    """`n` documents; of each cluster all but one end in document number 1000 + its place in the list."""
    rows = []
    for cluster, size in enumerate(clusters):
        survivor = (1000 + cluster).to_bytes(16, "big")
        rows += [{"outcome": "merged", "reason": "minhash", "value": 0.8 + k / 1000, "survivor_id": survivor} for k in range(size - 1)]
    rows += [{"outcome": "kept"}] * (n - len(rows))
    named = [
        {
            "origin_file": "a.jsonl",
            "origin_offset": at,
            "part": 0,
            "doc_id": at.to_bytes(16, "big"),
            "source": "web",
            "lang": "en",
            "step": "dedup",
            "reason": None,
            "value": None,
            "limit": None,
            "survivor_id": None,
            **row,
        }
        for at, row in enumerate(rows)
    ]
    frame = pl.DataFrame(named, infer_schema_length=None).select(LEDGER.names)
    frame.write_parquet(folder / "dedup-00000.parquet")


def test_a_cluster_above_its_share_stops_the_run_with_ids_reasons_and_scores(tmp_path: Path) -> None:
    write_ledger(tmp_path, 200, [20, 41])
    survivor, least = (1001).to_bytes(16, "big").hex(), (19).to_bytes(16, "big").hex()
    expected = (
        rf"41 of 200 documents \(20\.5%\) into one cluster.*max_cluster = 0\.2: they end in {survivor}\. "
        rf"Reasons: minhash 40\..*{least} minhash value=0\.8"
    )
    with pytest.raises(GuardError, match=expected):
        check_merges(tmp_path, Guards(max_cluster=0.2))


def test_a_cluster_of_just_its_share_a_small_corpus_and_off_pass(tmp_path: Path) -> None:
    write_ledger(tmp_path, 200, [40])
    check_merges(tmp_path, Guards(max_cluster=0.2))
    check_merges(tmp_path, Guards(max_cluster=None))
    check_merges(tmp_path, Guards(max_cluster=0.01, min_documents=201))


def test_a_share_of_copies_stops_the_run_above_its_limit_from_the_least_number_of_documents_on(tmp_path: Path) -> None:
    write_ledger(tmp_path, 200, [51])
    with pytest.raises(GuardError, match=r"50 of 200 documents of source=web .*max_merged = 0\.24"):
        check_merges(tmp_path, Guards(max_merged=0.24, max_cluster=None, min_documents=200))
    check_merges(tmp_path, Guards(max_merged=0.25, max_cluster=None, min_documents=200))
    check_merges(tmp_path, Guards(max_merged=0.24, max_cluster=None, min_documents=201))


def write_failures(folder: Path, *failures: tuple[str, str, str, int]) -> None:
    """(source, file, reason, offset) of rows that reading left."""
    rows = [
        dict.fromkeys(LEDGER.names)
        | {
            "source": source,
            "origin_file": file,
            "reason": reason,
            "origin_offset": offset,
            "part": 0,
            "step": "read",
            "outcome": "failed",
        }
        for source, file, reason, offset in failures
    ]
    pl.DataFrame(rows, infer_schema_length=None).select(LEDGER.names).write_parquet(folder / "read-00000.parquet")


def test_a_share_of_bad_files_stops_the_run_and_names_them(tmp_path: Path) -> None:
    write_failures(
        tmp_path, ("web", "a.warc.gz", "not_a_warc", 0), ("web", "b.warc.gz", "empty_file", 0), ("books", "c.jsonl", "bad_json", 0)
    )
    check_files(failed_files(tmp_path), {"web": 4, "books": 1}, Guards())
    check_files(failed_files(tmp_path), {"web": 3, "books": 1}, Guards(max_failed_files=None))
    expected = (
        r"2 of 3 files of source=web could not be read \(66\.7%\), more than guards\.max_failed_files = 0\.5\. "
        r"Reasons: empty_file 1, not_a_warc 1\. Files: a\.warc\.gz not_a_warc; b\.warc\.gz empty_file\. Replace or exclude them"
    )
    with pytest.raises(GuardError, match=expected):
        check_files(failed_files(tmp_path), {"web": 3, "books": 1}, Guards())


def test_a_source_of_bad_files_alone_is_an_error_whatever_the_guard_allows(tmp_path: Path) -> None:
    write_failures(tmp_path, ("web", "a.warc.gz", "not_a_warc", 0))
    with pytest.raises(InputError, match=r"sources\.web: none of its 1 files can be read\. Reasons: not_a_warc 1\. Files: a\.warc\.gz"):
        check_files(failed_files(tmp_path), {"web": 1}, Guards(max_failed_files=None))


def test_a_file_that_was_read_up_to_its_damage_is_no_bad_file(tmp_path: Path) -> None:
    write_failures(tmp_path, ("web", "a.parquet", "unreadable_file", 256))
    check_files(failed_files(tmp_path), {"web": 1}, Guards())


def write_reading(folder: Path, values: list[float]) -> None:
    row = {
        "doc_id": None,
        "source": "web",
        "lang": None,
        "step": "read",
        "outcome": "failed",
        "limit": None,
        "survivor_id": None,
        "part": 0,
    }
    rows = [{**row, "origin_file": f"{i}.jsonl.gz", "origin_offset": 0, "reason": "gzip_damaged", "value": v} for i, v in enumerate(values)]
    pl.DataFrame(rows, infer_schema_length=None).select(LEDGER.names).write_parquet(folder / "read-00000.parquet")


def test_bytes_lost_above_their_share_stop_the_run_however_few_rows_stand_for_them(tmp_path: Path) -> None:
    write_reading(tmp_path, [7.0, 900_000.0])
    expected = (
        r"1200000 of 2000000 bytes of source=web \(60\.0%\) could not be read.*guards\.max_lost_bytes = 0\.5\. "
        r"Reasons: gzip_damaged 2\. Examples: 1\.jsonl\.gz:0 gzip_damaged value=900000\.0; 0\.jsonl\.gz:0"
    )
    with pytest.raises(GuardError, match=expected):
        check_lost(tmp_path, {"web": 1_200_000, "books": 5}, {"web": 2_000_000, "books": 3_000_000}, 0.5)


@pytest.mark.parametrize(
    ("lost", "size", "limit"), [(1_000_000, 2_000_000, 0.5), (2_000_000, 2_000_000, None), (1_000_000, 1_000_000, 0.5), (0, 2_000_000, 0.0)]
)
def test_a_share_of_just_the_limit_off_and_a_small_source_pass(tmp_path: Path, lost: int, size: int, limit: float | None) -> None:
    check_lost(tmp_path, {"web": lost}, {"web": size}, limit)


def test_addresses_that_name_no_documents_stop_the_run_where_the_recipe_says_so() -> None:
    with pytest.raises(GuardError, match=r"60 of 100 documents \(60.0%\) share an address .* guards.max_same_address = 0.5"):
        check_addresses(60, 100, Guards(max_same_address=0.5))
    check_addresses(50, 100, Guards(max_same_address=0.5))
    check_addresses(60, 100, Guards())
    check_addresses(60, 99, Guards(max_same_address=0.5))
