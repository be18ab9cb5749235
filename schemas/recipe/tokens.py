"""The tokenizer and the shards."""

from __future__ import annotations

from typing import Final, Literal

from schemas.recipe.base import FilePath, config, require

DEFAULT_VOCAB_SIZE: Final = 32_768


@config
class Tokenizer:
    """A tokenizer trained on a sample of the scrubbed text, or an existing one."""

    path: FilePath | None = None
    """Path of an existing tokenizer.json; by default one is trained."""
    extend: FilePath | None = None
    """Path of an existing BPE tokenizer.json to extend to vocab_size; all its tokens keep their ids."""
    model: Literal["bpe", "wordpiece", "unigram"] = "bpe"
    """The `tokenizers` library trains `wordpiece` (BERT's; lower-cased unless `cased`; each Chinese character is a word) and `unigram`
    (T5's), and encodes with them."""
    cased: bool = True
    """False lower-cases text and removes accents; only for `wordpiece`."""
    vocab_size: int | None = None
    """Number of tokens. If it is given and the text cannot fill it, the run stops and names the largest size that fits. By default the
    tokenizer learns as many tokens as the text fills, at most 32,768."""
    min_frequency: int = 2
    """A pair of tokens is merged if it occurs at least this often."""
    pattern: Literal["gpt2", "cl100k", "qwen2", "o200k", "llama", "baichuan", "jieba", "code"] = "cl100k"
    """How text is split into pre-tokens. `llama`, `baichuan` and `jieba` are vocabularies of characters, the others of bytes. `jieba` uses
    the words that jieba finds, as CPM does, and needs the extra `chinese`."""
    special_tokens: tuple[str, ...] = ("<|endoftext|>",)
    """The first one separates documents."""
    sample_bytes: int = 200_000_000
    """Bytes of text to train on; documents are sampled by hash(seed, doc_id)."""
    alpha: float = 1.0
    """A source's text in one language has the weight bytes^alpha in the sample. Below 1, small sources and languages gain weight."""
    memory_mb: int = 1024
    """Memory for training, in MB. If there are more distinct pre-tokens than fit, the rarest are left out; until then counts are exact."""
    normalization: Literal["NFC", "NFKC"] | None = None
    """Unicode form to convert text to before it is split."""
    pad_to_multiple: int = 1
    """Round the vocabulary size up to a multiple of this (down if vocab_size is not given and the text fills no more)."""
    max_token_length: int | None = 256
    """Tokens have fewer bytes than this (characters in a vocabulary of characters), as with the `tokenizers` library's trainer, whose
    default is "off". Without a limit a repeated text would become one token. The longest tokens of published vocabularies have 128 bytes.
    Only for `bpe`: `unigram` tokens have at most 16 characters, and `wordpiece` treats words of more than 100 as unknown."""
    character_coverage: float = 0.9999
    """For vocabularies of characters: the share of characters that get a token; all others are spelled in bytes."""

    def __post_init__(self) -> None:
        require(not (self.path and self.extend), "tokenizer.extend", self.extend, "give either tokenizer.path or tokenizer.extend")
        require(not self.extend or self.model == "bpe", "tokenizer.model", self.model, "only a BPE vocabulary can be extended")
        require(0 <= self.alpha <= 1, "tokenizer.alpha", self.alpha, "must be in [0, 1]")
        require(self.memory_mb >= 64, "tokenizer.memory_mb", self.memory_mb, "must be at least 64")
        require(self.pad_to_multiple > 0, "tokenizer.pad_to_multiple", self.pad_to_multiple, "must be above 0")
        require(0 < self.character_coverage <= 1, "tokenizer.character_coverage", self.character_coverage, "must be in (0, 1]")
        require(bool(self.special_tokens), "tokenizer.special_tokens", [], "name at least the end-of-text token")
        names = list(self.special_tokens)
        require(len(set(names)) == len(names), "tokenizer.special_tokens", names, "name each token once")
        require(all(len(name) > 1 for name in names), "tokenizer.special_tokens", names, "give each token at least two characters")
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
            f"must be at least {least}, which the byte alphabet and the special tokens need",
        )

    @property
    def asked_size(self) -> int:
        """Tokens to learn, or the maximum if vocab_size is not given: a multiple of pad_to_multiple."""
        size = DEFAULT_VOCAB_SIZE if self.vocab_size is None else self.vocab_size
        return -(-size // self.pad_to_multiple) * self.pad_to_multiple


@config
class Encode:
    """Token shards."""

    shard_tokens: int = 50_000_000
    """Maximum number of tokens per shard; only a single longer document makes a larger shard."""
    valid_ratio: float = 0.01
    """Share of documents in the validation split, by hash(seed, doc_id). Sources in dedup.protected are always in it."""

    def __post_init__(self) -> None:
        require(self.shard_tokens > 0, "encode.shard_tokens", self.shard_tokens, "must be above 0")
        require(0 <= self.valid_ratio < 1, "encode.valid_ratio", self.valid_ratio, "must be in [0, 1)")
