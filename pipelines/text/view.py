"""Arrow string columns as read-only arrays.

Compiled kernels are specialised by mutability: one kind of view means that each kernel is compiled, and cached, once.
"""

from __future__ import annotations

import pyarrow as pa

from schemas.buffers import Bytes, Offsets, string_view


def text_view(column: pa.Array) -> tuple[Bytes, Offsets]:
    """(data uint8[m], offsets int64[n + 1]) of a string column, both read-only; nulls read as empty."""
    data, offsets = string_view(column)
    data, offsets = data.view(), offsets.view()
    data.flags.writeable = offsets.flags.writeable = False
    return data, offsets
