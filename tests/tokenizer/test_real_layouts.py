"""tokenizer.json files laid out as GPT-2, LLaMA-3, Qwen, LLaMA-2, GPT-NeoX and DeepSeek publish theirs take the fast path.

The vocabularies are small ones of our own; everything around them is as those files have it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from testkit.random_text import random_texts
from tests.tokenizer.test_encode import CORPUS, column, expected, made
from tokenizer.encode import Encoder
from tokenizer.patterns import PATTERNS

BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
AFTER_SPLIT = BYTE_LEVEL | {"use_regex": False}


def split(pattern: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def special(index: int, content: str) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": index, "content": content, **flags, "special": True}


LAYOUTS: dict[str, tuple[str, dict[str, Any]]] = {
    "GPT-2": ("gpt2", {"normalizer": None, "pre_tokenizer": BYTE_LEVEL, "post_processor": BYTE_LEVEL, "decoder": BYTE_LEVEL}),
    "GPT-NeoX": ("gpt2", {"normalizer": {"type": "NFC"}, "pre_tokenizer": BYTE_LEVEL, "decoder": BYTE_LEVEL}),
    "LLaMA-3": (
        "cl100k",
        {
            "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split(PATTERNS["cl100k"]), AFTER_SPLIT]},
            "post_processor": {
                "type": "Sequence",
                "processors": [
                    BYTE_LEVEL,
                    {
                        "type": "TemplateProcessing",
                        "single": [{"SpecialToken": {"id": "<|begin_of_text|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                        "special_tokens": {"<|begin_of_text|>": {"id": "<|begin_of_text|>", "ids": [0], "tokens": ["<|endoftext|>"]}},
                    },
                ],
            },
            "decoder": BYTE_LEVEL,
            "model": {"ignore_merges": True},
        },
    ),
    "Qwen2": (
        "qwen2",
        {
            "normalizer": {"type": "NFC"},
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split(PATTERNS["qwen2"]), AFTER_SPLIT]},
            "decoder": AFTER_SPLIT,
            "model": {"continuing_subword_prefix": "", "end_of_word_suffix": "", "unk_token": None, "dropout": None},
        },
    ),
    "LLaMA-2": (
        "llama",
        {
            "normalizer": {
                "type": "Sequence",
                "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}],
            },
            "pre_tokenizer": None,
            "decoder": {
                "type": "Sequence",
                "decoders": [
                    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                    {"type": "ByteFallback"},
                    {"type": "Fuse"},
                    {"type": "Strip", "content": " ", "start": 1, "stop": 0},
                ],
            },
            "model": {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True},
        },
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("merges_as_strings", [True, False])
def test_a_published_layout_takes_the_fast_path_with_the_same_ids(name: str, merges_as_strings: bool, tmp_path: Path) -> None:
    base, layout = LAYOUTS[name]
    document = json.loads(made(base, tmp_path).read_text())
    document |= {key: value for key, value in layout.items() if key != "model"}
    document["model"] |= layout.get("model", {})
    if merges_as_strings and base != "llama":
        document["model"]["merges"] = [" ".join(merge) for merge in document["model"]["merges"]]
    n = max(document["model"]["vocab"].values()) + 1
    document["added_tokens"] += [special(n + i, f"<|reserved_{i}|>") for i in range(3)]
    path = tmp_path / "layout.json"
    path.write_text(json.dumps(document))
    encoder = Encoder(path)
    assert (encoder.path, encoder.reason) == ("fast", "")
    assert encoder.vocab_size == n + 3
    texts = [*CORPUS, *random_texts(3_000, seed=11), "<|reserved_0|>", "<|endoftext|> a"]
    assert encoder(column(texts)).to_pylist() == expected(encoder, texts)
