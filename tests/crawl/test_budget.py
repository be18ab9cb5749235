"""max_pages among sites: even shares, and what one does not need goes to the others."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from pipelines.crawl.budget import Budget


def fetched(max_pages: int, sizes: dict[str, int], seed: int) -> Counter[str]:
    """Pages of each site when sites of these sizes are fast and slow at random."""
    draw, budget, left, begun, done = random.Random(seed), Budget(max_pages), dict(sizes), Counter[str](), Counter[str]()
    for site in sizes:
        budget.queue(site)
    while True:
        able = [site for site in sizes if left[site] and budget.room(site) > 0]
        moves = [("begin", site) for site in able] + [("end", site) for site in sizes if begun[site]]
        if not moves:
            return done
        move, site = draw.choice(moves)
        if move == "begin":
            budget.begin(site)
            left[site], begun[site] = left[site] - 1, begun[site] + 1
            if not left[site]:
                budget.exhaust(site)
        else:
            budget.end(site, fetched=True)
            begun[site], done[site] = begun[site] - 1, done[site] + 1
        assert budget.n_taken <= max_pages


@pytest.mark.parametrize(
    ("max_pages", "sizes", "expected"),
    [
        (5, {"a": 10}, {"a": 5}),
        (10, {"a": 100, "b": 100}, {"a": 5, "b": 5}),
        (11, {"a": 100, "b": 100}, {"a": 6, "b": 5}),
        (10, {"a": 2, "b": 100, "c": 100}, {"a": 2, "b": 4, "c": 4}),
        (9, {"a": 2, "b": 100, "c": 100}, {"a": 2, "b": 4, "c": 3}),
        (100, {"a": 3, "b": 4}, {"a": 3, "b": 4}),
        (2, {"a": 9, "b": 9, "c": 9}, {"a": 1, "b": 1}),
    ],
)
def test_shares_do_not_depend_on_which_site_is_fast(max_pages: int, sizes: dict[str, int], expected: dict[str, int]) -> None:
    for seed in range(20):
        assert fetched(max_pages, sizes, seed) == expected


def test_what_was_fetched_before_a_stop_counts() -> None:
    budget = Budget(10)
    budget.restore("a", 4)
    budget.restore("b", 3)
    budget.queue("a")
    assert budget.room("a") == 3
    budget.queue("b")
    assert (budget.room("a"), budget.room("b")) == (1, 2)
