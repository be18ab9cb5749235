"""Text as it reads: what looks like ASCII, or shows as nothing, is found as ASCII and replaced where it stands."""

from __future__ import annotations

import sys
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.scrub.digests import contact_digests, value_digest
from pipelines.scrub.reading import NEAR, text_as_read, value_as_read
from pipelines.scrub.scan import scan
from pipelines.scrub.scrub import scrub_fields, scrub_with_audit
from pipelines.text.view import text_view
from schemas.recipe import Scrub
from tests.scrub.pii import scrubbed, texts

ZWSP, ZWNJ, ZWJ, WJ, SHY, BOM, LRM, RLM = "\u200b\u200c\u200d\u2060\u00ad\ufeff\u200e\u200f"
HIDDEN = (ZWSP, ZWNJ, ZWJ, WJ, SHY, BOM, LRM, RLM, "\u202a", "\u202c", "\u2066", "\u2069", "\u061c", "\ufe0f")
DIGITS_OF_SCRIPTS = sorted({ord(char) - int(char) for char in map(chr, range(0x80, sys.maxunicode)) if unicodedata.category(char) == "Nd"})
TEXTS = st.lists(st.text(alphabet=f"a1 é电：０９٣९ＡｚＺ＠＋（）～ｱ\uffef\u2011\u00a0𝟗{ZWSP}{SHY}{RLM}", max_size=12), max_size=5)


def reads_as(char: str) -> str:
    """The slow reference, for characters that read the same whatever stands beside them."""
    if "\uff01" <= char <= "\uff5e":
        return chr(ord(char) - 0xFEE0)
    if char in HIDDEN:
        return ""
    return {"\u2011": "-", "\u00a0": " "}.get(char, str(unicodedata.decimal(char, char)))


@given(TEXTS, st.integers(0, 5))
def test_chosen_rows_read_as_ascii_and_every_byte_knows_its_character(rows: list[str], start: int) -> None:
    column = texts(rows).slice(start)
    data, offsets = text_view(column)
    odd = scan(data, offsets, np.arange(len(column)) % 2 == 0)[1]
    matters = np.isin(np.arange(len(column)), np.searchsorted(offsets, odd, side="right") - 1)
    read, read_offsets, starts, ends = text_as_read(data, offsets, odd)
    for row, text in enumerate(column.to_pylist()):
        first, stop = read_offsets[row], read_offsets[row + 1]
        assert read[first:stop].tobytes().decode() == ("".join(map(reads_as, text)) if matters[row] else "")
        places = [data[a:b].tobytes() for a, b in zip(starts[first:stop].tolist(), ends[first:stop].tolist(), strict=True)]
        shown = "".join(char for char in text if char not in HIDDEN)
        assert b"".join(places).decode() == (shown if matters[row] else "")


def test_of_a_long_text_only_what_stands_near_is_read_again() -> None:
    text = "é" * 5000 + "٣" + "é" * 5000 + "１２" + "x" * 10
    view = text_view(texts(["a", text]))
    read, read_offsets, starts, ends = text_as_read(*view, scan(*view, np.ones(2, np.bool_))[1])
    near = "é" * (NEAR // 2)
    following = "é" * (NEAR // 2 - 1)
    assert read_offsets.tolist() == [0, 0, len(read)]
    assert read.tobytes().decode() == f"{near}3{following}\0{near}12{'x' * 10}"
    assert text.encode()[starts[NEAR] - 1 : ends[NEAR] - 1] == "٣".encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("１", True),
        ("a＠b", True),
        ("＋", True),
        ("（0", True),
        ("0）1", True),
        ("（x）", False),
        ("，。：", False),
        ("Ａ", False),
        ("", False),
        ("٣", True),
        ("۱۲", True),
        (f"1{ZWSP}2", True),
        (f"co{SHY}operate", False),
        (f"co{SHY}operate @home", True),
        (f"می{ZWNJ}شود", False),
        ("“quoted” – dashed… and 3\u00a0kg", False),
        ("1\u20122", False),  # the scan itself reads usual dashes
        ("1\u22122", True),
        ("jane.roe@\nmailbox.org", True),
        ("jane&#64;mailbox.org", True),
        ("AT&T &amp; 100% of C:\\users", False),
        ("&#8217; and %20", False),
        ("👨\u200d👩", False),
    ],
)
def test_only_rows_that_read_otherwise_in_numbers_or_addresses_are_read_twice(text: str, expected: bool) -> None:
    data, offsets = text_view(texts(["plain", text, ""]))
    assert bool(len(scan(data, offsets, np.ones(3, np.bool_))[1])) == expected
    assert not len(scan(data, offsets, np.zeros(3, np.bool_))[1])


@pytest.mark.parametrize("zero", DIGITS_OF_SCRIPTS, ids=lambda zero: unicodedata.name(chr(zero)).replace(" ", "_"))
def test_a_card_in_the_digits_of_any_script_is_found(zero: int) -> None:
    digits = "".join(chr(zero + int(digit)) for digit in "4539148803436467")
    assert scrubbed(f"card {digits}.") == "card <PAYMENT_CARD>."


@pytest.mark.parametrize("hidden", HIDDEN, ids=unicodedata.name)
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("jane.roe@mailbox.org", "EMAIL"),
        ("4539148803436467", "PAYMENT_CARD"),
        ("+1 650 253 0000", "PHONE"),
        ("536-90-4399", "US_SSN"),
        ("GB82WEST12345698765432", "IBAN"),
        ("93.184.216.34", "IPV4"),
    ],
)
def test_a_value_with_hidden_characters_anywhere_inside_is_found(hidden: str, value: str, kind: str) -> None:
    for at in range(1, len(value)):
        assert scrubbed(f"it is {value[:at]}{hidden}{value[at:]} here") == f"it is <{kind}> here"
    assert scrubbed(f"it is {hidden.join(value)} here") == f"it is <{kind}> here"


@pytest.mark.parametrize(
    ("text", "lang", "expected"),
    [
        ("هاتف: ٠٠٩٦٦٥٠١٢٣٤٥٦٧", "ar", "هاتف: <PHONE>"),
        ("تلفن: ۰۹۱۲۳۴۵۶۷۸۹", "fa", "تلفن: <PHONE>"),
        ("फ़ोन: ९८१०१२३४५६", "hi", "फ़ोन: <PHONE>"),
        ("jane&#64;mailbox.org", "en", "<EMAIL>"),
        ("&#106;ane&#x40;mailbox&period;org", "en", "<EMAIL>"),
        ("<a href='mailto:bob.smith%40corp.com'>", "en", "<a href='mailto:<EMAIL>'>"),
        ('{"e":"jane.roe\\u0040mailbox.org"}', "en", '{"e":"<EMAIL>"}'),
        ("jane.roe@\r\nmailbox.org", "en", "<EMAIL>"),
        ("zhang@mail。com。谢谢", "zh", "<EMAIL>。谢谢"),
        ("jane﹫mailbox․org", "en", "<EMAIL>"),
        ("jane@mail\u2011box.org", "en", "<EMAIL>"),
        ("tel：03ー1234ー5678", "ja", "tel：<PHONE>"),
        ("マイナンバー １２３４５６７８９０１８", "ja", "マイナンバー <JP_MY_NUMBER>"),
        ("card 4539\u22121488\u22120343\u22126467", "en", "card <PAYMENT_CARD>"),
        ("card 4539\u30001488\u30000343\u30006467", "en", "card <PAYMENT_CARD>"),
        ("Tel. 650\u2007253\u20070000", "en", "Tel. <PHONE>"),
        ("1️⃣3️⃣8️⃣0️⃣0️⃣1️⃣3️⃣8️⃣0️⃣0️⃣0️⃣!", "zh", "<CN_MOBILE>!"),
        (f"{LRM}+1 650 253 0000{LRM}", "he", f"{LRM}<PHONE>{LRM}"),
    ],
)
def test_what_reads_as_a_value_is_replaced_where_it_stands(text: str, lang: str, expected: str) -> None:
    assert scrubbed(text, lang=lang) == expected


@pytest.mark.parametrize(
    "text",
    [
        "في ١٩٩٥ و٢٠٠٣",
        "می\u200cشود @ خانه",
        "in 1914\u20121918 and 1939\u22121945",
        "١٬٢٣٤٬٥٦٧",
        "50%40 a\\x41b",
        "x@\n\ny",
        "２０２４年１月２日",
    ],
)
def test_other_text_with_such_characters_stays(text: str) -> None:
    assert scrubbed(text) == text


def test_the_audit_states_where_the_characters_of_full_width_stood() -> None:
    text = "手机１３８００１３８０００。"
    batch = pa.RecordBatch.from_pydict({"raw_text": texts(["plain", text])})
    scrubbed_batch, audit = scrub_with_audit(batch, Scrub())
    assert scrubbed_batch.column("text").to_pylist() == ["plain", "手机<CN_MOBILE>。"]
    (row,) = audit.to_pylist()
    assert (row["start_byte"], row["end_byte"], row["start_char"], row["end_char"]) == (6, 39, 2, 13)


def test_requests_name_values_as_they_read() -> None:
    batch = pa.RecordBatch.from_pydict({"raw_text": texts([f"jane{ZWSP}＠mailbox.org", "tel +١٦٥٠٢٥٣٠٠٠٠"])})
    nothing = pa.nulls(2, pa.large_string())
    digests = contact_digests(scrub_fields(batch, Scrub())[1], nothing, nothing, Scrub())
    assert digests.emails == ((0, value_digest("jane@mailbox.org")),)
    assert digests.phones == ((1, value_digest("+16502530000")),)


def test_a_plain_value_reads_as_itself() -> None:
    assert value_as_read(b"jane@mailbox.org") == b"jane@mailbox.org"
    assert value_as_read("１３８\u00ad00".encode()) == b"13800"


@pytest.mark.parametrize("filler", ["\u3164", "\u115f", "\u1160", "\uffa0"])
def test_fillers_of_hangul_hide_no_value(filler: str) -> None:
    assert scrubbed(f"call +44 20{filler} 79{filler}46 0958 now") == "call <PHONE> now"
    assert scrubbed(f"mail ja{filler}ne@exa{filler}mple.org now") == "mail <EMAIL> now"
