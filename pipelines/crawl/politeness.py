"""When a request may start: pauses per site (host and port), concurrent requests per site and in total, and waits before retries."""

from __future__ import annotations

import asyncio
import email.utils
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

BACKOFF_S: Final = 1.0
MAX_WAIT_S: Final = 120.0
"""The longest pause that a server can ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The clock of the crawler; tests pass their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(slots=True)
class _Gate:
    slots: asyncio.Semaphore
    starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    free_at: float = 0.0


class Gates:
    """One gate per site: requests start in the order of their calls, never closer together than the delay."""

    def __init__(self, concurrency: int, host_concurrency: int, clock: Clock) -> None:
        self.clock = clock
        self.running = asyncio.Semaphore(concurrency)
        self.gates: defaultdict[str, _Gate] = defaultdict(lambda: _Gate(asyncio.Semaphore(host_concurrency)))
        self.closed: set[str] = set()
        """Sites that were given up."""

    @asynccontextmanager
    async def turn(self, site: str, delay_s: float) -> AsyncIterator[None]:
        """Wait for a turn at `site` and hold it; the next one starts at least `delay_s` after this one did."""
        gate = self.gates[site]
        async with gate.slots:
            async with gate.starting:
                while (wait := gate.free_at - self.clock.now()) > 0:  # the pause may have grown in the meantime
                    await self.clock.sleep(wait)
                await self.running.acquire()
                gate.free_at = max(gate.free_at, self.clock.now() + delay_s)
            try:
                yield
            finally:
                self.running.release()

    def pause(self, site: str, seconds: float) -> None:
        """Start no further request to `site` for this long."""
        gate = self.gates[site]
        gate.free_at = max(gate.free_at, self.clock.now() + seconds)


def backoff_s(attempt: int) -> float:
    """The wait after failed attempt 0, 1, 2, ... in seconds: 1, 2, 4, ..."""
    return min(MAX_WAIT_S, BACKOFF_S * 2.0**attempt)


def retry_after_s(header: str | None, now: datetime | None = None) -> float | None:
    """The wait in a Retry-After header (a number of seconds, or an HTTP date) in seconds, capped; None if there is none."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return min(MAX_WAIT_S, float(text[:9]))
    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return min(MAX_WAIT_S, max(0.0, (date - (now or datetime.now(UTC))).total_seconds()))
