"""Breadth-first order, and every URL counted once."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.crawl.fetch import Failure
from pipelines.crawl.frontier import MAX_REDIRECTS, Frontier, Target, in_turn
from schemas.errors import RecipeError
from schemas.recipe import Crawl


def frontier(*seeds: str, **settings: Any) -> Frontier:
    return Frontier(Crawl(seeds=seeds or ("http://a.example/",), **settings))


def test_a_level_holds_what_was_offered_in_order_and_once() -> None:
    queue = frontier()
    for url in ("http://a.example/2", "http://A.example:80/2#x", "http://a.example/1"):
        assert queue.offer(url, 1) is None
    assert [target.url for target in queue.next_level()] == ["http://a.example/2", "http://a.example/1"]
    assert queue.offer("http://a.example/1", 2) is None
    assert not queue.next_level()
    assert not queue.refused


def test_hosts_take_turns_within_a_level() -> None:
    urls = [
        "http://a.example/1",
        "http://a.example/2",
        "http://a.example/3",
        "http://b.example/1",
        "http://b.example/2",
        "http://c.example/1",
    ]
    order = [target.url[7] + target.url[-1] for target in in_turn(Target(url=url, depth=1) for url in urls)]
    assert order == ["a1", "b1", "c1", "a2", "b2", "a3"]


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
def test_a_refused_url_is_counted_once_with_its_reason(url: str, depth: int, reason: str) -> None:
    queue = frontier(exclude=("/priv[a-z]+/",), max_depth=3)
    failure = queue.offer(url, depth)
    assert failure is not None
    assert failure.reason == reason
    assert queue.offer(url, depth) is None
    assert queue.refused == {reason: 1}
    assert not queue.next_level()


def test_a_redirect_is_visited_next_unless_known_or_out_of_scope() -> None:
    queue = frontier()
    start = Target(url="http://a.example/", depth=2)
    assert queue.follow(start, "http://a.example/new") == Target(url="http://a.example/new", depth=2, n_redirects=1)
    assert queue.follow(start, "http://a.example/new") is None
    outside = queue.follow(start, "http://b.example/")
    assert isinstance(outside, Failure)
    assert outside.reason == "redirect_out_of_scope"
    assert "http://b.example/" in outside.detail


def test_redirects_in_a_row_are_limited() -> None:
    queue = frontier()
    at = Target(url="http://a.example/0", depth=0)
    for hop in range(1, MAX_REDIRECTS + 1):
        onward = queue.follow(at, f"http://a.example/{hop}")
        assert isinstance(onward, Target)
        at = onward
    last = queue.follow(at, "http://a.example/too-far")
    assert isinstance(last, Failure)
    assert last.reason == "too_many_redirects"


def test_a_bad_expression_is_named() -> None:
    with pytest.raises(RecipeError, match=r"crawl\.exclude: '\(unclosed' is not a regular expression"):
        frontier(exclude=("fine", "(unclosed"))
