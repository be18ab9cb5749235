"""Exchanges -> WARC 1.1 files, one gzip member per record, each file whole or not there."""

from __future__ import annotations

import importlib.metadata
from contextlib import ExitStack
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from warcio.recordloader import ArcWarcRecord
from warcio.statusandheaders import StatusAndHeaders, StatusAndHeadersParser
from warcio.utils import Digester
from warcio.warcwriter import WARCWriter

from pipelines.crawl.fetch import Exchange
from schemas.errors import OutputError
from schemas.files import whole_file

VERSION: Final = "WARC/1.1"
MAX_FILE_BYTES: Final = 1_000_000_000
"""When the exchanges in a file have grown past this, the next one begins a new file."""


class WarcFiles:
    """Writes crawl-00000.warc.gz, crawl-00001.warc.gz, ... into a folder that holds none yet.

    Each file appears under its name when it is finished; one that is being written when an exception ends the crawl does not.
    """

    def __init__(self, folder: Path, user_agent: str, max_file_bytes: int = MAX_FILE_BYTES) -> None:
        if any(folder.glob("crawl-*.warc.gz")):
            raise OutputError(f"{folder} already holds a crawl; give another folder, or delete its crawl-*.warc.gz")
        self.folder, self.user_agent, self.max_file_bytes = folder, user_agent, max_file_bytes
        self.finished: list[Path] = []

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._close(kind, error, trace)

    def write(self, exchange: Exchange) -> None:
        """Append the request and the response."""
        if self.file.tell() - self.head_bytes > self.max_file_bytes:
            self._close(None, None, None)
            self._open()
        request_id, response_id = StatusAndHeadersParser.make_warc_id(), StatusAndHeadersParser.make_warc_id()
        shared = [
            ("WARC-Target-URI", exchange.url),
            ("WARC-Date", _warc_date(exchange.started_at)),
            ("WARC-Warcinfo-ID", self.warcinfo_id),
        ]
        if exchange.ip:
            shared.append(("WARC-IP-Address", exchange.ip))
        request = [("WARC-Record-ID", request_id), *shared, ("WARC-Concurrent-To", response_id)]
        self._append("request", request, exchange.request_head, b"")
        response = [("WARC-Record-ID", response_id), *shared]
        if exchange.truncated:
            response.append(("WARC-Truncated", "length"))
        self._append("response", response, response_head(exchange), exchange.body)

    def _append(self, kind: str, headers: list[tuple[str, str]], head: bytes, body: bytes) -> None:
        """Write one record. The block is given as bytes: warcio would parse HTTP headers and spell them anew."""
        digester = Digester("sha1")
        digester.update(body)
        headers = [("WARC-Type", kind), *headers, ("WARC-Payload-Digest", str(digester))]
        content_type = f"application/http; msgtype={kind}"
        block = head + body
        rec_headers = StatusAndHeaders("", headers, protocol=VERSION)
        self.writer.write_record(ArcWarcRecord("warc", kind, rec_headers, BytesIO(block), None, content_type, len(block)))

    def _open(self) -> None:
        self.path = self.folder / f"crawl-{len(self.finished):05d}.warc.gz"
        self.stack = ExitStack()
        self.file = self.stack.enter_context(self.stack.enter_context(whole_file(self.path)).open("wb"))
        self.writer = WARCWriter(self.file, gzip=True, warc_version=VERSION)
        info = {
            "software": f"corpusmill/{importlib.metadata.version('corpusmill')}",
            "format": "WARC File Format 1.1",
            "robots": "obey",
            "http-header-user-agent": self.user_agent,
        }
        warcinfo = self.writer.create_warcinfo_record(self.path.name, info)
        self.warcinfo_id = warcinfo.rec_headers.get_header("WARC-Record-ID")
        self.writer.write_record(warcinfo)
        self.head_bytes = self.file.tell()

    def _close(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stack.__exit__(kind, error, trace)
        if error is None:
            self.finished.append(self.path)


def response_head(exchange: Exchange) -> bytes:
    """Status line and headers as received. Chunking was undone on the way, so its header is renamed to say so."""
    lines = [f"{exchange.version} {exchange.status} {exchange.reason}".encode("utf-8", "surrogateescape")]
    for name, value in exchange.raw_headers:
        prefix = b"X-Archive-Orig-" if name.lower() == b"transfer-encoding" else b""
        lines.append(prefix + name + b": " + value)
    return b"\r\n".join([*lines, b"", b""])


def _warc_date(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
