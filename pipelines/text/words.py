"""A text column in, the words of every row out, as flat arrays that all rules share.

`split_words`: a word is a maximal run of letters, marks, numbers and `_`, including characters that join two of them: it's, 1,000,
3.14, example.com, and/or, me@example.com (but end.Next are two); a URL with `://` is one word. A run of one punctuation mark or
symbol is a word of its own ("...").
`split_on_space`: words are separated by white space.
In both, each character of a script without spaces is a word of its own, with the combining marks that follow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.text.hashing import hash_bytes
from pipelines.text.lines import class_of
from pipelines.text.unicode import ASCII, LETTER, MARK, NUMBER, SPACE, UNSPACED, UPPER, char_classes, decode
from pipelines.text.view import text_view
from tokenizer.memory import kernel

HAS_LETTER: Final = 1
PUNCTUATION_ONLY: Final = 2  # neither letter nor number: punctuation, symbols, emoji

_ALNUM: Final = np.uint8(LETTER | NUMBER)
_WORD: Final = LETTER | MARK | NUMBER
_SPACED: Final = np.uint8(0xFF ^ SPACE)
_UNDERSCORE, _COLON, _SLASH, _STOP, _COMMA, _AT = (ord(char) for char in "_:/.,@")
_APOSTROPHES: Final = (0x27, 0x2019)
_URL_BORDERS: Final = tuple(ord(char) for char in '"<>()[]{}|\\^`')
_URL_TRAILERS: Final = tuple(ord(char) for char in ".,;:!?'*_~")  # at the end of a URL they belong to the sentence
_JOINERS: Final = (0x200C, 0x200D)  # zero-width (non-)joiners shape a word without ending it

Places = npt.NDArray[np.signedinteger[Any]]
"""Bytes in a text buffer: int32 unless it has 2 GiB."""


class Words(NamedTuple):
    """Words of a column, as kernels take them: row i has those from `firsts[i]` up to `lasts[i]`."""

    firsts: npt.NDArray[np.int64]
    lasts: npt.NDArray[np.int64]
    starts: Places
    """First byte in the text buffer of the column that was split."""
    ends: Places
    lengths: npt.NDArray[np.uint32]
    """Code points."""
    flags: npt.NDArray[np.uint8]
    """HAS_LETTER and PUNCTUATION_ONLY."""
    hashes: npt.NDArray[np.uint64]

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """Words of each row."""
        return self.lasts - self.firsts

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Words:
        """The words of some rows, by number or mask; only the bounds are copied."""
        return self._replace(firsts=self.firsts[rows], lasts=self.lasts[rows])

    def up_to(self, n: int) -> Words:
        """The same rows, without the unused ends of arrays that contain `n` words."""
        return self._replace(
            starts=self.starts[:n], ends=self.ends[:n], lengths=self.lengths[:n], flags=self.flags[:n], hashes=self.hashes[:n]
        )


def split_words(text: pa.Array, *, places: bool = True, hashes: bool = True) -> Words:
    """Words and punctuation of every row of a large_string column; starts and ends, or hashes, are empty unless requested."""
    return _split(text, _split_words, places, hashes)


def split_on_space(text: pa.Array, *, places: bool = True, hashes: bool = True) -> Words:
    """Words between white space, in every row of a large_string column.

    Punctuation next to characters of a script without spaces is not a word: 你好，世界 is four words.
    """
    return _split(text, _split_on_space, places, hashes)


def _split(text: pa.Array, split: Callable[..., int], with_places: bool, with_hashes: bool) -> Words:
    data, offsets = text_view(text)
    # A word has at least one byte; pages of these arrays that stay unused are never touched and cost nothing.
    most = int(offsets[-1] - offsets[0])
    place = np.int32 if len(data) < 1 << 31 else np.int64
    n_places = most if with_places else 0
    starts: Places = np.empty(n_places, place)
    ends: Places = np.empty(n_places, place)
    lengths, flags, hashes = np.empty(most, np.uint32), np.empty(most, np.uint8), np.empty(most if with_hashes else 0, np.uint64)
    bounds = np.zeros(len(offsets), np.int64)
    words = Words(bounds[:-1], bounds[1:], starts, ends, lengths, flags, hashes)
    n = split(data, offsets, char_classes(), words)
    return words.up_to(n)


@kernel
def _is_joiner(code: int) -> bool:
    return code == _JOINERS[0] or code == _JOINERS[1]


@kernel
def _after_marks(data, at, stop, n_chars, classes):  # type: ignore[no-untyped-def]
    """(end, characters) of a word with the combining marks that follow it."""
    while at < stop and data[at] >= 0x80:
        code, size = decode(data, at)
        if not (class_of(code, classes) & MARK or _is_joiner(code)):
            break
        at += size
        n_chars += 1
    return at, n_chars


@kernel
def _joins(data, at, stop, code, size, last, classes):  # type: ignore[no-untyped-def]
    """Whether the character at `at`, after one of class `last`, joins it to the next one."""
    if at + size >= stop:
        return False
    if code in _APOSTROPHES:
        wanted = LETTER
    elif code == _COMMA:
        wanted = NUMBER
    elif code in (_STOP, _SLASH, _AT):
        wanted = LETTER | NUMBER
    else:
        return False
    bits = class_of(decode(data, at + size)[0], classes)
    if code == _STOP and bits & UPPER and not last & UPPER:
        return False
    return last & wanted != 0 and bits & wanted != 0 and not bits & UNSPACED


@kernel
def _url_end(data, at, stop, classes):  # type: ignore[no-untyped-def]
    """End of the URL whose `://` begins at `at`."""
    end = at + 3
    while end < stop:
        code, size = decode(data, end)
        if class_of(code, classes) & (SPACE | UNSPACED) or code in _URL_BORDERS:
            break
        end += size
    while data[end - 1] in _URL_TRAILERS:
        end -= 1
    return end


@kernel
def _ascii_end(data, start, stop, wanted):  # type: ignore[no-untyped-def]
    """(end, class bits seen) of the run of ASCII characters of the wanted classes that begins at `start`."""
    seen = np.uint8(0)
    for at in range(np.uint64(start), np.uint64(stop)):  # an unsigned index skips the check of its sign
        bits = ASCII[data[at]]
        if not bits & wanted:
            return np.int64(at), np.int64(seen)
        seen |= bits
    return stop, np.int64(seen)


@kernel
def _word_end(data, start, stop, classes):  # type: ignore[no-untyped-def]
    """(end, characters, class bits seen) of the word that begins at `start` with a letter, mark, number or `_`."""
    at, seen = _ascii_end(data, start, stop, _ALNUM)
    n_chars = at - start
    if at == stop or ASCII[data[at]] & SPACE:  # nearly all words of nearly all texts
        return at, n_chars, seen
    last = int(ASCII[data[at - 1]]) if n_chars else 0
    url_end = at
    while at < stop:
        code, size = decode(data, at)
        bits = class_of(code, classes)
        if at < url_end:
            pass
        elif bits & _WORD and not bits & UNSPACED:
            seen |= bits
            if bits & (LETTER | NUMBER):
                last = bits
        elif code == _UNDERSCORE:
            last = 0
        elif code == _COLON and last & LETTER and at + 2 < stop and data[at + 1] == _SLASH and data[at + 2] == _SLASH:
            url_end = _url_end(data, at, stop, classes)
        elif not (n_chars and (_is_joiner(code) or _joins(data, at, stop, code, size, last, classes))):
            break
        at += size
        n_chars += 1
        if at == url_end:
            break
    return at, n_chars, seen


@kernel
def _flags(seen):  # type: ignore[no-untyped-def]
    return (HAS_LETTER if seen & LETTER else 0) | (0 if seen & (LETTER | NUMBER) else PUNCTUATION_ONLY)


@numba.njit(cache=True, nogil=True)
def _split_words(data, offsets, classes, words):  # type: ignore[no-untyped-def]
    """Fill `words`; how many there are. data uint8[m], offsets int64[n + 1], classes uint8[TABLE_SIZE]."""
    starts, ends, lengths, flags, hashes = words.starts, words.ends, words.lengths, words.flags, words.hashes
    n = 0
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        while at < stop:
            if ASCII[data[at]] & SPACE:
                at += 1
                continue
            code, size = decode(data, at)
            bits = class_of(code, classes)
            if bits & SPACE or (bits == 0 and code != _UNDERSCORE):
                at += size
                continue
            start = at
            if bits & UNSPACED:
                at, n_chars = _after_marks(data, at + size, stop, 1, classes)
            elif bits & _WORD or code == _UNDERSCORE:
                at, n_chars, bits = _word_end(data, at, stop, classes)
            else:
                n_chars = 0
                while at < stop and decode(data, at)[0] == code:
                    at += size
                    n_chars += 1
                at, n_chars = _after_marks(data, at, stop, n_chars, classes)
            lengths[n], flags[n] = n_chars, _flags(bits)
            if len(starts):
                starts[n], ends[n] = start, at
            if len(hashes):
                hashes[n] = hash_bytes(data, start, at)
            n += 1
        words.lasts[row] = n
    return n


@numba.njit(cache=True, nogil=True)
def _split_on_space(data, offsets, classes, words):  # type: ignore[no-untyped-def]
    """Fill `words`; how many there are. data uint8[m], offsets int64[n + 1], classes uint8[TABLE_SIZE]."""
    starts, ends, lengths, flags, hashes = words.starts, words.ends, words.lengths, words.flags, words.hashes
    n = 0
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        touches = False  # the run about to begin follows a character of a script without spaces
        while at < stop:
            code, size = decode(data, at)
            seen = class_of(code, classes)
            if seen & SPACE:
                at += size
                touches = False
                continue
            start = at
            if seen & UNSPACED:
                at, n_chars = _after_marks(data, at + size, stop, 1, classes)
                touches = True
            else:
                at, seen = _ascii_end(data, at, stop, _SPACED)
                n_chars = at - start
                while at < stop:
                    code, size = decode(data, at)
                    bits = class_of(code, classes)
                    if bits & SPACE:
                        break
                    if bits & UNSPACED:
                        touches = True
                        break
                    seen |= bits
                    at += size
                    n_chars += 1
                if touches and not seen & _WORD:
                    continue
            lengths[n], flags[n] = n_chars, _flags(seen)
            if len(starts):
                starts[n], ends[n] = start, at
            if len(hashes):
                hashes[n] = hash_bytes(data, start, at)
            n += 1
        words.lasts[row] = n
    return n
