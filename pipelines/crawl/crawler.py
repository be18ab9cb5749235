"""A crawl: seeds -> WARC files and an account of every URL found. A stopped crawl continues where it was.

While it runs, its state and a spool of records are in `.crawl/` below the folder. At the end the records are copied into WARC files in the
order of discovery, the account is written, and the state is deleted.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from pipelines.crawl.failures import REMEDIES
from pipelines.crawl.fetch import HttpExchange, open_fetcher
from pipelines.crawl.frontier import CrawlRules
from pipelines.crawl.order import spans_in_order
from pipelines.crawl.politeness import Clock
from pipelines.crawl.robots import product_token
from pipelines.crawl.state import FILE, CrawlState
from pipelines.crawl.state_types import CrawlIdentity, FailedSeed, Settings, SpoolSpan
from pipelines.crawl.visits import Crawler, CrawlProgress
from pipelines.crawl.warc import Spool, WarcFiles, new_id, packed, spool_sizes
from schemas.errors import InputError, OutputError
from schemas.files import whole_file
from schemas.recipe import Crawl

STATE_FOLDER: Final = ".crawl"
ACCOUNT: Final = ".crawl.json"
PACE: Final = (
    "max_pages",
    "delay_s",
    "max_crawl_delay_s",
    "host_concurrency",
    "concurrency",
    "timeout_s",
    "retries",
    "max_failures",
)
"""Settings that may change when a crawl continues; all others decide what belongs to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlReport:
    """The result of a crawl."""

    files: list[Path]
    counts: dict[str, int]
    """Outcome -> number of URLs: `fetched`, `redirected`, or the reason why not. Every URL found has exactly one outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlAccount:
    """The summary of a finished crawl, stored next to its files."""

    settings: Settings
    files: list[str]
    counts: dict[str, int]


def crawl_sites(
    config: Crawl,
    folder: Path,
    *,
    resume: bool = False,
    on_page: Callable[[CrawlProgress], None] = lambda _: None,
    clock: Clock | None = None,
) -> CrawlReport:
    """Crawl into `folder`, or with `resume` continue the crawl there; `on_page` is called after every visit.

    InputError if no page could be fetched; OutputError if the folder has another crawl, or has one and `resume` is false.
    """
    account, state = folder / ACCOUNT, folder / STATE_FOLDER / FILE
    if account.is_file() and resume:
        return _finished_before(folder, config)
    if state.is_file() and not resume:
        raise OutputError("CM-CRAWL-001", f"{folder} has a stopped crawl; add --resume to continue it, or use another folder")
    if account.is_file() or (any(folder.glob("crawl-*.warc.gz")) and not state.is_file()):
        raise OutputError("CM-CRAWL-002", f"{folder} already has a crawl; use another folder, or delete its crawl-*.warc.gz and {ACCOUNT}")
    rules = CrawlRules(config)
    product_token(config.user_agent)  # an invalid user agent is an error before anything is written
    with CrawlState(state) as opened:
        crawl_id = _crawl_id(folder, opened, config)
        opened.forget_visits_beyond(spool_sizes(state.parent))
        try:
            with Spool(state.parent, opened.spool_ends()) as spool:
                seeds = asyncio.run(_visit_all(config, rules, opened, lambda page: spool.append(packed(page, crawl_id)), on_page, clock))
                failed_seeds, report = opened.failed_seeds(), _finish(config, folder, opened, spool, crawl_id, seeds)
        except BaseExceptionGroup as group:  # of concurrent visits; the first error is enough
            raise _first_error(group) from None
        except sqlite3.OperationalError as error:
            raise OutputError(
                "CM-CRAWL-003", f"{folder}: the state of the crawl cannot be written ({error}); fix the cause, and add --resume"
            ) from error
    shutil.rmtree(state.parent, ignore_errors=True)
    if not report.files:
        raise _no_page(failed_seeds)
    return report


def _finished_before(folder: Path, config: Crawl) -> CrawlReport:
    """The report of a crawl that has ended; OutputError if it had other settings."""
    done = msgspec.json.decode((folder / ACCOUNT).read_bytes(), type=CrawlAccount)
    _check_same(folder, done.settings, config, but_for=PACE[1:])
    shutil.rmtree(folder / STATE_FOLDER, ignore_errors=True)
    return CrawlReport(files=[folder / name for name in done.files], counts=done.counts)


async def _visit_all(
    config: Crawl,
    rules: CrawlRules,
    state: CrawlState,
    keep: Callable[[HttpExchange], SpoolSpan],
    on_page: Callable[[CrawlProgress], None],
    clock: Clock | None,
) -> list[int]:
    """Visit everything, and return the ids of the seeds."""
    async with open_fetcher(config, clock or Clock()) as fetcher:
        return await Crawler(config, rules, state, fetcher, keep, on_page).run()


def _crawl_id(folder: Path, state: CrawlState, config: Crawl) -> str:
    """The id of the crawl in the state, which may begin now; OutputError if it was begun with other settings."""
    if begun := state.identity():
        _check_same(folder, begun.settings, config, but_for=PACE)
        return begun.crawl_id
    identity = CrawlIdentity(new_id(), _settings(config))
    state.set_identity(identity)
    state.commit()
    return identity.crawl_id


def _settings(config: Crawl) -> Settings:
    """The settings as they come back from JSON."""
    settings: Settings = msgspec.json.decode(msgspec.json.encode(config))
    return settings


def _check_same(folder: Path, before: Settings, config: Crawl, but_for: Sequence[str]) -> None:
    for key, value in _settings(config).items():
        if key not in but_for and before.get(key) != value:
            raise OutputError(
                "CM-CRAWL-004",
                f"{folder} has a crawl with crawl.{key} = {before.get(key)!r}, not {value!r}; use the same, or another folder",
            )


def _finish(config: Crawl, folder: Path, state: CrawlState, spool: Spool, crawl_id: str, seeds: list[int]) -> CrawlReport:
    """Write the files and the account of a settled crawl; nothing if no page was fetched."""
    outcomes = state.outcomes()
    if n_waiting := state.n_waiting():
        outcomes["max_pages"] += n_waiting
    counts = {"fetched": outcomes.pop("fetched", 0), **dict(sorted(outcomes.items()))}
    if not counts["fetched"]:
        return CrawlReport(files=[], counts=counts)
    with WarcFiles(folder, config.user_agent, crawl_id) as files:
        for span in spans_in_order(state, seeds):
            files.write(spool.read(span))
    account = CrawlAccount(settings=_settings(config), files=[path.name for path in files.finished], counts=counts)
    with whole_file(folder / ACCOUNT) as temporary:
        temporary.write_bytes(msgspec.json.encode(account))
    return CrawlReport(files=files.finished, counts=counts)


def _no_page(failed_seeds: list[FailedSeed]) -> InputError:
    """Why no page was fetched, and what to do."""
    shown = [f"{url}: {failure.detail} ({REMEDIES.get(failure.reason, 'open it in a browser')})" for url, failure in failed_seeds]
    more = f"; and {len(shown) - 3} more" if len(shown) > 3 else ""
    return InputError("CM-CRAWL-005", f"the crawl fetched no page: {'; '.join(shown[:3]) or 'the seeds redirect in circles'}{more}")


def _first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first_error(first) if isinstance(first, BaseExceptionGroup) else first
