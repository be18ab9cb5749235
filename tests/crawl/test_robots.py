"""robots.txt: what is allowed, what is not, and what the lack of it means."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from pipelines.crawl.fetch import HttpExchange
from pipelines.crawl.robots import MAX_ROBOTS_BYTES, RobotsPolicy, parse_robots, product_token, robots_rules
from schemas.errors import RecipeError
from schemas.recipe import Crawl

REAL_FILES = Path(__file__).parents[2].parent / "shared" / "data" / "robots" / "robots.jsonl.zst"


def policy(content: str | bytes, product: str = "testmill") -> RobotsPolicy:
    return RobotsPolicy(product=product, rules=parse_robots(content.encode() if isinstance(content, str) else content))


def allows(content: str | bytes, path: str, product: str = "testmill") -> bool:
    refusal = policy(content, product).refuses(f"http://example.com{path}")
    assert refusal is None or refusal.reason == "robots"
    return refusal is None


GROUPS = """
User-agent: *
Disallow: /all/
Allow: /all/but

User-agent: testmill
User-agent: friend
Disallow: /mill$
Disallow: /*.pdf
Crawl-delay: 2.5
"""


@pytest.mark.parametrize(
    ("path", "product", "allowed"),
    [
        ("/all/x", "other", False),
        ("/all/but", "other", True),
        ("/all/x", "TestMill", True),
        ("/mill", "testmill", False),
        ("/mill/", "testmill", True),
        ("/a/b.pdf?c", "friend", False),
        ("/robots.txt", "testmill", True),
    ],
)
def test_the_group_of_our_name_counts_before_that_of_all(path: str, product: str, allowed: bool) -> None:
    assert allows(GROUPS, path, product) is allowed


def test_the_longest_rule_counts_and_allow_wins_a_tie() -> None:
    """As in RFC 9309, section 2.2.2."""
    rules = "user-agent: *\nallow: /example/page/\ndisallow: /example/page/disallowed.gif\ndisallow: /tie\nallow: /tie"
    assert allows(rules, "/example/page/disallow.gif")
    assert not allows(rules, "/example/page/disallowed.gif")
    assert allows(rules, "/tie")


@pytest.mark.parametrize(
    ("text", "delay_s"), [(GROUPS, 2.5), ("User-agent: *\nCrawl-delay: soon", 0.0), ("User-agent: *\nCrawl-delay: inf", 0.0)]
)
def test_crawl_delay_is_read_where_it_is_a_number(text: str, delay_s: float) -> None:
    assert policy(text).delay_s == delay_s


@pytest.mark.parametrize(
    "page", ["<html><p>User-agent: *\nDisallow: /</p></html>", "\ufeff\n <!DOCTYPE html>\nUser-agent: *\nDisallow: /", ""]
)
def test_a_web_page_in_place_of_rules_allows_everything(page: str) -> None:
    assert allows(page, "/x")


def test_a_byte_order_mark_and_other_line_ends_are_accepted() -> None:
    assert not allows("\ufeffUser-agent: *\rDisallow: /x\r", "/x")


def test_only_the_first_500_kib_are_read() -> None:
    padding = b"#" * 99 + b"\n"
    early = b"User-agent: *\nDisallow: /early\n" + padding * (MAX_ROBOTS_BYTES // 100) + b"Disallow: /late\n"
    assert not allows(early, "/early")
    assert allows(early, "/late")


@given(st.binary(max_size=200) | st.text("user-agent:disallow/*$ \n\r", max_size=120).map(str.encode))
def test_any_bytes_are_rules(content: bytes) -> None:
    assert allows(content, "/x") in (True, False)
    assert policy(content).delay_s >= 0.0


def real_files() -> Iterator[bytes]:
    with REAL_FILES.open("rb") as file:
        for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), "utf-8"):
            yield json.loads(line)["bytes_latin1"].encode("latin-1")


@pytest.mark.skipif(not REAL_FILES.exists(), reason="needs ../shared/data/robots")
def test_every_real_file_is_read() -> None:
    n_files = n_closed = n_pages = 0
    for content in real_files():
        n_files += 1
        rules = policy(content)
        assert rules.delay_s >= 0.0
        n_closed += rules.refuses("http://example.com/") is not None
        if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            n_pages += 1
            assert rules.refuses("http://example.com/") is None
    assert n_files == 2105
    assert 0 < n_closed < n_files / 10, "some sites close themselves to everyone, most do not"
    assert n_pages > 0


@pytest.mark.parametrize(
    ("user_agent", "token"),
    [
        (Crawl(seeds=("http://example.com/",)).user_agent, "corpusmill"),
        ("Mozilla/5.0 (compatible; Some-Bot/2.0; +http://x.example)", "Some-Bot"),
        ("plain", "plain"),
    ],
)
def test_the_product_token_is_how_sites_address_us(user_agent: str, token: str) -> None:
    assert product_token(user_agent) == token


@pytest.mark.parametrize("user_agent", ["", "1.0", "/x", "mill/1\r\nX-Evil: 1", "mühle/1"])
def test_a_user_agent_without_a_product_name_is_refused(user_agent: str) -> None:
    with pytest.raises(RecipeError, match=r"crawl\.user_agent"):
        product_token(user_agent)


def test_rules_that_are_cut_let_nobody_in() -> None:
    """What forbids may be in the part that is missing; of a page the beginning would do."""
    rules = "\n".join(["User-agent: *", *(f"Disallow: /{i * 7919 % 997}/" for i in range(200))]).encode()
    packed = gzip.compress(rules, mtime=0)
    assert robots_rules(answer(packed)) == (rules, None)
    text, failure = robots_rules(answer(packed[:-40]))
    assert text == b""
    assert failure is not None
    assert (failure.reason, failure.detail) == ("robots_unavailable", "robots.txt ends too early")


def answer(body: bytes) -> HttpExchange:
    headers = {"Content-Encoding": "gzip"}
    return HttpExchange(
        url="http://a.example/robots.txt",
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        ip="",
        request_head=b"",
        version="HTTP/1.1",
        status=200,
        reason="OK",
        raw_headers=(),
        headers=CIMultiDictProxy(CIMultiDict(headers)),
        content_type="text/plain",
        charset=None,
        body=body,
        truncated=False,
    )
