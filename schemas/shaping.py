"""What shapes the output of a stage besides its input files: settings, code and libraries.

A marker states them, so that a resume knows which stages a changed setting or another version affects.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import json
import platform
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from schemas.files import sha256_of
from schemas.recipe import Recipe
from schemas.stages import STAGES, Stage, StageName

_DRIVER: Final = ("pipelines.driver.run", "pipelines.driver.markers")
"""Modules that shape all stages, besides their own module and its imports."""
_ROOT: Final = Path(__file__).resolve().parents[1]
NOT_OF_THE_CORPUS: Final = (StageName.VALIDATE, StageName.REPORT)
_OWN: Final = ("pipelines", "schemas", "tokenizer")
_DISTRIBUTIONS: Final = {"grpc": "grpcio", "stdnum": "python-stdnum"}
"""Libraries whose distribution has another name than the module."""


def settings_of(recipe: Recipe, *stages: Stage) -> dict[str, object]:
    """The settings that the stages read, as nested plain values; the keys of a section are in its order."""
    plain = recipe.as_dict()
    found: dict[str, object] = {}
    for pattern in (pattern for stage in stages for pattern in stage.settings if not pattern.startswith("-")):
        _copy(plain, found, pattern.split("."))
    for stage in stages:
        for pattern in (pattern[1:] for pattern in stage.settings if pattern.startswith("-")):
            if not any(reads(other, pattern) for other in stages):
                section, _, key = pattern.partition(".")
                _section(found, section).pop(key, None)
    return found


def reads(stage: Stage, key: str) -> bool:
    """Whether the stage reads this dotted setting."""
    parts = key.split(".")
    matching = [pattern for pattern in stage.settings if _begins(pattern.removeprefix("-").split("."), parts)]
    return bool(matching) and not any(pattern.startswith("-") for pattern in matching)


def _begins(pattern: list[str], parts: list[str]) -> bool:
    return len(pattern) <= len(parts) and all(one in ("*", part) for one, part in zip(pattern, parts, strict=False))


def _copy(value: dict[str, object], into: dict[str, object], pattern: list[str]) -> None:
    first, *rest = pattern
    for key in value if first == "*" else (first,):
        one = value[key]
        if rest:
            _copy(_section(value, key), _section(into, key), rest)
        else:
            into[key] = dict(one) if isinstance(one, dict) else one


def _section(settings: dict[str, object], key: str) -> dict[str, object]:
    """The section of that key, added if it is missing."""
    section = settings.setdefault(key, {})
    if not isinstance(section, dict):
        raise TypeError(f"{key!r} is a value, not a section")
    return section


def digest_of(settings: dict[str, object]) -> str:
    """sha256 of settings, independent of the key order."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def corpus_digest(recipe: Recipe) -> str:
    """sha256 of the settings that shape the shards, without those of the model, the report and descriptions."""
    return digest_of(settings_of(recipe, *(stage for stage in STAGES if stage.name not in NOT_OF_THE_CORPUS)))


def versions_of(stage: Stage) -> dict[str, str]:
    """The versions that a stage runs on: the digest of its code, Python, Python's Unicode tables, each imported library."""
    modules = sorted(_closure(stage.module))
    code = hashlib.sha256()
    for path in sorted({*(_file(module) for module in (*modules, *_DRIVER)), *_data_beside(modules)}):
        code.update(f"{path.relative_to(_ROOT)} {sha256_of(path)}\n".encode())
    python = ".".join(platform.python_version_tuple()[:2])
    found = {"code": code.hexdigest()[:16], "python": python, "unicode": unicodedata.unidata_version}
    libraries = {library for module in modules for library in _imports(module)[1]}
    for name in ("corpusmill", *sorted(_DISTRIBUTIONS.get(library, library.replace("_", "-")) for library in libraries)):
        if version := _version(name):
            found[name] = version
    return found


def _closure(entry: str) -> frozenset[str]:
    """The module and all of corpusmill's modules that it imports, directly or through others, anywhere in their text."""
    seen: set[str] = set()
    waiting = [entry]
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting += _imports(module)[0]
    return frozenset(seen)


@functools.cache
def _imports(module: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(corpusmill's modules, libraries) that the module imports anywhere in its text."""
    named: set[str] = set()
    for statement in _statements(ast.parse(_file(module).read_bytes()).body):
        if isinstance(statement, ast.Import):
            named |= {alias.name for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            named |= {statement.module, *(f"{statement.module}.{alias.name}" for alias in statement.names)}
    own = tuple(sorted(name for name in named if name.split(".")[0] in _OWN and _file(name).is_file()))
    roots = {name.split(".")[0] for name in named}
    return own, tuple(sorted(roots - set(_OWN) - sys.stdlib_module_names))


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """All statements at any depth, without looking into expressions."""
    for statement in body:
        yield statement
        for name in ("body", "orelse", "finalbody", "handlers"):
            inner = getattr(statement, name, ())
            yield from _statements([one for part in inner for one in (part.body if isinstance(part, ast.ExceptHandler) else [part])])


def _file(module: str) -> Path:
    path = _ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _data_beside(modules: list[str]) -> Iterator[Path]:
    """Data files in the modules' folders: tables, templates, lists."""
    for folder in sorted({_file(module).parent for module in modules}):
        yield from (path for path in folder.iterdir() if path.is_file() and path.suffix in (".txt", ".html", ".css", ".json", ".toml"))


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
