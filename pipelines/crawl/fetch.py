"""One URL -> one HTTP exchange, or the reason why there is none. Requests are polite, bounded, and never enter a private network.

A redirect is an answer like any other here. The caller follows it, since that needs scope and robots.txt.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from pipelines.crawl.addresses import AddressGuard, PrivateAddressError
from pipelines.crawl.failures import GIVEN_UP, Failure
from pipelines.crawl.politeness import Clock, Gates, backoff_s, retry_after_s
from pipelines.crawl.urls import host_of, join, site_of
from pipelines.text.http_codings import DecodedBody, decode_body
from schemas.recipe import Crawl

CHUNK_BYTES: Final = 64 * 1024
SLOWEST_BYTES: Final = 1024
SLOWEST_S: Final = 10.0
"""A response is given up if fewer bytes arrive within this many seconds."""
REDIRECTS: Final = (301, 302, 303, 307, 308)
ACCEPT: Final = "text/html,application/xhtml+xml,*/*;q=0.8"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpExchange:
    """A request and its response as sent over the wire, except for chunking, which the HTTP library removes."""

    url: str
    started_at: datetime
    ip: str
    request_head: bytes
    version: str
    status: int
    reason: str
    raw_headers: tuple[tuple[bytes, bytes], ...]
    headers: CIMultiDictProxy[str]
    """The same headers, for lookups."""
    content_type: str
    charset: str | None
    body: bytes
    """Still in its Content-Encoding."""
    truncated: bool
    """Whether the body is longer than allowed and only its beginning is here."""

    @property
    def ok(self) -> bool:
        """Whether the status says success."""
        return 200 <= self.status < 300

    @property
    def redirect(self) -> str | None:
        """The absolute URL to which the response redirects, not yet canonical; None if it does not."""
        location = self.headers.get("Location")
        return join(self.url, location) if self.status in REDIRECTS and location else None

    def decoded_body(self, max_bytes: int) -> DecodedBody:
        """The body without content codings; UndecodableError or TooLongError if it cannot be decoded."""
        return decode_body(self.body, ",".join(self.headers.getall("Content-Encoding", ())), max_bytes)


class TooSlowError(Exception):
    """A response that arrives too slowly."""


class Fetcher:
    """Requests URLs, through one gate per site, and retries after errors that may be temporary."""

    def __init__(self, session: aiohttp.ClientSession, guard: AddressGuard, config: Crawl, clock: Clock) -> None:
        self.session, self.guard, self.config, self.clock = session, guard, config, clock
        self.gates = Gates(config.concurrency, config.host_concurrency, clock)

    async def get(self, url: str, *, delay_s: float, max_bytes: int) -> HttpExchange | Failure:
        """The result of a GET of a canonical URL: that of the last try."""
        host, site = host_of(url), site_of(url)
        attempt = 0
        while True:
            async with self.gates.turn(site, delay_s):
                if site in self.gates.closed:
                    return Failure(GIVEN_UP, "its site was given up in the meantime")
                answer = await self._try(url, host, max_bytes)
            if attempt >= self.config.retries or not _is_temporary(answer):
                return answer
            wait_s = backoff_s(attempt)
            if isinstance(answer, HttpExchange) and (asked := retry_after_s(answer.headers.get("Retry-After"))) is not None:
                wait_s = asked
                self.gates.pause(site, asked)
            await self.clock.sleep(wait_s)
            attempt += 1

    async def _try(self, url: str, host: str, max_bytes: int) -> HttpExchange | Failure:
        try:
            self.guard.check_literal(host)
            return await self._exchange(url, max_bytes)
        except PrivateAddressError:
            return Failure("private_address", f"{host} is a private address")
        except TooSlowError:
            return Failure("too_slow", f"fewer than {SLOWEST_BYTES} bytes within {SLOWEST_S:g} s")
        except TimeoutError:
            return Failure("timeout", f"no whole answer within {self.config.timeout_s:g} s")
        except aiohttp.ClientError as error:
            # The error of a malformed response quotes it, but messages contain nothing that a server sent.
            detail = "malformed HTTP" if isinstance(error, aiohttp.ClientResponseError) else str(error)
            return Failure("network_error", f"{type(error).__name__}: {detail}")

    async def _exchange(self, url: str, max_bytes: int) -> HttpExchange:
        started_at = datetime.now(UTC)
        async with self.session.get(URL(url, encoded=True), allow_redirects=False) as response:
            body, truncated = await _read(response.content, max_bytes)
            if truncated:
                response.close()  # the rest is not needed
            assert isinstance(response, _Response)  # noqa: S101 - the session makes these
            return HttpExchange(
                url=url,
                started_at=started_at,
                ip=response.ip,
                request_head=_request_head(response.request_info),
                version=f"HTTP/{response.version.major}.{response.version.minor}" if response.version else "HTTP/1.1",
                status=response.status,
                reason=response.reason or "",
                raw_headers=response.raw_headers,
                headers=response.headers,
                content_type=response.content_type,
                charset=response.charset,
                body=body,
                truncated=truncated,
            )


@asynccontextmanager
async def open_fetcher(config: Crawl, clock: Clock) -> AsyncIterator[Fetcher]:
    """A fetcher with the recipe's limits, open within the block. It keeps no cookies and ignores proxy settings."""
    guard = AddressGuard(config.private_hosts)
    connector = aiohttp.TCPConnector(resolver=guard, limit=0)  # the gates do the limiting
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": config.user_agent, "Accept": ACCEPT, "Accept-Encoding": "gzip"},
        timeout=aiohttp.ClientTimeout(total=config.timeout_s),
        auto_decompress=False,
        response_class=_Response,
    ) as session:
        yield Fetcher(session, guard, config, clock)


class _Response(aiohttp.ClientResponse):
    """Remembers the peer's address, since a short response returns its connection before it can be asked."""

    ip = ""

    async def start(self, connection: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        """Read the head of the response."""
        peer = connection.transport and connection.transport.get_extra_info("peername")
        self.ip = peer[0] if peer else ""
        return await super().start(connection)


def _is_temporary(answer: HttpExchange | Failure) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(answer, Failure):
        return answer.reason in ("network_error", "timeout")
    return answer.status == 429 or answer.status >= 500


def _request_head(info: aiohttp.RequestInfo) -> bytes:
    lines = [f"{info.method} {info.url.raw_path_qs} HTTP/1.1", *(f"{name}: {value}" for name, value in info.headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


async def _read(stream: aiohttp.StreamReader, max_bytes: int) -> tuple[bytes, bool]:
    """(the first `max_bytes` of the stream, whether there is more); TooSlowError if bytes arrive too slowly."""
    body = bytearray()
    chunk = b"-"
    while chunk:
        wanted = len(body) + SLOWEST_BYTES
        try:
            async with asyncio.timeout(SLOWEST_S) as window:
                while len(body) < wanted and (chunk := await stream.read(CHUNK_BYTES)):
                    body += chunk
                    if len(body) > max_bytes:
                        return bytes(body[:max_bytes]), True
        except TimeoutError:
            if window.expired():
                raise TooSlowError from None
            raise
    return bytes(body), False
