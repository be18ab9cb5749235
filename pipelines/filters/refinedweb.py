"""RefinedWeb's line corrections (arXiv 2306.01116, section G.2), by the numbers of DCLM: cuts lines, then measures what was cut.

A line goes if it is mostly capitals, nothing but digits, a counter such as "3 likes", or a single word. Invitations
to sign in, to read more or to view a cart are cut out of short lines. Blank lines stay, but at most one in a row.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from pipelines.filters.limits import Floats
from pipelines.filters.pending import PendingRows
from pipelines.filters.rule_set import RuleContext, RuleSet
from pipelines.text.words import split_on_space
from schemas.recipe import RefinedWeb

_LINE_SIGNALS: Final = ("cut_upper", "cut_numeric", "cut_counter", "cut_few_words")
"""By rule on lines, in their order: how many lines it cut."""
SIGNALS: Final = ("cut_word_ratio", *_LINE_SIGNALS, "edited_lines")

_EDITED_WORDS: Final = 10  # only lines of up to so many words are edited
_COUNTER: Final = (
    r"(?i)^\W*\d[\d.,]*\s?[kmb]?\s+(?:likes?|shares?|comments?|replies|retweets?|reposts?|quotes?|bookmarks?|upvotes?|downvotes?|"
    r"downloads?|views?|followers?)\W*$"
)
_CALLS: Final = r"(?i)^sign[- ]?in\b|\bread more(?:\.\.\.|…)\s*$|\bitems in cart\b"


def correct_lines(text: pa.Array, config: RefinedWeb, min_line_words: Floats, max_line_upper_ratio: Floats) -> tuple[pa.Array, Floats]:
    """The large_string column without what was cut, and SIGNALS of every row, float64[6, n].

    The limits on lines are given by row, infinite where off. cut_word_ratio is the share of the row's words that was
    cut; words are separated by white space, and each character of a script without spaces is one.
    """
    lines = _split_lines(text, min_line_words, max_line_upper_ratio)
    lines = lines.with_columns(words=_count(lines.get_column("line")), edited=_edited(config)).with_columns(reason=_reason(config))
    gone, edited = pl.col("reason") != "", pl.col("edited")
    lines = lines.with_columns(edits=~gone & (edited != pl.col("line")), after=pl.when(gone).then(pl.lit("")).otherwise(edited))
    lines = lines.with_columns(words_after=_count(lines.get_column("after")))
    found = lines.group_by("row", maintain_order=True).agg(
        pl.col("words").sum(),
        pl.col("words_after").sum(),
        *((pl.col("reason") == name).sum().alias(name) for name in _LINE_SIGNALS),
        pl.col("edits").sum().alias("edited_lines"),
        text=pl.col("after").filter(~gone & ((pl.col("after") != "") | (pl.col("line") == ""))).str.join("\n"),
    )
    cut = pl.when(pl.col("words") > 0).then(1 - pl.col("words_after") / pl.col("words")).otherwise(0.0).alias("cut_word_ratio")
    cleaned = found.get_column("text").str.replace_all(r"\n{3,}", "\n\n").str.strip_chars("\n")
    measured = found.select(cut, *SIGNALS[1:]).cast(pl.Float64).to_numpy()
    return cleaned.to_arrow().cast(pa.large_string()), np.ascontiguousarray(measured.T)


def _split_lines(text: pa.Array, min_words: Floats, max_upper_ratio: Floats) -> pl.DataFrame:
    """(row, line, min_words, max_upper): each line without white space around it, with its row's limits."""
    rows = pl.Series(pl.from_arrow(text), dtype=pl.String)
    lines = pl.DataFrame({"row": np.arange(len(text), dtype=np.int64), "line": rows.str.split("\n")}).explode("line")
    own = lines.get_column("row").to_numpy()
    return lines.with_columns(
        pl.col("line").str.strip_chars(),
        min_words=pl.Series(min_words[own], dtype=pl.Float64),
        max_upper=pl.Series(max_upper_ratio[own], dtype=pl.Float64),
    )


def _reason(config: RefinedWeb) -> pl.Expr:
    """The signal that counts the first rule by which a line is cut; "" for a line that stays. Blank lines stay."""
    line = pl.col("line")
    fails = {
        "cut_upper": line.str.count_matches(r"\p{Lu}") > pl.col("max_upper") * line.str.len_chars(),
        "cut_numeric": line.str.contains(r"^[\p{Nd}]+$") & config.cut_numeric,
        "cut_counter": line.str.contains(_COUNTER) & config.cut_counters,
        "cut_few_words": pl.col("words") < pl.col("min_words"),
    }
    return pl.coalesce(*(pl.when(fails[name] & (line != "")).then(pl.lit(name)) for name in _LINE_SIGNALS), pl.lit(""))


def _count(lines: pl.Series) -> npt.NDArray[np.int64]:
    return split_on_space(lines.to_arrow().cast(pa.large_string()), places=False, hashes=False).counts


def _edited(config: RefinedWeb) -> pl.Expr:
    short = pl.col("line").str.count_matches(r"\S+") <= _EDITED_WORDS
    cut = pl.col("line").str.replace_all(_CALLS, "").str.strip_chars()
    return pl.when(short & config.edit_lines).then(cut).otherwise(pl.col("line"))


def _measure(pending: PendingRows, context: RuleContext) -> Floats:
    min_words, max_upper = (context.limit(f"refinedweb.{name}", pending.profile) for name in ("min_line_words", "max_line_upper_ratio"))
    text, signals = correct_lines(pending.text, context.filters.refinedweb, min_words, max_upper)
    pending.set_text(text)
    return signals


RULE_SET = RuleSet(name="refinedweb", config=RefinedWeb, signals=SIGNALS, measure=_measure)
