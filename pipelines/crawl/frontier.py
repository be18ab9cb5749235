"""The frontier: which URLs are visited, in breadth-first order, each counted once.

A level is everything at the same number of links from the seeds. Inside a level hosts take turns, so that many of them are
busy at once however polite the crawl is to each; the URLs of one host keep the order in which they were found.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pipelines.crawl.fetch import Failure
from pipelines.crawl.urls import Scope, canonical, check_seeds, host_of, is_web
from schemas.errors import RecipeError
from schemas.recipe import Crawl

MAX_REDIRECTS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL to visit: how many links it is away from a seed, and how many redirects in a row led to it."""

    url: str
    depth: int
    n_redirects: int = 0


class Frontier:
    """Takes URLs in, refuses those that the recipe rules out, and gives the others back level by level."""

    def __init__(self, config: Crawl) -> None:
        self.config = config
        self.seeds = check_seeds(config.seeds)
        self.scope = Scope(config.scope, self.seeds)
        self.excludes = [_compiled(pattern) for pattern in config.exclude]
        self.seen: set[bytes] = set()
        self.refused: Counter[str] = Counter()
        self.following: list[Target] = []

    def offer(self, url: str, depth: int) -> Failure | None:
        """Queue a URL for its level unless it is known already; the answer says why a new one is refused."""
        found = self._admit(url, depth, 0)
        if isinstance(found, Target):
            self.following.append(found)
        return found if isinstance(found, Failure) else None

    def follow(self, target: Target, url: str) -> Target | Failure | None:
        """What `target` redirects to, to be visited next; why it is refused; or None if it is known already."""
        return self._admit(url, target.depth, target.n_redirects + 1)

    def next_level(self) -> deque[Target]:
        """What the last level led to; empty when the crawl is over."""
        level, self.following = self.following, []
        return deque(in_turn(level))

    def _admit(self, url: str, depth: int, n_redirects: int) -> Target | Failure | None:
        spelled = canonical(url)
        key = hashlib.blake2b((spelled or url).encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if key in self.seen:
            return None
        self.seen.add(key)
        if spelled is None:
            failure = Failure("invalid_url" if is_web(url) else "not_http", "not an http(s) URL that can be requested")
        else:
            target = Target(url=spelled, depth=depth, n_redirects=n_redirects)
            refusal = self._refusal(target)
            if refusal is None:
                return target
            failure = refusal
        self.refused[failure.reason] += 1
        return failure

    def _refusal(self, target: Target) -> Failure | None:
        """Why a target is not visited, or None."""
        if target.url not in self.scope:
            if target.n_redirects:
                return Failure("redirect_out_of_scope", f"redirects to {target.url}, outside crawl.scope = {self.config.scope!r}")
            return Failure("out_of_scope", f"outside crawl.scope = {self.config.scope!r}")
        for pattern in self.excludes:
            if pattern.search(target.url):
                return Failure("excluded", f"crawl.exclude has {pattern.pattern!r}")
        if target.n_redirects > MAX_REDIRECTS:
            return Failure("too_many_redirects", f"more than {MAX_REDIRECTS} redirects in a row")
        if target.depth > self.config.max_depth:
            return Failure("max_depth", f"more than {self.config.max_depth} links from a seed")
        return None


def in_turn(level: Iterable[Target]) -> list[Target]:
    """The targets with hosts taking turns: the first of every host, then the second of every host, ..."""
    rank: Counter[str] = Counter()
    ranked = []
    for target in level:
        host = host_of(target.url)
        ranked.append((rank[host], target))
        rank[host] += 1
    return [target for _, target in sorted(ranked, key=lambda pair: pair[0])]


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise RecipeError(f"crawl.exclude: {pattern!r} is not a regular expression: {error}") from error
