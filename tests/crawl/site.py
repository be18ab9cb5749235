"""A web site on loopback for the crawler to meet, and a clock that only moves when the crawler sleeps."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from warcio.archiveiterator import ArchiveIterator

from pipelines.crawl.crawler import CrawlReport, crawl_sites
from pipelines.crawl.politeness import Clock
from schemas.recipe import Crawl

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PRODUCT = "testmill"


class FakeTime:
    """Seconds that pass only while somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.slept: list[float] = []

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.seconds, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)


@dataclass
class Site:
    """Paths and what is answered there: HTML as a string, or a handler. Everything else is a 404."""

    port: int
    time: FakeTime
    pages: dict[str, str | Handler] = field(default_factory=dict)
    asked: list[tuple[str, float]] = field(default_factory=list)
    """(path and query as asked for, fake time), in order."""
    n_running: int = 0
    most_running: int = 0

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        """What was asked for, without robots.txt."""
        return [path for path, _ in self.asked if path != "/robots.txt"]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.raw_path, self.time.seconds))
        self.n_running += 1
        self.most_running = max(self.most_running, self.n_running)
        try:
            page = self.pages.get(request.raw_path, self.pages.get(request.path))
            if page is None:
                return web.Response(status=404, text="nothing here")
            return web.Response(text=page, content_type="text/html") if isinstance(page, str) else await page(request)
        finally:
            self.n_running -= 1

    def crawl(self, folder: Path, *seeds: str, resume: bool = False, **settings: Any) -> CrawlReport:
        """Crawl this site without real waiting; paths as seeds, "/" if none is given."""
        return crawl_sites(self.config(*seeds, **settings), folder, resume=resume, clock=self.time.clock)

    def config(self, *seeds: str, **settings: Any) -> Crawl:
        urls = tuple(seed if "://" in seed else self.root + seed for seed in seeds or ("/",))
        defaults = {"delay_s": 0.0, "private_hosts": ("127.0.0.1",), "user_agent": f"{PRODUCT}/1.0", "timeout_s": 20.0}
        return Crawl(seeds=urls, **{**defaults, **settings})


@contextmanager
def running_site(pages: dict[str, str | Handler]) -> Iterator[Site]:
    """The site, served by a thread of its own until the block ends."""
    loop = asyncio.new_event_loop()
    site = Site(port=0, time=FakeTime(), pages=pages)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", site.answer)
    server = web.AppRunner(app, shutdown_timeout=0.1)

    async def start() -> None:
        await server.setup()
        await web.TCPSite(server, "127.0.0.1", 0).start()
        site.port = server.addresses[0][1]

    loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield site
    finally:
        asyncio.run_coroutine_threadsafe(server.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def links(*hrefs: str) -> str:
    """A page that links to each of these."""
    return "<html><body>" + "".join(f'<p><a href="{href}">a link</a></p>' for href in hrefs) + "</body></html>"


def answering(
    body: str | bytes = "", *, status: int = 200, headers: dict[str, str] | None = None, content_type: str = "text/html"
) -> Handler:
    """A handler with one fixed answer."""
    fixed = body.encode() if isinstance(body, str) else body

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(body=fixed, status=status, headers={"Content-Type": content_type, **(headers or {})})

    return handler


def redirecting(location: str, status: int = 302) -> Handler:
    """A handler that sends the client on."""
    return answering(status=status, headers={"Location": location})


def robots(text: str) -> Handler:
    """A robots.txt of these rules."""
    return answering(text, content_type="text/plain")


def in_turn(*handlers: Handler) -> Handler:
    """Answers with the first handler, then the second, ...; the last one for good."""
    left = list(handlers)

    async def handler(request: web.Request) -> web.StreamResponse:
        return await (left.pop(0) if len(left) > 1 else left[0])(request)

    return handler


@dataclass
class Record:
    """A record of a WARC file as warcio reads it, digests checked."""

    kind: str
    url: str
    status: str
    headers: dict[str, str]
    http: dict[str, str]
    body: bytes


def records(report: CrawlReport) -> list[Record]:
    """Every record of every file; the body without its Content-Encoding."""
    return [record for path in report.files for record in _records_of(path)]


def _records_of(path: Path) -> Iterator[Record]:
    with path.open("rb") as file:
        for record in ArchiveIterator(file, check_digests="raise"):
            yield Record(
                kind=record.rec_type,
                url=record.rec_headers.get_header("WARC-Target-URI") or "",
                status=record.http_headers.get_statuscode() if record.rec_type == "response" else "",
                headers=dict(record.rec_headers.headers),
                http=dict(record.http_headers.headers) if record.http_headers else {},
                body=record.content_stream().read(),
            )


def responses(report: CrawlReport) -> list[tuple[str, str]]:
    """(path and query, status) of the responses, in order of the files."""
    return [("/" + record.url.split("/", 3)[3], record.status) for record in records(report) if record.kind == "response"]
