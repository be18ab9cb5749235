"""What every section of a recipe is made of."""

from __future__ import annotations

import difflib
import typing
from dataclasses import dataclass, field

from schemas.errors import RecipeError

Threshold = float | None
_T = typing.TypeVar("_T")


@typing.dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def config(cls: type[_T]) -> type[_T]:
    """A section of a recipe: frozen, keyword-only, slotted."""
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)


def require(condition: bool, key: str, value: object, remedy: str) -> None:
    """Raise RecipeError with the key, its value and the remedy unless `condition` holds."""
    if not condition:
        raise RecipeError(f"{key} = {value!r}: {remedy}")


def unknown_key(where: str, key: str, known: typing.Iterable[str]) -> str:
    """A message that names the nearest valid key."""
    names = sorted(known)
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    advice = f"did you mean {near[0]!r}?" if near else f"valid are: {', '.join(names)}"
    return f"{where + ': ' if where else ''}unknown key {key!r}; {advice}"
