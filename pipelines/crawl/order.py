"""The order in which a crawl is written: a breadth-first search over the visited URLs, whatever was fetched first.

A level is all URLs with the same number of links from the seeds. Within a level sites alternate; the URLs of one site keep their order of
discovery, and the target of a redirect follows it. So the order depends on the pages alone, not on which server is fast.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from pipelines.crawl.state import CrawlState
from pipelines.crawl.state_types import SpoolSpan


def spans_in_order(state: CrawlState, seeds: Iterable[int]) -> Iterator[SpoolSpan]:
    """Where the records of a settled crawl are, in breadth-first order; those of an origin's robots.txt come before its first page."""
    origins: set[str] = set()
    for url in breadth_first(state, seeds):
        records = state.records_of(url)
        if records is None:
            continue
        if records.origin not in origins:
            origins.add(records.origin)
            yield from state.robots_spans(records.origin)
        if records.span is not None:
            yield records.span


def breadth_first(state: CrawlState, seeds: Iterable[int]) -> Iterator[int]:
    """Ids of all URLs that are reached from the seeds, level by level."""
    found = bytearray(state.n_urls() + 1)
    level = array("q")
    _add_new(seeds, found, level)
    while level:
        following = array("q")
        for first in alternate_sites(level, [state.site_of(url) for url in level]):
            at: int | None = first
            while at is not None:
                yield at
                links = state.links(at)
                at = None
                if not links.is_redirect:
                    _add_new(links.ids, found, following)
                elif links.ids and not found[links.ids[0]]:
                    at = links.ids[0]
                    found[at] = 1
        level = following


def alternate_sites(urls: array[int], sites: Iterable[str]) -> list[int]:
    """The URLs reordered: the first of every site, then the second of every site, ..."""
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
