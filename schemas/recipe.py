"""A recipe says what a run is asked to do: frozen dataclasses, read from TOML, refused early.

Every number that decides about a document stands here. A threshold named `min_X` or `max_X` of a rule set acts on
the signal `X` of that rule set, bounds included; "off" (None) turns it off, and 0 is a real value.
Unknown keys are errors that name the nearest valid key.
"""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import hashlib
import json
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import numpy as np

from schemas.errors import RecipeError
from schemas.hops import SOURCE_CLASSES

RECIPES_DIR: Final = Path(__file__).resolve().parent.parent / "pipelines" / "recipes"

Threshold = float | None
_T = typing.TypeVar("_T")


@typing.dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def config(cls: type[_T]) -> type[_T]:
    """A section of a recipe: frozen, keyword-only, slotted."""
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)


def _require(condition: bool, key: str, value: object, remedy: str) -> None:
    if not condition:
        raise RecipeError(f"{key} = {value!r}: {remedy}")


@config
class Crawl:
    """How a source is fetched over HTTP before it is read. The defaults are polite."""

    seeds: tuple[str, ...]
    """URLs to start from."""
    scope: Literal["host", "domain", "prefix"] = "host"
    """Which links are followed: same host and port, same registered domain, or URLs that begin with a seed."""
    exclude: tuple[str, ...] = ()
    """Regular expressions; a URL in which one is found is not fetched."""
    max_pages: int = 10_000
    max_depth: int = 16
    delay_s: float = 1.0
    """Seconds between two requests to one host; robots.txt may ask for more."""
    host_concurrency: int = 1
    concurrency: int = 16
    timeout_s: float = 30.0
    retries: int = 3
    """Further tries after a network error, 429 or 5xx, with exponential back-off."""
    max_page_bytes: int = 10 * 1024 * 1024
    user_agent: str = "corpusmill/0.1 (+https://github.com/corpusmill/corpusmill)"
    private_hosts: tuple[str, ...] = ()
    """Hosts on loopback or private networks that may be crawled; every other private address is refused."""

    def __post_init__(self) -> None:
        _require(bool(self.seeds), "crawl.seeds", list(self.seeds), "give at least one URL to start from")
        for name in ("max_pages", "host_concurrency", "concurrency", "max_page_bytes", "timeout_s"):
            _require(getattr(self, name) > 0, f"crawl.{name}", getattr(self, name), "must be above 0")
        for name in ("delay_s", "retries", "max_depth"):
            _require(getattr(self, name) >= 0, f"crawl.{name}", getattr(self, name), "must not be negative")


@config
class Source:
    """One input: files by path, or a crawl that makes them."""

    path: tuple[str, ...] = ()
    """Files, folders or globs."""
    crawl: Crawl | None = None
    source_class: str = "other"
    """One of book, commoncrawl, link, encyclopedia, code, other."""
    format: Literal["auto", "warc", "jsonl", "parquet", "text", "code"] = "auto"
    """`auto` goes by file name: .warc[.gz], .jsonl[.gz|.zst], .parquet, .txt/.md/.rst; a code tree must be named."""
    exclude: tuple[str, ...] = ()
    """Globs on paths below a given folder, such as "test/**"."""
    text_column: str = "text"
    url_column: str = "url"
    rules: tuple[str, ...] | None = None
    """Rule sets for this source instead of filters.rules, in order."""
    licence: str | None = None
    """Licence of every document of the source that states none itself."""

    def __post_init__(self) -> None:
        _require(self.source_class in SOURCE_CLASSES, "source_class", self.source_class, f"use one of {', '.join(SOURCE_CLASSES)}")


@config
class Read:
    """How records become documents."""

    extractor: Literal["resiliparse", "trafilatura"] = "resiliparse"
    max_record_bytes: int = 64 * 1024 * 1024
    """A larger record (after decompression) fails with reason `too_large`."""
    max_html_bytes: int = 8 * 1024 * 1024
    """A larger HTML page fails with reason `html_too_large`: a limit in work, not in seconds."""


@config
class Language:
    """Language identification with a fastText model."""

    model: str | None = None
    """Path of a fastText model; None takes the cached lid.176.ftz."""
    keep: tuple[str, ...] = ()
    """Language codes that are kept; empty keeps all."""
    min_score: Threshold = 0.65


@config
class Url:
    """URL rules."""

    block_domains: str | None = None
    """Path of a list of domains, one a line; a document from one of them or below it is dropped."""
    block_words: tuple[str, ...] = ()
    """A URL that holds one of these words (between non-letters) is dropped."""


@config
class Length:
    """Plain limits on size."""

    min_chars: Threshold = 1
    max_chars: Threshold = None


@config
class GopherRepetition:
    """Repetition rules of Gopher (arXiv 2112.11446, table A1)."""

    variant: Literal["datatrove"] = "datatrove"
    max_dup_line_ratio: Threshold = 0.30
    max_dup_paragraph_ratio: Threshold = 0.30
    max_dup_line_char_ratio: Threshold = 0.20
    max_dup_paragraph_char_ratio: Threshold = 0.20
    max_top_2gram_ratio: Threshold = 0.20
    max_top_3gram_ratio: Threshold = 0.18
    max_top_4gram_ratio: Threshold = 0.16
    max_dup_5gram_ratio: Threshold = 0.15
    max_dup_6gram_ratio: Threshold = 0.14
    max_dup_7gram_ratio: Threshold = 0.13
    max_dup_8gram_ratio: Threshold = 0.12
    max_dup_9gram_ratio: Threshold = 0.11
    max_dup_10gram_ratio: Threshold = 0.10


@config
class GopherQuality:
    """Quality rules of Gopher (arXiv 2112.11446, appendix A1)."""

    variant: Literal["datatrove", "paper"] = "datatrove"
    """`datatrove`: punctuation marks are words of their own; `paper`: words are what stands between white space."""
    min_words: Threshold = 50
    max_words: Threshold = 100_000
    min_mean_word_length: Threshold = 3
    max_mean_word_length: Threshold = 10
    max_hash_ratio: Threshold = 0.1
    max_ellipsis_ratio: Threshold = 0.1
    max_bullet_line_ratio: Threshold = 0.9
    max_ellipsis_line_ratio: Threshold = 0.3
    min_alpha_word_ratio: Threshold = 0.8
    min_stop_words: Threshold = 2


@config
class C4:
    """Line and page rules of C4 (arXiv 1910.10683, section 2.2). Lines that fail are cut; then the page is judged."""

    variant: Literal["datatrove"] = "datatrove"
    require_terminal_punctuation: bool = False
    """Cut lines without `. ? ! " '` at the end. FineWeb runs with this off."""
    min_line_words: Threshold = 3
    max_word_chars: Threshold = 1000
    cut_javascript: bool = True
    cut_policy: bool = True
    remove_citations: bool = True
    max_lorem_ipsum: Threshold = 0
    max_curly_brackets: Threshold = 0
    min_sentences: Threshold = 5


@config
class FineWeb:
    """FineWeb's own rules (arXiv 2406.17557, section 3.6)."""

    variant: Literal["datatrove"] = "datatrove"
    min_terminal_line_ratio: Threshold = 0.12
    max_short_line_ratio: Threshold = 0.67
    short_line_chars: int = 30
    max_dup_line_char_ratio: Threshold = 0.01
    max_newline_word_ratio: Threshold = 0.3


@config
class RefinedWeb:
    """Line corrections of RefinedWeb (arXiv 2306.01116, section G.2). Lines that fail are cut; then the page is judged."""

    max_line_upper_ratio: Threshold = 0.5
    cut_numeric: bool = True
    """Cut lines of digits alone."""
    cut_counters: bool = True
    """Cut lines such as "3 likes"."""
    min_line_words: Threshold = 2
    edit_lines: bool = True
    """Cut "sign in", "read more..." and "items in cart" out of lines of up to 10 words."""
    max_cut_word_ratio: Threshold = 0.05


@config
class Roots:
    """Rules of ROOTS (arXiv 2303.03915), with its limits for English; the language profiles have those for the others."""

    word_ngram: int = 5
    min_words: Threshold = 20
    max_words: Threshold = 100_000
    max_char_repetition_ratio: Threshold = 0.106
    max_word_repetition_ratio: Threshold = 0.19
    max_special_char_ratio: Threshold = 0.4

    def __post_init__(self) -> None:
        _require(self.word_ngram > 0, "filters.roots.word_ngram", self.word_ngram, "must be above 0")


@config
class Code:
    """Rules on source code. What Codex, LLaMA and PanGu-Coder agree on; CodeGeeX has bytes and letters limited too."""

    min_bytes: Threshold = None
    max_bytes: Threshold = None
    max_mean_line_chars: Threshold = 100
    max_max_line_chars: Threshold = 1000
    min_alnum_ratio: Threshold = 0.25
    min_letter_ratio: Threshold = None
    max_generated_marks: Threshold = 0
    max_syntax_errors: Threshold = None
    """0 drops Python that does not parse."""


@config
class Metadata:
    """Predicates over what is known of a document beside its text. What is missing fails, except with `drop`."""

    fetched_from: datetime.date | None = None
    """Keep what was fetched on this day or later."""
    fetched_before: datetime.date | None = None
    licences: tuple[str, ...] = ()
    """Keep documents under one of these licences, whatever the case; empty keeps all."""
    min: dict[str, float] = field(default_factory=dict)
    """By key of the document's metadata: min.score = 3 keeps a score of 3 or more."""
    max: dict[str, float] = field(default_factory=dict)
    keep: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By key: keep.type = ["civil", "criminal"] keeps documents whose type is one of them."""
    drop: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("min", "max", "keep", "drop"):
            for key in getattr(self, name):
                _require(
                    "'" not in key and "\\" not in key,
                    f"filters.metadata.{name}",
                    key,
                    "a key with a quote or backslash cannot be asked for",
                )


@config
class Quality:
    """A fastText classifier of quality, with a limit on its score or GPT-3's rule, which lets some of the worse documents pass.

    GPT-3 (arXiv 2005.14165, appendix A) keeps a document if a draw from Pareto(alpha) exceeds 1 - score; here the draw
    comes from the recipe's seed and the doc_id. For that rule set min_score = "off" and min_pareto_margin = 0.
    """

    model: str | None = None
    """Path of a fastText classifier, such as `train-classifier` makes."""
    label: str = "positive"
    """The model's label of good documents; the score is its probability."""
    reads: Literal["words", "text"] = "words"
    """What the model was trained on: words as `train-classifier` writes them, or the text with line feeds as spaces (DCLM's models)."""
    min_score: Threshold = 0.5
    pareto_alpha: float = 9
    min_pareto_margin: Threshold = None
    """The margin is the draw less 1 - score."""

    def __post_init__(self) -> None:
        _require(self.pareto_alpha > 0, "filters.quality.pareto_alpha", self.pareto_alpha, "must be above 0")


@config
class Perplexity:
    """How unlike an n-gram model's corpus a document is, and CCNet's buckets (arXiv 1911.00359)."""

    models: dict[str, str] = field(default_factory=dict)
    """Paths of ARPA files by language, such as `train-ngrams` makes: models.en = "en.arpa". Other languages are not judged."""
    cutoffs: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By language the perplexities at which the middle bucket and the tail begin; `train-ngrams --percentiles-of` proposes them."""
    zero_digits: bool = True
    """Read every digit as 0; as the model was trained."""
    max_perplexity: Threshold = None
    max_bucket: Threshold = None
    """0 keeps the head, 1 the middle too."""

    def __post_init__(self) -> None:
        for lang, (middle, tail) in self.cutoffs.items():
            where = f"filters.perplexity.cutoffs.{lang}"
            _require(0 < middle <= tail, where, [middle, tail], "give where the middle begins, then where the tail begins")


RULE_SETS: Final[dict[str, type]] = {
    "length": Length,
    "language": Language,
    "url": Url,
    "gopher_repetition": GopherRepetition,
    "gopher_quality": GopherQuality,
    "c4": C4,
    "fineweb": FineWeb,
    "refinedweb": RefinedWeb,
    "roots": Roots,
    "code": Code,
    "metadata": Metadata,
    "quality": Quality,
    "perplexity": Perplexity,
}


@config
class Filters:
    """Which rule sets judge a document, in which order, and with which limits."""

    rules: tuple[str, ...] = ("length",)
    length: Length = field(default_factory=Length)
    language: Language = field(default_factory=Language)
    url: Url = field(default_factory=Url)
    gopher_repetition: GopherRepetition = field(default_factory=GopherRepetition)
    gopher_quality: GopherQuality = field(default_factory=GopherQuality)
    c4: C4 = field(default_factory=C4)
    fineweb: FineWeb = field(default_factory=FineWeb)
    refinedweb: RefinedWeb = field(default_factory=RefinedWeb)
    roots: Roots = field(default_factory=Roots)
    code: Code = field(default_factory=Code)
    metadata: Metadata = field(default_factory=Metadata)
    quality: Quality = field(default_factory=Quality)
    perplexity: Perplexity = field(default_factory=Perplexity)
    profiles: dict[str, dict[str, dict[str, float | str | None]]] = field(default_factory=dict)
    """Limits for one language, over those above: profiles.zh.gopher_quality.min_words = 100."""

    def __post_init__(self) -> None:
        check_rules(self.rules, "filters.rules")
        for lang, sets in self.profiles.items():
            for name, limits in sets.items():
                where = f"filters.profiles.{lang}"
                if name not in RULE_SETS:
                    raise RecipeError(unknown_key(where, name, RULE_SETS))
                known = [f.name for f in dataclasses.fields(RULE_SETS[name]) if f.name.startswith(("min_", "max_"))]
                for key in limits:
                    if key not in known:
                        raise RecipeError(unknown_key(f"{where}.{name}", key, known))


@config
class ClassifierTraining:
    """What `train-classifier` is asked for. One thread, so that the same documents give the same model."""

    dim: int = 100
    epoch: int = 5
    lr: float = 0.1
    word_ngrams: int = 2
    min_count: int = 1
    bucket: int = 200_000
    """Rows that word n-grams share by hash; fastText's own default, 2,000,000, makes a model of 4 x dim times as many bytes."""
    held_out: float = 0.1
    """Share of the documents, by hash(seed, doc_id), that is kept from training and measured on."""
    max_documents: int = 200_000
    """Documents of either label at most, sampled by hash(seed, doc_id); they are held in memory."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("dim", "epoch", "lr", "word_ngrams", "min_count", "bucket", "max_documents"):
            _require(getattr(self, name) > 0, name, getattr(self, name), "must be above 0")
        _require(0 < self.held_out < 1, "held_out", self.held_out, "must lie in (0, 1)")


@config
class NgramTraining:
    """What `train-ngrams` is asked for."""

    order: int = 5
    zero_digits: bool = True
    """Read every digit as 0, as CCNet does; filters.perplexity.zero_digits must be the same."""
    memory_mb: int = 1024
    """What counting and estimating may hold; more is worked through in parts, from disk. The model is the same for any value."""

    def __post_init__(self) -> None:
        _require(2 <= self.order <= 8, "order", self.order, "must lie in [2, 8]")
        _require(self.memory_mb >= 1, "memory_mb", self.memory_mb, "must be at least 1")


def best_banding(threshold: float, permutations: int) -> tuple[int, int]:
    """(bands, rows) with the least sum of missed pairs above the threshold and found ones below it, as datasketch chooses them."""
    step = 0.001
    below = (np.arange(int(threshold / step)) + 0.5) * step
    above = threshold + (np.arange(int((1 - threshold) / step)) + 0.5) * step

    def error(bands: int, rows: int) -> float:
        missed = ((1 - above**rows) ** bands).sum()
        return 0.5 * step * float((1 - (1 - below**rows) ** bands).sum() + missed)

    shapes = [(bands, rows) for bands in range(1, permutations + 1) for rows in range(1, permutations // bands + 1)]
    return min(shapes, key=lambda shape: error(*shape))


@config
class MinHash:
    """MinHash-LSH with verified removals."""

    bands: int = 14
    rows: int = 8
    """Signatures have bands x rows permutations; the detection curve is 1 - (1 - J^rows)^bands."""
    threshold: Threshold = None
    """Where the curve shall turn: sets bands and rows to datasketch's optimum for `permutations`."""
    permutations: int = 128
    shingle: int = 5
    """Words (characters in languages written without spaces) per shingle."""
    seed: int = 1
    min_jaccard: float = 0.75
    """A candidate is removed only if its shingle set has at least this true Jaccard similarity to the survivor's."""
    min_containment: Threshold = None
    """Verify by containment instead: the share of a document's shingles that must stand in the survivor."""
    max_comparisons: int = 32
    """A document is compared with at most this many better ones of one bucket; larger ones are counted and split by further bands."""

    @property
    def limit(self) -> float:
        """What a verified pair must reach."""
        return self.min_jaccard if self.min_containment is None else self.min_containment

    def __post_init__(self) -> None:
        if self.threshold is not None:
            _require(0 < self.threshold < 1, "dedup.minhash.threshold", self.threshold, "must lie in (0, 1)")
            _require(self.permutations > 1, "dedup.minhash.permutations", self.permutations, "must be above 1")
            bands, rows = best_banding(self.threshold, self.permutations)
            object.__setattr__(self, "bands", bands)
            object.__setattr__(self, "rows", rows)
        _require(0 < self.limit <= 1, "dedup.minhash.min_containment", self.min_containment, "must lie in (0, 1]")
        for name in ("bands", "rows", "shingle", "max_comparisons"):
            _require(getattr(self, name) > 0, f"dedup.minhash.{name}", getattr(self, name), "must be above 0")
        _require(0 < self.min_jaccard <= 1, "dedup.minhash.min_jaccard", self.min_jaccard, "must lie in (0, 1]")


@config
class Dedup:
    """Which copies are merged. The one of the first source in `priority` stays, of those the longest, then the smallest doc_id."""

    kinds: tuple[Literal["url", "exact", "minhash"], ...] = ("exact", "minhash")
    minhash: MinHash = field(default_factory=MinHash)
    priority: tuple[str, ...] = ()
    """Names of sources, the most trusted first, at most 15; all others come after them, equally."""
    memory_mb: int = 1024
    """What deduplication may hold in memory per worker; more is worked through in parts, from disk. Beam and Python come on top."""

    def __post_init__(self) -> None:
        _require(self.memory_mb >= 64, "dedup.memory_mb", self.memory_mb, "must be at least 64")
        _require(len(self.priority) < 16, "dedup.priority", list(self.priority), "name at most 15 sources")
        _require(len(set(self.priority)) == len(self.priority), "dedup.priority", list(self.priority), "name each source once")


PII_KINDS: Final = ("email", "ipv4", "ipv6", "payment_card", "iban", "cn_resident_id", "us_ssn", "cn_mobile", "phone")


@config
class Scrub:
    """Which private values are replaced by their kind's placeholder, such as <EMAIL>."""

    kinds: tuple[str, ...] = PII_KINDS
    phone_regions: tuple[str, ...] = ("US", "GB")
    """Regions whose national formats are looked for besides international ones; a document's language adds its own."""

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in PII_KINDS:
                raise RecipeError(unknown_key("scrub.kinds", kind, PII_KINDS))


@config
class Tokenizer:
    """Byte-level BPE, trained on a sample of the scrubbed text or taken by path."""

    path: str | None = None
    """An existing tokenizer.json; None trains one."""
    vocab_size: int = 32_768
    min_frequency: int = 2
    pattern: Literal["gpt2", "cl100k", "qwen2", "o200k", "llama", "code"] = "cl100k"
    """How text is cut into pre-tokens."""
    special_tokens: tuple[str, ...] = ("<|endoftext|>",)
    """The first one separates documents."""
    sample_bytes: int = 200_000_000
    """Bytes of text to train on; documents are sampled by hash(seed, doc_id)."""
    normalization: Literal["NFC", "NFKC"] | None = None
    """The Unicode form that text is put into before it is cut."""
    pad_to_multiple: int = 1
    """The vocabulary is made larger to a multiple of this."""
    max_token_length: int | None = None
    """Tokens have fewer bytes (pattern "llama": characters) than this."""
    character_coverage: float = 0.9999
    """Pattern "llama": the share of characters that get a token; the rest are spelled in bytes."""

    def __post_init__(self) -> None:
        _require(self.pad_to_multiple > 0, "tokenizer.pad_to_multiple", self.pad_to_multiple, "must be above 0")
        _require(0 < self.character_coverage <= 1, "tokenizer.character_coverage", self.character_coverage, "must lie in (0, 1]")
        _require(bool(self.special_tokens), "tokenizer.special_tokens", [], "name at least the end-of-text token")
        least = 256 + len(self.special_tokens)
        _require(
            self.vocab_size >= least,
            "tokenizer.vocab_size",
            self.vocab_size,
            f"the byte alphabet and the special tokens alone need {least}",
        )


@config
class Encode:
    """Token shards."""

    shard_tokens: int = 50_000_000
    """A shard holds at most this many tokens (a single longer document makes a larger one)."""
    valid_ratio: float = 0.01
    """Share of documents in the validation split, by hash(seed, doc_id)."""

    def __post_init__(self) -> None:
        _require(self.shard_tokens > 0, "encode.shard_tokens", self.shard_tokens, "must be above 0")
        _require(0 <= self.valid_ratio < 1, "encode.valid_ratio", self.valid_ratio, "must lie in [0, 1)")


@config
class Pretrain:
    """The small decoder that proves the shards by training on them."""

    enabled: bool = True
    n_layers: int = 4
    d_model: int = 256
    n_heads: int = 4
    n_kv_heads: int | None = None
    """Fewer than n_heads means grouped-query attention; None means n_heads."""
    seq_len: int = 256
    batch_size: int = 16
    steps: int = 200
    learning_rate: float = 1e-3
    warmup_steps: int = 20
    weight_decay: float = 0.1
    clip_norm: float = 1.0
    valid_every: int = 50
    valid_tokens: int = 65_536
    """Validation tokens per source and evaluation, at most."""
    checkpoint_every: int = 100

    def __post_init__(self) -> None:
        counts = ("n_layers", "d_model", "n_heads", "seq_len", "batch_size", "steps", "valid_every", "checkpoint_every")
        for name in counts:
            _require(getattr(self, name) > 0, f"pretrain.{name}", getattr(self, name), "must be above 0")
        multiple = 2 * self.n_heads
        _require(self.d_model % multiple == 0, "pretrain.d_model", self.d_model, f"must be a multiple of 2 x n_heads = {multiple}")
        divides = self.n_heads % (self.n_kv_heads or self.n_heads) == 0
        _require(divides, "pretrain.n_kv_heads", self.n_kv_heads, f"must divide n_heads = {self.n_heads}")


@config
class Guards:
    """Ceilings on loss: the share of a source or language that a stage may remove before the run stops."""

    max_filtered: Threshold = 0.98
    """Documents in a kept language that the filters removed, by source and by language."""
    max_merged: Threshold = 0.90
    """Documents that dedup merged, by source and by language."""
    max_failed: Threshold = 0.90
    """Records that could not be read, by source."""
    min_documents: int = 100
    """Groups smaller than this are not judged."""


@config
class Recipe:
    """Everything a run is asked to do."""

    name: str
    description: str = ""
    seed: int = 0
    sources: dict[str, Source]
    read: Read = field(default_factory=Read)
    filters: Filters = field(default_factory=Filters)
    dedup: Dedup = field(default_factory=Dedup)
    scrub: Scrub = field(default_factory=Scrub)
    tokenizer: Tokenizer = field(default_factory=Tokenizer)
    encode: Encode = field(default_factory=Encode)
    pretrain: Pretrain = field(default_factory=Pretrain)
    guards: Guards = field(default_factory=Guards)

    def __post_init__(self) -> None:
        _require(bool(self.sources), "sources", {}, "name at least one source, such as [sources.web]")
        for name, source in self.sources.items():
            if source.rules is not None:
                check_rules(source.rules, f"sources.{name}.rules")

    def as_dict(self) -> dict[str, Any]:
        """Plain lists, dicts and scalars, as they stand in run.json."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    def digest(self) -> str:
        """sha256 of the resolved recipe, independent of key order and layout of the file it came from."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()


def unknown_key(where: str, key: str, known: typing.Iterable[str]) -> str:
    """A message that names the nearest valid key."""
    names = sorted(known)
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    advice = f"did you mean {near[0]!r}?" if near else f"valid are: {', '.join(names)}"
    return f"{where + ': ' if where else ''}unknown key {key!r}; {advice}"


def check_rules(rules: tuple[str, ...], where: str) -> None:
    """Raise unless every name is a rule set."""
    for name in rules:
        if name not in RULE_SETS:
            raise RecipeError(unknown_key(where, name, RULE_SETS))


def list_recipes() -> list[str]:
    """Names of the built-in recipes."""
    return sorted(path.stem for path in RECIPES_DIR.glob("*.toml"))


def load(recipe: str, settings: typing.Sequence[str] = ()) -> Recipe:
    """The built-in recipe of that name, or the TOML file at that path, with `section.key=value` settings applied."""
    path = RECIPES_DIR / f"{recipe}.toml"
    if not path.is_file():
        path = Path(recipe)
        if not path.is_file():
            near = difflib.get_close_matches(recipe, list_recipes(), n=1)
            advice = f"did you mean {near[0]!r}?" if near else f"built in are: {', '.join(list_recipes())}"
            raise RecipeError(f"{recipe!r} is neither a built-in recipe nor a file; {advice}")
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not valid TOML: {error}") from error
    data.setdefault("name", path.stem)
    for setting in settings:
        apply_setting(data, setting)
    try:
        return parse(data)
    except RecipeError as error:
        raise RecipeError(f"recipe {recipe!r}: {error}") from None


def apply_setting(data: dict[str, Any], setting: str) -> None:
    """Write one `section.key=value` into `data`; the value is read as TOML, or else taken as a string."""
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise RecipeError(f"--set {setting!r}: write it as section.key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    *parents, leaf = (part.strip() for part in key.split("."))
    for parent in parents:
        data = data.setdefault(parent, {})
        if not isinstance(data, dict):
            raise RecipeError(f"--set {setting!r}: {parent!r} is a value, not a section")
    data[leaf] = value


def parse(data: dict[str, Any]) -> Recipe:
    """The recipe that `data` (as read from TOML) states; a wrong key, type or value raises RecipeError."""
    return _convert(Recipe, data)


def section(kind: type[_T], settings: typing.Sequence[str]) -> _T:
    """A section that stands alone, with `key=value` settings over its defaults."""
    data: dict[str, Any] = {}
    for setting in settings:
        apply_setting(data, setting)
    return _convert(kind, data)


def _convert(kind: type[_T], data: dict[str, Any]) -> _T:
    data = _prepare(kind, data, "")
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        cause = error.__cause__
        if isinstance(cause, RecipeError):
            raise cause from None
        message, _, where = str(error).partition(" - at `$.")
        raise RecipeError(f"{where.rstrip('`') or 'recipe'}: {message}") from None


def _prepare(kind: Any, data: Any, where: str) -> Any:
    """`data` with "off" made None and single strings made lists; unknown keys raise."""
    alternatives = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if data == "off" and types.NoneType in alternatives:
        return None
    for alternative in alternatives:
        origin = typing.get_origin(alternative)
        if dataclasses.is_dataclass(alternative) and isinstance(data, dict):
            hints = typing.get_type_hints(alternative)
            for key in data:
                if key not in hints:
                    raise RecipeError(unknown_key(where, key, hints))
            return {key: _prepare(hints[key], value, f"{where}.{key}".lstrip(".")) for key, value in data.items()}
        if origin is dict and isinstance(data, dict):
            inner = typing.get_args(alternative)[1]
            return {key: _prepare(inner, value, f"{where}.{key}".lstrip(".")) for key, value in data.items()}
        if origin is tuple and isinstance(data, str):
            return [data]
    return data
