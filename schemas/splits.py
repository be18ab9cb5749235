"""What is read as one piece of work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Files that are read one after the other by one worker."""

    index: int
    source: str
    format: str
    files: tuple[str, ...]
    """As the user wrote them, or as found below what they wrote; the ledger has them as `printable` writes them."""
    root: str = ""
    """What `files` are relative to: the run folder for what it crawled itself, else the working folder."""


class Plan(NamedTuple):
    """The splits of all sources, and by source how many files were named and are not read, by ending or reason."""

    splits: list[Split]
    passed_over: dict[str, dict[str, int]]

    def n_files(self) -> dict[str, int]:
        """How many files of each source are read."""
        n_files = dict.fromkeys(self.passed_over, 0)
        for split in self.splits:
            n_files[split.source] += len(split.files)
        return n_files
