"""Which links of a page are followed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.crawl.links import extract_links, forbids_following

PAGE = "http://example.com/dir/page"


def links_of(html: str | bytes, *headers: str, charset: str | None = "utf-8") -> list[str]:
    return extract_links(html.encode() if isinstance(html, str) else html, PAGE, charset, headers, "testmill")


def test_anchors_and_areas_are_followed_in_document_order() -> None:
    html = '<a href="one">1</a><map><area href="/two"></map><a name="x">-</a><link rel=canonical href=c><a href=" ?q=3&amp;r ">3</a>'
    assert links_of(html) == ["http://example.com/dir/one", "http://example.com/two", "http://example.com/dir/page?q=3&r"]


def test_the_first_base_counts() -> None:
    html = '<base target=_top><base href="/other/"><base href="/third/"><a href="x">x</a>'
    assert links_of(html) == ["http://example.com/other/x"]
    assert links_of('<base href="mailto:a@b.example"><a href="x">x</a>') == ["http://example.com/dir/x"]


def test_nofollow_links_are_not_followed() -> None:
    assert links_of('<a rel="noopener NoFollow" href=a>a</a><a rel="nofollower" href=b>b</a>') == ["http://example.com/dir/b"]


@pytest.mark.parametrize(
    ("name", "content", "followed"),
    [
        ("robots", "noindex, NOFOLLOW", False),
        ("ROBOTS", "none", False),
        ("TestMill", "nofollow", False),
        ("otherbot", "nofollow", True),
        ("robots", "noindex", True),
        ("description", "nofollow", True),
    ],
)
def test_a_page_can_forbid_to_follow_its_links(name: str, content: str, followed: bool) -> None:
    assert links_of(f'<meta name="{name}" content="{content}"><a href=x>x</a>') == (["http://example.com/dir/x"] if followed else [])


@pytest.mark.parametrize(
    ("header", "forbids"),
    [
        ("nofollow", True),
        ("noindex, NoFollow", True),
        ("none", True),
        ("testmill: nofollow", True),
        ("otherbot: nofollow", False),
        ("unavailable_after: 25 Jun 2030 15:00:00 PST, nofollow", True),
        ("noindex", False),
        ("", False),
    ],
)
def test_a_header_can_forbid_it_too(header: str, forbids: bool) -> None:
    assert forbids_following(header, "testmill") is forbids
    assert (links_of("<a href=x>x</a>", "noarchive", header) == []) is forbids


def test_other_charsets_are_read_as_declared_or_detected() -> None:
    html = '<meta charset="windows-1251"><a href="/привет">x</a>'.encode("cp1251")
    expected = ["http://example.com/привет"]
    assert links_of(html, charset=None) == expected
    assert links_of(html, charset="windows-1251") == expected
    assert links_of(b"<a href=x>x</a>", charset="no-such-charset") == ["http://example.com/dir/x"]


@given(st.binary(max_size=300) | st.text("<>ahref=\"'/ &;base", max_size=80).map(str.encode))
def test_links_are_extracted_from_any_bytes_without_a_crash(html: bytes) -> None:
    assert all(isinstance(link, str) for link in links_of(html, charset=None))


def test_a_page_of_many_links_is_read_in_one_pass() -> None:
    n = 20_000
    assert links_of("<p><a href=x>x</a></p>" * n) == ["http://example.com/dir/x"] * n
