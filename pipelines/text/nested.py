"""Values of rows by dotted name.

`a.b` is the column of that name or, if there is none, the member `b` of the column `a`, which may be an object, a map or a JSON string.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

Row = dict[str, object]
"""Columns or members by name."""
_MAX_JSON_CHARS: Final = 1 << 20
_NESTED_NAMES: Final = 20
"""The most members of an object that `column_names` lists."""


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
