"""A column of text -> the same without private values, how many there were of each kind, and where they were.

A replacement changes the text around other candidates, so rewritten rows are searched again around each replacement until nothing more is
found; a second scrub then finds nothing, by construction. A finder sees CONTEXT bytes on either side and no more, so looking around the
replacements is enough. Phrases may be longer and are searched for in the whole row.

No value is logged, raised or kept: finders return positions, and the only copy of the text is the rewritten one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.scrub.audit import PositionMap
from pipelines.scrub.candidates import CONTEXT, Candidates, Window
from pipelines.scrub.context import hide_placeholders
from pipelines.scrub.hints import has_hint_before
from pipelines.scrub.kind import Kind, placeholder
from pipelines.scrub.kinds import KINDS, kind_numbers
from pipelines.scrub.locales import Locale, locale_of
from pipelines.scrub.network import is_role
from pipelines.scrub.phrases import Phrase
from pipelines.scrub.pseudonyms import is_pseudonym, pseudonym, pseudonym_key
from pipelines.scrub.reading import text_as_read
from pipelines.scrub.scan import scan
from pipelines.scrub.spans import PrivateSpans, replace_spans, resolve_overlaps, whole_lines
from pipelines.text.view import text_view
from schemas.buffers import Bytes, Offsets, string_column
from schemas.recipe import Scrub


@dataclass(frozen=True, slots=True)
class ScrubbedColumn:
    """A column without private values."""

    text: pa.Array
    """large_string[n]"""
    counts: npt.NDArray[np.uint32]
    """uint32[n, kinds], in the recipe's order of kinds."""
    values: PrivateSpans
    """Where the values were in the buffer of the original column. A pass lists its finds in order; later passes follow."""


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """What is known of each row besides its text, and what the recipe looks for."""

    lang: pa.Array
    url: pa.Array
    config: Scrub
    _locales: dict[int, Locale] = field(default_factory=dict)

    def locale(self, row: int) -> Locale:
        """Where the row's document is from."""
        if row not in self._locales:
            self._locales[row] = locale_of(self.lang[row].as_py(), self.url[row].as_py(), self.config.phone_regions)
        return self._locales[row]


@dataclass(frozen=True, slots=True)
class Searched:
    """A text buffer, and where in it to search."""

    data: Bytes
    offsets: Offsets
    active: npt.NDArray[np.bool_]
    """bool[n]: rows to search in."""
    near: PrivateSpans | None = None
    """Replacements to search around; None searches the rows as a whole."""


def scrub_text(text: pa.Array, lang: pa.Array, url: pa.Array, config: Scrub) -> tuple[pa.Array, npt.NDArray[np.uint32]]:
    """(large_string[n], uint32[n, kinds]): the texts without private values, and how many there were of each configured kind."""
    done = scrub_column(text, lang, url, config)
    return done.text, done.counts


def scrub_column(text: pa.Array, lang: pa.Array, url: pa.Array, config: Scrub) -> ScrubbedColumn:
    """Replace every private value of the recipe's kinds, each in its kind's mode."""
    key, info, numbers = pseudonym_key(config), DocumentInfo(lang, url, config), kind_numbers()
    data, offsets = text_view(text)
    counts = np.zeros((len(text), len(numbers)), np.uint32)
    original, values = PositionMap.at(int(offsets[0])), [PrivateSpans.of([])]
    active = np.ones(len(text), np.bool_)
    fresh: PrivateSpans | None = None
    while active.any():
        spans = resolve_overlaps(find_spans(Searched(data, offsets, active, fresh), info))
        if not len(spans):
            break
        np.add.at(counts, (spans.rows, spans.kinds), 1)
        values.append(PrivateSpans(spans.rows, *original.to_original(spans.starts, spans.ends), spans.kinds))
        cuts, replacements = _replacements(data, offsets, spans, config, key)
        data, offsets, fresh = replace_spans(data, offsets, cuts, replacements)
        original = original.after(cuts, fresh)
        active[:] = False
        active[cuts.rows] = True
    columns = [numbers[kind] for kind in config.kinds]
    scrubbed = _without_nulls(text) if fresh is None else string_column(data, offsets)
    return ScrubbedColumn(scrubbed, counts[:, columns], PrivateSpans.concat(values))


def _replacements(data: Bytes, offsets: Offsets, spans: PrivateSpans, config: Scrub, key: bytes) -> tuple[PrivateSpans, Sequence[bytes]]:
    """(the spans to cut out, what to write there): the `kinds` of these spans number the replacements."""
    numbers, placeholders = kind_numbers(), [placeholder(name) for name in KINDS]
    pseudonyms = [numbers[kind] for kind, mode in config.modes.items() if mode == "pseudonym"]
    lines = [numbers[kind] for kind, mode in config.modes.items() if mode == "drop_line"]
    if not pseudonyms and not lines:
        return spans, placeholders
    names = tuple(KINDS)
    replacements = {word: number for number, word in enumerate((*placeholders, b""))}
    words = spans.kinds.copy()
    for at in np.flatnonzero(np.isin(spans.kinds, pseudonyms)).tolist():
        value = data[spans.starts[at] : spans.ends[at]].tobytes()
        words[at] = replacements.setdefault(pseudonym(names[spans.kinds[at]], value, key), len(replacements))
    cuts = PrivateSpans(spans.rows, spans.starts, spans.ends, words)
    if lines:
        cuts = whole_lines(data, offsets, cuts, np.isin(spans.kinds, lines), replacements[b""])
    return cuts, tuple(replacements)


def find_spans(searched: Searched, info: DocumentInfo) -> PrivateSpans:
    """What is found in the text, and in text that reads otherwise (see `reading`), as it reads; overlaps included."""
    seen, odd = scan(searched.data, searched.offsets, searched.active)
    found = _accepted(searched, seen, info)
    if not len(odd):
        return found
    read, read_offsets, starts, ends = text_as_read(searched.data, searched.offsets, odd)
    as_read = Searched(read, read_offsets, np.diff(read_offsets) > 0)
    also = _accepted(as_read, scan(read, read_offsets, as_read.active)[0], info)
    return PrivateSpans.concat([found, PrivateSpans(also.rows, starts[also.starts], ends[also.ends - 1], also.kinds)])


def _accepted(searched: Searched, seen: Candidates, info: DocumentInfo) -> PrivateSpans:
    """What the finders accept of the candidates seen, and of phrases."""
    candidates = seen if searched.near is None else seen.where(_near(seen, searched.near))
    numbers, config = kind_numbers(), info.config
    found: list[tuple[int, int, int, int]] = []
    for kind in (KINDS[name] for name in config.kinds):
        picked, hinted = _picked(kind, searched, seen, candidates)
        columns = (picked.rows.tolist(), picked.starts.tolist(), picked.ends.tolist(), hinted.tolist())
        for row, start, end, hint in zip(*columns, strict=True):
            for i, j in kind.find(_window(searched, row, start, end, info.locale(row), hint)):
                if not _is_kept(kind.name, searched.data[start + i : start + j], config):
                    found.append((row, start + i, start + j, numbers[kind.name]))
    return PrivateSpans.of(found)


def _window(searched: Searched, row: int, start: int, end: int, locale: Locale, hinted: bool) -> Window:
    """The candidate and the CONTEXT bytes of its row on either side."""
    view, first, stop = searched.data.data, searched.offsets[row], searched.offsets[row + 1]
    before = hide_placeholders(view[max(first, start - CONTEXT) : start].tobytes())
    return Window(before, view[start:end].tobytes(), view[end : min(stop, end + CONTEXT)].tobytes(), locale, hinted)


def _picked(kind: Kind, searched: Searched, seen: Candidates, candidates: Candidates) -> tuple[Candidates, npt.NDArray[np.bool_]]:
    """(the candidates that the kind's finder looks at, which of them have a hint before them)."""
    data, offsets, picks = searched.data, searched.offsets, kind.picks
    picked = picks.search(data, offsets, searched.active, seen) if isinstance(picks, Phrase) else candidates.where(picks(candidates))
    if not kind.hints:
        return picked, np.ones(len(picked), np.bool_)
    hinted = has_hint_before(kind.hints, data, offsets, picked)
    stays = hinted | kind.unhinted(picked) if kind.unhinted else hinted
    return picked.where(stays), hinted[stays]


def _is_kept(name: str, value: Bytes, config: Scrub) -> bool:
    """Whether a found value stays: a pseudonym, or an office's address that the recipe keeps."""
    if name == "email" and config.keep_role_addresses and is_role(value.tobytes()):
        return True
    return config.mode(name) == "pseudonym" and is_pseudonym(name, value.tobytes())


def _near(candidates: Candidates, placeholders: PrivateSpans) -> npt.NDArray[np.bool_]:
    """Which candidates have a placeholder in their window."""
    following = np.searchsorted(placeholders.ends, candidates.starts - CONTEXT, side="right")
    starts = np.append(placeholders.starts, np.iinfo(np.int64).max)
    return starts[following] < candidates.ends + CONTEXT


def _without_nulls(text: pa.Array) -> pa.Array:
    return text.cast(pa.large_string()).fill_null("") if text.null_count or text.type != pa.large_string() else text
