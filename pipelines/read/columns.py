"""Where the text, URL and licence of a row are: columns by name, and members of objects by dotted name.

`metadata.url` is a column with that name or, if there is none, the member `url` of the column `metadata`. That column may be an object, a
map or a JSON string. Licences, and URLs for which a recipe names no column, are looked up in well-known places, in order.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from pipelines.text.nested import values_at

URL_PLACES: Final = (
    "url",
    "metadata.url",  # Dolma
    "meta.url",  # RedPajama
    "metadata.WARC-Target-URI",  # DCLM
    "warc_headers.warc-target-uri",  # OSCAR
    "metadata.warc_headers.warc-target-uri",
)
LICENCE_PLACES: Final = tuple(
    f"{parent}{name}" for parent in ("", "metadata.", "meta.") for name in ("licence", "license", "licences", "licenses")
)
_URL_ROOTS, _LICENCE_ROOTS = (tuple((name.split(".")[0], name) for name in places) for places in (URL_PLACES, LICENCE_PLACES))


class Columns(NamedTuple):
    """The names of the columns that hold text and URL."""

    text: str
    url: str | None
    """None: the first of URL_PLACES that has a value."""

    @property
    def places(self) -> frozenset[str]:
        """Every name that is looked up in a row."""
        return _places(self)


@functools.cache
def _places(columns: Columns) -> frozenset[str]:
    return frozenset((columns.text, *(URL_PLACES if columns.url is None else (columns.url,)), *LICENCE_PLACES))


@dataclass(slots=True)
class ColumnCounts:
    """How many rows of a source have which columns, so that a column that none has is noticed."""

    rows: int = 0
    """Rows in all."""
    text: int = 0
    """Rows with the text column, even if it is empty."""
    url: int = 0
    """Rows with the URL column or, if the recipe names none, with a URL."""
    addresses: int = 0
    """Rows with a URL in them."""
    unreadable: Counter[str] = field(default_factory=Counter)
    """Unreadable column that no setting names -> number of files. Its rows are read without it."""


def url_of(row: Mapping[str, object], url: str | None) -> str | None:
    """The first string that is not empty, in the column `url` or, if that is None, in URL_PLACES."""
    for value in _values(row, _URL_ROOTS) if url is None else values_at(row, url):
        if text := _string(value):
            return text
    return None


def licence_of(row: Mapping[str, object]) -> str | None:
    """The first licence in LICENCE_PLACES: a string, or a list of strings joined by ", "."""
    for value in _values(row, _LICENCE_ROOTS):
        names = [name for each in (value if isinstance(value, list) else [value]) if (name := _string(each))]
        if names:
            return ", ".join(names)
    return None


def _string(value: object) -> str | None:
    """The value if it is a string, or the string in it if it is bytes: some writers leave out the column's type."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value if isinstance(value, str) else None


def _values(row: Mapping[str, object], places: tuple[tuple[str, str], ...]) -> Iterator[object]:
    for root, name in places:
        if root in row or name in row:
            yield from values_at(row, name)
