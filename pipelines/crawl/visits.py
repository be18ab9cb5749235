"""A crawl under way: one worker per site, none of which waits for another.

Several visits of a site run at once, but they are settled (counted, their links queued) in the order in which they were begun: which pages
are found first does not depend on which are fast. A visit is kept as soon as it is made, so what was fetched is not fetched again.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pipelines.crawl.budget import Budget
from pipelines.crawl.fetch import GIVEN_UP, Exchange, Failure, Fetcher
from pipelines.crawl.frontier import Found, Frontier, Rules
from pipelines.crawl.links import HTML_TYPES, extract_links
from pipelines.crawl.robots import Policy, RobotsBook, product_token
from pipelines.crawl.state import Span, State, Target, Visit
from pipelines.crawl.urls import origin_of
from pipelines.text.http_codings import TooLongError, UndecodableError
from schemas.recipe import Crawl

WINDOW_PER_SLOT: Final = 4
"""Visits of a site begun and not yet settled, per request that may run there at once: slack for slow pages at the head."""
MAX_SITES_AT_ONCE: Final = 1000
NO_ANSWER: Final = ("network_error", "timeout", "too_slow")
OVERLOADED: Final = (429, 503)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlProgress:
    """How far a crawl is."""

    n_fetched: int
    n_settled: int
    """URLs that have been visited, with whatever outcome."""


class Crawler:
    """Visits all that the frontier lets in."""

    def __init__(
        self,
        config: Crawl,
        rules: Rules,
        state: State,
        fetcher: Fetcher,
        keep: Callable[[Exchange], Span],
        on_page: Callable[[CrawlProgress], None],
    ) -> None:
        self.config, self.state, self.fetcher, self.keep, self.on_page = config, state, fetcher, keep, on_page
        self.given_up = fetcher.gates.closed
        self.frontier = Frontier(rules, config.max_depth, state, self.given_up)
        self.seeds, self.product = rules.seeds, product_token(config.user_agent)
        self.robots = RobotsBook(fetcher, self.product, state, keep)
        self.budget = Budget(config.max_pages)
        self.failures: Counter[str] = Counter()
        """Site -> pages without an answer since the last that had one."""
        self.working: set[str] = set()
        self.idle: dict[str, None] = {}
        """Sites with waiting URLs that nobody works on, in order."""
        self.n_fetched = self.n_settled = 0

    async def run(self) -> list[int]:
        """Visit everything; ids of the seeds."""
        for site, n_waiting, n_fetched, given_up in self.state.sites(GIVEN_UP):
            self.budget.restore(site, n_fetched)
            if given_up:
                self.given_up.add(site)
            if n_waiting:
                self._queue(site)
        self.n_fetched = self.budget.n_taken
        self.n_settled = self.state.n_visits()
        seeds = [self._queued(self.frontier.offer(seed, 0), seed, 0) for seed in self.seeds]
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
        """Visit the URLs of a site until none waits or its share of the pages is used up."""
        begun: deque[tuple[Target, asyncio.Task[Visit]]] = deque()
        window = WINDOW_PER_SLOT * self.config.host_concurrency
        async with asyncio.TaskGroup() as tasks:
            while True:
                # Never more under way than pages still wanted: which ones are fetched must not depend on which are fast.
                while len(begun) < window and self.budget.room(site) > 0 and (target := self._take(site)):
                    begun.append((target, tasks.create_task(self.visit(target))))
                if not begun:
                    break
                target, task = begun.popleft()
                if onward := self.settle(target, await task):
                    self.budget.begin(site)
                    begun.appendleft((onward, tasks.create_task(self.visit(onward))))
                self._start_workers(all_tasks)
        self.working.discard(site)
        if self.budget.site(site).waiting:
            self.idle[site] = None
        self._start_workers(all_tasks)

    def _take(self, site: str) -> Target | None:
        target = self.state.take(site)
        if target is None:
            self.budget.used_up(site)
        else:
            self.budget.begin(site)
        return target

    async def visit(self, target: Target) -> Visit:
        """Fetch one target, if robots.txt lets us, and keep what came of it."""
        if kept := self.state.kept_visit(target):
            return kept
        policy = await self.robots.policy(target.url)
        visit, exchange = await self._fetch(target.url, policy)
        self._watch(target.site, visit)
        self.state.keep_visit(target, visit, None if exchange is None else self.keep(exchange))
        self.state.commit()
        return visit

    async def _fetch(self, url: str, policy: Policy) -> tuple[Visit, Exchange | None]:
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
        outcome, detail, links = self._read(answer)
        return Visit(outcome=outcome, detail=detail, origin=origin, answered=True, links=links), answer

    def _read(self, page: Exchange) -> tuple[str, str, list[str]]:
        """(outcome, detail, links) of a page that was answered with success."""
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
        """Count a visit and queue its links; what it redirects to is to be visited next, if that is of the same site."""
        links = [self._queued(self.frontier.offer(link, target.depth + 1), link, target.depth + 1) for link in visit.links]
        onward = None
        if visit.redirect is not None:
            found = self.frontier.follow(target, visit.redirect)
            links = [self._queued(found, target.url, target.depth)]
            if found[0].queued_at == target.site:
                onward = self.state.take_one(links[0])
        elif visit.outcome != "fetched":
            self._note(target.depth, target.url, Failure(visit.outcome, visit.detail))
        self.state.settle(target, visit.outcome, links)
        self.budget.end(target.site, fetched=visit.outcome == "fetched")
        self.state.commit()
        self.n_fetched += visit.outcome == "fetched"
        self.n_settled += 1
        self.on_page(CrawlProgress(n_fetched=self.n_fetched, n_settled=self.n_settled))
        return onward

    def _watch(self, site: str, visit: Visit) -> None:
        """Give a site up that has not answered for a while."""
        self.failures[site] = 0 if visit.answered else self.failures[site] + 1
        if self.failures[site] >= self.config.max_failures and site not in self.given_up:
            self.given_up.add(site)
            self.state.give_up(site, GIVEN_UP)

    def _queued(self, found: list[Found], url: str, depth: int) -> int:
        """Have the sites worked on at which something waits now; the id of the URL that was offered."""
        for one in found:
            if one.queued_at is not None:
                self._queue(one.queued_at)
        if found[0].refusal is not None:
            self._note(depth, url, found[0].refusal)
        return found[0].id

    def _queue(self, site: str) -> None:
        self.budget.queue(site)
        if site not in self.working:
            self.idle[site] = None

    def _note(self, depth: int, url: str, failure: Failure) -> None:
        """Note why a seed, or what it redirects to, was not fetched."""
        if depth == 0:
            self.state.note_cause(url, failure.reason, failure.detail)
