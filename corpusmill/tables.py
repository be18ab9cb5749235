"""The kernels of a run, for the caller's own tables and columns."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pyarrow as pa

from pipelines.filters.chain import FilterChain
from pipelines.scrub.column import scrub_text
from schemas.hops import DOCUMENT
from schemas.recipe import Recipe, Scrub, Source
from tokenizer.encode import Encoder


def measure(table: pa.Table, recipe: Recipe) -> pa.Table:
    """The table with a column for each signal of the recipe's rules: `lang`, `lang_score`, and `rule_set.signal` as float64.

    The table must have a column `text` (string) and may have `url` and `meta` (a JSON object). `text` in the result is what remains after
    rules that cut text. No row is dropped. Raises KeyError if there is no column `text`.
    """
    name = "table"
    alone = dataclasses.replace(
        recipe, sources={name: Source(path=(name,))}, dedup=dataclasses.replace(recipe.dedup, priority=(), protected=())
    )
    measured = FilterChain.of(alone).measure(_documents(table, name)).to_struct_array()
    columns = pa.Table.from_batches([pa.RecordBatch.from_struct_array(measured)])
    signals = [field for field in columns.schema if field.name not in DOCUMENT.names]
    result = table.set_column(table.schema.get_field_index("text"), "text", columns.column("raw_text"))
    for field in signals:
        result = result.append_column(field, columns.column(field.name))
    return result


def scrub(
    text: pa.Array | pa.ChunkedArray, config: Scrub | None = None, *, lang: pa.Array | None = None, url: pa.Array | None = None
) -> tuple[pa.Array, pa.Table]:
    """(the texts without private values, a table with the uint32 count of each kind's values).

    If the language and URL of each text are given, they decide which countries' telephone and identity numbers are searched for.
    """
    config = config or Scrub()
    column = _column(text)
    nothing = pa.nulls(len(column), pa.large_string())
    language, address = (nothing if one is None else _column(one) for one in (lang, url))
    scrubbed, counts = scrub_text(column, language, address, config)
    return scrubbed, pa.table({kind: counts[:, number] for number, kind in enumerate(config.kinds)})


def encode(text: pa.Array | pa.ChunkedArray, tokenizer: str | Path) -> pa.Array:
    """Token ids as list<uint16> or list<uint32>, one list per text; equal to the `tokenizers` library's without special tokens."""
    return Encoder(Path(tokenizer))(_column(text))


def _column(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return whole.cast(pa.large_string())


def _documents(table: pa.Table, source: str) -> pa.RecordBatch:
    n = table.num_rows
    given: dict[str, pa.Array] = {
        "doc_id": pa.array([row.to_bytes(16, "big") for row in range(n)], pa.binary(16)),
        "source": pa.repeat(pa.scalar(source, pa.large_string()), n),
        "source_class": pa.repeat(pa.scalar("other", pa.large_string()), n),
        "origin_file": pa.repeat(pa.scalar(source, pa.large_string()), n),
        "origin_offset": pa.array(range(n), pa.uint64()),
        "part": pa.repeat(pa.scalar(0, pa.uint32()), n),
        "raw_text": _column(table.column("text")),
        **{name: _column(table.column(name)) for name in ("url", "meta") if name in table.column_names},
    }
    return pa.RecordBatch.from_arrays([given.get(field.name, pa.nulls(n, field.type)) for field in DOCUMENT], schema=DOCUMENT)
