"""Recipes from TOML files and `--set`. A wrong key, type or value raises RecipeError."""

from __future__ import annotations

import dataclasses
import difflib
import math
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypedDict

import msgspec

from schemas.errors import RecipeError
from schemas.file_names import well_formed
from schemas.recipe.base import require, unknown_key
from schemas.recipe.whole import Recipe

RECIPES_DIR: Final = Path(__file__).resolve().parents[2] / "pipelines" / "recipes"
MAX_RECIPE_BYTES: Final = 4 << 20
MAX_WHOLE: Final = 1 << 63
_T = typing.TypeVar("_T")


def list_recipes() -> list[str]:
    """Names of the built-in recipes."""
    return sorted(path.stem for path in RECIPES_DIR.glob("*.toml"))


def load(recipe: str, settings: typing.Sequence[str] = ()) -> Recipe:
    """A built-in recipe by name, a TOML file by path, or the recipe of a run by its folder, with settings applied.

    Raises RecipeError if there is none, or for a wrong key, type or value.
    """
    path = RECIPES_DIR / f"{recipe}.toml"
    if not path.is_file():
        path = Path(recipe)
    if (path / "run.json").is_file():
        data = _read_run(path / "run.json")
    elif path.is_file():
        data = _read_toml(path)
        data.setdefault("name", path.stem)
    else:
        near = difflib.get_close_matches(recipe, list_recipes(), n=1)
        advice = f"did you mean {near[0]!r}?" if near else f"the built-in recipes are: {', '.join(list_recipes())}"
        raise RecipeError("CM-RECIPE-006", f"{recipe!r} is not a built-in recipe, a file or the folder of a run; {advice}")
    for setting in settings:
        apply_setting(data, setting)
    try:
        return parse(data)
    except RecipeError as error:
        raise RecipeError(error.code, f"recipe {recipe!r}: {error.message}") from None


class _StatedRecipe(TypedDict):
    """The part of run.json that is read here."""

    recipe: dict[str, object]


def _read_run(path: Path) -> dict[str, object]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_StatedRecipe)["recipe"]
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise RecipeError("CM-RECIPE-007", f"{path} is damaged ({error}); pass the recipe itself instead of the run folder") from error


def _read_toml(path: Path) -> dict[str, object]:
    if (n_bytes := path.stat().st_size) > MAX_RECIPE_BYTES:
        raise RecipeError(
            "CM-RECIPE-008", f"{path} has {n_bytes} bytes, too many for a recipe; pass inputs with --set sources.NAME.path=FILE"
        )
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))  # some editors begin a file with a byte order mark
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecipeError("CM-RECIPE-009", f"{path} is not valid TOML: {error}; fix it") from error


def apply_setting(data: dict[str, object], setting: str) -> None:
    """Write one `section.key=value` into `data`. The value is read as TOML or, if it is not TOML, as a string."""
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise RecipeError("CM-RECIPE-010", f"--set {setting!r}: write it as section.key=value")
    try:
        read = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        read = {"value": text.strip()}
    if len(read) > 1:
        raise RecipeError("CM-RECIPE-011", f"--set {setting!r}: contains several values; use one --set for each")
    value = read["value"]
    *parents, leaf = (part.strip() for part in key.split("."))
    for parent in parents:
        inner = data.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise RecipeError("CM-RECIPE-012", f"--set {setting!r}: {parent!r} is a value, not a section")
        data = inner
    data[leaf] = _as_text(value)


def _as_text(value: object) -> object:
    """The value with file names that are not UTF-8 as text, so that the recipe can be written as JSON."""
    if isinstance(value, list):
        return [_as_text(one) for one in value]
    if isinstance(value, dict):
        return {well_formed(key): _as_text(one) for key, one in value.items()}
    return well_formed(value) if isinstance(value, str) else value


def parse(data: Mapping[str, object]) -> Recipe:
    """The recipe in `data`, as read from TOML. Raises RecipeError for a wrong key, type or value."""
    return _convert(Recipe, data)


def section(kind: type[_T], settings: typing.Sequence[str]) -> _T:
    """A section on its own, with `key=value` settings over its defaults."""
    data: dict[str, object] = {}
    for setting in settings:
        apply_setting(data, setting)
    return _convert(kind, data)


def _convert(kind: type[_T], data: Mapping[str, object]) -> _T:
    prepared = _prepare(kind, dict(data), "")
    try:
        return msgspec.convert(prepared, kind)
    except msgspec.ValidationError as error:
        cause = error.__cause__
        if isinstance(cause, RecipeError):
            raise cause from None
        message, _, where = str(error).partition(" - at `$.")
        raise RecipeError("CM-RECIPE-013", f"{where.rstrip('`') or 'recipe'}: {message}") from None


def _prepare(kind: object, data: object, where: str) -> object:
    """`data` with None for "off" and lists for single strings. Raises RecipeError for unknown keys, nan, inf and too large numbers."""
    if isinstance(data, float):
        require(math.isfinite(data), where, data, 'give a number, or "off" for no limit')
    if isinstance(data, int):
        require(abs(data) < MAX_WHOLE, where, data, "give a number below 2^63")
    alternatives = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if data == "off" and types.NoneType in alternatives:
        return None
    for alternative in alternatives:
        origin = typing.get_origin(alternative)
        if dataclasses.is_dataclass(alternative) and isinstance(data, dict):
            hints = typing.get_type_hints(alternative)
            for key in data:
                if key not in hints:
                    raise unknown_key(where, key, hints)
            return {key: _prepare(hints[key], value, f"{where}.{key}".lstrip(".")) for key, value in data.items()}
        if origin is dict and isinstance(data, dict):
            inner = typing.get_args(alternative)[1]
            return {key: _prepare(inner, value, f"{where}.{key}".lstrip(".")) for key, value in data.items()}
        if origin is tuple and isinstance(data, str | list):
            inner = typing.get_args(alternative)[0]
            return [_prepare(inner, value, where) for value in ([data] if isinstance(data, str) else data)]
        if origin is typing.Literal and isinstance(data, str) and data not in (valid := typing.get_args(alternative)):
            raise RecipeError("CM-RECIPE-014", f"{where} = {data!r}: valid are {', '.join(valid)}")
    return data
