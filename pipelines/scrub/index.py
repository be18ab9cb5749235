"""The index that takedown requests are looked up in: one row per document, written beside the pool.

A row has the document's scrubbed URL, its host, and hashes of its original URL, e-mail addresses and telephone numbers. Hashes are cut to
8 bytes, a quarter of the room: among 10^10 values, fewer than one request in a million then matches another's value by chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl
import pyarrow as pa

from pipelines.scrub.digests import ContactDigests, digest_lists
from pipelines.text.domains import covered, domains_of, hosts_of
from pipelines.text.urls import canonical_urls, plain_url, url_digest, url_digests

HASH_BYTES: Final = 8

INDEX: Final = pa.schema(
    [
        pa.field("doc_id", pa.binary(16), nullable=False),
        pa.field("url", pa.large_string()),
        pa.field("host", pa.large_string()),
        pa.field("url_hash", pa.binary(HASH_BYTES)),
        # Null if the recipe keeps no hashes of values.
        pa.field("email_hashes", pa.large_list(pa.binary(HASH_BYTES))),
        pa.field("phone_hashes", pa.large_list(pa.binary(HASH_BYTES))),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakedownRequest:
    """What a takedown request names; hashes are whole sha256 digests."""

    urls: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    email_hashes: tuple[bytes, ...] = ()
    phone_hashes: tuple[bytes, ...] = ()
    doc_ids: tuple[bytes, ...] = ()


def index_rows(scrubbed: pa.RecordBatch, raw_url: pa.Array, digests: ContactDigests | None) -> pa.RecordBatch:
    """INDEX rows of scrubbed documents; `raw_url` has their original URLs."""
    n = scrubbed.num_rows
    columns = [
        scrubbed.column("doc_id"),
        scrubbed.column("url"),
        hosts_of(scrubbed.column("url")).to_arrow().cast(pa.large_string()),
        pa.array(url_digests(raw_url, HASH_BYTES), pa.binary(HASH_BYTES)),
        *(
            pa.nulls(n, INDEX.field("email_hashes").type) if one is None else digest_lists(one, n, HASH_BYTES)
            for one in ((None, None) if digests is None else (digests.emails, digests.phones))
        ),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=INDEX)


def match_request(index: pl.DataFrame, asked: TakedownRequest) -> pl.DataFrame:
    """(doc_id, reason) of the documents that a request names; of several reasons, the first of doc_id, url, host, email, phone."""
    index = index.with_row_index("row")
    found = [
        _where(index, pl.col("doc_id").is_in(list(asked.doc_ids)), "doc_id"),
        _of_urls(index, pl.Series("url", asked.urls, dtype=pl.String)),
        _where(index, pl.Series(covered(index.get_column("host"), domains_of(asked.hosts)) > 0, dtype=pl.Boolean), "host"),
        *(
            _where(index.select("row", "doc_id", value=name).explode("value"), pl.col("value").is_in(_beginnings(hashes)), reason)
            for name, hashes, reason in (("email_hashes", asked.email_hashes, "email"), ("phone_hashes", asked.phone_hashes, "phone"))
        ),
    ]
    return pl.concat(found).unique("row", keep="first", maintain_order=True).sort("row").select("doc_id", "reason")


def _of_urls(index: pl.DataFrame, urls: pl.Series) -> pl.DataFrame:
    """Rows of these URLs. Earlier versions hashed another form of a URL, so the URL in the index is compared, too."""
    forms = canonical_urls(urls)
    hashes = [url_digest(form, HASH_BYTES) for form in {*forms, *urls.to_frame("url").select(plain_url(pl.col("url"))).to_series()}]
    hosts = hosts_of(urls.to_arrow()).str.replace(r"^www\.", "")
    of_hosts = index.filter(pl.col("host").str.replace(r"^www\.", "").is_in(hosts.to_list()))
    by_text = of_hosts.filter(canonical_urls(of_hosts.get_column("url")).is_in(forms.to_list()))
    return _where(index, pl.col("url_hash").is_in(hashes) | pl.col("row").is_in(by_text.get_column("row").to_list()), "url")


def _where(rows: pl.DataFrame, condition: pl.Expr | pl.Series, reason: str) -> pl.DataFrame:
    return rows.filter(condition).select("row", "doc_id", reason=pl.lit(reason))


def _beginnings(hashes: tuple[bytes, ...]) -> list[bytes]:
    return [one[:HASH_BYTES] for one in hashes]
