"""Building blocks of the sections of a recipe."""

from __future__ import annotations

import difflib
import typing
import unicodedata
from dataclasses import dataclass, field
from typing import Final

from schemas.errors import RecipeError

Threshold = float | None
FilePath = typing.Annotated[str, "file"]
"""A setting that names a file. A change to the file affects a run like a change to the setting."""
_T = typing.TypeVar("_T")


@typing.dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def config(cls: type[_T]) -> type[_T]:
    """Make the class a section of a recipe: a frozen, keyword-only, slotted dataclass."""
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)


def require(condition: bool, key: str, value: object, remedy: str) -> None:
    """Raise RecipeError with the key, its value and the remedy unless `condition` holds."""
    if not condition:
        raise RecipeError("CM-RECIPE-001", f"{key} = {value!r}: {remedy}")


MAX_NAME_CHARS: Final = 60
"""Keeps names below the 255 bytes that file systems allow, in any script and with the suffixes that a run appends."""
_RESERVED: Final = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))})


def require_name(name: str, where: str, *, may_have_dots: bool = True) -> None:
    """Raise RecipeError unless `name` is a name, not a path: letters and digits of any script, "-", "_" and, where they may be, dots."""
    if may_have_dots:
        allowed, remedy = "-_.", "digits, '-', '_' and '.'; it must not begin with '-' or '.', or end with '.'"
    else:
        allowed, remedy = "-_", "digits, '-' and '_'; it must not begin with '-', and a '.' would separate the parts of a key"
    remedy = f"give a name of at most {MAX_NAME_CHARS} letters (of any script), {remedy}"
    plain = 0 < len(name) <= MAX_NAME_CHARS and all(char in allowed or unicodedata.category(char)[0] in "LMN" for char in name)
    require(plain and not name.startswith((".", "-")) and not name.endswith("."), where, name, remedy)
    require(unicodedata.is_normalized("NFC", name), where, name, "write it in Unicode form NFC, so that every system reads the same name")
    require(name.partition(".")[0].lower() not in _RESERVED, where, name, "choose another name; some systems reserve this one for a device")


def unknown_key(where: str, key: str, known: typing.Iterable[str]) -> RecipeError:
    """The error to raise for a key that is not valid; it names the nearest valid one."""
    names = sorted(known)
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    advice = f"did you mean {near[0]!r}?" if near else f"valid are: {', '.join(names)}"
    return RecipeError("CM-RECIPE-002", f"{where + ': ' if where else ''}unknown key {key!r}; {advice}")
