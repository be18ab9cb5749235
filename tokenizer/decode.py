"""Token columns -> the exact bytes or text that they represent; no Python object per token."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import TokenizerError
from tokenizer.encode import Encoder
from tokenizer.memory import kernel
from tokenizer.segment import NEWLINE_MARK, SPACE_MARK
from tokenizer.vocabulary import NO_SPACE

_SPACE: Final = 0x20


class TokenDecoder:
    """Token columns -> the bytes or text that were encoded, for vocabularies of bytes and of characters with byte fallback.

    Some vocabularies write a space before text that has none. The first space is always removed, even if the text had one.
    Characters that `segment` loses stay lost.
    """

    def __init__(self, encoder: Encoder) -> None:
        if encoder.path != "fast":
            raise TokenizerError("CM-TOKENIZER-001", f"only the `tokenizers` library can decode with this tokenizer: {encoder.reason}")
        vocabulary = encoder.vocabulary
        data = vocabulary.data.tobytes()
        strings = [data[start:end] for start, end in pairwise(vocabulary.offsets.tolist())]
        for byte, index in enumerate(vocabulary.byte_ids.tolist()):
            strings[index] = bytes([byte])
        for index, token in encoder.tokenizer.get_added_tokens_decoder().items():
            strings += [b""] * (index + 1 - len(strings))
            strings[index] = token.content.encode()
        self._offsets = np.zeros(len(strings) + 1, np.int64)
        np.cumsum([len(string) for string in strings], out=self._offsets[1:])
        self._data = np.frombuffer(b"".join(strings), np.uint8)
        self._of_words = encoder.expects_words
        self._starts_with_space = vocabulary.first_space != NO_SPACE

    def to_bytes(self, tokens: pa.Array) -> pa.Array:
        """large_binary[n] of a large_list column; a null counts as empty."""
        tokens = tokens.fill_null([]) if tokens.null_count else tokens
        bounds = tokens.offsets.to_numpy()
        ids = tokens.values.to_numpy()
        n_known = len(self._offsets) - 1
        if len(ids) and (last := int(ids.max())) >= n_known:
            raise TokenizerError(
                "CM-TOKENIZER-002",
                f"the column contains token id {last}, but the tokenizer has only {n_known} ids; pass the tokenizer of the shards",
            )
        ends = np.zeros(len(bounds), np.int64)
        _measure(ids, bounds, self._data, self._offsets, self._starts_with_space, ends)
        out = np.empty(ends[-1], np.uint8)
        _write(ids, bounds, self._data, self._offsets, ends, out)
        column = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(bounds) - 1, [None, pa.py_buffer(ends), pa.py_buffer(out)])
        if self._of_words:
            for mark, char in ((" ", ""), (SPACE_MARK, " "), (NEWLINE_MARK, "\n")):
                column = pc.replace_substring(column, mark.encode(), char.encode())
        return column

    def to_text(self, tokens: pa.Array) -> pa.Array:
        """large_string[n]; invalid UTF-8, as in a document that was cut between tokens, becomes U+FFFD."""
        column = self.to_bytes(tokens)
        try:
            return column.cast(pa.large_string())
        except pa.ArrowInvalid:
            return pa.array([row.decode("utf-8", "replace") for row in column.to_pylist()], pa.large_string())


@kernel
def _measure(ids, bounds, data, offsets, starts_with_space, ends):  # type: ignore[no-untyped-def]
    for row in range(len(bounds) - 1):
        n = 0
        for i in range(bounds[row], bounds[row + 1]):
            start, end = offsets[ids[i]], offsets[ids[i] + 1]
            if starts_with_space and end > start and data[start] == _SPACE and i == bounds[row]:
                n -= 1
            n += end - start
        ends[row + 1] = ends[row] + n


@kernel
def _write(ids, bounds, data, offsets, ends, out):  # type: ignore[no-untyped-def]
    """Write each row from its end, so that an unwanted first space does not fit and is omitted."""
    for row in range(len(bounds) - 1):
        n = ends[row + 1]
        for i in range(bounds[row + 1] - 1, bounds[row] - 1, -1):
            for at in range(offsets[ids[i] + 1] - 1, offsets[ids[i]] - 1, -1):
                n -= 1
                if n >= ends[row]:
                    out[n] = data[at]
