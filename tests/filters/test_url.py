"""Blocked domains and words in URLs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pytest

from pipelines.filters.url import UrlRules, has_blocked_word, readable
from pipelines.text.domains import DomainList, covered, hosts_of, is_public_suffix, normal, read_domains
from schemas.errors import RecipeError
from schemas.recipe import Url
from tests.filters.helpers import chain_of, documents, outcome
from tests.text.strategies import column

LISTS = Path(__file__).parents[3] / "shared" / "data" / "lists"


def in_blocked_domain(url: pa.Array, domains: DomainList) -> npt.NDArray[np.bool_]:
    return covered(hosts_of(url), domains) > 0


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
        ("example.com:8080/page", True),
        ("http://a@b@example.com/", True),
        ("http://example.com@other.org/", False),
        ("http:\\\\example.com\\page", True),
        ("http://Ｅxample。com/", True),
        ("http://example.com。/", True),
        ("  http://example.com  ", True),
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
    assert outcome(chain_of(["url"]), documents(["text"], urls=["http://example.com/"])) == [None]
    assert UrlRules.of(Url()).words is None


def test_an_empty_list_blocks_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("# nothing\n")
    assert in_blocked_domain(column(["http://example.com/"]), read_domains(str(tmp_path / "empty.txt"))).tolist() == [False]


def test_a_list_that_cannot_be_read_or_meant_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"filters\.url\.block_domains = .*nowhere\.txt.*: cannot be read"):
        UrlRules.of(Url(block_domains=str(tmp_path / "nowhere.txt")))
    (tmp_path / "binary.txt").write_bytes(b"\xff\xff")
    with pytest.raises(RecipeError, match="cannot be read as a list of domains in UTF-8"):
        UrlRules.of(Url(block_domains=str(tmp_path / "binary.txt")))
    (tmp_path / "urls.txt").write_text("example.com\nhttp://example.org/\n")
    with pytest.raises(RecipeError, match=r"line 2 .*one domain"):
        UrlRules.of(Url(block_domains=str(tmp_path / "urls.txt")))
    with pytest.raises(RecipeError, match=r"filters\.url\.block_words = .*empty word"):
        UrlRules.of(Url(block_words=("ok", " ")))


def write(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines))
    return str(path)


def reasons(urls: list[str | None], **settings: object) -> list[str | None]:
    chain = chain_of(["url"], **{f"filters.url.{key}": value for key, value in settings.items()})
    found = outcome(chain, documents(["text"] * len(urls), urls=urls))
    return [None if reason is None else reason.removeprefix("url.") for reason in found]


def test_a_public_suffix_stands_for_itself_alone_unless_all_below_it_is_meant(tmp_path: Path) -> None:
    """Else one line would take the sites of everyone who registered below it."""
    plain = write(tmp_path / "plain.txt", "github.io", "co.uk", "c.mm", "www.ck")
    assert reasons(["http://github.io/", "http://a.github.io/"], block_domains=plain) == ["block_domains", None]
    assert reasons(["http://a.co.uk/", "http://a.c.mm/", "http://b.www.ck/"], block_domains=plain) == [None, None, "block_domains"]
    starred = write(tmp_path / "starred.txt", "*.github.io", ".co.uk")
    assert reasons(["http://a.github.io/", "http://b.a.co.uk/"], block_domains=starred) == ["block_domains"] * 2


def test_the_longest_entry_that_fits_decides(tmp_path: Path) -> None:
    block = write(tmp_path / "block.txt", "example.com", "bad.good.example.com", "other.org")
    allow = write(tmp_path / "allow.txt", "good.example.com", "other.org")
    urls = [
        "http://example.com",
        "http://good.example.com",
        "http://a.good.example.com",
        "http://x.bad.good.example.com",
        "http://other.org",
    ]
    assert reasons(list(urls), block_domains=block, allow_domains=allow) == ["block_domains", None, None, "block_domains", None]


def test_only_kept_domains_stay_and_an_address_that_is_not_known_is_none(tmp_path: Path) -> None:
    keep = write(tmp_path / "keep.txt", "example.com", "*.edu")
    urls = ["http://www.example.com/", "http://mit.edu/", "http://example.org/", None]
    assert reasons(urls, keep_domains=keep) == [None, None, "keep_domains", "keep_domains"]


def test_hard_words_drop_and_soft_ones_add_up(tmp_path: Path) -> None:
    """RefinedWeb drops on two soft words; here a word can weigh more or less than one."""
    soft = write(tmp_path / "soft.txt", "# word weight", "live", "Free", "cam 1.5", "hot 0.5")
    hard = write(tmp_path / "hard.txt", "casino")
    chain = chain_of(["url"], **{"filters.url.soft_words": soft, "filters.url.hard_words": hard})
    urls: list[str | None] = [
        *("http://a.org/live", "http://a.org/live-live/LIVE", "http://live.org/free", "http://a.org/cam/hot", "http://a.org/cam"),
        *("http://casino.org/", "http://casinos.org/", "http://a.org/free%20live", "http://a.org/free%zz", None),
    ]
    batch = documents(["text"] * len(urls), urls=urls)
    expected = [None, None, "url.soft_score", "url.soft_score", None, "url.hard_words", None, "url.soft_score", None, None]
    assert outcome(chain, batch) == expected
    rows = chain(batch)[1].to_pylist()
    assert [(row["value"], row["limit"]) for row in rows] == [(2, 2), (2, 2), (1, 0), (2, 2)]
    assert reasons(urls[2:3], soft_words=soft, soft_score=3) == [None]
    assert reasons(urls[2:3], soft_words=soft, soft_score="off") == [None]


def test_subwords_are_found_across_punctuation(tmp_path: Path) -> None:
    strict = write(tmp_path / "strict.txt", "xxx")
    assert reasons(["http://x-x.x.org/", "http://axxxb.org/", "http://xx.org/", None], subwords=strict) == [
        "subwords",
        "subwords",
        None,
        None,
    ]


def test_words_of_other_scripts_are_read_through_escapes_and_punycode(tmp_path: Path) -> None:
    words = write(tmp_path / "words.txt", "赌场", "казино", "การพนัน")
    urls = [
        "http://a.org/%E8%B5%8C%E5%9C%BA",
        "http://在线赌场.com/",
        f"http://{'казино'.encode('idna').decode()}.xn--p1ai/",
        "http://a.org/%D0%9A%D0%B0%D0%B7%D0%B8%D0%BD%D0%BE",
    ]
    assert readable(column(urls[2:3])).to_list() == ["http://казино.рф/"]
    urls += ["http://a.org/เว็บการพนันไทย", "http://a.org/场"]
    assert reasons(list(urls), hard_words=words) == ["hard_words"] * 5 + [None]


@pytest.mark.parametrize("line", ["two words", "word -1", "word nan", "a/b", "word 1 2"])
def test_a_list_of_words_that_cannot_be_meant_is_refused(line: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"filters\.url\.soft_words: .*list\.txt, line 2: "):
        UrlRules.of(Url(soft_words=write(tmp_path / "list.txt", "fine", line)))


@pytest.mark.skipif(not LISTS.is_dir(), reason="the public suffix list's own tests are not there")
def test_public_suffixes_are_those_of_the_lists_own_tests() -> None:
    text = (LISTS / "test_psl.txt").read_text("utf-8")
    cases = re.findall(r"^checkPublicSuffix\('([^'.][^']*)', (null|'[^']*')\);", text, re.MULTILINE)
    hosts = normal(pl.Series([host for host, _ in cases]))
    assert len(cases) > 60
    assert is_public_suffix(hosts).to_list() == [registered == "null" for _, registered in cases]
