"""Where the text, URL and licence of a row are: columns by name, and members of objects by dotted name.

`metadata.url` is a column that is called so or, without one, the member `url` of the column `metadata`, which may be an object, a map or
an object written as JSON. Where a recipe names no URL column, and for licences, well-known places are tried in order.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

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
"""So many members of an object are named in messages."""


class Columns(NamedTuple):
    """Which columns have text and address."""

    text: str
    url: str | None
    """None: the first of URL_PLACES that holds one."""

    @property
    def places(self) -> frozenset[str]:
        """Every name that is looked up."""
        return _places(self)


@functools.cache
def _places(columns: Columns) -> frozenset[str]:
    return frozenset((columns.text, *(URL_PLACES if columns.url is None else (columns.url,)), *LICENCE_PLACES))


@dataclass(slots=True)
class Seen:
    """What the rows of a source have, so that a column that none has is found out."""

    rows: int = 0
    text: int = 0
    """Rows that have the text column, whatever it holds."""
    url: int = 0
    """Rows that have the URL column or, where the recipe names none, a URL."""
    addresses: int = 0
    """Rows that hold a URL."""
    unreadable: Counter[str] = field(default_factory=Counter)
    """Columns that nobody asked for and that could not be read, by the number of files."""


def values_at(row: Mapping[str, Any], name: str) -> Iterator[Any]:
    """The value of a column, if the row has it: of the column called `name`, else of members of objects, the longest name first."""
    if name in row:
        yield row[name]
        return
    at = name.rfind(".")
    while at > 0:
        if (inner := _object(row.get(name[:at]))) is not None:
            yield from values_at(inner, name[at + 1 :])
        at = name.rfind(".", 0, at)


def value_at(row: Mapping[str, Any], name: str) -> Any:
    """The first of `values_at`; None if there is none."""
    return next(values_at(row, name), None)


def url_of(row: Mapping[str, Any], url: str | None) -> str | None:
    """The first place that holds a string which is not empty."""
    for value in _values(row, _URL_ROOTS) if url is None else values_at(row, url):
        if text := _string(value):
            return text
    return None


def licence_of(row: Mapping[str, Any]) -> str | None:
    """What the first place that names licences holds: a string, or a list of them joined by ", "."""
    for value in _values(row, _LICENCE_ROOTS):
        names = [name for each in (value if isinstance(value, list) else [value]) if (name := _string(each))]
        if names:
            return ", ".join(names)
    return None


def _string(value: Any) -> str | None:
    """The value as a string, if it is one or its bytes, as writers store it who leave the column without the type."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value if isinstance(value, str) else None


def _values(row: Mapping[str, Any], places: tuple[tuple[str, str], ...]) -> Iterator[Any]:
    for root, name in places:
        if root in row or name in row:
            yield from values_at(row, name)


def names_in(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The columns of the rows, then dotted names of members of objects, each in the order in which they are met."""
    top: dict[str, None] = {}
    nested: dict[str, None] = {}
    for row in rows:
        for name, value in row.items():
            top.setdefault(name)
            if (inner := _object(value)) is not None:
                nested |= dict.fromkeys(f"{name}.{member}" for member in list(inner)[:_NESTED_NAMES])
    return [*top, *nested]


def _object(value: Any) -> Mapping[str, Any] | None:
    """The value as an object: a struct or object, the pairs of a map, or a string that is a JSON object."""
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
