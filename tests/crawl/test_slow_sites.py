"""Sites do not wait for each other, and one that does not answer is given up; each page is counted by what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from pipelines.crawl import fetch
from pipelines.crawl.crawler import CrawlReport, crawl_sites
from schemas.recipe import Crawl
from tests.crawl.site import Handler, Site, answering, links, records, robots, running_site

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def sites(stack: ExitStack, *pages: dict[str, str | Handler]) -> list[Site]:
    return [stack.enter_context(running_site(one)) for one in pages]


def crawl_all(folder: Path, found: list[Site], **settings: Any) -> CrawlReport:
    """Crawl the sites as one, in real time."""
    given = {"delay_s": 0.0, "private_hosts": ("127.0.0.1",), "user_agent": "testmill/1.0", "retries": 0, "max_depth": 100, **settings}
    return crawl_sites(Crawl(seeds=tuple(f"{site.root}/" for site in found), **given), folder)


def chain(n: int, answer: Callable[[str], str | Handler] = str) -> dict[str, str | Handler]:
    """Pages each of which links to the next."""
    return {f"/{i or ''}": answer(links(f"/{i + 1}")) for i in range(n)} | {f"/{n}": answer("the last")}


def trickle(_: str) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/html"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            for _ in range(600):
                await response.write(b".")
                await asyncio.sleep(0.1)
        return response

    return answer


def after(seconds: float) -> Callable[[str], Handler]:
    def page(text: str) -> Handler:
        async def answer(_: web.Request) -> web.StreamResponse:
            await asyncio.sleep(seconds)
            return web.Response(text=text, content_type="text/html")

        return answer

    return page


def test_a_slow_site_does_not_hold_up_a_fast_one(tmp_path: Path) -> None:
    times: list[float] = []

    def noted(text: str) -> Handler:
        async def answer(_: web.Request) -> web.StreamResponse:
            times.append(time.monotonic())
            return web.Response(text=text, content_type="text/html")

        return answer

    with ExitStack() as stack:
        slow, fast = found = sites(stack, chain(3, after(1.0)), chain(40, noted))
        began = time.monotonic()
        report = crawl_all(tmp_path, found)
    assert report.counts == {"fetched": 45}
    assert len(slow.paths()) == 4
    assert len(fast.paths()) == 41
    assert times[-1] - began < 3.0 < time.monotonic() - began


def test_a_site_that_asks_for_very_long_pauses_is_not_crawled(tmp_path: Path) -> None:
    rules = robots("User-agent: *\nCrawl-delay: 100000\nDisallow: /secret")
    with ExitStack() as stack:
        patient, other = found = sites(stack, {"/robots.txt": rules, **chain(5)}, chain(5))
        report = crawl_all(tmp_path, found)
    assert report.counts == {"fetched": 6, "crawl_delay": 1}
    assert patient.paths() == []
    assert len(other.paths()) == 6


def test_pauses_below_the_ceiling_are_kept(tmp_path: Path) -> None:
    with running_site({"/robots.txt": robots("User-agent: *\nCrawl-delay: 90"), **chain(2)}) as site:
        assert site.crawl(tmp_path / "a").counts == {"fetched": 3}
        assert [at - 1000.0 for _, at in site.asked] == [0.0, 0.0, 90.0, 180.0]
        assert site.crawl(tmp_path / "b", "/", "/robots.txt", max_crawl_delay_s=1000.0).counts["fetched"] == 4


def test_a_site_that_trickles_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "SLOWEST_S", 0.4)
    front = links(*(f"/{i}" for i in range(9)))
    with ExitStack() as stack:
        tarpit, other = found = sites(stack, {"/": front, **{f"/{i}": trickle("") for i in range(9)}}, chain(30))
        report = crawl_all(tmp_path, found, max_failures=3)
    assert report.counts == {"fetched": 32, "site_given_up": 6, "too_slow": 3}
    assert len(other.paths()) == 31
    assert len(tarpit.paths()) == 4, "the front page and three failures"


def test_a_long_page_at_a_steady_rate_is_not_too_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "SLOWEST_S", 0.4)

    async def steady(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/html"})
        await response.prepare(request)
        for _ in range(8):
            await response.write(b"." * 1500)
            await asyncio.sleep(0.2)
        return response

    with running_site({"/": steady}) as site:
        report = site.crawl(tmp_path)
    assert report.counts == {"fetched": 1}
    assert records(report)[-1].body == b"." * 12000


@pytest.mark.parametrize(
    ("bad", "counts"),
    [
        (answering(status=503), {"fetched": 1, "http_error": 1, "site_given_up": 5}),
        (answering(status=500), {"fetched": 1, "http_error": 6}),
        (answering(status=404), {"fetched": 1, "http_error": 6}),
    ],
)
def test_only_missing_answers_count_as_failures(tmp_path: Path, bad: Handler, counts: dict[str, int]) -> None:
    with running_site({"/": links("/0", "/1", "/2", "/3", "/4", "/5"), **{f"/{i}": bad for i in range(6)}}) as site:
        report = site.crawl(tmp_path, retries=0, max_failures=1)
    assert report.counts == counts


def test_an_answer_in_between_begins_the_count_anew(tmp_path: Path) -> None:
    busy = answering(status=429)
    with running_site({"/": links("/0", "/1", "/2", "/3"), "/0": busy, "/1": "fine", "/2": busy, "/3": "fine"}) as site:
        assert site.crawl(tmp_path, retries=0, max_failures=2).counts == {"fetched": 3, "http_error": 2}


@pytest.mark.parametrize("slow_first", [True, False])
def test_the_order_of_sites_that_link_to_each_other_does_not_depend_on_their_speed(tmp_path: Path, slow_first: bool) -> None:
    def pages(port: list[int], slow: bool) -> dict[str, str | Handler]:
        page = after(0.15 if slow else 0.0)

        def to(text: str) -> Handler:
            async def answer(request: web.Request) -> web.StreamResponse:
                return await page(text.replace("OTHER", f"http://127.0.0.1:{port[0]}"))(request)

            return answer

        return {
            "/": to(links("/a", "/c", "OTHER/b")),
            "/a": to(links("/d")),
            "/b": to(links("OTHER/d", "/e")),
            "/c": to("c"),
            "/d": to("d"),
            "/e": to(links("OTHER/f")),
            "/f": to("f"),
        }

    ports: list[list[int]] = [[0], [0]]
    with ExitStack() as stack:
        one, two = found = sites(stack, pages(ports[1], slow_first), pages(ports[0], not slow_first))
        ports[0][0], ports[1][0] = one.port, two.port
        report = crawl_all(tmp_path, found)
    named = {str(one.port): "1", str(two.port): "2"}
    order = [record.url for record in records(report) if record.kind == "response" and not record.url.endswith("robots.txt")]
    assert report.counts == {"fetched": 14}
    assert " ".join(named[url[17:].partition("/")[0]] + url[-1] for url in order) == "1/ 2/ 1a 2b 1c 2a 2c 1b 1d 2e 2d 1e 1f 2f"


def test_sites_share_the_pages_evenly_whatever_their_speed(tmp_path: Path) -> None:
    with ExitStack() as stack:
        slow, fast = found = sites(stack, chain(50, after(0.05)), chain(50))
        report = crawl_all(tmp_path, found, max_pages=11)
    assert report.counts["fetched"] == 11
    assert (len(slow.paths()), len(fast.paths())) == (6, 5)
