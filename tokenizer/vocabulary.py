"""A tokenizer.json as arrays: the bytes of every token, its merges, and how text is prepared and split.

A feature that the compiled encoder lacks raises UnsupportedTokenizerError, which names it; then the `tokenizers` library encodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypedDict, get_args

import numpy as np

from schemas.buffers import Bytes, Offsets
from tokenizer.document import Model, Step, TokenizerDocument
from tokenizer.merge import MAX_IDS, Ids
from tokenizer.patterns import (
    DIGITS_ALONE,
    DIGITS_APART,
    DIGITS_JOINED,
    SCANNERS,
    SPACE_AND_WORD,
    SPACES_AND_WORD,
    WHOLE_ROW,
    Scanner,
    scanner_of,
)

METASPACE: Final = "▁"
Form = Literal["NFC", "NFD", "NFKC", "NFKD"]

NO_SPACE: Final = 0
ALWAYS_A_SPACE: Final = 1
ONE_SPACE: Final = 2


class UnsupportedTokenizerError(Exception):
    """A feature of a tokenizer.json that only the `tokenizers` library supports; never leaves this package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BpeVocabulary:
    """Everything that encoding and decoding need, without the library."""

    data: Bytes
    offsets: Offsets
    """Token i has the bytes `data[offsets[i]:offsets[i + 1]]`; no bytes for a token that text never becomes."""
    pieces: Ids
    piece_offsets: Offsets
    """Token i as ids of the alphabet, bytes or characters: `pieces[piece_offsets[i]:piece_offsets[i + 1]]`."""
    left: Ids
    right: Ids
    merged: Ids
    """The merges, in the order of their ranks."""
    byte_ids: Ids
    """The id of each byte."""
    scanner: Scanner
    whole_words: bool
    """A pre-token that is a token becomes that token, without merging."""
    normalizer: Form | None
    metaspace: bool
    """The file writes spaces as U+2581. Here they are spaces, and U+2581 in text also counts as a space."""
    first_space: int
    """Put before the text: NO_SPACE, ALWAYS_A_SPACE, or ONE_SPACE, a space if the text does not begin with one."""


def read_vocabulary(document: TokenizerDocument) -> BpeVocabulary:
    """The vocabulary of a parsed tokenizer.json; UnsupportedTokenizerError names a feature that only the library supports."""
    model = document["model"]
    _check_model(model)
    for token in document.get("added_tokens") or ():
        if not token["special"]:
            raise UnsupportedTokenizerError(f"the added token {token['content']!r} is searched for in text")
    by_string: dict[str, int] = model["vocab"]
    if _size(by_string) > MAX_IDS:
        raise UnsupportedTokenizerError(f"the vocabulary has ids from {MAX_IDS} on")
    if len(set(by_string.values())) < len(by_string):
        raise UnsupportedTokenizerError("tokens of the vocabulary share an id")
    if model.get("byte_fallback"):
        return _read_characters(document, by_string)
    return _read_bytes(document, by_string)


def byte_alphabet() -> dict[str, int]:
    """GPT-2's printable character for each byte, from character to byte."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}


def _check_model(model: Model) -> None:
    if model["type"] != "BPE":
        raise UnsupportedTokenizerError(f"the model is {model['type']}, not BPE")
    for option in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
        if value := model.get(option):
            raise UnsupportedTokenizerError(f"the model has {option} = {value!r}")


def _read_bytes(document: TokenizerDocument, by_string: dict[str, int]) -> BpeVocabulary:
    scanner = _byte_level_scanner(document.get("pre_tokenizer"))
    byte_of = byte_alphabet()
    if any(char not in by_string for char in byte_of):
        raise UnsupportedTokenizerError("the vocabulary lacks some of the 256 bytes")
    tokens = [b""] * _size(by_string)
    for string, index in by_string.items():
        if all(char in byte_of for char in string):
            tokens[index] = bytes(byte_of[char] for char in string)
    byte_ids = np.zeros(256, np.int32)
    for char, byte in byte_of.items():
        byte_ids[byte] = by_string[char]
    data, offsets = _joined(tokens)
    return BpeVocabulary(
        data=data,
        offsets=offsets,
        pieces=byte_ids[data],
        piece_offsets=offsets,
        byte_ids=byte_ids,
        scanner=scanner,
        whole_words=bool(document["model"].get("ignore_merges")),
        normalizer=_unicode_form(document.get("normalizer")),
        metaspace=False,
        first_space=NO_SPACE,
        **_merges(document["model"]["merges"], by_string),
    )


def _read_characters(document: TokenizerDocument, by_string: dict[str, int]) -> BpeVocabulary:
    scanner, normalizer, metaspace, first_space = _character_rules(document)
    names = [f"<0x{byte:02X}>" for byte in range(256)]
    if any(name not in by_string for name in names):
        raise UnsupportedTokenizerError("the vocabulary lacks some of the 256 byte tokens")
    byte_ids = np.array([by_string[name] for name in names], np.int32)
    if metaspace and METASPACE not in by_string:
        raise UnsupportedTokenizerError(f"the vocabulary lacks {METASPACE}")
    tokens, pieces = [b""] * _size(by_string), [()] * _size(by_string)  # type: list[bytes], list[tuple[int, ...]]
    for string, index in by_string.items():
        if all(char in by_string for char in string) and not (metaspace and " " in string):
            tokens[index] = (string.replace(METASPACE, " ") if metaspace else string).encode()
            pieces[index] = tuple(by_string[char] for char in string)
    merges = _merges(document["model"]["merges"], by_string)
    if np.isin(merges["left"], byte_ids).any() or np.isin(merges["right"], byte_ids).any():
        raise UnsupportedTokenizerError("byte tokens take part in merges")
    if scanner.kind == SPACES_AND_WORD and any(b" " in token.lstrip(b" ") for token in tokens):
        scanner = Scanner(WHOLE_ROW)
    data, offsets = _joined(tokens)
    piece_offsets = np.zeros(len(pieces) + 1, np.int64)
    np.cumsum([len(row) for row in pieces], out=piece_offsets[1:])
    return BpeVocabulary(
        data=data,
        offsets=offsets,
        pieces=np.array([piece for row in pieces for piece in row], np.int32),
        piece_offsets=piece_offsets,
        byte_ids=byte_ids,
        scanner=scanner,
        whole_words=bool(document["model"].get("ignore_merges")),
        normalizer=normalizer,
        metaspace=metaspace,
        first_space=first_space,
        **merges,
    )


def _size(by_string: dict[str, int]) -> int:
    return max(by_string.values(), default=-1) + 1


def _joined(tokens: list[bytes]) -> tuple[Bytes, Offsets]:
    offsets = np.zeros(len(tokens) + 1, np.int64)
    np.cumsum([len(token) for token in tokens], out=offsets[1:])
    return np.frombuffer(b"".join(tokens), np.uint8), offsets


class _MergeArrays(TypedDict):
    left: Ids
    right: Ids
    merged: Ids


def _merges(merges: Sequence[str | Sequence[str]], by_string: dict[str, int]) -> _MergeArrays:
    """The two sides and the result of each merge."""
    pairs = merge_pairs(merges)
    return {
        "left": np.array([by_string[left] for left, _ in pairs], np.int32),
        "right": np.array([by_string[right] for _, right in pairs], np.int32),
        "merged": np.array([by_string[left + right] for left, right in pairs], np.int32),
    }


def merge_pairs(merges: Sequence[str | Sequence[str]]) -> list[Sequence[str]]:
    """The two sides of each merge. Files from before late 2024 write a merge as one string, after an optional line "#version"."""
    lines = (merge for merge in merges if not (isinstance(merge, str) and merge.startswith("#version")))
    return [merge.split(" ") if isinstance(merge, str) else merge for merge in lines]


def _steps(document: Step | None, key: str) -> list[Step]:
    """The parts of a Sequence; a list of one for anything else, of none for null."""
    if document is None:
        return []
    return list(document[key]) if document["type"] == "Sequence" else [document]


def _byte_level_scanner(document: Step | None) -> Scanner:
    steps = _steps(document, "pretokenizers")
    if not steps or steps[-1]["type"] != "ByteLevel":
        raise UnsupportedTokenizerError("the pre-tokenizer does not end in ByteLevel")
    *before, last = steps
    if last.get("add_prefix_space"):
        raise UnsupportedTokenizerError("ByteLevel has add_prefix_space = true")
    split_digits = DIGITS_JOINED
    if before and before[0]["type"] == "Digits":
        split_digits = DIGITS_ALONE if before[0]["individual_digits"] else DIGITS_APART
        before = before[1:]
    if last.get("use_regex", True):
        if before:
            raise UnsupportedTokenizerError(f"the pre-tokenizer {before[0]['type']} comes before ByteLevel's own pattern")
        scanner = SCANNERS["gpt2"]
    else:
        scanner = _split_scanner(before)
    return Scanner(scanner.kind, scanner.max_digits, split_digits)


def _split_scanner(steps: list[Step]) -> Scanner:
    """The scanner of a list that is one Split by a known pattern, or nothing."""
    if not steps:
        return Scanner(WHOLE_ROW)
    if len(steps) > 1 or steps[0]["type"] != "Split":
        raise UnsupportedTokenizerError(f"the pre-tokenizers {', '.join(step['type'] for step in steps)} have no scanner together")
    split = steps[0]
    if (split["behavior"], bool(split["invert"])) not in (("Isolated", False), ("Removed", True)):
        raise UnsupportedTokenizerError(f"Split has behavior {split['behavior']}")
    scanner = scanner_of(split["pattern"].get("Regex", ""))
    if scanner is None:
        raise UnsupportedTokenizerError("Split has a pattern that has no scanner")
    return scanner


def _unicode_form(document: Step | None) -> Form | None:
    steps = _steps(document, "normalizers")
    if not steps:
        return None
    if len(steps) > 1 or steps[0]["type"] not in get_args(Form):
        raise UnsupportedTokenizerError(f"the normalizers {', '.join(step['type'] for step in steps)} are not one Unicode form")
    form: Form = steps[0]["type"]
    return form


def _character_rules(document: TokenizerDocument) -> tuple[Scanner, Form | None, bool, int]:
    """(scanner, Unicode form, metaspace, first space) of a vocabulary of characters with byte fallback."""
    normalizers = _steps(document.get("normalizer"), "normalizers")
    steps = _steps(document.get("pre_tokenizer"), "pretokenizers")
    replaced = {"type": "Replace", "pattern": {"String": " "}, "content": METASPACE}
    if replaced in normalizers:
        before = normalizers[: normalizers.index(replaced)]
        if normalizers[-1] != replaced or before not in ([], [{"type": "Prepend", "prepend": METASPACE}]):
            raise UnsupportedTokenizerError("the normalizers are not [Prepend,] Replace of a space")
        # After the replacement no space is left for a Split by " " to find.
        if steps and not (len(steps) == 1 and steps[0]["type"] == "Split" and steps[0]["pattern"] == {"String": " "}):
            raise UnsupportedTokenizerError("a pre-tokenizer follows the Replace of a space")
        return Scanner(SPACES_AND_WORD), None, True, ALWAYS_A_SPACE if before else NO_SPACE
    normalizer = _unicode_form(document.get("normalizer"))
    if steps and steps[0]["type"] == "Metaspace":
        if len(steps) > 1 or steps[0]["replacement"] != METASPACE:
            raise UnsupportedTokenizerError("Metaspace is not the only pre-tokenizer, or replaces by another character")
        first_space = NO_SPACE if steps[0].get("prepend_scheme", "always") == "never" else ONE_SPACE
        return Scanner(SPACE_AND_WORD if steps[0].get("split", True) else SPACES_AND_WORD), normalizer, True, first_space
    return _split_scanner(steps), normalizer, False, NO_SPACE
