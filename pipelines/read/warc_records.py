"""WARC files -> their records, each with its address, and a row for everything damaged.

In a compressed file the address is the offset of the gzip member or zstd frame in which a record begins, as in a CDX index; `part` counts
records within one. Libraries stop at the first damage; this reader continues at the next member or the next line `WARC/1.x`. A record
counts as intact only if it is followed by a record, padding or the end, and if the checksums of its members are right.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from pipelines.read.decoders import MAX_WINDOW_BYTES
from pipelines.read.parts import MAX_PADDING_BYTES, PIECE_BYTES, Part
from pipelines.read.records import Address, Unread, unread_part
from pipelines.read.warc_stream import RECORD_START_BYTES, PartQueue, Stream, begins_like_warc
from schemas.ledger import Outcome

_INPUT_TYPES: Final = frozenset({"response", "resource", "conversion"})
_OTHER_TYPES: Final = frozenset({"warcinfo", "request", "metadata", "revisit", "continuation"})
_PAGE_SCHEMES: Final = frozenset({"http", "https", "ftp", "file"})
_HEADER_BYTES: Final = 1 << 12
_MAX_HEADER_BYTES: Final = 1 << 16
_HEADER_END: Final = re.compile(rb"\r?\n\r?\n")
_VERSION_LINE: Final = re.compile(rb"WARC/\d+\.\d+[ \t]*\r?\n")
_SCHEME: Final = re.compile(r"[<\s]*([A-Za-z][A-Za-z0-9+.-]{1,15}):")
_DIGESTS: Final = {"md5": hashlib.md5, "sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}
_LEAST_RECORD_BYTES: Final = 16  # as stored, of records that equal each other
_LINE_ENDS: Final = 1 << 10  # longer line ends after a block are padding
_LENGTH: Final = re.compile(r"[0-9]{1,19}")


class WarcRecord(NamedTuple):
    """An intact record that is input; header names are in lower case."""

    address: Address
    headers: dict[str, str]
    block: bytes
    lacks_checksum: bool = False
    """Whether nothing confirms it: its member has no checksum, and the record no digest."""


UnreadRecord = tuple[Address, Unread]


def read_records(
    path: Path, name: str, max_bytes: int, max_window: int = MAX_WINDOW_BYTES, passed_over: Counter[str] | None = None
) -> Iterator[WarcRecord | UnreadRecord]:
    """The input records of a WARC file; a single failure if it contains no WARC record.

    Intact records that are not input are counted by kind in `passed_over`.
    """
    n_headers = 0
    held: list[UnreadRecord] = []
    with path.open("rb", buffering=PIECE_BYTES) as file:
        parts = PartQueue(file, name, max_window)
        for found in _part_records(parts, max_bytes):
            n_headers += found.has_header
            if isinstance(found.record, str):
                if passed_over is not None:
                    passed_over[found.record] += 1
            elif n_headers:
                yield from held
                held = []
                if found.record is not None:
                    yield found.record
            elif found.record is not None and not isinstance(found.record, WarcRecord):
                held.append(found.record)
        yield from held if n_headers else _without_a_record(held, parts.size)


def _without_a_record(held: list[UnreadRecord], size: int) -> Iterator[UnreadRecord]:
    """The failures of a file without any record: its damage, or that it is not a WARC file."""
    if any(unread.lost_bytes and unread.reason not in ("not_a_record", "bad_warc_header") for _, unread in held):
        yield from held
    else:
        yield Address(0), Unread(Outcome.FAILED, "not_a_warc" if held else "empty_file", size)


class _FoundRecord(NamedTuple):
    has_header: bool
    record: WarcRecord | UnreadRecord | str | None
    """str: the kind of a record that is not input; None: a damaged record of such a kind."""


def _part_records(parts: PartQueue, max_bytes: int) -> Iterator[_FoundRecord]:
    is_after_damage = False
    reported: Part | None = None  # a damaged part that already has a row, that of the record that continues into it
    while part := parts.take():
        if part.damage:
            yield from _lost_records(part, max_bytes, is_reported=part is reported, is_all=part.n_bytes >= parts.size)
            is_after_damage = True
            continue
        stream = Stream(part, parts)
        if not is_after_damage or begins_like_warc(part.head) or stream.find_record():
            is_after_damage = False
            yield from _stream_records(stream, max_bytes)
        reported = stream.reported


def _lost_records(part: Part, max_bytes: int, *, is_reported: bool, is_all: bool) -> Iterator[_FoundRecord]:
    """A row for every input record that visibly begins in a damaged part; the last row accounts for the bytes of the part.

    A part with no visible input records has a row if input may follow: its last record is whole, or the part is the whole file (`is_all`).
    A decoder that has lost its way repeats its earlier output, so there are at most as many rows as records fit into the bytes.
    """
    if type(part) is Part:
        if not is_reported:
            yield _FoundRecord(False, (Address(part.offset), unread_part(part)._replace(reason="not_a_record")))
        return
    whole, stream = unread_part(part), Stream(part)
    has_header, has_more = False, is_all
    visible: list[Address] = []
    if not is_reported or stream.find_record():
        for found in _stream_records(stream, max_bytes):
            has_header |= found.has_header
            has_more = is_all or isinstance(found.record, str)
            if isinstance(found.record, tuple):
                visible.append(found.record[0])
            if len(visible) > part.n_bytes // _LEAST_RECORD_BYTES:
                break
    if not visible and (has_more or not has_header) and not is_reported:
        visible = [Address(part.offset)]
    for address in visible[:-1]:
        yield _FoundRecord(has_header, (address, Unread(Outcome.FAILED, whole.reason)))
    yield _FoundRecord(has_header, (visible[-1], whole) if visible else None)


# --- One decoded stream of records -----------------------------------------------------------------------------------


class _BadRecordError(Exception):
    def __init__(self, unread: Unread, *, is_past: bool = False) -> None:
        super().__init__(unread)
        self.unread = unread
        self.is_past = is_past  # whether the stream is already past the record


def _bad_record(reason: str, value: float | None = None, limit: float | None = None, *, is_past: bool = False) -> _BadRecordError:
    return _BadRecordError(Unread(Outcome.FAILED, reason, value, limit), is_past=is_past)


def _stream_records(stream: Stream, max_bytes: int) -> Iterator[_FoundRecord]:
    """The records of a stream."""
    while True:
        start = stream.position
        is_left = stream.drop_padding()
        if stream.is_plain and stream.n_zeros > MAX_PADDING_BYTES:
            n_bytes = stream.position - start
            yield _FoundRecord(False, (Address(start), Unread(Outcome.FAILED, "not_a_record", n_bytes, None, n_bytes)))
        if not is_left:
            return
        start, address = stream.position, stream.address()
        headers: dict[str, str] = {}
        try:
            headers = _take_header(stream)
            block = _take_block(stream, headers, max_bytes)
            is_confirmed = not stream.needs_digest or _has_its_digest(headers, block)
        except _BadRecordError as error:
            continues = error.is_past or (stream.position > start and stream.is_at_record()) or stream.find_record()
            lost = 0 if error.is_past else max(error.unread.lost_bytes, min(stream.position - start, stream.stored_bytes))
            is_input = not _kind_passed_over(headers)
            yield _FoundRecord(bool(headers), (address, error.unread._replace(lost_bytes=lost)) if is_input else None)
            if not continues:
                return
        else:
            record = WarcRecord(address, headers, block, stream.lacks_checksum and not is_confirmed)
            yield _FoundRecord(True, _kind_passed_over(headers) or record)


def _kind_passed_over(headers: dict[str, str]) -> str | None:
    """The kind of a record that is not input; None for input: a page, a requested file, or text that an archive extracted.

    Under URLs of other schemes, crawlers store logs and arguments, the text, picture and metrics of a page, and answers of name servers and
    registries. A damaged record counts as input unless its header says otherwise.
    """
    kind = _single_value(headers, "warc-type").lower()
    if kind in _OTHER_TYPES:
        return kind
    scheme = _SCHEME.match(headers.get("warc-target-uri", ""))
    is_exchange = kind == "response" and headers.get("content-type", "").lower().startswith("application/http")
    if kind in _INPUT_TYPES and not is_exchange and scheme and scheme[1].lower() not in _PAGE_SCHEMES:
        return f"{kind} {scheme[1].lower()}:"
    return None


def _single_value(headers: dict[str, str], name: str) -> str:
    """The value of a field that may appear only once, or several times with the same value."""
    value = headers.get(name, "")
    first = value.partition(",")[0].strip()
    return first if all(one.strip() == first for one in value.split(",")) else value


def _take_header(stream: Stream) -> dict[str, str]:
    """The header fields of the record that begins here, by lower-case name."""
    wanted = _HEADER_BYTES
    while True:
        held = stream.fill(wanted, within=True)
        end = _HEADER_END.search(head := stream.peek(min(held, _MAX_HEADER_BYTES)))
        if end is None and held < wanted and held <= _MAX_HEADER_BYTES and stream.fill(held + 1) > held:
            continue  # it continues in the next member
        if end or held < wanted or wanted > _MAX_HEADER_BYTES:
            break
        wanted *= 4
    if end is None and held < wanted and _VERSION_LINE.match(head):
        raise _cut_short(stream)
    if end is None or not _VERSION_LINE.match(head):
        raise _bad_record("bad_warc_header")
    stream.drop(end.end())
    return header_fields(head[: end.start()].decode("utf-8", "replace"))


def header_fields(head: str) -> dict[str, str]:
    """{lower-case name: value} of the lines after the first; a repeated field's values are joined with ", "."""
    fields: dict[str, list[str]] = {}
    name = ""
    for line in head.split("\n")[1:]:
        key, colon, value = line.partition(":")
        if line.startswith((" ", "\t")) and name:  # a folded line
            fields[name][-1] += " " + line.strip()
        elif colon:
            name = key.strip().lower()
            fields.setdefault(name, []).append(value.strip())
    return {name: ", ".join(values) for name, values in fields.items()}


def _take_block(stream: Stream, headers: dict[str, str], max_bytes: int) -> bytes:
    """The block, if the bytes after it in its member confirm its length."""
    kind = _single_value(headers, "warc-type").lower()
    if kind not in _INPUT_TYPES | _OTHER_TYPES:
        raise _bad_record("unknown_record_type" if kind else "bad_warc_header")
    length = _single_value(headers, "content-length")
    if not _LENGTH.fullmatch(length):
        raise _bad_record("bad_content_length")
    n_bytes = int(length)
    if n_bytes > max_bytes:
        is_past = stream.skip_block(n_bytes)
        raise _bad_record("too_large" if is_past else "bad_content_length", n_bytes, max_bytes, is_past=is_past)
    held = stream.fill(n_bytes)
    if held < n_bytes:
        raise _cut_short(stream, held, n_bytes)
    after = n_bytes
    while stream.fill(after + 1, within=True) > after and stream.peek(1, after) in (b"\r", b"\n") and after < n_bytes + _LINE_ENDS:
        after += 1
    stream.fill(after + RECORD_START_BYTES, within=True)
    follows = stream.peek(RECORD_START_BYTES, after)
    if follows and not follows.startswith((b"WARC/", b"\0", b"\r", b"\n")) and not b"WARC/".startswith(follows):
        raise _bad_record("bad_content_length", n_bytes)
    block = stream.peek(n_bytes)
    stream.drop(after)
    return block


def _cut_short(stream: Stream, value: float | None = None, limit: float | None = None) -> _BadRecordError:
    """The failure of a record that continues beyond the end of the readable bytes."""
    stream.reported = stream.cut_by
    return _BadRecordError(unread_part(stream.reported)) if stream.reported else _bad_record("truncated", value, limit)


def _has_its_digest(headers: dict[str, str], block: bytes) -> bool:
    """Whether a digest confirms the block; raises `_Wrong` if one contradicts it."""
    is_confirmed = False
    for one in headers.get("warc-block-digest", "").split(","):
        name, _, stated = one.strip().partition(":")
        if algorithm := _DIGESTS.get(name.lower().replace("-", "")):
            digest = algorithm(block).digest()
            base32 = base64.b32encode(digest).decode().lower().rstrip("=")
            if stated.strip().lower().rstrip("=") not in (digest.hex(), base32):
                raise _bad_record("digest_mismatch", is_past=True)
            is_confirmed = True
    return is_confirmed
