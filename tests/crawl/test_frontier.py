"""Breadth-first order within a site, every URL counted once, and shorter paths that turn up late."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.crawl.failures import Failure
from pipelines.crawl.frontier import MAX_REDIRECTS, CrawlRules, Frontier
from pipelines.crawl.order import alternate_sites, breadth_first
from pipelines.crawl.state import CrawlState
from pipelines.crawl.state_types import Target, Visit
from schemas.errors import RecipeError
from schemas.recipe import Crawl

SITE = "a.example"
Make = Callable[..., Frontier]


@pytest.fixture
def frontier(tmp_path: Path) -> Iterator[Make]:
    with CrawlState(tmp_path / "state.sqlite") as state:

        def make(*seeds: str, **settings: Any) -> Frontier:
            config = Crawl(seeds=seeds or ("http://a.example/",), **settings)
            return Frontier(CrawlRules(config), config.max_depth, state)

        yield make


def taken(queue: Frontier, site: str = SITE) -> list[Target]:
    found = []
    while target := queue.state.begin_next(site):
        found.append(target)
    return found


def visit(queue: Frontier, url: str, *links: str, redirect: str | None = None, depth: int = 0) -> int:
    """Offer a URL, visit it at once, and settle it with its links."""
    id_ = queue.offer(url, depth).id
    target = queue.state.begin(id_)
    made = Visit(outcome="redirected" if redirect else "fetched", origin="http://a.example", redirect=redirect, links=links)
    queue.state.keep_visit(target, made, None)
    found = [queue.follow(target, redirect)] if redirect else [queue.offer(link, target.depth + 1) for link in links]
    queue.state.settle(target, made.outcome, [offered.id for offered in found])
    return id_


def test_offered_urls_come_back_once_and_in_order(frontier: Make) -> None:
    queue = frontier()
    for url in ("http://a.example/2", "http://A.example:80/2#x", "http://a.example/1"):
        queue.offer(url, 1)
    queue.offer("http://a.example/0", 0)
    assert [target.url[-1] for target in taken(queue)] == ["0", "2", "1"]
    assert queue.offer("http://a.example/1", 2).queued_at is None
    assert taken(queue) == []
    assert not queue.state.outcomes()


def test_sites_take_turns_within_a_level() -> None:
    assert alternate_sites(array("q", range(6)), "aaabbc") == [0, 3, 5, 1, 4, 2]


@pytest.mark.parametrize(
    ("url", "depth", "reason"),
    [
        ("mailto:x@a.example", 1, "not_http"),
        ("http://a.example:99999/", 1, "invalid_url"),
        ("http://b.example/", 1, "out_of_scope"),
        ("http://a.example/private/x", 1, "excluded"),
        ("http://a.example/deep", 4, "max_depth"),
    ],
)
def test_a_refused_url_is_counted_once_with_its_reason(frontier: Make, url: str, depth: int, reason: str) -> None:
    queue = frontier(exclude=("/priv[a-z]+/",), max_depth=3)
    offered = queue.offer(url, depth)
    assert offered.refusal is not None
    assert offered.refusal.reason == reason
    assert queue.offer(url, depth).refusal is None
    assert queue.state.outcomes() == {reason: 1}
    assert taken(queue) == []


def test_a_redirect_is_visited_next_unless_known_or_out_of_scope(frontier: Make) -> None:
    queue = frontier()
    for name in "xyz":
        queue.offer(f"http://a.example/{name}", 2)
    start = queue.state.begin_next(SITE)
    assert start is not None
    assert queue.follow(start, "http://a.example/new").queued_at == SITE
    assert queue.follow(start, "http://a.example/new").queued_at is None
    assert [(target.url[17:], target.depth, target.hops) for target in taken(queue)] == [("new", 2, 1), ("y", 2, 0), ("z", 2, 0)]
    refusal = queue.follow(start, "http://b.example/").refusal
    assert isinstance(refusal, Failure)
    assert refusal.reason == "redirect_out_of_scope"
    assert "http://b.example/" in refusal.detail


def test_redirects_in_a_row_are_limited(frontier: Make) -> None:
    queue = frontier()
    at = queue.state.begin(queue.offer("http://a.example/0", 0).id)
    for hop in range(1, MAX_REDIRECTS + 1):
        at = queue.state.begin(queue.follow(at, f"http://a.example/{hop}").id)
    refusal = queue.follow(at, "http://a.example/too-far").refusal
    assert isinstance(refusal, Failure)
    assert refusal.reason == "too_many_redirects"


def test_a_shorter_path_corrects_the_depth_of_all_that_it_leads_to(frontier: Make) -> None:
    """b was found three links away, on a slow path; then the seed links to it."""
    queue = frontier(max_depth=4)
    visit(queue, "http://a.example/b", "http://a.example/c", depth=3)
    visit(queue, "http://a.example/c", "http://a.example/far", depth=4)
    assert queue.state.outcomes()["max_depth"] == 1
    offered = queue.offer("http://a.example/b", 1)
    assert (offered.queued_at, offered.admitted_at) == (None, (SITE,))
    (far,) = taken(queue)
    assert (far.url, far.depth) == ("http://a.example/far", 3)
    assert not queue.state.outcomes()["max_depth"]


def test_the_order_is_breadth_first_whatever_was_visited_first(frontier: Make) -> None:
    queue = frontier()
    name = "http://a.example/{}".format
    late = visit(queue, name("late"), name("deep"), depth=2)
    deep = visit(queue, name("deep"), depth=3)
    target = visit(queue, name("target"), depth=5)
    old = visit(queue, name("old"), redirect=name("target"), depth=1)
    near = visit(queue, name("near"), name("late"), name("seed"), depth=1)
    seed = visit(queue, name("seed"), name("old"), name("near"))
    assert list(breadth_first(queue.state, [seed])) == [seed, old, target, near, late, deep]


def test_a_bad_expression_is_named() -> None:
    with pytest.raises(RecipeError, match=r"crawl\.exclude: '\(unclosed' is not a regular expression"):
        CrawlRules(Crawl(seeds=("http://a.example/",), exclude=("fine", "(unclosed")))
