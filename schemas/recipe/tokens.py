"""The tokenizer and the shards."""

from __future__ import annotations

from typing import Final, Literal

from schemas.recipe.base import FilePath, config, require

DEFAULT_VOCAB_SIZE: Final = 32_768


@config
class Tokenizer:
    """A tokenizer trained on a sample of the scrubbed text, or taken by path."""

    path: FilePath | None = None
    """An existing tokenizer.json; None trains one."""
    extend: FilePath | None = None
    """An existing BPE tokenizer.json that is grown to vocab_size; every token of it keeps its id."""
    model: Literal["bpe", "wordpiece", "unigram"] = "bpe"
    """`wordpiece` (BERT's, lower-cased unless `cased`, with Chinese characters alone) and `unigram` (T5's) are trained by the
    `tokenizers` library, which also encodes with them."""
    cased: bool = True
    """False lower-cases text and takes its accents off; of `wordpiece` only."""
    vocab_size: int | None = None
    """Tokens. A number is a promise: a run whose text cannot fill it stops and names the largest size that it fills. Left out, as many
    tokens are learned as the text fills, at most 32,768."""
    min_frequency: int = 2
    """A pair of tokens is merged if it occurs at least so often."""
    pattern: Literal["gpt2", "cl100k", "qwen2", "o200k", "llama", "baichuan", "jieba", "code"] = "cl100k"
    """How text is cut into pre-tokens. `llama`, `baichuan` and `jieba` are vocabularies of characters, the others of bytes; `jieba` takes
    the words that it finds, as CPM does, and needs the extra `chinese`."""
    special_tokens: tuple[str, ...] = ("<|endoftext|>",)
    """The first one separates documents."""
    sample_bytes: int = 200_000_000
    """Bytes of text to train on; documents are sampled by hash(seed, doc_id)."""
    alpha: float = 1.0
    """What a source's text in one language weighs in the sample: its bytes to the power of this. Below 1 small ones weigh more."""
    memory_mb: int = 1024
    """What training may hold in memory. Of more distinct pre-tokens than fit, the rarest are left out; counts are exact before that."""
    normalization: Literal["NFC", "NFKC"] | None = None
    """The Unicode form that text is put into before it is cut."""
    pad_to_multiple: int = 1
    """The vocabulary is made larger to a multiple of this (smaller, where vocab_size is left out and the text fills no more)."""
    max_token_length: int | None = 256
    """Tokens have fewer bytes (of a vocabulary of characters: characters) than this, as with the `tokenizers` library's trainer, whose own
    default is "off". A text that is repeated would else become one token. The longest tokens of published vocabularies have 128 bytes.
    Of `bpe` only: `unigram` has at most 16 characters in a token, `wordpiece` takes words of more than 100 for unknown."""
    character_coverage: float = 0.9999
    """Of a vocabulary of characters: the share of characters that get a token; the rest are spelled in bytes."""

    def __post_init__(self) -> None:
        require(not (self.path and self.extend), "tokenizer.extend", self.extend, "give either tokenizer.path or tokenizer.extend")
        require(not self.extend or self.model == "bpe", "tokenizer.model", self.model, "only a BPE vocabulary can be extended")
        require(0 <= self.alpha <= 1, "tokenizer.alpha", self.alpha, "must lie in [0, 1]")
        require(self.memory_mb >= 64, "tokenizer.memory_mb", self.memory_mb, "must be at least 64")
        require(self.pad_to_multiple > 0, "tokenizer.pad_to_multiple", self.pad_to_multiple, "must be above 0")
        require(0 < self.character_coverage <= 1, "tokenizer.character_coverage", self.character_coverage, "must lie in (0, 1]")
        require(bool(self.special_tokens), "tokenizer.special_tokens", [], "name at least the end-of-text token")
        names = list(self.special_tokens)
        require(len(set(names)) == len(names), "tokenizer.special_tokens", names, "name each token once")
        require(all(len(name) > 1 for name in names), "tokenizer.special_tokens", names, "a single character would be taken for itself")
        require(
            self.max_token_length is None or self.max_token_length > 0,
            "tokenizer.max_token_length",
            self.max_token_length,
            "must be above 0",
        )
        least = len(names) + (256 if self.model == "bpe" else 2)
        require(
            self.asked_size >= least,
            "tokenizer.vocab_size",
            self.vocab_size,
            f"the byte alphabet and the special tokens alone need {least}",
        )

    @property
    def asked_size(self) -> int:
        """Tokens to learn, or at most to learn where vocab_size is left out: a multiple of pad_to_multiple."""
        size = DEFAULT_VOCAB_SIZE if self.vocab_size is None else self.vocab_size
        return -(-size // self.pad_to_multiple) * self.pad_to_multiple


@config
class Encode:
    """Token shards."""

    shard_tokens: int = 50_000_000
    """A shard holds at most this many tokens (a single longer document makes a larger one)."""
    valid_ratio: float = 0.01
    """Share of documents in the validation split, by hash(seed, doc_id); those of sources in dedup.protected are there anyway."""

    def __post_init__(self) -> None:
        require(self.shard_tokens > 0, "encode.shard_tokens", self.shard_tokens, "must be above 0")
        require(0 <= self.valid_ratio < 1, "encode.valid_ratio", self.valid_ratio, "must lie in [0, 1)")
