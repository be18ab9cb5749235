"""Lines in another language than their document: their share, and the text without them.

Only lines with enough text are checked (LEAST_BYTES of UTF-8 in words: twenty characters of Chinese or sixty of English). Such a line is
in another language if the model is confident of that, or if almost none of its letters are of a script of the document's language. All
other lines stay.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.filters.identify import is_alien, predict_languages, sample_text
from pipelines.text.labels import UNKNOWN, code_of
from schemas.recipe import Language

LEAST_BYTES: Final = 60
LINE_CHARS: Final = 200
"""The language of a line is identified by so many of its first characters."""


def mixed_lines(text: pa.Array, lang: pa.Array, config: Language) -> tuple[pa.Array, npt.NDArray[np.float64]]:
    """(the text without lines in other languages than `lang`, the share of its characters in such lines) of every row.

    Lines are separated by line feeds. A document in an unknown language keeps every line, and its share is 0.
    """
    frame = pl.DataFrame({"row": np.arange(len(text)), "line": pl.Series(pl.from_arrow(text), dtype=pl.String).str.split("\n")})
    lines = frame.explode("line")
    langs = np.array(lang.to_pylist(), object)
    lines = lines.with_columns(other=pl.Series(_is_other(lines["line"], langs[lines["row"].to_numpy()], config), dtype=pl.Boolean))
    n_chars = pl.col("line").str.len_chars()
    found = lines.group_by("row", maintain_order=True).agg(
        left=pl.col("line").filter(~pl.col("other")).str.join("\n"),
        ratio=n_chars.filter("other").sum() / pl.max_horizontal(n_chars.sum(), 1),
    )
    return found["left"].to_arrow().cast(pa.large_string()), found["ratio"].to_numpy().astype(np.float64)


def _is_other(lines: pl.Series, langs: npt.NDArray[np.object_], config: Language) -> npt.NDArray[np.bool_]:
    """bool per line: whether it is in another language than its document."""
    other = np.zeros(len(lines), bool)
    samples = sample_text(pc.utf8_slice_codeunits(lines.to_arrow().cast(pa.large_string()), 0, LINE_CHARS))
    known = np.array([one is not None and one != UNKNOWN for one in langs], bool)
    asked = np.flatnonzero(known & (pc.binary_length(samples).to_numpy() >= LEAST_BYTES))
    if not len(asked):
        return other
    samples, langs = samples.take(pa.array(asked)), langs[asked]
    labels, scores = predict_languages(samples, config)
    codes = {label: code_of(label) for label in {*labels, *langs}}
    differs = np.array([codes[label] != codes[own] for label, own in zip(labels, langs, strict=True)], bool)
    other[asked] = (differs & (scores >= config.line_score) & ~is_alien(samples, labels)) | is_alien(samples, langs.tolist())
    return other
