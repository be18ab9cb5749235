"""The certificate of a takedown: DIR/takedown/NNNN.json, written last.

During a takedown the complete certificate is in `pending.json`, and the new files are in `pending/`. Before `pending.json` exists nothing
has changed; afterwards the takedown can only be finished, by repeating the steps that are left.
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
    """The request, without private values: URLs are scrubbed, values are hashes."""

    urls: tuple[str, ...]
    hosts: tuple[str, ...]
    email_hashes: tuple[str, ...]
    phone_hashes: tuple[str, ...]
    doc_ids: tuple[str, ...]
    reason: str | None
    with_copies: bool = False
    """Whether the survivors and copies of the requested documents are removed, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedDocument:
    """A document that was removed."""

    doc_id: str
    reason: str
    """How it was found: takedown.url, .host, .email, .phone, .doc_id, or .copy for a copy of a document that was found."""
    was: str
    """Its outcome before the takedown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RewrittenFile:
    """A file before and after the takedown; digest or rows are None where the file did not exist or has none."""

    path: str
    sha256_before: str | None
    sha256_after: str | None
    n_rows_before: int | None = None
    n_rows_after: int | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a path outside the run folder."""
        check_within(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The account of one takedown."""

    number: int
    time: str
    """Time of the decision, ISO 8601 in UTC."""
    request: Request
    n_records: int
    """Records whose outcome changed; one document may have several."""
    n_tokens: int
    """Tokens removed from the shards."""
    documents: tuple[RemovedDocument, ...]
    survivors_left: tuple[str, ...]
    """Survivors of removed documents that the request did not name: they contain nearly the same text and are still in the run."""
    files: tuple[RewrittenFile, ...]
    not_touched: dict[str, str]
    """Files and folders that may still contain parts of the documents, each with the reason."""
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    """Removed documents by `reason`, by `source`, and by earlier outcome (`was`); empty in certificates of earlier versions."""
    copies: str = (
        "Copies that dedup had merged into a removed document were in no documents or shards; they are gone from pool and index, too."
    )


def certificate_path(run: Path, number: int) -> Path:
    """The path of a certificate."""
    return run / FOLDER / f"{number:04d}.json"


def certificates(run: Path) -> list[Path]:
    """The certificates of finished takedowns, in order."""
    return sorted((run / FOLDER).glob("[0-9]*.json"))


def pending_path(run: Path) -> Path:
    """The path of an unfinished takedown's certificate."""
    return run / FOLDER / "pending.json"


def staging(run: Path) -> Path:
    """The folder with an unfinished takedown's new files, by their paths in the run."""
    return run / FOLDER / "pending"


def check_none_pending(run: Path) -> None:
    """Raise OutputError if there is an unfinished takedown."""
    if pending_path(run).is_file():
        raise OutputError("CM-RECORD-001", f"{run} has an unfinished takedown; finish it with `takedown {run}`")


def write_certificate(path: Path, certificate: Certificate) -> None:
    """Write the certificate as a whole file."""
    with whole_file(path) as temporary:
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(certificate), indent=2) + b"\n")


def read_certificate(path: Path) -> Certificate:
    """Read a certificate. Raises OutputError if it is damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Certificate)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise OutputError("CM-RECORD-002", f"{path} is damaged ({error}); restore it from a copy of the run") from error
