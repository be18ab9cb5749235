"""A worker process of the local runner: Beam's own, but silent.

Beam prints the traceback of every exception in the worker besides sending it to the driver, which is where it is decided
what a person gets to see.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from typing import Final

WORKER_PIDS: Final = "CORPUSMILL_WORKER_PIDS"
"""The variable that names a folder in which every worker process leaves a file named by its number."""

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to every process; the driver ends this one
    logging.disable(logging.ERROR)
    sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as long as the process lives
    if pids := os.environ.get(WORKER_PIDS):
        Path(pids, str(os.getpid())).touch()
    from apache_beam.runners.worker.sdk_worker_main import main

    main(sys.argv)
