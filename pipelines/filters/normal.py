"""The form in which models read text: lower-case words with one space between them, one line for each line with words.

"The Cat's\n\n(2nd) life." -> "the cat's\n( 2nd ) life ."; 你好，世界 -> 你 好 ， 世 界. Training and
scoring both use it, so that a model reads the form that it was trained on. Words are those of `split_words`, without white space.
"""

from __future__ import annotations

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.text.view import text_view
from pipelines.text.words import split_words
from schemas.buffers import string_column


def normalise(text: pa.Array, *, zero_digits: bool = False) -> pa.Array:
    """large_string -> large_string; with `zero_digits` every decimal digit becomes 0, as in CCNet (arXiv 1911.00359)."""
    data, offsets = text_view(text)
    words = split_words(text)
    out = np.empty(int((words.ends - words.starts).sum()) + len(words.starts), np.uint8)
    ends = np.zeros(len(offsets), np.int64)
    _join(data, words.starts, words.ends, words.firsts, words.lasts, out, ends)
    spaced = pc.utf8_lower(string_column(out[: ends[-1]].copy(), ends))
    return pc.replace_substring_regex(spaced, r"\p{Nd}", "0") if zero_digits else spaced


@numba.njit(cache=True, nogil=True)
def _join(data, starts, ends, firsts, lasts, out, row_ends):  # type: ignore[no-untyped-def]
    to = 0
    for row in range(len(firsts)):
        for i in range(firsts[row], lasts[row]):
            if i > firsts[row]:
                out[to] = 0x20
                for at in range(ends[i - 1], starts[i]):
                    if data[at] == 0x0A:
                        out[to] = 0x0A
                to += 1
            size = ends[i] - starts[i]
            out[to : to + size] = data[starts[i] : ends[i]]
            to += size
        row_ends[row + 1] = to
