"""Whole crawls of small sites on loopback."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from pipelines.crawl.crawler import crawl_sites
from pipelines.crawl.visits import CrawlProgress
from schemas.errors import InputError, OutputError, RecipeError
from tests.crawl.site import Handler, Site, answering, in_turn, links, records, redirecting, responses, robots, running_site

Start = Callable[[dict[str, str | Handler]], Site]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts sites that run until the test ends."""
    running = []

    def run(pages: dict[str, str | Handler]) -> Site:
        manager = running_site(pages)
        running.append(manager)
        return manager.__enter__()

    yield run
    for manager in running:
        manager.__exit__(None, None, None)


async def never(_: web.Request) -> web.StreamResponse:
    """Takes its time."""
    await asyncio.sleep(3600)
    return web.Response()


async def broken_off(request: web.Request) -> web.StreamResponse:
    """Promises more than it sends."""
    response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "text/html"})
    await response.prepare(request)
    await response.write(b"<p>the beginning")
    assert request.transport is not None
    request.transport.close()
    return response


# --- Order and counting ----------------------------------------------------------------------------------------------


def test_pages_are_listed_breadth_first_however_fast_each_one_is(start: Start, tmp_path: Path) -> None:
    site = start(
        {
            "/": links("/slow", "/b", "/c"),
            "/b": links("/b/1", "/slow/2"),
            "/c": links("/"),
            "/slow/1": "1",
            "/slow/2": "2",
            "/b/1": "3",
        }
    )

    async def wait_for_others(_: web.Request) -> web.StreamResponse:
        while "/c" not in site.paths():
            await asyncio.sleep(0.01)
        return web.Response(text=links("/slow/1", "/slow/2"), content_type="text/html")

    site.pages["/slow"] = wait_for_others
    report = site.crawl(tmp_path, host_concurrency=4)
    expected = ["/robots.txt", "/", "/slow", "/b", "/c", "/slow/1", "/slow/2", "/b/1"]
    assert [path for path, _ in responses(report)] == expected
    assert report.counts == {"fetched": 7}
    assert site.most_running > 1


def test_every_url_that_is_found_is_counted_once(start: Start, tmp_path: Path) -> None:
    found = [
        "/ok",
        "/ok#part",
        "/missing",
        "/private/x",
        "/old",
        "/away",
        "/big",
        "/secret",
        "/garbled",
        "http://other.example/",
        "http://other.example/#again",
        "mailto:jane@example.com",
        "http://bad:port/",
    ]
    site = start(
        {
            "/robots.txt": robots("User-agent: *\nDisallow: /secret"),
            "/": links(*found),
            "/ok": links("/", "/deeper"),
            "/deeper": "never fetched",
            "/old": redirecting("/new"),
            "/new": "moved here",
            "/away": redirecting("http://away.example/"),
            "/big": "x" * 3000,
            "/garbled": answering(b"\x1f\x8b\x08 no gzip", headers={"Content-Encoding": "gzip"}),
        }
    )
    report = site.crawl(tmp_path, exclude=["/private/"], max_page_bytes=2000, max_depth=1)
    assert report.counts == {
        "fetched": 3,  # /, /ok, /new
        "excluded": 1,
        "http_error": 1,
        "invalid_url": 1,
        "max_depth": 1,
        "not_http": 1,
        "out_of_scope": 1,
        "redirect_out_of_scope": 1,
        "redirected": 2,
        "robots": 1,
        "too_large": 1,
        "undecodable": 1,
    }
    assert sorted(site.paths()) == sorted(["/", "/ok", "/missing", "/old", "/new", "/away", "/big", "/garbled"])


def test_max_pages_counts_pages_that_were_fetched(start: Start, tmp_path: Path) -> None:
    site = start({"/": links("/missing", "/old", "/1", "/2", "/3"), "/old": redirecting("/1"), "/1": links("/4"), "/2": "2", "/3": "3"})
    report = site.crawl(tmp_path, max_pages=3, host_concurrency=4)
    assert report.counts == {"fetched": 3, "http_error": 1, "max_pages": 2, "redirected": 1}
    assert [path for path, _ in responses(report)] == ["/robots.txt", "/", "/missing", "/old", "/1", "/2"]


def test_progress_is_reported_after_every_visit(start: Start, tmp_path: Path) -> None:
    site = start({"/": links("/missing", "/1"), "/1": "1"})
    reported: list[CrawlProgress] = []
    crawl_sites(site.config(), tmp_path, on_page=reported.append, clock=site.time.clock)
    assert [(progress.n_fetched, progress.n_settled) for progress in reported] == [(1, 1), (1, 2), (2, 3)]


@pytest.mark.parametrize(("scope", "expected"), [("host", ["/docs/", "/docs/a", "/other"]), ("prefix", ["/docs/", "/docs/a"])])
def test_scope_limits_which_links_are_followed(start: Start, tmp_path: Path, scope: str, expected: list[str]) -> None:
    site = start({"/docs/": links("a", "/other"), "/docs/a": "a", "/other": "o"})
    report = site.crawl(tmp_path, "/docs/", scope=scope)
    assert site.paths() == expected
    assert report.counts.get("out_of_scope", 0) == 3 - len(expected)


def test_nofollow_and_base_are_respected(start: Start, tmp_path: Path) -> None:
    site = start(
        {
            "/": '<base href="/sub/"><a href="x">x</a><a rel=nofollow href="hidden">h</a><a href="/header">h</a><a href="/meta">m</a>',
            "/sub/x": "x",
            "/header": answering(links("/hidden1"), headers={"X-Robots-Tag": "nofollow"}),
            "/meta": '<meta name="robots" content="nofollow"><a href="/hidden2">h</a>',
        }
    )
    assert site.crawl(tmp_path).counts == {"fetched": 4}
    assert site.paths() == ["/", "/sub/x", "/header", "/meta"]


def test_links_are_taken_from_web_pages_only(start: Start, tmp_path: Path) -> None:
    site = start({"/": links("/text"), "/text": answering(links("/never"), content_type="text/plain")})
    assert site.crawl(tmp_path).counts == {"fetched": 2}


# --- robots.txt ------------------------------------------------------------------------------------------------------


def test_rules_are_obeyed_and_crawl_delay_is_kept(start: Start, tmp_path: Path) -> None:
    rules = "User-agent: *\nDisallow: /\n\nUser-agent: testmill\nDisallow: /no\nCrawl-delay: 7"
    site = start({"/robots.txt": robots(rules), "/": links("/no/1", "/yes", "/yes2"), "/yes": "y", "/yes2": "z"})
    report = site.crawl(tmp_path, delay_s=2.0)
    assert report.counts == {"fetched": 3, "robots": 1}
    assert [at - 1000.0 for _, at in site.asked] == [0.0, 2.0, 9.0, 16.0]


def test_the_larger_of_both_delays_counts(start: Start, tmp_path: Path) -> None:
    site = start({"/robots.txt": robots("User-agent: *\nCrawl-delay: 1"), "/": links("/a"), "/a": "a"})
    site.crawl(tmp_path, delay_s=3.0)
    assert [at - 1000.0 for _, at in site.asked] == [0.0, 3.0, 6.0]


def test_a_web_page_in_place_of_robots_txt_has_no_rules(start: Start, tmp_path: Path) -> None:
    site = start({"/robots.txt": "<html>User-agent: *\nDisallow: /</html>", "/": "home"})
    assert site.crawl(tmp_path).counts == {"fetched": 1}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_robots_txt_that_is_not_there_allows_all(start: Start, tmp_path: Path, status: int) -> None:
    site = start({"/robots.txt": answering("User-agent: *\nDisallow: /", status=status), "/": "home"})
    assert site.crawl(tmp_path).counts == {"fetched": 1}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_robots_txt_that_fails_forbids_all_after_retries(start: Start, tmp_path: Path, status: int) -> None:
    site = start({"/robots.txt": answering(status=status), "/": "home"})
    with pytest.raises(InputError, match=rf"127\.0\.0\.1:{site.port}/: robots\.txt: HTTP {status} \(try again later"):
        site.crawl(tmp_path, retries=2)
    assert [path for path, _ in site.asked] == ["/robots.txt"] * 3
    assert site.time.slept == [1.0, 2.0]


def test_robots_txt_may_recover(start: Start, tmp_path: Path) -> None:
    site = start({"/robots.txt": in_turn(answering(status=503), robots("User-agent: *\nDisallow: /x")), "/": links("/x")})
    assert site.crawl(tmp_path).counts == {"fetched": 1, "robots": 1}


def test_robots_txt_is_followed_through_five_redirects(start: Start, tmp_path: Path) -> None:
    hops: dict[str, str | Handler] = {f"/hop{i}": redirecting(f"/hop{i + 1}") for i in range(1, 5)}
    rules = robots("User-agent: *\nDisallow: /x")
    site = start({"/": links("/x"), "/x": "x", "/robots.txt": redirecting("/hop1"), **hops, "/hop5": rules})
    report = site.crawl(tmp_path)
    assert report.counts == {"fetched": 1, "robots": 1}
    assert [path for path, _ in responses(report)] == ["/robots.txt", *(f"/hop{i}" for i in range(1, 6)), "/"]
    farther = start(
        {"/": links("/x"), "/x": "x", "/robots.txt": redirecting("/hop1"), **hops, "/hop5": redirecting("/hop6"), "/hop6": rules}
    )
    assert farther.crawl(tmp_path / "farther").counts == {"fetched": 2}


# --- Trouble on the way ----------------------------------------------------------------------------------------------


def test_retry_after_is_waited_for_and_holds_back_the_host(start: Start, tmp_path: Path) -> None:
    busy = in_turn(answering(status=429, headers={"Retry-After": "33"}), answering("at last"))
    site = start({"/": links("/busy", "/other"), "/busy": busy, "/other": "o"})
    report = site.crawl(tmp_path)
    assert report.counts == {"fetched": 3}
    times = {path: at - 1000.0 for path, at in site.asked}
    assert times["/busy"] >= 33.0
    assert [path for path, _ in responses(report)] == ["/robots.txt", "/", "/busy", "/other"]


def test_server_errors_are_tried_again_with_back_off_and_then_counted(start: Start, tmp_path: Path) -> None:
    site = start({"/": links("/down", "/shaky"), "/down": answering(status=500), "/shaky": in_turn(answering(status=502), answering("ok"))})
    report = site.crawl(tmp_path, retries=3)
    assert report.counts == {"fetched": 2, "http_error": 1}
    assert site.paths().count("/down") == 4
    assert sorted(site.time.slept) == [1.0, 1.0, 2.0, 4.0]
    assert ("/down", "500") in responses(report)


def test_a_client_error_is_not_tried_again(start: Start, tmp_path: Path) -> None:
    site = start({"/": links("/gone"), "/gone": answering(status=410)})
    assert site.crawl(tmp_path).counts == {"fetched": 1, "http_error": 1}
    assert site.paths() == ["/", "/gone"]


def test_a_body_that_breaks_off_is_a_network_error_and_never_a_page(start: Start, tmp_path: Path) -> None:
    site = start({"/": links("/broken", "/mended"), "/broken": broken_off, "/mended": in_turn(broken_off, answering("whole"))})
    report = site.crawl(tmp_path, retries=1)
    assert report.counts == {"fetched": 2, "network_error": 1}
    assert responses(report)[2:] == [("/mended", "200")]


def test_a_server_that_does_not_speak_http_is_a_network_error(start: Start, tmp_path: Path) -> None:
    async def nonsense(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(b"\x00\x01 certainly not HTTP\r\n\r\n")
        request.transport.close()
        return web.Response()

    site = start({"/": links("/nonsense"), "/nonsense": nonsense})
    assert site.crawl(tmp_path, retries=0).counts == {"fetched": 1, "network_error": 1}


def test_a_page_that_takes_too_long_is_a_timeout(start: Start, tmp_path: Path) -> None:
    site = start({"/": links("/slow", "/ok"), "/slow": never, "/ok": "ok"})
    report = site.crawl(tmp_path, timeout_s=1.5, retries=0)
    assert report.counts == {"fetched": 2, "timeout": 1}


def test_redirects_in_circles_end(start: Start, tmp_path: Path) -> None:
    site = start({"/": links("/a", "/self"), "/a": redirecting("/b"), "/b": redirecting("/a"), "/self": redirecting("/self")})
    assert site.crawl(tmp_path).counts == {"fetched": 1, "redirected": 3}


def test_each_hop_is_checked_against_robots_and_scope(start: Start, tmp_path: Path) -> None:
    site = start(
        {
            "/robots.txt": robots("User-agent: *\nDisallow: /closed"),
            "/": links("/a", "/b"),
            "/a": redirecting("/closed"),
            "/b": redirecting("/docs/c", 308),
            "/docs/c": "c",
        }
    )
    report = site.crawl(tmp_path)
    assert report.counts == {"fetched": 2, "redirected": 2, "robots": 1}
    assert [hop for hop in responses(report) if hop[0] != "/robots.txt"] == [("/", "200"), ("/a", "302"), ("/b", "308"), ("/docs/c", "200")]


# --- Private addresses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
def test_private_addresses_are_refused(start: Start, tmp_path: Path, host: str) -> None:
    site = start({"/": "home"})
    with pytest.raises(InputError, match=r"is a private address \(add the host to crawl\.private_hosts"):
        site.crawl(tmp_path, f"http://{host}:{site.port}/", private_hosts=())
    assert site.asked == []


def test_a_redirect_does_not_lead_into_a_private_network(start: Start, tmp_path: Path) -> None:
    """`localhost` may be crawled here, and stands for a public site; 127.0.0.1 may not."""
    inside = start({"/": "metadata of a cloud"})
    site = start({"/": links("/trap", "/ok"), "/ok": "ok"})
    site.pages["/trap"] = redirecting(inside.root + "/")
    outside = f"http://localhost:{site.port}/"
    report = site.crawl(tmp_path, outside, inside.root + "/", private_hosts=("localhost",))
    assert report.counts == {"fetched": 2, "private_address": 1, "redirected": 1}
    assert inside.asked == []


# --- Nothing fetched, and wrong recipes ------------------------------------------------------------------------------


def test_a_seed_that_cannot_be_reached_is_named_with_its_cause(start: Start, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    site = start({})
    with pytest.raises(InputError, match=rf"http://127\.0\.0\.1:{port}/: robots\.txt: .*Connect.* \(check the address"):
        site.crawl(tmp_path, f"http://127.0.0.1:{port}/")
    assert site.time.slept == [1.0, 2.0, 4.0]
    assert list(tmp_path.iterdir()) == [], "a crawl without a page leaves nothing behind"


def test_a_seed_that_moved_out_of_scope_says_where_to(start: Start, tmp_path: Path) -> None:
    site = start({"/": redirecting("https://www.new.example/")})
    with pytest.raises(InputError, match=r"redirects to https://www\.new\.example/, outside crawl\.scope = 'host' \(use the address"):
        site.crawl(tmp_path)


@pytest.mark.parametrize(
    ("pages", "settings", "message"),
    [
        ({}, {}, r"HTTP 404 \(open it in a browser\)"),
        ({"/": "home"}, {"exclude": ["127"]}, r"crawl\.exclude has '127' \(loosen"),
        ({"/": redirecting("/")}, {}, "the seeds redirect in circles"),
        ({"/": "x" * 99}, {"max_page_bytes": 10}, r"more than 10 bytes \(raise crawl\.max_page_bytes\)"),
    ],
)
def test_a_crawl_without_a_page_says_why(
    start: Start, tmp_path: Path, pages: dict[str, str | Handler], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        start(pages).crawl(tmp_path, **settings)


def test_one_reachable_seed_is_enough(start: Start, tmp_path: Path) -> None:
    site = start({"/": "home"})
    assert site.crawl(tmp_path, "/missing", "/").counts == {"fetched": 1, "http_error": 1}


def test_a_wrong_recipe_is_refused_before_any_request(start: Start, tmp_path: Path) -> None:
    site = start({"/": "home"})
    for seed, settings in (("/", {"exclude": ["("]}), ("/", {"user_agent": "\n"}), ("ftp://example.com/", {})):
        with pytest.raises(RecipeError):
            site.crawl(tmp_path, seed, **settings)
    assert site.asked == []


def test_a_folder_with_a_crawl_in_it_is_not_added_to(start: Start, tmp_path: Path) -> None:
    site = start({"/": "home"})
    site.crawl(tmp_path)
    with pytest.raises(OutputError, match="already has a crawl"):
        site.crawl(tmp_path)


# --- What the requests look like -------------------------------------------------------------------------------------


def test_requests_say_who_asks_and_keep_the_spelling_of_the_url(start: Start, tmp_path: Path) -> None:
    seen: list[dict[str, str]] = []

    async def remember(request: web.Request) -> web.StreamResponse:
        seen.append(dict(request.headers))
        response = web.Response(text="x", content_type="text/html")
        response.set_cookie("session", "1")
        return response

    site = start({"/": links("/a%2Fb?q=%2B&amp;r=1", "/second"), "/a%2Fb?q=%2B&r=1": remember, "/second": remember})
    site.crawl(tmp_path)
    assert site.paths() == ["/", "/a%2Fb?q=%2B&r=1", "/second"]
    assert [(headers["User-Agent"], headers["Accept-Encoding"]) for headers in seen] == [("testmill/1.0", "gzip")] * 2
    assert all("Cookie" not in headers for headers in seen)


def test_compressed_pages_are_kept_as_sent_and_still_followed(start: Start, tmp_path: Path) -> None:
    packed = gzip.compress(links("/inner").encode())
    site = start({"/": answering(packed, headers={"Content-Encoding": "gzip"}), "/inner": "inner"})
    report = site.crawl(tmp_path)
    assert report.counts == {"fetched": 2}
    page = next(record for record in records(report) if record.kind == "response" and record.url == site.root + "/")
    assert page.http["Content-Encoding"] == "gzip"
    assert int(page.http["Content-Length"]) == len(packed)
    assert page.body == links("/inner").encode()
