"""Where documents come from and how they are read."""

from __future__ import annotations

from typing import Literal

from schemas.hops import SOURCE_CLASSES
from schemas.recipe.base import config, require


@config
class Crawl:
    """How to fetch a source over HTTP before it is read. The defaults are polite."""

    seeds: tuple[str, ...]
    """URLs to start from."""
    scope: Literal["host", "domain", "prefix"] = "host"
    """Which links to follow: to the same host and port, to the same registered domain, or to URLs that begin with a seed."""
    exclude: tuple[str, ...] = ()
    """Regular expressions; URLs that match one anywhere are not fetched."""
    max_pages: int = 10_000
    """Maximum number of pages in total. Hosts share it evenly; what one host does not need goes to the others."""
    max_depth: int = 16
    """Maximum number of links between a seed and a page."""
    delay_s: float = 1.0
    """Seconds between two requests to one host and port; robots.txt may require more."""
    max_crawl_delay_s: float = 120.0
    """If robots.txt requires longer pauses, nothing is fetched; the outcome is `crawl_delay`. In seconds."""
    host_concurrency: int = 1
    """Maximum number of concurrent requests to one host and port."""
    concurrency: int = 16
    """Maximum number of concurrent requests in total."""
    timeout_s: float = 30.0
    """Maximum seconds for one request, from connecting to the last byte."""
    retries: int = 3
    """Retries after a network error, 429 or 5xx, with exponential back-off."""
    max_failures: int = 10
    """Give up a host after this many pages in a row without an answer; its other pages have the outcome `site_given_up`."""
    max_page_bytes: int = 10 * 1024 * 1024
    """Maximum size of a response in bytes; larger ones are given up."""
    user_agent: str = "corpusmill/0.1 (+https://github.com/corpusmill/corpusmill)"
    """User agent of the crawler; include an address where you can be reached."""
    private_hosts: tuple[str, ...] = ()
    """Hosts on loopback or private networks that may be crawled; all other private addresses are refused."""

    def __post_init__(self) -> None:
        require(bool(self.seeds), "crawl.seeds", list(self.seeds), "give at least one URL to start from")
        for name in ("max_pages", "host_concurrency", "concurrency", "max_page_bytes", "timeout_s", "max_failures"):
            require(getattr(self, name) > 0, f"crawl.{name}", getattr(self, name), "must be above 0")
        for name in ("delay_s", "max_crawl_delay_s", "retries", "max_depth"):
            require(getattr(self, name) >= 0, f"crawl.{name}", getattr(self, name), "must not be negative")


@config
class Source:
    """One input: files by path, or a crawl that fetches them."""

    path: tuple[str, ...] = ()
    """Files, folders or globs. Write a name that is not UTF-8 as bash reads it in $'...': "caf\\xe9.txt"."""
    crawl: Crawl | None = None
    """How to fetch the source; if given, `path` is not used."""
    source_class: str = "other"
    """One of book, commoncrawl, link, encyclopedia, code, other."""
    format: Literal["auto", "warc", "jsonl", "parquet", "text", "code"] = "auto"
    """`auto` decides by file name (.warc[.gz], .jsonl[.gz|.zst], .parquet, .txt/.md/.rst), then by first bytes; never `code`."""
    exclude: tuple[str, ...] = ()
    """Globs of paths to exclude below a given folder, such as "test/**"."""
    text_column: str = "text"
    """Column with the text of a row. `a.b` is the column of that name or, if there is none, the member b of the object a."""
    url_column: str | None = None
    """Column with the URL of a row, named likewise; the default is `url`, `metadata.url`, `meta.url` or another common name."""
    rules: tuple[str, ...] | None = None
    """Rule sets for this source, in order; they replace filters.rules."""
    clean: tuple[str, ...] | None = None
    """Cleaning steps for this source, in order; they replace clean.steps."""
    licence: str | None = None
    """Licence of all documents of the source that do not state one."""

    def __post_init__(self) -> None:
        require(self.source_class in SOURCE_CLASSES, "source_class", self.source_class, f"use one of {', '.join(SOURCE_CLASSES)}")


@config
class Read:
    """How records become documents."""

    extractor: Literal["resiliparse", "trafilatura", "trafilatura_precision"] = "resiliparse"
    """Library that extracts a page's main text. RefinedWeb used trafilatura, FineWeb trafilatura with `favor_precision`; resiliparse is ten
    times as fast."""
    ruby: Literal["base", "parentheses"] = "base"
    """Ruby readings beside characters: left out, as in 漢字, or kept in parentheses, as in 漢字(かんじ)."""
    max_record_bytes: int = 64 * 1024 * 1024
    """A larger record (after decompression) fails with reason `too_large`. A worker needs 7 to 14 times the memory of the largest text."""
    max_window_bytes: int = 2 * 1024 * 1024 * 1024
    """Compressed data that needs a larger window in memory, such as from `zstd --long`, fails with reason `window_too_large`."""
    max_html_bytes: int = 8 * 1024 * 1024
    """A larger HTML page fails with reason `html_too_large`; this limits work without depending on time."""
