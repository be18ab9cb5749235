"""Texts with much of what the kernels look for."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import strategies as st

PIECES = (
    *(
        "a",
        "The",
        "of",
        "isn't",
        "x_1",
        "3.14",
        "1,000",
        "end.Next",
        "http://a.b/c?d=1.",
        "://",
        "me@x.org",
        "and/or",
        "é",
        "e\u0301",
        "ЖУК",
    ),
    *(
        "的",
        "是",
        "か\u3099",
        "ไทย่",
        "မြန်မာ",
        "대한",
        "हिन्दी",
        "مرحبا",
        "ab\u200dc",
        "\u0301",
        "①",
        "😀",
        "\U000e0100",
        "…",
        "...",
        "--",
        "#",
        "•",
    ),
    *(
        " ",
        "  ",
        "\n",
        "\n\n",
        "\r\n",
        "\u2028",
        "\x85",
        "\x1c",
        "\t",
        "\u3000",
        "。",
        "，",
        "！",
        ".",
        "?",
        "!",
        '"',
        "'",
        "»",
        "[12]",
        "{",
        "-",
    ),
    *("lorem ipsum", "JavaScript", "Privacy Policy", "[edit]", "line of some words here.", "Cookie", "\0"),
)
TEXT = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=40).map(" ".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
)
TEXTS = st.lists(TEXT, max_size=6)


def column(texts: list[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())


def padded(texts: list[str]) -> pa.Array:
    """The same column as a slice with an offset and rows behind it."""
    return column(["before é", *texts, "behind"]).slice(1, len(texts))
