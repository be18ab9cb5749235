"""HTTP exchanges -> WARC 1.1 records, one gzip member each. They collect in a spool; the finished files are copies in order.

A record in the spool counts once the state knows where it ends, so the next start cuts off what a kill left incomplete. Finished files
appear whole.
"""

from __future__ import annotations

import importlib.metadata
import os
from contextlib import ExitStack
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from warcio.recordloader import ArcWarcRecord
from warcio.statusandheaders import StatusAndHeaders, StatusAndHeadersParser
from warcio.utils import Digester
from warcio.warcwriter import WARCWriter

from pipelines.crawl.fetch import HttpExchange
from pipelines.crawl.state_types import SpoolSpan
from schemas.files import whole_file

VERSION: Final = "WARC/1.1"
_SPOOL_PREFIX: Final = "pages-"
_WARC_SUFFIX: Final = ".warc.gz"
MAX_FILE_BYTES: Final = 1_000_000_000
"""Once the exchanges in a file exceed this, the next one begins a new file."""


def new_id() -> str:
    """A new record id."""
    made: str = StatusAndHeadersParser.make_warc_id()
    return made


def packed(exchange: HttpExchange, crawl_id: str) -> bytes:
    """The request and the response as records; `crawl_id` is the id of the warcinfo record at the head of the crawl's first file."""
    file = BytesIO()
    writer = WARCWriter(file, gzip=True, warc_version=VERSION)
    request_id, response_id = new_id(), new_id()
    shared = [("WARC-Target-URI", exchange.url), ("WARC-Date", _warc_date(exchange.started_at)), ("WARC-Warcinfo-ID", crawl_id)]
    if exchange.ip:
        shared.append(("WARC-IP-Address", exchange.ip))
    request = [("WARC-Record-ID", request_id), *shared, ("WARC-Concurrent-To", response_id)]
    _append(writer, "request", request, exchange.request_head, b"")
    response = [("WARC-Record-ID", response_id), *shared]
    if exchange.truncated:
        response.append(("WARC-Truncated", "length"))
    _append(writer, "response", response, response_head(exchange), exchange.body)
    return file.getvalue()


def _append(writer: WARCWriter, kind: str, headers: list[tuple[str, str]], head: bytes, body: bytes) -> None:
    """Write one record. The block is passed as bytes, since warcio would parse and rewrite HTTP headers."""
    digester = Digester("sha1")
    digester.update(body)
    headers = [("WARC-Type", kind), *headers, ("WARC-Payload-Digest", str(digester))]
    content_type = f"application/http; msgtype={kind}"
    block = head + body
    rec_headers = StatusAndHeaders("", headers, protocol=VERSION)
    writer.write_record(ArcWarcRecord("warc", kind, rec_headers, BytesIO(block), None, content_type, len(block)))


class Spool:
    """Records in order of arrival: pages-00000.warc.gz, pages-00001.warc.gz, ... in a folder."""

    def __init__(self, folder: Path, ends: dict[int, int], max_file_bytes: int = MAX_FILE_BYTES) -> None:
        """Continue after the last known record of each file; `ends` maps file numbers to where those records end."""
        self.folder, self.max_file_bytes = folder, max_file_bytes
        self.number = max(ends, default=0)
        for number, path in spool_files(folder).items():
            if number > self.number:
                path.unlink()
            elif path.stat().st_size > ends.get(number, 0):
                os.truncate(path, ends.get(number, 0))
        self.file = self.path(self.number).open("ab")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.file.close()

    def path(self, number: int) -> Path:
        """The path of one of the files."""
        return self.folder / f"{_SPOOL_PREFIX}{number:05d}{_WARC_SUFFIX}"

    def append(self, records: bytes) -> SpoolSpan:
        """Write records; once this returns, they survive a kill of the process."""
        start = self.file.tell()
        if start > self.max_file_bytes:
            self.file.close()
            self.number, start = self.number + 1, 0
            self.file = self.path(self.number).open("ab")
        self.file.write(records)
        self.file.flush()
        return SpoolSpan(self.number, start, start + len(records))

    def read(self, span: SpoolSpan) -> bytes:
        """Records as they were written."""
        with self.path(span.file).open("rb") as file:
            file.seek(span.start)
            return file.read(span.stop - span.start)


def spool_sizes(folder: Path) -> dict[int, int]:
    """Spool file number -> size in bytes."""
    return {number: path.stat().st_size for number, path in spool_files(folder).items()}


def spool_files(folder: Path) -> dict[int, Path]:
    """Spool file number -> path."""
    paths = folder.glob(f"{_SPOOL_PREFIX}*{_WARC_SUFFIX}")
    return {int(path.name.removeprefix(_SPOOL_PREFIX).removesuffix(_WARC_SUFFIX)): path for path in paths}


class WarcFiles:
    """Writes crawl-00000.warc.gz, crawl-00001.warc.gz, ... into a folder; each appears under its name once it is complete."""

    def __init__(self, folder: Path, user_agent: str, crawl_id: str, max_file_bytes: int = MAX_FILE_BYTES) -> None:
        self.folder, self.user_agent, self.crawl_id, self.max_file_bytes = folder, user_agent, crawl_id, max_file_bytes
        self.finished: list[Path] = []

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._close(kind, error, trace)

    def write(self, records: bytes) -> None:
        """Append the records of one exchange."""
        if self.file.tell() - self.head_bytes > self.max_file_bytes:
            self._close(None, None, None)
            self._open()
        self.file.write(records)

    def _open(self) -> None:
        self.path = self.folder / f"crawl-{len(self.finished):05d}.warc.gz"
        self.stack = ExitStack()
        self.file: BinaryIO = self.stack.enter_context(self.stack.enter_context(whole_file(self.path)).open("wb"))
        writer = WARCWriter(self.file, gzip=True, warc_version=VERSION)
        info = {
            "software": f"corpusmill/{importlib.metadata.version('corpusmill')}",
            "format": "WARC File Format 1.1",
            "robots": "obey",
            "http-header-user-agent": self.user_agent,
        }
        warcinfo = writer.create_warcinfo_record(self.path.name, info)
        if not self.finished:
            warcinfo.rec_headers.replace_header("WARC-Record-ID", self.crawl_id)
        writer.write_record(warcinfo)
        self.head_bytes = self.file.tell()

    def _close(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stack.__exit__(kind, error, trace)
        if error is None:
            self.finished.append(self.path)


def response_head(exchange: HttpExchange) -> bytes:
    """Status line and headers as received. Chunking has been removed, so its header is renamed."""
    lines = [f"{exchange.version} {exchange.status} {exchange.reason}".encode("utf-8", "surrogateescape")]
    for name, value in exchange.raw_headers:
        prefix = b"X-Archive-Orig-" if name.lower() == b"transfer-encoding" else b""
        lines.append(prefix + name + b": " + value)
    return b"\r\n".join([*lines, b"", b""])


def _warc_date(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
