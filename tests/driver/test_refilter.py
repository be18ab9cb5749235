"""Deciding again about a finished run: exactly a whole run with the new limits, without the sources."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.driver.context import Engine
from pipelines.driver.refilter import refilter
from schemas.errors import OutputError, RecipeError
from schemas.files import sha256_of
from tests.test_end_to_end import Interrupted, execute, site_recipe

LOOSER = {"filters.gopher_quality.min_words": 5, "filters.gopher_quality.min_stop_words": 0, "filters.c4.min_sentences": 1}
TIGHTER = {"filters.gopher_quality.min_words": 120}
OTHERWISE = {
    **LOOSER,
    "filters.language.keep": [],
    "filters.url.block_words": ["river"],
    "filters.limits": "published",
    "filters.profiles.en.fineweb.min_terminal_line_ratio": 0.05,
    "dedup.minhash.min_jaccard": 0.95,
}


def settings(changes: dict[str, Any]) -> list[str]:
    return [f"{key}={json.dumps(value)}" for key, value in changes.items()]


def decide(folder: Path, changes: dict[str, Any]) -> None:
    refilter(folder, settings(changes), Engine(), lambda stage, done, total: None)


def digests(run: Path, *folders: str) -> dict[str, str]:
    return {str(path.relative_to(run)): sha256_of(path) for name in folders for path in sorted((run / name).iterdir())}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    execute(site_recipe(folder), folder / "run")
    return folder


@pytest.fixture
def finished(site: Path, tmp_path: Path) -> Path:
    shutil.copytree(site / "run", tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize("changes", [LOOSER, TIGHTER, OTHERWISE], ids=["looser", "tighter", "otherwise"])
def test_ledger_and_documents_are_those_of_a_whole_run(site: Path, finished: Path, changes: dict[str, Any]) -> None:
    before = digests(finished, "ledger", "documents")
    whole = finished.parent / "whole"
    execute(site_recipe(site, **changes), whole)
    decide(finished, changes)
    assert digests(finished, "ledger", "documents", "pool") == digests(whole, "ledger", "documents", "pool")
    assert digests(finished, "ledger", "documents") != before
    for stage in ("ingest", "curate"):
        found = [json.loads((run / "stages" / f"{stage}.json").read_text())["counts"] for run in (finished, whole)]
        assert found[0] == found[1]
    execute(site_recipe(site, **changes), finished, resume=True)
    assert digests(finished, "shards", "tokenizer") == digests(whole, "shards", "tokenizer")


def test_the_sources_need_not_be_there_any_more(site: Path, finished: Path) -> None:
    warc = site / "site.warc.gz"
    warc.rename(warc.with_suffix(".away"))
    try:
        decide(finished, TIGHTER)
    finally:
        warc.with_suffix(".away").rename(warc)
    kept = pl.read_parquet(finished / "ledger" / "*.parquet").filter(pl.col("outcome") == "kept").height
    assert kept == pl.scan_ipc(finished / "documents" / "*.arrow").select(pl.len()).collect().item()
    assert not (finished / "shards").exists(), "shards of the old decision are left"
    assert json.loads((finished / "run.json").read_text())["recipe"]["filters"]["gopher_quality"]["min_words"] == 120


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("filters.c4.min_line_words=1", r"filters\.c4\.min_line_words"),
        ("filters.fineweb.short_line_chars=9", r"filters\.fineweb\.short_line_chars"),
        ('filters.rules=["length"]', r"filters\.rules"),
        ('scrub.kinds=["email"]', r"scrub\.kinds"),
        ("seed=7", "seed"),
    ],
)
def test_what_changes_the_measurements_is_refused_by_name(finished: Path, setting: str, named: str) -> None:
    before = digests(finished, "ledger", "documents", "shards")
    with pytest.raises(RecipeError, match=rf"refilter cannot change .*{named}.*: that changes what is read"):
        refilter(finished, [setting], Engine(), lambda stage, done, total: None)
    assert digests(finished, "ledger", "documents", "shards") == before


def test_a_run_without_a_pool_is_refused(site: Path, tmp_path: Path) -> None:
    execute(site_recipe(site, **{"filters.keep_dropped": False}), tmp_path / "lean")
    assert not (tmp_path / "lean" / "pool").exists()
    assert digests(tmp_path / "lean", "documents") == digests(site / "run", "documents")
    lean, whole = (pl.read_parquet(run / "ledger" / "*.parquet").drop("lang") for run in (tmp_path / "lean", site / "run"))
    assert lean.equals(whole), "what was dropped before its language was told has none; the rest must not differ"
    with pytest.raises(OutputError, match="keep_dropped = false"):
        decide(tmp_path / "lean", TIGHTER)


def test_a_damaged_pool_is_named(finished: Path) -> None:
    (file,) = (finished / "pool").iterdir()
    file.write_bytes(b"damaged")
    with pytest.raises(OutputError, match=r"pool/segment-00000\.arrow is missing or not as the run wrote it"):
        decide(finished, TIGHTER)


def test_one_that_was_killed_is_made_again(site: Path, finished: Path) -> None:
    def kill(stage: str, done: int, total: int | None) -> None:
        if stage == "curate":
            raise Interrupted

    with pytest.raises(Interrupted):
        refilter(finished, settings(LOOSER), Engine(), kill)
    decide(finished, TIGHTER)
    whole = finished.parent / "whole"
    execute(site_recipe(site, **TIGHTER), whole)
    assert digests(finished, "ledger", "documents") == digests(whole, "ledger", "documents")
