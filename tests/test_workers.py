"""No run waits for a worker process for ever. Each in a process of its own, which must come to its end, too."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

KILLED = """
import os, signal
import apache_beam as beam
from pipelines.runtime import run_graph

def kill_its_process(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number

run_graph(lambda pipeline: pipeline | beam.Create([1]) | beam.Map(kill_its_process), runner="local", workers=2)
"""

FAILED = """
import sys
import apache_beam as beam
from pipelines.runtime import run_graph
from schemas.errors import InputError

sys.executable = sys.argv[1]

def fail(number: int) -> int:
    raise InputError("a mistake in the input")

run_graph(lambda pipeline: pipeline | beam.Create([1]) | beam.Map(fail), runner="local", workers=2)
"""


def ended(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        start_new_session=True,
    )


def test_a_worker_that_is_killed_ends_the_run_with_what_to_do() -> None:
    run = ended(KILLED)
    assert run.returncode == 1
    assert "WorkerError: a worker process ended before its work did" in run.stderr
    assert "with fewer --workers if memory was short" in run.stderr
    assert "rpc" not in run.stderr


@pytest.mark.parametrize("late", [0, 1])
def test_a_graph_that_fails_before_a_worker_has_come_up_ends(late: int, tmp_path: Path) -> None:
    """Beam alone would tell nothing to a process that comes up then, and wait for it to end."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncase "$WORKER_ID" in *{late}) sleep 8;; esac\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    run = ended(FAILED, str(python))
    assert run.returncode == 1
    assert run.stderr.endswith("InputError: a mistake in the input\n")


FAILED_BESIDE_ANOTHER = """
import os, signal, sys, time
from pathlib import Path
import apache_beam as beam
from pipelines.runtime import run_graph
from schemas.errors import InputError

failing, folder = sys.argv[1:]
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests may run in the background, where it is ignored

def work(number: int, failing: str, folder: str) -> None:
    worker = os.environ["WORKER_ID"]
    Path(folder, worker).touch()
    while len(list(Path(folder).glob("worker_*"))) < 2:
        time.sleep(0.1)
    if failing == "none" and worker.endswith("0"):
        os.killpg(0, signal.SIGINT)
    elif worker.endswith(failing):
        raise InputError("a mistake in the input")
    time.sleep(30)
    Path(folder, "done").touch()

run_graph(lambda pipeline: pipeline | beam.Create(range(100)) | beam.Map(work, failing, folder), runner="local", workers=2)
"""


@pytest.mark.parametrize("failing", [0, 1])
def test_a_worker_that_fails_ends_those_that_still_work(failing: int, tmp_path: Path) -> None:
    """Beam alone would look at the second worker when the first is done."""
    run = ended(FAILED_BESIDE_ANOTHER, str(failing), str(tmp_path))
    assert run.stderr.endswith("InputError: a mistake in the input\n")
    assert "rpc" not in run.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["worker_0", "worker_1"]


def test_ctrl_c_ends_all_workers_at_once(tmp_path: Path) -> None:
    """A terminal sends it to every process; what is shown is one KeyboardInterrupt, of which the command line makes a message."""
    run = ended(FAILED_BESIDE_ANOTHER, "none", str(tmp_path))
    assert run.returncode == -signal.SIGINT
    assert run.stderr.endswith("KeyboardInterrupt\n")
    assert "rpc" not in run.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["worker_0", "worker_1"]
