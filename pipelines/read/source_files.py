"""The paths, folders and globs of a source -> its files with their formats, and how many named files are not read.

The format follows from a file's name, or else from its first bytes. Linked folders are followed, each folder once, and a file with several
names is read once.
"""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from pipelines.read.reader import Reader
from pipelines.read.readers import Detected, detect, known_formats, reader_by_name, stated_reader
from schemas.errors import InputError
from schemas.file_names import path_of, printable
from schemas.recipe import Source

_MAGIC: Final = re.compile(r"[*?\[]")
_ENDING: Final = re.compile(r"[^.](\.[a-z0-9_+-]{1,12}(?:\.(?:gz|zst|bz2|xz|zip|lz4|br))?)\Z")
_ANY_FOLDERS: Final = re.compile(r"(?:^|(?<=/))\*\*(?:/+|\Z)")

SEVERAL_NAMES: Final = "other names of what is read"
HIDDEN: Final = "hidden"
EXCLUDED: Final = "excluded"
NO_FILE: Final = "broken links and special files"
CANNOT_BE_OPENED: Final = "cannot be opened"
MOST_ENDINGS: Final = 12

FileIdentity = str | tuple[int, int]
"""(device, inode) of a file; a path where there is none."""


@dataclass(slots=True)
class SourceFiles:
    """The files that a source names."""

    formats: dict[str, str] = field(default_factory=dict)
    """Path -> format of each file that is read."""
    passed_over: dict[str, str] = field(default_factory=dict)
    """Path -> reason for each file that is not: one of the constants above, or the ending of its name."""

    def add(self, path: str, reader: Reader) -> None:
        """Read a file."""
        self.formats[path] = reader.format

    def pass_over(self, path: str, why: str | None = None) -> None:
        """Do not read a file; without a reason it counts under its ending."""
        self.passed_over[path] = why or file_ending(path)

    def counts(self) -> dict[str, int]:
        """How many files are passed over, by reason, most frequent first."""
        counted = Counter(why for path, why in self.passed_over.items() if path not in self.formats)
        return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def source_files(name: str, source: Source) -> SourceFiles:
    """The files that the source's paths name, sorted by name; InputError if a path names nothing that can be read."""
    if not all(source.path or [""]):
        raise InputError(
            "CM-READ-004", f"sources.{name}: nothing to read; set sources.{name}.path to files, folders or globs, or add a crawl"
        )
    files = SourceFiles()
    for path in source.path:
        where = f"sources.{name}.path = {printable(path)!r}"
        if "://" in path:
            raise InputError("CM-READ-005", f"{where}: only files on this machine can be read; mount it or copy it here")
        here = SourceFiles()
        _add(path if os.path.exists(path) else path_of(path), source, here, where)  # noqa: PTH110
        if not here.formats:
            passed_over = f" (passed over: {describe_passed_over(here.counts())})" if here.passed_over else ""
            remedy = f"use {known_formats()}" + (", or narrow exclude, which may cover every file" if source.exclude else "")
            raise InputError("CM-READ-006", f"{where}: no readable file there{passed_over}; {remedy}")
        files.formats |= here.formats
        files.passed_over |= here.passed_over
    _keep_one_name_each(files)
    return files


def describe_passed_over(counts: dict[str, int]) -> str:
    """Counts of files passed over, for messages: "12 .html, 3 .json"."""
    shown = [f"{n} {why}" for why, n in counts.items()]
    n_others = sum(list(counts.values())[MOST_ENDINGS:])
    return ", ".join(shown[:MOST_ENDINGS]) + (f" and {n_others} others" if n_others else "")


def file_ending(path: str) -> str:
    """The ending under which an unread file counts: ".html", ".csv.gz", "no ending"."""
    name = os.path.basename(path).lower()  # noqa: PTH119 - a name of any bytes
    found = _ENDING.search(name)
    return found[1] if found else "no ending" if "." not in name[1:] else "other endings"


def file_identity(path: str) -> FileIdentity:
    """Equal for two names of one file; the path itself if the file is gone."""
    try:
        stat = os.stat(path)  # noqa: PTH116
    except OSError:
        return path
    return (stat.st_dev, stat.st_ino) if stat.st_ino else os.path.realpath(path)


def _keep_one_name_each(files: SourceFiles) -> None:
    """Of several names of one file, keep the one that is not a link, else the first."""
    names: dict[FileIdentity, list[str]] = {}
    for path in sorted(files.formats):
        names.setdefault(file_identity(path), []).append(path)
    kept = {}
    for paths in names.values():
        first = min(paths, key=lambda path: (os.path.realpath(path) != os.path.abspath(path), path)) if paths[1:] else paths[0]  # noqa: PTH100
        kept[first] = files.formats[first]
        files.passed_over |= {path: SEVERAL_NAMES for path in paths if path != first}
    files.formats = dict(sorted(kept.items()))


def _add(path: str, source: Source, files: SourceFiles, where: str) -> None:
    """Add the files that one path of a source names."""
    if os.path.isfile(path):  # noqa: PTH113 - False, and no error, for a name that is too long
        files.add(path, stated_reader(source.format) or _reader_of_named(path, where))
    elif os.path.isdir(path):  # noqa: PTH112
        _add_below(path, source, files)
    elif _MAGIC.search(path):
        _add_matching(re.sub("//+", "/", path), source, files)
    elif os.path.exists(path):  # noqa: PTH110
        raise InputError("CM-READ-007", f"{where}: neither a file nor a folder; save its output to a file first")
    else:
        raise InputError("CM-READ-008", f"{where}: no such file or folder; check the path (relative to {printable(str(Path.cwd()))})")


def _reader_of_named(path: str, where: str) -> Reader:
    """The reader of a file that the user named, by its name or its first bytes."""
    if reader := reader_by_name(path):
        return reader
    try:
        content = detect(Path(path))
    except OSError:
        content = Detected(None)
    if content.reader:
        return content.reader
    if content.near_miss:
        raise InputError("CM-READ-009", f"{where}: {content.near_miss.remedy}")
    raise InputError(
        "CM-READ-010", f"{where}: unknown format, by name and by first bytes; set sources.NAME.format, or use {known_formats()}"
    )


def _add_found(path: str, stated: Reader | None, files: SourceFiles, *, by_glob: bool) -> None:
    """Add a file that was found in a folder or by a glob."""
    if not os.path.isfile(path):  # noqa: PTH113
        files.pass_over(path, NO_FILE)
        return
    note = ""
    try:
        if stated and stated.accepts:
            reader = stated if stated.accepts(Path(path)) else None
        elif stated and by_glob:
            reader = stated
        elif known := reader_by_name(path):
            reader = known
        else:
            reader, near_miss = detect(Path(path))
            note = f" ({near_miss.note})" if near_miss else ""
    except OSError:
        reader, note = None, f" ({CANNOT_BE_OPENED})"
    if reader and stated in (None, reader):
        files.add(path, reader)
    else:
        files.pass_over(path, file_ending(path) + note)


# --- Folders and globs -----------------------------------------------------------------------------------------------


def _add_below(folder: str, source: Source, files: SourceFiles) -> None:
    """Add the files in a folder and below it, except hidden and excluded ones."""
    excluded = _Exclusion(source.exclude)

    def is_left_out(path: str, name: str, end: str = "") -> bool:
        why = HIDDEN if name.startswith(".") else EXCLUDED if excluded(Path(path).relative_to(folder).as_posix() + end) else None
        if why:
            files.pass_over(path, why)
        return why is not None

    def enters(path: str, name: str) -> bool:
        return not is_left_out(path, name, "/")

    stated = stated_reader(source.format)
    for visited in _walk(folder, enters, lambda path: files.pass_over(path, SEVERAL_NAMES)):
        for path in visited.files:
            if not is_left_out(path, os.path.basename(path)):  # noqa: PTH119
                _add_found(path, stated, files, by_glob=False)


def _add_matching(pattern: str, source: Source, files: SourceFiles) -> None:
    """Add the files that a glob names; `exclude` is relative to the folder at the beginning of the glob."""
    base = _known_folder(pattern)
    excluded, stated = _Exclusion(source.exclude), stated_reader(source.format)
    for path in dict.fromkeys(_globbed(glob.escape(base) + pattern[len(base) :])):
        if os.path.isdir(path):  # noqa: PTH112
            continue
        if excluded(path[len(base) :]):
            files.pass_over(path, EXCLUDED)
        else:
            _add_found(path, stated, files, by_glob=True)


def _known_folder(pattern: str) -> str:
    """The longest beginning of a glob that names an existing folder, with its slash; "" if there is none."""
    known = ""
    for part in pattern.split("/")[:-1]:
        if not os.path.isdir(f"{known}{part}/"):  # noqa: PTH112
            break
        known += f"{part}/"
    return known


def _globbed(pattern: str) -> Iterator[str]:
    """The paths that a glob names; `**` crosses folders, linked ones too, and enters each once."""
    head, *tail = _ANY_FOLDERS.split(pattern, maxsplit=1)
    if not tail:
        yield from glob.iglob(pattern)  # noqa: PTH207 - takes absolute patterns, too
        return
    for start in glob.iglob(head) if head else [""]:  # noqa: PTH207
        for visited in _walk(start, lambda path, name: not name.startswith("."), lambda path: None):
            yield from _globbed(glob.escape(os.path.join(visited.folder, "")) + (tail[0] or "*"))  # noqa: PTH118


class _VisitedFolder(NamedTuple):
    folder: str
    files: list[str]
    """Paths of everything in it but folders."""


def _walk(top: str, enters: Callable[[str, str], bool], on_repeat: Callable[[str], None]) -> Iterator[_VisitedFolder]:
    """A folder, and those below it that `enters(path, name)` accepts.

    Each folder comes once: under its own name if that lies below `top`, else under the name of a link. `on_repeat` gets its other names.
    """
    visited: set[FileIdentity] = set()
    ahead, links = [top], list[str]()
    while ahead or links:
        folder = ahead.pop() if ahead else links.pop(0)
        if (key := file_identity(folder or ".")) in visited:
            on_repeat(folder)
            continue
        visited.add(key)
        others = []
        for entry in _entries(folder):
            path = os.path.join(folder, entry.name)  # noqa: PTH118
            is_link = entry.is_symlink()
            if not (os.path.isdir(path) if is_link else entry.is_dir()):  # noqa: PTH112 - False for a link to itself
                others.append(path)
            elif enters(path, entry.name):
                (links if is_link else ahead).append(path)
        yield _VisitedFolder(folder, others)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder or ".") as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(
            "CM-READ-011", f"{printable(folder)}: the folder cannot be listed: {error.strerror}; repair or exclude it"
        ) from error


class _Exclusion:
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
