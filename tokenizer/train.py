"""Text columns -> a trained tokenizer, by way of pre-token counts; memory depends on the distinct pre-tokens, not on the text.

There are two kinds of vocabulary: bytes, and characters with byte fallback (`OF_CHARACTERS`). Both keep spaces unchanged, so that
U+2581 in text stays itself. SentencePiece's metaspace is read, but written only for words that jieba finds.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers
from tokenizers import Tokenizer as HuggingFaceTokenizer

from schemas.errors import TokenizerError, UnfilledError
from schemas.recipe import Tokenizer as TokenizerConfig
from tokenizer.classes import N_CODES
from tokenizer.counts import PretokenCounter
from tokenizer.encode import Encoder
from tokenizer.files import load_tokenizer, n_ids, parsed
from tokenizer.learn import LearnedMerges, learn_merges
from tokenizer.library import train_with_the_library
from tokenizer.pairs import CountedWords
from tokenizer.patterns import JIEBA, OF_CHARACTERS, PATTERNS, SCANNERS, SPACES_AND_WORD, WHOLE_ROW, Scanner
from tokenizer.prepare import in_form, with_spaces
from tokenizer.segment import NEWLINE_MARK, SPACE_MARK, segment_words
from tokenizer.token_table import InitialTokens
from tokenizer.vocabulary import METASPACE, ONE_SPACE, byte_alphabet, merge_pairs
from tokenizer.words import byte_words, character_words, frequent_characters, initial_tokens, token_words


def train_from_columns(columns: Iterable[pa.Array], config: TokenizerConfig) -> HuggingFaceTokenizer:
    """A tokenizer trained on large_string columns, of config.vocab_size tokens rounded up to a multiple of config.pad_to_multiple."""
    if config.model != "bpe":
        return train_with_the_library(columns, config)
    counter, add = PretokenCounter(), column_counter(config)
    for column in columns:
        add(counter, column)
    return train_from_counts(counter.counts(), config)


def column_counter(config: TokenizerConfig) -> Callable[[PretokenCounter, pa.Array], None]:
    """A function that counts a column's pre-tokens for training: split by the pattern, or by the tokenizer to extend."""
    if config.extend is None:
        return lambda counter, column: counter.add_text(_prepared(column, config), SCANNERS[config.pattern])
    encoder = Encoder(Path(config.extend))
    if encoder.path != "fast":
        raise TokenizerError("CM-TOKENIZER-015", f"{config.extend} cannot be extended: {encoder.reason}")
    scanner = learnable(encoder.vocabulary.scanner)
    return lambda counter, column: counter.add_text(encoder.prepared(column), scanner)


def _prepared(column: pa.Array, config: TokenizerConfig) -> pa.Array:
    """Text as the trained tokenizer will split it."""
    if config.pattern == JIEBA:
        column = segment_words(column)
    if config.normalization:
        column = in_form(column, config.normalization)
    return with_spaces(column, ONE_SPACE) if config.pattern == JIEBA else column


def max_count_bytes(config: TokenizerConfig) -> int:
    """Bytes that the counts may need if training is to stay within config.memory_mb; learning needs about four times as much."""
    return config.memory_mb * 1_000_000 // 5


def train_from_counts(counts: pa.RecordBatch, config: TokenizerConfig) -> HuggingFaceTokenizer:
    """The tokenizer trained on these pre-token counts. Ids: special tokens, the alphabet, merged tokens in the order of their merges.

    Raises UnfilledError if the counts cannot fill config.vocab_size.
    """
    if config.extend:
        return extend(Path(config.extend), counts, config)
    specials = list(config.special_tokens)
    n_tokens = config.asked_size
    if config.pattern in OF_CHARACTERS:
        names = specials + [f"<0x{byte:02X}>" for byte in range(256)]
        chars = frequent_characters(counts, config.character_coverage)
        id_of_code = np.full(N_CODES, -1, np.int32)
        id_of_code[[ord(char) for char in chars]] = np.arange(len(names), len(names) + len(chars))
        tokens = initial_tokens([b""] * len(names) + [char.encode() for char in chars], [1] * (len(names) + len(chars)))
        names += [METASPACE if char == " " and config.pattern == JIEBA else char for char in chars]
        if len(names) > n_tokens:
            raise TokenizerError(
                "CM-TOKENIZER-016",
                f"tokenizer.vocab_size = {n_tokens}: the special tokens, the bytes and the {len(chars)} characters that cover "
                f"{config.character_coverage} of the text need {len(names)} tokens; raise it, or lower tokenizer.character_coverage",
            )
        learned = _learn(lambda: character_words(counts, id_of_code, n_tokens), tokens, n_tokens, config)
    else:
        byte_of = byte_alphabet()
        chars = sorted(byte_of)
        names = specials + chars
        # A merge may also make a special token that text spells, as in the library.
        strings = [bytes(byte_of[char] for char in name) if set(name) <= byte_of.keys() else b"" for name in names]
        id_of_byte = np.zeros(256, np.int32)
        id_of_byte[[byte_of[char] for char in chars]] = np.arange(len(specials), len(names))
        tokens = initial_tokens(strings, [len(string) for string in strings])
        learned = _learn(lambda: byte_words(counts, id_of_byte, n_tokens), tokens, n_tokens, config)
    return _tokenizer(names, learned, config)


def extend(path: Path, counts: pa.RecordBatch, config: TokenizerConfig) -> HuggingFaceTokenizer:
    """The tokenizer at `path`, extended to config.vocab_size tokens by further merges. Every old token keeps its id.

    `counts` must come from `column_counter`. A vocabulary of characters first gets the characters that it lacks, as many as make up
    config.character_coverage of the text. config.pattern and config.special_tokens are not used.
    """
    old = load_tokenizer(path)
    document = parsed(path, old)
    vocab, merges = document["model"]["vocab"], merge_pairs(document["model"]["merges"])
    # Added tokens outside the vocabulary would get new ids after the learned tokens.
    vocab |= {token.content: index for index, token in old.get_added_tokens_decoder().items()}
    n_old = n = n_ids(old)
    n_tokens = config.asked_size
    if document["model"].get("byte_fallback"):
        for char in frequent_characters(counts, config.character_coverage):
            if char not in vocab and char != " ":  # a space is written as U+2581
                vocab[char], n = n, n + 1
    if n_tokens <= n_old or n_tokens < n:
        raise TokenizerError(
            "CM-TOKENIZER-017",
            f"tokenizer.vocab_size = {n_tokens}: {path} has {n_old} tokens already and lacks {n - n_old} characters; "
            f"set it above {n}, or lower tokenizer.character_coverage",
        )
    with tempfile.TemporaryDirectory(prefix="corpusmill-") as folder:
        with_characters = Path(folder) / "tokenizer.json"
        with_characters.write_text(json.dumps(document))
        encoder = Encoder(with_characters)
    vocabulary = encoder.vocabulary
    buffer = vocabulary.data.tobytes()
    strings = [buffer[start:end] for start, end in zip(vocabulary.offsets[:-1].tolist(), vocabulary.offsets[1:].tolist(), strict=True)]
    strings += [b""] * (n - len(strings))
    pieces = np.diff(vocabulary.piece_offsets).tolist() + [1] * (n - len(vocabulary.piece_offsets) + 1)
    learned = _learn(lambda: token_words(counts, encoder, n_tokens), initial_tokens(strings, pieces), n_tokens, config)
    names = {index: name for name, index in vocab.items()}
    for left, right, merged in zip(learned.left.tolist(), learned.right.tolist(), learned.merged.tolist(), strict=True):
        names.setdefault(merged, names[left] + names[right])
        vocab[names[merged]] = merged
        merges.append([names[left], names[right]])
    document["model"]["merges"] = merges
    return HuggingFaceTokenizer.from_str(json.dumps(document))


def learnable(scanner: Scanner) -> Scanner:
    """The scanner to count pre-tokens with: text that the tokenizer treats as one word is split at its spaces."""
    return Scanner(SPACES_AND_WORD) if scanner.kind == WHOLE_ROW else scanner


def _learn(words: Callable[[], CountedWords], tokens: InitialTokens, n_tokens: int, config: TokenizerConfig) -> LearnedMerges:
    """Merges up to n_tokens. If the words fill fewer: UnfilledError if the recipe names a size, else as many merges as they fill."""

    def learned(n_tokens: int) -> LearnedMerges:
        def from_pairs(all_pairs: bool) -> LearnedMerges | None:
            return learn_merges(words(), tokens, n_tokens, config.min_frequency, config.max_token_length, all_pairs=all_pairs)

        return cast(LearnedMerges, from_pairs(all_pairs=False) or from_pairs(all_pairs=True))

    found = learned(n_tokens)
    n_found, n_first = len(found.offsets) - 1, len(tokens.offsets) - 1
    n_fits = n_found - n_found % config.pad_to_multiple
    if n_found == n_tokens:
        return found
    if n_fits < n_first or config.vocab_size is not None:
        fits = f"set it to {n_fits} or less" if n_fits >= n_first else "set tokenizer.pad_to_multiple lower"
        raise UnfilledError(
            "CM-TOKENIZER-018",
            f"tokenizer.vocab_size = {n_tokens}: the sample fills only {n_found} tokens (pairs seen at least {config.min_frequency} "
            f"times); {fits}, leave it out to learn as many as the text fills, or pass more text",
            n_found,
            n_fits if n_fits >= n_first else 0,
        )
    return found if n_fits == n_found else learned(n_fits)


def _tokenizer(names: list[str], learned: LearnedMerges, config: TokenizerConfig) -> HuggingFaceTokenizer:
    names = list(names)
    for left, right, merged in zip(learned.left.tolist(), learned.right.tolist(), learned.merged.tolist(), strict=True):
        if merged == len(names):
            names.append(names[left] + names[right])
    vocab = {name: index for index, name in enumerate(names)}
    # A pair merged twice counts with its later rank, as in the library.
    pairs = dict.fromkeys(zip(learned.left.tolist()[::-1], learned.right.tolist()[::-1], strict=True))
    merges = [(names[left], names[right]) for left, right in reversed(pairs)]
    in_text = [decoders.ByteFallback(), decoders.Fuse()]
    if config.pattern == JIEBA:
        tokenizer = HuggingFaceTokenizer(models.BPE(vocab=vocab, merges=merges, byte_fallback=True))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(METASPACE, "always")
        marks = [decoders.Replace(mark, char) for mark, char in ((METASPACE, ""), (SPACE_MARK, " "), (NEWLINE_MARK, "\n"))]
        tokenizer.decoder = decoders.Sequence([*marks, *in_text])
    elif config.pattern in OF_CHARACTERS:
        tokenizer = HuggingFaceTokenizer(models.BPE(vocab=vocab, merges=merges, byte_fallback=True))
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(PATTERNS[config.pattern]), "isolated")
        tokenizer.decoder = decoders.Sequence(in_text)
    else:
        split = pre_tokenizers.Split(Regex(PATTERNS[config.pattern]), "isolated")
        tokenizer = HuggingFaceTokenizer(models.BPE(vocab=vocab, merges=merges))
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        tokenizer.decoder = decoders.ByteLevel()
    if config.normalization:
        tokenizer.normalizer = getattr(normalizers, config.normalization)()
    tokenizer.add_special_tokens(list(config.special_tokens))
    return tokenizer
