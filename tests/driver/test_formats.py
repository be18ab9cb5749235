"""Runs of earlier formats open: they are reported on, compared, decided about again, taken down from, and gone on with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from pipelines.driver.context import Engine
from pipelines.driver.refilter import refilter
from pipelines.report.diff import difference
from pipelines.report.page import write_report
from pipelines.scrub.index import TakedownRequest
from pipelines.takedown.takedown import takedown
from schemas.errors import OutputError
from schemas.files import sha256_of
from schemas.ledger import check_run, scan_ledger
from schemas.manifest import read_marker
from schemas.stages import NAMES_OF_FORMAT_1, StageName
from tests.test_end_to_end import execute, site_recipe


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    execute(site_recipe(folder), folder / "run")
    return folder


@pytest.fixture
def old(site: Path, tmp_path: Path) -> Path:
    """The run as format 1 had it."""
    run = tmp_path / "old"
    shutil.copytree(site / "run", run)
    named = {f"ledger/dedup-{path.name.partition('-')[2]}" for path in (run / "ledger").glob("dedup-*")}
    for path in sorted((run / "ledger").glob("*.parquet")):
        table = pq.read_table(path)
        pq.write_table(table.rename_columns(["stage" if name == "step" else name for name in table.column_names]), path, compression="zstd")
        if path.name.startswith("dedup-"):
            path.rename(path.with_name(path.name.replace("dedup-", "refine-")))
    for stage in StageName:
        text = (run / "stages" / f"{stage}.json").read_text()
        (run / "stages" / f"{stage}.json").unlink()
        (run / "stages" / f"{NAMES_OF_FORMAT_1.get(stage, stage)}.json").write_text(as_format_1(text, run, named))
    (run / "run.json").write_text(as_format_1((run / "run.json").read_text(), run, named))
    return run


def as_format_1(text: str, run: Path, named: set[str]) -> str:
    state = json.loads(text)
    state.pop("format", None)
    for record in (*state.get("stages", ()), *([state] if "stage" in state else [])):
        record["stage"] = NAMES_OF_FORMAT_1.get(record["stage"], record["stage"])
        for file in record["outputs"]:
            if file["path"] in named:
                file["path"] = file["path"].replace("ledger/dedup-", "ledger/refine-")
            if file["path"].startswith("ledger/"):
                file |= {"sha256": sha256_of(run / file["path"]), "n_bytes": (run / file["path"]).stat().st_size}
    return json.dumps(state)


def test_its_ledger_and_markers_are_read_by_the_names_of_now(site: Path, old: Path) -> None:
    columns = ["origin_file", "origin_offset", "part", "step", "outcome", "reason"]
    now = scan_ledger(site / "run" / "ledger").select(columns).sort(columns[:3]).collect()
    assert scan_ledger(old / "ledger").select(columns).sort(columns[:3]).collect().equals(now)
    marker = read_marker(old, StageName.INGEST)
    assert marker is not None
    assert marker.stage == "ingest"
    assert [path.name for path in write_report(old)] == ["index.html", "README.md"]
    found = difference(old, site / "run")
    assert (found.records.n_alike, found.records.n_other_text) == (found.records.n_in_both, 0)


def test_a_document_is_taken_down_from_it(old: Path) -> None:
    ledger = scan_ledger(old / "ledger").filter(pl.col("outcome") == "kept").collect()
    n, doc_id = scan_ledger(old / "ledger").collect().height, ledger.item(0, "doc_id")
    (certificate,) = takedown(old, TakedownRequest(doc_ids=(doc_id,)))
    assert certificate.n_records >= 1
    rows = check_run(old / "ledger", n)
    assert rows.filter(step="takedown").get_column("n").sum() == certificate.n_records


def test_it_is_decided_about_again(site: Path, old: Path) -> None:
    refilter(old, ["filters.gopher_quality.min_words=1"], Engine(), lambda stage, done, total: None)
    refilter(site / "run", ["filters.gopher_quality.min_words=1"], Engine(), lambda stage, done, total: None)
    columns = ["origin_file", "origin_offset", "part", "step", "outcome", "reason"]
    both = [scan_ledger(run / "ledger").select(columns).sort(columns[:3]).collect() for run in (old, site / "run")]
    assert both[0].equals(both[1])
    assert not (old / "stages" / "refine.json").exists()


def test_a_run_of_a_later_format_is_refused(site: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(site / "run", run)
    state = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**state, "format": 99}))
    with pytest.raises(OutputError, match=r"run\.json has format 99, and this version of corpusmill reads formats up to 2"):
        write_report(run)
