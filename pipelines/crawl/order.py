"""The order in which a crawl is written: that of a breadth-first search over what was visited, whatever was fetched first.

A level is everything at the same number of links from the seeds. Inside a level sites take turns; the URLs of one site keep the order in
which they were found, and what a page redirects to follows it. So the order depends on the pages alone, not on which server is fast.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from pipelines.crawl.state import Span, State


def spans_in_order(state: State, seeds: Iterable[int]) -> Iterator[Span]:
    """Where the records of a settled crawl lie, in the order of discovery; those of a site's robots.txt come before its first page."""
    told: set[str] = set()
    for url in in_order(state, seeds):
        visited = state.visited(url)
        if visited is None:
            continue
        origin, span = visited
        if origin not in told:
            told.add(origin)
            yield from state.robots_spans(origin)
        if span is not None:
            yield span


def in_order(state: State, seeds: Iterable[int]) -> Iterator[int]:
    """Ids of all URLs that a search from the seeds comes to."""
    found = bytearray(state.n_urls() + 1)
    level = array("q")
    _add_new(seeds, found, level)
    while level:
        following = array("q")
        for first in in_turn(level, [state.site_of(url) for url in level]):
            at: int | None = first
            while at is not None:
                yield at
                links, redirects = state.links(at)
                at = None
                if not redirects:
                    _add_new(links, found, following)
                elif links and not found[links[0]]:
                    at = links[0]
                    found[at] = 1
        level = following


def in_turn(urls: array[int], sites: Iterable[str]) -> list[int]:
    """The URLs with sites taking turns: the first of every site, then the second of every site, ..."""
    n_of: Counter[str] = Counter()
    ranks = array("q")
    for site in sites:
        ranks.append(n_of[site])
        n_of[site] += 1
    order: list[int] = np.asarray(urls)[np.argsort(np.asarray(ranks), kind="stable")].tolist()
    return order


def _add_new(urls: Iterable[int], found: bytearray, to: array[int]) -> None:
    for url in urls:
        if not found[url]:
            found[url] = 1
            to.append(url)
