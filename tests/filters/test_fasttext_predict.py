"""Our own prediction with fastText's files against the library's, to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.filters import fasttext_file, model
from pipelines.filters.fasttext_predict import predict_labels
from pipelines.filters.identify import identify, sample_text
from schemas.errors import ModelError
from schemas.recipe import Language
from tests.text.strategies import TEXTS, column, padded

needs_model = pytest.mark.skipif(not model.cached_path().is_file(), reason="the language model is not there; `make model` fetches it")

LINES = [
    "__label__de der Fluss fließt langsam durch das Tal",
    "__label__en the river runs slowly through the valley",
    "__label__en the sea is near",
    "__label__fr la rivière coule dans la vallée",
    "__label__zh 这 条 河 流 经 四 个 村 庄",
]
HIERARCHICAL: dict[str, Any] = {"loss": "hs", "minn": 2, "maxn": 4, "bucket": 3000}
SAMPLES = st.lists(st.text(st.sampled_from("the river Tal fließt rivière 河流経 'x-\u0301"), max_size=60), max_size=5)


def made(folder: Path, quantise: dict[str, Any] | None = None, **settings: Any) -> Path:
    """The file of a model with the words and labels of LINES and numbers out of the air: the library's trainer leaves some unset."""
    (folder / "lines.txt").write_text("\n".join(LINES * 20) + "\n")
    new = fasttext.train_supervised(str(folder / "lines.txt"), dim=6, epoch=0, thread=1, minCount=1, verbose=0, **settings)
    random = np.random.default_rng(1)
    n_rows = len(new.get_words()) + new.f.getArgs().bucket
    new.set_matrices(*(random.normal(size=(n, 6)).astype(np.float32) for n in (n_rows, len(new.get_labels()))))
    if quantise is not None:
        new.quantize(str(folder / "lines.txt"), thread=1, verbose=0, **quantise)
    path = folder / "model.bin"
    new.save_model(str(path))
    return path


def by_library(path: Path, texts: list[str]) -> list[tuple[str | None, float]]:
    loaded = fasttext.load_model(str(path))
    found = [loaded.predict([text]) if text else ([[None]], [[0.0]]) for text in texts]
    return [(label and label.removeprefix("__label__"), float(score)) for ((label,),), ((score,),) in found]


def by_us(path: Path, texts: list[str]) -> list[tuple[str | None, float]]:
    read = fasttext_file.read(path)
    assert read is not None
    labels, scores = predict_labels(column(texts), read)
    assert predict_labels(padded(texts), read)[0].tolist() == labels.tolist()
    names = [*read.labels.to_pylist(), None]
    return [(names[label], float(score)) for label, score in zip(labels, scores, strict=True)]


@pytest.fixture(
    scope="module",
    params=[
        (HIERARCHICAL, None),
        (HIERARCHICAL | {"maxn": 0, "minn": 0}, None),
        (HIERARCHICAL | {"minn": 1, "maxn": 2}, {"dsub": 2, "qnorm": False}),
        (HIERARCHICAL, {"dsub": 4, "qnorm": True, "cutoff": 400}),
    ],
    ids=["dense", "words only", "quantised", "pruned"],
)
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings, quantise = request.param
    return made(tmp_path_factory.mktemp("model"), quantise, **settings)


@given(SAMPLES)
def test_predictions_are_the_librarys(path: Path, texts: list[str]) -> None:
    texts = [*sample_text(column(texts)).to_pylist(), "the river", "fließt", "流", "x", ""]
    assert by_us(path, texts) == by_library(path, texts)


@needs_model
@given(TEXTS)
def test_predictions_of_the_default_model_are_the_librarys(texts: list[str]) -> None:
    texts = sample_text(column(texts)).to_pylist()
    assert by_us(model.cached_path(), texts) == by_library(model.cached_path(), texts)


@needs_model
@pytest.mark.parametrize(
    "text", ["The river rises north of here", "这条河发源于老采石场", "Река берёт начало", "แม่น้ำ", "de la mer", "É", "e\u0301té"]
)
def test_predictions_in_many_scripts_are_the_librarys(text: str) -> None:
    assert by_us(model.cached_path(), [text]) == by_library(model.cached_path(), [text])


@pytest.mark.parametrize(
    "settings",
    [{"loss": "softmax"}, {"loss": "ova"}, HIERARCHICAL | {"wordNgrams": 2}],
)
def test_other_kinds_are_left_to_the_library(tmp_path: Path, settings: dict[str, Any]) -> None:
    path = made(tmp_path, **settings)
    assert fasttext_file.read(path) is None
    lang, score = identify(column(["the river runs", ""]), Language(model=str(path)))
    assert lang.to_pylist() == [by_library(path, ["the river runs"])[0][0], None]
    assert 0 < score.to_pylist()[0] <= 1


def test_a_file_that_is_cut_short_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = made(tmp_path, **HIERARCHICAL)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"model\.bin is cut short or damaged: .*; fetch it again"):
        fasttext_file.read(path)
