"""The crawl: seeds -> WARC files and an account of every URL that was found. One that was stopped goes on where it was.

While it runs, its state and a spool of records lie in `.crawl/` below the folder. At the end the records are copied into the WARC files in
the order of discovery, the account is written, and the state goes.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from pipelines.crawl.fetch import Exchange, open_fetcher
from pipelines.crawl.frontier import Rules
from pipelines.crawl.order import spans_in_order
from pipelines.crawl.politeness import Clock
from pipelines.crawl.robots import product_token
from pipelines.crawl.state import FILE, Span, State
from pipelines.crawl.visits import Crawler, CrawlProgress
from pipelines.crawl.warc import Spool, WarcFiles, new_id, packed, sizes_of
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
"""Settings that a crawl may go on with in another value; all others say what belongs to it."""
REMEDIES: Final = {
    "network_error": "check the address, and that the server is running",
    "timeout": "check that the server is running, or raise crawl.timeout_s",
    "too_slow": "try again later",
    "private_address": "add the host to crawl.private_hosts if you mean to crawl it",
    "robots": "ask the site's owner, or crawl another site",
    "robots_unavailable": "try again later; without its robots.txt a site is not crawled",
    "crawl_delay": "raise crawl.max_crawl_delay_s if you can wait",
    "redirect_out_of_scope": "give the address that it redirects to as the seed",
    "excluded": "loosen crawl.exclude",
    "too_large": "raise crawl.max_page_bytes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlReport:
    """What a crawl leaves behind."""

    files: list[Path]
    counts: dict[str, int]
    """Outcome -> URLs: `fetched`, `redirected`, or the reason why not. Every URL that was found is in one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What is kept of a finished crawl beside its files."""

    settings: dict[str, Any]
    files: list[str]
    counts: dict[str, int]


def crawl(
    config: Crawl,
    folder: Path,
    *,
    resume: bool = False,
    on_page: Callable[[CrawlProgress], None] = lambda _: None,
    clock: Clock | None = None,
) -> CrawlReport:
    """Crawl into `folder`, or with `resume` go on with the crawl there; `on_page` is called after every visit.

    InputError if not a single page could be fetched; OutputError if the folder holds another crawl, or one that `resume` does not ask for.
    """
    account, state = folder / ACCOUNT, folder / STATE_FOLDER / FILE
    if account.is_file() and resume:
        done = msgspec.json.decode(account.read_bytes(), type=Account)
        _check_same(folder, done.settings, config, but_for=PACE[1:])
        shutil.rmtree(folder / STATE_FOLDER, ignore_errors=True)
        return CrawlReport(files=[folder / name for name in done.files], counts=done.counts)
    if state.is_file() and not resume:
        raise OutputError(f"{folder} holds a crawl that was stopped; add --resume to go on with it, or give another folder")
    if account.is_file() or (any(folder.glob("crawl-*.warc.gz")) and not state.is_file()):
        raise OutputError(f"{folder} already holds a crawl; give another folder, or delete its crawl-*.warc.gz and {ACCOUNT}")
    rules = Rules(config)
    product_token(config.user_agent)  # refuses what cannot be one before anything is written
    with State(state) as opened:
        crawl_id = _begun(folder, opened, config)
        opened.forget_visits_behind(sizes_of(state.parent))
        try:
            with Spool(state.parent, opened.spool_ends()) as spool:
                seeds = asyncio.run(_visit_all(config, rules, opened, lambda page: spool.append(packed(page, crawl_id)), on_page, clock))
                causes, report = opened.causes(), _finish(config, folder, opened, spool, crawl_id, seeds)
        except BaseExceptionGroup as group:  # of visits at once; the first error says enough
            raise _first_of(group) from None
        except sqlite3.OperationalError as error:
            raise OutputError(f"{folder}: the state of the crawl cannot be written ({error}); mend that, and add --resume") from error
    shutil.rmtree(state.parent, ignore_errors=True)
    if not report.files:
        raise InputError(_without_a_page(causes))
    return report


async def _visit_all(
    config: Crawl,
    rules: Rules,
    state: State,
    keep: Callable[[Exchange], Span],
    on_page: Callable[[CrawlProgress], None],
    clock: Clock | None,
) -> list[int]:
    """Ids of the seeds, when all is settled."""
    async with open_fetcher(config, clock or Clock()) as fetcher:
        return await Crawler(config, rules, state, fetcher, keep, on_page).run()


def _begun(folder: Path, state: State, config: Crawl) -> str:
    """The id of the crawl that the state holds, or that begins with it; OutputError if it is another one."""
    before, crawl_id = state.fact("settings"), state.fact("crawl_id")
    if before is None or crawl_id is None:
        crawl_id = new_id()
        state.note("settings", json.dumps(_settings(config)))
        state.note("crawl_id", crawl_id)
        state.commit()
    else:
        _check_same(folder, json.loads(before), config, but_for=PACE)
    return crawl_id


def _settings(config: Crawl) -> dict[str, Any]:
    """The settings as they are read back from JSON."""
    settings: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(config))
    return settings


def _check_same(folder: Path, before: dict[str, Any], config: Crawl, but_for: Sequence[str]) -> None:
    for key, value in _settings(config).items():
        if key not in but_for and before.get(key) != value:
            raise OutputError(
                f"{folder} holds a crawl with crawl.{key} = {before.get(key)!r}, not {value!r}; go on with the same, or give another folder"
            )


def _finish(config: Crawl, folder: Path, state: State, spool: Spool, crawl_id: str, seeds: list[int]) -> CrawlReport:
    """Write the files and the account of a settled crawl; nothing where no page was fetched."""
    found = state.outcomes()
    if n_waiting := state.n_waiting():
        found["max_pages"] += n_waiting
    counts = {"fetched": found.pop("fetched", 0), **dict(sorted(found.items()))}
    if not counts["fetched"]:
        return CrawlReport(files=[], counts=counts)
    with WarcFiles(folder, config.user_agent, crawl_id) as files:
        for span in spans_in_order(state, seeds):
            files.write(spool.read(span))
    account = Account(settings=_settings(config), files=[path.name for path in files.finished], counts=counts)
    with whole_file(folder / ACCOUNT) as temporary:
        temporary.write_bytes(msgspec.json.encode(account))
    return CrawlReport(files=files.finished, counts=counts)


def _without_a_page(causes: list[tuple[str, str, str]]) -> str:
    """Why no page was fetched, and what to do."""
    shown = [f"{url}: {detail} ({REMEDIES.get(reason, 'open it in a browser')})" for url, reason, detail in causes]
    more = f"; and {len(shown) - 3} more" if len(shown) > 3 else ""
    return f"the crawl fetched no page: {'; '.join(shown[:3]) or 'the seeds redirect in circles'}{more}"


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first_of(first) if isinstance(first, BaseExceptionGroup) else first
