"""A text column in, each row's language and the fastText model's score out.

The model reads a sample: the first characters of several equal parts of the text, because many pages open in another language than the
rest. Of those it reads only what looks like words: code, paths, numbers and punctuation lower the score and show nothing about the
language. Of 2,500 web documents the model identified 98.0 % by their first 1,000 characters as they are, 72 % with a score of 0.65 or
more; by these samples it identified 99.5 %, 93 % with that score.

A model assigns every text one of its training languages, sometimes with confidence (lid.176 takes Syriac for Chinese). Where almost no
letter is of a script of that language, the language is UNKNOWN.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.filters import fasttext_predict
from pipelines.filters.function_words import count_function_words
from pipelines.filters.model import FasttextClassifier, load_language_model, load_language_tree
from pipelines.filters.plain_letters import INVISIBLE, STYLED, kinds_of_chars, to_plain_letters
from pipelines.text.labels import UNKNOWN, scripts_of
from pipelines.text.lines import class_of
from pipelines.text.scripts import share_in_scripts
from pipelines.text.unicode import ASCII, LETTER, MARK, SPACE, UNSPACED, char_classes, decode
from pipelines.text.view import text_view
from schemas.buffers import string_column
from schemas.recipe import Language

LANGUAGE_FIELDS: Final = (
    pa.field("lang", pa.large_string()),
    pa.field("lang_score", pa.float64()),
    pa.field("lang_words", pa.float64()),  # count_function_words: confirms a language of low score
)
N_WINDOWS: Final = 5
WINDOW_CHARS: Final = 200

_PREFIX: Final = "__label__"
_JOINERS: Final = (0x27, 0x2019, 0x200C, 0x200D)  # apostrophes and zero-width joiners belong to words
_HYPHEN: Final = 0x2D
_LEAST_OWN: Final = 0.1  # of the letters; code, names and quotations often make up more than half of a page, but hardly all of it
_ANY_SCRIPT: Final = -1


def identify(text: pa.Array, config: Language) -> tuple[pa.Array, pa.Array]:
    """(language large_string, score float64 in [0, 1]) of every row of a large_string column.

    The language is the model's label without its prefix ("en", "zho_Hans"), "und" with score 0 where the text is not in a script of that
    language, and null with score 0 where the text has no word. With `assume` every row has that language, with score 1.
    """
    if config.assume is not None:
        return pa.repeat(pa.scalar(config.assume, pa.large_string()), len(text)), pa.array(np.ones(len(text)))
    return identify_samples(sample_text(text), config)


def identify_samples(samples: pa.Array, config: Language) -> tuple[pa.Array, pa.Array]:
    """What `identify` returns for samples of `sample_text`."""
    langs, scores = predict_languages(samples, config)
    alien = is_alien(samples, langs)
    scores[alien] = 0
    return pa.array(np.where(alien, UNKNOWN, np.array(langs, object)), pa.large_string()), pa.array(scores)


def language_columns(text: pa.Array, config: Language) -> tuple[pa.Array, pa.Array, pa.Array]:
    """LANGUAGE_FIELDS of every row of a large_string column. With `assume` no words are counted."""
    if config.assume is not None:
        return *identify(text, config), pa.nulls(len(text), pa.float64())
    samples = sample_text(text)
    lang, score = identify_samples(samples, config)
    return lang, score, count_function_words(samples, lang, score)


def is_alien(samples: pa.Array, langs: list[str | None]) -> npt.NDArray[np.bool_]:
    """bool[n]: whether almost no letter is of a script of the label's language."""
    written_in = {label: (scripts_of(label) if label else 0) or _ANY_SCRIPT for label in set(langs)}
    return share_in_scripts(samples, np.array([written_in[label] for label in langs], np.int64)) < _LEAST_OWN


def predict_languages(samples: pa.Array, config: Language) -> tuple[list[str | None], npt.NDArray[np.float64]]:
    """(label without its prefix, score in [0, 1]) of each sample; None and 0 for an empty one."""
    tree = load_language_tree(config.model)
    if tree is None:
        return _predict_by_library(samples.to_pylist(), load_language_model(config.model))
    numbers, likely = fasttext_predict.predict_labels(samples, tree)
    langs = tree.labels.take(pa.array(numbers, mask=numbers < 0))
    return langs.to_pylist(), np.minimum(likely.astype(np.float64), 1.0)


def _predict_by_library(texts: list[str], model: FasttextClassifier) -> tuple[list[str | None], npt.NDArray[np.float64]]:
    """For models that our kernel cannot read."""
    rows = [row for row, words in enumerate(texts) if words]
    langs: list[str | None] = [None] * len(texts)
    scores = np.zeros(len(texts))
    if rows:
        # A list, since `predict` of a single string is broken under NumPy 2.
        labels, likely = model.predict([texts[row] for row in rows])
        for row, label, score in zip(rows, labels, likely, strict=True):
            langs[row] = label[0].removeprefix(_PREFIX)
            scores[row] = min(score[0], 1.0)
    return langs, scores


def sample_text(text: pa.Array) -> pa.Array:
    """The sample that the model reads of every row, on one line: large_string.

    A text of up to N_WINDOWS x WINDOW_CHARS characters is read whole if its parts, equal in bytes, are no longer than a window. An ASCII
    word, without the punctuation around it, is kept only if it consists of letters, hyphens and apostrophes; of other words the letters
    and marks are kept. plain_letters.py then normalises the letters.
    Example: "See `a_b = 3`, (page 7)!" -> "See page"
    """
    data, offsets = text_view(text)
    out = np.empty(int(offsets[-1] - offsets[0]) + (N_WINDOWS + 1) * len(text), np.uint8)
    ends = np.zeros(len(offsets), np.int64)
    _sample(data, offsets, char_classes(), kinds_of_chars(), out, ends)
    return to_plain_letters(string_column(out[: ends[-1]].copy(), ends))


@numba.njit(cache=True, nogil=True)
def _behind_chars(data, start, end, most):  # type: ignore[no-untyped-def]
    """End of the first `most` characters from `start`, at most `end`."""
    n = 0
    for at in range(np.uint64(start), np.uint64(end)):  # an unsigned index skips the check of its sign
        n += data[at] & 0xC0 != 0x80
        if n > most:
            return np.int64(at)
    return end


@numba.njit(cache=True, nogil=True)
def _copy_windows(data, start, stop, window):  # type: ignore[no-untyped-def]
    """Write the first characters of each part of the text to `window`, a space where characters are skipped; bytes written."""
    n = 0
    at = start
    for part in range(N_WINDOWS):
        begin = start + (stop - start) * part // N_WINDOWS
        end = start + (stop - start) * (part + 1) // N_WINDOWS
        if at < begin:
            at = begin
            while at < end and data[at] & 0xC0 == 0x80:
                at += 1
            window[n] = 0x20
            n += 1
        last = _behind_chars(data, at, end, WINDOW_CHARS)
        window[n : n + last - at] = data[at:last]
        n += last - at
        at = last
    return n


@numba.njit(cache=True, nogil=True)
def _is_ascii_letter(byte: int) -> bool:
    return 0x41 <= byte <= 0x5A or 0x61 <= byte <= 0x7A


@numba.njit(cache=True, nogil=True)
def _copy_ascii(window, at, end, out, to):  # type: ignore[no-untyped-def]
    """Write the word without the punctuation around it, if only letters, hyphens and apostrophes remain; end in `out`."""
    while at < end and not _is_ascii_letter(window[at]):
        at += 1
    while end > at and not _is_ascii_letter(window[end - 1]):
        end -= 1
    for k in range(at, end):
        if not (_is_ascii_letter(window[k]) or window[k] == _HYPHEN or window[k] == _JOINERS[0]):
            return to
    out[to : to + end - at] = window[at:end]
    return to + end - at


@numba.njit(cache=True, nogil=True)
def _copy_letters(window, at, end, classes, kinds, out, to):  # type: ignore[no-untyped-def]
    """Write the letters, marks and joiners of the word, one space for visible characters between them; end in `out`.

    In scripts written without spaces a zero-width space is one between words.
    """
    begin = to
    unspaced = False
    while at < end:
        code, size = decode(window, at)
        kind = class_of(code, kinds)
        is_letter = class_of(code, classes) & (LETTER | MARK) or code in _JOINERS or kind & STYLED
        if is_letter and not kind & INVISIBLE:
            out[to : to + size] = window[at : at + size]
            to += size
            unspaced = class_of(code, classes) & UNSPACED != 0
        elif kind & INVISIBLE and not unspaced:
            pass
        elif to > begin and out[to - 1] != 0x20:
            out[to] = 0x20
            to += 1
        at += size
    return to - 1 if to > begin and out[to - 1] == 0x20 else to


@numba.njit(cache=True, nogil=True)
def _ascii_word_end(window, start, stop):  # type: ignore[no-untyped-def]
    """End of the run of ASCII characters other than white space that begins at `start`."""
    for at in range(np.uint64(start), np.uint64(stop)):
        if window[at] & 0x80 or ASCII[window[at]] & SPACE:
            return np.int64(at)
    return stop


@numba.njit(cache=True, nogil=True)
def _sample(data, offsets, classes, kinds, out, ends):  # type: ignore[no-untyped-def]
    window = np.empty(N_WINDOWS * (4 * WINDOW_CHARS + 1), np.uint8)
    to = 0
    for row in range(len(offsets) - 1):
        n = _copy_windows(data, offsets[row], offsets[row + 1], window)
        row_start = to
        at = 0
        while at < n:
            word = at
            at = _ascii_word_end(window, at, n)
            high = np.uint8(0)
            size = 1
            while at < n:
                code, size = decode(window, at)
                if class_of(code, classes) & SPACE:
                    break
                high |= window[at]
                at += size
            begin = to + 1 if to > row_start else to
            is_ascii = high & 0x80 == 0
            tail = _copy_ascii(window, word, at, out, begin) if is_ascii else _copy_letters(window, word, at, classes, kinds, out, begin)
            if tail > begin:
                if begin > to:
                    out[to] = 0x20
                to = tail
            at += size
        ends[row + 1] = to
