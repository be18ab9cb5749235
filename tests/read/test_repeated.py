"""Lines that a page shows twice come out once; what an author repeats stays."""

from __future__ import annotations

from pipelines.read.html import extract
from tests.read.archives import PARAGRAPH

BODY = "".join(f"<p>{PARAGRAPH}Paragraph {i}.</p>" for i in range(30))


def lines(body: str, title: str = "") -> list[str]:
    """The lines of an article's text."""
    page = extract(f"<html><head><title>{title}</title></head><body><main><article>{body}</article></main></body></html>", "resiliparse")
    return [line.strip() for line in page.text.split("\n") if line.strip()]


def test_a_title_above_and_below_its_picture_comes_out_once() -> None:
    found = lines(f"<h1>A long winter</h1><div>4 May 2024</div><div>A long winter</div>{BODY}<div>4 May 2024</div>", "A long winter - News")
    assert found.count("A long winter") == found.count("4 May 2024") == 1
    assert len(found) == 32


def test_a_line_right_after_itself_comes_out_once() -> None:
    body = BODY.replace("Paragraph 15.</p>", "Paragraph 15.</p><div>Wide screen text</div><div>Wide screen text</div>")
    assert lines(body).count("Wide screen text") == 1


def test_what_the_middle_of_a_page_repeats_stays() -> None:
    body = BODY.replace("Paragraph 12.</p>", "Paragraph 12.</p><h3>Features</h3>").replace(
        "Paragraph 18.</p>", "Paragraph 18.</p><h3>Features</h3>"
    )
    assert lines(body).count("Features") == 2


def test_verse_code_and_tables_are_not_touched() -> None:
    verse = "<p>Row your boat<br>Row your boat<br>gently</p>"
    code = "<pre>end if\nend if\n</pre>"
    table = "<table><tr><td>open</td></tr><tr><td>open</td></tr></table>"
    found = lines(f"{verse}{code}{table}{BODY}")
    assert [found.count(line) for line in ("Row your boat", "end if", "open")] == [2, 2, 2]


def test_how_many_lines_went_is_counted() -> None:
    html = f"<html><body><main><article><h2>Twice here</h2><h2>Twice here</h2>{BODY}</article></main></body></html>"
    assert extract(html, "resiliparse").n_repeated == 1
    assert extract(html, "trafilatura").n_repeated == 0
