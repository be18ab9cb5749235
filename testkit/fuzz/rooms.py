"""Texts whose content is known through the rooms that measure, mend, scrub, cut and encode: what is wrong with what came out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.dedup.spans.cut import apply_cuts, resolve_cuts
from pipelines.dedup.spans.lines import line_units
from pipelines.dedup.spans.sentences import sentence_units
from pipelines.dedup.spans.units import Units
from pipelines.filters.chain import FilterChain
from pipelines.filters.clean.steps import STEPS
from pipelines.scrub.column import scrub_text
from schemas import recipe as recipes
from schemas.recipe import Lines, Scrub, Sentences, Tokenizer
from testkit.fuzz.reading import lines_of
from testkit.fuzz.texts import Text
from tokenizer.decode import TokenDecoder
from tokenizer.encode import Encoder
from tokenizer.files import save_tokenizer
from tokenizer.train import train_from_columns

RULES = ["length", "gopher_repetition", "gopher_quality", "c4", "fineweb", "refinedweb", "code", "integrity"]
PATTERNS: tuple[Literal["gpt2", "qwen2", "o200k"], ...] = ("gpt2", "qwen2", "o200k")


def column(texts: list[str]) -> pa.Array:
    """A column behind other rows, as a slice of a batch is."""
    return pa.array(["é", *texts], pa.large_string())[1:]


def values(found: pa.Array) -> list[str | None]:
    """The texts; None for one that is not UTF-8."""
    texts: list[str | None] = []
    for stored in found.cast(pa.large_binary()).to_pylist():
        try:
            texts.append(stored.decode())
        except UnicodeDecodeError:
            texts.append(None)
    return texts


def letters(text: str | None) -> str | None:
    """The text without white space; None stays None."""
    return None if text is None else "".join(text.split())


def check_rooms(batch: pa.RecordBatch, known: dict[str, Text], folder: Path, seed: int) -> Iterator[str]:
    """What is wrong in any room with documents, of which those in `known` (see `lines_of`) are as they were made."""
    texts = batch.column("raw_text").to_pylist()
    made = {text: one for text in texts if (one := known.get(lines_of(text))) is not None and one.hidden}
    yield from check_filters(batch)
    yield from check_cleaning(list(made))
    yield from check_scrub(made)
    yield from check_cuts(texts, seed)
    yield from check_tokens(texts, folder)


def check_filters(batch: pa.RecordBatch) -> Iterator[str]:
    """Every row has its signals, and rules that cut only take away."""
    sources = batch.set_column(batch.schema.get_field_index("source"), "source", pa.array(["web"] * batch.num_rows, pa.large_string()))
    chain = FilterChain.of(recipes.parse({"name": "fuzz", "sources": {"web": {"path": ["x"]}}, "filters": {"rules": RULES}}))
    measured = chain.measure(sources)
    if not measured.column("doc_id").equals(batch.column("doc_id")):
        yield "filters: rows are not those that came in"
    for before, after in zip(batch.column("raw_text").to_pylist(), values(measured.column("raw_text")), strict=True):
        if after is None:
            yield "filters: a text is not UTF-8"
        elif not _is_within(after, before):
            yield f"filters: letters appear that were not there: {ascii(before)[:200]}"
    kept, ended = chain(sources)
    if kept.num_rows + ended.num_rows != batch.num_rows:
        yield f"filters: {kept.num_rows} kept and {ended.num_rows} ended of {batch.num_rows}"


def _is_within(after: str, before: str) -> bool:
    """Whether every letter of a text is in the other, in order."""
    rest = iter(before)
    return all(letter in rest for letter in after if not letter.isspace())


def check_cleaning(texts: list[str]) -> Iterator[str]:
    """No step takes a letter from texts that have nothing to mend; accented letters in any order do look like mojibake."""
    for name, step in STEPS.items():
        for before, after in zip(texts, values(step(column(texts))), strict=True):
            if after is None or (name != "mojibake" and letters(after) != letters(before)):
                at = next((i for i, (a, b) in enumerate(zip(before, after or "", strict=False)) if a != b), 0)
                yield f"clean.{name}: {before[max(0, at - 60) : at + 60]!a} became {(after or '')[max(0, at - 60) : at + 60]!a}"


def check_scrub(made: dict[str, Text]) -> Iterator[str]:
    """Values become placeholders, and nothing else changes."""
    shown = column(list(made))
    unknown = pa.nulls(len(shown), pa.large_string())
    scrubbed, _ = scrub_text(shown, unknown, unknown, Scrub())
    for text, found in zip(made.values(), values(scrubbed), strict=True):
        hidden, after = lines_of(text.hidden), None if found is None else lines_of(found)
        if after != hidden:
            at = next((i for i, (a, b) in enumerate(zip(after or "", hidden, strict=False)) if a != b), 0)
            yield f"scrub: {hidden[max(0, at - 30) : at + 40]!a} became {(after or '')[max(0, at - 30) : at + 40]!a}"


def check_cuts(texts: list[str], seed: int) -> Iterator[str]:
    """Spans begin and end between letters, and a cut takes only what lies in them."""
    found = column(texts)
    for units in (line_units(found, Lines()), sentence_units(found, Sentences())):
        kept = np.random.default_rng(seed).random(len(units)) < 0.5
        spans = resolve_cuts(units.rows, units.starts, units.ends, kept)
        cut, _, _ = apply_cuts(found, spans)
        expected = _cut_slowly(texts, units, kept)
        for before, after, wanted in zip(texts, values(cut), expected, strict=True):
            if letters(after) != letters(wanted):
                yield f"cut: {ascii(before)[:300]} became {ascii(after)[:300]}"


def _cut_slowly(texts: list[str], units: Units, kept: npt.NDArray[np.bool_]) -> list[str | None]:
    """The texts without the bytes of units that are not kept."""
    marks = [bytearray(len(text.encode())) for text in texts]
    for is_kept in (False, True):
        for at in np.flatnonzero(kept == is_kept).tolist():
            start, end = int(units.starts[at]), int(units.ends[at])
            marks[units.rows[at]][start:end] = bytes([not is_kept]) * (end - start)
    left = [bytes(byte for byte, mark in zip(text.encode(), cut, strict=True) if not mark) for text, cut in zip(texts, marks, strict=True)]
    return values(pa.array(left, pa.large_binary()))


def check_tokens(texts: list[str], folder: Path) -> Iterator[str]:
    """What is encoded comes back whole, whatever the pattern."""
    for pattern in PATTERNS:
        path = folder / f"{pattern}.json"
        save_tokenizer(
            train_from_columns(
                [column(texts[:200])], Tokenizer(vocab_size=600 if len(texts) > 99 else 280, pattern=pattern, min_frequency=1)
            ),
            path,
        )
        encoder = Encoder(path)
        for size in (1, len(texts)):
            bounds = [*range(0, min(len(texts), 20 * size), size)] or [0]
            for start, end in pairwise([*bounds, min(bounds[-1] + size, len(texts))]):
                back = values(TokenDecoder(encoder).to_text(encoder(column(texts[start:end]))))
                yield from (
                    f"tokens, {pattern}: {ascii(before)[:200]} came back as {ascii(after)[:200]}"
                    for before, after in zip(texts[start:end], back, strict=True)
                    if before != after
                )
