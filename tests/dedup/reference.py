"""The slow, obvious versions that the dedup kernels are compared with."""

from __future__ import annotations

from itertools import combinations

from pipelines.text.fold import folded, mark
from pipelines.text.unicode import LETTER, MARK, NUMBER, SPACE, TABLE_SIZE, UNSPACED, char_classes

MASK = (1 << 64) - 1


def kind_of(char: str) -> int:
    if char in "ﾞﾟ":
        return MARK | UNSPACED
    return int(char_classes()[ord(char)]) if ord(char) < TABLE_SIZE else 0


def compared(text: str) -> list[tuple[int, str]]:
    """(class, what it is compared as) of every character that a reader sees; " " for white space."""
    found = []
    for char, following in zip(text, f"{text} "[1:], strict=True):
        kind = kind_of(char)
        if kind & (LETTER | NUMBER | MARK):
            found.append((kind, folded(char)))
        elif kind & SPACE:
            found.append((kind, " "))
        elif char in ".,;:!?":
            prose = following <= " " or following > "\x7f" or following in ".,;:!?\"'`)]}*_"
            found.append((kind, "" if prose else char))
        elif kind:
            found.append((kind, mark(char)))
        else:
            shown = ord(char) >= TABLE_SIZE and not "\U000e0000" <= char <= "\U000e0fff"
            fold = char if shown else mark(char) if ord(char) < TABLE_SIZE else ""
            found += [(kind, fold)] if fold else []
    return found


def folded_words(text: str) -> list[str]:
    """Words without case, width and accents, each with the marks before it; unspaced characters are words of their own."""
    words: list[str] = []
    marks, word = "", ""
    inside = alone = False  # alone: the open word is an unspaced character, which only combining marks join
    for kind, fold in [*compared(text), (SPACE, " ")]:
        letter, joins = kind & (LETTER | NUMBER | MARK), kind & MARK
        if inside and (not letter or (alone and not joins) or (kind & UNSPACED and not joins)):
            words.append(word)
            marks, word, inside, alone = "", "", False, False
        if letter and (inside or not joins or fold or kind & UNSPACED):
            alone = alone or (not inside and bool(kind & UNSPACED))
            word, inside = (word if inside else marks) + fold, True
        elif not letter and fold != " ":
            marks += fold
    return words + ([marks] if marks else [])


def shingles(text: str, size: int) -> set[tuple[str, ...]]:
    words = folded_words(text)
    if 0 < len(words) < size:
        return {tuple(words)}
    return {tuple(words[i : i + size]) for i in range(len(words) - size + 1)}


def jaccard(a: set[tuple[str, ...]], b: set[tuple[str, ...]]) -> float:
    return len(a & b) / len(a | b) if a | b else 0.0


def mix64(value: int) -> int:
    value ^= value >> 33
    value = value * 0xFF51AFD7ED558CCD & MASK
    value ^= value >> 33
    value = value * 0xC4CEB9FE1A85EC53 & MASK
    return value ^ (value >> 33)


def shingle_hashes(text: str, size: int) -> list[int]:
    """The 64-bit hash of every shingle: FNV-1a over each word's code points, a polynomial over words, MurmurHash3's mix."""
    hashes = []
    for word in folded_words(text):
        value = 0xCBF29CE484222325
        for char in word:
            value = (value ^ ord(char)) * 0x100000001B3 & MASK
        hashes.append(value)
    rolled = []
    for i in range(len(hashes) - size + 1):
        total = 0
        for value in hashes[i : i + size]:
            total = (total * 0x9E3779B97F4A7C15 + value) & MASK
        rolled.append(mix64(total))
    return rolled


def greedy_stars(ranked: list[int], similarity: dict[tuple[int, int], float]) -> dict[int, int]:
    """{merged: survivor}, in the order of ranks; `similarity` holds the verified pairs (winner, loser)."""
    survivor: dict[int, int] = {}
    place = {at: i for i, at in enumerate(ranked)}
    for at in ranked:
        staying = [(s, -place[b], b) for (b, w), s in similarity.items() if w == at and b not in survivor]
        if staying:
            survivor[at] = max(staying)[2]
    return survivor


def pairs_of(buckets: list[list[int]]) -> set[tuple[int, int]]:
    return {pair for bucket in buckets for pair in combinations(bucket, 2)}
