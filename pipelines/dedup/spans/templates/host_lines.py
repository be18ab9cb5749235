"""Lines that a site repeats from page to page: navigation, teasers, notices. Every copy of them is cut."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.dedup.arrays import UInt64s
from pipelines.dedup.spans.lines import line_units
from pipelines.dedup.spans.units import Units
from pipelines.text.hashing import finish, hash_bytes
from pipelines.text.urls import canonical_urls
from pipelines.text.view import text_view
from schemas.buffers import Bytes, Offsets
from schemas.recipe import Lines

COUNT: Final = pa.schema([pa.field(name, pa.uint64(), nullable=False) for name in ("host", "key", "n", "segment")])
"""On how many pages of a host a line occurs; with key 0, how many pages of the host a segment has."""

_LINES: Final = Lines()


def host_hashes(url: pa.Array) -> UInt64s:
    """uint64[n]: a hash of the host of each URL without "www." and port, 0 if there is none."""
    host = canonical_urls(pl.Series("url", pl.from_arrow(url), dtype=pl.String)).str.extract(r"^([^/]*)", 1).str.replace(r":\d*$", "")
    data, offsets = text_view(host.to_arrow().cast(pa.large_string()))
    return _hashes(data, offsets)


def template_units(text: pa.Array, hosts: UInt64s) -> Units:
    """The lines of the texts that have a host; their keys are of host and line."""
    units = line_units(text, _LINES)
    units = units.take(hosts[units.rows] != 0)
    return Units(units.rows, units.starts, units.ends, _joined(units.keys, hosts[units.rows]), units.checks)


def count_lines(units: Units, hosts: UInt64s, segment: int) -> pa.RecordBatch:
    """COUNT rows of some pages of a segment: for their lines, counted once a page, and for the pages."""
    lines = pl.DataFrame({"row": units.rows, "host": hosts[units.rows], "key": units.keys}).unique()
    pages = pl.DataFrame({"host": hosts[hosts != 0], "key": np.zeros(np.count_nonzero(hosts), np.uint64)})
    both = pl.concat([lines.select("host", "key"), pages]).group_by("host", "key").agg(pl.len().alias("n"))
    return _as_counts(both.with_columns(pl.lit(segment).alias("segment")))


def frequent_lines(counts: pa.Table, min_pages: int) -> pa.RecordBatch:
    """COUNT rows of the lines that are on at least `min_pages` pages of their host."""
    frame = pl.DataFrame(counts.select(COUNT.names))
    summed = frame.group_by("host", "key").agg(pl.col("n").sum()).filter(pl.col("n") >= min_pages)
    return _as_counts(summed.with_columns(pl.lit(0, pl.UInt64).alias("segment")))


def template_keys(counts: pa.Table, min_share: float) -> pa.RecordBatch:
    """Rows (segment, key): the lines on at least `min_share` of the pages of their host, for each segment with pages of the host."""
    frame = pl.DataFrame(counts.select(COUNT.names))
    pages = frame.filter(pl.col("key") == 0).group_by("host", "segment").agg(pl.col("n").sum())
    of_host = pages.group_by("host").agg(pl.col("n").sum().alias("pages"))
    lines = frame.filter(pl.col("key") != 0).join(of_host, on="host").filter(pl.col("n") >= min_share * pl.col("pages"))
    found = lines.select("host", "key").join(pages.select("host", "segment"), on="host").select("segment", "key")
    return (
        found.to_arrow().combine_chunks().to_batches()[0]
        if found.height
        else pa.RecordBatch.from_pydict({"segment": pa.array([], pa.uint64()), "key": pa.array([], pa.uint64())})
    )


def _as_counts(frame: pl.DataFrame) -> pa.RecordBatch:
    columns = [pa.array(frame.get_column(name).to_numpy(), pa.uint64()) for name in COUNT.names]
    return pa.RecordBatch.from_arrays(columns, schema=COUNT)


@numba.njit(cache=True, nogil=True)
def _hashes(data: Bytes, offsets: Offsets) -> UInt64s:
    hashes = np.zeros(len(offsets) - 1, np.uint64)
    for row in range(len(hashes)):
        if offsets[row + 1] > offsets[row]:
            hashes[row] = hash_bytes(data, offsets[row], offsets[row + 1])
    return hashes


@numba.njit(cache=True, nogil=True)
def _joined(keys: UInt64s, hosts: UInt64s) -> UInt64s:
    joined = np.empty_like(keys)
    for i in range(len(keys)):
        joined[i] = finish(keys[i] ^ (hosts[i] * np.uint64(0x9E3779B97F4A7C15)))
    return joined
