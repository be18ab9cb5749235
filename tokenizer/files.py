"""tokenizer.json files: written whole or not at all, read with a clear error."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer as HuggingFaceTokenizer

from schemas.errors import TokenizerError
from schemas.files import whole_file


def save(tokenizer: HuggingFaceTokenizer, path: Path) -> None:
    """Write tokenizer.json, whole or not at all."""
    with whole_file(path) as temporary:
        tokenizer.save(str(temporary))


def load(path: Path) -> HuggingFaceTokenizer:
    """The tokenizer in a tokenizer.json; TokenizerError names the file where it is none."""
    if not path.is_file():
        raise TokenizerError(
            f"tokenizer file {path} does not exist; give the path of a tokenizer.json, or leave tokenizer.path out to train one"
        )
    try:
        return HuggingFaceTokenizer.from_buffer(path.read_bytes())
    except Exception as error:  # the library raises bare Exception, for a bad file only
        raise TokenizerError(f"{path} is not a tokenizer.json that the `tokenizers` library reads: {error}") from error
