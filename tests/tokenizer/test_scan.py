"""The scanners cut text exactly where the regular expressions of the `tokenizers` library cut it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, pre_tokenizers

from testkit.random_text import random_texts
from tokenizer.classes import N_CODES, PATTERN_OF_BIT, code_classes
from tokenizer.patterns import DIGITS_ALONE, DIGITS_APART, GPT2, PATTERNS, SCANNERS, Scanner, scanner_of
from tokenizer.scan import pretoken_ends

EVERY_CHARACTER = [chr(code) for code in range(N_CODES) if not 0xD800 <= code < 0xE000]
EVERY_KIND = [char for char in EVERY_CHARACTER if ord(char) < 0x3400 or ord(char) % 16 == 5 or 0xE0000 <= ord(char) < 0xE1000]


def scanned(texts: list[str], scanner: Scanner) -> list[list[str]]:
    column = pa.array(texts, pa.large_string())
    ends, bounds = pretoken_ends(column, scanner)
    data, rows = b"".join(text.encode() for text in texts), []
    at = 0
    for row in range(len(texts)):
        pieces = []
        for end in ends[bounds[row] : bounds[row + 1]].tolist():
            pieces.append(data[at:end].decode())
            at = end
        rows.append(pieces)
    return rows


def reference(name: str) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Split(Regex(PATTERNS[name]), "isolated")


def expected(texts: list[str], splitter: pre_tokenizers.PreTokenizer) -> list[list[str]]:
    return [[piece for piece, _ in splitter.pre_tokenize_str(text)] for text in texts]


@pytest.mark.parametrize("name", PATTERNS)
@given(texts=st.lists(st.text(), max_size=4))
def test_any_text_is_cut_as_the_expression_cuts_it(name: str, texts: list[str]) -> None:
    assert scanned(texts, SCANNERS[name]) == expected(texts, reference(name))


@pytest.mark.parametrize("name", PATTERNS)
def test_awkward_text_is_cut_as_the_expression_cuts_it(name: str) -> None:
    texts = list(random_texts(20_000, seed=1))
    for text, ours, theirs in zip(texts, scanned(texts, SCANNERS[name]), expected(texts, reference(name)), strict=True):
        assert ours == theirs, text


@pytest.mark.parametrize("bit", PATTERN_OF_BIT)
def test_every_code_point_is_in_the_classes_that_the_library_puts_it_in(bit: int) -> None:
    splitter = pre_tokenizers.Split(Regex(PATTERN_OF_BIT[bit] + "+"), "removed", invert=True)
    inside = np.zeros(len(EVERY_CHARACTER), bool)
    for _, (start, end) in splitter.pre_tokenize_str("".join(EVERY_CHARACTER)):
        inside[start:end] = True
    assert np.array_equal(code_classes()[[ord(char) for char in EVERY_CHARACTER]] & bit != 0, inside)


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("around", ["a{}", " {}b", "'{}", "\n{} ", "{}A"])
def test_every_kind_of_character_is_cut_as_the_expression_cuts_it(name: str, around: str) -> None:
    # Words between the characters keep them apart; one string is far quicker to ask about than many.
    text = "".join(around.format(char) + "x;" for char in EVERY_KIND)
    (ours,) = scanned([text], SCANNERS[name])
    spans = [span for _, span in reference(name).pre_tokenize_str(text)]
    assert [len(piece) for piece in ours] == [end - start for start, end in spans]


@pytest.mark.parametrize("split_digits", [DIGITS_ALONE, DIGITS_APART])
def test_digits_are_split_before_the_pattern_is_applied(split_digits: int) -> None:
    texts = list(random_texts(20_000, seed=2))
    digits = pre_tokenizers.Digits(individual_digits=split_digits == DIGITS_ALONE)
    splitter = pre_tokenizers.Sequence([digits, reference("gpt2")])
    assert scanned(texts, Scanner(GPT2, split_digits=split_digits)) == expected(texts, splitter)


@pytest.mark.parametrize(
    ("name", "text", "pieces"),
    [
        ("gpt2", "don't  2023年", ["don", "'t", " ", " 2023", "年"]),
        ("cl100k", "DON'T 12345 \n\n x", ["DON", "'T", " ", "123", "45", " \n\n", " x"]),
        ("qwen2", "12a", ["1", "2", "a"]),
        ("o200k", "HTTPServer's 你好ABC", ["HTTPServer's", " 你好", "ABC"]),
        ("llama", "GPT-4 花费1.8", ["GPT", "-", "4", " 花费", "1", ".", "8"]),
        ("code", "x\r\n    y = 10", ["x", "\r\n", "   ", " y", " =", " ", "1", "0"]),
    ],
)
def test_each_pattern_has_its_own_way(name: str, text: str, pieces: list[str]) -> None:
    assert scanned([text], SCANNERS[name]) == [pieces]


def test_a_slice_is_cut_as_its_rows_are() -> None:
    texts = ["ab cd", "", "语言 1", "x  y"]
    column = pa.array(texts, pa.large_string())
    _, whole = pretoken_ends(column, SCANNERS["gpt2"])
    _, part = pretoken_ends(column[1:3], SCANNERS["gpt2"])
    assert np.diff(part).tolist() == np.diff(whole)[1:3].tolist()


def test_an_unknown_expression_has_no_scanner() -> None:
    assert scanner_of(r"\w+") is None
    assert scanner_of(PATTERNS["o200k"]) == SCANNERS["o200k"]


def test_chinese_is_cut_from_other_letters_and_white_space_from_words() -> None:
    text = "花费GPT-4モデル 的\n\n  x12"
    assert scanned([text], SCANNERS["baichuan"]) == [["花费", "GPT", "-", "4", "モデル", " 的", "\n\n ", " x", "1", "2"]]
