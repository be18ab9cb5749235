"""What a takedown removed: DIR/takedown/NNNN.json, written last.

While one is being carried out, its certificate stands in `pending.json`, whole, and the new files lie under `pending/`. Until that file is
there nothing has been changed; from then on the takedown can only be finished, by doing again what is left of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from schemas.errors import OutputError
from schemas.files import check_within, whole_file

FOLDER: Final = "takedown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked for, without a private value: addresses of pages are scrubbed, values are hashes."""

    urls: tuple[str, ...]
    hosts: tuple[str, ...]
    email_hashes: tuple[str, ...]
    phone_hashes: tuple[str, ...]
    doc_ids: tuple[str, ...]
    reason: str | None
    with_copies: bool = False
    """Whether documents into which others had been merged go with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedDocument:
    """A document that was removed."""

    doc_id: str
    reason: str
    """What it was found by: takedown.url, .host, .email, .phone, .doc_id, or .copy of one that was."""
    was: str
    """Its outcome before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RewrittenFile:
    """A file before and after; without digest or rows where it was not there, or has none."""

    path: str
    sha256_before: str | None
    sha256_after: str | None
    n_rows_before: int | None = None
    n_rows_after: int | None = None

    def __post_init__(self) -> None:
        """ValueError for a path that leads out of the run."""
        check_within(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One takedown."""

    number: int
    time: str
    """When it was decided on, ISO 8601 in UTC."""
    request: Request
    n_records: int
    """Records whose end changed; several may be of one document."""
    n_tokens: int
    """Removed from the shards."""
    documents: tuple[RemovedDocument, ...]
    survivors_left: tuple[str, ...]
    """Documents into which removed ones had been merged, and which nothing named: they hold nearly the same text and are still there."""
    files: tuple[RewrittenFile, ...]
    not_touched: dict[str, str]
    """What may still hold something of the documents, and why."""
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    """Documents removed, by `reason`, by `source`, and by their outcome before (`was`); empty in certificates of earlier versions."""
    copies: str = (
        "Copies that dedup had merged into a removed document were in no documents or shards; they are gone from pool and index, too."
    )


def certificate_path(run: Path, number: int) -> Path:
    """Where a certificate lies."""
    return run / FOLDER / f"{number:04d}.json"


def certificates(run: Path) -> list[Path]:
    """Those of finished takedowns, in order."""
    return sorted((run / FOLDER).glob("[0-9]*.json"))


def pending_path(run: Path) -> Path:
    """Where the certificate of a takedown lies that is being carried out."""
    return run / FOLDER / "pending.json"


def staging(run: Path) -> Path:
    """Where its new files lie, by their paths in the run."""
    return run / FOLDER / "pending"


def check_none_pending(run: Path) -> None:
    """Raise OutputError if a takedown was stopped half way."""
    if pending_path(run).is_file():
        raise OutputError("CM-RECORD-001", f"{run}: a takedown was stopped half way; `takedown {run}` finishes it")


def write_certificate(path: Path, certificate: Certificate) -> None:
    """Write it, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(certificate), indent=2) + b"\n")


def read_certificate(path: Path) -> Certificate:
    """Read it back; OutputError if it is damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Certificate)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise OutputError("CM-RECORD-002", f"{path} is damaged ({error}); restore it from a copy of the run") from error
