"""Benchmarks: `python -m benchmarks.NAME --corpus PATH [--out FILE.json]`; each ends with lines `RATIO name value`."""
