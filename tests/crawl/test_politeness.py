"""Pauses between requests, and waits before retries."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.crawl.politeness import MAX_WAIT_S, Gates, backoff_s, retry_after_s
from tests.crawl.site import FakeTime

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("999999999999999", MAX_WAIT_S),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("Wed, 25 Nov 2026 12:00:00 GMT", MAX_WAIT_S),
        ("Tue, 24 Nov 2026 12:00:30 -0000", 30.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_capped(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, NOW) == seconds


@given(st.text())
def test_any_retry_after_is_read_without_a_crash(header: str) -> None:
    seconds = retry_after_s(header, NOW)
    assert seconds is None or 0 <= seconds <= MAX_WAIT_S


def test_back_off_doubles_up_to_a_cap() -> None:
    assert [backoff_s(attempt) for attempt in range(4)] == [1.0, 2.0, 4.0, 8.0]
    assert backoff_s(1000) == MAX_WAIT_S


def starts(gates: Gates, time: FakeTime, turns: list[tuple[str, float]], hold: int = 3) -> list[tuple[str, float]]:
    """(host, fake time) of each turn as it began; a turn is held for `hold` rounds of the loop."""
    begun: list[tuple[str, float]] = []

    async def one(host: str, delay_s: float) -> None:
        async with gates.turn(host, delay_s):
            begun.append((host, time.seconds - 1000.0))
            for _ in range(hold):
                await asyncio.sleep(0)

    async def all_of_them() -> None:
        await asyncio.gather(*(one(host, delay_s) for host, delay_s in turns))

    asyncio.run(all_of_them())
    return begun


@pytest.mark.parametrize("host_concurrency", [1, 4])
def test_requests_to_one_host_start_a_delay_apart(host_concurrency: int) -> None:
    time = FakeTime()
    gates = Gates(16, host_concurrency, time.clock)
    assert starts(gates, time, [("a", 2.0), ("a", 2.0), ("a", 5.0), ("a", 2.0)]) == [("a", 0.0), ("a", 2.0), ("a", 4.0), ("a", 9.0)]


def test_hosts_do_not_wait_for_each_other() -> None:
    time = FakeTime()
    begun = starts(Gates(16, 1, time.clock), time, [("a", 100.0), ("b", 100.0), ("c", 100.0)])
    assert begun == [("a", 0.0), ("b", 0.0), ("c", 0.0)]


def test_waiting_for_a_free_slot_does_not_shorten_the_delay() -> None:
    """With one slot for all hosts, the second turn at `a` is stamped when it starts, not when it asked."""
    time = FakeTime()
    begun = starts(Gates(1, 4, time.clock), time, [("a", 1.0), ("b", 1.0), ("a", 1.0), ("a", 1.0)], hold=20)
    of_a = [at for host, at in begun if host == "a"]
    assert all(later - earlier >= 1.0 for earlier, later in itertools.pairwise(of_a))
    assert len(begun) == 4


def test_a_pause_holds_back_the_whole_host() -> None:
    time = FakeTime()
    gates = Gates(16, 1, time.clock)
    gates.pause("a", 30.0)
    assert starts(gates, time, [("b", 0.0), ("a", 0.0)]) == [("b", 0.0), ("a", 30.0)]
