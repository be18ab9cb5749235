"""Text columns -> a trained tokenizer, by way of pre-token counts; memory follows the distinct pre-tokens, not the text.

Two kinds of vocabulary: of bytes, and (`OF_CHARACTERS`) of characters with the 256 bytes to fall back on. Both keep spaces as they are,
so that U+2581 in text stays itself; SentencePiece's metaspace is read, and written only for words that jieba finds.
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
from tokenizer.files import load, n_ids, parsed
from tokenizer.follow import Words
from tokenizer.learn import Learned, Tokens, learn_merges
from tokenizer.library import train_with_the_library
from tokenizer.patterns import JIEBA, OF_CHARACTERS, PATTERNS, SCANNERS, SPACES_AND_WORD, WHOLE_ROW, Scanner
from tokenizer.prepare import in_form, with_spaces
from tokenizer.segment import NEWLINE_MARK, SPACE_MARK, segmented
from tokenizer.vocabulary import METASPACE, ONE_SPACE, byte_alphabet, merge_pairs
from tokenizer.words import frequent_characters, tokens_of, words_of_bytes, words_of_characters, words_of_tokens


def train(columns: Iterable[pa.Array], config: TokenizerConfig) -> HuggingFaceTokenizer:
    """A tokenizer of config.vocab_size tokens (made a multiple of config.pad_to_multiple) from large_string columns."""
    if config.model != "bpe":
        return train_with_the_library(columns, config)
    counter, add = PretokenCounter(), counting(config)
    for column in columns:
        add(counter, column)
    return train_from_counts(counter.counts(), config)


def counting(config: TokenizerConfig) -> Callable[[PretokenCounter, pa.Array], None]:
    """What counts a column's pre-tokens as training needs them: cut by the pattern, or as the tokenizer that is extended cuts."""
    if config.extend is None:
        return lambda counter, column: counter.add_text(_prepared(column, config), SCANNERS[config.pattern])
    encoder = Encoder(Path(config.extend))
    if encoder.path != "fast":
        raise TokenizerError(f"{config.extend} cannot be extended: {encoder.reason}")
    scanner = learnable(encoder.vocabulary.scanner)
    return lambda counter, column: counter.add_text(encoder.prepared(column), scanner)


def _prepared(column: pa.Array, config: TokenizerConfig) -> pa.Array:
    """Text as the tokenizer that is trained will cut it."""
    if config.pattern == JIEBA:
        column = segmented(column)
    if config.normalization:
        column = in_form(column, config.normalization)
    return with_spaces(column, ONE_SPACE) if config.pattern == JIEBA else column


def most_counted_bytes(config: TokenizerConfig) -> int:
    """What counts may take for training to keep within config.memory_mb: learning holds about four times as much."""
    return config.memory_mb * 1_000_000 // 5


def train_from_counts(counts: pa.RecordBatch, config: TokenizerConfig) -> HuggingFaceTokenizer:
    """The tokenizer that these pre-token counts give; special tokens come first, then the alphabet, then merges in order.

    Raises TokenizerError where the counts cannot fill config.vocab_size.
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
        tokens = tokens_of([b""] * len(names) + [char.encode() for char in chars], [1] * (len(names) + len(chars)))
        names += [METASPACE if char == " " and config.pattern == JIEBA else char for char in chars]
        if len(names) > n_tokens:
            raise TokenizerError(
                f"tokenizer.vocab_size = {n_tokens}: the special tokens, the bytes and the {len(chars)} characters that cover "
                f"{config.character_coverage} of the text need {len(names)}; ask for more tokens, or for less coverage"
            )
        learned = _learn(lambda: words_of_characters(counts, id_of_code, n_tokens), tokens, n_tokens, config)
    else:
        byte_of = byte_alphabet()
        chars = sorted(byte_of)
        names = specials + chars
        # A special token that text can spell is made by a merge, too, as in the library.
        strings = [bytes(byte_of[char] for char in name) if set(name) <= byte_of.keys() else b"" for name in names]
        id_of_byte = np.zeros(256, np.int32)
        id_of_byte[[byte_of[char] for char in chars]] = np.arange(len(specials), len(names))
        tokens = tokens_of(strings, [len(string) for string in strings])
        learned = _learn(lambda: words_of_bytes(counts, id_of_byte, n_tokens), tokens, n_tokens, config)
    return _tokenizer(names, learned, config)


def extend(path: Path, counts: pa.RecordBatch, config: TokenizerConfig) -> HuggingFaceTokenizer:
    """The tokenizer at `path` grown to config.vocab_size tokens by merges on top of its own: every old token keeps its id.

    `counts` must come from `counting`. A vocabulary of characters first gets those that it lacks, as many as make up
    config.character_coverage of the text. Of the config the pattern and the special tokens are not used.
    """
    old = load(path)
    document = parsed(path, old)
    vocab, merges = document["model"]["vocab"], merge_pairs(document["model"]["merges"])
    # What stands beside the vocabulary would be numbered anew behind the tokens that are learned.
    vocab |= {token.content: index for index, token in old.get_added_tokens_decoder().items()}
    n_old = n = n_ids(old)
    n_tokens = config.asked_size
    if document["model"].get("byte_fallback"):
        for char in frequent_characters(counts, config.character_coverage):
            if char not in vocab and char != " ":  # a space is written as U+2581
                vocab[char], n = n, n + 1
    if n_tokens <= n_old or n_tokens < n:
        raise TokenizerError(
            f"tokenizer.vocab_size = {n_tokens}: {path} has {n_old} tokens and {n - n_old} characters that it lacks would come first; "
            f"ask for more than {n} tokens, or for less tokenizer.character_coverage"
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
    learned = _learn(lambda: words_of_tokens(counts, encoder, n_tokens), tokens_of(strings, pieces), n_tokens, config)
    names = {index: name for name, index in vocab.items()}
    for left, right, merged in zip(learned.left.tolist(), learned.right.tolist(), learned.merged.tolist(), strict=True):
        names.setdefault(merged, names[left] + names[right])
        vocab[names[merged]] = merged
        merges.append([names[left], names[right]])
    document["model"]["merges"] = merges
    return HuggingFaceTokenizer.from_str(json.dumps(document))


def learnable(scanner: Scanner) -> Scanner:
    """The scanner that cuts text to learn from: where a tokenizer takes a whole text for a word, its spaces cut it."""
    return Scanner(SPACES_AND_WORD) if scanner.kind == WHOLE_ROW else scanner


def _learn(words: Callable[[], Words], tokens: Tokens, n_tokens: int, config: TokenizerConfig) -> Learned:
    """Merges up to n_tokens; where the words fill fewer, TokenizerError if the recipe names a size, else as many as they fill."""

    def learned(n_tokens: int) -> Learned:
        def from_pairs(all_pairs: bool) -> Learned | None:
            return learn_merges(words(), tokens, n_tokens, config.min_frequency, config.max_token_length, all_pairs=all_pairs)

        return cast(Learned, from_pairs(all_pairs=False) or from_pairs(all_pairs=True))

    found = learned(n_tokens)
    n_found, n_first = len(found.offsets) - 1, len(tokens.offsets) - 1
    n_fits = n_found - n_found % config.pad_to_multiple
    if n_found == n_tokens:
        return found
    if n_fits < n_first or config.vocab_size is not None:
        fits = f"set it to {n_fits} or less" if n_fits >= n_first else "set tokenizer.pad_to_multiple lower"
        raise UnfilledError(
            f"tokenizer.vocab_size = {n_tokens}: the sample fills only {n_found} tokens (pairs seen at least {config.min_frequency} "
            f"times); {fits}, leave it out to learn as many as the text fills, or give more text",
            n_found,
            n_fits if n_fits >= n_first else 0,
        )
    return found if n_fits == n_found else learned(n_fits)


def _tokenizer(names: list[str], learned: Learned, config: TokenizerConfig) -> HuggingFaceTokenizer:
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
