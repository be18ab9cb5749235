"""tokenizer.json files: written whole or not at all. The error for an unreadable file names its actual format."""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from pathlib import Path
from typing import Final, Protocol

from tokenizers import Tokenizer as HuggingFaceTokenizer

from schemas.errors import TokenizerError
from schemas.files import whole_file
from tokenizer.document import Step, TokenizerDocument

MOST_IDS: Final = 1 << 24
"""Ids must be below this: arrays by id, such as an embedding, have a row for every id up to the highest."""
_RANDOM: Final = ("dropout", "alpha", "nbest_size")
"""Model options that make the library encode the same text in different ways."""
_TIKTOKEN: Final = re.compile(rb"[A-Za-z0-9+/]+={0,2} \d+\r?\n")


class _Serializable(Protocol):
    def __getstate__(self) -> bytes: ...


def save_tokenizer(tokenizer: HuggingFaceTokenizer, path: Path) -> None:
    """Write tokenizer.json, whole or not at all."""
    with whole_file(path) as temporary:
        tokenizer.save(str(temporary))


def load_tokenizer(path: Path) -> HuggingFaceTokenizer:
    """The tokenizer of a tokenizer.json; TokenizerError names a file that is missing, of another kind, or ambiguous."""
    if path.is_dir():
        inside = path / "tokenizer.json"
        raise TokenizerError(
            "CM-TOKENIZER-005", f"tokenizer file {path} is a folder; pass {inside if inside.is_file() else 'the path of a tokenizer.json'}"
        )
    if not path.is_file():
        raise TokenizerError(
            "CM-TOKENIZER-006",
            f"tokenizer file {path} does not exist; pass the path of a tokenizer.json, or omit tokenizer.path to train one",
        )
    content = path.read_bytes()
    try:
        tokenizer = HuggingFaceTokenizer.from_buffer(content)
    except Exception as error:  # the library raises a bare Exception, only for a bad file
        raise TokenizerError(
            "CM-TOKENIZER-007", f"{path} is not a tokenizer.json that the `tokenizers` library can read: {_kind_of(path, content, error)}"
        ) from error
    _check(tokenizer, path)
    return tokenizer


def n_ids(tokenizer: HuggingFaceTokenizer) -> int:
    """1 + the highest id: the rows of an embedding. More than the number of tokens if ids have gaps."""
    return 1 + max(tokenizer.get_vocab().values())


def parsed(path: Path, tokenizer: HuggingFaceTokenizer) -> TokenizerDocument:
    """The JSON that `tokenizer` was loaded from; fields that older files omit are filled in by the library."""
    document: TokenizerDocument = json.loads(path.read_bytes())
    document["model"]["type"] = type(tokenizer.model).__name__
    document["normalizer"] = _step(tokenizer.normalizer)
    document["pre_tokenizer"] = _step(tokenizer.pre_tokenizer)
    document["decoder"] = _step(tokenizer.decoder)
    return document


def _step(part: _Serializable | None) -> Step | None:
    """A step with its options; the library pickles it as JSON."""
    return None if part is None else json.loads(part.__getstate__())


def _check(tokenizer: HuggingFaceTokenizer, path: Path) -> None:
    """TokenizerError if ids are random, ambiguous or too high."""
    for option in _RANDOM:
        if value := getattr(tokenizer.model, option, None):
            raise TokenizerError(
                "CM-TOKENIZER-008", f"{path} has model.{option} = {value:g}, so the same text encodes differently each time; set it to null"
            )
    counts = Counter(tokenizer.get_vocab().values())
    if not counts:
        raise TokenizerError("CM-TOKENIZER-009", f"{path} has no tokens; pass a tokenizer.json with a vocabulary")
    if (highest := max(counts)) >= MOST_IDS:
        raise TokenizerError("CM-TOKENIZER-010", f"{path} has the id {highest}; ids must be below {MOST_IDS}; renumber its tokens")
    for index, token in tokenizer.get_added_tokens_decoder().items():
        if counts[index] > 1:
            raise TokenizerError(
                "CM-TOKENIZER-011",
                f"{path}: the added token {token.content!r} gets id {index} from the `tokenizers` library, but another token has it; "
                "add it to model.vocab with its own id",
            )


def _kind_of(path: Path, content: bytes, error: Exception) -> str:
    """The format of the file, or the library's own message."""
    if path.suffix == ".model":
        return "it looks like a SentencePiece model; convert it, as `transformers` does when it saves a fast tokenizer"
    if content.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "it begins with a byte order mark; save it as UTF-8 without one"
    if _TIKTOKEN.match(content):
        return "it looks like a tiktoken file of ranks; convert it, as `transformers` does when it saves a fast tokenizer"
    try:
        document = json.loads(content)
    except ValueError:
        return "it is not JSON"
    except RecursionError:
        return "it is nested too deeply"
    if not isinstance(document, dict) or "model" not in document:
        return "it is JSON without a model; pass the tokenizer.json, which has vocabulary, merges and rules in one file"
    return str(error).removeprefix("Cannot instantiate Tokenizer from buffer: ")
