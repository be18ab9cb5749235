"""Training: the library must read the model as it was trained, and a step must be what the paper's loss says."""

from __future__ import annotations

from pathlib import Path

import fasttext
import numpy as np
import numpy.typing as npt
import pytest

from pipelines.filters import fasttext_sgd
from pipelines.filters.fasttext_sgd import fit
from schemas.recipe import ClassifierTraining
from tests.text.strategies import column

Matrix = npt.NDArray[np.float64]

LINES = ["the river rises é 河", "buy the best now", "snow melts in the valley", "best price now now", "river and snow", "the price"]
TARGETS = [1, 0, 1, 0, 1, 0]


def fnv(word: str) -> int:
    h = 2166136261
    for byte in word.encode():
        h = ((h ^ ((byte - 256 if byte > 127 else byte) & 0xFFFFFFFF)) * 16777619) & 0xFFFFFFFF
    return h - 2**32 if h >= 2**31 else h


def rows_of(words: list[str], numbers: dict[str, int], bucket: int, n: int) -> list[int]:
    """The rows of words and of their n-grams, by fastText's formula."""
    rows = [numbers[word] for word in words if word in numbers]
    for i, word in enumerate(words):
        h = fnv(word) % 2**64
        for other in words[i + 1 : i + n]:
            h = (h * 116049371 + fnv(other)) % 2**64
            rows.append(len(numbers) + h % bucket)
    return rows


def reference(numbers: dict[str, int], targets: list[int], config: ClassifierTraining) -> tuple[Matrix, Matrix]:
    """The matrices after the same steps, in the plainest way."""
    shape = (len(numbers) + config.bucket, config.dim)
    inputs = ((np.random.default_rng(config.seed).random(shape, np.float32) * 2 - 1) / config.dim).astype(np.float64)
    outputs = np.zeros((2, config.dim))
    sizes = [len(f"{line} </s>".encode()) for line in LINES]
    done = 0
    for _ in range(config.epoch):
        for line, target, size in zip(LINES, targets, sizes, strict=True):
            rows = rows_of([*line.split(), "</s>"], numbers, config.bucket, config.word_ngrams)
            rate = config.lr * (1 - done / (config.epoch * sum(sizes)))
            hidden = inputs[rows].mean(0)
            chance = np.exp(outputs @ hidden)
            alpha = rate * (np.eye(2)[target] - chance / chance.sum())
            gradient = alpha @ outputs / len(rows)
            outputs += np.outer(alpha, hidden)
            np.add.at(inputs, rows, gradient)
            done += size
    return inputs, outputs


@pytest.mark.parametrize("word_ngrams", [1, 2, 3])
@pytest.mark.parametrize("min_count", [1, 2])
def test_training_takes_the_steps_of_the_reference_and_the_library_scores_alike(tmp_path: Path, word_ngrams: int, min_count: int) -> None:
    config = ClassifierTraining(dim=5, epoch=7, lr=0.8, word_ngrams=word_ngrams, min_count=min_count, bucket=50, seed=3)
    path = tmp_path / "lines.txt"
    named = zip(LINES, TARGETS, strict=True)
    path.write_text("".join(f"__label__{('negative', 'positive')[target]} {line}\n" for line, target in named), "utf-8")
    model = fit(path, column([f"{line} </s>" for line in LINES]), np.array(TARGETS), config)
    numbers = {word: i for i, word in enumerate(model.get_words())}
    labels = model.get_labels()
    inputs, outputs = reference(numbers, [labels.index(f"__label__{('negative', 'positive')[target]}") for target in TARGETS], config)
    np.testing.assert_allclose(model.get_input_matrix(), inputs, atol=1e-5)
    np.testing.assert_allclose(model.get_output_matrix(), outputs, atol=1e-5)

    model.save_model(str(tmp_path / "model.bin"))
    text = "the snow price now unheard of"
    hidden = inputs[rows_of([*text.split(), "</s>"], numbers, config.bucket, word_ngrams)].mean(0)
    chance = np.exp(outputs @ hidden)
    names, likely = fasttext.load_model(str(tmp_path / "model.bin")).predict([text], k=2)
    found = dict(zip(names[0], likely[0].tolist(), strict=True))
    assert [found[name] for name in labels] == pytest.approx((chance / chance.sum()).tolist(), abs=1e-4)


def test_words_are_hashed_as_the_library_hashes_them() -> None:
    data = np.frombuffer("river é 河".encode(), np.uint8)
    assert fasttext_sgd._fnv(data, 0, 5) == fnv("river")
    assert fasttext_sgd._fnv(data, 6, 8) == fnv("é")
    assert fasttext_sgd._fnv(data, 9, 12) == fnv("河")
