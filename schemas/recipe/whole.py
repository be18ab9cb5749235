"""The recipe as a whole."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import Any

import msgspec

from schemas.recipe.base import FilePath, Threshold, config, require, require_name
from schemas.recipe.clean import Clean, check_steps
from schemas.recipe.decontaminate import Decontaminate
from schemas.recipe.dedup import Dedup
from schemas.recipe.domains import Domains
from schemas.recipe.filters import Filters, check_rules, with_variants, without_variants
from schemas.recipe.opt_out import OptOut
from schemas.recipe.pretrain import Pretrain
from schemas.recipe.scrub import Scrub
from schemas.recipe.sources import Read, Source
from schemas.recipe.tokens import Encode, Tokenizer


@config
class Guards:
    """Ceilings on loss: a run stops if a stage removes a larger share of a source or language. "off" turns a ceiling off."""

    max_filtered: Threshold = 0.98
    """Maximum share of documents in a kept language that the filters remove, by source and by language."""
    max_merged: Threshold = 0.90
    """Maximum share of documents that dedup merges or drops, by source and by language."""
    max_cluster: Threshold = 0.25
    """Maximum share of all documents that dedup may merge into one."""
    max_same_address: Threshold = None
    """Maximum share of documents, of all that dedup's kind `url` compared, that share a URL with a preferred document but are not
    similar. They stay, but if there are many, the URLs of this input do not identify documents. Off by default.
    """
    max_failed: Threshold = 0.90
    """Maximum share of records that cannot be read, by source."""
    max_lost_bytes: Threshold = 0.50
    """Maximum share of bytes of the input files, as stored, that cannot be read and hold an unknown number of records, by source."""
    max_failed_files: Threshold = 0.5
    """Maximum share of files of which nothing can be read, by source; even a source with few files is judged."""
    min_documents: int = 100
    """Sources and languages with fewer documents or records are not judged."""


@config
class Recipe:
    """Everything that a run does."""

    name: str
    """Name of the run, for its report; the run folder is runs/NAME unless --out is given."""
    description: str = ""
    """A sentence for the report and the dataset card."""
    seed: int = 0
    """Seed of all random choices: samples, splits, shuffles."""
    sources: dict[str, Source]
    """Inputs by name; a crawl's folder has the name of its source."""
    read: Read = field(default_factory=Read)
    clean: Clean = field(default_factory=Clean)
    filters: Filters = field(default_factory=Filters)
    domains: Domains = field(default_factory=Domains)
    decontaminate: Decontaminate = field(default_factory=Decontaminate)
    dedup: Dedup = field(default_factory=Dedup)
    opt_out: OptOut = field(default_factory=OptOut)
    scrub: Scrub = field(default_factory=Scrub)
    tokenizer: Tokenizer = field(default_factory=Tokenizer)
    encode: Encode = field(default_factory=Encode)
    pretrain: Pretrain = field(default_factory=Pretrain)
    guards: Guards = field(default_factory=Guards)

    def __post_init__(self) -> None:
        require(bool(self.sources), "sources", {}, "name at least one source, for example [sources.web]")
        require_name(self.name, "name")
        for name in self.sources:
            require_name(name, "sources", may_have_dots=False)
        for key, kind in (("email_hashes", "email"), ("phone_hashes", "phone")):
            path = getattr(self.opt_out, key)
            require(
                path is None or kind in self.scrub.kinds,
                f"opt_out.{key}",
                path,
                f"add {kind!r} to scrub.kinds; other kinds are not searched for",
            )
        own = {name: source.rules for name, source in self.sources.items() if source.rules is not None}
        for name, rules in own.items():
            check_rules(rules, f"sources.{name}.rules")
        if any(":" in rule for rules in (self.filters.rules, *own.values()) for rule in rules):
            sources = {name: dataclasses.replace(self.sources[name], rules=without_variants(rules)) for name, rules in own.items()}
            every = tuple(rule for rules in (self.filters.rules, *own.values()) for rule in rules)
            object.__setattr__(self, "filters", with_variants(self.filters, every))
            object.__setattr__(self, "sources", {**self.sources, **sources})
        for name, source in self.sources.items():
            if source.clean is not None:
                check_steps(source.clean, f"sources.{name}.clean")
        for key in ("priority", "protected"):
            unknown = sorted(set(getattr(self.dedup, key)) - set(self.sources))
            require(not unknown, f"dedup.{key}", unknown, f"name sources of the recipe: {', '.join(sorted(self.sources))}")

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain lists, dicts and scalars, as in run.json."""
        return {key: _with_whole_numbers(value) for key, value in msgspec.to_builtins(self).items()}

    def files_named_in(self, *sections: str) -> tuple[str, ...]:
        """One line for each file that these sections name, such as a model or a list: key, path, bytes, modification time in ns."""
        hints = typing.get_type_hints(Recipe)
        return tuple(line for section in sections for line in _files_in(getattr(self, section), hints[section], section))

    def digest(self) -> str:
        """sha256 of the resolved recipe, independent of the key order and layout of its file."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()


def _files_in(value: object, kind: object, key: str) -> Iterator[str]:
    """The lines of `files_named_in` for a value of this type: only values declared as FilePath are files."""
    if kind == FilePath and isinstance(value, str):
        stat = Path(value).stat() if Path(value).is_file() else None
        if stat:
            yield f"{key} {value} {stat.st_size} {stat.st_mtime_ns}"
    elif dataclasses.is_dataclass(value):
        for name, hint in typing.get_type_hints(type(value), include_extras=True).items():
            yield from _files_in(getattr(value, name), hint, f"{key}.{name}")
    elif typing.get_origin(kind) in (types.UnionType, typing.Union):
        for one in typing.get_args(kind):
            yield from _files_in(value, one, key)
    elif typing.get_origin(kind) is dict and isinstance(value, dict):
        for name, one in value.items():
            yield from _files_in(one, typing.get_args(kind)[1], f"{key}.{name}")


def _with_whole_numbers(value: object) -> object:
    """5.0 as 5, so that a default is written as it is read back."""
    if isinstance(value, dict):
        return {key: _with_whole_numbers(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_with_whole_numbers(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
