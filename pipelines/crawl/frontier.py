"""The frontier: which URLs are visited, each counted once. It lies in the state, so memory does not grow with it.

Inside a site URLs are visited breadth-first, in the order in which they were found. Sites do not wait for each other, so a URL may be found
on a longer way first: when a shorter one turns up, it comes nearer, and with it all that it leads to.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from pipelines.crawl.fetch import GIVEN_UP, Failure
from pipelines.crawl.state import Known, State, Target
from pipelines.crawl.urls import Scope, canonical, check_seeds, is_web, site_of
from schemas.errors import RecipeError
from schemas.recipe import Crawl

MAX_REDIRECTS: Final = 10
_BY_DISTANCE: Final = ("max_depth", "too_many_redirects")
"""Refusals that a shorter way lifts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A URL that was offered."""

    id: int
    queued_at: str | None = None
    """The site that it now waits at; None if it was known already or is refused."""
    refusal: Failure | None = None
    """Why it is refused, where it was not known."""


class Rules:
    """What the recipe rules out, wherever it was found; RecipeError names a seed or an expression that cannot be used."""

    def __init__(self, config: Crawl) -> None:
        self.seeds = check_seeds(config.seeds)
        self.scope = Scope(config.scope, self.seeds)
        self.scope_name = config.scope
        self.excludes = [_compiled(pattern) for pattern in config.exclude]

    def refusal(self, url: str, hops: int) -> Failure | None:
        """Why a canonical URL is never visited, or None."""
        if url not in self.scope:
            if hops:
                return Failure("redirect_out_of_scope", f"redirects to {url}, outside crawl.scope = {self.scope_name!r}")
            return Failure("out_of_scope", f"outside crawl.scope = {self.scope_name!r}")
        for pattern in self.excludes:
            if pattern.search(url):
                return Failure("excluded", f"crawl.exclude has {pattern.pattern!r}")
        return None


class Frontier:
    """Takes URLs in, refuses what the rules or the distance refuse, and queues the rest in the state."""

    def __init__(self, rules: Rules, max_depth: int, state: State, given_up: Container[str] = ()) -> None:
        """Of the sites `given_up`, a set that grows, nothing is queued."""
        self.rules, self.max_depth, self.state, self.given_up = rules, max_depth, state, given_up

    def offer(self, url: str, depth: int) -> list[Found]:
        """Queue a URL that a page links to, unless it is known already; behind it in the answer comes what it brought nearer."""
        return self._admit(url, depth, 0, None)

    def follow(self, target: Target, url: str) -> list[Found]:
        """Queue what `target` redirects to, before all that waits; the answer as of `offer`."""
        return self._admit(url, target.depth, target.hops + 1, target.turn)

    def _admit(self, url: str, depth: int, hops: int, turn: int | None) -> list[Found]:
        spelled = canonical(url)
        key = hashlib.blake2b((spelled or url).encode("utf-8", "surrogatepass"), digest_size=16).digest()
        known = self.state.known(key)
        if known is not None:
            return [Found(id=known.id), *self._nearer(known, depth, hops)]
        if spelled is None:
            refusal: Failure | None = Failure("invalid_url" if is_web(url) else "not_http", "not an http(s) URL that can be requested")
        else:
            refusal = self.rules.refusal(spelled, hops) or self._too_far(depth, hops)
        visitable = spelled is not None and (refusal is None or refusal.reason in _BY_DISTANCE)
        site = site_of(spelled) if spelled is not None and visitable else None
        reason = refusal.reason if refusal else None
        if refusal is None and site in self.given_up:
            reason = GIVEN_UP
        id_ = self.state.add(key, spelled if visitable else None, site, depth=depth, hops=hops, turn=turn, refusal=reason)
        return [Found(id=id_, queued_at=None if reason else site, refusal=refusal)]

    def _nearer(self, known: Known, depth: int, hops: int) -> list[Found]:
        """What a shorter way to a known URL queues."""
        found, changed = [], [(known, depth, hops)]
        while changed:
            known, depth, hops = changed.pop()
            depth, hops = min(depth, known.depth), min(hops, known.hops)
            if (depth, hops) == (known.depth, known.hops):
                continue
            admit = known.outcome in _BY_DISTANCE and self._too_far(depth, hops) is None
            site = self.state.come_nearer(known, depth=depth, hops=hops, admit=admit)
            if site is not None:
                found.append(Found(id=known.id, queued_at=site))
            links, redirects = self.state.links(known.id)
            step = (depth, hops + 1) if redirects else (depth + 1, 0)
            changed += [(self.state.by_id(link), *step) for link in links]
        return found

    def _too_far(self, depth: int, hops: int) -> Failure | None:
        """Why a URL is not visited on this way, or None."""
        if hops > MAX_REDIRECTS:
            return Failure("too_many_redirects", f"more than {MAX_REDIRECTS} redirects in a row")
        if depth > self.max_depth:
            return Failure("max_depth", f"more than {self.max_depth} links from a seed")
        return None


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise RecipeError(f"crawl.exclude: {pattern!r} is not a regular expression: {error}") from error
