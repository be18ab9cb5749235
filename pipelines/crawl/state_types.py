"""The entries in the state of a crawl: URLs, visits, where records are, and rules of robots.txt."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from pipelines.crawl.failures import Failure

Settings = dict[str, Any]
"""The settings of a crawl as plain JSON values."""


class UrlStatus(IntEnum):
    """How far the crawl has come with a URL."""

    WAITING = 0
    BEGUN = 1
    SETTLED = 2


class SpoolSpan(NamedTuple):
    """Where records are in the spool: file number, first byte, and the byte after the last."""

    file: int
    start: int
    stop: int


class CrawlIdentity(NamedTuple):
    """What makes a crawl the same one after a stop."""

    crawl_id: str
    """Of the warcinfo record that all records refer to."""
    settings: Settings


class FailedSeed(NamedTuple):
    """A seed, or the target of its redirect, that was not fetched."""

    url: str
    failure: Failure


class SiteSummary(NamedTuple):
    """The URLs of one site before a crawl continues."""

    site: str
    n_waiting: int
    n_fetched: int
    is_given_up: bool


class OutLinks(NamedTuple):
    """Where a settled URL leads."""

    ids: array[int]
    is_redirect: bool
    """Whether it redirects there instead of linking there."""


class VisitRecords(NamedTuple):
    """The records of a visited URL."""

    origin: str
    span: SpoolSpan | None
    """None if nothing was fetched."""


class StoredRobots(NamedTuple):
    """The robots.txt of an origin as fetched."""

    fetched_at: float
    """Seconds since 1970."""
    rules: bytes
    refusal: Failure | None
    """Why nothing there may be fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL to visit."""

    id: int
    url: str
    site: str
    depth: int
    """Links from a seed."""
    discovery: int
    """Order of discovery."""
    hops: int = 0
    """Consecutive redirects that led to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownUrl:
    """A URL that was found before."""

    id: int
    depth: int
    hops: int
    outcome: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """The result of visiting one target."""

    outcome: str
    origin: str
    detail: str = ""
    answered: bool = False
    """Whether the server answered, other than that it is overloaded."""
    redirect: str | None = None
    links: Sequence[str] = ()
