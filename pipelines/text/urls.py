"""Addresses of pages and when two of them are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import polars as pl
import pyarrow as pa


def canonical_url(url: pl.Expr) -> pl.Expr:
    """Without scheme, user, "www.", default port, fragment and trailing slash, the host in lower case."""
    parts = url.str.strip_chars().str.extract_groups(r"^(?:[A-Za-z][A-Za-z0-9+.-]*://)?(?:[^/?#@]*@)?(?:[Ww]{3}\.)?([^/?#]*)([^#]*)")
    host = parts.struct.field("1").str.to_lowercase().str.replace(r":(?:80|443)?$", "")
    return pl.concat_str(host, parts.struct.field("2").str.replace(r"/+$", ""))


def url_digests(url: pa.Array, n_bytes: int) -> list[bytes | None]:
    """The first bytes of the sha256 of each URL's canonical form; None of null."""
    return list(_digests(pl.Series("url", pl.from_arrow(url), dtype=pl.String), n_bytes))


def _digests(url: pl.Series, n_bytes: int) -> Iterator[bytes | None]:
    canonical: Iterable[str | None] = pl.DataFrame({"url": url}).select(canonical_url(pl.col("url"))).to_series()
    for one in canonical:
        yield None if one is None else hashlib.sha256(one.encode()).digest()[:n_bytes]
