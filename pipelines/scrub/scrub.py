"""raw_text -> text: the documents of a batch without private values, and an audit of where the values were.

Metadata is scrubbed, too: names and values in `meta`, `licence`, `rights`, and `url` with its percent escapes decoded.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final
from urllib.parse import unquote

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.scrub.audit import AUDIT, character_offsets
from pipelines.scrub.column import DocumentInfo, Searched, find_spans, scrub_column
from pipelines.scrub.digests import FieldFindings
from pipelines.scrub.kind import placeholder
from pipelines.scrub.kinds import KINDS
from pipelines.scrub.spans import resolve_overlaps
from pipelines.text.view import text_view
from schemas.recipe import Scrub, redaction_column

RULES_VERSION: Final = 6
_LIBRARIES: Final = ("phonenumbers", "python-stdnum", "tldextract")  # their tables decide what is valid
_BESIDE: Final = ("url", "licence", "rights")
"""Columns besides the text that hold words of the source."""
_MOST_ESCAPES: Final = 4
_BEFORE_HOST: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?")
_HOST_WITH_DIGITS: Final = rf"({_BEFORE_HOST.pattern})(\[[0-9A-Fa-f:.]+\]|[^/?#@:\[]*[0-9][^/?#@:\[]*)"
_NUMERIC_HOST: Final = re.compile(_HOST_WITH_DIGITS + r"(?::[0-9]*)?(?:[/?#]|\Z)")


def redaction_fields(config: Scrub) -> list[pa.Field]:
    """The columns with the number of values of each kind that were replaced."""
    return [pa.field(redaction_column(kind), pa.uint32(), nullable=False) for kind in config.kinds]


def special_tokens(config: Scrub) -> tuple[str, ...]:
    """The placeholders, if the recipe makes each of them one token."""
    return tuple(placeholder(kind).decode() for kind in config.kinds) if config.special_tokens else ()


def scrub_digest(config: Scrub) -> str:
    """sha256 of everything that decides what is replaced and by what, except the key of pseudonyms."""
    plain = msgspec.to_builtins(config)
    del plain["pseudonym_key_file"]
    decides = {
        "config": plain,
        "placeholders": {kind: placeholder(kind).decode() for kind in config.kinds},
        "rules": RULES_VERSION,
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def scrub_batch(batch: pa.RecordBatch, config: Scrub) -> pa.RecordBatch:
    """The batch with `text` in place of `raw_text`, and the columns of `redaction_fields`."""
    return scrub_with_audit(batch, config)[0]


def scrub_with_audit(batch: pa.RecordBatch, config: Scrub) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """`scrub_batch`, and an AUDIT batch with the position of each value. RecipeError if the key of pseudonyms is missing."""
    scrubbed, found = scrub_fields(batch, config)
    return scrubbed, audit_rows(found, doc_ids(batch), config)


def scrub_fields(batch: pa.RecordBatch, config: Scrub) -> tuple[pa.RecordBatch, list[FieldFindings]]:
    """`scrub_batch`, and what was found in which field. RecipeError if the key of pseudonyms is missing."""
    lang, url = column_or_nulls(batch, "lang"), column_or_nulls(batch, "url")
    every = np.arange(batch.num_rows)
    done = scrub_column(batch.column("raw_text"), lang, url, config)
    counts = done.counts
    found = [FieldFindings(batch.column("raw_text"), every, ["text"] * batch.num_rows, done.values)]
    columns_of: dict[str, pa.Array] = {}
    for name in (name for name in _BESIDE if name in batch.schema.names):
        columns_of[name], more_found = _scrub_beside(batch.column(name), name, lang, url, config)
        found.append(more_found)
    if "meta" in batch.schema.names:
        columns_of["meta"], more, in_meta = _scrub_meta(batch.column("meta"), lang, url, config)
        counts = counts + more
        found.append(in_meta)
    kept = [name for name in batch.schema.names if name != "raw_text"]
    fields = [*(batch.schema.field(name) for name in kept), pa.field("text", pa.large_string(), nullable=False), *redaction_fields(config)]
    columns = [*(columns_of.get(name, batch.column(name)) for name in kept), done.text, *(pa.array(column) for column in counts.T)]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields)), found


def scrub_again(batch: pa.RecordBatch, config: Scrub) -> pa.RecordBatch:
    """Scrub `text` of a scrubbed batch again, after it was changed, and add what is found to the counts."""
    done = scrub_column(batch.column("text"), column_or_nulls(batch, "lang"), column_or_nulls(batch, "url"), config)
    new = {"text": done.text}
    for kind, more in zip(config.kinds, done.counts.T, strict=True):
        name = redaction_column(kind)
        new[name] = pc.add(batch.column(name), pa.array(more))
    return pa.RecordBatch.from_arrays([new.get(name, batch.column(name)) for name in batch.schema.names], schema=batch.schema)


def verify_clean(batch: pa.RecordBatch, config: Scrub) -> pa.RecordBatch:
    """An AUDIT batch of what is still found in `text` of a scrubbed batch; any row means that scrubbing failed."""
    text, lang, url = batch.column("text"), column_or_nulls(batch, "lang"), column_or_nulls(batch, "url")
    data, offsets = text_view(text)
    active = np.ones(len(text), np.bool_)
    spans = resolve_overlaps(find_spans(Searched(data, offsets, active), DocumentInfo(lang, url, config)))
    return audit_rows([FieldFindings(text, np.arange(batch.num_rows), ["text"] * batch.num_rows, spans)], doc_ids(batch), config)


def _scrub_beside(column: pa.Array, name: str, lang: pa.Array, url: pa.Array, config: Scrub) -> tuple[pa.Array, FieldFindings]:
    """(large_string[n], what was found): a metadata column without private values; nulls stay.

    A row without private values stays as it is. A URL with one loses its percent escapes, but never its host.
    """
    plain, hosts = _hiding_hosts(_without_escapes(column)) if name == "url" else (column, {})
    modes = {kind: mode for kind, mode in config.modes.items() if mode == "pseudonym"}
    done = scrub_column(plain, lang, url, replace(config, modes=modes))
    scrubbed = _with_hosts(done.text, hosts) if hosts else done.text
    return pc.if_else(pa.array(done.counts.any(axis=1)), scrubbed, column), FieldFindings(
        plain, np.arange(len(plain)), [name] * len(plain), done.values
    )


def _hiding_hosts(url: pa.Array) -> tuple[pa.Array, dict[int, str]]:
    """(the URLs with letters in place of hosts that have digits, such as IP addresses; those hosts by row).

    The host is the page's own address, by which lists and caps identify the document, and not a private value.
    """
    if not pc.any(pc.match_substring_regex(url, _HOST_WITH_DIGITS)).as_py():
        return url, {}
    urls, hosts = url.to_pylist(), {}
    for row, one in enumerate(urls):
        if one is not None and (found := _NUMERIC_HOST.match(one)):
            hosts[row] = found[2]
            urls[row] = found[1] + re.sub(r"[^.]", "h", found[2]) + one[found.end(2) :]
    return pa.array(urls, pa.large_string()), hosts


def _with_hosts(url: pa.Array, hosts: dict[int, str]) -> pa.Array:
    """The URLs with their hosts restored."""
    urls = url.to_pylist()
    for row, host in hosts.items():
        before = _BEFORE_HOST.match(urls[row])
        if before is not None:
            urls[row] = before[0] + host + urls[row][before.end() + len(host) :]
    return pa.array(urls, pa.large_string())


def _without_escapes(url: pa.Array) -> pa.Array:
    """URLs with their percent escapes decoded, repeated ones up to _MOST_ESCAPES times."""
    if not pc.any(pc.match_substring(url, "%")).as_py():
        return url
    return pa.array([one if one is None or "%" not in one else _unquoted(one) for one in url.to_pylist()], pa.large_string())


def _unquoted(url: str) -> str:
    for _ in range(_MOST_ESCAPES):
        url, before = unquote(url, errors="replace"), url
        if url == before:
            break
    return url


def _scrub_meta(meta: pa.Array, lang: pa.Array, url: pa.Array, config: Scrub) -> tuple[pa.Array, npt.NDArray[np.uint32], FieldFindings]:
    """(large_string[n], uint32[n, kinds], what was found): JSON objects, each value scrubbed alone; private numbers become strings."""
    objects: list[dict[str, Any] | None] = [msgspec.json.decode(row) if row else None for row in meta.to_pylist()]
    values = [
        (row, name, value if isinstance(value, str) else str(value))
        for row, found in enumerate(objects)
        for name, value in (found or {}).items()
        if isinstance(value, str | int | float) and not isinstance(value, bool)
    ]
    counts = np.zeros((len(meta), len(config.kinds)), np.uint32)
    rows = np.array([row for row, _, _ in values], np.int64)
    of_row = pa.array(rows)
    column = pa.array([value for _, _, value in values], pa.large_string())
    done = scrub_column(column, lang.take(of_row), url.take(of_row), config)
    names = _scrub_names({name for found in objects for name in found or ()}, config)
    found = FieldFindings(column, rows, [f"meta.{names.get(name, name)}" for _, name, _ in values], done.values)
    if not done.counts.any() and not names:
        return meta, counts, found
    np.add.at(counts, rows, done.counts)
    for at in np.flatnonzero(done.counts.any(axis=1)).tolist():
        row, name, _ = values[at]
        objects[row][name] = done.text[at].as_py()  # type: ignore[index]
    renamed = [None if one is None else {names.get(name, name): value for name, value in one.items()} for one in objects]
    encoded = [None if one is None else msgspec.json.encode(one).decode() for one in renamed]
    changed = pa.array([bool(count.any()) or not names.keys().isdisjoint(one or ()) for count, one in zip(counts, objects, strict=True)])
    return pc.if_else(changed, pa.array(encoded, pa.large_string()), meta), counts, found


def _scrub_names(names: set[str], config: Scrub) -> dict[str, str]:
    """Names of meta that contain a private value, by name: the name without it."""
    column = pa.array(sorted(names), pa.large_string())
    nothing = pa.nulls(len(column), pa.large_string())
    scrubbed = scrub_column(column, nothing, nothing, replace(config, modes={})).text.to_pylist()
    return {name: new for name, new in zip(column.to_pylist(), scrubbed, strict=True) if new != name}


def audit_rows(found: Iterable[FieldFindings], doc_id: pa.Array, config: Scrub) -> pa.RecordBatch:
    """AUDIT rows of what was found in the documents with these ids."""
    parts = [_audit(one, doc_id, config) for one in found if len(one.values)]
    return pa.concat_batches(parts) if parts else pa.RecordBatch.from_pylist([], AUDIT)


def _audit(found: FieldFindings, doc_id: pa.Array, config: Scrub) -> pa.RecordBatch:
    spans, kinds = found.values, tuple(KINDS)
    data, offsets = text_view(found.column)
    names = [kinds[kind] for kind in spans.kinds.tolist()]
    columns = [
        doc_id.take(pa.array(found.documents[spans.rows])),
        pa.array([found.fields[row] for row in spans.rows.tolist()], pa.large_string()),
        pa.array(names, pa.large_string()),
        pa.array(spans.starts - offsets[spans.rows]),
        pa.array(spans.ends - offsets[spans.rows]),
        pa.array(character_offsets(data, offsets, spans.rows, spans.starts)),
        pa.array(character_offsets(data, offsets, spans.rows, spans.ends)),
        pa.array([KINDS[name].validator for name in names], pa.large_string()),
        pa.array([_mode(name, found.fields[row], config) for name, row in zip(names, spans.rows.tolist(), strict=True)], pa.large_string()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=AUDIT)


def _mode(kind: str, field: str, config: Scrub) -> str:
    """The mode of a value: metadata has no lines to drop and never drops a document, so it gets a placeholder or a pseudonym."""
    mode = config.mode(kind)
    return "placeholder" if field in _BESIDE and mode != "pseudonym" else mode


def doc_ids(batch: pa.RecordBatch) -> pa.Array:
    """binary[16] per row; nulls if the batch has no ids."""
    has_ids = "doc_id" in batch.schema.names and pa.types.is_fixed_size_binary(batch.schema.field("doc_id").type)
    return batch.column("doc_id").cast(pa.binary(16)) if has_ids else pa.nulls(batch.num_rows, pa.binary(16))


def column_or_nulls(batch: pa.RecordBatch, name: str) -> pa.Array:
    """The column, or nulls if the batch lacks it."""
    return batch.column(name) if name in batch.schema.names else pa.nulls(batch.num_rows, pa.large_string())
