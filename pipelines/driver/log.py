"""DIR/run.log: start and end of each stage, its counts, and the decisions between; never document text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from schemas.manifest import StageRecord


class RunLog:
    """Appends lines with the time in UTC. A resumed run continues the same file."""

    def __init__(self, folder: Path, echo: Callable[[str], None] | None = None) -> None:
        """`echo` also gets every line."""
        self.path, self.echo = folder / "run.log", echo

    def write(self, line: str) -> None:
        """Append a line; a line break in it becomes a space."""
        line = " ".join(line.split())
        if self.path.parent.is_dir():
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {line}\n")
        if self.echo:
            self.echo(line)

    def stage(self, record: StageRecord, *, kept: bool) -> None:
        """Write the result of a stage."""
        if kept:
            self.write(f"{record.stage}: kept, as it was done before")
            return
        counts = "".join(
            f"; {step} in {c.n_in}, out {c.n_out}, dropped {c.dropped}, merged {c.merged}, failed {c.failed}"
            for step, c in record.counts.items()
        )
        self.write(f"{record.stage}: done in {record.wall_s:.1f} s, {record.cpu_s:.1f} CPU s{counts}")
