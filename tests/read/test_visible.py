"""Extracted text equals what a browser shows: inline mark-up neither loses nor joins letters."""

from __future__ import annotations

from html import escape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.read.html import extract_page
from testkit.archives import PARAGRAPH

INLINE = (
    "b",
    "i",
    "em",
    "strong",
    "span",
    "a",
    "sup",
    "sub",
    "code",
    "mark",
    "small",
    "u",
    "font",
    "bdi",
    "abbr",
    "kbd",
    "q",
    "span class=dropcap",
)
# Letters, digits and signs of one to four bytes; the three-byte ones look like icons to the library.
CHARACTERS = st.sampled_from("ax5.-éßЯ°²½αא٣行私ーかカ가ก。、…“”€—•日𠀀😀")
PIECES = st.lists(st.tuples(st.text(CHARACTERS, min_size=1, max_size=3), st.sampled_from([None, *INLINE])), min_size=1, max_size=8)


def extracted(paragraph: str, extractor: str = "resiliparse", ruby: str = "base") -> str:
    """The first line of the text of an article that begins with this mark-up."""
    page = f"<!doctype html><html><body><main><article>{paragraph}<p>{PARAGRAPH * 8}</p></article></main></body></html>"
    text = extract_page(page, extractor, None, ruby).text  # type: ignore[arg-type]
    return text.removesuffix((PARAGRAPH * 8).strip()).strip()


def marked_up(pieces: list[tuple[str, str | None]], as_references: bool) -> str:
    written = [("".join(f"&#{ord(c)};" for c in text) if as_references else escape(text), tag) for text, tag in pieces]
    return "".join(text if tag is None else f"<{tag}>{text}</{tag.split()[0]}>" for text, tag in written)


@given(PIECES, st.booleans())
@example([("彼は", None), ("行", "b"), ("く", None)], False)
@example([("né", "i"), ("1°", "b"), ("x²", None)], True)
def test_inline_mark_up_loses_no_characters(pieces: list[tuple[str, str | None]], as_references: bool) -> None:
    assert extracted(f"<p>{marked_up(pieces, as_references)}</p>") == "".join(text for text, _ in pieces)


@pytest.mark.parametrize("space", ["&nbsp;", "\u00a0", "&#160;", " ", "\n", "&emsp;", "\u3000"])
def test_words_between_tags_stay_apart(space: str) -> None:
    assert extracted(f"<p><i>a</i>,{space}<b>b</b>{space}<b>行</b>{space}<b>c</b></p>").split() == ["a,", "b", "行", "c"]


@pytest.mark.parametrize("text", [" 行", "\n行 ", f"{' ' * 35}行", " &#34892;"])
def test_white_space_around_a_short_text_is_one_space(text: str) -> None:
    assert extracted(f"<p>a<b>{text}</b>c</p>").split() in (["a", "行c"], ["a", "行", "c"])


def test_a_short_line_of_its_own_stays() -> None:
    assert extracted("<p>序</p><h2>一</h2>").split() == ["序", "一"]


@pytest.mark.parametrize("text", ["\ue001", "&#xf101;", "\u200b", "&#8203;"])
def test_icon_glyphs_and_invisible_characters_are_not_text(text: str) -> None:
    assert extracted(f"<p>a<i>{text}</i>b</p>") == "ab"


@pytest.mark.parametrize(("text", "shown"), [("می|&zwnj;|خواهم", "می\u200cخواهم"), ("क्|&#x200d;|ष", "क्\u200dष"), ("a|&#32;ო|b", "a ოb")])
def test_joiners_and_letters_behind_an_escaped_space_stay(text: str, shown: str) -> None:
    before, alone, after = text.split("|")
    assert extracted(f"<p>{before}<i>{alone}</i>{after}</p>") == shown


def test_a_title_of_one_character_is_that_character() -> None:
    assert extract_page("<title>行</title><p>a</p>", "resiliparse").title == "行"


def test_a_noncharacter_of_the_page_does_not_come_out() -> None:
    assert extracted("<p>a\ufdd0b<b>行</b></p>") == "ab行"


@pytest.mark.parametrize(
    ("html", "base", "parentheses"),
    [
        ("<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp>字<rt>じ</rt></ruby>を", "漢字を", "漢(かん)字(じ)を"),
        ("<ruby>東京<rt>とうきょう</ruby>へ", "東京へ", "東京(とうきょう)へ"),
        ("<RUBY><RB>行</RB><RP>（</RP><RT>い</RT><RP>）</RP></RUBY>く", "行く", "行(い)く"),
        ("<ruby><ruby>北<rt>běi</rt></ruby><rt>north</rt></ruby>", "北", "北(běi)(north)"),
        ("<ruby>A<rtc>one</rtc></ruby>B", "AB", "A(one)B"),
    ],
)
@pytest.mark.parametrize("extractor", ["resiliparse", "trafilatura"])
def test_readings_beside_text_are_as_the_recipe_says(html: str, base: str, parentheses: str, extractor: str) -> None:
    assert extracted(f"<p>{html}</p>", extractor) == base
    assert extracted(f"<p>{html}</p>", extractor, "parentheses") == parentheses


def test_a_page_full_of_readings_is_read_in_linear_time() -> None:
    """Ten thousand of them: a list of nodes would take hours to go through."""
    text = extracted("<p>" + "<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>字。" * 10_000 + "</p>")
    assert text == "漢字。" * 10_000


def test_a_date_within_a_sentence_stays() -> None:
    assert extracted("<p>On <time datetime=2024-05-05>5 May</time> we went.</p>") == "On 5 May we went."


def test_a_separate_date_is_not_text() -> None:
    assert extracted("<p><time datetime=2024-05-05>5 May</time></p><p>We went.</p>") == "We went."
    assert extracted("<p>Posted <time>5 May</time></p>") == "Posted"
    assert extracted("<p><time>5 May</time> We went.</p>") == "We went."


@pytest.mark.parametrize("attribute", ["hidden", "style='display:none'", "aria-hidden=true"])
def test_a_date_that_is_hidden_stays_hidden(attribute: str) -> None:
    assert extracted(f"<p>On <time {attribute}>5 May</time> we went.</p>") == "On we went."


@pytest.mark.parametrize("html", ["<details><summary>Sum</summary>det</details>", "<fieldset><LEGEND class=a>Sum</LEGEND>det</fieldset>"])
def test_headings_of_boxes_are_lines_of_their_own(html: str) -> None:
    assert extracted(html).split("\n") == ["Sum", "det"]


def test_recipes_with_trafilatura_have_the_page_as_it_is() -> None:
    html = "<details><summary>Sum</summary>det</details><p><ruby>漢<rt>かん</rt></ruby>, on <time>5 May</time> written.</p>"
    assert extracted(html, "trafilatura").split("\n") == ["Sum", "det", "漢, on written."]
