"""Rules that need all kept documents at once: how much of the corpus one domain may be, and hosts that are full of private values.

They judge what all other rules keep, after `ingest` and before dedup. What they need of the pool is a few numbers per domain and host.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.dedup.arrays import Mask
from pipelines.dedup.pool import RowFilter
from pipelines.engine.segments import batches_of
from pipelines.filters import domain_share
from pipelines.scrub import density
from schemas.files import FileEntry, entry, whole_file
from schemas.hops import LEDGER
from schemas.ledger import Outcome, entries
from schemas.manifest import Counts
from schemas.recipe import Recipe

STEP: Final = "caps"
MAX_SHARE: Final = "domains.max_share"
MAX_HOST_DENSITY: Final = "scrub.max_host_values_per_1000_chars"


@dataclass(frozen=True, slots=True)
class Caps:
    """What the whole corpus decided about domains and hosts; picklable, and asked batch by batch."""

    before: RowFilter
    """Which documents all other rules keep."""
    seed: int
    max_share: float | None
    shares: pl.DataFrame
    """(domain, fraction that stays, share before) of the domains that are too large."""
    max_density: float | None
    dense: dict[str, float]
    """Hosts above max_density, and their private values per 1,000 characters."""

    def __call__(self, batch: pa.RecordBatch) -> Mask:
        """bool[n]: which documents stay."""
        stays = self.before(batch)
        rows = np.flatnonzero(stays)
        stays[rows] &= self.judge(batch.select(["doc_id", "url"]).take(pa.array(rows)))[0] == ""
        return stays

    def judge(self, batch: pa.RecordBatch) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.float64]]:
        """(reason or "", the value that decided) per row of kept documents."""
        reason, value = np.full(batch.num_rows, "", f"<U{len(MAX_HOST_DENSITY)}"), np.full(batch.num_rows, np.nan)
        if self.shares.height:
            domain = domain_share.registered_domains(batch.column("url"))
            goes = ~domain_share.keeps(batch.column("doc_id"), domain, self.shares.select("domain", "fraction"), self.seed)
            share = dict(self.shares.select("domain", "share").iter_rows())
            reason[goes] = MAX_SHARE
            value[goes] = [share[name] for name in domain.filter(pa.array(goes)).to_pylist()]
        if self.dense:
            found = [self.dense.get(host or "") for host in density.url_hosts(batch.column("url")).to_list()]
            goes = np.array([one is not None for one in found], bool)
            reason[goes], value[goes] = MAX_HOST_DENSITY, [one for one in found if one is not None]
        return reason, value

    def dropped(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """LEDGER rows of the documents that the other rules keep and these do not."""
        batch = batch.select([name for name in batch.schema.names if name != "text"]).filter(pa.array(self.before(batch)))
        reason, value = self.judge(batch)
        rows = pa.array(np.flatnonzero(reason != ""))
        limits = {MAX_SHARE: self.max_share, MAX_HOST_DENSITY: self.max_density}
        given = {
            "reason": pa.array(reason.tolist(), pa.large_string()).take(rows),
            "value": pa.array(value).take(rows),
            "limit": pa.array([limits.get(one) for one in reason.tolist()], pa.float64()).take(rows),
        }
        return entries(batch.take(rows), STEP, Outcome.DROPPED, **given)


@dataclass(frozen=True, slots=True)
class Capped:
    """What stays after the caps, how many, and the ledger files of what does not."""

    keeps: RowFilter
    counts: Counts
    files: list[FileEntry]


def caps_of(recipe: Recipe, pool: list[Path], before: RowFilter) -> Caps | None:
    """What the recipe's caps say about the documents of the pool that `before` keeps; None where it has none."""
    max_share, max_density = recipe.domains.max_share, recipe.scrub.max_host_values_per_1000_chars
    if max_share is None and max_density is None:
        return None
    counts, hosts = [], []
    for whole in (batch for path in pool for batch in batches_of(path)):
        batch = whole.filter(pa.array(before(whole)))
        if max_share is not None:
            weight = pc.utf8_length(batch.column("text")).to_numpy().astype(np.int64)
            weight = weight if recipe.domains.by == "chars" else np.ones(batch.num_rows, np.int64)
            counts.append(domain_share.count_domains(domain_share.registered_domains(batch.column("url")), weight))
        if max_density is not None:
            hosts.append(density.values_by_host(pa.Table.from_batches([batch])))
    return Caps(before, recipe.seed, max_share, _shares(counts, max_share), max_density, _dense(hosts, max_density))


def apply_caps(recipe: Recipe, pool: list[Path], before: RowFilter, n_kept: int, ledger: Path) -> Capped:
    """What the caps leave of the `n_kept` documents of the pool that `before` keeps, and a ledger file of the others."""
    caps = caps_of(recipe, pool, before)
    if caps is None:
        return Capped(before, Counts(n_in=n_kept, n_out=n_kept), [])
    rows = pa.Table.from_batches([caps.dropped(batch) for path in pool for batch in batches_of(path)], LEDGER)
    path = ledger / "caps-00000.parquet"
    with whole_file(path) as temporary:
        pq.write_table(rows, temporary, compression="zstd")
    counts = Counts(n_in=n_kept, n_out=n_kept - rows.num_rows, dropped=rows.num_rows)
    return Capped(caps, counts, [entry(path, ledger.parent, rows.num_rows)])


def _shares(counts: list[pl.DataFrame], max_share: float | None) -> pl.DataFrame:
    empty = pl.DataFrame(schema={"domain": pl.String, "fraction": pl.Float64, "share": pl.Float64})
    if max_share is None or not counts:
        return empty
    merged = domain_share.merge_domain_counts(counts)
    share = (pl.col("weight") / pl.col("weight").sum()).alias("share")
    return domain_share.keep_fractions(merged, max_share).join(merged.select("domain", share), on="domain")


def _dense(hosts: list[pl.DataFrame], max_density: float | None) -> dict[str, float]:
    if max_density is None or not hosts:
        return {}
    total = pl.concat(hosts).group_by("host").agg(pl.col("values").sum(), pl.col("chars").sum()).drop_nulls("host")
    dense = total.select("host", density=1000 * pl.col("values") / pl.max_horizontal(pl.col("chars"), pl.lit(1)))
    return dict(dense.filter(pl.col("density") > max_density).sort("host").iter_rows())
