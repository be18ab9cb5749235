"""What a block of code costs."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Seconds between the start and the end of a block."""

    wall_s = 0.0
    cpu_s = 0.0


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Wall seconds, and CPU seconds of this process and of its children that have ended, of a block."""
    watch = Stopwatch()
    wall, cpu = time.monotonic(), _cpu_seconds()
    try:
        yield watch
    finally:
        watch.wall_s, watch.cpu_s = time.monotonic() - wall, _cpu_seconds() - cpu


def _cpu_seconds() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
