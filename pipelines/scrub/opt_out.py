"""Measured documents -> those of nobody who asked to be left out, scrubbed; of the others no more than a ledger row stays.

Addresses are looked up before anything else is done. An e-mail address or a telephone number is known only when the finders have seen
the text, so those are looked up among what was found; nothing but hashes is compared, and nothing but hashes goes on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np
import pyarrow as pa

from pipelines.scrub.digests import Digests, digests_of
from pipelines.scrub.index import index_rows
from pipelines.scrub.rewrite import Ints
from pipelines.scrub.scrub import audit_of, ids_of, scrub_fields, strings
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
class Lists:
    """Who asked to be left out."""

    urls: frozenset[bytes]
    hosts: DomainList | None
    emails: frozenset[bytes]
    phones: frozenset[bytes]
    index_values: bool

    @classmethod
    def of(cls, config: OptOut) -> Self:
        """Read the lists; RecipeError names a line that is no entry, without showing it."""
        return cls(
            _read_urls(config.urls) if config.urls else frozenset(),
            read_domains(config.hosts, "opt_out.hosts") if config.hosts else None,
            _read_hashes(config.email_hashes, "opt_out.email_hashes") if config.email_hashes else frozenset(),
            _read_hashes(config.phone_hashes, "opt_out.phone_hashes") if config.phone_hashes else frozenset(),
            config.index_values,
        )


class Admitted(NamedTuple):
    """What became of a batch."""

    documents: pa.RecordBatch
    """Scrubbed."""
    audit: pa.RecordBatch
    """AUDIT rows of the documents."""
    index: pa.RecordBatch
    """INDEX rows of the documents, one each."""
    left_out: pa.RecordBatch
    """LEDGER rows of the others."""


def admit(batch: pa.RecordBatch, lists: Lists, scrub: Scrub) -> Admitted:
    """Leave out what the lists name, and scrub the rest."""
    by_address = _by_address(batch.column("url"), lists)
    admitted = batch.filter(pa.array(by_address == _STAYS))
    scrubbed, found = scrub_fields(admitted, scrub)
    wanted = lists.index_values or lists.emails or lists.phones
    digests = digests_of(found, strings(admitted, "lang"), admitted.column("url"), scrub) if wanted else Digests((), ())
    by_value = _by_value(digests, admitted.num_rows, lists)
    reasons = by_address
    reasons[by_address == _STAYS] = by_value
    stays = pa.array(by_value == _STAYS)
    audit = audit_of(found, ids_of(admitted), scrub)
    if (by_value != _STAYS).any():
        ids = scrubbed.column("doc_id").filter(stays)
        audit = audit.filter(pa.compute.is_in(audit.column("doc_id"), ids))
    index = index_rows(scrubbed, admitted.column("url"), digests if lists.index_values else None)
    return Admitted(scrubbed.filter(stays), audit, index.filter(stays), _left_out(batch, reasons))


def _left_out(batch: pa.RecordBatch, reasons: Ints) -> pa.RecordBatch:
    """LEDGER rows of the rows that have a reason."""
    leaves = reasons != _STAYS
    without_text = batch.select([name for name in batch.schema.names if name != "raw_text"])
    names = pa.array(REASONS, pa.large_string()).take(pa.array(reasons[leaves]))
    return entries(without_text.filter(pa.array(leaves)), STAGE, Outcome.DROPPED, reason=names)


def _by_address(url: pa.Array, lists: Lists) -> Ints:
    """Places in REASONS."""
    reasons = np.full(len(url), _STAYS)
    if lists.hosts is not None:
        reasons[covered(hosts_of(url), lists.hosts) > 0] = 1
    if lists.urls:
        reasons[[digest in lists.urls for digest in url_digests(url, _SHA256_BYTES)]] = 0
    return reasons


def _by_value(digests: Digests, n: int, lists: Lists) -> Ints:
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
            raise RecipeError(f"{key}: {path}, line {number}: write one sha256 a line, 64 hex digits, of the value in its normal form")
        found.add(bytes.fromhex(line))
    return frozenset(found)


def is_sha256(text: str) -> bool:
    """Whether it is one in hex."""
    return bool(re.fullmatch(r"[0-9A-Fa-f]{64}", text))
