"""Reading files whose content is known, and what is wrong with what came out."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from pipelines.read.batches import read_split
from pipelines.read.splits import plan_sources
from schemas.hops import DOCUMENT
from schemas.recipe import Read, Source
from schemas.splits import Split
from testkit.fuzz.damage import Damaged, damaged
from testkit.fuzz.files import File, file_of
from testkit.fuzz.texts import Text


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, and with which file: `file_of` and `damaged` make it again."""

    seed: int
    number: int
    name: str
    how: tuple[str, ...]
    what: str


@dataclass(slots=True)
class Tally:
    """What a slice came to."""

    n_files: int = 0
    n_records: int = 0
    n_documents: int = 0
    n_rows: int = 0
    n_wrong_in_rooms: int = 0
    n_altered: int = 0
    """Texts of damaged records that came out changed, all of formats without a checksum."""
    n_unnoticed: int = 0
    """Files that lost a record without a row, all of formats without a checksum."""
    findings: list[Finding] = field(default_factory=list)
    documents: list[pa.RecordBatch] = field(default_factory=list)
    texts: dict[str, Text] = field(default_factory=dict)
    """Every text that is kept as it was made, by the lines of it."""


@dataclass(slots=True)
class _Read:
    """What was read of one file."""

    kept: list[bytes] = field(default_factory=list)
    n_rows: int = 0


def stored_of(file: File, seed: int, number: int, *, is_damaged: bool) -> Damaged:
    """The bytes of a file, intact or with damage."""
    if is_damaged:
        return damaged(file, random.Random(f"damage {seed} {number}"))
    return Damaged(file.stored, (), frozenset())


def check_slice(folder: Path, seed: int, numbers: range, *, is_damaged: bool) -> Tally:
    """Write the files, read them as a run does, and compare."""
    files = {number: file_of(seed, number) for number in numbers}
    made = {number: stored_of(file, seed, number, is_damaged=is_damaged) for number, file in files.items()}
    places = {}
    for number, file in files.items():
        path = folder / ("code" if file.name.endswith(".py") else "files") / file.name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(made[number].stored)
        places[str(path)] = number
    tally = Tally(len(files))
    read = {number: _Read() for number in numbers}
    n_passed_over = _read_all(folder, seed, places, read, tally)
    for number, file in files.items():
        tally.n_records += len(file.records)
        tally.findings += [
            Finding(seed, number, file.name, made[number].how, what) for what in _wrong(file, made[number], read[number], tally)
        ]
    known = sum(file.n_passed_over for file in files.values())
    if not is_damaged and n_passed_over != known:
        tally.findings.append(Finding(seed, numbers[0], "", (), f"{n_passed_over} records passed over, {known} made"))
    return tally


def _read_all(folder: Path, seed: int, places: dict[str, int], read: dict[int, _Read], tally: Tally) -> int:
    """Read every file into `read`; returns how many records were passed over."""
    sources = {name: Source(path=(str(folder / name),), format=format_) for name, format_ in (("files", "auto"), ("code", "code"))}  # type: ignore[arg-type]
    sources = {name: source for name, source in sources.items() if (folder / name).exists()}
    planned = plan_sources(sources, folder)
    n_passed_over = 0
    for split in planned.splits:
        try:
            n_passed_over += _read_split(split, sources[split.source], places, read, tally)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            number = places[split.files[0]]
            tally.findings.append(Finding(seed, number, split.files[0], (), f"raises {type(error).__name__}: {error}"))
    lost = set(places) - {file for split in planned.splits for file in split.files}
    tally.findings += [Finding(seed, places[file], file, (), "the file is not read") for file in sorted(lost)]
    return n_passed_over


def _read_split(split: Split, source: Source, places: dict[str, int], read: dict[int, _Read], tally: Tally) -> int:
    n_passed_over = 0
    for found in read_split(split, source, Read()):
        n_passed_over += found.passed_over.total()
        tally.documents.append(found.documents)
        tally.n_documents += found.documents.num_rows
        tally.n_rows += found.failures.num_rows
        texts = found.documents.column("raw_text").cast(pa.large_binary()).to_pylist()
        for file, text in zip(found.documents.column("origin_file").to_pylist(), texts, strict=True):
            read[places[file]].kept.append(text)
        for file in found.failures.column("origin_file").to_pylist():
            read[places[file]].n_rows += 1
    return n_passed_over


def lines_of(text: str) -> str:
    """The lines that are not blank: between paragraphs a page has as many blank ones as the reader of pages likes."""
    return "\n".join(line for line in text.split("\n") if line.strip())


def _wrong(file: File, made: Damaged, read: _Read, tally: Tally) -> Iterator[str]:
    """What is wrong with what was read of a file."""
    known = {lines_of(text.shown): number for number, text in file.texts.items()}
    kept: Counter[int] = Counter()
    n_altered = 0
    for stored in read.kept:
        try:
            text = lines_of(stored.decode())
        except UnicodeDecodeError:
            yield "a text is not UTF-8"
            continue
        number = known.get(text)
        if number is None:
            n_altered += 1
        else:
            kept[number] += 1
            tally.texts[text] = file.texts[number]
    intact = {number for number in file.texts if number not in made.reached}
    if (missing := sorted(intact - kept.keys())) and (file.is_resumed or not made.reached):
        yield f"intact records {missing} are not kept as they are"
    if twice := sorted(number for number, n in kept.items() if n > 1):
        yield f"records {twice} are kept more than once"
    if n_altered and (file.is_checked or not made.reached):
        yield f"{n_altered} texts are kept that nobody wrote"
    n_inputs = len(file.records) - file.n_passed_over
    if not made.how and len(read.kept) + read.n_rows != n_inputs:
        yield f"{len(read.kept)} documents and {read.n_rows} rows of {n_inputs} records"
    if len(kept) + n_altered < len(file.texts) and not read.n_rows:
        tally.n_unnoticed += 1
        if file.is_checked:
            yield "records are gone and there is no row"
    tally.n_altered += n_altered


def batch_of(tally: Tally) -> pa.RecordBatch:
    """All documents of a slice."""
    return pa.Table.from_batches(tally.documents, DOCUMENT).combine_chunks().to_batches()[0]
