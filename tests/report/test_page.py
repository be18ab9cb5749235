"""The page and the card show the run's numbers and nothing of its text."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from resiliparse.parse.html import HTMLTree

import pipelines.report.page as PAGE
from pipelines.report.facts import Facts
from pipelines.report.page import by_language, plain, write_report
from schemas.errors import OutputError
from tests.report.fixture import (
    GROUPS,
    HOSTILE,
    KEPT,
    MARKER,
    N_KEPT,
    N_RECORDS,
    ROWS,
    STAGES,
    documents_table,
    make_run,
    metrics,
    n_tokens_of,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_run(tmp_path_factory.mktemp("report") / "run")
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def html(run: Path) -> str:
    return (run / "report" / "index.html").read_text("utf-8")


def found(html: str, selector: str) -> list[Any]:
    """The elements of the page that match."""
    return list(HTMLTree.parse(html).document.query_selector_all(selector))  # type: ignore[union-attr]


def table(html: str, identifier: str) -> dict[str, list[str]]:
    """The cells of each row of a table, by what its header says first."""
    rows = {}
    for row in found(html, f"#{identifier} tbody tr"):
        head, *cells = [" ".join(cell.text.split()) for cell in row.query_selector_all("th, td")]
        rows[head] = cells
    return rows


def text_of(html: str) -> str:
    """All text of the page, with a space wherever a tag stands."""
    bare = re.sub(r"<style>.*?</style>|<wbr>", "", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", bare)).split())


def n(**where: object) -> int:
    """Records of the fixture's groups with these attributes."""
    return sum(group.n for group in GROUPS if all(getattr(group, name) == value for name, value in where.items()))


def test_what_was_cut_stands_beside_each_source(html: str) -> None:
    cut = table(html, "cuts")
    assert cut["web"][:2] == [f"{1000 * n(source='web', outcome=KEPT):,}", "1"]
    assert cut[ROWS][:2] == ["0", "0"]
    assert cut[ROWS][-1] == "0.0 %"


def test_both_files_are_written_and_named(run: Path) -> None:
    assert write_report(run) == [run / "report" / "index.html", run / "README.md"]


def test_every_source_shows_what_became_of_its_records(html: str) -> None:
    shown = table(html, "source-table")
    documents = documents_table()
    sources = documents.column("source").to_pylist()
    tokens = n_tokens_of(documents)
    texts = documents.column("text").to_pylist()
    for source, source_class in (("web", "commoncrawl"), (ROWS, "other"), ("代码", "code")):
        mine = [row for row, name in enumerate(sources) if name == source]
        numbers = [
            n(source=source),
            n(source=source, outcome="failed"),
            n(source=source, stage="read", outcome="dropped"),
            n(source=source, stage="filters"),
            n(source=source, outcome="merged"),
            n(source=source, outcome="kept"),
            sum(len(texts[row]) for row in mine),
            sum(len(texts[row].encode()) for row in mine),
            sum(tokens[row] for row in mine),
        ]
        assert shown[f"{source} {source_class}"] == [f"{number:,}" for number in numbers]
    assert shown["all"][0] == f"{N_RECORDS:,}"
    assert shown["all"][5] == f"{N_KEPT:,}"


def test_the_funnel_of_every_source_balances(html: str) -> None:
    for cells in table(html, "source-table").values():
        records, *ends = (int(cell.replace(",", "")) for cell in cells[:6])
        assert records == sum(ends)


def test_rules_show_limit_and_removals_and_the_silent_ones_are_marked(html: str) -> None:
    rules = table(html, "rule-table")
    n_web = n(source="web") - n(source="web", stage="read")
    assert rules["gopher_quality.min_words"] == ["50", "zh 75", "43", f"{100 * 43 / n_web:.1f} %", "", "70", "21"]
    assert rules["language.keep"][:3] == ["en, zh", "", "60"]
    assert rules["c4.max_lorem_ipsum"] == ["0", "", "3", f"{100 * 3 / n_web:.1f} %", "", "0", "0"]
    assert rules["length.min_chars"][2:4] == ["12", f"{100 * 12 / 87:.1f} %"]
    assert rules["fineweb.max_short_line_ratio"][2:5] == ["0", "0.0 %", "never fired"]
    assert "gopher_repetition:datatrove on web" in text_of(html), "which formulas ran"
    assert "gopher_quality.max_hash_ratio" not in rules, "a rule that is off is no rule"
    assert "c4.min_line_words" not in rules, "it cuts lines and drops nothing"
    fired = {group.reason for group in GROUPS if group.stage == "filters"}
    assert {name for name, cells in rules.items() if len(cells) > 4 and cells[4] != "never fired"} == fired


def test_tokens_and_losses_by_source(html: str) -> None:
    documents = documents_table()
    n_bytes = sum(len(text.encode()) for text in documents.column("text").to_pylist())
    n_tokens = sum(n_tokens_of(documents))
    assert table(html, "token-table")["all"] == [f"{n_tokens:,}", "100.0 %", f"{n_bytes / n_tokens:.3f}"]
    losses = table(html, "loss-table")
    assert losses["web"] == ["2,034", "2.104", "0.812", "1.425"]
    assert losses["all"] == [f"{metrics()['n_tokens']:,}", "2.104", "0.759", "1.425"]


def test_what_was_crawled_and_what_yielded_no_document(html: str) -> None:
    text = text_of(html)
    assert "web: fetched 466 , robots denied 3" in text
    assert "web http_status dropped 40 web not_html dropped 25 web truncated failed 6 代码 encoding failed 2" in text


def test_a_signal_that_is_always_the_same_gets_a_word_and_no_plot(html: str) -> None:
    assert "The same in every document: c4.cut_no_terminal 0." in text_of(html)


def test_private_values_are_counted_by_kind_and_source(html: str) -> None:
    counts = documents_table().column("n_redacted_email").to_pylist()
    email = table(html, "privacy-table")["email"]
    assert email[:2] == [str(sum(counts)), str(sum(count > 0 for count in counts))]
    assert sum(int(cell) for cell in email[2:5]) == sum(counts)
    assert "iban" not in table(html, "privacy-table")
    assert "Looked for and not found in the kept documents: iban." in html


def test_duplicates_show_kinds_clusters_and_the_work_done(html: str) -> None:
    text = text_of(html)
    assert "url 0 0.0 % none found exact 14 5.0 % minhash 16 5.7 %" in text
    assert "candidate pairs 61 crowded buckets 2 verified pairs 33" in text
    assert "web exact, minhash 25" in text


def test_a_hostile_description_is_text_on_the_page_and_in_the_card(run: Path, html: str) -> None:
    assert HOSTILE in text_of(html)
    assert "<script" not in html
    card = (run / "README.md").read_text("utf-8")
    assert "<script" not in card
    assert "&#60;script&#62;alert(" in card


def test_no_document_text_or_url_is_shown(run: Path, html: str) -> None:
    assert MARKER not in html
    assert MARKER not in (run / "README.md").read_text("utf-8")


def test_the_page_needs_nothing_from_elsewhere(html: str) -> None:
    assert not found(html, "script, link, img, iframe, object, embed")
    assert not re.findall(r'(?:src|href)="(?!#)', html), "links lead to the page itself"
    assert "url(http" not in html
    assert "@import" not in html


def test_every_plot_is_labelled_every_link_leads_somewhere_and_no_id_stands_twice(html: str) -> None:
    plots = found(html, "svg")
    assert len(plots) == 5 + 3
    assert all(plot.getattr("role") == "img" and plot.getattr("aria-label") for plot in plots)
    identifiers = re.findall(r'\bid="([^"]*)"', html)
    assert len(set(identifiers)) == len(identifiers)
    for target in re.findall(r'href="#([^"]*)"', html) + re.findall(r"url\(#([^)]*)\)", html):
        assert target in identifiers


def test_a_second_writing_is_the_same_to_the_byte(run: Path, tmp_path: Path) -> None:
    before = [path.read_bytes() for path in write_report(run)]
    assert [path.read_bytes() for path in write_report(run)] == before
    assert [path.read_bytes() for path in write_report(make_run(tmp_path / "run"))] == before


@pytest.mark.parametrize("until", STAGES[1:-1])
def test_a_run_that_was_stopped_says_where_and_what_has_not_run(tmp_path: Path, until: str) -> None:
    page, card = write_report(make_run(tmp_path / "run", until=until))
    text = text_of(page.read_text("utf-8"))
    assert f"Problem. The run is not complete: stage {until} has not finished." in text
    assert "incomplete" in text
    assert "not run yet" in text
    assert f"stage {until} has not finished" in card.read_text("utf-8")


def test_a_run_that_its_filter_guard_stopped_counts_the_documents_that_wait(tmp_path: Path) -> None:
    page, _ = write_report(make_run(tmp_path / "run", until="ingest"))
    html = page.read_text("utf-8")
    assert table(html, "source-table")["web commoncrawl"][:6] == [str(n(source="web")), "6", "65", "125", "0", "–"]
    assert "waiting for dedup" in text_of(html)
    assert table(html, "rule-table")["gopher_quality.min_words"][2:4] == ["43", "13.0 %"]
    assert MARKER not in html


def test_a_run_without_a_model_says_so(tmp_path: Path) -> None:
    page, _ = write_report(make_run(tmp_path / "run", pretrain=False))
    assert "The recipe trains no model (pretrain.enabled = false)." in text_of(page.read_text("utf-8"))


def test_many_licences_are_listed_up_to_a_number_and_counted(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    (path,) = (folder / "documents").glob("*.arrow")
    documents = pl.read_ipc(path.read_bytes())
    licences = pl.Series("licence", [f"L-{i % 25}" for i in range(documents.height)])
    documents.with_columns(licences).write_ipc(path)
    page, _ = write_report(folder)
    text = text_of(page.read_text("utf-8"))
    assert "L-0 10" in text
    assert "and 5 more" in text


def test_damaged_metrics_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    (folder / "validation" / "metrics.json").write_text("{")
    with pytest.raises(OutputError, match=r"CM-REPORT-002: .*metrics\.json"):
        write_report(folder)


def test_the_card_is_a_card(run: Path) -> None:
    yaml = pytest.importorskip("yaml")
    _, front, body = (run / "README.md").read_text("utf-8").split("---\n", 2)
    data = yaml.safe_load(front)
    assert data["pretty_name"] == "small"
    assert data["language"] == ["en", "zh"]
    assert data["size_categories"] == ["n<1K"]
    assert data["configs"][0]["data_files"] == [
        {"split": "train", "path": "shards/train-*.arrow"},
        {"split": "validation", "path": "shards/valid-*.arrow"},
    ]
    assert "| `gopher_quality.min_words` | 50 | zh 75 | web | 43 |" in body
    assert f"email ({sum(documents_table().column('n_redacted_email').to_pylist())} in 84 documents)" in body
    assert "put token 0 between them" in body


def test_the_card_of_a_run_without_shards_is_valid_too(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    _, card = write_report(make_run(tmp_path / "run", until="encode"))
    assert "configs" not in yaml.safe_load(card.read_text("utf-8").split("---\n", 2)[1])


def test_the_loading_code_of_the_card_runs(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run)
    blocks = re.findall(r"```python\n(.*?)```", (run / "README.md").read_text("utf-8"), flags=re.DOTALL)
    assert len(blocks) == 5
    for block in blocks[:3]:  # `datasets` would write to its cache, and the fixture has no real tokenizer
        exec(block, {})  # noqa: S102


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", "a&#124;b"),
        ("<b>", "&#60;b&#62;"),
        ("two\nlines", "two lines"),
        ("# no heading", "&#35; no heading"),
        ("CC-BY-4.0", "CC-BY-4.0"),
    ],
)
def test_nothing_in_a_name_is_markdown(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_a_limit_that_many_languages_share_is_stated_once() -> None:
    many = dict.fromkeys(["de", "en", "es", "fr", "it", "any other"], 0.4)
    assert by_language({**many, "ja": None, "zh": 0.25}) == "0.4 in 5 languages and any other, ja off, zh 0.25"
    assert by_language({"en": 0.05, "zh": 0.05, "any other": None}) == "en 0.05, zh 0.05, any other off"
    assert by_language({}) == ""


# --- The layout, as far as it shows without a browser ----------------------------------------------------------------


def css_rules() -> dict[str, str]:
    """Selector -> declarations of the page's style, those within @media left out."""
    style = re.sub(r"@media[^{]*\{(?:[^{}]*\{[^}]*\})*\s*\}", "", (PAGE.HERE / "page.css").read_text("utf-8"))
    return {selector.strip(): body for selector, body in re.findall(r"([^{}]+)\{([^}]*)\}", style)}


@pytest.mark.parametrize("until", STAGES[1:])
def test_every_table_scrolls_inside_a_box_of_its_own(tmp_path: Path, until: str) -> None:
    page, _ = write_report(make_run(tmp_path / "run", until=until))
    tables = found(page.read_text("utf-8"), "table")
    assert tables
    assert [table.parent.getattr("class") for table in tables] == ["scroll"] * len(tables)
    assert "overflow-x: auto" in css_rules()[".scroll"]


def test_nothing_asks_for_more_width_than_a_phone_has(html: str) -> None:
    rules = css_rules()
    for selector in (".tiles", ".multiples", ".columns"):
        assert re.search(r"minmax\(min\([\d.]+rem, 100%\), 1fr\)", rules[selector]), selector
    assert "min-width: 0" in rules[".columns > *"], "a wide table does not push its column into the next one"
    assert "overflow-x: auto" in rules["pre"]
    assert "overflow-wrap: anywhere" in rules["code"]
    assert "overflow-wrap: anywhere" in rules[".notices li"]


def test_limits_of_languages_are_drawn_and_named(run: Path, html: str) -> None:
    (words,) = (signal for signal in Facts(run).signals if signal.name == "gopher_quality.words")
    assert words.limits == (50.0, 75.0, 100_000.0, 150_000.0)
    assert "limit 50 (zh 75) and 100,000 (zh 150,000)" in text_of(html)
