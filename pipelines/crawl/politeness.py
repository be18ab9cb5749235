"""When a request may start: pauses per site (host and port), requests at once per site and in all, and how long to wait before a retry."""

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
"""A server that asks for a longer pause is asked again after this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Time as the crawler sees it; tests bring their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(slots=True)
class _Host:
    slots: asyncio.Semaphore
    starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    free_at: float = 0.0


class Gates:
    """One gate per host: requests start in the order in which they asked, never closer together than the delay."""

    def __init__(self, concurrency: int, host_concurrency: int, clock: Clock) -> None:
        self.clock = clock
        self.running = asyncio.Semaphore(concurrency)
        self.hosts: defaultdict[str, _Host] = defaultdict(lambda: _Host(asyncio.Semaphore(host_concurrency)))
        self.closed: set[str] = set()
        """Sites that were given up."""

    @asynccontextmanager
    async def turn(self, host: str, delay_s: float) -> AsyncIterator[None]:
        """Wait for a turn at `host` and hold it; the next one starts at least `delay_s` after this one did."""
        gate = self.hosts[host]
        async with gate.slots:
            async with gate.starting:
                while (wait := gate.free_at - self.clock.now()) > 0:  # the pause may have grown meanwhile
                    await self.clock.sleep(wait)
                await self.running.acquire()
                gate.free_at = max(gate.free_at, self.clock.now() + delay_s)
            try:
                yield
            finally:
                self.running.release()

    def pause(self, host: str, seconds: float) -> None:
        """Start nothing more at `host` for so long."""
        gate = self.hosts[host]
        gate.free_at = max(gate.free_at, self.clock.now() + seconds)


def backoff_s(attempt: int) -> float:
    """Seconds to wait after failed attempt 0, 1, 2, ...: 1, 2, 4, ..."""
    return min(MAX_WAIT_S, BACKOFF_S * 2.0**attempt)


def retry_after_s(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a Retry-After header (a number of them, or an HTTP date) asks for, capped; None if it says nothing usable."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return min(MAX_WAIT_S, float(text[:9]))
    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return min(MAX_WAIT_S, max(0.0, (date - (now or datetime.now(UTC))).total_seconds()))
