"""Pages as a browser shows them, whatever the archive and the server made of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.known_inputs.command import CASES, Done, needs_cases, run

pytestmark = needs_cases


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Done:
    return run(tmp_path_factory.mktemp("html") / "out", [CASES / "html" / name for name in ("onechar.warc.gz", "ruby.warc.gz")])


@pytest.mark.parametrize(
    ("page", "first"),
    [
        ("ja_bold", "彼は行く。私も行った。"),
        ("zh_link", "孔子说仁者爱人，道可道，非常道。"),
        ("ru_em", "Это сделал я, а о нём никто не знал."),
        ("fr_em", "Il faut écrire à et non é ici."),
        ("ko_b", "그는 집에 가고 물을 마신다."),
        ("dropcap", "昔者莊周夢為胡蝶。"),
        ("math", "Let α and β be angles with α + β = π."),
        ("ruby_rp", "漢字を読む。"),
        ("ruby_rt", "漢字を読む。"),
        ("ruby_rb", "漢字を読む。"),
        ("ruby_two", "彼は東京へ行く。"),
        ("ruby_zh", "北京很大。"),
    ],
)
def test_short_text_nodes_and_ruby_bases_stay_in_their_sentence(html: Done, page: str, first: str) -> None:
    assert html.status == 0
    sentences, filling = html.texts[page].split("\n\n")
    assert sentences == first
    assert len(filling) > 200


TITLES = {
    "ce-none": "ce-dcb",
    "chunked-trailer": "chunked-ext",
    "chunked-header-but-decoded": "chunked-decoded",
    "chunked-zero-padded-size": "chunked-padsize",
    "chunked-space-after-size": "chunked-9",
    "chunked-16-digit-size": "chunked-h",
}
"""Pages whose title is not the last part of their URL."""
TIDE = "the keeper of the lighthouse wrote the height of the tide into a ruled notebook every single morning before breakfast."
CUT = {"plain-truncated", "chunked-cut", "br-truncated"}
LOST = {"gzip-truncated", "zstd-truncated"}  # cut before anything that is visible


def page_text(name: str) -> str:
    """What the page of this name says."""
    title = TITLES.get(name, name)
    return "\n\n".join([title, *(f"Paragraph {i} of page {title}: {TIDE}" for i in range(12)), f"END-{title}"])


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Done:
    names = ("http-codings", "bgzf-records-across-members", "wget-own-log", "warciojs-urn-text")
    return run(tmp_path_factory.mktemp("archives") / "out", [CASES / "warc" / f"{name}.warc.gz" for name in names])


@pytest.mark.parametrize("archive", ["http-codings.warc.gz", "bgzf-records-across-members.warc.gz"])
def test_each_record_is_counted_once_and_every_whole_body_is_read_whole(archives: Done, archive: str) -> None:
    assert archives.status == 0
    rows = archives.endings[archive]
    assert (len(rows), rows.count(("failed", "bad_content_encoding"))) == (34, len(LOST))
    texts = {row["url"].rpartition("/")[2]: row["text"] for row in archives.documents if row["origin_file"].endswith(archive)}
    assert len(texts) == 32
    assert not LOST & texts.keys()
    assert {name for name, text in texts.items() if text != page_text(name)} == CUT
    assert all(page_text(name).startswith(texts[name]) for name in CUT)


def test_logs_arguments_and_copies_of_text_are_counted_and_no_documents(archives: Done) -> None:
    pages = [row["url"] for row in archives.documents if "codings" not in row["origin_file"] and "bgzf" not in row["origin_file"]]
    assert pages == ["https://pages.test/a", "https://pages.test/h2", "http://127.0.0.1:8765/dup1"]
    details = next(stage["details"] for stage in run_record(archives)["stages"] if stage["stage"] == "ingest")
    others = {"metadata": 1, "request": 7, "resource metadata:": 2, "resource urn:": 1, "revisit": 6, "warcinfo": 1}
    assert details["passed_over_records"] == others
    assert "WARC records that are not pages: metadata 1, request 7, resource metadata: 2, resource urn: 1" in archives.shown


def run_record(done: Done) -> Any:
    """What run.json says."""
    return json.loads((done.out / "run.json").read_text())
