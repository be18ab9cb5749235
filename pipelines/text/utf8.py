"""Checks that a room that rewrites texts leaves valid UTF-8: a cut within a character would otherwise reach the corpus unnoticed."""

from __future__ import annotations

import pyarrow as pa

from schemas.errors import TextError


def prove_utf8(batch: pa.RecordBatch, room: str) -> pa.RecordBatch:
    """The batch, unchanged; TextError names the room and the first document with a string that is not UTF-8."""
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            try:
                column.validate(full=True)
            except pa.ArrowInvalid:
                raise _not_utf8(batch, field.name, room) from None  # Arrow's message may show text
    return batch


def _not_utf8(batch: pa.RecordBatch, name: str, room: str) -> TextError:
    values = batch.column(name).cast(pa.large_binary() if pa.types.is_large_string(batch.schema.field(name).type) else pa.binary())
    row = next((row for row, value in enumerate(values) if not _is_utf8(value.as_py())), 0)
    where = f"document {batch.column('doc_id')[row].as_py().hex()}" if "doc_id" in batch.schema.names else f"row {row}"
    return TextError(
        "CM-TEXT-006",
        f"{room}: {name} of {where} is not valid UTF-8 after it was rewritten. This is a bug in {room}; "
        "take the step that changes this text out of the recipe to go on without it",
    )


def _is_utf8(value: bytes | None) -> bool:
    try:
        (value or b"").decode()
    except UnicodeDecodeError:
        return False
    return True
