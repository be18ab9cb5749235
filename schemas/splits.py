"""The pieces of work that reading is divided into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Files that one worker reads one after the other."""

    index: int
    source: str
    format: str
    files: tuple[str, ...]
    """As the user wrote them, or as found below a folder or glob; the ledger has their `printable` form."""
    root: str = ""
    """The folder that `files` are relative to: the run folder for files that the run crawled, else the working folder."""


class Plan(NamedTuple):
    """The splits of all sources, and for each source how many of its files are not read, by suffix or reason."""

    splits: list[Split]
    passed_over: dict[str, dict[str, int]]

    def n_files(self) -> dict[str, int]:
        """Number of files read from each source."""
        n_files = dict.fromkeys(self.passed_over, 0)
        for split in self.splits:
            n_files[split.source] += len(split.files)
        return n_files
