"""Letters beside private values: none is cut, none is eaten, and every room that rewrites texts proves that it hands on UTF-8."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dedup import pool
from pipelines.dedup.spans import rewrite
from pipelines.engine.decision import Decision
from pipelines.filters import c4
from pipelines.filters.stage import _Measure as MeasureDoFn
from pipelines.scrub import stage
from pipelines.scrub.column import scrub_text
from pipelines.scrub.stage import _ScrubDocuments as ScrubDoFn
from pipelines.scrub.stage import prove_clean
from pipelines.text.utf8 import prove_utf8
from schemas.errors import TextError
from schemas.hops import CUT
from schemas.recipe import PII_KINDS, Lines, OptOut, Scrub
from tests.filters.helpers import documents, recipe_of
from tests.scrub.pii import PIECES, scrubbed, texts

ROOT = Path(__file__).parents[2]
LETTERS = (
    "a",
    "é",
    "ß",
    "ж",
    "à",
    "中",
    "の",
    "한",
    "ก",
    "آ",
    "😀",
    "𠀀",
    "e\u0301",
    "\u200d",
    "👨\u200d👩",
    "\u00ad",
    "ｱ",
    "א",
    "\u0300",
    "Ａ",
    "٣",
    "𝟗",
)
VALUES = (
    "ana@example.org", "8.8.8.8", "2a00:1450:4001:81b::200e", "4539148803436467", "4539 1488 0343 6467", "DE89370400440532013000",
    "11010519491231002X", "536-90-4399", "13800138000", "+16502530000", "(650) 253-0000", "00:1a:2b:7c:4d:5e", "AB123456C",
    "111.444.777-35", "AKIAIOSFODNN7ABCDEFG", "RSSMRA85T10A562S", "john (at) bakery dot org",
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
)  # fmt: skip
EVERY_KIND = Scrub(kinds=PII_KINDS)


def is_utf8(text: pa.Array) -> bool:
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


@pytest.mark.parametrize("text", ["José\n{}", "à\n{}", "а\n{}", "名\n{}", "😀\n{}", "é\n{}\né", "中\r\n{}\n"])
def test_a_letter_before_a_line_break_and_an_address_stays(text: str) -> None:
    assert scrubbed(text.format("ana@example.org")) == text.format("<EMAIL>")


@given(
    st.lists(st.sampled_from((*LETTERS, *VALUES, *PIECES, "\n", "\r\n", " ")), max_size=14).map("".join),
    st.sampled_from(["placeholder", "pseudonym", "drop_line"]),
)
def test_text_is_utf8_after_every_kind_and_mode(text: str, mode: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CORPUSMILL_SCRUB_KEY", "k" * 32)
        result, _ = scrub_text(texts([text]), texts([None]), texts([None]), Scrub(kinds=PII_KINDS, modes=dict.fromkeys(PII_KINDS, mode)))
    assert is_utf8(result)


@pytest.mark.parametrize("value", VALUES)
@given(before=st.lists(st.sampled_from(LETTERS), min_size=1, max_size=3).map("".join), after=st.sampled_from(LETTERS))
def test_letters_on_the_lines_around_a_value_stay(value: str, before: str, after: str) -> None:
    result = scrubbed(f"{before}\n{value}\n{after}", lang="zh", config=EVERY_KIND)
    assert result.startswith(f"{before}\n")
    assert result.endswith(f"\n{after}")


def broken(value: bytes) -> pa.RecordBatch:
    offsets = pa.py_buffer(pa.array([0, 2, 2 + len(value)], pa.int64()).buffers()[1])
    text = pa.LargeStringArray.from_buffers(2, offsets, pa.py_buffer(b"ok" + value))
    return pa.RecordBatch.from_pydict({"doc_id": pa.array([b"\1" * 16, b"\2" * 16], pa.binary(16)), "text": text})


def test_a_text_that_is_not_utf8_is_an_error_that_names_room_and_document_and_shows_no_text() -> None:
    with pytest.raises(TextError, match=rf"dedup: text of document {'02' * 16} is not valid UTF-8") as error:
        prove_utf8(broken(b"secret\xc3"), "dedup")
    assert "secret" not in str(error.value)
    assert prove_utf8(broken(b"fine"), "dedup") == broken(b"fine")


def cut_within_a_character(text: pa.Array, *_: object) -> pa.Array:
    """The texts without the last byte of each."""
    whole = [row.encode()[:-1] for row in text.to_pylist()]
    offsets = np.cumsum([0, *map(len, whole)])
    return pa.LargeStringArray.from_buffers(len(whole), pa.py_buffer(offsets), pa.py_buffer(b"".join(whole)))


@pytest.mark.parametrize("keep_dropped", [True, False])
def test_the_room_of_the_filters_proves_what_its_steps_leave(monkeypatch: pytest.MonkeyPatch, keep_dropped: bool) -> None:
    within_limits = np.array([[9.0 if name == "sentences" else 0.0] for name in c4.SIGNALS])
    monkeypatch.setattr(c4, "cut_lines", lambda text, *_: (cut_within_a_character(text), within_limits))
    room = MeasureDoFn(recipe_of(["c4"], **{"filters.keep_dropped": keep_dropped}))
    room.setup()
    with pytest.raises(TextError, match="filters: raw_text of document 00"):
        list(room.process(documents(["secret é"])))


def test_the_room_that_cuts_spans_proves_what_it_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = np.zeros(1, np.uint32)
    monkeypatch.setattr(rewrite, "apply_cuts", lambda text, _: (cut_within_a_character(text), zeros, zeros))
    batch = pa.RecordBatch.from_pydict({"doc_id": pa.array([b"\1" * 16], pa.binary(16)), "text": texts(["secret é"])})
    cuts, kind = CUT.empty_table(), rewrite.CutKind("lines", Lines(), rewrite.no_rescrub)
    with pytest.raises(TextError, match=f"dedup.lines: text of document {'01' * 16}"):
        rewrite.rewrite_batch(batch, np.ones(1, np.bool_), np.uint64(0), cuts, kind)


def test_decontamination_and_scrub_prove_what_they_leave() -> None:
    with pytest.raises(TextError, match="scrub: text of document 02"):
        prove_clean(broken(b"\xc3"), Scrub())
    with pytest.raises(TextError, match="decontaminate: text of document 02"):
        pool._with_text(broken(b"fine"), broken(b"\xc3").column("text"))


def test_the_room_of_scrub_proves_what_it_hands_on_and_what_it_mends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "admit", lambda *_: SimpleNamespace(documents=broken(b"\xc3")))
    monkeypatch.setattr(stage, "scrub_again", lambda *_: broken(b"\xc3"))
    with pytest.raises(TextError, match="scrub: text of document 02"):
        list(ScrubDoFn(Scrub(), OptOut()).process(Decision(broken(b"fine"), broken(b"fine"))))
    with pytest.raises(TextError, match="scrub: text of document 02"):
        stage.rescrub(broken(b"fine"), Scrub())


def patterns_in(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of every string of a module that is no docstring."""
    tree = ast.parse(path.read_text("utf-8"))
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes) and id(node) not in docs:
            yield node.lineno, node.value if isinstance(node.value, str) else node.value.decode("latin-1")


def ends_at_dollar(pattern: str) -> bool:
    """Whether the pattern, or a branch of it, ends with a `$` outside of brackets and without a backslash."""
    return bool(re.search(r"\$(?:[)|]|\Z)", re.sub(r"\\.|\[\]?(?:\\.|[^\]\\])*\]", "", pattern, flags=re.DOTALL)))


OF_OTHER_ENGINES = {  # a `$` of Rust's and of RE2's is the end of the text alone
    "pipelines/filters/code.py",
    "pipelines/filters/url.py",
    "pipelines/text/domains.py",
    "pipelines/text/urls.py",
}


def test_no_pattern_of_re_ends_at_a_dollar_since_that_is_before_a_last_line_break_too() -> None:
    found = []
    for path in sorted(path for room in ("pipelines", "schemas", "tokenizer") for path in (ROOT / room).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        source = path.read_text("utf-8")
        if re.search(r"^import re$", source, re.MULTILINE) and name not in OF_OTHER_ENGINES:
            found += [f"{name}:{line}" for line, text in patterns_in(path) if "(?m)" not in text and ends_at_dollar(text)]
    assert found == []
