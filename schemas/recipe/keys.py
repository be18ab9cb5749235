"""Every key of a recipe with its meaning, which is the docstring below its field."""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import sys
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass

from schemas.recipe.whole import Recipe


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a recipe."""

    name: str
    """Dotted, with NAME for names that the recipe chooses."""
    default: str
    meaning: str


def documented_keys() -> list[Key]:
    """All keys of a recipe, by section."""
    return list(_keys(Recipe, ""))


def _keys(kind: type, where: str) -> Iterator[Key]:
    meanings = meanings_of(kind)
    hints = typing.get_type_hints(kind)
    for one in dataclasses.fields(kind):
        name = f"{where}.{one.name}".lstrip(".")
        inner, chosen = _section_in(hints[one.name])
        if inner is None:
            yield Key(name, _default(one), meanings.get(one.name, ""))
        else:
            yield from _keys(inner, f"{name}.NAME" if chosen else name)


def _section_in(hint: object) -> tuple[type | None, bool]:
    """(the section in a field or None, whether the field has several of them by name)."""
    for kind in typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,):
        if typing.get_origin(kind) is dict:
            inner = typing.get_args(kind)[1]
            return (inner, True) if dataclasses.is_dataclass(inner) and isinstance(inner, type) else (None, False)
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            return kind, False
    return None, False


def _default(one: dataclasses.Field[object]) -> str:
    if one.default is not dataclasses.MISSING:
        value = one.default
    elif one.default_factory is not dataclasses.MISSING:
        value = one.default_factory()
    else:
        return "(must be given)"
    shown = "off" if value is None else repr(value).replace("'", '"')
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def meanings_of(kind: type) -> dict[str, str]:
    """The docstring below each field of a section, inherited fields included, as one line, by field."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__[:-1]):
        found |= _docstrings(base.__module__).get(base.__name__, {})
    return found


@functools.cache
def _docstrings(module: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(inspect.getsource(sys.modules[module])).body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = {
                field.target.id: " ".join(doc.value.value.split())
                for field, doc in zip(node.body, node.body[1:], strict=False)
                if isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(doc, ast.Expr)
                and isinstance(doc.value, ast.Constant)
                and isinstance(doc.value.value, str)
            }
    return found
