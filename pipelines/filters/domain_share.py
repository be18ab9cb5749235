"""A cap on the share of the corpus that one registered domain may have, in four pure steps.

Batches -> weight per domain (`count_domains`, and `merge_domain_counts` of all batches) -> the share of each large domain's documents that
stays (`keep_fractions`) -> a decision per row (`keeps`), by hash(seed, doc_id) and never by order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import tldextract

from schemas.sampling import hash_ids

_PURPOSE: Final = "domains"

# The list that the package carries: no download, no cache. With private suffixes, a.github.io and b.github.io are two domains.
_extract: Final = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)


def registered_domains(url: pa.Array) -> pa.Array:
    """large_string per row: the domain under its public suffix, or the host where it has none; null without a host.

    Example: "https://news.example.co.uk/a" -> "example.co.uk"; "http://10.0.0.1/" -> "10.0.0.1"
    """
    encoded = url.dictionary_encode()
    domains = pa.array([_domain(one) for one in encoded.dictionary.to_pylist()], pa.large_string())
    return domains.take(encoded.indices)


def count_domains(domain: pa.Array, weight: npt.NDArray[np.int64]) -> pl.DataFrame:
    """(domain, weight): the weights of the rows, such as 1 or their characters, summed by domain; rows without a domain under null."""
    return merge_domain_counts([pl.DataFrame({"domain": pl.Series(pl.from_arrow(domain), dtype=pl.String), "weight": weight})])


def merge_domain_counts(counts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The counts of several batches as one, sorted by domain."""
    return pl.concat([*counts]).group_by("domain").agg(pl.col("weight").sum()).sort("domain")


def keep_fractions(counts: pl.DataFrame, max_share: float) -> pl.DataFrame:
    """(domain, fraction in (0, 1)) of each domain that is too large. With these fractions no domain is above `max_share` of the rest.

    If there are too few domains for that, each keeps at most `max_share` of the original total.
    """
    named = counts.filter(pl.col("domain").is_not_null() & (pl.col("weight") > 0)).sort("weight", "domain", descending=True)
    weights = named.get_column("weight").to_numpy().astype(np.float64)
    total = float(counts.get_column("weight").sum())
    cap = _cap(weights, total, max_share)
    fraction = (cap / pl.col("weight")).alias("fraction")
    return named.filter(pl.col("weight") > cap).select("domain", fraction).sort("domain")


def keeps(doc_id: pa.Array, domain: pa.Array, fractions: pl.DataFrame, seed: int) -> npt.NDArray[np.bool_]:
    """bool per row: whether the document stays."""
    rows = pl.DataFrame({"domain": pl.Series(pl.from_arrow(domain), dtype=pl.String)})
    joined = rows.join(fractions.cast({"domain": pl.String, "fraction": pl.Float64}), on="domain", how="left", maintain_order="left")
    fraction = joined.get_column("fraction").fill_null(1.0).to_numpy()
    uniform = hash_ids(doc_id, seed, _PURPOSE).astype(np.float64) * 2.0**-64
    kept: npt.NDArray[np.bool_] = (uniform < fraction) | (fraction >= 1)
    return kept


def _cap(weights: npt.NDArray[np.float64], total: float, share: float) -> float:
    """The weight c to which the k largest domains are cut, so that c = share x (k c + all the others), none of which is above c."""
    k = np.arange(len(weights) + 1)
    others = total - np.concatenate([[0.0], np.cumsum(weights)])
    following = np.append(weights, 0.0)
    room = 1 - share * k
    caps = np.divide(share * others, room, out=np.zeros(len(k)), where=room > 1e-12)
    fits = np.flatnonzero((caps > 0) & (following <= caps))
    return float(caps[fits[0]]) if len(fits) else share * total


def _domain(url: str | None) -> str | None:
    if url is None:
        return None
    parts = _extract(url.strip())
    host = parts.top_domain_under_public_suffix or ".".join(filter(None, (parts.domain, parts.suffix)))
    return host.lower() or None
