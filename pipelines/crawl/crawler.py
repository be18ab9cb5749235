"""The crawl: seeds -> WARC files and an account of every URL that was found.

Several visits run at once, but they are settled (written, counted, their links queued) strictly in the order of the frontier,
so two crawls of an unchanged site list its pages in the same order. Finished visits wait for their turn in a bounded window.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipelines.crawl.content import TooLargeError, UndecodableError
from pipelines.crawl.fetch import Exchange, Failure, Fetcher, open_fetcher
from pipelines.crawl.frontier import Frontier, Target
from pipelines.crawl.links import HTML_TYPES, extract_links
from pipelines.crawl.politeness import Clock
from pipelines.crawl.robots import Policy, RobotsBook, product_token
from pipelines.crawl.urls import origin_of
from pipelines.crawl.warc import WarcFiles
from schemas.errors import InputError
from schemas.recipe import Crawl

WINDOW_PER_SLOT: Final = 4
"""Visits begun and not yet settled, per request that may run at once: slack for slow pages at the head."""

REMEDIES: Final = {
    "network_error": "check the address, and that the server is running",
    "timeout": "check that the server is running, or raise crawl.timeout_s",
    "private_address": "add the host to crawl.private_hosts if you mean to crawl it",
    "robots": "ask the site's owner, or crawl another site",
    "robots_unavailable": "try again later; without its robots.txt a site is not crawled",
    "redirect_out_of_scope": "give the address that it redirects to as the seed",
    "excluded": "loosen crawl.exclude",
    "too_large": "raise crawl.max_page_bytes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlProgress:
    """How far a crawl is."""

    n_fetched: int
    n_settled: int
    """URLs that have been visited, with whatever outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlReport:
    """What a crawl leaves behind."""

    files: list[Path]
    counts: dict[str, int]
    """Outcome -> URLs: `fetched`, `redirected`, or the reason why not. Every URL that was found is in one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What came of one target."""

    outcome: str
    detail: str = ""
    policy: Policy
    exchange: Exchange | None = None
    redirect: str | None = None
    links: list[str] = field(default_factory=list)


def crawl(
    config: Crawl, folder: Path, *, on_page: Callable[[CrawlProgress], None] = lambda _: None, clock: Clock | None = None
) -> CrawlReport:
    """Crawl into `folder`; `on_page` is called after every visit. InputError if not a single page could be fetched."""
    return asyncio.run(_crawl(config, folder, on_page, clock or Clock()))


async def _crawl(config: Crawl, folder: Path, on_page: Callable[[CrawlProgress], None], clock: Clock) -> CrawlReport:
    frontier, product = Frontier(config), product_token(config.user_agent)
    with WarcFiles(folder, config.user_agent) as files:
        async with open_fetcher(config, clock) as fetcher:
            crawler = Crawler(config, frontier, fetcher, product, files, on_page)
            await crawler.run()
        crawler.require_a_page()
    return CrawlReport(files=files.finished, counts=crawler.counts())


class Crawler:
    """One crawl under way."""

    def __init__(
        self,
        config: Crawl,
        frontier: Frontier,
        fetcher: Fetcher,
        product: str,
        files: WarcFiles,
        on_page: Callable[[CrawlProgress], None],
    ) -> None:
        self.config, self.frontier, self.fetcher, self.product = config, frontier, fetcher, product
        self.files, self.on_page = files, on_page
        self.robots = RobotsBook(fetcher, product)
        self.outcomes: Counter[str] = Counter()
        self.causes: dict[str, Failure] = {}
        """Why seeds, or what they redirect to, were not fetched."""
        self.written_policies: set[str] = set()

    async def run(self) -> None:
        """Visit level after level until there is no further one."""
        for seed in self.frontier.seeds:
            self._note(0, seed, self.frontier.offer(seed, 0))
        while level := self.frontier.next_level():
            await self._run_level(level)

    async def _run_level(self, waiting: deque[Target]) -> None:
        begun: deque[tuple[Target, asyncio.Task[Visit]]] = deque()
        window = WINDOW_PER_SLOT * self.config.concurrency
        async with asyncio.TaskGroup() as tasks:
            while True:
                # Never more under way than pages still wanted: which ones are fetched must not depend on which are fast.
                room = min(window, self.config.max_pages - self.outcomes["fetched"])
                while waiting and len(begun) < room:
                    target = waiting.popleft()
                    begun.append((target, tasks.create_task(self.visit(target))))
                if not begun:
                    break
                target, task = begun.popleft()
                if onward := self.settle(target, await task):
                    begun.appendleft((onward, tasks.create_task(self.visit(onward))))
        self.outcomes["max_pages"] += len(waiting)

    async def visit(self, target: Target) -> Visit:
        """Fetch one target, if robots.txt lets us."""
        policy = await self.robots.policy(target.url)
        if refusal := policy.refuses(target.url):
            return Visit(outcome=refusal.reason, detail=refusal.detail, policy=policy)
        delay_s = max(self.config.delay_s, policy.delay_s)
        answer = await self.fetcher.get(target.url, delay_s=delay_s, max_bytes=self.config.max_page_bytes)
        if isinstance(answer, Failure):
            return Visit(outcome=answer.reason, detail=answer.detail, policy=policy)
        if answer.redirect:
            return Visit(outcome="redirected", policy=policy, exchange=answer, redirect=answer.redirect)
        if not answer.ok:
            return Visit(outcome="http_error", detail=f"HTTP {answer.status}", policy=policy, exchange=answer)
        return self._page(policy, answer)

    def _page(self, policy: Policy, page: Exchange) -> Visit:
        """The visit of a page that was answered with success, with its links."""
        limit = self.config.max_page_bytes
        if page.truncated:
            return Visit(outcome="too_large", detail=f"more than {limit} bytes", policy=policy, exchange=page)
        if page.content_type not in HTML_TYPES:
            return Visit(outcome="fetched", policy=policy, exchange=page)
        try:
            html = page.decoded_body(limit)
        except TooLargeError:
            return Visit(outcome="too_large", detail=f"unpacks to more than {limit} bytes", policy=policy, exchange=page)
        except UndecodableError as error:
            return Visit(outcome="undecodable", detail=str(error), policy=policy, exchange=page)
        links = extract_links(html, page.url, page.charset, page.headers.getall("X-Robots-Tag", ()), self.product)
        return Visit(outcome="fetched", policy=policy, exchange=page, links=links)

    def settle(self, target: Target, visit: Visit) -> Target | None:
        """Write and count a visit and queue its links for the next level; what it redirects to is to be visited next."""
        origin = origin_of(target.url)
        if origin not in self.written_policies:
            self.written_policies.add(origin)
            for exchange in visit.policy.exchanges:
                self.files.write(exchange)
        if visit.exchange is not None:
            self.files.write(visit.exchange)
        self.outcomes[visit.outcome] += 1
        for link in visit.links:
            self.frontier.offer(link, target.depth + 1)
        onward = self.frontier.follow(target, visit.redirect) if visit.redirect else None
        if isinstance(onward, Failure):
            self._note(target.depth, target.url, onward)
        elif visit.outcome not in ("fetched", "redirected"):
            self._note(target.depth, target.url, Failure(visit.outcome, visit.detail))
        self.on_page(CrawlProgress(n_fetched=self.outcomes["fetched"], n_settled=self.outcomes.total()))
        return onward if isinstance(onward, Target) else None

    def counts(self) -> dict[str, int]:
        """Outcome -> URLs, `fetched` first."""
        found = self.outcomes + self.frontier.refused
        return {"fetched": found.pop("fetched", 0), **dict(sorted(found.items()))}

    def require_a_page(self) -> None:
        """Raise InputError, with causes and remedies, unless at least one page was fetched."""
        if self.outcomes["fetched"]:
            return
        shown = [f"{url}: {cause.detail} ({REMEDIES.get(cause.reason, 'open it in a browser')})" for url, cause in self.causes.items()]
        more = f"; and {len(shown) - 3} more" if len(shown) > 3 else ""
        raise InputError(f"the crawl fetched no page: {'; '.join(shown[:3]) or 'the seeds redirect in circles'}{more}")

    def _note(self, depth: int, url: str, failure: Failure | None) -> None:
        if depth == 0 and failure is not None:
            self.causes[url] = failure
