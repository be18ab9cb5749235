"""Text decoded with the wrong encoding: its amount and its repair, both by ftfy's rules.

Few documents contain any. So a compiled expression counts it in all, and only documents that have some go through ftfy.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

_PIECE_CHARS = 100_000  # longer lines are repaired in pieces of so many characters


def count_mojibake(text: pa.Array) -> npt.NDArray[np.int64]:
    """int64 per row of a large_string column: `ftfy.badness.badness`, the number of unlikely sequences of characters."""
    rows = pl.Series(pl.from_arrow(text), dtype=pl.String)
    counts: npt.NDArray[np.int64] = rows.str.count_matches(_expression()).to_numpy().astype(np.int64)
    return counts


def repair(text: pa.Array) -> pa.Array:
    """The column with `ftfy.fix_encoding` applied to every line that has such sequences."""
    rows = np.flatnonzero(count_mojibake(text))
    if not len(rows):
        return text
    repaired = pa.array([_repair(text[row].as_py()) for row in rows.tolist()], pa.large_string())
    chosen = np.zeros(len(text), bool)
    chosen[rows] = True
    return pa.compute.replace_with_mask(text, pa.array(chosen), repaired)


def _repair(text: str) -> str:
    import ftfy  # noqa: PLC0415 - slow to import, and most runs repair nothing
    from ftfy.badness import is_bad  # noqa: PLC0415

    lines = (line[at : at + _PIECE_CHARS] for line in text.splitlines(keepends=True) for at in range(0, len(line), _PIECE_CHARS))
    return "".join(ftfy.fix_encoding(line) if is_bad(line) else line for line in lines)


@functools.cache
def _expression() -> str:
    """ftfy's expression as polars reads it: without white space and comments outside of brackets, and with all escaped within."""
    from ftfy.badness import BADNESS_RE  # noqa: PLC0415

    pattern = BADNESS_RE.pattern
    written, at, within = [], 0, False
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            written.append(pattern[at : at + 2])
            at += 1
        elif within:
            within = char != "]"
            written.append(f"\\{char}" if char in "[&~ #" else char)
        elif char == "#":
            at = pattern.index("\n", at)
        elif not char.isspace():
            within = char == "["
            written.append(char)
        at += 1
    return "".join(written)
