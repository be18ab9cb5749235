"""Main text and what a page says about itself; pages made to exhaust a parser are rejected by counting, not by a clock."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from resiliparse.parse.html import HTMLTree, traverse_dom

from pipelines.read.attributes import most_attributes
from pipelines.read.html import MAX_ATTRIBUTES, extract_page, tidy_text
from pipelines.read.records import Rejected
from testkit.archives import PARAGRAPH

NAVIGATION = "<nav><a href=/>Home page</a> <a href=/shop>The shop</a></nav>"
FOOTER = "<footer>All rights reserved by somebody</footer>"


def article(body: str, head: str = "") -> str:
    return (
        f"<!DOCTYPE html><html lang=en-GB><head>{head}</head><body>{NAVIGATION}<main><article>{body}</article></main>{FOOTER}</body></html>"
    )


@pytest.mark.parametrize("extractor", ["resiliparse", "trafilatura"])
def test_the_article_stays_and_navigation_goes(extractor: str) -> None:
    paragraphs = [f"{PARAGRAPH * 3}Paragraph {i}." for i in range(4)]
    page = extract_page(article("".join(f"<p>{text}</p>" for text in paragraphs)), extractor)  # type: ignore[arg-type]
    assert [line for line in page.text.split("\n") if line] == paragraphs
    assert not page.is_fallback


def test_documentation_made_of_tables_is_not_lost() -> None:
    rows = "".join(
        f"<tr><td><strong>f{i}</strong></td><td><dl><dt>f{i}(a, b)</dt><dd>Return&nbsp;number {i}.</dd></dl></td></tr>" for i in range(30)
    )
    page = extract_page(f"<html><body><table class=section>{rows}</table></body></html>", "resiliparse")
    assert page.text.count("Return number") == 30


def test_a_page_whose_main_part_is_not_found_is_read_whole_but_for_navigation() -> None:
    text = f"<div class=comments><div class=comment>{PARAGRAPH * 10}</div></div>"
    page = extract_page(f"<html><body>{NAVIGATION}{text}{FOOTER}</body></html>", "resiliparse")
    assert page.is_fallback
    assert page.text.strip() == (PARAGRAPH * 10).strip()


def test_facts_in_the_head_are_found() -> None:
    head = (
        "<title> A\n title </title><META NAME=ROBOTS content='NoIndex,  noai'><meta name=description content=robots>"
        '<meta content="1" name="tdm-reservation">'
    )
    body = f'<p>{PARAGRAPH}</p><a rel="nofollow license" href="/licence?a=1&amp;b=2">x</a>'
    page = extract_page(article(body, head), "resiliparse", "https://a.example/b/c")
    assert (page.title, page.lang) == ("A title", "en-GB")
    assert page.rights == ("noindex", "noai", "tdm-reservation=1")
    assert page.licence == "https://a.example/licence?a=1&b=2"


@pytest.mark.parametrize("href", ["javascript:x()", "http://[broken", "", "mailto:a@a.example"])
def test_a_licence_must_be_a_web_address(href: str) -> None:
    assert extract_page(article(f"<p>{PARAGRAPH}</p><a rel=license href='{href}'>x</a>"), "resiliparse").licence is None


def test_missing_facts_are_none() -> None:
    page = extract_page("<p>words", "resiliparse")
    assert page[1:] == (None, None, (), None, False, 0)


def test_traces_of_layout_are_removed() -> None:
    assert tidy_text("\ufeff\r\n a \u00a0b \t\r\n\0\r\n\n\n\n  c\u00a0\r") == "a  b\n\n  c"


@pytest.mark.parametrize("extractor", ["resiliparse", "trafilatura"])
@pytest.mark.parametrize(
    ("html", "reason"),
    [
        ("<div>" * 60_000 + "x", "html_too_nested"),
        ("<DIV><object></div>" * 20_000 + "x", "html_too_nested"),
        ("<article class=a>" * 60_000 + "x", "html_too_nested"),
        ("<p " + " ".join(f"a{i}=1" for i in range(200_000)) + ">x", "html_too_many_attributes"),
        ("<p>x<script>var a='<p>'</script><p " + " ".join(f'a{i}=">"' for i in range(200_000)), "html_too_many_attributes"),
    ],
    ids=["deep", "never closed", "deep with classes", "attributes", "quoted attributes"],
)
def test_pages_that_would_take_quadratic_time_are_rejected(extractor: str, html: str, reason: str) -> None:
    with pytest.raises(Rejected) as rejected:
        extract_page(html, extractor)  # type: ignore[arg-type]
    assert rejected.value.unread.reason == reason
    assert rejected.value.unread.value > rejected.value.unread.limit  # type: ignore[operator]


@pytest.mark.parametrize(
    "html",
    [
        "",
        "<" * 100_000,
        "<b>" * 50_000 + "x",
        "<table><tr><td>" * 10_000 + "x",
        "<ul><li>" * 20_000 + "x",
        "<!-- never closed " + "<div>" * 50_000,
        "<script>" + "<div>" * 50_000,
        "<p>&#xD800;&#0;&#1114112;&bogus;a\0b",
        "<meta name=robots>" * 20_000,
        "<a rel=license>" * 20_000,
        "<pre>" + " " * 500_000,
        "<html " + "x" * 100_000,
        "x" * 1_000_000,
    ],
    ids=range(13),
)
def test_other_hostile_pages_end_in_valid_text(html: str) -> None:
    extract_page(html, "resiliparse").text.encode()


PIECES = re.split(
    r"\|",
    """<div>|</div>|<p a=1>|<article|<!--|-->|--!>|<!-->|<script>|</script>|<style>|</style>|<![CDATA[|]]>|<?x|<title>|</title>|</p"""
    """|<a b c>|</|>| a| b="|"|='|'|/|=| |text|\0|é""",
)
SOUP = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


@given(SOUP)
def test_any_soup_is_read(html: str) -> None:
    extract_page(html, "resiliparse").text.encode()


@given(SOUP)
def test_parsed_tags_never_have_more_attributes_than_counted(html: str) -> None:
    """What the parser drops as a repetition it has compared, too: the count may be higher, never lower."""
    counts = [0]
    document = HTMLTree.parse(html).document
    assert document is not None
    traverse_dom(document, lambda context: counts.append(len(getattr(context.node, "attrs", None) or ())))
    assert max(counts) <= most_attributes(html.encode())


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("", 0),
        ("<p>", 0),
        ("<p a b=1 c = '2 d e' f=\"> g h\" i/>", 5),
        ("<p a><br a b c/>", 3),
        ('<p ="><b a>', 1),
        ("<script>a<b c d e</script><p a>", 1),
        ("<svg><script><p a b></script>", 2),
        ("<!-- <p a b c> --><p a>", 1),
        ("<!-- --!><p a b c>", 3),
        ("</<!--><p a>", 1),
        ("<?<!--><p a>", 1),
        ("</p a='><!--'><p a b>", 2),
        ("<title><!--</title><p a>", 1),
        ("<svg></svg><script>a<b c d e</script><p a>", 1),
        ("<p a b", 2),
    ],
)
def test_attributes_are_counted_as_a_parser_sees_them(html: str, expected: int) -> None:
    assert most_attributes(html.encode()) == expected


def test_ordinary_pages_stay_far_below_the_limits() -> None:
    assert most_attributes(article(f"<p {'a ' * 100}>x").encode()) < MAX_ATTRIBUTES / 50
