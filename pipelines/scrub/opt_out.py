"""Measured documents -> the scrubbed documents of everyone who did not opt out; of the others, only a ledger row stays.

URLs and hosts are looked up first. E-mail addresses and telephone numbers are known only after scrubbing, so they are looked up among the
values found. Only hashes are compared and handed on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np
import pyarrow as pa

from pipelines.scrub.digests import ContactDigests, contact_digests
from pipelines.scrub.index import index_rows
from pipelines.scrub.scrub import audit_rows, column_or_nulls, doc_ids, scrub_fields
from pipelines.scrub.spans import Ints
from pipelines.text.domains import DomainList, covered, hosts_of, read_domains
from pipelines.text.lists import read_lines
from pipelines.text.urls import url_digests
from schemas.errors import RecipeError
from schemas.files import cached_by_file
from schemas.ledger import Outcome, entries
from schemas.recipe import OptOut, Scrub

STAGE: Final = "opt_out"
REASONS: Final = ("opt_out.url", "opt_out.host", "opt_out.email", "opt_out.phone")
_STAYS: Final = -1
_SHA256_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class OptOutLists:
    """Who opted out, and how it is recorded."""

    urls: frozenset[bytes]
    hosts: DomainList | None
    emails: frozenset[bytes]
    phones: frozenset[bytes]
    index_values: bool

    @classmethod
    def of(cls, config: OptOut) -> Self:
        """Read the lists; RecipeError names a malformed line by its number, without its content."""
        return cls(
            _read_urls(config.urls) if config.urls else frozenset(),
            read_domains(config.hosts, "opt_out.hosts") if config.hosts else None,
            _read_hashes(config.email_hashes, "opt_out.email_hashes") if config.email_hashes else frozenset(),
            _read_hashes(config.phone_hashes, "opt_out.phone_hashes") if config.phone_hashes else frozenset(),
            config.index_values,
        )


class AdmittedDocuments(NamedTuple):
    """A batch after opt-outs and scrubbing."""

    documents: pa.RecordBatch
    """Scrubbed."""
    audit: pa.RecordBatch
    """AUDIT rows of the documents."""
    index: pa.RecordBatch
    """INDEX rows of the documents, one each."""
    left_out: pa.RecordBatch
    """LEDGER rows of the documents that were left out."""


def admit(batch: pa.RecordBatch, lists: OptOutLists, scrub: Scrub) -> AdmittedDocuments:
    """Leave out the documents that the lists name, and scrub the others."""
    by_address = _by_address(batch.column("url"), lists)
    admitted = batch.filter(pa.array(by_address == _STAYS))
    scrubbed, found = scrub_fields(admitted, scrub)
    wanted = lists.index_values or lists.emails or lists.phones
    digests = contact_digests(found, column_or_nulls(admitted, "lang"), admitted.column("url"), scrub) if wanted else ContactDigests((), ())
    by_value = _by_value(digests, admitted.num_rows, lists)
    reasons = by_address
    reasons[by_address == _STAYS] = by_value
    stays = pa.array(by_value == _STAYS)
    audit = audit_rows(found, doc_ids(admitted), scrub)
    if (by_value != _STAYS).any():
        ids = scrubbed.column("doc_id").filter(stays)
        audit = audit.filter(pa.compute.is_in(audit.column("doc_id"), ids))
    index = index_rows(scrubbed, admitted.column("url"), digests if lists.index_values else None)
    return AdmittedDocuments(scrubbed.filter(stays), audit, index.filter(stays), _left_out(batch, reasons))


def _left_out(batch: pa.RecordBatch, reasons: Ints) -> pa.RecordBatch:
    """LEDGER rows of the documents that have a reason."""
    leaves = reasons != _STAYS
    without_text = batch.select([name for name in batch.schema.names if name != "raw_text"])
    names = pa.array(REASONS, pa.large_string()).take(pa.array(reasons[leaves]))
    return entries(without_text.filter(pa.array(leaves)), STAGE, Outcome.DROPPED, reason=names)


def _by_address(url: pa.Array, lists: OptOutLists) -> Ints:
    """Places in REASONS."""
    reasons = np.full(len(url), _STAYS)
    if lists.hosts is not None:
        reasons[covered(hosts_of(url), lists.hosts) > 0] = 1
    if lists.urls:
        reasons[[digest in lists.urls for digest in url_digests(url, _SHA256_BYTES)]] = 0
    return reasons


def _by_value(digests: ContactDigests, n: int, lists: OptOutLists) -> Ints:
    """Places in REASONS."""
    reasons = np.full(n, _STAYS)
    reasons[_documents_with(lists.phones, digests.phones)] = 3
    reasons[_documents_with(lists.emails, digests.emails)] = 2
    return reasons


def _documents_with(wanted: frozenset[bytes], digests: Iterable[tuple[int, bytes]]) -> list[int]:
    return [document for document, digest in digests if digest in wanted]


@cached_by_file
def _read_urls(path: str) -> frozenset[bytes]:
    lines = [line for _, line in read_lines(path, "opt_out.urls", "URLs")]
    return frozenset(filter(None, url_digests(pa.array(lines, pa.large_string()), _SHA256_BYTES)))


@cached_by_file
def _read_hashes(path: str, key: str) -> frozenset[bytes]:
    found = set()
    for number, line in read_lines(path, key, "hashes"):
        if not is_sha256(line):
            raise RecipeError("CM-SCRUB-001", f"{key}: {path}, line {number} is not a sha256; write one hash of 64 hex digits per line")
        found.add(bytes.fromhex(line))
    return frozenset(found)


def is_sha256(text: str) -> bool:
    """Whether the text is a sha256 in hex."""
    return bool(re.fullmatch(r"[0-9A-Fa-f]{64}", text))
