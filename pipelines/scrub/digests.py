"""E-mail addresses and telephone numbers that scrub found -> sha256 of their normal form, by which people ask to be left out.

The normal form of an address is in lower case, also if it is spelled out ("jane (at) example dot org"). That of a number is E.164; a number
without a country code may be valid in several of the document's regions, and then has a digest for each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from pipelines.scrub.kinds import KINDS
from pipelines.scrub.locales import locale_of
from pipelines.scrub.network import plain_email
from pipelines.scrub.phones import e164
from pipelines.scrub.reading import value_as_read
from pipelines.scrub.spans import Ints, PrivateSpans
from pipelines.text.view import text_view
from schemas.recipe import Scrub

_EMAILS: Final = ("email", "obfuscated_email")
_PHONES: Final = ("phone", "cn_mobile")


@dataclass(frozen=True, slots=True)
class FieldFindings:
    """The positions of private values in one field of some documents."""

    column: pa.Array
    """The original field; several rows may belong to one document."""
    documents: Ints
    """int64[n]: the document of each row of the column."""
    fields: Sequence[str]
    """The name of the field in each row of the column."""
    values: PrivateSpans
    """Positions in the buffer of the column."""


@dataclass(frozen=True, slots=True)
class ContactDigests:
    """(document, sha256 of a value), without repetitions, in no particular order."""

    emails: Sequence[tuple[int, bytes]]
    phones: Sequence[tuple[int, bytes]]


def value_digest(value: str) -> bytes:
    """sha256 of a value in its normal form."""
    return hashlib.sha256(value.encode()).digest()


def contact_digests(found: Iterable[FieldFindings], lang: pa.Array, url: pa.Array, config: Scrub) -> ContactDigests:
    """The digests of what was found; `lang` and `url` are those of the documents."""
    emails: set[tuple[int, bytes]] = set()
    phones: set[tuple[int, bytes]] = set()
    names = tuple(KINDS)
    for one in found:
        view = text_view(one.column)[0].data
        kinds = [names[kind] for kind in one.values.kinds.tolist()]
        documents = one.documents[one.values.rows].tolist()
        for kind, document, start, end in zip(kinds, documents, one.values.starts.tolist(), one.values.ends.tolist(), strict=True):
            if kind in _EMAILS:
                emails.add((document, value_digest(plain_email(value_as_read(view[start:end].tobytes())))))
            elif kind in _PHONES:
                place = locale_of(lang[document].as_py(), url[document].as_py(), config.phone_regions)
                regions = (*place.regions, "CN") if kind == "cn_mobile" else place.regions
                phones.update((document, value_digest(number)) for number in e164(value_as_read(view[start:end].tobytes()), regions))
    return ContactDigests(tuple(emails), tuple(phones))


def digest_lists(digests: Sequence[tuple[int, bytes]], n: int, n_bytes: int) -> pa.Array:
    """large_list<binary[n_bytes]>[n]: each document's digests, cut to n_bytes, ascending."""
    rows = sorted((document, digest[:n_bytes]) for document, digest in digests)
    bounds = np.searchsorted(np.array([row for row, _ in rows], np.int64), np.arange(n + 1))
    return pa.LargeListArray.from_arrays(pa.array(bounds, pa.int64()), pa.array([digest for _, digest in rows], pa.binary(n_bytes)))
