"""Preparing text before it is split into pre-tokens: Unicode normalization, and the spaces of SentencePiece."""

from __future__ import annotations

import functools
import unicodedata
from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from tokenizers import normalizers

from schemas.buffers import Bytes, Offsets, string_column
from tokenizer.classes import N_CODES, decode_char
from tokenizer.scan import readonly_view
from tokenizer.vocabulary import ALWAYS_A_SPACE, ONE_SPACE, Form

_SPACE: Final = 0x20
_HANGUL_VOWELS_AND_FINALS: Final = range(0x1161, 0x11C3)


def in_form(text: pa.Array, form: Form) -> pa.Array:
    """The column in a Unicode form, normalized by the `tokenizers` library.

    Only rows with a character that the form may change pass through the library.
    """
    data, offsets = readonly_view(text)
    rows = _rows_with(data, offsets, _may_change(form))
    if not rows.any():
        return text
    normalizer = getattr(normalizers, form)()
    mask = pa.array(rows)
    changed = [normalizer.normalize_str(row) for row in text.filter(mask).to_pylist()]
    return pc.replace_with_mask(text.cast(pa.large_string()), mask, pa.array(changed, pa.large_string()))


def with_spaces(text: pa.Array, first_space: int) -> pa.Array:
    """The column with a space for every U+2581, and a space before each row that needs one (see `first_space`); empty rows stay empty."""
    data, offsets = readonly_view(text)
    return string_column(*_with_spaces(data, offsets, first_space))


@functools.cache
def _may_change(form: Form) -> npt.NDArray[np.bool_]:
    """bool[N_CODES]: false for characters that the form never changes, whichever characters are next to them.

    A character may change if it changes alone, if it moves or joins the one before it, or if Python's Unicode tables lack it.
    """
    flags = np.zeros(N_CODES, bool)
    normalizer = getattr(normalizers, form)()
    for code in range(0x80, N_CODES):
        if 0xD800 <= code < 0xE000:
            continue
        char = chr(code)
        flags[code] = (
            unicodedata.combining(char) != 0
            or (unicodedata.category(char) == "Cn")
            or not unicodedata.is_normalized(form, char)
            or code in _HANGUL_VOWELS_AND_FINALS
        )
        decomposed = unicodedata.normalize("NFD", char)
        if len(decomposed) > 1:
            flags[[ord(part) for part in decomposed[1:]]] = True
    known = "".join(chr(code) for code in np.flatnonzero(~flags).tolist() if not 0xD800 <= code < 0xE000)
    if normalizer.normalize_str(known) != known:  # the library's Unicode is older or newer: ask it one by one
        flags[[ord(char) for char in known if normalizer.normalize_str(char) != char]] = True
    return flags


@numba.njit(cache=True, nogil=True)
def _rows_with(data: Bytes, offsets: Offsets, flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    rows = np.zeros(len(offsets) - 1, np.bool_)
    for row in range(len(rows)):
        at, stop = offsets[row], offsets[row + 1]
        while at < stop and not rows[row]:
            code, size = decode_char(data, at)
            rows[row] = flags[code]
            at += size
    return rows


@numba.njit(cache=True, nogil=True)
def _with_spaces(data: Bytes, offsets: Offsets, first_space: int) -> tuple[Bytes, Offsets]:
    n = len(offsets) - 1
    out = np.empty(offsets[n] - offsets[0] + n, np.uint8)
    bounds = np.zeros(n + 1, np.int64)
    filled = np.int64(0)
    for row in range(n):
        at, stop = offsets[row], offsets[row + 1]
        start = filled
        if at < stop and first_space == ALWAYS_A_SPACE:
            out[filled] = _SPACE
            filled += 1
        while at < stop:
            if data[at] == 0xE2 and data[at + 1] == 0x96 and data[at + 2] == 0x81:
                byte, size = np.uint8(_SPACE), 3
            else:
                byte, size = data[at], 1
            if filled == start and first_space == ONE_SPACE and byte != _SPACE:
                out[filled] = _SPACE
                filled += 1
            out[filled] = byte
            filled += 1
            at += size
        bounds[row + 1] = filled
    return out[:filled].copy(), bounds
