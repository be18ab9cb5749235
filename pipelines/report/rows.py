"""The rows of the report's tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipelines.report.rules import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """One source from its records to its tokens. Sizes are None until the stage that makes them has finished."""

    name: str
    source_class: str
    licence: str | None
    n_records: int
    n_failed: int
    n_unread: int
    """Set aside by the reader: not a page, no main content."""
    n_left_out: int
    """Left out or taken down on request."""
    n_filtered: int
    n_merged: int
    n_waiting: int
    """Passed the filters in a run that stopped before dedup was done."""
    n_kept: int
    n_chars: int | None
    n_bytes: int | None
    n_tokens: int | None

    @property
    def n_set_aside(self) -> int:
        """Records that no rule judged."""
        return self.n_unread + self.n_left_out

    @property
    def balances(self) -> bool:
        """Whether every record is accounted for."""
        removed = self.n_failed + self.n_unread + self.n_left_out + self.n_filtered + self.n_merged
        return self.n_records == removed + self.n_waiting + self.n_kept


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonRow:
    """Records of one source that ended for the same reason."""

    source: str
    outcome: str
    reason: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageRow:
    """The kept documents of one language."""

    name: str
    n_documents: int
    n_chars: int
    n_bytes: int
    n_tokens: int | None
    share: float
    """Share of all characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """A configured rule and the documents that it removed."""

    rule: Rule
    n_judged: int
    """Documents of its sources that reached the filters."""
    n_removed: int
    """Documents that failed this rule first."""
    n_failing: int | None = None
    """Documents that fail this rule, whichever others they fail. None if the recipe does not keep dropped documents."""
    n_alone: int | None = None
    """Documents that fail this rule only."""

    @property
    def fired(self) -> bool:
        """Whether any document is known to fail it."""
        return bool(self.n_removed or self.n_failing)

    @property
    def share(self) -> float | None:
        """Share of the documents that it judged; None if there were none."""
        return self.n_removed / self.n_judged if self.n_judged else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Documents that were merged into one survivor."""

    survivor_id: str
    source: str
    kinds: str
    n_merged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CutRow:
    """Characters cut from the kept documents of one source."""

    source: str
    n_cut: dict[str, int]
    """By kind of duplicate; `evaluation` for items of evaluation sets."""
    n_left: int

    @property
    def n_before(self) -> int:
        """Characters of the documents before the cuts."""
        return sum(self.n_cut.values()) + self.n_left

    @property
    def share(self) -> float | None:
        """Share of the characters that was cut; None for documents without text."""
        return sum(self.n_cut.values()) / self.n_before if self.n_before else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CutShare:
    """What one kind of duplicate cut from the kept documents of one source."""

    kind: str
    source: str
    n_cut: int
    """Characters."""
    share: float
    """Share of the documents' characters before the cuts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardRow:
    """A guard and the group of documents that came nearest to its ceiling."""

    key: str
    """Its key in the recipe."""
    limit: float | None
    """The ceiling on `share`; None is off."""
    group: str | None = None
    """The group's name, such as "source web"; None if no group is large enough."""
    n: int = 0
    """Size of the group, in records, documents, files or bytes."""
    share: float = 0.0
    """Share of the group that was removed."""
    verb: str = "lost"
    """Joins `group` and `share` to a sentence: "source web lost 3.0 %"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRow:
    """The shards of one split."""

    split: str
    n_shards: int = 0
    n_documents: int = 0
    n_tokens: int = 0
    n_bytes: int = 0


def total(sources: list[SourceRow]) -> SourceRow:
    """All sources as one row."""
    return SourceRow(
        name="all",
        source_class="",
        licence=None,
        n_records=sum(row.n_records for row in sources),
        n_failed=sum(row.n_failed for row in sources),
        n_unread=sum(row.n_unread for row in sources),
        n_left_out=sum(row.n_left_out for row in sources),
        n_filtered=sum(row.n_filtered for row in sources),
        n_merged=sum(row.n_merged for row in sources),
        n_waiting=sum(row.n_waiting for row in sources),
        n_kept=sum(row.n_kept for row in sources),
        n_chars=_sum(row.n_chars for row in sources),
        n_bytes=_sum(row.n_bytes for row in sources),
        n_tokens=_sum(row.n_tokens for row in sources),
    )


def _sum(values: Iterable[int | None]) -> int | None:
    """The sum, or None if a value is missing."""
    found = list(values)
    known = [value for value in found if value is not None]
    return sum(known) if len(known) == len(found) else None
