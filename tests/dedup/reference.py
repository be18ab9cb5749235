"""The slow, obvious versions that the dedup kernels are compared with."""

from __future__ import annotations

from itertools import combinations

from pipelines.text.unicode import LETTER, MARK, NUMBER, TABLE_SIZE, UNSPACED, char_classes, fold_table

MASK = (1 << 64) - 1


def kind_of(char: str) -> int:
    return int(char_classes()[ord(char)]) if ord(char) < TABLE_SIZE else 0


def folded_words(text: str) -> list[str]:
    """Words without case, width and accents; a run of digits is "0"; unspaced characters are words of their own."""
    words: list[str] = []
    word, open_word = "", False

    def close() -> None:
        nonlocal word, open_word
        if open_word:
            words.append(word)
        word, open_word = "", False

    alone = False  # the open word is an unspaced character: only marks may join it
    previous_number = False
    for char in text:
        kind = kind_of(char)
        if not kind & (LETTER | NUMBER | MARK):
            close()
            previous_number = alone = False
            continue
        if alone and not kind & MARK:
            close()
            alone = previous_number = False
        if kind & UNSPACED and not (kind & MARK and open_word):
            close()
            word, open_word, alone = chr(fold_table()[ord(char)]), True, True
            previous_number = False
            continue
        if kind & NUMBER:
            if not previous_number:
                word += "0"
            previous_number = True
        else:
            previous_number = False
            folded = int(fold_table()[ord(char)])
            if alone or folded:
                word += chr(folded)
        open_word = True
    close()
    return words


def shingles(text: str, size: int) -> set[tuple[str, ...]]:
    words = folded_words(text)
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
    """{merged: survivor}, from the best document down; `similarity` holds the verified pairs (better, worse)."""
    survivor: dict[int, int] = {}
    place = {at: i for i, at in enumerate(ranked)}
    for at in ranked:
        staying = [(s, -place[b], b) for (b, w), s in similarity.items() if w == at and b not in survivor]
        if staying:
            survivor[at] = max(staying)[2]
    return survivor


def pairs_of(buckets: list[list[int]]) -> set[tuple[int, int]]:
    return {pair for bucket in buckets for pair in combinations(bucket, 2)}
