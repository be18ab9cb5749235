"""What a reader yields for each input record: its document, or why there is none."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from pipelines.read.decoders import Damaged
from pipelines.read.parts import Part
from schemas.ledger import Outcome

Meta = dict[str, str | int | float | bool]

FILE_REASONS: Final = frozenset(
    {"empty_file", "no_text_column", "not_a_warc", "not_json_lines", "not_parquet", "unreadable_file", "wrong_format"}
)
"""Why a file cannot be read (any further). The ledger has a single failed row for it, at `Address(0)` or after the last record read."""


class Address(NamedTuple):
    """The position of a record in its file; see `schemas.hops.ADDRESS`."""

    offset: int
    part: int = 0


class Document(NamedTuple):
    """The text of a record and what is known about it."""

    text: str
    url: str | None = None
    fetched_at: datetime | None = None
    licence: str | None = None
    rights: str | None = None
    meta: Meta | None = None


class Unread(NamedTuple):
    """Why a record has no document: a rule of reading dropped it, or it failed."""

    outcome: Outcome
    reason: str
    value: float | None = None
    limit: float | None = None
    lost_bytes: int = 0
    """Stored bytes that hold an unknown number of further records."""


RecordResult = tuple[Address, Document | Unread]
"""The outcome of one input record."""


class Rejected(Exception):  # noqa: N818 - names what happens to the record; it is not an error of ours
    """Ends the reading of one record; becomes its ledger row."""

    def __init__(self, unread: Unread) -> None:
        super().__init__(unread)
        self.unread = unread


def dropped(reason: str, value: float | None = None, limit: float | None = None) -> Rejected:
    """The exception for a readable record without a document; raise it."""
    return Rejected(Unread(Outcome.DROPPED, reason, value, limit))


def failed(reason: str, value: float | None = None, limit: float | None = None) -> Rejected:
    """The exception for an unreadable record; raise it."""
    return Rejected(Unread(Outcome.FAILED, reason, value, limit))


def unread_part(part: Part) -> Unread:
    """The failed row that accounts for the bytes of a damaged part."""
    damage = part.damage or Damaged("damaged")
    value = part.n_bytes if damage.value is None and damage.limit is None else damage.value
    return Unread(Outcome.FAILED, damage.reason, value, damage.limit, part.n_bytes)
