"""One spelling per URL, and the scope."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.crawl.urls import Scope, canonical, check_seeds, host_of, is_web, join, origin_of, registered_domain
from schemas.errors import RecipeError


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://Example.COM", "http://example.com/"),
        ("https://example.com:443/", "https://example.com/"),
        ("http://example.com:443/", "http://example.com:443/"),
        ("http://example.com/a/./b/../c#top", "http://example.com/a/c"),
        ("http://example.com/a/%2e%2e/b", "http://example.com/b"),
        ("http://example.com/../../x", "http://example.com/x"),
        ("http://example.com/%7euser/%41%2fb", "http://example.com/~user/A%2Fb"),
        ("http://example.com/ü?q=ü x", "http://example.com/%C3%BC?q=%C3%BC+x"),
        ("http://example.com/?a=b%26c&d=%2B", "http://example.com/?a=b%26c&d=%2B"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://[::1]:80/", "http://[::1]/"),
        ("  http://example.com/a\n b\t ", "http://example.com/a%20b"),
        ("http://example.com//a//b", "http://example.com//a//b"),
    ],
)
def test_a_resource_has_one_spelling(url: str, expected: str) -> None:
    assert canonical(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "mailto:jane@example.com",
        "javascript:void(0)",
        "ftp://example.com/",
        "/relative",
        "//example.com/",
        "",
        "http://",
        "http:///path",
        "http://a..b/",
        "http://" + "a" * 64 + ".com/",
        "http://ex ample.com/",
        "http://h%41.com/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.0.0.1/",
        "http://127.0.0.01/",
        "http://256.0.0.1/",
        "http://example.7/",
        "http://example.com:99999/",
        "http://example.com:0/",
        "http://example.com:port/",
        "http://user:secret@example.com/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://example.com/" + "a" * 9000,
    ],
)
def test_urls_that_cannot_be_requested_have_no_canonical_form(url: str) -> None:
    assert canonical(url) is None


@given(st.text(max_size=40) | st.text("abü/%.2eE5C3?&=+ #:@[]\\\t", max_size=30))
@example("%252e%252e/")
@example("a/%2E./b")
def test_canonical_is_stable_and_plain_ascii(rest: str) -> None:
    url = canonical("http://example.com/" + rest)
    if url is not None:
        assert canonical(url) == url
        assert url.isascii()
        assert "#" not in url
        assert not {".", ".."} & set(urlsplit(url).path.split("/"))
        assert host_of(url) == "example.com"


@given(st.text())
def test_any_text_is_judged_without_a_crash(text: str) -> None:
    for candidate in (text, f"http://{text}", join("http://example.com/a", text)):
        url = canonical(candidate)
        assert url is None or (is_web(url) and url.startswith(origin_of(url) + "/"))


def test_references_are_resolved_like_a_browser_does() -> None:
    base = "http://example.com/a/b?c=d"
    assert join(base, " x ") == "http://example.com/a/x"
    assert join(base, "?y") == "http://example.com/a/b?y"
    assert join(base, "//other.example/z") == "http://other.example/z"
    assert join(base, "/p\nq") == "http://example.com/pq"
    assert join(base, "http://[bad") == "http://[bad"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("www.news.example.co.uk", "example.co.uk"),
        ("a.b.example.com", "example.com"),
        ("jane.github.io", "jane.github.io"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
    ],
)
def test_registered_domains_come_from_the_public_suffix_list(host: str, expected: str) -> None:
    assert registered_domain(host) == expected


def test_host_scope_is_host_and_port_in_either_scheme() -> None:
    scope = Scope("host", ["http://example.com/a", "http://example.org:8080/"])
    assert "https://example.com/b" in scope
    assert "http://example.org:8080/c" in scope
    for outside in ("http://www.example.com/", "http://example.com:8080/", "http://example.org/", "http://example.com.evil.example/"):
        assert outside not in scope


def test_domain_scope_is_the_registered_domain() -> None:
    scope = Scope("domain", ["http://www.example.co.uk/"])
    assert "https://shop.example.co.uk:8443/" in scope
    assert "http://other.co.uk/" not in scope


def test_prefix_scope_begins_with_a_seed() -> None:
    scope = Scope("prefix", ["http://example.com/docs/"])
    assert "https://example.com/docs/a?b" in scope
    assert "http://example.com/doc" not in scope
    assert "http://example.com.evil.example/docs/" not in scope


def test_an_invalid_seed_is_named() -> None:
    assert check_seeds(("HTTP://Example.com",)) == ["http://example.com/"]
    with pytest.raises(RecipeError, match=r"crawl\.seeds: 'example\.com/x'"):
        check_seeds(("http://ok.example/", "example.com/x"))
