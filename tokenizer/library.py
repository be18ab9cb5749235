"""Vocabularies that the `tokenizers` library trains: BERT's WordPiece and T5's Unigram. The words of the sample are kept in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from schemas.errors import TokenizerError, UnfilledError
from schemas.recipe import Tokenizer as TokenizerConfig

UNKNOWN = {"wordpiece": "[UNK]", "unigram": "<unk>"}
"""The token for characters that the vocabulary lacks; added to the special tokens if it is not one of them."""


def train_with_the_library(columns: Iterable[pa.Array], config: TokenizerConfig) -> Tokenizer:
    """A WordPiece or Unigram tokenizer trained on large_string columns; UnfilledError if they do not fill the vocabulary."""
    unknown = UNKNOWN[config.model]
    specials = list(dict.fromkeys([*config.special_tokens, unknown]))
    n_tokens = config.asked_size
    forms = [getattr(normalizers, config.normalization)()] if config.normalization else []
    if config.model == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token=unknown))
        bert = normalizers.BertNormalizer(handle_chinese_chars=True, lowercase=not config.cased, strip_accents=not config.cased)
        tokenizer.normalizer = normalizers.Sequence([*forms, bert])
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer: trainers.Trainer = trainers.WordPieceTrainer(
            vocab_size=n_tokens, min_frequency=config.min_frequency, special_tokens=specials, show_progress=False
        )
    else:
        tokenizer = Tokenizer(models.Unigram())
        if forms:
            tokenizer.normalizer = forms[0]
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=n_tokens, special_tokens=specials, unk_token=unknown, show_progress=False)
    try:
        tokenizer.train_from_iterator(_texts(columns), trainer)
    except Exception as error:  # the library raises a bare Exception if there is nothing to learn from
        raise TokenizerError(
            "CM-TOKENIZER-012", f"tokenizer.model = {config.model!r}: the library cannot train it on this sample: {error}"
        ) from error
    n_found = tokenizer.get_vocab_size()
    fits = n_found < n_tokens and config.vocab_size is None and n_found % config.pad_to_multiple == 0
    if n_found != n_tokens and not fits:
        n_fits = n_found if n_found % config.pad_to_multiple == 0 else 0
        raise UnfilledError(
            "CM-TOKENIZER-013",
            f"tokenizer.vocab_size = {n_tokens}: the sample fills only {n_found} tokens of a {config.model} vocabulary; "
            "ask for that many, leave the size out, or pass other text",
            n_found,
            n_fits,
        )
    return tokenizer


def _texts(columns: Iterable[pa.Array]) -> Iterator[str]:
    return (text for column in columns for text in column.to_pylist())
