"""What a format reader yields for each input record: the document it holds, or why there is none."""

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
"""Why a file cannot be read, or not further: one failed row, at `Address(0)` or behind what was read, is all that the ledger has of it."""


class Address(NamedTuple):
    """Where in its file a record lies; see `schemas.hops.ADDRESS`."""

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
    """Why a record gave no document: dropped by a rule of reading, or failed."""

    outcome: Outcome
    reason: str
    value: float | None = None
    limit: float | None = None
    lost_bytes: int = 0
    """Bytes of the file as stored of which nothing is known but this."""


Item = tuple[Address, Document | Unread]


class Rejected(Exception):  # noqa: N818 - says what happens to the record, not that something went wrong
    """Raised between the steps of reading one record; becomes its ledger row."""

    def __init__(self, unread: Unread) -> None:
        super().__init__(unread)
        self.unread = unread


def dropped(reason: str, value: float | None = None, limit: float | None = None) -> Rejected:
    """The record is readable but no document: raise this."""
    return Rejected(Unread(Outcome.DROPPED, reason, value, limit))


def failed(reason: str, value: float | None = None, limit: float | None = None) -> Rejected:
    """The record cannot be read: raise this."""
    return Rejected(Unread(Outcome.FAILED, reason, value, limit))


def unread_part(part: Part) -> Unread:
    """The row of a damaged part, which stands for its bytes."""
    damage = part.damage or Damaged("damaged")
    value = part.n_bytes if damage.value is None and damage.limit is None else damage.value
    return Unread(Outcome.FAILED, damage.reason, value, damage.limit, part.n_bytes)
