"""Signatures and shingle sets against a slow reference and against datasketch."""

from __future__ import annotations

import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from datasketch import MinHash
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dedup.shingles import permutations, shingle_sets, signatures
from tests.dedup.reference import folded_words, shingle_hashes

TEXTS = st.lists(
    st.text(
        alphabet=st.one_of(st.sampled_from("ab Éß12.,!-+<\n的是国かガﾞไทย่้의ﷺ ①Ⅳ\u00ad\ufe0f—“😀"), st.characters(exclude_categories=["Cs"])),
        max_size=40,
    ),
    max_size=5,
)


def column(texts: list[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())


@given(TEXTS, st.integers(1, 6))
def test_shingle_sets_are_those_of_the_reference(texts: list[str], size: int) -> None:
    hashes, offsets = shingle_sets(column(texts), size)
    for row, text in enumerate(texts):
        size_of_row = min(size, max(1, len(folded_words(text))))  # a short text is one shingle
        assert hashes[offsets[row] : offsets[row + 1]].tolist() == sorted(set(shingle_hashes(text, size_of_row)))


@given(TEXTS, st.integers(1, 6))
def test_signatures_equal_datasketch_affine32(texts: list[str], size: int) -> None:
    a, b = permutations(16, seed=7)
    minhash, n_shingles = signatures(column(texts), size, a, b)
    for row, text in enumerate(texts):
        expected = MinHash(num_perm=16, seed=7, scheme="affine32", hashfunc=lambda value: value)
        low = [value & 0xFFFFFFFF for value in shingle_hashes(text, size)]
        if low:
            expected.update_batch(low)
        assert n_shingles[row] == len(low)
        assert np.array_equal(minhash[row], expected.hashvalues)


@given(st.integers(1, 200), st.integers(0, 2**32 - 1))
def test_permutations_are_those_of_datasketch(count: int, seed: int) -> None:
    expected = MinHash(num_perm=count, seed=seed, scheme="affine32").permutations
    assert np.array_equal(permutations(count, seed), expected)


@given(TEXTS, st.integers(0, 5))
def test_a_batch_cut_anywhere_gives_the_same_rows(texts: list[str], cut: int) -> None:
    a, b = permutations(8, seed=1)
    whole, parts = signatures(column(texts), 3, a, b), [signatures(part, 3, a, b) for part in (column(texts)[:cut], column(texts)[cut:])]
    assert np.array_equal(whole[0], np.concatenate([part[0] for part in parts]))
    assert np.array_equal(whole[1], np.concatenate([part[1] for part in parts]))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The Café, 2024-11!", ["the", "cafe", "2024", "-11"]),
        ("ＡＢＣ１２３", ["abc123"]),
        ("中国人民 GPT4", ["中", "国", "人", "民", "gpt4"]),
        ("3.14 x10: a, b; (c)", ["3", ".14", "x10", "a", "b", "(c", ")"]),
        ("if (!left <<= right) { }", ["if", "(!left", "<<=right", "){}"]),
        ("“Yes,” it said — no…", ["yes", "it", "said", "-no"]),
        ("co\u00adop\u200berate ❤️ love", ["cooperate", "❤love"]),
        ("ภาษา", ["ภ", "า", "ษ", "า"]),
        ("... !?", []),
        ("대한민국 만세", [unicodedata.normalize("NFD", word) for word in ("대한민국", "만세")]),
    ],
)
def test_words_are_compared_folded(text: str, words: list[str]) -> None:
    assert folded_words(text) == words
    hashes, _ = shingle_sets(column([text]), 1)
    assert len(hashes) == len(set(words))
    same, offsets = shingle_sets(column([text, " ".join(words)]), 1)
    assert same[: offsets[1]].tolist() == same[offsets[1] :].tolist()


def test_a_text_shorter_than_a_shingle_has_no_signature() -> None:
    a, b = permutations(4, seed=1)
    minhash, n_shingles = signatures(column(["one two three four", ""]), 5, a, b)
    assert n_shingles.tolist() == [0, 0]
    assert (minhash == 0xFFFFFFFF).all()
