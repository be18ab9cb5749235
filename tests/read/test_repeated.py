"""Lines that a page shows twice come out once; what an author repeats stays."""

from __future__ import annotations

import pytest

from pipelines.read.html import extract_page
from testkit.archives import PARAGRAPH

BODY = "".join(f"<p>{PARAGRAPH}Paragraph {i}.</p>" for i in range(30))


def lines(body: str, title: str = "") -> list[str]:
    """The lines of an article's text."""
    page = extract_page(
        f"<html><head><title>{title}</title></head><body><main><article>{body}</article></main></body></html>", "resiliparse"
    )
    return [line.strip() for line in page.text.split("\n") if line.strip()]


def test_a_title_above_and_below_its_picture_comes_out_once() -> None:
    found = lines(f"<h1>A long winter</h1><div>4 May 2024</div><div>A long winter</div>{BODY}<div>4 May 2024</div>", "A long winter - News")
    assert found.count("A long winter") == found.count("4 May 2024") == 1
    assert len(found) == 32


def test_a_line_right_after_itself_comes_out_once() -> None:
    body = BODY.replace("Paragraph 15.</p>", "Paragraph 15.</p><div>Wide screen text</div><div>Wide screen text</div>")
    assert lines(body).count("Wide screen text") == 1


def test_repetition_in_the_middle_of_a_page_stays() -> None:
    body = BODY.replace("Paragraph 12.</p>", "Paragraph 12.</p><h3>Features</h3>").replace(
        "Paragraph 18.</p>", "Paragraph 18.</p><h3>Features</h3>"
    )
    assert lines(body).count("Features") == 2


def test_the_title_in_the_middle_of_a_page_comes_out_once() -> None:
    middle = BODY.replace("Paragraph 15.</p>", "Paragraph 15.</p><h3>A long winter</h3>")
    assert lines(f"<h1>A long winter</h1>{middle}", "A long winter - News").count("A long winter") == 1
    assert lines(f"<h1>A long winter</h1>{middle}", "News - A long winter").count("A long winter") == 2


@pytest.mark.parametrize(
    ("line", "n"),
    [("Go", 1), ("7", 2), ("A 7", 2), ("Questions &amp; answers", 1), ("a &lt; b or c", 1), (f"{'w' * 99}.", 1), (f"{'w' * 100}.", 2)],
)
def test_a_line_at_both_ends_comes_out_once_if_it_has_letters_and_is_short(line: str, n: int) -> None:
    found = lines(f"<div>{line}</div>{BODY}<div>{line}</div>")
    assert found.count(line.replace("&amp;", "&").replace("&lt;", "<")) == n


def test_verse_code_and_tables_are_not_touched() -> None:
    verse = "<p>Row your boat<br>Row your boat<br>gently</p>"
    code = "<pre>end if\nend if\n</pre>"
    table = "<table><tr><td>open</td></tr><tr><td>open</td></tr></table>"
    found = lines(f"{verse}{code}{table}{BODY}")
    assert [found.count(line) for line in ("Row your boat", "end if", "open")] == [2, 2, 2]


@pytest.mark.parametrize(
    "html",
    [
        "<p>Merrily<br>row your boat</p><p>gently<br>row your boat</p>",
        "<p><i>row your boat</i><br><i>row your boat</i><br>gently</p>",
        "<div>row your boat</div><p>row your boat<br>gently</p>",
        "<dl><dt>row your boat</dt><dd>one</dd><dt>row your boat</dt><dd>two</dd></dl>",
        "<p><code>row your boat</code></p><p><kbd>row your boat</kbd></p>",
    ],
)
def test_lines_of_verse_lists_and_commands_that_come_again_stay(html: str) -> None:
    assert lines(f"{html}{BODY}").count("row your boat") == 2


def test_how_many_lines_went_is_counted() -> None:
    html = f"<html><body><main><article><h2>Twice here</h2><h2>Twice here</h2>{BODY}</article></main></body></html>"
    assert extract_page(html, "resiliparse").n_repeated == 1
    assert extract_page(html, "trafilatura").n_repeated == 0
