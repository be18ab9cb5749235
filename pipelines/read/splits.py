"""Sources -> splits: what is read as one piece of work, numbered the same on every machine and for any number of workers.

A WARC, JSONL or Parquet file is a split of its own; text and code files are gathered to some 16 MiB. A file belongs to one
source only, so that (origin_file, origin_offset, part) names a record in the whole run.
"""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipelines.read.files import language_of
from schemas.errors import InputError
from schemas.recipe import Source

GATHER_BYTES: Final = 16 << 20

_COMPRESSED: Final = r"(?:\.gz|\.zst|\.bz2|\.xz)?$"
_FORMATS: Final = {
    "warc": re.compile(r"\.(?:warc|wet)(?:\.gz|\.zst)?$", re.IGNORECASE),
    "jsonl": re.compile(r"\.(?:jsonl|ndjson)" + _COMPRESSED, re.IGNORECASE),
    "parquet": re.compile(r"\.(?:parquet|pq)$", re.IGNORECASE),
    "text": re.compile(r"\.(?:txt|md|rst)" + _COMPRESSED, re.IGNORECASE),
}
_KNOWN: Final = "WARC (.warc, .wet), JSON Lines (.jsonl, .ndjson), Parquet (.parquet), text (.txt, .md, .rst), or code with format = 'code'"
_MAGIC: Final = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Files that are read one after the other by one worker."""

    index: int
    source: str
    format: str
    files: tuple[str, ...]
    """As the user wrote them, or as found below what they wrote; what the ledger names."""
    root: str = ""
    """What `files` are relative to: the run folder for what it crawled itself, else the working folder."""


def plan(sources: dict[str, Source], run_folder: Path) -> list[Split]:
    """The splits of all sources, in the order of the recipe and of the file names; InputError where there is nothing to read."""
    splits: list[Split] = []
    owners: dict[str, str] = {}
    for name, source in sources.items():
        root = run_folder if source.crawl is not None else Path()
        files = _crawled(name, run_folder) if source.crawl is not None else _given(name, source)
        for file in files:
            for key in (os.path.realpath(root / file), f"name {file}"):
                owner = owners.setdefault(key, name)
                if owner != name:
                    raise InputError(f"sources {owner!r} and {name!r} both read {file}; let only one of them have it (exclude takes globs)")
        for format_, group in _gather(files, root):
            splits.append(Split(index=len(splits), source=name, format=format_, files=group, root="" if root == Path() else str(root)))
    return splits


def describe_inputs(splits: list[Split]) -> tuple[str, ...]:
    """One line per input file: path, size in bytes, time of modification in ns."""
    lines = []
    for split in splits:
        for file in split.files:
            stat = (Path(split.root) / file).stat()
            lines.append(f"{split.source} {split.format} {file} {stat.st_size} {stat.st_mtime_ns}")
    return tuple(lines)


def input_bytes(splits: list[Split]) -> Counter[str]:
    """Bytes of the input files by source."""
    sizes: Counter[str] = Counter()
    for split in splits:
        sizes[split.source] += sum((Path(split.root) / file).stat().st_size for file in split.files)
    return sizes


def _gather(files: dict[str, str], root: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(format, files of one split); neighbours among small files share one."""
    held: list[str] = []
    held_format, n_bytes = "", 0
    for file, format_ in files.items():
        size = (root / file).stat().st_size
        if held and (format_ != held_format or format_ not in ("text", "code") or n_bytes + size > GATHER_BYTES):
            yield held_format, tuple(held)
            held, n_bytes = [], 0
        held.append(file)
        held_format, n_bytes = format_, n_bytes + size
    if held:
        yield held_format, tuple(held)


# --- Which files -----------------------------------------------------------------------------------------------------


def _crawled(name: str, run_folder: Path) -> dict[str, str]:
    """The WARC files that the crawl of this source left in the run folder."""
    folder = run_folder / "crawl" / name
    files = sorted(folder.glob("*.warc.gz"))
    if not files:
        raise InputError(f"sources.{name}.crawl: no WARC file in {folder}; no page could be fetched: see the crawl's counts")
    return {file.relative_to(run_folder).as_posix(): "warc" for file in files}


def _given(name: str, source: Source) -> dict[str, str]:
    """{file: format} of everything that the source's paths name, sorted."""
    if not all(source.path or [""]):
        raise InputError(f"sources.{name}: nothing to read; set sources.{name}.path to files, folders or globs, or state a crawl")
    found: dict[str, str] = {}
    for path in source.path:
        where = f"sources.{name}.path = {path!r}"
        if "://" in path:
            raise InputError(f"{where}: only files of this machine are read; mount it or copy it here")
        if Path(path).is_file():
            found[path] = _format_of_named(path, source.format, where)
            continue
        if Path(path).is_dir():
            files = _below(path, source)
        elif _MAGIC.search(path):
            files = _matching(path, source)
        else:
            raise InputError(f"{where}: no such file or folder; check the path (relative to {Path.cwd()})")
        if not files:
            raise InputError(
                f"{where}: nothing to read there; known are {_KNOWN}{' (exclude may take all away)' if source.exclude else ''}"
            )
        found |= files
    return dict(sorted(found.items()))


def _format_of_named(path: str, stated: str, where: str) -> str:
    """The format of a file that the user named: as stated, or by its suffix."""
    if stated != "auto":
        return stated
    for format_, suffix in _FORMATS.items():
        if suffix.search(path):
            return format_
    raise InputError(f"{where}: the name does not say its format; set sources.NAME.format, or use {_KNOWN}")


def _format_of_found(path: str, stated: str, *, by_glob: bool) -> str | None:
    """The format of a file found in a folder or by a glob; None if it is no input."""
    if stated == "code":
        return "code" if language_of(Path(path)) else None
    if stated != "auto" and by_glob:
        return stated
    formats = _FORMATS if stated == "auto" else {stated: _FORMATS[stated]}
    return next((format_ for format_, suffix in formats.items() if suffix.search(path)), None)


def _below(folder: str, source: Source) -> dict[str, str]:
    """{file: format} of the inputs in a folder and below it, hidden ones and excluded ones left out."""
    excluded = _exclusion(source.exclude)
    found = {}
    for here, folders, files in os.walk(folder, followlinks=False):
        relative = Path(here).relative_to(folder)
        folders[:] = [name for name in folders if not name.startswith(".") and not excluded(f"{(relative / name).as_posix()}/")]
        for name in files:
            path = os.path.join(here, name)  # noqa: PTH118 - keeps the user's way of writing the folder
            if not name.startswith(".") and not excluded((relative / name).as_posix()) and Path(path).is_file():
                format_ = _format_of_found(path, source.format, by_glob=False)
                if format_:
                    found[path] = format_
    return found


def _matching(pattern: str, source: Source) -> dict[str, str]:
    """{file: format} of the inputs that a glob names; `exclude` is relative to its part without wildcards."""
    base = Path(pattern[: _MAGIC.search(pattern).start()].rpartition("/")[0] or ("/" if pattern.startswith("/") else "."))  # type: ignore[union-attr]
    excluded = _exclusion(source.exclude)
    found = {}
    for path in glob.iglob(pattern, recursive=True):  # noqa: PTH207 - takes absolute patterns, too
        if Path(path).is_file() and not excluded(Path(path).relative_to(base).as_posix()):
            format_ = _format_of_found(path, source.format, by_glob=True)
            if format_:
                found[path] = format_
    return found


class _exclusion:  # noqa: N801 - used like a function
    """Whether a path relative to the given folder matches one of the globs."""

    def __init__(self, globs: tuple[str, ...]) -> None:
        self.pattern = re.compile("|".join(map(glob_pattern, globs))) if globs else None

    def __call__(self, path: str) -> bool:
        return self.pattern is not None and self.pattern.fullmatch(path) is not None


_GLOB_TOKEN: Final = re.compile(r"\*\*/|\*\*|\*|\?|\[[^\]]+\]|.", re.DOTALL)
_GLOB_MEANING: Final = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def glob_pattern(pattern: str) -> str:
    """The regular expression of a glob in which `**` crosses folders: "**/test/*" -> "(?:.*/)?test/[^/]*"."""
    tokens = _GLOB_TOKEN.findall(pattern)
    return "".join(
        _GLOB_MEANING.get(token) or (token.replace("[!", "[^", 1) if token.startswith("[") and len(token) > 1 else re.escape(token))
        for token in tokens
    )
