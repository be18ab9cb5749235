"""Sources -> splits: what is read as one piece of work, numbered the same on every machine and for any number of workers.

A WARC, JSONL or Parquet file is a split of its own; text and code files are gathered to some 16 MiB. A file belongs to one
source only, so that (origin_file, origin_offset, part) names a record in the whole run.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipelines.read.inputs import identity, inputs_of
from schemas.errors import InputError
from schemas.file_names import printable
from schemas.recipe import Source
from schemas.splits import Plan, Split

GATHER_BYTES: Final = 16 << 20


def plan(sources: dict[str, Source], run_folder: Path) -> list[Split]:
    """The splits of all sources, in the order of the recipe and of the file names; InputError where there is nothing to read."""
    return plan_all(sources, run_folder).splits


def plan_all(sources: dict[str, Source], run_folder: Path) -> Plan:
    """What `plan` finds, and what it passes over."""
    found = Plan([], {})
    owners: dict[object, str] = {}
    for name, source in sources.items():
        root = run_folder if source.crawl is not None else Path()
        files, found.passed_over[name] = _crawled(name, run_folder) if source.crawl is not None else _given(name, source)
        for file in files:
            for key in (identity(os.path.join(root, file)), f"name {file}"):  # noqa: PTH118
                owner = owners.setdefault(key, name)
                if owner != name:
                    raise InputError(
                        f"sources {owner!r} and {name!r} both read {printable(file)}; let only one of them have it (exclude takes globs)"
                    )
        for format_, group in _gather(files, root):
            place = "" if root == Path() else str(root)
            found.splits.append(Split(index=len(found.splits), source=name, format=format_, files=group, root=place))
    return found


def describe_inputs(splits: list[Split]) -> tuple[str, ...]:
    """One line per input file: path, size in bytes, time of modification in ns; -1 for a file that is gone."""
    lines = []
    for split in splits:
        for file in split.files:
            size, modified = _size_and_time(Path(split.root) / file)
            lines.append(f"{split.source} {split.format} {printable(file)} {size} {modified}")
    return tuple(lines)


def input_bytes(splits: list[Split]) -> Counter[str]:
    """Bytes of the input files by source."""
    sizes: Counter[str] = Counter()
    for split in splits:
        sizes[split.source] += sum(max(0, _size_and_time(Path(split.root) / file)[0]) for file in split.files)
    return sizes


def _size_and_time(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:  # whoever reads it says so
        return -1, -1
    return stat.st_size, stat.st_mtime_ns


def _gather(files: dict[str, str], root: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(format, files of one split); neighbours among small files share one."""
    held: list[str] = []
    held_format, n_bytes = "", 0
    for file, format_ in files.items():
        size, _ = _size_and_time(root / file)
        if held and (format_ != held_format or format_ not in ("text", "code") or n_bytes + size > GATHER_BYTES):
            yield held_format, tuple(held)
            held, n_bytes = [], 0
        held.append(file)
        held_format, n_bytes = format_, n_bytes + size
    if held:
        yield held_format, tuple(held)


def _given(name: str, source: Source) -> tuple[dict[str, str], dict[str, int]]:
    found = inputs_of(name, source)
    return found.files, found.counts()


def _crawled(name: str, run_folder: Path) -> tuple[dict[str, str], dict[str, int]]:
    """The WARC files that the crawl of this source left in the run folder."""
    folder = run_folder / "crawl" / name
    files = sorted(folder.glob("*.warc.gz"))
    if not files:
        raise InputError(f"sources.{name}.crawl: no WARC file in {folder}; no page could be fetched: see the crawl's counts")
    return {file.relative_to(run_folder).as_posix(): "warc" for file in files}, {}
