"""The shards of a run -> DIR/validation/metrics.json: are they complete, and can a small decoder learn from them?

torch is imported only when training starts, since worker processes import this module, too, and importing torch is slow.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Final

import msgspec
import pyarrow as pa

from pipelines.pretrain.baseline import Baseline, text_digest, token_bytes
from pipelines.pretrain.data import TokenRing, WindowBatches, hold_out, split_tail
from pipelines.pretrain.metrics import training_metrics
from pipelines.pretrain.shards import INDEX_FILE, OpenedShards, open_shards
from schemas.errors import CorpusmillError, EmptyCorpusError
from schemas.files import sha256_of, whole_file
from schemas.recipe import Pretrain

METRICS_FILE: Final = "validation/metrics.json"
CHECKPOINT_FILE: Final = "validation/checkpoint.pt"

TAIL_RATIO: Final = 0.05
"""Share of the train documents that are held out if the run has no validation split."""


def validate_shards(folder: Path, config: Pretrain, seed: int, on_step: Callable[[int, int, float], None]) -> dict[str, object]:
    """Check the shards, train on them, and write and return the metrics; on_step receives (steps done, total steps, loss).

    `passed` is true if `reasons` is empty. An interrupted training continues; a finished one starts over.
    """
    train = _import_train()
    opened = open_shards(folder)
    train_batches, valid_batches, valid_kind = split_off_validation(opened)
    index = opened.index
    windows = WindowBatches(TokenRing(train_batches, index.end_of_text), seq_len=config.seq_len, batch_size=config.batch_size, seed=seed)
    held_out = hold_out(valid_batches, end_of_text=index.end_of_text, seq_len=config.seq_len, most_tokens=config.valid_tokens)
    if not held_out:
        raise EmptyCorpusError(
            "CM-PRETRAIN-002", "there is no text to validate on; raise pretrain.valid_tokens, or set pretrain.enabled = false"
        )
    path = folder / METRICS_FILE
    if path.exists():
        path.unlink()
        (folder / CHECKPOINT_FILE).unlink(missing_ok=True)
    trained = train.train_decoder(
        config,
        seed,
        index.tokenizer.vocab_size,
        windows,
        held_out,
        train.Checkpoint(path=folder / CHECKPOINT_FILE, fingerprint=fingerprint(folder, config, seed)),
        on_step,
    )
    baseline = Baseline.of(opened, token_bytes(folder / index.tokenizer.path), held_out)
    text = text_digest(held_out, folder / index.tokenizer.path)
    stated = {"valid": valid_kind, "valid_sha256": text, "trained_with": {"seed": seed, **msgspec.to_builtins(config)}}
    metrics = {**stated, **training_metrics(opened, windows, config, trained, baseline)}
    with whole_file(path) as temporary:
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(metrics), indent=2) + b"\n")
    return metrics


def split_off_validation(opened: OpenedShards) -> tuple[list[pa.RecordBatch], list[pa.RecordBatch], str]:
    """(batches to train on, batches to validate on, "held out" or "train tail"): without a validation split, train's tail is held out."""
    train, valid = opened.batches["train"], opened.batches["valid"]
    if any(batch.num_rows for batch in valid):
        return train, valid, "held out"
    n_documents = sum(batch.num_rows for batch in train)
    if n_documents < 2:
        raise EmptyCorpusError(
            "CM-PRETRAIN-003",
            f"the shards contain {n_documents} documents, too few to train on some and validate on others; "
            "add documents, or set pretrain.enabled = false",
        )
    return *split_tail(train, math.ceil(n_documents * TAIL_RATIO)), "train tail"


def fingerprint(folder: Path, config: Pretrain, seed: int) -> str:
    """sha256 of everything that shapes a training: the shards (by their index), the settings and the seed."""
    shaping = {"index": sha256_of(folder / INDEX_FILE), "config": msgspec.to_builtins(config), "seed": seed}
    return hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()


def _import_train() -> ModuleType:
    """The module `train`, which imports torch."""
    # Waiting threads that spin make a step up to 9 times slower if other processes use the cores. torch reads this variable on import.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        from pipelines.pretrain import train  # noqa: PLC0415 - it imports torch
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise CorpusmillError(
            "CM-PRETRAIN-004", "training needs torch: pip install 'corpusmill[train]', or set pretrain.enabled = false"
        ) from error
    return train
