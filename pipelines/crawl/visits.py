"""A crawl in progress: one worker per site, none of which waits for another.

Several visits of a site run at once, but are settled (counted, their links queued) in the order in which they began, so that the order of
discovery does not depend on which pages are fast. A visit is stored as soon as it is made, so that nothing is fetched twice.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pipelines.crawl.budget import Budget
from pipelines.crawl.failures import GIVEN_UP, NO_ANSWER, Failure
from pipelines.crawl.fetch import Fetcher, HttpExchange
from pipelines.crawl.frontier import CrawlRules, Frontier, OfferedUrl
from pipelines.crawl.links import HTML_TYPES, extract_links
from pipelines.crawl.robots import RobotsBook, RobotsPolicy, product_token
from pipelines.crawl.state import CrawlState
from pipelines.crawl.state_types import SpoolSpan, Target, Visit
from pipelines.crawl.urls import origin_of
from pipelines.text.http_codings import TooLongError, UndecodableError
from schemas.recipe import Crawl

WINDOW_PER_SLOT: Final = 4
"""Begun but unsettled visits of a site, per concurrent request to it: slack for slow pages at the head of the queue."""
MAX_SITES_AT_ONCE: Final = 1000
OVERLOADED: Final = (429, 503)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlProgress:
    """How far a crawl has come."""

    n_fetched: int
    """Pages fetched."""
    n_settled: int
    """URLs visited, with any outcome."""


class Crawler:
    """Visits every URL that the frontier admits."""

    def __init__(
        self,
        config: Crawl,
        rules: CrawlRules,
        state: CrawlState,
        fetcher: Fetcher,
        keep: Callable[[HttpExchange], SpoolSpan],
        on_page: Callable[[CrawlProgress], None],
    ) -> None:
        self.config, self.state, self.fetcher, self.keep, self.on_page = config, state, fetcher, keep, on_page
        self.given_up = fetcher.gates.closed
        self.frontier = Frontier(rules, config.max_depth, state, self.given_up)
        self.seeds, self.product = rules.seeds, product_token(config.user_agent)
        self.robots = RobotsBook(fetcher, self.product, state, keep)
        self.budget = Budget(config.max_pages)
        self.failures: Counter[str] = Counter()
        """Site -> pages without an answer since the last one with an answer."""
        self.working: set[str] = set()
        self.idle: dict[str, None] = {}
        """Sites with waiting URLs but no worker, in order."""
        self.n_fetched = self.n_settled = 0

    async def run(self) -> list[int]:
        """Visit everything, and return the ids of the seeds."""
        for summary in self.state.sites(GIVEN_UP):
            self.budget.restore(summary.site, summary.n_fetched)
            if summary.is_given_up:
                self.given_up.add(summary.site)
            if summary.n_waiting:
                self._queue(summary.site)
        self.n_fetched = self.budget.n_taken
        self.n_settled = self.state.n_visits()
        seeds = [self._queue_offered(self.frontier.offer(seed, 0), seed, 0) for seed in self.seeds]
        self.state.commit()
        async with asyncio.TaskGroup() as tasks:
            self._start_workers(tasks)
        return seeds

    def _start_workers(self, tasks: asyncio.TaskGroup) -> None:
        for site in list(self.idle):
            if len(self.working) >= MAX_SITES_AT_ONCE:
                break
            if self.budget.room(site) > 0:
                del self.idle[site]
                self.working.add(site)
                tasks.create_task(self._work(site, tasks))

    async def _work(self, site: str, all_tasks: asyncio.TaskGroup) -> None:
        """Visit the URLs of a site until none waits or its share of the pages is spent."""
        begun: deque[tuple[Target, asyncio.Task[Visit]]] = deque()
        window = WINDOW_PER_SLOT * self.config.host_concurrency
        async with asyncio.TaskGroup() as tasks:
            while True:
                # Never begin more than the pages still wanted: which ones are fetched must not depend on which are fast.
                while len(begun) < window and self.budget.room(site) > 0 and (target := self._begin_next(site)):
                    begun.append((target, tasks.create_task(self.visit(target))))
                if not begun:
                    break
                target, task = begun.popleft()
                if onward := self.settle(target, await task):
                    self.budget.begin(site)
                    begun.appendleft((onward, tasks.create_task(self.visit(onward))))
                self._start_workers(all_tasks)
        self.working.discard(site)
        if self.budget.site(site).has_waiting:
            self.idle[site] = None
        self._start_workers(all_tasks)

    def _begin_next(self, site: str) -> Target | None:
        target = self.state.begin_next(site)
        if target is None:
            self.budget.exhaust(site)
        else:
            self.budget.begin(site)
        return target

    async def visit(self, target: Target) -> Visit:
        """Fetch one target, if robots.txt allows it, and store the result."""
        if kept := self.state.kept_visit(target):
            return kept
        policy = await self.robots.policy(target.url)
        visit, exchange = await self._fetch(target.url, policy)
        self._count_failure(target.site, visit)
        self.state.keep_visit(target, visit, None if exchange is None else self.keep(exchange))
        self.state.commit()
        return visit

    async def _fetch(self, url: str, policy: RobotsPolicy) -> tuple[Visit, HttpExchange | None]:
        origin = origin_of(url)
        if refusal := policy.refuses(url):
            return Visit(outcome=refusal.reason, detail=refusal.detail, origin=origin, answered=True), None
        delay_s = max(self.config.delay_s, policy.delay_s)
        answer = await self.fetcher.get(url, delay_s=delay_s, max_bytes=self.config.max_page_bytes)
        if isinstance(answer, Failure):
            return Visit(outcome=answer.reason, detail=answer.detail, origin=origin, answered=answer.reason not in NO_ANSWER), None
        if answer.redirect:
            return Visit(outcome="redirected", origin=origin, answered=True, redirect=answer.redirect), answer
        if not answer.ok:
            answered = answer.status not in OVERLOADED
            return Visit(outcome="http_error", detail=f"HTTP {answer.status}", origin=origin, answered=answered), answer
        outcome, detail, links = self._read_page(answer)
        return Visit(outcome=outcome, detail=detail, origin=origin, answered=True, links=links), answer

    def _read_page(self, page: HttpExchange) -> tuple[str, str, list[str]]:
        """(outcome, detail, links) of a page with a successful response."""
        limit = self.config.max_page_bytes
        if page.truncated:
            return "too_large", f"more than {limit} bytes", []
        if page.content_type not in HTML_TYPES:
            return "fetched", "", []
        try:
            html = page.decoded_body(limit).body
        except TooLongError:
            return "too_large", f"unpacks to more than {limit} bytes", []
        except UndecodableError as error:
            return "undecodable", str(error), []
        return "fetched", "", extract_links(html, page.url, page.charset, page.headers.getall("X-Robots-Tag", ()), self.product)

    def settle(self, target: Target, visit: Visit) -> Target | None:
        """Count a visit and queue its links. Returns the target of a redirect within the site, which is to be visited next."""
        links = [self._queue_offered(self.frontier.offer(link, target.depth + 1), link, target.depth + 1) for link in visit.links]
        onward = None
        if visit.redirect is not None:
            offered = self.frontier.follow(target, visit.redirect)
            links = [self._queue_offered(offered, target.url, target.depth)]
            if offered.queued_at == target.site:
                onward = self.state.begin(links[0])
        elif visit.outcome != "fetched":
            self._add_failed_seed(target.depth, target.url, Failure(visit.outcome, visit.detail))
        self.state.settle(target, visit.outcome, links)
        self.budget.end(target.site, fetched=visit.outcome == "fetched")
        self.state.commit()
        self.n_fetched += visit.outcome == "fetched"
        self.n_settled += 1
        self.on_page(CrawlProgress(n_fetched=self.n_fetched, n_settled=self.n_settled))
        return onward

    def _count_failure(self, site: str, visit: Visit) -> None:
        """Give up a site after too many failures in a row."""
        self.failures[site] = 0 if visit.answered else self.failures[site] + 1
        if self.failures[site] >= self.config.max_failures and site not in self.given_up:
            self.given_up.add(site)
            self.state.give_up(site, GIVEN_UP)

    def _queue_offered(self, offered: OfferedUrl, url: str, depth: int) -> int:
        """Queue the sites at which URLs wait because of the offer; returns the id of the offered URL."""
        if offered.queued_at is not None:
            self._queue(offered.queued_at)
        for site in offered.admitted_at:
            self._queue(site)
        if offered.refusal is not None:
            self._add_failed_seed(depth, url, offered.refusal)
        return offered.id

    def _queue(self, site: str) -> None:
        self.budget.queue(site)
        if site not in self.working:
            self.idle[site] = None

    def _add_failed_seed(self, depth: int, url: str, failure: Failure) -> None:
        """Store why a URL was not fetched, if it is a seed or the target of a seed's redirect."""
        if depth == 0:
            self.state.add_failed_seed(url, failure)
