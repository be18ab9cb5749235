"""What pages do to a text: broken lines, page numbers, running heads, headings that stand twice."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.filters.clean.test_steps import cleaned

ENGLISH = (
    "The river rises in a shallow valley north of the old quarry and runs past four villages before it meets the sea. Farmers along its "
    "banks have kept records of every flood since the year their bridge was rebuilt from stone, and nobody has lost them.",
    "Those notebooks show that high water used to come in March, when snow melted quickly under the first warm rain. In recent decades the "
    "worst floods have arrived during summer storms, which are short but far more violent than all that came before.",
)
CHINESE = (
    "这条河发源于老采石场以北的一个浅谷，流经四个村庄，最后汇入大海。自从桥梁用石头重建以来，两岸的农民一直记录着每一次洪水的情况。",
    "那些笔记表明，过去高水位往往出现在三月，那时积雪在第一场暖雨中迅速融化。近几十年来，最严重的洪水都是在夏季暴雨期间到来的。",
)
JAPANESE = (
    "この川は古い採石場の北にある浅い谷に源を発し、四つの村を通って海に注いでいる。橋が石で架け替えられた年から、岸辺の農民はすべての洪水を記録してきた。",
)
VERSE = """Along the wall the ivy climbs by night
And every leaf is silver in the moon
The garden keeps its secrets out of sight
Until the summer ends, and ends too soon
No footstep falls upon the gravel there
No voice is raised to call the children home
The scent of rain is hanging in the air
And down the lane the tired horses roam"""


def wrapped(paragraphs: tuple[str, ...], width: int, between: str = "\n\n", feed: str = "\n") -> str:
    """As a page has it: words for a script with spaces, a number of characters for another."""
    pages = []
    for paragraph in paragraphs:
        spaced = " " in paragraph
        lines = textwrap.wrap(paragraph, width) if spaced else [paragraph[at : at + width] for at in range(0, len(paragraph), width)]
        pages.append(feed.join(lines))
    return between.join(pages)


@pytest.mark.parametrize("width", [40, 60, 72, 100])
@pytest.mark.parametrize("feed", ["\n", "\r\n", " \n"])
def test_english_paragraphs_are_whole_again(width: int, feed: str) -> None:
    assert cleaned("unwrap", wrapped(ENGLISH, width, feed=feed)) == "\n\n".join(ENGLISH)


@pytest.mark.parametrize("width", [12, 20, 28, 31])
@pytest.mark.parametrize("paragraphs", [CHINESE, JAPANESE])
def test_han_paragraphs_are_whole_again_without_spaces(paragraphs: tuple[str, ...], width: int) -> None:
    assert cleaned("unwrap", wrapped(paragraphs * 2, width)) == "\n\n".join(paragraphs * 2)


def test_a_blank_line_behind_every_line_does_not_part_paragraphs() -> None:
    assert cleaned("unwrap", wrapped(CHINESE, 20, between="\n\n\n", feed="\n\n")) == "\n\n\n".join(CHINESE)
    assert cleaned("unwrap", wrapped(ENGLISH, 60, between="\n\n\n", feed="\n\n")) == "\n\n\n".join(ENGLISH)


@given(st.integers(40, 110), st.permutations(ENGLISH), st.integers(1, 2))
def test_any_page_width_gives_the_same_paragraphs(width: int, paragraphs: tuple[str, ...], times: int) -> None:
    assert cleaned("unwrap", wrapped((*paragraphs,) * times, width)) == "\n\n".join([*paragraphs] * times)


def test_a_hyphen_that_the_page_put_goes_and_one_that_is_meant_stays() -> None:
    page = (
        "The engineers answered by lowering the mea-\ndows near the mill, so that the water can spre-\nad there without touching any hou"
        "ses. In COVID-\n19 years nobody came to see the old bridge and\nthe stones."
    )
    assert cleaned("unwrap", page) == (
        "The engineers answered by lowering the meadows near the mill, so that the water can spread there without touching any houses. "
        "In COVID-19 years nobody came to see the old bridge and the stones."
    )


def test_list_items_and_indented_lines_begin_anew() -> None:
    page = (
        wrapped(ENGLISH, 60) + "\n\n" + "\n".join(f"{mark} one more item of the list, as long as a line of it" for mark in ("-", "2.", "•"))
    )
    assert cleaned("unwrap", page).splitlines()[-3:] == page.splitlines()[-3:]
    indented = wrapped(ENGLISH, 60, between="\n    ")
    assert cleaned("unwrap", indented) == "\n    ".join(ENGLISH)


@pytest.mark.parametrize(
    "text",
    [
        VERSE,
        "\n\n".join(ENGLISH),
        "\n\n".join(CHINESE),
        "def run(x):\n    if x:\n        return x\n    return None\n\n\nclass A:\n    pass\n",
        "\n".join(f"| column {n} | the same words in every row of it |" for n in range(9)),
        "Apples\nPears\nPlums and damsons\nCherries of the early kind\nQuinces\n",
        "白日依山尽，\n黄河入海流。\n欲穷千里目，\n更上一层楼。",
        "one line",
        "",
    ],
)
def test_what_no_page_broke_stays(text: str) -> None:
    assert cleaned("unwrap", text) == text


BODY = [
    "The text of page {0} begins here and goes on",
    "for several lines of {0},",
    "so that two",
    "numbers are well",
    "apart in {0}",
    "and on {0}",
]


def page(number: int) -> str:
    return "\n".join(line.format("x" * number) for line in BODY)


def test_numbers_that_count_up_page_by_page_go_and_the_sentence_goes_on() -> None:
    text = "\n\n".join(f"{page(n)}\n\n{n}" for n in range(7, 12))
    assert cleaned("page_marks", text) == "\n".join(page(n) for n in range(7, 12))


def test_a_paragraph_that_ends_with_its_page_stays_apart() -> None:
    text = "\n\n".join(f"{page(n)} here.\n\n{n}" for n in range(7, 10))
    assert cleaned("page_marks", text).replace("\n\n\n", "\n\n").strip() == "\n\n".join(f"{page(n)} here." for n in range(7, 10))


def test_running_heads_beside_page_numbers_go() -> None:
    text = "\n".join(f"{page(n)}\n{n}\nThe History of a River" for n in range(7, 11))
    assert cleaned("page_marks", text) == "\n".join(page(n) for n in range(7, 11))
    set_off = "\n".join(f"Smith and others    {n}\n{page(n)}" for n in range(20, 24))
    assert cleaned("page_marks", set_off) == "\n".join(page(n) for n in range(20, 24))


@pytest.mark.parametrize("mark", ["Page 3 of 9", "- 3 -", "— 12 —", "第 3 页", "第12页 共30页", "12ページ", "Seite 4 von 10", "p. 7"])
def test_lines_that_say_that_they_number_a_page_go(mark: str) -> None:
    assert cleaned("page_marks", f"One sentence.\n{mark}\nAnother one.") == "One sentence.\nAnother one."


@pytest.mark.parametrize(
    "text",
    [
        "Results\n12\n13\n14\n15",
        "In the year\n1984\nit rained.",
        "3 apples\n4 pears\n5 plums",
        "\n".join(f"Step {n}\nExample\nDo what is written here.\n" for n in range(6)),
        "\n".join(f"{page(n)}\n{n * 37}" for n in range(5)),
        "\n".join(f"Chapter {n}    {n * 4}" for n in range(1, 9)),
    ],
)
def test_numbers_and_lines_that_mark_no_page_stay(text: str) -> None:
    assert cleaned("page_marks", text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("热启动策略热启动策略", "热启动策略"),
        ("2.1 热启动策略热启动策略是指先训练小模型。", "2.1 热启动策略是指先训练小模型。"),
        ("大语言模型 大语言模型", "大语言模型"),
        ("Related Work Related Work", "Related Work"),
        (
            "About the River\n\nAbout the River\nThe river rises in a shallow valley.",
            "About the River\n\nThe river rises in a shallow valley.",
        ),
        ("目录结构\n目录结构\n本书分为三个部分，每部分三章。", "目录结构\n本书分为三个部分，每部分三章。"),
    ],
)
def test_headings_that_stand_twice_stand_once(text: str, left: str) -> None:
    assert cleaned("doubled", text) == left


@pytest.mark.parametrize(
    "text",
    [
        "哈哈哈哈哈哈哈哈",
        "谢谢谢谢",
        "热启动策略热启动策略热启动策略",
        "Never again. Never again will it be so.",
        "New York, New York",
        "---- ----\n========",
        "12345678 12345678 9",
        "la la la\nla la la\nla la la\nand on it goes",
        "It rained.\nIt rained.\nNobody came to the river that day.",
        "a\na\nb",
        "    end\nend\nprint the whole of it",
        "",
    ],
)
def test_what_is_repeated_on_purpose_stays(text: str) -> None:
    assert cleaned("doubled", text) == text
