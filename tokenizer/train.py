"""Text columns -> a trained tokenizer, by way of pre-token counts; memory follows the distinct pre-tokens, not the text.

Two kinds of vocabulary, both lossless: of bytes, and (pattern "llama") of characters with the 256 bytes to fall back on. Both keep
spaces as they are, so that U+2581 in text stays itself; SentencePiece's metaspace is read, not written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers
from tokenizers import Tokenizer as HuggingFaceTokenizer

from schemas.buffers import Bytes, Offsets
from schemas.errors import TokenizerError
from schemas.recipe import Tokenizer as TokenizerConfig
from tokenizer.classes import N_CODES, decode
from tokenizer.counts import PretokenCounter
from tokenizer.encode import Encoder
from tokenizer.learn import Learned, learn_merges
from tokenizer.merge import Ids
from tokenizer.patterns import PATTERNS, SCANNERS, WHOLE_ROW, Scanner
from tokenizer.prepare import in_form
from tokenizer.scan import text_view
from tokenizer.vocabulary import Form, byte_alphabet

MOST_COUNTED_BYTES: Final = 512 * 1024 * 1024
"""Of distinct pre-tokens; above it, those seen once are forgotten, then those seen twice, and so on."""


def train(columns: Iterable[pa.Array], config: TokenizerConfig) -> HuggingFaceTokenizer:
    """A tokenizer of config.vocab_size tokens (made a multiple of config.pad_to_multiple) from large_string columns."""
    return train_from_counts(count_columns(columns, SCANNERS[config.pattern], config.normalization), config)


def count_columns(columns: Iterable[pa.Array], scanner: Scanner, form: Form | None) -> pa.RecordBatch:
    """COUNTS of all columns together, within the bound."""
    counter = PretokenCounter()
    rarest = 0
    for column in columns:
        counter.add_text(in_form(column, form) if form else column, scanner)
        while counter.nbytes > MOST_COUNTED_BYTES:
            rarest += 1
            counts, counter = counter.counts(), PretokenCounter()
            counter.add_counts(counts.filter(pc.greater(counts.column("count"), rarest)))
    return counter.counts()


def train_from_counts(counts: pa.RecordBatch, config: TokenizerConfig) -> HuggingFaceTokenizer:
    """The tokenizer that these pre-token counts give; special tokens come first, then the alphabet, then merges in order.

    Raises TokenizerError where the counts cannot fill the vocabulary.
    """
    specials = list(config.special_tokens)
    n_tokens = -(-config.vocab_size // config.pad_to_multiple) * config.pad_to_multiple
    data, offsets = text_view(counts.column("pretoken"))
    numbers = counts.column("count").to_numpy().astype(np.int64)
    if config.pattern == "llama":
        names, tokens = specials + [f"<0x{byte:02X}>" for byte in range(256)], [b""] * (len(specials) + 256)
        chars = _alphabet(data, offsets, numbers, config.character_coverage)
        names, tokens = names + chars, tokens + [char.encode() for char in chars]
        if len(names) > n_tokens:
            raise TokenizerError(
                f"tokenizer.vocab_size = {n_tokens}: the special tokens, the bytes and the {len(chars)} characters that cover "
                f"{config.character_coverage} of the text need {len(names)}; ask for more tokens, or for less coverage"
            )
        id_of_code = np.full(N_CODES, -1, np.int32)
        id_of_code[[ord(char) for char in chars]] = np.arange(len(specials) + 256, len(names))
        symbols, word_offsets, numbers = _characters(data, offsets, numbers, id_of_code)
    else:
        byte_of = byte_alphabet()
        chars = sorted(byte_of)
        names, tokens = specials + chars, [*(name.encode() for name in specials), *(bytes([byte_of[char]]) for char in chars)]
        id_of_byte = np.zeros(256, np.int32)
        id_of_byte[[byte_of[char] for char in chars]] = np.arange(len(specials), len(names))
        symbols, word_offsets = _bytes_as_ids(data, offsets, id_of_byte), offsets - offsets[0]
    learned = _learn(symbols, word_offsets, numbers, tokens, n_tokens, config)
    n_learned = len(learned.offsets) - 1
    if n_learned < n_tokens:
        raise TokenizerError(
            f"tokenizer.vocab_size = {n_tokens}: the sample fills only {n_learned} tokens "
            f"(pairs seen at least {config.min_frequency} times); set it to {n_learned} or less, or give more text"
        )
    return _tokenizer(names, learned, config)


def extend(path: Path, counts: pa.RecordBatch, n_tokens: int, config: TokenizerConfig) -> HuggingFaceTokenizer:
    """The tokenizer at `path` with merges learned on top of its own until it has n_tokens: every old token keeps its id.

    `counts` must come from the pattern that the tokenizer cuts by. Of the config only the limits on merges are used.
    """
    encoder = Encoder(path)
    if encoder.path != "fast":
        raise TokenizerError(f"{path} cannot be extended: {encoder.reason}")
    vocabulary = encoder.vocabulary
    document: dict[str, Any] = json.loads(path.read_bytes())
    vocab = document["model"]["vocab"]
    n_old = 1 + max([*vocab.values(), *(token["id"] for token in document["added_tokens"])])
    words = encoder.encode_with(Scanner(WHOLE_ROW), counts.column("pretoken").cast(pa.large_string()))
    buffer = vocabulary.data.tobytes()
    tokens = [buffer[start:end] for start, end in zip(vocabulary.offsets[:-1].tolist(), vocabulary.offsets[1:].tolist(), strict=True)]
    tokens += [b""] * (n_old - len(tokens))
    numbers = counts.column("count").to_numpy().astype(np.int64)
    learned = _learn(words[0].astype(np.int32), words[1], numbers, tokens, n_tokens, config)
    names = {index: name for name, index in vocab.items()}
    for left, right, merged in zip(learned.left.tolist(), learned.right.tolist(), learned.merged.tolist(), strict=True):
        names.setdefault(merged, names[left] + names[right])
        vocab[names[merged]] = merged
        document["model"]["merges"].append([names[left], names[right]])
    return HuggingFaceTokenizer.from_str(json.dumps(document))


def _learn(
    symbols: Ids, word_offsets: Offsets, numbers: npt.NDArray[np.int64], tokens: list[bytes], n_tokens: int, config: TokenizerConfig
) -> Learned:
    offsets = np.zeros(len(tokens) + 1, np.int64)
    np.cumsum([len(token) for token in tokens], out=offsets[1:])
    return learn_merges(
        np.ascontiguousarray(symbols),
        np.array(word_offsets),
        numbers,
        np.frombuffer(b"".join(tokens), np.uint8),
        offsets,
        n_tokens=n_tokens,
        min_frequency=config.min_frequency,
        max_token_length=config.max_token_length,
    )


def _tokenizer(names: list[str], learned: Learned, config: TokenizerConfig) -> HuggingFaceTokenizer:
    names = list(names)
    for left, right, merged in zip(learned.left.tolist(), learned.right.tolist(), learned.merged.tolist(), strict=True):
        if merged == len(names):
            names.append(names[left] + names[right])
    vocab = {name: index for index, name in enumerate(names)}
    # A pair merged twice counts with its later rank, as in the library.
    pairs = dict.fromkeys(zip(learned.left.tolist()[::-1], learned.right.tolist()[::-1], strict=True))
    merges = [(names[left], names[right]) for left, right in reversed(pairs)]
    split = pre_tokenizers.Split(Regex(PATTERNS[config.pattern]), "isolated")
    if config.pattern == "llama":
        tokenizer = HuggingFaceTokenizer(models.BPE(vocab=vocab, merges=merges, byte_fallback=True))
        tokenizer.pre_tokenizer = split
        tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    else:
        tokenizer = HuggingFaceTokenizer(models.BPE(vocab=vocab, merges=merges))
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        tokenizer.decoder = decoders.ByteLevel()
    if config.normalization:
        tokenizer.normalizer = getattr(normalizers, config.normalization)()
    tokenizer.add_special_tokens(list(config.special_tokens))
    return tokenizer


def _alphabet(data: Bytes, offsets: Offsets, numbers: npt.NDArray[np.int64], coverage: float) -> list[str]:
    """The most frequent characters that together make up this share of the text, in the order of their code points."""
    frequency = _count_characters(data, offsets, numbers)
    by_frequency = np.lexsort((np.arange(N_CODES), -frequency))[: np.count_nonzero(frequency)]
    sums = np.cumsum(frequency[by_frequency])
    n_kept = int(np.searchsorted(sums, coverage * sums[-1])) + 1 if len(sums) else 0
    return [chr(code) for code in sorted(by_frequency[:n_kept].tolist())]


@numba.njit(cache=True, nogil=True)
def _bytes_as_ids(data: Bytes, offsets: Offsets, id_of_byte: Ids) -> Ids:
    symbols = np.empty(offsets[-1] - offsets[0], np.int32)
    for i in range(len(symbols)):
        symbols[i] = id_of_byte[data[offsets[0] + i]]
    return symbols


@numba.njit(cache=True, nogil=True)
def _count_characters(data: Bytes, offsets: Offsets, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    frequency = np.zeros(N_CODES, np.int64)
    for word in range(len(numbers)):
        at = offsets[word]
        while at < offsets[word + 1]:
            code, size = decode(data, at)
            frequency[code] += numbers[word]
            at += size
    return frequency


@numba.njit(cache=True, nogil=True)
def _characters(data, offsets, numbers, id_of_code):  # type: ignore[no-untyped-def]
    """(symbols, word offsets, counts): words as characters of the alphabet, cut where a character lies outside of it."""
    symbols = np.empty(offsets[-1] - offsets[0], np.int32)
    word_offsets = np.zeros(len(symbols) + 1, np.int64)
    counts = np.empty(len(symbols), np.int64)
    n_words = filled = 0
    for word in range(len(numbers)):
        at, stop = offsets[word], offsets[word + 1]
        while at < stop:
            code, size = decode(data, at)
            at += size
            if id_of_code[code] >= 0:
                symbols[filled] = id_of_code[code]
                filled += 1
            if (id_of_code[code] < 0 or at == stop) and filled > word_offsets[n_words]:
                counts[n_words] = numbers[word]
                n_words += 1
                word_offsets[n_words] = filled
    return symbols[:filled].copy(), word_offsets[: n_words + 1].copy(), counts[:n_words].copy()
