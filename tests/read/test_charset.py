"""Decoding: the right charset for the scripts that matter, and never a failure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.read.charset import codec_for, decode_text

TEXTS = {
    "ja": "川は北の古い石切り場の浅い谷から流れ出し、四つの村を通って海に注ぎます。農家は洪水の記録を残してきました。",
    "zh": "河流发源于旧采石场以北的浅谷,流经四个村庄后入海。两岸的农民一直保存着每一次洪水的记录。",
    "tw": "河流發源於舊採石場以北的淺谷,流經四個村莊後入海。兩岸的農民一直保存著每一次洪水的記錄。",
    "ko": "강은 오래된 채석장 북쪽의 얕은 계곡에서 시작하여 네 마을을 지나 바다로 흐릅니다. 농부들은 홍수를 기록해 왔습니다.",
    "ru": "Река начинается в неглубокой долине к северу от старой каменоломни и течёт мимо четырёх деревень к морю.",
    "de": "Der Fluß entspringt in einem flachen Tal nördlich des alten Steinbruchs und fließt an vier Dörfern vorüber.",
}
CODECS = [
    ("ja", "shift_jis"),
    ("ja", "euc_jp"),
    ("ja", "iso2022_jp"),
    ("zh", "gbk"),
    ("zh", "gb18030"),
    ("tw", "big5"),
    ("ko", "euc_kr"),
    ("ko", "cp949"),
    ("ru", "cp1251"),
    ("ru", "koi8_r"),
    ("de", "latin_1"),
    ("de", "cp1252"),
]


@pytest.mark.parametrize(("lang", "codec"), CODECS)
@pytest.mark.parametrize("how", ["http", "meta", "detected"])
def test_every_script_comes_out_right(lang: str, codec: str, how: str) -> None:
    label = codec.replace("_", "-").replace("shift-jis", "Shift_JIS").replace("iso2022-jp", "iso-2022-jp").replace("latin-1", "ISO-8859-1")
    if (codec, how) == ("cp949", "http"):
        label = "ks_c_5601-1987"
    meta = f'<meta http-equiv="Content-Type" content="text/html; charset={label}">' if how == "meta" else ""
    data = f"<html><head>{meta}</head><body><p>{TEXTS[lang]}</p></body></html>".encode(codec)
    decoded = decode_text(data, label if how == "http" else None, is_html=True)
    assert TEXTS[lang] in decoded.text
    assert decoded.bad_ratio == 0


@pytest.mark.parametrize("stated", ["windows-1251", "iso-8859-1", "no-such-charset", "utf-7", "hex", None])
def test_valid_utf8_overrules_any_stated_charset(stated: str | None) -> None:
    assert decode_text(TEXTS["ru"].encode(), stated) == (TEXTS["ru"], "utf-8", 0.0)


def test_byte_order_marks_win_and_go() -> None:
    for codec in ("utf-8-sig", "utf-16"):
        assert decode_text(TEXTS["zh"].encode(codec), "gbk").text == TEXTS["zh"]
    assert decode_text(b"\xef\xbb\xbfabc \xff", "utf-8").text.startswith("abc")


def test_a_character_cut_off_at_the_end_is_forgiven() -> None:
    data = TEXTS["zh"].encode()
    assert decode_text(data[:-1]).text == TEXTS["zh"][:-1]


def test_broken_bytes_in_utf8_are_counted_and_the_rest_is_kept() -> None:
    decoded = decode_text(TEXTS["ru"].encode() + b" \xff\xfe \x80", "utf-8")
    assert decoded.text.startswith(TEXTS["ru"])
    assert decoded.charset == "utf-8"
    n_letters = sum(ord(char) > 127 for char in TEXTS["ru"])
    assert decoded.bad_ratio == pytest.approx(3 / (n_letters + 3))


def test_a_wrong_label_that_breaks_the_text_is_not_believed() -> None:
    assert decode_text(TEXTS["ja"].encode("shift_jis"), "utf-8").text == TEXTS["ja"]
    assert decode_text(TEXTS["ko"].encode("cp949"), "utf-8").text == TEXTS["ko"]


def test_labels_mean_the_same_as_in_browsers() -> None:
    assert [codec_for(label) for label in (" Latin1 ", "gb2312", "x-sjis", "US-ASCII", "nonsense", "rot13", "idna")] == [
        "cp1252",
        "gb18030",
        "cp932",
        "cp1252",
        None,
        None,
        None,
    ]


@given(
    st.binary(max_size=400), st.sampled_from([None, "utf-8", "gbk", "shift_jis", "iso-2022-jp", "utf-16", "big5", "euc-kr", "\0", "x" * 99])
)
def test_decoding_never_fails_and_gives_valid_unicode(data: bytes, stated: str | None) -> None:
    decoded = decode_text(data, stated, is_html=True)
    decoded.text.encode()
    assert 0 <= decoded.bad_ratio <= 1


@pytest.mark.parametrize(
    "label", ["unicode-escape", "unicode_escape", "raw-unicode-escape", "utf7", "UTF-7", "idna", "hex", "rot13", "undefined"]
)
def test_a_codec_that_is_not_a_charset_is_refused(label: str) -> None:
    assert codec_for(label) is None
