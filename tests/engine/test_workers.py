"""No run waits for a worker process for ever. Each in a process of its own, which must come to its end, too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

KILLED = """
import os, signal
import apache_beam as beam
from pipelines.engine.execute import run_graph

def kill_its_process(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number

run_graph(lambda pipeline: pipeline | beam.Create([1]) | beam.Map(kill_its_process), runner="local", workers=2)
"""

FAILED = """
import sys
import time
from collections.abc import Callable
import apache_beam as beam
from pipelines.engine.execute import run_graph
from schemas.errors import InputError

sys.executable = sys.argv[1]

def fail(number: int) -> int:
    raise InputError("CM-READ-001", "a mistake in the input")

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
    assert "WorkerError: CM-ENGINE-011: a worker process ended before its work did" in run.stderr
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
    assert run.stderr.endswith("InputError: CM-READ-001: a mistake in the input\n")


FAILED_BESIDE_ANOTHER = """
import os, signal, sys, time
from pathlib import Path
import apache_beam as beam
from pipelines.engine.execute import run_graph
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
        raise InputError("CM-READ-001", "a mistake in the input")
    time.sleep(30)
    Path(folder, "done").touch()

run_graph(lambda pipeline: pipeline | beam.Create(range(100)) | beam.Map(work, failing, folder), runner="local", workers=2)
"""


@pytest.mark.parametrize("failing", [0, 1])
def test_a_worker_that_fails_ends_those_that_still_work(failing: int, tmp_path: Path) -> None:
    """Beam alone would look at the second worker when the first is done."""
    run = ended(FAILED_BESIDE_ANOTHER, str(failing), str(tmp_path))
    assert run.stderr.endswith("InputError: CM-READ-001: a mistake in the input\n")
    assert "rpc" not in run.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["worker_0", "worker_1"]


def test_ctrl_c_ends_all_workers_at_once(tmp_path: Path) -> None:
    """A terminal sends it to every process; what is shown is one KeyboardInterrupt, of which the command line makes a message."""
    run = ended(FAILED_BESIDE_ANOTHER, "none", str(tmp_path))
    assert run.returncode == -signal.SIGINT
    assert run.stderr.endswith("KeyboardInterrupt\n")
    assert "rpc" not in run.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["worker_0", "worker_1"]


STARTED = """
import os, sys, time
from pathlib import Path
import apache_beam as beam
import pipelines.engine.workers as workers
from pipelines.engine.execute import run_graph

folder, workers.SAY_AFTER_S, workers.END_AFTER_S = sys.argv[1], 2, 6

def work(number: int, folder: str) -> None:
    Path(folder, str(os.getpid())).touch()
    time.sleep(100)

def say(line: str) -> None:
    print(line, flush=True)

run_graph(lambda pipeline: pipeline | beam.Create([1, 2]) | beam.Map(work, folder), runner="local", workers=2, on_message=say)
"""


def worker_pids(driver: int) -> set[int]:
    """Children of the driver that are workers."""
    listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(driver)], capture_output=True, text=True, check=False).stdout
    return {int(line.split()[0]) for line in listed.splitlines() if "pipelines.engine.worker" in line}


def is_alive(pid: int) -> bool:
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(found.strip()) and not found.startswith("Z")


def until(condition: Callable[[], object], seconds: float) -> bool:
    """Whether it came to hold in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.parametrize("at_work", [False, True])
def test_workers_end_with_a_driver_that_is_killed(at_work: bool, tmp_path: Path) -> None:
    """Those, too, that are still starting, which would wait two minutes for their driver."""
    driver = subprocess.Popen([sys.executable, "-c", STARTED, str(tmp_path)], cwd=ROOT)
    assert until(lambda: len(worker_pids(driver.pid)) == 2, 100)
    assert not at_work or until(lambda: any(tmp_path.iterdir()), 100)
    pids = worker_pids(driver.pid)
    driver.kill()
    driver.wait()
    assert until(lambda: not any(map(is_alive, pids)), 5)


@pytest.mark.skipif(sys.platform != "linux", reason="who is stopped is read from /proc")
def test_a_worker_that_is_stopped_is_named_and_then_ended(tmp_path: Path) -> None:
    driver = subprocess.Popen(
        [sys.executable, "-c", STARTED, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert until(lambda: any(tmp_path.iterdir()), 100)
    pid = int(next(tmp_path.iterdir()).name)
    os.kill(pid, signal.SIGSTOP)
    out, err = driver.communicate(timeout=60)
    assert f"worker process {pid} has been stopped for 2 s, and the run waits for it; `kill -CONT {pid}` lets it go on" in out
    assert f"WorkerError: CM-ENGINE-012: worker process {pid} was stopped for 6 s, so it was ended" in err
    assert not is_alive(pid)
