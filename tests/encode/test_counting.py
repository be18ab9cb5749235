"""Counts are exact whatever the memory; where they do not fit, the rarest pre-tokens go, whatever the order of the text."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pytest

from pipelines.encode import counting
from pipelines.encode.counting import count_columns
from schemas.recipe import Tokenizer
from testkit.random_text import random_texts
from tokenizer.counts import BYTES_PER_ROW, count_pretokens, merge_pretoken_counts, most_frequent_pretokens, pretoken_partitions
from tokenizer.patterns import SCANNERS

TEXTS = list(random_texts(3_000, seed=8))
COLUMNS = [pa.array(TEXTS[i : i + 100], pa.large_string()) for i in range(0, len(TEXTS), 100)]
WHOLE = merge_pretoken_counts(count_pretokens(column, SCANNERS["cl100k"]) for column in COLUMNS)


def as_dict(counts: pa.RecordBatch) -> dict[bytes, int]:
    return dict(zip(counts.column("pretoken").to_pylist(), counts.column("count").to_pylist(), strict=True))


@pytest.mark.parametrize("most_bytes", [1 << 30, 20_000])
def test_spilled_counts_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch, most_bytes: int) -> None:
    monkeypatch.setattr(counting, "max_count_bytes", lambda config: most_bytes)
    kept = count_columns(iter(COLUMNS), Tokenizer())
    assert kept.equals(count_columns(iter(COLUMNS[::-1]), Tokenizer()))
    assert kept.equals(most_frequent_pretokens([WHOLE], most_bytes))
    found, whole = as_dict(kept), as_dict(WHOLE)
    least = min(found.values())
    assert found == {pretoken: count for pretoken, count in whole.items() if count >= least}
    assert sum(len(pretoken) + BYTES_PER_ROW for pretoken in found) <= most_bytes
    assert (len(found) == len(whole)) == (most_bytes == 1 << 30)


def test_a_count_that_does_not_fit_whole_is_left_out_whole() -> None:
    counts = count_pretokens(pa.array(["a b c d d"], pa.large_string()), SCANNERS["gpt2"])
    assert as_dict(most_frequent_pretokens([counts], BYTES_PER_ROW * 2 + 3)) == {b" d": 2}
    assert as_dict(most_frequent_pretokens([counts], 0)) == {}


def test_every_pretoken_has_one_range_wherever_it_is_counted() -> None:
    found = dict(zip(WHOLE.column("pretoken").to_pylist(), pretoken_partitions(WHOLE, 7).to_pylist(), strict=True))
    part = count_pretokens(COLUMNS[3], SCANNERS["cl100k"])
    assert all(
        found[pretoken] == number
        for pretoken, number in zip(part.column("pretoken").to_pylist(), pretoken_partitions(part, 7).to_pylist(), strict=True)
    )
    sizes = Counter(found.values())
    assert set(sizes) == set(range(7))
    assert max(sizes.values()) < 2 * min(sizes.values())
