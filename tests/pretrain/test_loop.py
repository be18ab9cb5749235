"""From a run folder to metrics.json: what can be learned passes, what cannot does not, and what is missing is said."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.pretrain.loop import validate_shards
from schemas.errors import CorpusmillError, EmptyCorpusError
from schemas.recipe import Pretrain
from tests.pretrain.corpus import Documents, write_corpus

SMALL = Pretrain(
    n_layers=1,
    d_model=32,
    n_heads=2,
    n_kv_heads=1,
    seq_len=16,
    batch_size=8,
    steps=80,
    learning_rate=1e-2,
    valid_every=40,
    valid_tokens=400,
)


def counting(n: int, seed: int) -> Documents:
    """Each token is the one before plus one, around 32: the order says everything, frequencies nothing."""
    generator = random.Random(seed)
    starts = [generator.randrange(32) for _ in range(n)]
    return [("code" if i % 3 else "web", [100 + (start + j) % 32 for j in range(30)]) for i, start in enumerate(starts)]


def mixed_up(documents: Documents, seed: int, skew: bool) -> Documents:
    """As long as the documents, but of independent tokens: uniform, or some more frequent than others."""
    generator = random.Random(seed)
    ids = range(1, 257)
    weights = [1 / i for i in ids] if skew else [1] * len(ids)
    return [(source, generator.choices(ids, weights, k=len(tokens))) for source, tokens in documents]


def run(folder: Path, config: Pretrain = SMALL) -> dict[str, Any]:
    return validate_shards(folder, config, 0, lambda step, steps, loss: None)


def test_a_pattern_is_learned_and_every_number_is_reported(tmp_path: Path) -> None:
    steps_done = []
    folder = write_corpus(tmp_path, [("train", counting(150, 0)), ("valid", counting(20, 1))])
    metrics: dict[str, Any] = validate_shards(folder, SMALL, 0, lambda *args: steps_done.append(args))
    assert metrics["reasons"] == []
    assert metrics["passed"] is True
    assert metrics == json.loads((folder / "validation" / "metrics.json").read_text())
    assert metrics["valid"] == "held out"
    assert metrics["loss"] < 1.0
    assert metrics["unigram_loss"] == pytest.approx(math.log(32), rel=0.1)
    assert metrics["first_loss"] == pytest.approx(metrics["uniform_loss"], rel=0.05)
    assert metrics["bits_per_byte"] == pytest.approx(metrics["loss"] / math.log(2)), "every token of this tokenizer is one byte"
    assert {source: found["n_tokens"] for source, found in metrics["sources"].items()} == {"code": 390, "web": 210}
    by_source = sum(found["loss"] * found["n_tokens"] for found in metrics["sources"].values())
    assert by_source == pytest.approx(metrics["loss"] * metrics["n_tokens"])
    assert [step for step, _, _ in metrics["valid_curve"]] == [0, 40, 80]
    assert [step for step, _ in metrics["train_curve"]] == list(range(1, 81))
    assert [(step, steps) for step, steps, _ in steps_done] == [(i, 80) for i in range(1, 81)]
    assert metrics["n_trained_tokens"] == 80 * 8 * 16
    assert metrics["epochs"] == pytest.approx(80 * 8 / math.ceil(150 * 31 / 16))
    assert metrics["checks"] == {
        "n_shards": 2,
        "n_documents": 170,
        "n_tokens": 5100,
        "n_distinct_train_tokens": 32,
        "vocab_size": 257,
        "shuffle_z": metrics["checks"]["shuffle_z"],
    }


@pytest.mark.parametrize(("skew", "reason"), [(False, "it must fall by 5%"), (True, "did not learn their order")])
def test_what_has_no_order_does_not_pass(tmp_path: Path, skew: bool, reason: str) -> None:
    shards = [("train", mixed_up(counting(300, 0), 0, skew)), ("valid", mixed_up(counting(20, 1), 1, skew))]
    metrics = run(write_corpus(tmp_path, shards))
    assert metrics["passed"] is False
    assert any(reason in line for line in metrics["reasons"])


def test_shards_in_the_order_of_their_sources_do_not_pass(tmp_path: Path) -> None:
    documents = [("web", ids) for _, ids in counting(500, 0)] + [("code", ids) for _, ids in counting(500, 1)]
    metrics = run(write_corpus(tmp_path, [("train", documents), ("valid", counting(20, 2))]))
    (reason,) = metrics["reasons"]
    assert reason.startswith("the train shards are not shuffled")


def test_without_a_validation_split_the_tail_of_train_is_held_out(tmp_path: Path) -> None:
    tail: Documents = [("tail", [7] * 30)] * 2
    metrics = run(write_corpus(tmp_path, [("train", counting(38, 0) + tail)]), replace(SMALL, steps=2))
    assert metrics["valid"] == "train tail"
    assert metrics["n_tokens"] == 60
    assert list(metrics["sources"]) == ["tail"]
    assert metrics["epochs"] == pytest.approx(2 * 8 / math.ceil(38 * 31 / 16))


def test_too_small_a_corpus_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EmptyCorpusError, match=r"CM-PRETRAIN-003: .* 1 documents"):
        run(write_corpus(tmp_path / "one", [("train", counting(1, 0))]))
    with pytest.raises(EmptyCorpusError, match=r"CM-PRETRAIN-001: .* 0 tokens.*pretrain\.seq_len \+ 1 = 17"):
        run(write_corpus(tmp_path / "valid", [("valid", counting(3, 0))]))
    with pytest.raises(EmptyCorpusError, match=r"there is no text to validate on; raise pretrain\.valid_tokens"):
        run(write_corpus(tmp_path / "none", [("train", counting(5, 0)), ("valid", counting(3, 0))]), replace(SMALL, valid_tokens=0))


def test_an_interrupted_validation_goes_on_and_a_finished_one_is_done_again(tmp_path: Path) -> None:
    config = replace(SMALL, steps=8, checkpoint_every=3)
    shards: list[tuple[str, Documents]] = [("train", counting(20, 0)), ("valid", counting(5, 1))]
    whole = run(write_corpus(tmp_path / "whole", shards), config)
    folder = write_corpus(tmp_path / "killed", shards)

    def kill(step: int, steps: int, loss: float) -> None:
        if step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        validate_shards(folder, config, 0, kill)
    assert not (folder / "validation" / "metrics.json").exists()
    resumed = run(folder, config)
    assert (whole["resumed_from"], resumed["resumed_from"]) == (0, 3)
    assert run(folder, config)["resumed_from"] == 0
    timed = {"resumed_from", "train_s", "tokens_per_s"}
    assert {k: v for k, v in resumed.items() if k not in timed} == {k: v for k, v in whole.items() if k not in timed}


def test_missing_torch_is_an_error_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("pipelines.pretrain.train", "pipelines.pretrain.model"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.delattr("pipelines.pretrain.train", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(CorpusmillError, match=r"training needs torch: pip install 'corpusmill\[train\]', or set pretrain\.enabled = false"):
        run(write_corpus(tmp_path, [("train", counting(5, 0))]))


def test_the_module_does_not_import_torch_before_it_trains() -> None:
    code = "import sys, pipelines.pretrain.loop; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
