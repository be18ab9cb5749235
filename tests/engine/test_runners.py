"""A runner that lacks something is one message; the portable one gives the files of the local one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.driver.context import Engine
from pipelines.driver.run import Run
from pipelines.engine import runners
from pipelines.engine.runners import check_runner, refused
from schemas.errors import RunnerError
from schemas.files import sha256_of
from tests.test_end_to_end import execute, site_recipe


def test_the_portable_runner_gives_the_same_files(tmp_path: Path) -> None:
    execute(site_recipe(tmp_path), tmp_path / "local")
    Run(site_recipe(tmp_path), tmp_path / "portable", Engine(runner="portable"), lambda stage, done, total: None).execute(resume=False)
    found = [
        {
            str(path.relative_to(run)): sha256_of(path)
            for name in ("pool", "ledger", "documents", "tokenizer", "shards")
            for path in (run / name).iterdir()
        }
        for run in (tmp_path / "local", tmp_path / "portable")
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("runner", "options", "message"),
    [
        ("prism", (), "--runner 'prism': use one of local, portable, flink, spark, dataflow"),
        ("flink", (), "--runner flink needs Java for Beam's job server"),
        ("spark", (), "--runner spark needs Java for Beam's job server"),
        ("dataflow", (), "--runner dataflow needs Beam's parts for Google Cloud: pip install 'apache-beam\\[gcp\\]'"),
        ("portable", ("--job_endpoint=localhost:1",), "--runner portable: no job server answers at localhost:1"),
        ("flink", ("--job_endpoint", "localhost:1"), "--runner flink: no job server answers at localhost:1"),
    ],
)
def test_what_a_runner_lacks_is_told_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch, runner: str, options: tuple[str, ...], message: str
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(runners, "_CONNECT_S", 0.5)
    with pytest.raises(RunnerError, match=message):
        check_runner(runner, options)


def test_options_that_dataflow_lacks_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    with pytest.raises(RunnerError, match=r"--runner dataflow lacks region, temp_location; .* -- --region="):
        check_runner("dataflow", ("--project=p",))
    check_runner("dataflow", ("--project=p", "--region", "r", "--temp_location=gs://b"))


def test_a_job_server_that_cannot_be_downloaded_is_one_message() -> None:
    error = RuntimeError(
        "Unable to fetch remote job server jar at https://x: 404. If no Internet access at runtime, stage the jar at /c/a.jar"
    )
    found = str(refused("flink", error))
    assert "Beam's job server is not on this machine and could not be downloaded; If no Internet access" in found
    assert "-- --job_endpoint=HOST:PORT" in found
    assert refused("flink", RuntimeError("anything else")) is None
