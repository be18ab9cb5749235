"""Page numbers and running heads between the lines of a text that comes from pages."""

from __future__ import annotations

from typing import Final

import polars as pl
import pyarrow as pa

from pipelines.filters.clean.lines import join_lines, split_lines

MIN_APART: Final = 5
"""Lines with text between two page numbers; closer ones are a table or a list."""
MIN_HEADS: Final = 3
"""Pages on which a line must be next to the page number to be a running head."""

_SIGNED: Final = (
    r"(?i)^[-–—·~ ]{0,6}(?:page|seite|página|pagina|p\.|s\.|стр\.|страница) ?[0-9]{1,4}"
    r"(?: ?(?:of|/|von|de|di|sur|из) ?[0-9]{1,4})?[-–—·~ ]{0,6}$"
    r"|^[-–—·~]{1,3} {0,3}[0-9]{1,4} {0,3}[-–—·~]{1,3}$"
    r"|^[-–—·~ ]{0,6}第 ?[0-9]{1,4} ?[页頁](?:[ /，,共]{0,4}[0-9]{1,4} ?[页頁])?[-–—·~ ]{0,6}$"
    r"|^[0-9]{1,4} ?ページ$"
)
_NUMBER: Final = r"^([0-9]{1,4})(?: ?/ ?[0-9]{1,4})?$"
_HEAD_FIRST: Final = r"^(.{3,80}?)(?:[ \t\x{3000}]{2,}|[ \t]*[|·•][ \t]*)([0-9]{1,4})$"
_NUMBER_FIRST: Final = r"^([0-9]{1,4})(?:[ \t\x{3000}]{2,}|[ \t]*[|·•][ \t]*)(.{3,80})$"
_ENDS: Final = r"[.!?…。！？；：:;.\"”』」)）]$"


def drop_page_marks(text: pa.Array) -> pa.Array:
    """The text without lines that number pages, and without heads next to such a line on MIN_HEADS pages or more.

    "Page 3 of 9", "- 3 -" and 第3页 are always page numbers. A bare number, or one set off in a repeated line, is one only in a
    series of at least three that counts up by one or two, MIN_APART lines apart. Blank lines around them are removed, too, where a
    sentence continues.
    """
    lines = split_lines(text)
    plain = pl.col("plain")
    lines = lines.with_columns(number=_page_number(), key=_key())
    signed = (plain.str.len_chars() <= 40) & plain.str.contains(_SIGNED)
    lines = _with_series(lines.with_row_index("at")).with_columns(mark=signed | pl.col("counts").fill_null(False))
    if not lines.get_column("mark").any():
        return text
    marks = lines.filter("mark").select("row", "pos", beside=pl.lit(True))
    filled = plain != ""
    near = [marks.with_columns(pl.col("pos") + step) for step in (-1, 1)]
    lines = lines.join(pl.concat(near).unique(), on=["row", "pos"], how="left", maintain_order="left")
    head = pl.when(filled & pl.col("beside").fill_null(False) & ~pl.col("mark") & (plain.str.len_chars() <= 100)).then(_letters())
    lines = lines.with_columns(head=head)
    times = pl.when(pl.col("head") != "").then(pl.len().over("row", "head"))
    gone = pl.col("mark") | (times >= MIN_HEADS).fill_null(False)
    lines = lines.with_columns(gone=gone & filled)
    return join_lines(lines, pl.col("gone") | _blank_in_sentence(lines), text)


def _page_number() -> pl.Expr:
    plain = pl.when(pl.col("plain").str.len_chars() <= 100).then(pl.col("plain"))
    found = [plain.str.extract(_NUMBER, 1), plain.str.extract(_HEAD_FIRST, 2), plain.str.extract(_NUMBER_FIRST, 1)]
    return pl.coalesce(*found).cast(pl.Int64)


def _key() -> pl.Expr:
    """The rest of a line with a number."""
    return pl.col("plain").str.replace_all(r"[0-9]+", "")


def _letters() -> pl.Expr:
    return pl.col("plain").str.replace_all(r"[0-9]+", "").str.strip_chars().str.to_lowercase()


def _with_series(lines: pl.DataFrame) -> pl.DataFrame:
    """`counts`: whether a number belongs to a series of three or more."""
    numbers = lines.filter(pl.col("number").is_not_null()).sort("row", "key", "at", maintain_order=True)
    group = ["row", "key"]
    step, apart = pl.col("number").diff().over(group), pl.col("pos").diff().over(group)
    numbers = numbers.with_columns(linked=(step.is_between(1, 2) & (apart > MIN_APART)).fill_null(False))
    linked = pl.col("linked")
    ahead, further = (linked.shift(-n, fill_value=False).over(group) for n in (1, 2))
    behind = linked.shift(1, fill_value=False).over(group)
    counts = (linked & ahead) | (linked & behind) | (ahead & further)
    return lines.join(numbers.select("at", counts=counts), on="at", how="left", maintain_order="left")


def _blank_in_sentence(lines: pl.DataFrame) -> pl.Expr:
    """Blank lines next to a dropped one where the text before it does not end a sentence."""
    blank = pl.col("plain") == ""
    after = pl.when(~blank).then(pl.col("gone")).backward_fill().over("row")
    before = pl.when(~blank).then(pl.col("gone")).forward_fill().over("row")
    stays = ~blank & ~pl.col("gone")
    ended = pl.when(stays).then(pl.col("plain").str.contains(_ENDS)).forward_fill().over("row").fill_null(True)
    return blank & (after.fill_null(False) | before.fill_null(False)) & ~ended
