"""Spellings of one page's address have one form, and those of different pages have not."""

from __future__ import annotations

import hashlib

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.text.urls import canonical_url, canonical_urls, plain_url, url_digests


@pytest.mark.parametrize(
    ("form", "spellings"),
    [
        (
            "example.org/~user/caf%C3%A9",
            (
                "https://example.org/%7Euser/caf%C3%A9",
                "https://example.org/~user/café",
                "http://example.org/%7euser/caf%c3%a9",
                "https://example.org/~user/cafe\u0301",
                "https://example.org/%7Euser/caf%C3%A9/#top",
            ),
        ),
        ("example.org/a%20b", ("https://example.org/a b", "https://example.org/a%20b", " https://www.example.org:443/a%20b?\n")),
        ("example.org/Foo_(bar),_baz:1!", ("https://example.org/Foo_%28bar%29%2C_baz%3A1%21", "https://example.org/Foo_(bar),_baz:1!")),
        ("example.org/q?a=b%20c&d=x/y", ("https://example.org/q?a=b+c&d=x%2Fy", "https://example.org/q?a=b%20c&d=x/y")),
        ("xn--bcher-kva.example.org/stra%C3%9Fe", ("https://bücher.example.org/straße", "https://XN--BCHER-KVA.example.org/stra%c3%9fe")),
        ("xn--strae-oqa.example.org", ("https://straße.example.org/", "https://xn--strae-oqa.example.org")),
        ("example.org:8443/x", ("https://user:p@w@example.org:8443/x", "//example.org:08443/x", "example.org:8443/x/")),
        (
            "example.org//double//up",
            ("https://example.org//double//slash/../up", "https://example.org.//double//up", "https:\\\\example.org\\\\double//./up"),
        ),
        ("example.org/up", ("https://example.org/a/%2e%2E/up", "https://example.org/../up", "https://example.org/up/b/..")),
        (
            "example.org/?q=1",
            ("https://example.org?q=1", "https://example.org/?q=1#x", "https://example.org/?q=1/", "https://example.org/?q=%31//"),
        ),
        ("example.org/up/?q=1", ("https://example.org/up/b/..?q=1", "https://example.org/up/.?q=1", "https://example.org/up/?q=1")),
        ("example.org", ("HTTPS://WWW.EXAMPLE.ORG", "http://example.org:80/", "https://example.org:443/.", "//example.org?")),
        ("example.org/100%25", ("https://example.org/100%", "https://example.org/100%25")),
        ("example.org/caf%E9", ("https://example.org/caf%e9",)),
        ("[::1]:8080/x", ("http://[::1]:8080/x",)),
    ],
)
def test_spellings_of_one_page_have_one_form(form: str, spellings: tuple[str, ...]) -> None:
    assert [canonical_url(one) for one in spellings] == [form] * len(spellings)
    assert canonical_urls(pl.Series(spellings)).to_list() == [form] * len(spellings)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.org/a%2Fb", "https://example.org/a/b"),
        ("https://example.org/?q=a%26b", "https://example.org/?q=a&b"),
        ("https://example.org/?q=a%2Bb", "https://example.org/?q=a+b"),
        ("https://example.org/a%3Fb", "https://example.org/a?b"),
        ("https://example.org/?a=1&b=2", "https://example.org/?b=2&a=1"),
        ("https://example.org/Path", "https://example.org/path"),
        ("https://example.org/%257E", "https://example.org/%7E"),
        ("https://example.org/a+b", "https://example.org/a%20b"),
        ("https://sub.example.org/x", "https://example.org/x"),
        ("https://example.org:8080/", "https://example.org/"),
    ],
)
def test_addresses_of_different_pages_differ(one: str, other: str) -> None:
    assert canonical_url(one) != canonical_url(other)


PARTS = st.text("aA0./?#%2eE7:@&=+ ~é()\\-_www", max_size=25)


@given(PARTS)
@example("/.")
@example("?")
@example("?/")
@example("/a/?//")
@example("a.:80/")
@example("/a//")
def test_the_form_is_stable_and_the_same_for_columns(rest: str) -> None:
    for url in (f"https://example.org{rest}", f"https://{rest}", rest):
        form = canonical_url(url)
        assert canonical_urls(pl.Series([url, None, "https://a.example/x"])).to_list() == [form, None, "a.example/x"]
    form = canonical_url(f"https://example.org/{rest}")
    assert canonical_url(f"https://{form}") == form


@given(st.lists(st.text("abcXYZ019-_.~", min_size=1, max_size=6).filter(lambda name: set(name) != {"."}), max_size=4))
def test_plain_addresses_have_the_form_of_earlier_versions(names: list[str]) -> None:
    url = "http://www.Example.org/" + "/".join(name.lstrip(".") or "x" for name in names)
    form = pl.DataFrame({"url": [url]}).select(plain_url(pl.col("url"))).item()
    assert canonical_url(url) == form
    assert url_digests(pa.array([url, None], pa.large_string()), 8) == [hashlib.sha256(form.encode()).digest()[:8], None]
