"""What every benchmark measures with, and how it prints."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

_PR_SET_CHILD_SUBREAPER: Final = 36


@dataclass(slots=True, kw_only=True)
class Cost:
    """What one measured piece of work took."""

    name: str
    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_mb: float = 0.0
    n_bytes: int = 0
    n_documents: int = 0


@contextmanager
def measured(name: str, n_bytes: int = 0, n_documents: int = 0) -> Iterator[Cost]:
    """CPU seconds of this process and its ended children, wall seconds, and the peak of resident memory within the block."""
    cost = Cost(name=name, n_bytes=n_bytes, n_documents=n_documents)
    _reset_peak()
    wall, cpu = time.perf_counter(), _cpu_seconds()
    yield cost
    cost.wall_s, cost.cpu_s, cost.peak_mb = time.perf_counter() - wall, _cpu_seconds() - cpu, _peak_mb()


def cost_of_process(name: str, command: list[str], n_bytes: int = 0, n_documents: int = 0) -> Cost:
    """Run `command` and count the CPU seconds of every process that it leaves behind or waits for.

    This process adopts orphans (as a sub-reaper), so a server that the command forked off is waited for here and counted too.
    """
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    with measured(name, n_bytes, n_documents) as cost:
        ran = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True)
        while True:
            try:
                os.wait()
            except ChildProcessError:
                break
    if ran.returncode:
        raise SystemExit(f"{' '.join(command)} ended with status {ran.returncode}:\n{ran.stderr[-2000:]}")
    cost.peak_mb = 0.0  # of this process, which did nothing
    return cost


def print_costs(title: str, costs: list[Cost]) -> None:
    """A table: MB/s and documents/s are per CPU second."""
    table = Table("work", "MB", "documents", "CPU s", "wall s", "MB/CPU s", "documents/CPU s", "peak MB", title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for cost in costs:
        rate = max(cost.cpu_s, 1e-9)
        table.add_row(
            cost.name,
            f"{cost.n_bytes / 1e6:.1f}",
            f"{cost.n_documents}",
            f"{cost.cpu_s:.2f}",
            f"{cost.wall_s:.2f}",
            f"{cost.n_bytes / 1e6 / rate:.1f}" if cost.n_bytes else "",
            f"{cost.n_documents / rate:.0f}" if cost.n_documents else "",
            f"{cost.peak_mb:.0f}",
        )
    Console(width=120).print(table)


def finish(out: Path | None, costs: list[Cost], ratios: dict[str, float], **more: Any) -> None:
    """Write everything to `out` if one is given, then print the headline figures."""
    if out is not None:
        out.write_text(json.dumps({"costs": [asdict(cost) for cost in costs], "ratios": ratios, **more}, indent=2) + "\n")
    for name, value in ratios.items():
        print(f"RATIO {name} {value:.2f}")


def _cpu_seconds() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
