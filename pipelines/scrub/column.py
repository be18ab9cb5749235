"""A column of text -> the same without private values, how many there were of each kind, and where they stood.

A replacement changes what stands beside other candidates, so the rewritten rows are looked at again around each
replacement until nothing more is found: a second scrub of the text then finds nothing by construction. A finder sees CONTEXT bytes
on either side and no more, so looking around the replacements is enough; phrases, which may be longer, are searched for in the whole row.

No value is logged, raised or kept: what a finder returns are places, and the only copy of the text is the rewritten one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.scrub.audit import Trail
from pipelines.scrub.candidates import CONTEXT, Candidates, Window
from pipelines.scrub.context import hide_placeholders
from pipelines.scrub.hints import said_before
from pipelines.scrub.kinds import KINDS, Kind, placeholder
from pipelines.scrub.network import is_role
from pipelines.scrub.phrases import Phrase
from pipelines.scrub.places import Place, place_of
from pipelines.scrub.reading import as_it_reads
from pipelines.scrub.rewrite import Spans, rewrite, settle, whole_lines
from pipelines.scrub.scan import scan
from pipelines.scrub.stand_ins import is_stand_in, key_of, pseudonym
from pipelines.text.view import text_view
from schemas.buffers import Bytes, Offsets, string_column
from schemas.recipe import Scrub

NAMES: Final = tuple(KINDS)
_NUMBER_OF: Final = {name: number for number, name in enumerate(KINDS)}
_PLACEHOLDERS: Final = tuple(placeholder(name) for name in KINDS)


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """A column without private values."""

    text: pa.Array
    """large_string[n]"""
    counts: npt.NDArray[np.uint32]
    """uint32[n, kinds], in the recipe's order of kinds"""
    values: Spans
    """Where they stood in the buffer of the text as it came, by number of kind; later finds beside earlier replacements follow."""


def scrub_text(text: pa.Array, lang: pa.Array, url: pa.Array, config: Scrub) -> tuple[pa.Array, npt.NDArray[np.uint32]]:
    """(large_string[n], uint32[n, kinds]): the texts without private values, and how many there were of each configured kind."""
    done = scrub_column(text, lang, url, config)
    return done.text, done.counts


def scrub_column(text: pa.Array, lang: pa.Array, url: pa.Array, config: Scrub) -> Scrubbed:
    """Every private value of the recipe's kinds replaced in the way of its kind's mode."""
    key = key_of(config)
    data, offsets = text_view(text)
    counts = np.zeros((len(text), len(KINDS)), np.uint32)
    trail, values = Trail.at(int(offsets[0])), [Spans.of([])]
    active = np.ones(len(text), np.bool_)
    fresh: Spans | None = None
    while active.any():
        spans = settle(find_spans(data, offsets, fresh, active, lang, url, config))
        if not len(spans):
            break
        np.add.at(counts, (spans.rows, spans.kinds), 1)
        values.append(Spans(spans.rows, *trail.back(spans.starts, spans.ends), spans.kinds))
        cuts, stand_ins = _replacements(data, offsets, spans, config, key)
        data, offsets, fresh = rewrite(data, offsets, cuts, stand_ins)
        trail = trail.forward(cuts, fresh)
        active[:] = False
        active[cuts.rows] = True
    columns = [_NUMBER_OF[kind] for kind in config.kinds]
    scrubbed = _without_nulls(text) if fresh is None else string_column(data, offsets)
    return Scrubbed(scrubbed, counts[:, columns], Spans.concat(values))


def _replacements(data: Bytes, offsets: Offsets, spans: Spans, config: Scrub, key: bytes) -> tuple[Spans, Sequence[bytes]]:
    """The spans to cut out and what to write there: their kinds are then numbers of the stand-ins."""
    pseudonyms = [_NUMBER_OF[kind] for kind, mode in config.modes.items() if mode == "pseudonym"]
    lines = [_NUMBER_OF[kind] for kind, mode in config.modes.items() if mode == "drop_line"]
    if not pseudonyms and not lines:
        return spans, _PLACEHOLDERS
    stand_ins = {word: number for number, word in enumerate((*_PLACEHOLDERS, b""))}
    words = spans.kinds.copy()
    for at in np.flatnonzero(np.isin(spans.kinds, pseudonyms)).tolist():
        value = data[spans.starts[at] : spans.ends[at]].tobytes()
        words[at] = stand_ins.setdefault(pseudonym(NAMES[spans.kinds[at]], value, key), len(stand_ins))
    cuts = Spans(spans.rows, spans.starts, spans.ends, words)
    if lines:
        cuts = whole_lines(data, offsets, cuts, np.isin(spans.kinds, lines), stand_ins[b""])
    return cuts, tuple(stand_ins)


def find_spans(
    data: Bytes, offsets: Offsets, near: Spans | None, active: npt.NDArray[np.bool_], lang: pa.Array, url: pa.Array, config: Scrub
) -> Spans:
    """What is found in active rows, around replacements only where there were any; and in rows that read otherwise, as they read."""
    seen, odd = scan(data, offsets, active)
    found = _find(data, offsets, seen, near, active, lang, url, config)
    if not len(odd):
        return found
    read, read_offsets, starts, ends = as_it_reads(data, offsets, odd)
    twice = np.diff(read_offsets) > 0
    also = _find(read, read_offsets, scan(read, read_offsets, twice)[0], None, twice, lang, url, config)
    return Spans.concat([found, Spans(also.rows, starts[also.starts], ends[also.ends - 1], also.kinds)])


def _find(
    data: Bytes,
    offsets: Offsets,
    seen: Candidates,
    near: Spans | None,
    active: npt.NDArray[np.bool_],
    lang: pa.Array,
    url: pa.Array,
    config: Scrub,
) -> Spans:
    """What the finders accept of the candidates of active rows, of those near replacements where there were any, and of phrases."""
    view = data.data
    candidates = seen if near is None else seen.where(_near(seen, near))
    found: list[tuple[int, int, int, int]] = []
    places: dict[int, Place] = {}
    for name in config.kinds:
        number, kind = _NUMBER_OF[name], KINDS[name]
        keeps = config.mode(name) == "pseudonym" or (name == "email" and config.keep_role_addresses)
        picked, hinted = _picked(kind, data, offsets, active, seen, candidates)
        for row, start, end, hint in zip(picked.rows.tolist(), picked.starts.tolist(), picked.ends.tolist(), hinted.tolist(), strict=True):
            first, stop = offsets[row], offsets[row + 1]
            before = hide_placeholders(view[max(first, start - CONTEXT) : start].tobytes())
            window = Window(before, view[start:end].tobytes(), view[end : min(stop, end + CONTEXT)].tobytes(), hint)
            if row not in places:
                places[row] = place_of(lang[row].as_py(), url[row].as_py(), config.phone_regions)
            for i, j in kind.find(window, places[row]):
                if not (keeps and _stays(name, view[start + i : start + j].tobytes(), config)):
                    found.append((row, start + i, start + j, number))
    return Spans.of(found)


def _picked(
    kind: Kind, data: Bytes, offsets: Offsets, active: npt.NDArray[np.bool_], seen: Candidates, candidates: Candidates
) -> tuple[Candidates, npt.NDArray[np.bool_]]:
    """The candidates that the kind's finder looks at, and which of them have a hint before them."""
    picks = kind.picks
    picked = picks.search(data, offsets, active, seen) if isinstance(picks, Phrase) else candidates.where(picks(candidates))
    if not kind.hints:
        return picked, np.ones(len(picked), np.bool_)
    hinted = said_before(kind.hints, data, offsets, picked)
    stays = hinted | kind.alone(picked) if kind.alone else hinted
    return picked.where(stays), hinted[stays]


def _stays(name: str, value: bytes, config: Scrub) -> bool:
    """Whether a found value is a stand-in, or an address that the recipe keeps."""
    if name == "email" and config.keep_role_addresses and is_role(value):
        return True
    return config.mode(name) == "pseudonym" and is_stand_in(name, value)


def _near(candidates: Candidates, placeholders: Spans) -> npt.NDArray[np.bool_]:
    """Which candidates have a placeholder in their window."""
    following = np.searchsorted(placeholders.ends, candidates.starts - CONTEXT, side="right")
    starts = np.append(placeholders.starts, np.iinfo(np.int64).max)
    return starts[following] < candidates.ends + CONTEXT


def _without_nulls(text: pa.Array) -> pa.Array:
    return text.cast(pa.large_string()).fill_null("") if text.null_count or text.type != pa.large_string() else text
