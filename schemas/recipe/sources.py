"""Where documents come from and how they are read."""

from __future__ import annotations

from typing import Literal

from schemas.hops import SOURCE_CLASSES
from schemas.recipe.base import config, require


@config
class Crawl:
    """How a source is fetched over HTTP before it is read. The defaults are polite."""

    seeds: tuple[str, ...]
    """URLs to start from."""
    scope: Literal["host", "domain", "prefix"] = "host"
    """Which links are followed: same host and port, same registered domain, or URLs that begin with a seed."""
    exclude: tuple[str, ...] = ()
    """Regular expressions; a URL in which one is found is not fetched."""
    max_pages: int = 10_000
    max_depth: int = 16
    delay_s: float = 1.0
    """Seconds between two requests to one host; robots.txt may ask for more."""
    host_concurrency: int = 1
    concurrency: int = 16
    timeout_s: float = 30.0
    retries: int = 3
    """Further tries after a network error, 429 or 5xx, with exponential back-off."""
    max_page_bytes: int = 10 * 1024 * 1024
    user_agent: str = "corpusmill/0.1 (+https://github.com/corpusmill/corpusmill)"
    private_hosts: tuple[str, ...] = ()
    """Hosts on loopback or private networks that may be crawled; every other private address is refused."""

    def __post_init__(self) -> None:
        require(bool(self.seeds), "crawl.seeds", list(self.seeds), "give at least one URL to start from")
        for name in ("max_pages", "host_concurrency", "concurrency", "max_page_bytes", "timeout_s"):
            require(getattr(self, name) > 0, f"crawl.{name}", getattr(self, name), "must be above 0")
        for name in ("delay_s", "retries", "max_depth"):
            require(getattr(self, name) >= 0, f"crawl.{name}", getattr(self, name), "must not be negative")


@config
class Source:
    """One input: files by path, or a crawl that makes them."""

    path: tuple[str, ...] = ()
    """Files, folders or globs. A name that is not UTF-8 is written as bash reads it in $'...': "caf\\xe9.txt"."""
    crawl: Crawl | None = None
    source_class: str = "other"
    """One of book, commoncrawl, link, encyclopedia, code, other."""
    format: Literal["auto", "warc", "jsonl", "parquet", "text", "code"] = "auto"
    """`auto` goes by file name (.warc[.gz], .jsonl[.gz|.zst], .parquet, .txt/.md/.rst), else by first bytes; a code tree must be named."""
    exclude: tuple[str, ...] = ()
    """Globs on paths below a given folder, such as "test/**"."""
    text_column: str = "text"
    """Where rows have their text. `a.b` is a column of that name, else the member b of the object a."""
    url_column: str | None = None
    """Where rows have their URL, named likewise; without it `url`, `metadata.url`, `meta.url` or another well-known place."""
    rules: tuple[str, ...] | None = None
    """Rule sets for this source instead of filters.rules, in order."""
    clean: tuple[str, ...] | None = None
    """Cleaning steps for this source instead of clean.steps, in order."""
    licence: str | None = None
    """Licence of every document of the source that states none itself."""

    def __post_init__(self) -> None:
        require(self.source_class in SOURCE_CLASSES, "source_class", self.source_class, f"use one of {', '.join(SOURCE_CLASSES)}")


@config
class Read:
    """How records become documents."""

    extractor: Literal["resiliparse", "trafilatura"] = "resiliparse"
    max_record_bytes: int = 64 * 1024 * 1024
    """A larger record (after decompression) fails with reason `too_large`."""
    max_window_bytes: int = 2 * 1024 * 1024 * 1024
    """Compressed data that needs a larger window in memory, as `zstd --long` makes it, fails with reason `window_too_large`."""
    max_html_bytes: int = 8 * 1024 * 1024
    """A larger HTML page fails with reason `html_too_large`: a limit in work, not in seconds."""
