"""One process at a time in a run folder, by a lock that the operating system releases when the process ends."""

from __future__ import annotations

import fcntl
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from schemas.errors import OutputError
from schemas.files import TEMPORARY_SUFFIX

LOCK_FILE: Final = ".lock"


@contextmanager
def locked(folder: Path, wait_s: float = 0) -> Iterator[None]:
    """Lock `folder` for the block, and delete the unfinished files of an earlier, killed process in it.

    Raises OutputError after `wait_s` seconds; it names the process and machine that hold the lock. A folder that does not exist is not
    locked.
    """
    if not folder.is_dir():
        yield
        return
    path = folder / LOCK_FILE
    with _acquired(path, time.monotonic() + wait_s) as file:
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}".encode())
        file.flush()
        for left in folder.rglob(f".*{TEMPORARY_SUFFIX}"):
            if left.is_file():
                left.unlink()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _acquired(path: Path, until: float) -> IO[bytes]:
    """The lock file, open and locked. If the holder deleted the file meanwhile, try the new one."""
    while True:
        file = path.open("a+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read(200).decode(errors="replace") or "another process"
            file.close()
            if time.monotonic() < until:
                time.sleep(0.2)
                continue
            raise OutputError(
                "CM-RECORD-007", f"{path.parent} is in use by {holder}; wait until that command ends, stop it, or use another folder"
            ) from None
        except OSError as error:
            file.close()
            raise OutputError(
                "CM-RECORD-008", f"{path.parent} cannot be locked ({error.strerror}); use a file system that supports locks"
            ) from error
        with suppress(FileNotFoundError):
            if os.fstat(file.fileno()).st_ino == path.stat().st_ino:
                return file
        file.close()
