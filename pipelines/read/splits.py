"""Sources -> splits: the pieces of work of the reading stage, numbered the same on every machine and for any number of workers.

A file of many records is a split of its own. Files that are one record each, such as text and code, are gathered to about 16 MiB. A file
belongs to one source only, so that (origin_file, origin_offset, part) identifies a record within the run.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipelines.read.formats import warc
from pipelines.read.readers import reader_of
from pipelines.read.source_files import FileIdentity, SourceFiles, file_identity, source_files
from schemas import layout
from schemas.errors import InputError
from schemas.file_names import printable
from schemas.recipe import Source
from schemas.splits import Plan, Split

GATHER_BYTES: Final = 16 << 20


def plan(sources: dict[str, Source], run_folder: Path) -> list[Split]:
    """The splits of all sources, in the order of the recipe and of the file names; InputError if a source has nothing to read."""
    return plan_sources(sources, run_folder).splits


def plan_sources(sources: dict[str, Source], run_folder: Path) -> Plan:
    """The splits as by `plan`, and how many files of each source are passed over."""
    planned = Plan([], {})
    owners = _Owners()
    for name, source in sources.items():
        root = run_folder if source.crawl is not None else Path()
        files = _crawled_files(name, run_folder) if source.crawl is not None else source_files(name, source)
        planned.passed_over[name] = files.counts()
        for file in files.formats:
            owners.claim(name, file, root)
        for format_, group in _gather(files.formats, root):
            shown_root = "" if root == Path() else str(root)
            planned.splits.append(Split(index=len(planned.splits), source=name, format=format_, files=group, root=shown_root))
    return planned


class _Owners:
    """Which source reads which file."""

    def __init__(self) -> None:
        self.by_file: dict[FileIdentity, str] = {}
        self.by_name: dict[str, str] = {}

    def claim(self, source: str, file: str, root: Path) -> None:
        """InputError if another source reads the same file, or a file with the same name in the ledger."""
        for owner in (
            self.by_file.setdefault(file_identity(os.path.join(root, file)), source),  # noqa: PTH118
            self.by_name.setdefault(file, source),
        ):
            if owner != source:
                raise InputError(
                    "CM-READ-012",
                    f"sources {owner!r} and {source!r} both read {printable(file)}; leave it to one of them, e.g. with a glob in exclude",
                )


def describe_inputs(splits: list[Split]) -> tuple[str, ...]:
    """One line per input file: source, format, path, size in bytes and modification time in ns; -1 for both if the file is gone."""
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
    except OSError:  # reading the file reports it
        return -1, -1
    return stat.st_size, stat.st_mtime_ns


def _gather(formats: dict[str, str], root: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(format, files of one split): neighbours share a split if each of them is one record and all are small."""
    held: list[str] = []
    held_format, n_bytes = "", 0
    for file, format_ in formats.items():
        size, _ = _size_and_time(root / file)
        if held and (format_ != held_format or not reader_of(format_).is_one_record or n_bytes + size > GATHER_BYTES):
            yield held_format, tuple(held)
            held, n_bytes = [], 0
        held.append(file)
        held_format, n_bytes = format_, n_bytes + size
    if held:
        yield held_format, tuple(held)


def _crawled_files(name: str, run_folder: Path) -> SourceFiles:
    """The WARC files that the crawl of this source left in the run folder."""
    folder = run_folder / layout.CRAWL / name
    files = sorted(folder.glob("*.warc.gz"))
    if not files:
        raise InputError(
            "CM-READ-013", f"sources.{name}.crawl: no WARC file in {folder}, since no page could be fetched; see the counts of the crawl"
        )
    return SourceFiles({file.relative_to(run_folder).as_posix(): warc.READER.format for file in files})
