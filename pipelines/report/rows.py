"""The lines of the report's tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipelines.report.rules import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """One source from its records to its tokens. Sizes are None until the stage that makes them is done."""

    name: str
    source_class: str
    licence: str | None
    n_records: int
    n_failed: int
    n_unread: int
    """Set aside while reading: not a page, no main content."""
    n_left_out: int
    """Left out or taken down on request."""
    n_filtered: int
    n_merged: int
    n_waiting: int
    """Passed on by the filters in a run that has not got further."""
    n_kept: int
    n_chars: int | None
    n_bytes: int | None
    n_tokens: int | None

    @property
    def n_set_aside(self) -> int:
        """What no rule judged."""
        return self.n_unread + self.n_left_out

    @property
    def balances(self) -> bool:
        """Whether every record is accounted for."""
        removed = self.n_failed + self.n_unread + self.n_left_out + self.n_filtered + self.n_merged
        return self.n_records == removed + self.n_waiting + self.n_kept


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesRow:
    """The files of one source."""

    name: str
    n_files: int
    """That are read."""
    n_failed: int
    """Of them: could not be read, or not to their end."""
    passed_over: dict[str, int]
    """Files that the source names and that are not read, by ending or reason."""

    @property
    def n_passed_over(self) -> int:
        """Files that are not read."""
        return sum(self.passed_over.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageRow:
    """What is kept of one language."""

    name: str
    n_documents: int
    n_chars: int
    n_bytes: int
    n_tokens: int | None
    share: float
    """Of the characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """A configured rule and what it removed."""

    rule: Rule
    n_judged: int
    """Documents of its sources that came to the filters."""
    n_removed: int
    """For which it was the first rule that failed."""
    n_failing: int | None = None
    """That fail it, whatever else they fail. None where dropped documents were not measured further."""
    n_alone: int | None = None
    """That fail no other rule: what it removes by itself."""

    @property
    def fired(self) -> bool:
        """Whether any document is known to fail it."""
        return bool(self.n_removed or self.n_failing)

    @property
    def share(self) -> float | None:
        """Of the documents that came to the filters from the rule's sources."""
        return self.n_removed / self.n_judged if self.n_judged else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Documents that ended in one survivor."""

    survivor_id: str
    source: str
    kinds: str
    n_merged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CutRow:
    """What was cut out of a source's documents that are kept, in characters."""

    source: str
    n_cut: dict[str, int]
    """By the kind of duplicate, and `evaluation` for items of evaluation sets."""
    n_left: int

    @property
    def n_before(self) -> int:
        """What the documents held before."""
        return sum(self.n_cut.values()) + self.n_left

    @property
    def share(self) -> float | None:
        """Of what the documents held before."""
        return sum(self.n_cut.values()) / self.n_before if self.n_before else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CutShare:
    """What one kind of duplicate cut out of one source's documents that are kept."""

    kind: str
    source: str
    n_cut: int
    """Characters."""
    share: float
    """Of what the documents held before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardRow:
    """A ceiling on loss and the group of documents that came nearest to it."""

    key: str
    limit: float | None
    group: str | None
    n: int = 0
    share: float = 0.0
    did: str = "lost"
    """What the group and the share say together."""


def total(sources: list[SourceRow]) -> SourceRow:
    """All sources as one row."""
    counted = [name for name in SourceRow.__slots__ if name.startswith("n_")]
    sums: dict[str, Any] = {}
    for name in counted:
        values = [getattr(row, name) for row in sources]
        sums[name] = None if None in values else sum(values)
    return SourceRow(name="all", source_class="", licence=None, **sums)
