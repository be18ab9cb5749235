"""Blocked domains and words in URLs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.filters.url import UrlRules, has_blocked_word, in_blocked_domain, read_domains
from schemas.errors import RecipeError
from schemas.recipe import Url
from tests.text.strategies import column


@pytest.fixture
def blocked(tmp_path: Path) -> str:
    path = tmp_path / "blocked.txt"
    path.write_text("# spam\nexample.com\n\n*.Evil.co.uk\nbücher.de\nxn--fsqu00a.example\n")
    return str(path)


@pytest.mark.parametrize(
    ("url", "is_blocked"),
    [
        ("http://example.com/", True),
        ("https://user:word@WWW.Example.COM:8080/a?b#c", True),
        ("//a.b.example.com.", True),
        ("example.com/page", True),
        ("http://notexample.com/", False),
        ("http://example.com.org/", False),
        ("http://other.org/?u=http://example.com/", False),
        ("http://com/", False),
        ("http://a.evil.co.uk/", True),
        ("http://good.co.uk/", False),
        ("http://BÜCHER.de/", True),
        ("http://xn--bcher-kva.de/", True),
        ("http://例子.example/", True),
        ("http://[::1]/", False),
        ("http://..../", False),
        ("", False),
        (None, False),
    ],
)
def test_a_domain_and_all_below_it_are_blocked(url: str | None, is_blocked: bool, blocked: str) -> None:
    assert in_blocked_domain(column([url]), read_domains(blocked)).tolist() == [is_blocked]  # type: ignore[list-item]


def test_rows_are_judged_one_by_one(blocked: str) -> None:
    urls = column(["http://example.com", None, "http://ok.org", "http://evil.co.uk"])  # type: ignore[list-item]
    assert in_blocked_domain(urls, read_domains(blocked)).tolist() == [True, False, False, True]
    assert in_blocked_domain(urls[1:3], read_domains(blocked)).tolist() == [False, False]
    assert in_blocked_domain(urls[:0], read_domains(blocked)).tolist() == []


@pytest.mark.parametrize(
    ("url", "is_blocked"),
    [
        ("http://a.org/Casino-online", True),
        ("http://casino7.org/", True),
        ("http://a.org/casinos", False),
        ("http://a.org/c+asino/", False),
        ("http://a.org/a+b", True),
        ("http://a.org/aab", False),
        (None, False),
    ],
)
def test_a_blocked_word_stands_between_non_letters(url: str | None, is_blocked: bool) -> None:
    words = UrlRules.of(Url(block_words=("casino", "a+b"))).words
    assert words is not None
    assert has_blocked_word(column([url]), words).tolist() == [is_blocked]  # type: ignore[list-item]


def test_no_rule_blocks_nothing() -> None:
    assert UrlRules.of(Url()) == UrlRules(None, None)


def test_an_empty_list_blocks_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("# nothing\n")
    assert in_blocked_domain(column(["http://example.com/"]), read_domains(str(tmp_path / "empty.txt"))).tolist() == [False]


def test_a_list_that_cannot_be_read_or_meant_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"filters\.url\.block_domains = .*nowhere\.txt.*: cannot be read"):
        UrlRules.of(Url(block_domains=str(tmp_path / "nowhere.txt")))
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(RecipeError, match="cannot be read as a list of domains in UTF-8"):
        UrlRules.of(Url(block_domains=str(tmp_path / "binary.txt")))
    (tmp_path / "urls.txt").write_text("example.com\nhttp://example.org/\n")
    with pytest.raises(RecipeError, match="line 2: write one domain a line"):
        UrlRules.of(Url(block_domains=str(tmp_path / "urls.txt")))
    with pytest.raises(RecipeError, match="an empty word stands in every URL"):
        UrlRules.of(Url(block_words=("ok", " ")))
