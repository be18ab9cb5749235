"""What the language model reads, and what it makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.filters import identify as identification
from pipelines.filters import model
from pipelines.filters.identify import N_WINDOWS, WINDOW_CHARS, identify, sample_text
from schemas.errors import ModelError
from schemas.recipe import Language
from tests.filters.reference import language_sample
from tests.text.strategies import TEXTS, column, padded

needs_model = pytest.mark.skipif(not model.cached_path().is_file(), reason="the language model is not there; `make model` fetches it")

ENGLISH = "The river rises in a shallow valley north of the old quarry and runs past four villages before it meets the sea. "
GERMAN = "Der Fluss entspringt in einem flachen Tal nördlich des alten Steinbruchs und fließt an vier Dörfern vorbei zum Meer. "
CHINESE = "这条河发源于老采石场以北的一个浅谷，流经四个村庄，最后汇入大海。"


@given(TEXTS)
def test_samples_are_those_of_the_reference(texts: list[str]) -> None:
    assert sample_text(column(texts)).to_pylist() == [language_sample(text, N_WINDOWS, WINDOW_CHARS) for text in texts]


@given(st.text(st.sampled_from("ab \n的é'-1,\u0301😀"), min_size=800, max_size=2400))
def test_samples_of_long_texts_are_those_of_the_reference(text: str) -> None:
    text *= 3
    assert sample_text(column([text])).to_pylist() == [language_sample(text, N_WINDOWS, WINDOW_CHARS)]


@given(TEXTS, st.integers(0, 6))
def test_a_batch_cut_anywhere_or_sliced_gives_the_same_samples(texts: list[str], cut: int) -> None:
    whole = sample_text(column(texts)).to_pylist()
    assert whole == sample_text(column(texts)[:cut]).to_pylist() + sample_text(column(texts)[cut:]).to_pylist()
    assert whole == sample_text(padded(texts)).to_pylist()


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("See `a_b = 3`, (page 7)!", "See page"),
        ("It's co-op -- don't", "It's co-op don't"),
        ("React的`useState`，你好", "React的 useState 你好"),
        ("x = y[3]; https://a.example/ 12", "x y"),
        ("123 456 !", ""),
    ],
)
def test_only_what_looks_like_language_is_read(text: str, read: str) -> None:
    assert sample_text(column([text])).to_pylist() == [read]


def test_all_parts_of_a_long_text_are_read() -> None:
    (read,) = sample_text(column(["alpha " * 1000 + "beta " * 1000 + "gamma " * 1000])).to_pylist()
    assert {"alpha", "beta", "gamma"} <= set(read.split())
    assert len(read) <= N_WINDOWS * (WINDOW_CHARS + 1)


@needs_model
def test_languages_are_told_with_a_score() -> None:
    lang, score = identify(column([ENGLISH, GERMAN, CHINESE]), Language())
    assert lang.to_pylist() == ["en", "de", "zh"]
    assert all(0.8 < one <= 1 for one in score.to_pylist())


@needs_model
def test_a_page_that_opens_in_another_language_is_told_by_the_rest() -> None:
    page = "Skip to main content. Sign in. Create account. Download the app. Share on social media. " * 4 + CHINESE * 60
    assert identify(column([page]), Language())[0].to_pylist() == ["zh"]


@needs_model
def test_a_text_without_a_word_has_no_language_and_score_0() -> None:
    lang, score = identify(column(["", " \n", "12 + 34 = 46", ENGLISH]), Language())
    assert lang.to_pylist() == [None, None, None, "en"]
    assert score.to_pylist()[:3] == [0, 0, 0]


@needs_model
@given(st.lists(st.sampled_from([ENGLISH, GERMAN, CHINESE, "", "7", "hm"]), max_size=5), st.integers(0, 5))
def test_a_batch_cut_anywhere_gives_the_same_languages(texts: list[str], cut: int) -> None:
    whole, parts = identify(column(texts), Language()), [identify(part, Language()) for part in (column(texts)[:cut], column(texts)[cut:])]
    for k in (0, 1):
        assert whole[k].to_pylist() == parts[0][k].to_pylist() + parts[1][k].to_pylist()


def test_a_model_that_is_not_there_is_an_error_that_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(model.CACHE_VARIABLE, str(tmp_path))
    assert model.cached_path() == tmp_path / "lid.176.ftz"
    with pytest.raises(ModelError, match=r"lid\.176\.ftz .*run `make model`"):
        model.find(None)
    (tmp_path / "lid.176.ftz").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="its sha256 is not 8f3472cf"):
        model.find(None)
    with pytest.raises(ModelError, match=r"filters\.language\.model = 'nowhere\.bin'"):
        model.find("nowhere.bin")


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.bin").write_bytes(b"\0" * 100)
    with pytest.raises(ModelError, match="cannot be loaded as a fastText model"):
        model.load_language_model(str(tmp_path / "other.bin"))


@needs_model
def test_loading_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    model.load_language_model.cache_clear()
    model.load_language_model(None)
    assert capfd.readouterr() == ("", "")


@needs_model
def test_the_library_tells_the_same_languages() -> None:
    texts = [ENGLISH, GERMAN, "", CHINESE, "7", ENGLISH + GERMAN]
    lang, score = identify(column(texts), Language())
    other, other_score = identification._predict_by_library(sample_text(column(texts)).to_pylist(), model.load_language_model(None))
    assert lang.to_pylist() == other
    assert score.to_pylist() == other_score.tolist()


def test_word_vectors_are_no_classifier(tmp_path: Path) -> None:
    import fasttext

    (tmp_path / "text.txt").write_text("some words of a text\n" * 20)
    trained = fasttext.train_unsupervised(str(tmp_path / "text.txt"), dim=2, epoch=1, minCount=1, thread=1, verbose=0, bucket=10)
    trained.save_model(str(tmp_path / "vectors.bin"))
    with pytest.raises(ModelError, match=r"vectors\.bin contains word vectors"):
        model.load_language_model(str(tmp_path / "vectors.bin"))
