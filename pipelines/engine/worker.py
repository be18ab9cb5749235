"""A worker process of the local runner: Beam's own, but silent, and never alive without its driver.

Beam prints the traceback of every exception in the worker besides sending it to the driver, which is where it is decided
what a person gets to see. A worker that has not connected yet would wait two minutes for a driver that was killed.
"""

import ctypes
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Final

DRIVER_PID: Final = "CORPUSMILL_DRIVER_PID"
"""The variable with the number of the process that starts workers."""
PR_SET_PDEATHSIG: Final = 1
WORKER_PIDS: Final = "CORPUSMILL_WORKER_PIDS"
"""The variable that names a folder in which every worker process leaves a file named by its number."""


def end_with(driver: int) -> None:
    """End this process as soon as its driver has ended, however it did."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(driver,), daemon=True).start()
    if os.getppid() != driver:  # it ended before this line
        os._exit(1)


def _watch(driver: int) -> None:
    while os.getppid() == driver:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    if driver := os.environ.get(DRIVER_PID):
        end_with(int(driver))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to every process; the driver ends this one
    logging.disable(logging.ERROR)
    sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as long as the process lives
    if pids := os.environ.get(WORKER_PIDS):
        Path(pids, str(os.getpid())).touch()
    from apache_beam.runners.worker.sdk_worker_main import main

    main(sys.argv)
