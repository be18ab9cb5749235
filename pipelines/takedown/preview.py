"""What a takedown would remove, before it does: counts and ids, never text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl

SHOWN: Final = 10
"""Hosts, ids and the like that are listed before the rest is only counted."""
REASONS: Final = {
    "doc_id": "named by id",
    "url": "named by URL",
    "host": "named by host",
    "email": "with an address asked for",
    "phone": "with a number asked for",
    "copy": "copies of these",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The documents of one request."""

    named: dict[bytes, str]
    """doc_id -> what it was found by."""
    documents: pl.DataFrame
    """doc_id, reason, source, host, outcome of each."""
    staying: pl.DataFrame
    """doc_id, source, host of the documents that stay and that some of these had been merged into: they hold nearly the same text."""
    elsewhere: tuple[bytes, ...]
    """Documents of earlier runs into which some of these had been merged."""

    @property
    def n_documents(self) -> int:
        """How many documents would be removed."""
        return len(self.named)

    def lines(self) -> Iterator[str]:
        """What to show, line by line."""
        yield f"{self.n_documents} document(s) would be removed:"
        for reason, title in REASONS.items():
            if n := self.documents.filter(reason=reason).height:
                yield f"  {n} {title}"
        for name in ("source", "host", "outcome"):
            yield f"  by {name}: {_counted(self.documents.get_column(name))}"
        yield f"  ids: {_listed(self.named)}"
        if self.staying.height:
            yield f"{self.staying.height} document(s) stay that hold nearly the same text, since these had been merged into them:"
            yield f"  by host: {_counted(self.staying.get_column('host'))}"
            yield f"  ids: {_listed(self.staying.get_column('doc_id'))}"
            yield "  --with-copies takes them down as well, and all other copies of them"
        if self.elsewhere:
            yield f"{len(self.elsewhere)} document(s) of earlier runs hold nearly the same text; take them down there:"
            yield f"  ids: {_listed(self.elsewhere)}"


def preview_of(named: dict[bytes, str], ledger: pl.DataFrame, index: pl.DataFrame) -> Preview:
    """The preview of documents; `ledger` has doc_id, source, outcome and survivor_id, `index` doc_id and host."""
    reasons = pl.DataFrame({"doc_id": list(named), "reason": list(named.values())}, schema={"doc_id": pl.Binary, "reason": pl.String})
    rows = ledger.unique("doc_id", keep="first", maintain_order=True).join(index.unique("doc_id"), on="doc_id", how="left")
    ids = pl.Series("doc_id", list(named), dtype=pl.Binary)
    survivors = ledger.filter(pl.col("doc_id").is_in(ids.implode())).get_column("survivor_id").drop_nulls().unique().sort()
    survivors = survivors.filter(~survivors.is_in(ids.implode()))
    return Preview(
        named=named,
        documents=reasons.join(rows.select("doc_id", "source", "host", "outcome"), on="doc_id", how="left").sort("doc_id"),
        staying=rows.filter(pl.col("doc_id").is_in(survivors.implode())).select("doc_id", "source", "host").sort("doc_id"),
        elsewhere=tuple(survivors.filter(~survivors.is_in(rows.get_column("doc_id").implode()))),
    )


def _counted(values: pl.Series) -> str:
    counts = values.fill_null("none").value_counts(sort=True).sort("count", values.name, descending=[True, False])
    shown = ", ".join(f"{name} {n}" for name, n in counts.head(SHOWN).iter_rows())
    return shown + (f", {counts.height - SHOWN} more" if counts.height > SHOWN else "")


def _listed(ids: dict[bytes, str] | pl.Series | tuple[bytes, ...]) -> str:
    found = sorted(ids)
    shown = " ".join(one.hex() for one in found[:SHOWN])
    return shown + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")
