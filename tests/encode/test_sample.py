"""The sample of a tokenizer: about as much as asked for, weighted by source and language, the same for the same seed."""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pytest

from pipelines.encode.sample import group_sizes, sample_batch, sampling_shares


def documents(source: str, lang: str | None, n: int) -> pa.RecordBatch:
    ids = [hashlib.blake2b(f"{source}{lang}{i}".encode(), digest_size=16).digest() for i in range(n)]
    columns = {"source": [source] * n, "lang": [lang] * n, "text": ["text" * 25] * n}
    strings = {name: pa.array(values, pa.large_string()) for name, values in columns.items()}
    return pa.RecordBatch.from_pydict({"doc_id": pa.array(ids, pa.binary(16)), **strings})


BATCHES = [documents("web", "en", 8000), documents("web", "zh", 2000), documents("books", None, 100)]
SIZES = group_sizes(BATCHES)


def test_sizes_are_bytes_by_source_and_language() -> None:
    assert SIZES == {("web", "en"): 800_000, ("web", "zh"): 200_000, ("books", None): 10_000}


@pytest.mark.parametrize(
    ("most_bytes", "alpha", "expected"),
    [
        (10_000_000, 1.0, {("web", "en"): 1, ("web", "zh"): 1, ("books", None): 1}),
        (101_000, 1.0, {("web", "en"): 0.1, ("web", "zh"): 0.1, ("books", None): 0.1}),
        # Each a third: the books have less than that and come whole, the rest is halved between the two.
        (110_000, 0.0, {("web", "en"): 0.0625, ("web", "zh"): 0.25, ("books", None): 1}),
        # Square roots 894, 447, 100.
        (14_412, 0.5, {("web", "en"): 0.01118, ("web", "zh"): 0.02236, ("books", None): 0.1}),
    ],
)
def test_a_smaller_power_favours_the_smaller_groups(most_bytes: int, alpha: float, expected: dict[tuple[str, str | None], float]) -> None:
    assert sampling_shares(SIZES, most_bytes, alpha) == pytest.approx(expected, rel=1e-3)


def test_documents_are_drawn_by_their_id_alone() -> None:
    of = sampling_shares(SIZES, 110_000, 0.0)
    assert [sample_batch(batch, of, 7, "tokenizer").num_rows for batch in BATCHES] == [pytest.approx(500, rel=0.2)] * 2 + [100]
    whole = sample_batch(BATCHES[0], of, 7, "tokenizer").column("doc_id").to_pylist()
    parts = [sample_batch(BATCHES[0].slice(at, 1000), of, 7, "tokenizer").column("doc_id").to_pylist() for at in range(0, 8000, 1000)]
    assert whole == [doc_id for part in parts for doc_id in part]
    assert sample_batch(BATCHES[0], of, 8, "tokenizer").column("doc_id").to_pylist() != whole
