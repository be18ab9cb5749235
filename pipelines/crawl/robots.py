"""robots.txt by RFC 9309: fetched once per origin, parsed by protego, and queried for our product token."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from protego import Protego

from pipelines.crawl.failures import Failure
from pipelines.crawl.fetch import Fetcher, HttpExchange
from pipelines.crawl.state import CrawlState
from pipelines.crawl.state_types import SpoolSpan, StoredRobots
from pipelines.crawl.urls import canonical, origin_of
from pipelines.text.http_codings import TooLongError, UndecodableError
from schemas.errors import RecipeError

MAX_ROBOTS_BYTES: Final = 500 * 1024
MAX_REDIRECTS: Final = 5
MAX_AGE_S: Final = 24 * 3600
_LEADING_PRODUCT: Final = re.compile(r"[A-Za-z_-]+")
_COMPATIBLE_PRODUCT: Final = re.compile(r"\(compatible;\s*([A-Za-z_-]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotsPolicy:
    """What one origin allows us."""

    product: str
    rules: Protego
    refusal: Failure | None = None
    """Why nothing at all may be fetched: the rules could not be read."""
    fetched_at: float = 0.0
    """Seconds since 1970."""
    max_delay_s: float = math.inf
    """Nothing is fetched from an origin that asks for longer pauses."""

    def refuses(self, url: str) -> Failure | None:
        """Why this URL must not be fetched; None if it may be."""
        if self.refusal:
            return self.refusal
        if not self.rules.can_fetch(url, self.product):
            return Failure("robots", f"robots.txt disallows it for {self.product}")
        if self.delay_s > self.max_delay_s:
            return Failure("crawl_delay", f"robots.txt asks for {self.delay_s:g} s between requests, more than {self.max_delay_s:g}")
        return None

    @property
    def delay_s(self) -> float:
        """The pause between requests that the origin asks for, in seconds."""
        return float(self.rules.crawl_delay(self.product) or 0.0)


class RobotsBook:
    """The policies of all origins so far, valid for a day (RFC 9309), and stored in the state of the crawl."""

    def __init__(self, fetcher: Fetcher, product: str, state: CrawlState, keep: Callable[[HttpExchange], SpoolSpan]) -> None:
        self.fetcher, self.product, self.state, self.keep = fetcher, product, state, keep
        self.policies: dict[str, asyncio.Task[RobotsPolicy]] = {}

    async def policy(self, url: str) -> RobotsPolicy:
        """The policy for a canonical URL. The first call for an origin fetches robots.txt; others wait for it."""
        origin = origin_of(url)
        task = self.policies.get(origin)
        if task is None or (task.done() and task.result().fetched_at + MAX_AGE_S < time.time()):
            task = self.policies[origin] = asyncio.create_task(self._policy(origin))
        return await task

    async def _policy(self, origin: str) -> RobotsPolicy:
        stored = self.state.robots(origin)
        if stored is None or stored.fetched_at + MAX_AGE_S < time.time():
            stored = await self._fetch(origin)
        return RobotsPolicy(
            product=self.product,
            rules=parse_robots(stored.rules),
            refusal=stored.refusal,
            fetched_at=stored.fetched_at,
            max_delay_s=self.fetcher.config.max_crawl_delay_s,
        )

    async def _fetch(self, origin: str) -> StoredRobots:
        """Fetch robots.txt, following redirects, and store it."""
        url, exchanges = f"{origin}/robots.txt", list[HttpExchange]()
        delay_s = self.fetcher.config.delay_s
        while True:
            answer = await self.fetcher.get(url, delay_s=delay_s, max_bytes=MAX_ROBOTS_BYTES)
            if isinstance(answer, HttpExchange):
                exchanges.append(answer)
                following = answer.redirect and canonical(answer.redirect)
                if following and len(exchanges) <= MAX_REDIRECTS:
                    url = following
                    continue
            break
        rules, refusal = robots_rules(answer)
        stored = StoredRobots(time.time(), rules, refusal)
        self.state.keep_robots(origin, stored, [self.keep(exchange) for exchange in exchanges])
        self.state.commit()
        return stored


def robots_rules(answer: HttpExchange | Failure) -> tuple[bytes, Failure | None]:
    """(the rules as fetched, why nothing may be fetched): 4xx means no rules; after 5xx or without an answer nothing may be fetched."""
    if isinstance(answer, Failure):
        return b"", Failure(answer.reason, f"robots.txt: {answer.detail}")
    if answer.status == 429 or answer.status >= 500:
        return b"", Failure("robots_unavailable", f"robots.txt: HTTP {answer.status}")
    if not answer.ok:
        return b"", None
    try:
        rules = answer.decoded_body(MAX_ROBOTS_BYTES)
    except (UndecodableError, TooLongError) as error:
        return b"", Failure("robots_unavailable", f"robots.txt cannot be decoded: {error or 'too large'}")
    if rules.is_cut:  # the missing part may forbid something
        return b"", Failure("robots_unavailable", "robots.txt ends too early")
    return rules.body, None


def parse_robots(content: bytes) -> Protego:
    """The rules in a robots.txt file. A web page in its place, from sites that answer every URL, has none."""
    text = content[:MAX_ROBOTS_BYTES].decode("utf-8-sig", errors="replace")
    return Protego.parse("" if text.lstrip().startswith("<") else text)


def product_token(user_agent: str) -> str:
    """The name of the crawler in robots.txt files.

    Examples: "corpusmill/0.1 (+https://...)" -> "corpusmill", "Mozilla/5.0 (compatible; SomeBot/2.0)" -> "SomeBot"
    """
    found = _COMPATIBLE_PRODUCT.search(user_agent) or _LEADING_PRODUCT.match(user_agent)
    if not found or not (user_agent.isascii() and user_agent.isprintable()):
        raise RecipeError(
            "CM-CRAWL-007",
            f'crawl.user_agent = {user_agent!r}: begin it with a product name in ASCII, e.g. "corpusmill/0.1 (+https://...)"',
        )
    return found[1] if found.re is _COMPATIBLE_PRODUCT else found[0]
