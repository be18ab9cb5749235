"""A crawl's WARC file without some of its records: what takes their place is as long, so that all others keep their addresses.

Every record is a gzip member of its own. One that goes becomes an empty record of type `metadata` with its id and date, and a comment
in the header of the gzip member makes up for the length. The time of the file stays too, since `ingest` knows its inputs by size and time.
"""

from __future__ import annotations

import os
import re
import shutil
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipelines.read.members import stored_parts
from schemas.errors import OutputError
from schemas.files import whole_file

_HEADER: Final = re.compile(rb"^(WARC-Target-URI|WARC-Record-ID|WARC-Date):[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_GZIP_WITH_COMMENT: Final = b"\x1f\x8b\x08\x10\0\0\0\0\0\xff"


@dataclass(frozen=True, slots=True)
class _Place:
    """The place of a record, and the headers that identify its page."""

    start: int
    end: int
    headers: dict[bytes, bytes]


def write_blanked(source: Path, target: Path, offsets: Collection[int]) -> int:
    """Write `source` to `target` with the records at `offsets`, and those of the same URLs, blank; returns how many these are.

    OutputError where no record begins at one of the offsets.
    """
    places = _places(source)
    named = [place for place in places if place.start in offsets]
    if len(named) < len(set(offsets)):
        raise OutputError(
            "CM-TAKEDOWN-001", f"{source} has no record at some of the addresses that the ledger states; delete the file, and crawl again"
        )
    urls = {place.headers.get(b"warc-target-uri") for place in named}
    gone = [place for place in places if place.headers.get(b"warc-target-uri") in urls]
    with whole_file(target) as temporary:
        shutil.copyfile(source, temporary)
        with temporary.open("r+b") as file:
            for place in gone:
                file.seek(place.start)
                file.write(_blank(place))
        times = source.stat()
        os.utime(temporary, ns=(times.st_atime_ns, times.st_mtime_ns))
    return len(gone)


def _places(source: Path) -> list[_Place]:
    places = []
    with source.open("rb") as file:
        for part in stored_parts(file, source.name):
            if not part.damage:
                head = part.head.partition(b"\r\n\r\n")[0]
                places.append(_Place(part.offset, part.end, {name.lower(): value for name, value in _HEADER.findall(head)}))
    return places


def _blank(place: _Place) -> bytes:
    """An empty record, compressed and commented to the length of the one that it replaces."""
    lines = [b"WARC/1.1", b"WARC-Type: metadata"]
    lines += [name + b": " + place.headers[name.lower()] for name in (b"WARC-Record-ID", b"WARC-Date") if name.lower() in place.headers]
    record = b"\r\n".join([*lines, b"Content-Length: 0", b"", b"", b"", b""])
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(record) + packer.flush() + zlib.crc32(record).to_bytes(4, "little") + len(record).to_bytes(4, "little")
    n_missing = place.end - place.start - len(_GZIP_WITH_COMMENT) - len(packed) - 1
    if n_missing < 0:
        raise OutputError(
            "CM-TAKEDOWN-002", f"the crawled record at byte {place.start} is too short to be made blank in place; delete its WARC file"
        )
    return _GZIP_WITH_COMMENT + b" " * n_missing + b"\0" + packed
