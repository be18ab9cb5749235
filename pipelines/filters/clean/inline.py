"""Marks inside lines: HTML entities that an extractor left, and marks of citations."""

from __future__ import annotations

import html
import re
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

# An ampersand may itself be written as an entity, any number of times: &amp;amp;lt; is <.
_ENTITY: Final = r"&(?:(?:[aA][mM][pP]|#0{0,6}38|#[xX]0{0,6}26);)*(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});"
_ENTITY_RE: Final = re.compile(_ENTITY)
_KEPT: Final = re.compile(r"#(?:0*(?:[0-8]|1[1-9]|1[4-9]|2[0-9]|3[01])|[xX]0*(?:[0-8]|[bBcC]|[eE]|[fF]|1[0-9a-fA-F]))")

_NUMBERS: Final = r"[1-9][0-9]{0,2}(?:\s{0,2}[-–—~,;，、；]\s{0,2}[1-9][0-9]{0,2}){0,20}"
_MARKS: Final = (
    rf"[\[［【](?:{_NUMBERS})[\]］】]",
    rf"\^?[\[［]\^?(?:{_NUMBERS})\*?[\]］]",
    rf"\^\{{(?:{_NUMBERS})?[*†‡]{{0,3}}\}}",
    r"(?i:\[(?:citation needed|clarification needed|edit|note [0-9]{1,3}|来源请求|需要引用|要出典|編集|编辑)\])",
)
_BLANKS: Final = r"[ \t\x{3000}]"
# At the start of a line a mark is the label of what follows; next to brackets, colons and equals signs it is a link or code.
_ANY: Final = f"(?:{'|'.join(_MARKS)})"
_KEPT_MARK: Final = rf"^{_BLANKS}*{_ANY}|[\]:：=(（]{_BLANKS}*{_ANY}|{_BLANKS}*{_ANY}(?:[(:（：={{}}/]|\.[a-z_])"
_CITATION: Final = rf"(?m)({_KEPT_MARK})|{_BLANKS}*{_ANY}"


def resolve_entities(text: pa.Array) -> pa.Array:
    """HTML entities that end in a semicolon as the characters that they name; an entity that names none, or a control character, stays.

    Example: "AT&amp;T &#xff0c;&nbsp;&unknown;" -> "AT&T ，\\xa0&unknown;". The step is idempotent.
    """
    rows = np.flatnonzero(pc.match_substring_regex(text, _ENTITY).to_numpy(zero_copy_only=False))
    if not len(rows):
        return text
    chosen = np.zeros(len(text), bool)
    chosen[rows] = True
    resolved = [_ENTITY_RE.sub(_character, text[row].as_py()) for row in rows.tolist()]
    return pc.replace_with_mask(text, pa.array(chosen), pa.array(resolved, pa.large_string()))


def _character(entity: re.Match[str]) -> str:
    name = entity[1]
    found = html.unescape(f"&{name};")
    if found == f"&{name};" or _KEPT.fullmatch(name) or "\ufffd" in found or (not found.isprintable() and not found.isspace()):
        return entity[0]
    return found


def drop_citations(text: pa.Array) -> pa.Array:
    """The text without marks such as [1], [12-14], ^[3], ^{1*} and [citation needed], and the blanks before them.

    At the start of a line they stay, because there they label what follows; they also stay next to brackets, colons and equals signs.
    """
    return pl.Series(pl.from_arrow(text), dtype=pl.String).str.replace_all(_CITATION, "${1}").to_arrow().cast(pa.large_string())
