"""Benchmarks: `python -m benchmarks.NAME --corpus PATH [--out FILE.json]`; each ends with lines `RATIO name value`."""

import logging

logging.basicConfig(level=logging.ERROR)  # Beam warns of packages that it does not need here
