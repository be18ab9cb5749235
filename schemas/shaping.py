"""The stages of a run, and what shapes the output of each besides the files that it reads: settings, code and libraries.

A marker states both, so that a resume can tell which stages a changed setting or another version affects.
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
from typing import Any, Final

from schemas.files import sha256_of
from schemas.recipe import Recipe

STAGES: Final = ("crawl", "collect", "refine", "tokenizer", "encode", "validate", "report")

READS: Final = {
    "crawl": ("sources.*.crawl",),
    "collect": (
        "seed",
        "sources",
        "read",
        "clean",
        "filters",
        "opt_out",
        "scrub",
        "-scrub.special_tokens",
        "-scrub.max_host_values_per_1000_chars",
        "guards",
        "-guards.max_merged",
        "-guards.max_cluster",
        "-guards.max_same_address",
    ),
    "refine": (
        "seed",
        "sources.*.rules",
        "sources.*.clean",
        "clean",
        "filters",
        "domains",
        "decontaminate",
        "dedup",
        "scrub",
        "-scrub.special_tokens",
        "guards",
        "-guards.max_filtered",
        "-guards.max_failed",
        "-guards.max_failed_files",
        "-guards.max_lost_bytes",
    ),
    "tokenizer": ("seed", "tokenizer", "dedup.protected", "scrub.special_tokens", "scrub.kinds"),
    "encode": ("seed", "encode", "dedup.protected", "tokenizer.special_tokens", "scrub"),
    "validate": ("seed", "pretrain"),
    "report": ("*",),
}
"""By stage the settings that it reads; "*" stands for any one key, and "-" takes settings out again."""

MADE_OF: Final = {
    "crawl": ("pipelines.crawl.crawler",),
    "collect": ("pipelines.read.stage", "pipelines.filters.stage", "pipelines.scrub.stage", "pipelines.scrub.density", "pipelines.guards"),
    "refine": (
        "pipelines.caps",
        "pipelines.dedup.stage",
        "pipelines.dedup.apply.stage",
        "pipelines.dedup.evals.stage",
        "pipelines.dedup.snapshots.stage",
        "pipelines.dedup.forecast",
        "pipelines.filters.stage",
        "pipelines.guards",
        "pipelines.scrub.stage",
        "pipelines.scrub.density",
    ),
    "tokenizer": ("pipelines.encode.stage", "pipelines.encode.evaluate", "pipelines.scrub.scrub", "tokenizer.bpe"),
    "encode": ("pipelines.encode.stage", "pipelines.scrub.scrub", "tokenizer.bpe"),
    "validate": ("pipelines.pretrain.loop",),
    "report": ("pipelines.report.page",),
}
"""By stage the modules that do its work; what they import counts, too, and so do the driver and the graphs of all stages."""

_DRIVER: Final = ("pipelines.run", "pipelines.graph")
_ROOT: Final = Path(__file__).resolve().parents[1]
_OWN: Final = ("pipelines", "schemas", "tokenizer")
_DISTRIBUTIONS: Final = {"grpc": "grpcio", "stdnum": "python-stdnum"}
"""Libraries whose distribution has another name than their module."""


def settings_of(recipe: Recipe, *stages: str) -> dict[str, Any]:
    """What the stages read of the recipe, as nested plain values; all keys of a section in its order."""
    plain = recipe.as_dict()
    found: dict[str, Any] = {}
    for pattern in (pattern for stage in stages for pattern in READS[stage] if not pattern.startswith("-")):
        _copy(plain, found, pattern.split("."))
    for stage in stages:
        for pattern in (pattern[1:] for pattern in READS[stage] if pattern.startswith("-")):
            if not any(reads(other, pattern) for other in stages):
                section, _, key = pattern.partition(".")
                found[section].pop(key, None)
    return found


def reads(stage: str, key: str) -> bool:
    """Whether the stage reads this dotted setting."""
    parts = key.split(".")
    matching = [pattern for pattern in READS[stage] if _begins(pattern.removeprefix("-").split("."), parts)]
    return bool(matching) and not any(pattern.startswith("-") for pattern in matching)


def _begins(pattern: list[str], parts: list[str]) -> bool:
    return len(pattern) <= len(parts) and all(one in ("*", part) for one, part in zip(pattern, parts, strict=False))


def _copy(value: dict[str, Any], into: dict[str, Any], pattern: list[str]) -> None:
    first, *rest = pattern
    for key in value if first == "*" else (first,):
        if not rest:
            one = value[key]
            into[key] = dict(one) if isinstance(one, dict) else one
        else:
            _copy(value[key], into.setdefault(key, {}), rest)


def digest_of(settings: dict[str, Any]) -> str:
    """sha256 of settings, independent of the order of keys."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def corpus_digest(recipe: Recipe) -> str:
    """sha256 of the settings that shape the shards; a setting of the model or a description is none of them."""
    return digest_of(settings_of(recipe, *STAGES[: STAGES.index("validate")]))


def versions_of(stage: str) -> dict[str, str]:
    """What the stage runs on: the digest of its own code, Python, Python's Unicode tables, and each library that the code imports."""
    modules = sorted({module for entry in MADE_OF[stage] for module in _closure(entry)})
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
    """The module and every own one that it imports, directly or through others, wherever it does so."""
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
    """(own modules, libraries) that the module imports anywhere in its text."""
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
    """Files in the modules' folders that are no code: tables, templates, lists."""
    for folder in sorted({_file(module).parent for module in modules}):
        yield from (path for path in folder.iterdir() if path.is_file() and path.suffix in (".txt", ".html", ".css", ".json", ".toml"))


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
