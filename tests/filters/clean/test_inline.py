"""Entities, citations and spaces between Han characters."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.filters.clean.test_steps import MIXED, cleaned


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("AT&amp;T &lt;b&gt; caf&eacute; &#8212; &#x4E2D;", "AT&T <b> café — 中"),
        ("集团&#xff0c;公司&nbsp;名", "集团，公司\xa0名"),
        ("&amp;amp;lt; and &#38;gt; and &AMP;quot;", '< and > and "'),
        ("&unknown; &; & amp; &amp &copy=1 R&D;", "&unknown; &; & amp; &amp &copy=1 R&D;"),
        ("&#0; &#xD800; &#1; &#x110000; &#27;", "&#0; &#xD800; &#1; &#x110000; &#27;"),
        ("&#150; &#10;", "– \n"),
    ],
)
def test_entities_become_what_they_name_and_others_stay(text: str, left: str) -> None:
    assert cleaned("entities", text) == left


@given(st.lists(st.sampled_from(["&lt;", "&eacute;", "&nbsp;", "&#8212;", "&#x4e2d;", "&bogus;", "x", " ", ";", "é"]), max_size=20))
def test_entities_are_those_of_the_standard_library(pieces: list[str]) -> None:
    assert cleaned("entities", "".join(pieces)) == "".join(map(html.unescape, pieces))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("as shown [3], and before [12-14].", "as shown, and before."),
        ("of both [1, 2] and [3–5; 9] kinds[7]", "of both and kinds"),
        ("Lee 等 [10] 提出了［11，12］模型。", "Lee 等 提出了模型。"),
        ("语言模型^[1]和^{1*}提示【3】", "语言模型和提示"),
        ("so it is said [citation needed]; 出典[要出典]。", "so it is said; 出典。"),
        ("[1] J. Smith, A Title.\n  [2] W. Li", "[1] J. Smith, A Title.\n  [2] W. Li"),
        ("see [1](http://a.b) or a[0]: x", "see [1](http://a.b) or a[0]: x"),
        ("[a link][1] and batch: [4, 5] and items[6].name", "[a link][1] and batch: [4, 5] and items[6].name"),
        ("known[1][2] and said.[3] [4]", "known and said."),
        ("items[0] and x[0, 1]", "items[0] and x[0, 1]"),
        ("the year [1984] and [a] and [] and array[i]", "the year [1984] and [a] and [] and array[i]"),
    ],
)
def test_citation_marks_go_and_labels_and_links_stay(text: str, left: str) -> None:
    assert cleaned("citations", text) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("研 究 者 们", "研究者们"),
        ("Lee 等 [10] 提 出 了 模型", "Lee 等 [10] 提出了 模型"),
        ("提　出　了 ， 模 型 。 然 后", "提出了，模型。然后"),
        ("は じ め に\n第 一 章", "はじめに\n第一章"),
        ("张 三 和", "张三和"),
        ("张 三", "张 三"),
        ("第一章 引言 背景", "第一章 引言 背景"),
        ("作者 张 三 李四", "作者 张 三 李四"),
        ("   研 究\n者 们", "   研 究\n者 们"),
        ("a b c d e", "a b c d e"),
        ("한 국 어 다", "한 국 어 다"),
    ],
)
def test_spaces_between_single_han_characters_go(text: str, left: str) -> None:
    assert cleaned("han_spaces", text) == left


HAN = "[\u2e80-\u2fdf\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]"
MARK = "[\u3001-\u3003\u3008-\u3011\u3014-\u301f\uff01-\uff0f：；？［］｛｝～“”‘’…—]"


def slow_han_spaces(text: str) -> str:
    """By regular expressions, piece by piece."""
    single = re.compile(f"{MARK}*{HAN}?{MARK}*")
    lines = []
    for line in re.split("([\n\r])", text):
        pieces = re.split("([ \t\xa0\u3000]+)", line)
        run: list[tuple[str, str]] = []
        out = blanks = ""
        for place, piece in enumerate([*pieces, "\0"]):
            if place % 2 and place < len(pieces):
                blanks = piece
                continue
            if piece and single.fullmatch(piece):
                run.append((blanks if run else "", piece))
                out += "" if len(run) > 1 else blanks
            elif piece or place == len(pieces):
                joined = "".join(word for _, word in run)
                out += joined if len(re.findall(HAN, joined)) >= 3 else "".join(blank + word for blank, word in run)
                out += blanks + (piece if place < len(pieces) else "")
                run = []
            else:
                continue
            blanks = ""
        lines.append(out)
    return "".join(lines)


@given(
    MIXED | st.lists(st.sampled_from(["研", "究 ", " 者", "们", "模型", "，", " ", "\u3000", "\n", "a", "カ "]), max_size=25).map("".join)
)
def test_han_spaces_equal_a_slow_reading(text: str) -> None:
    assert cleaned("han_spaces", text) == slow_han_spaces(text)
