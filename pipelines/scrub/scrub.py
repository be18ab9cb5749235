"""raw_text in, text out: private values replaced by one fixed placeholder per kind, and how many there were of each.

What travels with a text is looked at, too: every value in `meta`, and `url` for e-mail addresses (its numbers name pages).

A replacement changes what stands beside other candidates, so the rewritten rows are looked at again around each
placeholder until nothing more is found: a second scrub of the text then finds nothing by construction. A finder sees CONTEXT bytes
on either side and no more, so looking around the placeholders is enough.

No value is logged, raised or kept: what a finder returns are places, and the only copy of the text is the rewritten one.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from dataclasses import replace
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.scrub.candidates import CONTEXT, Candidates, Window, scan
from pipelines.scrub.context import hide_placeholders
from pipelines.scrub.kinds import KINDS
from pipelines.scrub.places import place_of
from pipelines.scrub.rewrite import Spans, rewrite, settle
from pipelines.text.view import text_view
from schemas.buffers import Bytes, Offsets, string_column
from schemas.recipe import Scrub

RULES_VERSION: Final = 1
_LIBRARIES: Final = ("phonenumbers", "python-stdnum", "tldextract")  # their tables decide what is valid
_PLACEHOLDERS: Final = tuple(kind.placeholder for kind in KINDS.values())
_NUMBER_OF: Final = {name: number for number, name in enumerate(KINDS)}


def redaction_fields(config: Scrub) -> list[pa.Field]:
    """The columns that say how many values of each kind were replaced."""
    return [pa.field(f"n_redacted_{kind}", pa.uint32(), nullable=False) for kind in config.kinds]


def digest(config: Scrub) -> str:
    """sha256 of everything that decides what is replaced and by what."""
    decides = {
        "config": msgspec.to_builtins(config),
        "placeholders": {kind: KINDS[kind].placeholder.decode() for kind in config.kinds},
        "rules": RULES_VERSION,
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def scrub_batch(batch: pa.RecordBatch, config: Scrub) -> pa.RecordBatch:
    """The batch with `text` in place of `raw_text`, and the columns of `redaction_fields`."""
    lang, url = _strings(batch, "lang"), _strings(batch, "url")
    text, counts = scrub_text(batch.column("raw_text"), lang, url, config)
    new = {"url": scrub_url(url, config)}
    if "meta" in batch.schema.names:
        new["meta"], more = scrub_meta(batch.column("meta"), lang, url, config)
        counts = counts + more
    kept = [name for name in batch.schema.names if name != "raw_text"]
    fields = [*(batch.schema.field(name) for name in kept), pa.field("text", pa.large_string(), nullable=False), *redaction_fields(config)]
    columns = [*(new.get(name, batch.column(name)) for name in kept), text, *(pa.array(column) for column in counts.T)]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def scrub_again(batch: pa.RecordBatch, config: Scrub) -> pa.RecordBatch:
    """A scrubbed batch whose texts were changed: `text` scrubbed once more, and what was found added to the counts."""
    text, counts = scrub_text(batch.column("text"), _strings(batch, "lang"), _strings(batch, "url"), config)
    new = {"text": text}
    for kind, more in zip(config.kinds, counts.T, strict=True):
        name = f"n_redacted_{kind}"
        new[name] = pc.add(batch.column(name), pa.array(more))
    return pa.RecordBatch.from_arrays([new.get(name, batch.column(name)) for name in batch.schema.names], schema=batch.schema)


def scrub_url(url: pa.Array, config: Scrub) -> pa.Array:
    """large_string[n]: the URLs without e-mail addresses, those that are written with %40 included; nulls stay."""
    if "email" not in config.kinds or not pc.any(pc.match_substring_regex(url, "@|%40")).as_py():
        return url
    plain = pc.replace_substring(url, "%40", "@")
    scrubbed, counts = scrub_text(plain, pa.nulls(len(url), pa.large_string()), plain, replace(config, kinds=("email",)))
    return pc.if_else(pa.array(counts[:, 0] > 0), scrubbed, url)


def scrub_meta(meta: pa.Array, lang: pa.Array, url: pa.Array, config: Scrub) -> tuple[pa.Array, npt.NDArray[np.uint32]]:
    """(large_string[n], uint32[n, kinds]): the JSON objects with every value scrubbed by itself; a private number becomes a string."""
    objects: list[dict[str, Any] | None] = [msgspec.json.decode(row) if row else None for row in meta.to_pylist()]
    values = [
        (row, name, value if isinstance(value, str) else str(value))
        for row, found in enumerate(objects)
        for name, value in (found or {}).items()
        if isinstance(value, str | int | float) and not isinstance(value, bool)
    ]
    counts = np.zeros((len(meta), len(config.kinds)), np.uint32)
    if not values:
        return meta, counts
    rows = np.array([row for row, _, _ in values])
    of_row = pa.array(rows)
    column = pa.array([value for _, _, value in values], pa.large_string())
    scrubbed, found_in = scrub_text(column, lang.take(of_row), url.take(of_row), config)
    np.add.at(counts, rows, found_in)
    for at in np.flatnonzero(found_in.any(axis=1)).tolist():
        row, name, _ = values[at]
        objects[row][name] = scrubbed[at].as_py()  # type: ignore[index]
    encoded = [None if found is None else msgspec.json.encode(found).decode() for found in objects]
    changed = pa.array(counts.any(axis=1))
    return pc.if_else(changed, pa.array(encoded, pa.large_string()), meta), counts


def scrub_text(text: pa.Array, lang: pa.Array, url: pa.Array, config: Scrub) -> tuple[pa.Array, npt.NDArray[np.uint32]]:
    """(large_string[n], uint32[n, kinds]): the texts without private values, and how many there were of each configured kind."""
    data, offsets = text_view(text)
    n = len(text)
    counts = np.zeros((n, len(KINDS)), np.uint32)
    active = np.ones(n, np.bool_)
    fresh: Spans | None = None
    while active.any():
        candidates = scan(data, offsets, active)
        if fresh is not None:
            candidates = candidates.where(_near(candidates, fresh))
        spans = settle(_find(data, offsets, candidates, lang, url, config))
        if not len(spans):
            break
        np.add.at(counts, (spans.rows, spans.kinds), 1)
        data, offsets, fresh = rewrite(data, offsets, spans, _PLACEHOLDERS)
        active[:] = False
        active[spans.rows] = True
    if fresh is None:
        return _without_nulls(text), counts[:, [_NUMBER_OF[kind] for kind in config.kinds]]
    return string_column(data, offsets), counts[:, [_NUMBER_OF[kind] for kind in config.kinds]]


def _find(data: Bytes, offsets: Offsets, candidates: Candidates, lang: pa.Array, url: pa.Array, config: Scrub) -> Spans:
    view = data.data
    found: list[tuple[int, int, int, int]] = []
    for name in config.kinds:
        number, kind = _NUMBER_OF[name], KINDS[name]
        picked = candidates.where(kind.picks(candidates))
        for row, start, end in zip(picked.rows.tolist(), picked.starts.tolist(), picked.ends.tolist(), strict=True):
            first, stop = offsets[row], offsets[row + 1]
            before = hide_placeholders(view[max(first, start - CONTEXT) : start].tobytes())
            window = Window(before, view[start:end].tobytes(), view[end : min(stop, end + CONTEXT)].tobytes())
            place = place_of(lang[row].as_py(), url[row].as_py(), config.phone_regions)
            found += [(row, start + i, start + j, number) for i, j in kind.find(window, place)]
    return Spans.of(found)


def _near(candidates: Candidates, placeholders: Spans) -> npt.NDArray[np.bool_]:
    """Which candidates have a placeholder in their window."""
    following = np.searchsorted(placeholders.ends, candidates.starts - CONTEXT, side="right")
    starts = np.append(placeholders.starts, np.iinfo(np.int64).max)
    return starts[following] < candidates.ends + CONTEXT


def _strings(batch: pa.RecordBatch, name: str) -> pa.Array:
    return batch.column(name) if name in batch.schema.names else pa.nulls(batch.num_rows, pa.large_string())


def _without_nulls(text: pa.Array) -> pa.Array:
    return text.cast(pa.large_string()).fill_null("") if text.null_count or text.type != pa.large_string() else text
