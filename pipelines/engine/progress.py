"""Units of work done, from worker processes to a driver on the same machine."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class Progress:
    """A file that grows by one byte per finished unit of work, so that a driver on this machine can watch."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def step(self) -> None:
        """One unit is done."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(b".")

    def done(self) -> int:
        """Units done so far."""
        return self.path.stat().st_size if self.path.is_file() else 0


@contextmanager
def watch_progress(progress: Progress, report: Callable[[int], None], every_s: float = 0.2) -> Iterator[None]:
    """Call `report(units done)` from a thread until the block ends."""
    progress.path.unlink(missing_ok=True)
    over = threading.Event()

    def poll() -> None:
        while not over.wait(every_s):
            report(progress.done())

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        report(progress.done())
