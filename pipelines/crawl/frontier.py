"""The frontier: decides which URLs are visited, and queues each once. It is stored in the state, so memory does not grow with it.

Within a site URLs are visited breadth-first, in order of discovery. Sites do not wait for each other, so a URL may be found on a longer
path first. When a shorter one turns up, the depths of the URL and of everything that it leads to are corrected.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from pipelines.crawl.failures import GIVEN_UP, Failure
from pipelines.crawl.state import CrawlState
from pipelines.crawl.state_types import KnownUrl, Target
from pipelines.crawl.urls import Scope, canonical, check_seeds, is_web, site_of
from schemas.errors import RecipeError
from schemas.recipe import Crawl

MAX_REDIRECTS: Final = 10
_BY_DISTANCE: Final = ("max_depth", "too_many_redirects")
"""Refusals that a shorter path lifts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedUrl:
    """The result of offering a URL to the frontier."""

    id: int
    queued_at: str | None = None
    """The site at which it waits from now on; None if it was known already or is refused."""
    refusal: Failure | None = None
    """Why a new URL is refused."""
    admitted_at: tuple[str, ...] = ()
    """The sites of URLs, refused before, that wait from now on because this offer shortens the path to them; a site per URL."""


class CrawlRules:
    """Which URLs the recipe rules out, however they were found; RecipeError names an invalid seed or expression."""

    def __init__(self, config: Crawl) -> None:
        self.seeds = check_seeds(config.seeds)
        self.scope = Scope(config.scope, self.seeds)
        self.scope_name = config.scope
        self.excludes = [_compiled(pattern) for pattern in config.exclude]

    def refusal(self, url: str, hops: int) -> Failure | None:
        """Why a canonical URL is never visited; None if it may be."""
        if url not in self.scope:
            if hops:
                return Failure("redirect_out_of_scope", f"redirects to {url}, outside crawl.scope = {self.scope_name!r}")
            return Failure("out_of_scope", f"outside crawl.scope = {self.scope_name!r}")
        for pattern in self.excludes:
            if pattern.search(url):
                return Failure("excluded", f"crawl.exclude has {pattern.pattern!r}")
        return None


class Frontier:
    """Refuses URLs by rules or distance, and queues the others in the state."""

    def __init__(self, rules: CrawlRules, max_depth: int, state: CrawlState, given_up: Container[str] = ()) -> None:
        """Nothing is queued for the sites in `given_up`, a set that grows during the crawl."""
        self.rules, self.max_depth, self.state, self.given_up = rules, max_depth, state, given_up

    def offer(self, url: str, depth: int) -> OfferedUrl:
        """Queue a URL that a page links to, unless it is known."""
        return self._admit(url, depth, 0, None)

    def follow(self, target: Target, url: str) -> OfferedUrl:
        """Queue the URL that `target` redirects to before all others, unless it is known."""
        return self._admit(url, target.depth, target.hops + 1, target.discovery)

    def _admit(self, url: str, depth: int, hops: int, discovery: int | None) -> OfferedUrl:
        spelled = canonical(url)
        key = hashlib.blake2b((spelled or url).encode("utf-8", "surrogatepass"), digest_size=16).digest()
        known = self.state.known(key)
        if known is not None:
            return OfferedUrl(id=known.id, admitted_at=tuple(self._shorten_paths(known, depth, hops)))
        if spelled is None:
            refusal: Failure | None = Failure("invalid_url" if is_web(url) else "not_http", "not an http(s) URL that can be requested")
        else:
            refusal = self.rules.refusal(spelled, hops) or self._too_far(depth, hops)
        visitable = spelled is not None and (refusal is None or refusal.reason in _BY_DISTANCE)
        site = site_of(spelled) if spelled is not None and visitable else None
        reason = refusal.reason if refusal else None
        if refusal is None and site in self.given_up:
            reason = GIVEN_UP
        id_ = self.state.add(key, spelled if visitable else None, site, depth=depth, hops=hops, discovery=discovery, outcome=reason)
        return OfferedUrl(id=id_, queued_at=None if reason else site, refusal=refusal)

    def _shorten_paths(self, known: KnownUrl, depth: int, hops: int) -> list[str]:
        """Correct depths after a new path to a known URL; returns the site of every URL that this queues."""
        sites, changed = [], [(known, depth, hops)]
        while changed:
            known, depth, hops = changed.pop()
            depth, hops = min(depth, known.depth), min(hops, known.hops)
            if (depth, hops) == (known.depth, known.hops):
                continue
            admit = known.outcome in _BY_DISTANCE and self._too_far(depth, hops) is None
            site = self.state.shorten_path(known, depth=depth, hops=hops, admit=admit)
            if site is not None:
                sites.append(site)
            links = self.state.links(known.id)
            step = (depth, hops + 1) if links.is_redirect else (depth + 1, 0)
            changed += [(self.state.by_id(link), *step) for link in links.ids]
        return sites

    def _too_far(self, depth: int, hops: int) -> Failure | None:
        """Why a URL is not visited on this path; None if it may be."""
        if hops > MAX_REDIRECTS:
            return Failure("too_many_redirects", f"more than {MAX_REDIRECTS} redirects in a row")
        if depth > self.max_depth:
            return Failure("max_depth", f"more than {self.max_depth} links from a seed")
        return None


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise RecipeError("CM-CRAWL-006", f"crawl.exclude: {pattern!r} is not a regular expression: {error}") from error
