"""The Arrow schema of every hop between rooms, and the function that makes a batch conform to it.

One Beam element is one `pa.RecordBatch` of at most MAX_BATCH_ROWS rows or MAX_BATCH_BYTES of text.
String columns are `large_string` and counts unsigned because polars returns them so.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

MAX_BATCH_ROWS: Final = 4096
MAX_BATCH_BYTES: Final = 16 * 1024 * 1024  # 16 MiB

SOURCE_CLASSES: Final = ("book", "commoncrawl", "link", "encyclopedia", "code", "other")

ADDRESS: Final = (
    pa.field("origin_file", pa.large_string(), nullable=False),
    # WARC: byte offset of the record (of its gzip member) in the file as stored; row formats: row number.
    pa.field("origin_offset", pa.uint64(), nullable=False),
    # Counts up from 0 if one record yields several documents.
    pa.field("part", pa.uint32(), nullable=False),
)
"""Where a record was read: unique within a run, and the key of the ledger."""

_HEAD: Final = (
    pa.field("doc_id", pa.binary(16), nullable=False),
    pa.field("source", pa.large_string(), nullable=False),
    pa.field("source_class", pa.large_string(), nullable=False),
    pa.field("url", pa.large_string()),
    *ADDRESS,
    pa.field("fetched_at", pa.timestamp("us", tz="UTC")),
    pa.field("licence", pa.large_string()),
    # Rights signals as found: robots meta and X-Robots-Tag directives, lower-cased, joined with ", ".
    pa.field("rights", pa.large_string()),
    # A JSON object with everything else that the reader knows (title, content type, other columns of the row).
    pa.field("meta", pa.large_string()),
)

DOCUMENT: Final = pa.schema([*_HEAD, pa.field("raw_text", pa.large_string(), nullable=False)])
"""read/ -> filters/. `raw_text` may contain private data and is never written to disk; only scrub/ turns it into `text`."""

SCRUBBED: Final = pa.schema([*_HEAD, pa.field("text", pa.large_string(), nullable=False)])
"""scrub/ -> dedup/ -> encode/, plus the signals and counts that a recipe adds. `text` contains no private values."""

LEDGER: Final = pa.schema(
    [
        *ADDRESS,
        pa.field("doc_id", pa.binary(16)),  # null: the record failed before it became a document
        pa.field("source", pa.large_string(), nullable=False),
        pa.field("lang", pa.large_string()),
        pa.field("step", pa.large_string(), nullable=False),
        pa.field("outcome", pa.large_string(), nullable=False),
        pa.field("reason", pa.large_string()),
        pa.field("value", pa.float64()),
        pa.field("limit", pa.float64()),
        pa.field("survivor_id", pa.binary(16)),
    ]
)
"""One row per input record: its outcome and the reason. It contains neither text nor private values."""

TOKENS_COLUMNS: Final = ("doc_id", "source", "lang", "tokens", "n_tokens")


def id_type(vocab_size: int) -> pa.DataType:
    """The type of token ids below vocab_size: uint16 when they fit, else uint32."""
    return pa.uint16() if vocab_size <= 1 << 16 else pa.uint32()


def tokens_schema(vocab_size: int, metadata: dict[str, str] | None = None) -> pa.Schema:
    """The schema of a token shard; vocab_size is 1 + the highest id."""
    ids = id_type(vocab_size)
    return pa.schema(
        [
            pa.field("doc_id", pa.binary(16), nullable=False),
            pa.field("source", pa.large_string(), nullable=False),
            pa.field("lang", pa.large_string()),
            pa.field("tokens", pa.large_list(pa.field("item", ids, nullable=False)), nullable=False),
            pa.field("n_tokens", pa.uint32(), nullable=False),
        ],
        metadata=metadata,
    )


def signature_schema(n_permutations: int) -> pa.Schema:
    """SIGNATURE: what dedup/ keeps of a document: its position, its keys and its MinHash signature.

    `row_ref` is (segment number << 32) | row among the run's segment files (`pipelines/dedup/row_refs.py`).
    """
    return pa.schema(
        [
            pa.field("row_ref", pa.uint64(), nullable=False),
            pa.field("doc_id", pa.binary(16), nullable=False),
            # Of two copies the one with the smaller (rank, row_ref) stays.
            pa.field("rank", pa.uint64(), nullable=False),
            # Keys of documents with different salts never meet.
            pa.field("salt", pa.uint64(), nullable=False),
            pa.field("url_hash", pa.binary(16)),
            pa.field("exact_hash", pa.binary(16), nullable=False),
            pa.field("n_shingles", pa.uint32(), nullable=False),
            pa.field("minhash", pa.list_(pa.field("item", pa.uint32(), nullable=False), n_permutations)),
            pa.field("n_simhash", pa.uint32(), nullable=False),
            pa.field("simhash", pa.uint64(), nullable=False),
        ]
    )


MERGE: Final = pa.schema(
    [
        pa.field("row_ref", pa.uint64(), nullable=False),
        # Null if the document is dropped because a kind that cuts left too little of it, and no copy of the cut spans stays.
        pa.field("survivor_ref", pa.uint64()),
        pa.field("survivor_id", pa.binary(16)),
        pa.field("reason", pa.large_string(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),  # similarity to the survivor
        pa.field("limit", pa.float64(), nullable=False),
    ]
)
"""dedup/ -> the segments: a document that is merged into another, or dropped."""

CUT: Final = pa.schema(
    [
        pa.field("row_ref", pa.uint64(), nullable=False),
        # Bytes of `text`.
        pa.field("start", pa.int64(), nullable=False),
        pa.field("end", pa.int64(), nullable=False),
        # The document that keeps the span; null if no copy of it stays.
        pa.field("survivor_ref", pa.uint64()),
        pa.field("kept", pa.bool_(), nullable=False),
    ]
)
"""dedup/ -> the segments: a span of text that also occurs elsewhere. It is cut or, if `kept`, it is the copy that stays."""


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The columns of `schema` in its order and types. Raises TypeError for a missing column, or a null that the schema forbids.

    Columns that the schema does not name are dropped, so a room passes on only what its hop allows.
    """
    columns = []
    for field in schema:
        index = batch.schema.get_field_index(field.name)
        if index < 0:
            raise TypeError(f"batch lacks column {field.name!r}; it has {batch.schema.names}")
        column = batch.column(index)
        if column.type != field.type:
            column = column.cast(field.type)
        if not field.nullable and column.null_count:
            raise TypeError(f"column {field.name!r} has {column.null_count} nulls, but must have none")
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, schema=schema)
