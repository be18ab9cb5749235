"""Audit rows point at the values in the text as it came, in bytes and in characters, through every rewriting."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.scrub.audit import AUDIT, character_offsets
from pipelines.scrub.scrub import scrub_with_audit, verify_clean
from pipelines.text.view import text_view
from schemas.recipe import PII_KINDS, Scrub
from tests.scrub.pii import PII_LIKE, texts


def batch_of(raw: list[str], meta: list[str | None] | None = None, url: str | None = None) -> pa.RecordBatch:
    n = len(raw)
    columns = {
        "doc_id": pa.array([row.to_bytes(16) for row in range(n)], pa.binary(16)),
        "url": texts([url] * n),
        "meta": texts(meta or [None] * n),
        "raw_text": texts(raw),
    }
    return pa.RecordBatch.from_pydict(columns)


def test_a_row_tells_the_kind_the_place_and_the_validator() -> None:
    raw = "地址 jane@bakery.org, 付款 4111 1111 1111 1111。"
    scrubbed, audit = scrub_with_audit(batch_of(["x", raw]), Scrub(modes={"payment_card": "drop_document"}))
    assert audit.schema == AUDIT
    rows = audit.to_pylist()
    assert [(row["kind"], row["validator"], row["mode"], row["field"]) for row in rows] == [
        ("email", "public suffix list", "placeholder", "text"),
        ("payment_card", "Luhn, issuer", "drop_document", "text"),
    ]
    assert [raw[row["start_char"] : row["end_char"]] for row in rows] == ["jane@bakery.org", "4111 1111 1111 1111"]
    assert [raw.encode()[row["start_byte"] : row["end_byte"]].decode() for row in rows] == ["jane@bakery.org", "4111 1111 1111 1111"]
    assert {row["doc_id"] for row in rows} == {(1).to_bytes(16)}
    assert scrubbed.column("text").to_pylist()[1] == "地址 <EMAIL>, 付款 <PAYMENT_CARD>。"
    assert "jane" not in json.dumps([{name: str(value) for name, value in row.items()} for row in rows])


def test_values_of_meta_and_of_the_url_have_rows_too() -> None:
    _, audit = scrub_with_audit(batch_of(["x"], [json.dumps({"by": "joe@bakery.org"})], "http://a.org/?q=jane%40bakery.org"), Scrub())
    assert [(row["field"], row["kind"], row["start_byte"]) for row in audit.to_pylist()] == [("url", "email", 16), ("meta.by", "email", 0)]


@given(st.lists(PII_LIKE, max_size=4), st.integers(0, 4))
def test_what_stands_between_the_audited_places_stays(raw: list[str], start: int) -> None:
    """Without the audited places and without the placeholders, the text before and after is the same."""
    config = Scrub(kinds=PII_KINDS)
    batch = batch_of(raw).slice(start)
    scrubbed, audit = scrub_with_audit(batch, config)
    for row, (before, after) in enumerate(zip(raw[start:], scrubbed.column("text").to_pylist(), strict=True)):
        mine = [one for one in audit.to_pylist() if one["doc_id"] == (row + start).to_bytes(16)]
        expected, at = "", 0
        for one in sorted(mine, key=lambda one: one["start_char"]):
            assert one["start_char"] >= at
            expected += before[at : one["start_char"]] + f"<{one['kind'].upper()}>"
            at = one["end_char"]
            assert len(before[:at].encode()) == one["end_byte"]
        assert expected + before[at:] == after


def test_a_written_text_is_looked_over_again() -> None:
    written = pa.RecordBatch.from_pydict({"doc_id": pa.array([b"0" * 16], pa.binary(16)), "text": texts(["é jane@bakery.org"])})
    (left,) = verify_clean(written, Scrub()).to_pylist()
    assert (left["kind"], left["start_byte"], left["start_char"]) == ("email", 3, 2)
    assert verify_clean(written, Scrub(kinds=("phone",))).num_rows == 0


def test_bytes_that_continue_a_character_are_no_characters() -> None:
    data, offsets = text_view(texts(["日本", "aé"]).slice(1))
    rows = np.zeros(3, np.int64)
    assert character_offsets(data, offsets, rows, offsets[0] + np.array([0, 1, 3])).tolist() == [0, 1, 2]


@pytest.mark.parametrize("email", [b"jane@bakery.org", b"jane@bak\xffery.org", b"ja\xe6ne@bakery.org"])
def test_invalid_bytes_shift_nothing(email: bytes) -> None:
    raw = b"\xff\xe6\x97 \xf0\x9f\x98\x80 write to " + email + b" or 93.184.216.34 now \xff"
    offsets, data = pa.py_buffer(np.array([0, len(raw)])), pa.py_buffer(raw)
    column = pa.LargeStringArray.from_buffers(1, offsets, data)
    scrubbed, audit = scrub_with_audit(pa.RecordBatch.from_arrays([column], ["raw_text"]), Scrub())
    spans = [(row["start_byte"], row["end_byte"]) for row in audit.to_pylist()]
    found = [raw[start:end] for start, end in sorted(spans)]
    assert found[-1] == b"93.184.216.34"
    assert found[:-1] in ([email], [b"ne@bakery.org"], [])
    after = scrubbed.column("text").cast(pa.large_binary())[0].as_py()
    assert after.endswith(b" or <IPV4> now \xff")
    assert after.startswith(raw[: raw.index(b"write to ") + 9])
