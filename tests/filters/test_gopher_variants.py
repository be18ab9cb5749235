"""Gopher's rules by the formulas of Dolma and NeMo Curator, against those formulas in plain Python."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.filters import gopher_dolma, gopher_nemo
from pipelines.filters.profiles import NEUTRAL, PROFILES, LanguageProfile
from pipelines.filters.signals import QUALITY_SIGNALS, REPETITION_SIGNALS
from pipelines.filters.tables import profile_tables
from pipelines.text.words import split_on_space
from tests.filters.helpers import chain_of, documents, outcome
from tests.filters.reference import ratio
from tests.text.reference import has, space_spans, space_words
from tests.text.strategies import TEXTS, column, padded

PROFILE_LIST = [NEUTRAL, PROFILES["en"], PROFILES["zh"]]
TABLES = profile_tables(PROFILE_LIST)
REPEATING = st.lists(
    st.lists(st.sampled_from(["a", "b", "ab", "ba", "#", "…", "...", "\n", "\n\n", "的", "是", "，", "•a", "-b", "*c"]), max_size=60).map(
        " ".join
    ),
    max_size=4,
)
UNSPACED = st.lists(st.lists(st.sampled_from("的是我，。 \n"), max_size=60).map("".join), max_size=4)
ALL = TEXTS | REPEATING | UNSPACED
Signals = npt.NDArray[np.float64]


def grams(found: list[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(found[i : i + n]) for i in range(len(found) - n + 1)]


def n_chars(gram: tuple[str, ...]) -> int:
    return sum(map(len, gram))


def pieces(text: str) -> tuple[list[str], list[str]]:
    """The words, and what stands before each and behind the last."""
    spans = space_spans(text)
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(text)]
    return [text[start:end] for start, end in spans], [text[end:start] for end, start in zip(ends, starts, strict=True)]


# --- Dolma ---------------------------------------------------------------------------------------------------------------


def dolma_repetition(text: str) -> dict[str, float]:
    signals = dict.fromkeys(REPETITION_SIGNALS, 0.0)
    if not text:
        return signals
    found, lines = space_words(text), text.split("\n")
    chars = max(sum(map(len, found)), 1)
    repeated = [line for line in lines if Counter(lines)[line] > 1]
    signals["dup_line_ratio"] = len(repeated) / len(lines)
    signals["dup_line_char_ratio"] = sum(map(len, repeated)) / chars
    for n in range(2, 11):
        counts = Counter(grams(found, n))
        if counts and n <= 4:
            top, count = counts.most_common(1)[0]
            signals[f"top_{n}gram_ratio"] = count * n_chars(top) / chars
        elif counts:
            more = sum(count * n_chars(gram) for gram, count in counts.items() if count > 1)
            signals[f"dup_{n}gram_ratio"] = more / sum(count * n_chars(gram) for gram, count in counts.items())
    return signals


def dolma_quality(text: str, profile: LanguageProfile) -> dict[str, float]:
    signals = dict.fromkeys(QUALITY_SIGNALS, 0.0)
    if not text:
        return signals
    (found, gaps), lines = pieces(text), text.split("\n")
    between = "".join(gaps)
    symbols = sum("#" in word or "…" in word for word in found) + between.count("#") + between.count("…")
    ellipses = sum("…" in word for word in found) + between.count("…")
    return signals | {
        "words": len(found),
        "mean_word_length": statistics.median(map(len, found)) if found else 0.0,
        "hash_ratio": symbols / len(found) if found else 0.0,
        "ellipsis_ratio": ellipses / len(found) if found else 0.0,
        "bullet_line_ratio": sum(line.startswith(("*", "-")) for line in lines) / len(lines),
        "ellipsis_line_ratio": sum(line.endswith("…") for line in lines) / len(lines),
        "alpha_word_ratio": ratio(sum(has(word, "L") for word in found), len(found)),
        "stop_words": sum(word in profile.stop_words for word in found),
    }


# --- NeMo Curator --------------------------------------------------------------------------------------------------------


def copies(elements: list[str]) -> tuple[float, float]:
    """(share of copies after the first, share of their characters)."""
    distinct = list(dict.fromkeys(elements))
    chars = len("".join(elements))
    return ratio(len(elements) - len(distinct), len(elements)), ratio(chars - len("".join(distinct)), chars)


def nemo_repetition(text: str) -> dict[str, float]:
    signals = dict.fromkeys(REPETITION_SIGNALS, 0.0)
    lines, paragraphs = [line for line in text.split("\n") if line.strip()], text.split("\n\n")
    signals["dup_line_ratio"], signals["dup_line_char_ratio"] = copies(lines)
    signals["dup_paragraph_ratio"], signals["dup_paragraph_char_ratio"] = copies(paragraphs)
    found, gaps = pieces(text)
    joints = [" " if any(map(str.isspace, gap)) else gap for gap in gaps]
    for n in range(2, 11):
        name = f"top_{n}gram_ratio" if n <= 4 else f"dup_{n}gram_ratio"
        all_grams = grams(found, n)
        if not all_grams:
            signals[name] = 1.0
        elif n <= 4:
            at = all_grams.index(Counter(all_grams).most_common(1)[0][0])
            joined = found[at] + "".join(joints[k] + found[k] for k in range(at + 1, at + n))
            signals[name] = (len(text) - len(text.replace(joined, ""))) / len(text)
        else:
            met: set[tuple[str, ...]] = set()
            total = overlap = 0
            for i, gram in enumerate(all_grams):
                if gram in met:
                    total += n_chars(gram[overlap:])
                    total += sum(joints[k] == " " for k in range(i + max(overlap, 1), i + n))
                    overlap = n
                met.add(gram)
                overlap = max(overlap - 1, 0)
            signals[name] = total / len(text)
    return signals


def nemo_quality(text: str, profile: LanguageProfile) -> dict[str, float]:
    found, gaps = pieces(text)
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    ellipses = sum(word in gopher_nemo.ELLIPSES for word in found) + "".join(gaps).count("…")
    hashes = sum(len(list(filter(None, "".join(c if c == "#" else " " for c in word).split()))) / len(word) > 0.5 for word in found)
    endings = tuple(gopher_nemo.ELLIPSES)
    return {
        "words": len(found),
        "mean_word_length": ratio(sum(map(len, found)), len(found)),
        "hash_ratio": ratio(hashes + ellipses, len(found)),
        "ellipsis_ratio": ratio(ellipses, len(found)),
        "bullet_line_ratio": ratio(sum(line.startswith(tuple(gopher_nemo.BULLETS)) for line in lines), len(lines)),
        "ellipsis_line_ratio": ratio(sum(line.lower().endswith(endings) for line in lines), len(lines)),
        "alpha_word_ratio": ratio(sum(has(word, "L") for word in found), len(found)),
        "stop_words": sum(word in profile.stop_words for word in found),
    }


# --- Both ----------------------------------------------------------------------------------------------------------------


def repetition_of(variant: str) -> Callable[[pa.Array], Signals]:
    measure = {"dolma": gopher_dolma.dolma_repetition, "nemo": gopher_nemo.nemo_repetition}[variant]
    return lambda text: measure(text, split_on_space(text))


def quality_of(variant: str) -> Callable[[pa.Array], Signals]:
    measure = {"dolma": gopher_dolma.dolma_quality, "nemo": gopher_nemo.nemo_quality}[variant]

    def of(text: pa.Array) -> Signals:
        profile = np.array([len(one) % 3 for one in text.to_pylist()], np.int32)  # by length, so that batches cut anywhere agree
        return measure(text, split_on_space(text), profile, TABLES)

    return of


REPETITION = {"dolma": dolma_repetition, "nemo": nemo_repetition}
QUALITY = {"dolma": dolma_quality, "nemo": nemo_quality}


@pytest.mark.parametrize("variant", ["dolma", "nemo"])
@given(texts=ALL)
@example(texts=["的， ，"])  # a mark that is no word where it stands first
def test_repetition_is_the_reference(variant: str, texts: list[str]) -> None:
    measured = repetition_of(variant)(column(texts))
    found = [dict(zip(REPETITION_SIGNALS, row, strict=True)) for row in measured.T.tolist()]
    assert found == [pytest.approx(REPETITION[variant](text)) for text in texts]


@pytest.mark.parametrize("variant", ["dolma", "nemo"])
@given(texts=ALL)
def test_quality_is_the_reference(variant: str, texts: list[str]) -> None:
    measured = quality_of(variant)(column(texts))
    found = [dict(zip(QUALITY_SIGNALS, row, strict=True)) for row in measured.T.tolist()]
    assert found == [pytest.approx(QUALITY[variant](text, PROFILE_LIST[len(text) % 3])) for text in texts]


@pytest.mark.parametrize("measure", [repetition_of("dolma"), repetition_of("nemo"), quality_of("dolma"), quality_of("nemo")])
@given(texts=ALL, cut=st.integers(0, 6))
def test_a_batch_cut_anywhere_or_sliced_gives_the_same_rows(measure: Callable[[pa.Array], Signals], texts: list[str], cut: int) -> None:
    whole = measure(column(texts))
    assert np.array_equal(whole, np.hstack([measure(column(texts)[:cut]), measure(column(texts)[cut:])]))
    assert np.array_equal(whole, measure(padded(texts)))


def test_paragraphs_set_apart_by_blank_lines_repeat_lines_to_dolma_alone() -> None:
    text = "\n\n".join(f"Paragraph {number} says what no other one says." for number in ["one", "two", "three", "four"])
    assert repetition_of("dolma")(column([text]))[0].tolist() == [3 / 7]
    assert repetition_of("nemo")(column([text]))[0].tolist() == [0]


def test_a_short_text_repeats_everything_to_nemo_alone() -> None:
    batch = documents(["just four words here"])
    lines_only = {f"filters.gopher_repetition.max_top_{n}gram_ratio": "off" for n in (2, 3, 4)}
    assert outcome(chain_of(["gopher_repetition:nemo"], **lines_only), batch) == ["gopher_repetition.max_dup_5gram_ratio"]
    assert outcome(chain_of(["gopher_repetition:dolma"], **lines_only), batch) == [None]


def test_hostile_texts_take_linear_time() -> None:
    """One word repeated, one enormous word, and a needle that almost matches everywhere: seconds, not hours."""
    texts = ["word " * 200_000, "a" * 2_000_000, ("a" * 999_999 + " ") * 3 + "a", "的" * 300_000, "#" * 500_000, "\n" * 500_000]
    for variant in ("dolma", "nemo"):
        assert repetition_of(variant)(column(texts)).shape == (13, 6)
        assert quality_of(variant)(column(texts)).shape == (8, 6)
