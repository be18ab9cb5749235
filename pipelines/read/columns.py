"""Where the text, URL and licence of a row are: columns by name, and members of objects by dotted name.

`metadata.url` is a column with that name or, if there is none, the member `url` of the column `metadata`. That column may be an object, a
map or a JSON string. Licences, and URLs for which a recipe names no column, are looked up in well-known places, in order.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

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
_MAX_JSON_CHARS: Final = 1 << 20
_NESTED_NAMES: Final = 20
"""The most members of an object that a message names."""


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


def values_at(row: Mapping[str, object], name: str) -> Iterator[object]:
    """The value of the column `name` or, if there is none, of the members that the dotted name may mean, longest column name first."""
    if name in row:
        yield row[name]
        return
    at = name.rfind(".")
    while at > 0:
        if (inner := _object(row.get(name[:at]))) is not None:
            yield from values_at(inner, name[at + 1 :])
        at = name.rfind(".", 0, at)


def value_at(row: Mapping[str, object], name: str) -> object:
    """The first value of `values_at`, or None."""
    return next(values_at(row, name), None)


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


def column_names(rows: Iterable[Mapping[str, object]]) -> list[str]:
    """The columns of the rows, then the dotted names of members, each in order of first appearance."""
    top: dict[str, None] = {}
    nested: dict[str, None] = {}
    for row in rows:
        for name, value in row.items():
            top.setdefault(name)
            if (inner := _object(value)) is not None:
                nested |= dict.fromkeys(f"{name}.{member}" for member in list(inner)[:_NESTED_NAMES])
    return [*top, *nested]


def _object(value: object) -> Mapping[str, object] | None:
    """The value as an object: a struct, the pairs of a map, or a string that is a JSON object; None for anything else."""
    if isinstance(value, dict):
        return value
    if isinstance(value, str) and value.startswith("{") and len(value) <= _MAX_JSON_CHARS:
        try:
            value = msgspec.json.decode(value)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None
    if isinstance(value, list) and value and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value):
        return {key: inner for key, inner in value if isinstance(key, str)}
    return None
