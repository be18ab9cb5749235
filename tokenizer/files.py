"""tokenizer.json files: written whole or not at all, read with a clear error."""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer as HuggingFaceTokenizer

from schemas.errors import TokenizerError
from schemas.files import whole_file

MOST_IDS: Final = 1 << 24
"""Ids lie below this: every array by id, an embedding too, has a row for each id up to the highest."""
_RANDOM: Final = ("dropout", "alpha", "nbest_size")
"""Options of models that make the library encode one text in several ways."""
_TIKTOKEN: Final = re.compile(rb"[A-Za-z0-9+/]+={0,2} \d+\r?\n")


def save(tokenizer: HuggingFaceTokenizer, path: Path) -> None:
    """Write tokenizer.json, whole or not at all."""
    with whole_file(path) as temporary:
        tokenizer.save(str(temporary))


def load(path: Path) -> HuggingFaceTokenizer:
    """The tokenizer in a tokenizer.json; TokenizerError names the file where it is none, or cannot be encoded with."""
    if path.is_dir():
        inside = path / "tokenizer.json"
        raise TokenizerError(f"tokenizer file {path} is a folder; give {inside if inside.is_file() else 'the path of a tokenizer.json'}")
    if not path.is_file():
        raise TokenizerError(
            f"tokenizer file {path} does not exist; give the path of a tokenizer.json, or leave tokenizer.path out to train one"
        )
    content = path.read_bytes()
    try:
        tokenizer = HuggingFaceTokenizer.from_buffer(content)
    except Exception as error:  # the library raises bare Exception, for a bad file only
        raise TokenizerError(
            f"{path} is not a tokenizer.json that the `tokenizers` library reads: {_kind_of(path, content, error)}"
        ) from error
    _check(tokenizer, path)
    return tokenizer


def n_ids(tokenizer: HuggingFaceTokenizer) -> int:
    """1 + the highest id: the rows of an embedding, and more than there are tokens where ids have holes."""
    return 1 + max(tokenizer.get_vocab().values())


def parsed(path: Path, tokenizer: HuggingFaceTokenizer) -> dict[str, Any]:
    """The document that `tokenizer` was loaded from, with all that older files leave to defaults as the library fills it in."""
    document: dict[str, Any] = json.loads(path.read_bytes())
    document["model"]["type"] = type(tokenizer.model).__name__
    for name in ("normalizer", "pre_tokenizer", "decoder"):
        part = getattr(tokenizer, name)
        document[name] = None if part is None else json.loads(part.__getstate__())
    return document


def _check(tokenizer: HuggingFaceTokenizer, path: Path) -> None:
    """TokenizerError where ids would be random, ambiguous or too high."""
    for option in _RANDOM:
        if value := getattr(tokenizer.model, option, None):
            raise TokenizerError(
                f"{path} has model.{option} = {value:g}, which encodes the same text differently each time; set it to null in that file"
            )
    counts = Counter(tokenizer.get_vocab().values())
    if not counts:
        raise TokenizerError(f"{path} has no tokens; give a tokenizer.json with a vocabulary")
    if (highest := max(counts)) >= MOST_IDS:
        raise TokenizerError(f"{path} has the id {highest}; ids must be below {MOST_IDS}. Number its tokens anew")
    for index, token in tokenizer.get_added_tokens_decoder().items():
        if counts[index] > 1:
            raise TokenizerError(
                f"{path}: the added token {token.content!r} gets the id {index} from the `tokenizers` library, which another token has; "
                "put it into model.vocab with an id of its own"
            )


def _kind_of(path: Path, content: bytes, error: Exception) -> str:
    """What the file looks like instead, or where the library stopped."""
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
        return "it is JSON without a model; give the tokenizer.json that holds vocabulary, merges and rules together"
    return str(error).removeprefix("Cannot instantiate Tokenizer from buffer: ")
