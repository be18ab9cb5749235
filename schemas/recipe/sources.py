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
    """Pages in all. Hosts share them evenly; what one does not need goes to the others."""
    max_depth: int = 16
    """Most links between a seed and a page."""
    delay_s: float = 1.0
    """Seconds between two requests to one host and port; robots.txt may ask for more."""
    max_crawl_delay_s: float = 120.0
    """Where robots.txt asks for longer pauses, nothing is fetched; the outcome is `crawl_delay`."""
    host_concurrency: int = 1
    """Requests at once to one host and port."""
    concurrency: int = 16
    """Requests at once in all."""
    timeout_s: float = 30.0
    """Seconds for one request, from connecting to the last byte."""
    retries: int = 3
    """Further tries after a network error, 429 or 5xx, with exponential back-off."""
    max_failures: int = 10
    """Pages in a row without an answer after which a host is given up; what is left of it has the outcome `site_given_up`."""
    max_page_bytes: int = 10 * 1024 * 1024
    """A larger response, in bytes, is given up."""
    user_agent: str = "corpusmill/0.1 (+https://github.com/corpusmill/corpusmill)"
    """What the crawler calls itself; give an address where you can be reached."""
    private_hosts: tuple[str, ...] = ()
    """Hosts on loopback or private networks that may be crawled; every other private address is refused."""

    def __post_init__(self) -> None:
        require(bool(self.seeds), "crawl.seeds", list(self.seeds), "give at least one URL to start from")
        for name in ("max_pages", "host_concurrency", "concurrency", "max_page_bytes", "timeout_s", "max_failures"):
            require(getattr(self, name) > 0, f"crawl.{name}", getattr(self, name), "must be above 0")
        for name in ("delay_s", "max_crawl_delay_s", "retries", "max_depth"):
            require(getattr(self, name) >= 0, f"crawl.{name}", getattr(self, name), "must not be negative")


@config
class Source:
    """One input: files by path, or a crawl that makes them."""

    path: tuple[str, ...] = ()
    """Files, folders or globs. A name that is not UTF-8 is written as bash reads it in $'...': "caf\\xe9.txt"."""
    crawl: Crawl | None = None
    """How to fetch the source; then `path` is not used."""
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

    extractor: Literal["resiliparse", "trafilatura", "trafilatura_precision"] = "resiliparse"
    """What finds a page's main text. RefinedWeb used trafilatura, FineWeb with `favor_precision`; resiliparse is ten times as fast."""
    ruby: Literal["base", "parentheses"] = "base"
    """Readings beside the characters of a page: left out, as in 漢字, or kept in parentheses, as in 漢字(かんじ)."""
    max_record_bytes: int = 64 * 1024 * 1024
    """A larger record (after decompression) fails with reason `too_large`. A worker takes 7 to 14 times the largest text."""
    max_window_bytes: int = 2 * 1024 * 1024 * 1024
    """Compressed data that needs a larger window in memory, as `zstd --long` makes it, fails with reason `window_too_large`."""
    max_html_bytes: int = 8 * 1024 * 1024
    """A larger HTML page fails with reason `html_too_large`: a limit in work, not in seconds."""
