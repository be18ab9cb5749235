"""WARC and WET: one record is one page, file or extracted text. `warc_records.py` finds the records, `pages.py` reads the content."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipelines.read.heads import FileHead, estimate_records
from pipelines.read.pages import read_record
from pipelines.read.reader import ReadContext, Reader
from pipelines.read.records import RecordResult
from pipelines.read.warc_records import WarcRecord, read_records
from pipelines.read.warc_stream import begins_like_warc

_INPUT_RECORD: Final = re.compile(rb"^WARC-Type:[ \t]*(?:response|resource|conversion)", re.IGNORECASE | re.MULTILINE)


def _read(path: Path, name: str, context: ReadContext) -> Iterator[RecordResult]:
    limits = context.read
    for found in read_records(path, name, limits.max_record_bytes, limits.max_window_bytes, context.passed_over):
        yield (found.address, read_record(found, limits)) if isinstance(found, WarcRecord) else found


def _estimate(path: Path) -> float:
    return estimate_records(path, lambda head: len(_INPUT_RECORD.findall(head)))


def _sniff(head: FileHead) -> bool:
    return begins_like_warc(head.content)


READER: Final = Reader(
    format="warc",
    title="WARC",
    suffixes=(".warc", ".wet"),
    read=_read,
    sniff=_sniff,
    is_unmistakable=True,
    can_be_cut=True,
    estimate=_estimate,
)
