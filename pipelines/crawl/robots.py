"""robots.txt as RFC 9309 has it: fetched once per origin, parsed by protego, asked for our product token."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from protego import Protego

from pipelines.crawl.fetch import Exchange, Failure, Fetcher
from pipelines.crawl.state import Span, State
from pipelines.crawl.urls import canonical, origin_of
from pipelines.text.http_codings import TooLongError, UndecodableError
from schemas.errors import RecipeError

MAX_ROBOTS_BYTES: Final = 500 * 1024
MAX_REDIRECTS: Final = 5
MAX_AGE_S: Final = 24 * 3600
_LEADING_PRODUCT: Final = re.compile(r"[A-Za-z_-]+")
_COMPATIBLE_PRODUCT: Final = re.compile(r"\(compatible;\s*([A-Za-z_-]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What one origin lets us do."""

    product: str
    rules: Protego
    refusal: Failure | None = None
    """Why nothing may be fetched at all: the rules could not be got."""
    fetched_at: float = 0.0
    """Seconds since 1970."""
    max_delay_s: float = math.inf
    """Where longer pauses are asked for, nothing is fetched."""

    def refuses(self, url: str) -> Failure | None:
        """Why this URL must not be fetched, or None if it may be."""
        if self.refusal:
            return self.refusal
        if not self.rules.can_fetch(url, self.product):
            return Failure("robots", f"robots.txt disallows it for {self.product}")
        if self.delay_s > self.max_delay_s:
            return Failure("crawl_delay", f"robots.txt asks for {self.delay_s:g} s between requests, more than {self.max_delay_s:g}")
        return None

    @property
    def delay_s(self) -> float:
        """Seconds between requests that the origin asks for."""
        return float(self.rules.crawl_delay(self.product) or 0.0)


class RobotsBook:
    """The policies of all origins met so far, kept in the state of the crawl for a day, as RFC 9309 has it."""

    def __init__(self, fetcher: Fetcher, product: str, state: State, keep: Callable[[Exchange], Span]) -> None:
        self.fetcher, self.product, self.state, self.keep = fetcher, product, state, keep
        self.policies: dict[str, asyncio.Task[Policy]] = {}

    async def policy(self, url: str) -> Policy:
        """The policy for a canonical URL; the first to ask has robots.txt fetched, the others wait for it."""
        origin = origin_of(url)
        task = self.policies.get(origin)
        if task is None or (task.done() and task.result().fetched_at + MAX_AGE_S < time.time()):
            task = self.policies[origin] = asyncio.create_task(self._policy(origin))
        return await task

    async def _policy(self, origin: str) -> Policy:
        kept = self.state.robots(origin)
        if kept is None or kept[0] + MAX_AGE_S < time.time():
            kept = await self._fetch(origin)
        fetched_at, rules, refusal = kept
        return Policy(
            product=self.product,
            rules=parse(rules),
            refusal=Failure(*refusal) if refusal else None,
            fetched_at=fetched_at,
            max_delay_s=self.fetcher.config.max_crawl_delay_s,
        )

    async def _fetch(self, origin: str) -> tuple[float, bytes, tuple[str, str] | None]:
        """(time, rules, why nothing may be fetched), after they were kept."""
        url, exchanges = f"{origin}/robots.txt", list[Exchange]()
        delay_s = self.fetcher.config.delay_s
        while True:
            answer = await self.fetcher.get(url, delay_s=delay_s, max_bytes=MAX_ROBOTS_BYTES)
            if isinstance(answer, Exchange):
                exchanges.append(answer)
                following = answer.redirect and canonical(answer.redirect)
                if following and len(exchanges) <= MAX_REDIRECTS:
                    url = following
                    continue
            break
        text, failure = judge(answer)
        refusal = (failure.reason, failure.detail) if failure else None
        fetched_at = time.time()
        self.state.keep_robots(origin, fetched_at, text, refusal, [self.keep(exchange) for exchange in exchanges])
        self.state.commit()
        return fetched_at, text, refusal


def judge(answer: Exchange | Failure) -> tuple[bytes, Failure | None]:
    """(the rules as fetched, why nothing may be fetched): 4xx means no rules, 5xx or no answer at all means no entry."""
    if isinstance(answer, Failure):
        return b"", Failure(answer.reason, f"robots.txt: {answer.detail}")
    if answer.status == 429 or answer.status >= 500:
        return b"", Failure("robots_unavailable", f"robots.txt: HTTP {answer.status}")
    if not answer.ok:
        return b"", None
    try:
        rules = answer.decoded_body(MAX_ROBOTS_BYTES)
    except (UndecodableError, TooLongError) as error:
        return b"", Failure("robots_unavailable", f"robots.txt cannot be unpacked: {error or 'too large'}")
    if rules.is_cut:  # the rule that forbids may be in what is missing
        return b"", Failure("robots_unavailable", "robots.txt ends too early")
    return rules.body, None


def parse(content: bytes) -> Protego:
    """The rules in a robots.txt file. A web page in its place (sites that answer every address) holds none."""
    text = content[:MAX_ROBOTS_BYTES].decode("utf-8-sig", errors="replace")
    return Protego.parse("" if text.lstrip().startswith("<") else text)


def product_token(user_agent: str) -> str:
    """The name by which robots.txt files address us.

    Examples: "corpusmill/0.1 (+https://...)" -> "corpusmill", "Mozilla/5.0 (compatible; SomeBot/2.0)" -> "SomeBot"
    """
    found = _COMPATIBLE_PRODUCT.search(user_agent) or _LEADING_PRODUCT.match(user_agent)
    if not found or not (user_agent.isascii() and user_agent.isprintable()):
        raise RecipeError(
            f'crawl.user_agent = {user_agent!r}: begin it with a product name in ASCII, such as "corpusmill/0.1 (+https://...)"'
        )
    return found[1] if found.re is _COMPATIBLE_PRODUCT else found[0]
