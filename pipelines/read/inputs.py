"""Paths, folders and globs of a source -> its files with their formats, and how many files were named and are not read.

The format is told by a file's name, or else by its first bytes. Linked folders are followed, each folder once, and a file that has
several names is read once.
"""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipelines.read.files import language_of
from pipelines.read.sniff import content_of
from schemas.errors import InputError
from schemas.file_names import path_of, printable
from schemas.recipe import Source

_COMPRESSED: Final = r"(?:\.gz|\.zst|\.bz2|\.xz)?\Z"
_FORMATS: Final = {
    "warc": re.compile(r"\.(?:warc|wet)" + _COMPRESSED, re.IGNORECASE),
    "jsonl": re.compile(r"\.(?:jsonl|ndjson)" + _COMPRESSED, re.IGNORECASE),
    "parquet": re.compile(r"\.(?:parquet|pq)\Z", re.IGNORECASE),
    "text": re.compile(r"\.(?:txt|md|rst)" + _COMPRESSED, re.IGNORECASE),
}
_KNOWN: Final = "WARC (.warc, .wet), JSON Lines (.jsonl, .ndjson), Parquet (.parquet), text (.txt, .md, .rst), or code with format = 'code'"
_MAGIC: Final = re.compile(r"[*?\[]")
_ENDING: Final = re.compile(r"[^.](\.[a-z0-9_+-]{1,12}(?:\.(?:gz|zst|bz2|xz|zip|lz4|br))?)\Z")
_ANY_FOLDERS: Final = re.compile(r"(?:^|(?<=/))\*\*(?:/+|\Z)")

SEVERAL_NAMES: Final = "other names of what is read"
HIDDEN: Final = "hidden"
EXCLUDED: Final = "excluded"
NO_FILE: Final = "broken links and special files"
MOST_ENDINGS: Final = 12


@dataclass(slots=True)
class Inputs:
    """What a source names: {path: format} of the files that are read, {path: ending or reason} of those that are not."""

    files: dict[str, str] = field(default_factory=dict)
    passed_over: dict[str, str] = field(default_factory=dict)

    def take(self, path: str, format_: str | None, why: str | None = None) -> None:
        """Add a file of a format, or of none."""
        if format_:
            self.files[path] = format_
        else:
            self.passed_over[path] = why or ending_of(path)

    def counts(self) -> dict[str, int]:
        """How many files are passed over by ending or reason, the most frequent first; {ending: n}."""
        counted = Counter(why for path, why in self.passed_over.items() if path not in self.files)
        return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def inputs_of(name: str, source: Source) -> Inputs:
    """The files that the source's paths name, by name; InputError where a path names nothing that can be read."""
    if not all(source.path or [""]):
        raise InputError(f"sources.{name}: nothing to read; set sources.{name}.path to files, folders or globs, or state a crawl")
    found = Inputs()
    for path in source.path:
        where = f"sources.{name}.path = {printable(path)!r}"
        if "://" in path:
            raise InputError(f"{where}: only files of this machine are read; mount it or copy it here")
        here = Inputs()
        _add(path if os.path.exists(path) else path_of(path), source, here, where)  # noqa: PTH110
        if not here.files:
            raise InputError(
                f"{where}: nothing to read there; known are {_KNOWN}{' (exclude may take all away)' if source.exclude else ''}"
                + (f"; passed over: {listed(here.counts())}" if here.passed_over else "")
            )
        found.files |= here.files
        found.passed_over |= here.passed_over
    _keep_one_name_each(found)
    return found


def listed(counts: dict[str, int]) -> str:
    """Counts of files passed over in a few words: "12 .html, 3 .json"."""
    shown = [f"{n} {why}" for why, n in counts.items()]
    rest = sum(list(counts.values())[MOST_ENDINGS:])
    return ", ".join(shown[:MOST_ENDINGS]) + (f" and {rest} others" if rest else "")


def ending_of(path: str) -> str:
    """What a file is counted under where nobody reads it: ".html", ".csv.gz", "no ending"."""
    name = os.path.basename(path).lower()  # noqa: PTH119 - a name of any bytes
    found = _ENDING.search(name)
    return found[1] if found else "no ending" if "." not in name[1:] else "other endings"


def identity(path: str) -> str | tuple[int, int]:
    """Equal for two names of one file; the path itself where the file is gone."""
    try:
        stat = os.stat(path)  # noqa: PTH116
    except OSError:
        return path
    return (stat.st_dev, stat.st_ino) if stat.st_ino else os.path.realpath(path)


def _keep_one_name_each(found: Inputs) -> None:
    """Of several names of one file the one that is no link is kept, else the first."""
    names: dict[object, list[str]] = {}
    for path in sorted(found.files):
        names.setdefault(identity(path), []).append(path)
    kept = {}
    for paths in names.values():
        first = min(paths, key=lambda path: (os.path.realpath(path) != os.path.abspath(path), path)) if paths[1:] else paths[0]  # noqa: PTH100
        kept[first] = found.files[first]
        found.passed_over |= {path: SEVERAL_NAMES for path in paths if path != first}
    found.files = dict(sorted(kept.items()))


def _add(path: str, source: Source, found: Inputs, where: str) -> None:
    """Add what one path of a source names."""
    if os.path.isfile(path):  # noqa: PTH113 - False, and no error, for a name that is too long
        found.take(path, _format_of_named(path, source.format, where))
    elif os.path.isdir(path):  # noqa: PTH112
        _add_below(path, source, found)
    elif _MAGIC.search(path):
        _add_matching(re.sub("//+", "/", path), source, found)
    elif os.path.exists(path):  # noqa: PTH110
        raise InputError(f"{where}: it is neither a file nor a folder; write what it yields to a file first")
    else:
        raise InputError(f"{where}: no such file or folder; check the path (relative to {printable(str(Path.cwd()))})")


def _format_of_named(path: str, stated: str, where: str) -> str:
    """The format of a file that the user named: as stated, by its name or by its first bytes."""
    if stated != "auto":
        return stated
    if known := _format_by_name(path):
        return known
    content = _content_of(path)
    if content in _FORMATS:
        return content
    if content == "json":
        raise InputError(f"{where}: the file is JSON, but not one object a line; write it as JSON Lines, such as with jq -c")
    raise InputError(f"{where}: the name does not say its format, and neither do its first bytes; set sources.NAME.format, or use {_KNOWN}")


def _format_by_name(path: str) -> str | None:
    return next((format_ for format_, suffix in _FORMATS.items() if suffix.search(path)), None)


def _content_of(path: str) -> str:
    try:
        return content_of(Path(path))
    except OSError:
        return "closed"


def _take_found(path: str, stated: str, found: Inputs, *, by_glob: bool) -> None:
    """Add a file that was found in a folder or by a glob."""
    if not os.path.isfile(path):  # noqa: PTH113
        found.take(path, None, NO_FILE)
    elif stated == "code":
        try:
            found.take(path, "code" if language_of(Path(path)) else None)
        except OSError:
            found.take(path, None, f"{ending_of(path)} (cannot be opened)")
    elif stated != "auto" and by_glob:
        found.take(path, stated)
    elif known := _format_by_name(path):
        found.take(path, known if stated in ("auto", known) else None)
    else:
        content = _content_of(path)
        why = {"json": " (not JSON Lines)", "closed": " (cannot be opened)"}.get(content, "")
        found.take(path, content if content in _FORMATS and stated in ("auto", content) else None, ending_of(path) + why)


# --- Folders and globs -----------------------------------------------------------------------------------------------


def _add_below(folder: str, source: Source, found: Inputs) -> None:
    """Add the files in a folder and below it, but for hidden and excluded ones."""
    excluded = _exclusion(source.exclude)

    def is_left_out(path: str, name: str, end: str = "") -> bool:
        why = HIDDEN if name.startswith(".") else EXCLUDED if excluded(Path(path).relative_to(folder).as_posix() + end) else None
        if why:
            found.take(path, None, why)
        return why is not None

    def enters(path: str, name: str) -> bool:
        return not is_left_out(path, name, "/")

    for _, paths in _walk(folder, enters, lambda path: found.take(path, None, SEVERAL_NAMES)):
        for path in paths:
            if not is_left_out(path, os.path.basename(path)):  # noqa: PTH119
                _take_found(path, source.format, found, by_glob=False)


def _add_matching(pattern: str, source: Source, found: Inputs) -> None:
    """Add the files that a glob names; `exclude` is relative to the folder that it begins with."""
    base = _known_folder(pattern)
    excluded = _exclusion(source.exclude)
    for path in dict.fromkeys(_globbed(glob.escape(base) + pattern[len(base) :])):
        if os.path.isdir(path):  # noqa: PTH112
            continue
        if excluded(path[len(base) :]):
            found.take(path, None, EXCLUDED)
        else:
            _take_found(path, source.format, found, by_glob=True)


def _known_folder(pattern: str) -> str:
    """The longest beginning of a glob that is a folder's name as it is, with its slash; "" where there is none."""
    known = ""
    for part in pattern.split("/")[:-1]:
        if not os.path.isdir(f"{known}{part}/"):  # noqa: PTH112
            break
        known += f"{part}/"
    return known


def _globbed(pattern: str) -> Iterator[str]:
    """What a glob names; `**` crosses folders, linked ones too, and enters each once."""
    head, *tail = _ANY_FOLDERS.split(pattern, maxsplit=1)
    if not tail:
        yield from glob.iglob(pattern)  # noqa: PTH207 - takes absolute patterns, too
        return
    for start in glob.iglob(head) if head else [""]:  # noqa: PTH207
        for folder, _ in _walk(start, lambda path, name: not name.startswith("."), lambda path: None):
            yield from _globbed(glob.escape(os.path.join(folder, "")) + (tail[0] or "*"))  # noqa: PTH118


def _walk(top: str, enters: Callable[[str, str], bool], meets_again: Callable[[str], None]) -> Iterator[tuple[str, list[str]]]:
    """(folder, paths of what it contains besides folders) for a folder and those below it that `enters(path, name)` accepts.

    Each folder comes once: under its own name where it has one here, else under that of a link.
    """
    seen: set[object] = set()
    ahead, links = [top], list[str]()
    while ahead or links:
        folder = ahead.pop() if ahead else links.pop(0)
        if (key := identity(folder or ".")) in seen:
            meets_again(folder)
            continue
        seen.add(key)
        others = []
        for entry in _entries(folder):
            path = os.path.join(folder, entry.name)  # noqa: PTH118
            is_link = entry.is_symlink()
            if not (os.path.isdir(path) if is_link else entry.is_dir()):  # noqa: PTH112 - False for a link to itself
                others.append(path)
            elif enters(path, entry.name):
                (links if is_link else ahead).append(path)
        yield folder, others


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder or ".") as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"{printable(folder)}: the folder cannot be listed: {error.strerror}; mend or exclude it") from error


class _exclusion:  # noqa: N801 - used like a function
    """Whether a path relative to the given folder matches one of the globs."""

    def __init__(self, globs: tuple[str, ...]) -> None:
        self.pattern = re.compile("|".join(map(glob_pattern, globs)), re.DOTALL) if globs else None

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
