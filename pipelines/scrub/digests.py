"""E-mail addresses and telephone numbers that scrub found -> sha256 of their normal form, by which people ask to be left out.

An address is put in lower case, also one that is written out ("jane (at) example dot org"). A number is put in E.164; one without a country
code may be a number of several of the document's regions, and then has a digest for each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from pipelines.scrub.kinds import KINDS
from pipelines.scrub.network import plain_email
from pipelines.scrub.phones import e164
from pipelines.scrub.places import place_of
from pipelines.scrub.reading import plain
from pipelines.scrub.rewrite import Ints, Spans
from pipelines.text.view import text_view
from schemas.recipe import Scrub

_NAMES: Final = tuple(KINDS)
_EMAILS: Final = ("email", "obfuscated_email")
_PHONES: Final = ("phone", "cn_mobile")


@dataclass(frozen=True, slots=True)
class Found:
    """What stood in one field of some documents, told by places."""

    column: pa.Array
    """The field as it came; several rows may be of one document."""
    documents: Ints
    """Of each row of the column, the document."""
    fields: Sequence[str]
    """Of each row of the column, the name of the field."""
    values: Spans
    """Places in the buffer of the column."""


@dataclass(frozen=True, slots=True)
class Digests:
    """sha256 of values and the documents that they stood in, without repetitions, in no particular order."""

    emails: Sequence[tuple[int, bytes]]
    phones: Sequence[tuple[int, bytes]]


def digest_of(value: str) -> bytes:
    """sha256 of a value in its normal form."""
    return hashlib.sha256(value.encode()).digest()


def digests_of(found: Iterable[Found], lang: pa.Array, url: pa.Array, config: Scrub) -> Digests:
    """The digests of what was found; `lang` and `url` are those of the documents."""
    emails: set[tuple[int, bytes]] = set()
    phones: set[tuple[int, bytes]] = set()
    for one in found:
        view = text_view(one.column)[0].data
        kinds = [_NAMES[kind] for kind in one.values.kinds.tolist()]
        documents = one.documents[one.values.rows].tolist()
        for kind, document, start, end in zip(kinds, documents, one.values.starts.tolist(), one.values.ends.tolist(), strict=True):
            if kind in _EMAILS:
                emails.add((document, digest_of(plain_email(plain(view[start:end].tobytes())))))
            elif kind in _PHONES:
                place = place_of(lang[document].as_py(), url[document].as_py(), config.phone_regions)
                regions = (*place.regions, "CN") if kind == "cn_mobile" else place.regions
                phones.update((document, digest_of(number)) for number in e164(plain(view[start:end].tobytes()), regions))
    return Digests(tuple(emails), tuple(phones))


def lists_of(digests: Sequence[tuple[int, bytes]], n: int, n_bytes: int) -> pa.Array:
    """large_list<binary[n_bytes]>[n]: the beginnings of each document's digests, ascending."""
    rows = sorted((document, digest[:n_bytes]) for document, digest in digests)
    bounds = np.searchsorted(np.array([row for row, _ in rows], np.int64), np.arange(n + 1))
    return pa.LargeListArray.from_arrays(pa.array(bounds, pa.int64()), pa.array([digest for _, digest in rows], pa.binary(n_bytes)))
