"""The quality classifier: what it learns, how it is measured, and that neither order nor batches show."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipelines.commands.train import train_classifier
from pipelines.filters import classifier
from pipelines.filters.classifier import figures, labelled, sampled
from pipelines.filters.quality import classifier_signals, pareto_margin
from schemas.errors import InputError, ModelError, RecipeError
from schemas.recipe import ClassifierTraining, Quality, section
from tests.filters.helpers import chain_of, documents, outcome
from tests.text.strategies import column, padded

SMALL = ClassifierTraining(dim=8, epoch=10, lr=0.5, bucket=1000, held_out=0.3)
GOOD = ("the river rises in a valley", "farmers keep records of floods", "snow melts under the first rain", "河流发源于浅谷")
BAD = ("click here to buy now", "cheap watches best price", "subscribe for free offers", "点击这里立即购买")
KIT = Path(__file__).parents[2].parent / "shared" / "data" / "prose"


def write(path: Path, phrases: tuple[str, ...], n: int = 80) -> str:
    """JSON Lines of documents made of the phrases."""
    generator = random.Random(path.name)
    lines = [{"text": " ".join(generator.choices(phrases, k=6)) + f" {i}"} for i in range(n)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return str(path)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("model")
    good, bad = write(folder / "good.jsonl", GOOD), write(folder / "bad.jsonl", BAD)
    trained = train_classifier([good], [bad], SMALL, folder / "model.bin")
    assert trained.auc == 1
    assert trained.n_trained + trained.n_held_out == 160
    assert 0.2 < trained.n_held_out / 160 < 0.4
    return str(folder / "model.bin")


def scores(model: str, texts: pa.Array) -> list[float]:
    ids = pa.array([i.to_bytes(16, "big") for i in range(len(texts))], pa.binary(16))
    found: list[float] = classifier_signals(texts, ids, Quality(model=model), 0)[0].tolist()
    return found


def test_texts_like_the_positives_score_high_in_any_language(model: str) -> None:
    good, bad, chinese, spam = scores(model, column(["Records of the VALLEY", "Buy now: best price!", "这条河流", "立即购买"]))
    assert min(good, chinese) > 0.8
    assert max(bad, spam) < 0.2


def test_a_text_without_a_word_has_score_0(model: str) -> None:
    assert scores(model, column(["", " \n", "\u200b"])) == [0, 0, 0]


def test_a_text_cannot_name_its_own_label(model: str) -> None:
    plain, marked = scores(model, column(["buy now", "__label__positive buy now"]))
    assert max(plain, marked) < 0.2


@given(st.lists(st.sampled_from([*GOOD, *BAD, "", "two\nlines", "__label__positive"]), max_size=6), st.integers(0, 6))
def test_a_batch_cut_anywhere_or_sliced_scores_the_same(model: str, texts: list[str], cut: int) -> None:
    whole = scores(model, column(texts))
    assert whole == scores(model, column(texts)[:cut]) + scores(model, column(texts)[cut:]) == scores(model, padded(texts))


def test_the_same_documents_give_the_same_file_in_any_order(tmp_path: Path, model: str) -> None:
    good, bad = Path(model).with_name("good.jsonl"), Path(model).with_name("bad.jsonl")
    lines = good.read_text("utf-8").splitlines(keepends=True)
    (tmp_path / "1.jsonl").write_text("".join(reversed(lines[:40])), "utf-8")
    (tmp_path / "2.jsonl").write_text("".join(lines[30:]), "utf-8")  # ten of them for the second time
    train_classifier([str(tmp_path / "2.jsonl"), str(tmp_path / "1.jsonl")], [str(bad)], SMALL, tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_bytes() == Path(model).read_bytes()


def test_the_sample_is_the_same_whether_taken_at_once_or_in_steps() -> None:
    few = ClassifierTraining(max_documents=3)
    rows = [labelled(documents([f"{side} {i}" for i in range(9)]), few, positive=side == "a") for side in "ab"]
    whole = sampled(rows[0].vstack(rows[1]), few)
    assert whole["positive"].sum() == 3
    assert whole.height == 6
    steps = sampled(rows[1].vstack(sampled(rows[0][4:].vstack(rows[0][:4]), few)), few)
    assert steps.equals(whole)


def test_a_document_on_both_sides_is_left_out_and_counted(tmp_path: Path) -> None:
    good = write(tmp_path / "good.jsonl", GOOD)
    bad = write(tmp_path / "bad.jsonl", BAD)
    Path(bad).write_text(Path(bad).read_text("utf-8") + Path(good).read_text("utf-8").splitlines()[0] + "\n", "utf-8")
    trained = train_classifier([good], [bad], SMALL, tmp_path / "model.bin")
    assert trained.n_on_both_sides == 1
    assert trained.n_trained + trained.n_held_out == 159


def test_precision_recall_and_area_are_those_by_definition() -> None:
    score, positive = np.array([0.95, 0.5, 0.5, 0.1, 0.0]), np.array([True, True, False, True, False])
    auc, measured = figures(score, positive)
    assert auc == pytest.approx((2 + 1.5 + 1) / 6)
    at = {one.threshold: (one.precision, one.recall, one.f1) for one in measured}
    assert at[0.5] == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert at[0.1] == pytest.approx((3 / 4, 1, 6 / 7))
    assert np.isnan(at[0.98][0])
    assert at[0.98][1:] == (0, 0)


def test_the_pareto_rule_keeps_the_share_that_its_formula_says() -> None:
    """P(Pareto(9) > 1 - score) = (2 - score)^-9, for every document alone."""
    generator = random.Random(0)
    ids = pa.array([generator.randbytes(16) for _ in range(40_000)], pa.binary(16))
    for score in (0.0, 0.5, 0.9, 1.0):
        margin = pareto_margin(np.full(len(ids), score), ids, 9, 7)
        assert (margin >= 0).mean() == pytest.approx((2 - score) ** -9, abs=0.008)
        assert margin[5:9].tolist() == pareto_margin(np.full(4, score), ids[5:9], 9, 7).tolist()
    assert (pareto_margin(np.zeros(len(ids)), ids, 9, 7) != pareto_margin(np.zeros(len(ids)), ids, 9, 8)).all()


def test_documents_below_the_score_are_dropped_with_score_and_limit(model: str) -> None:
    chain = chain_of(["quality"], **{"filters.quality.model": model})
    batch = documents([GOOD[0], BAD[0], ""])
    assert outcome(chain, batch) == [None, "quality.min_score", "quality.min_score"]
    kept, ledger = chain(batch)
    assert kept.column("quality.score").to_pylist()[0] > 0.8
    assert kept.column("lang").to_pylist() == [None]
    assert [(row["value"] < 0.2, row["limit"]) for row in ledger.to_pylist()] == [(True, 0.5)] * 2


def test_the_pareto_rule_decides_the_same_for_each_document_in_any_batch_order(model: str) -> None:
    settings = {"filters.quality.model": model, "filters.quality.min_score": "off", "filters.quality.min_pareto_margin": 0}
    chain = chain_of(["quality"], **settings, seed=3)
    batch = documents([GOOD[i % 4] if i % 5 else BAD[i % 4] for i in range(300)])
    kept = chain(batch)[0].column("doc_id").to_pylist()
    assert 150 < len(kept) < 290
    shuffled = pa.array(random.Random(0).sample(range(300), 300))
    pieces = [batch.take(shuffled[start : start + 7]) for start in range(0, 300, 7)]
    assert sorted(doc_id for piece in pieces for doc_id in chain(piece)[0].column("doc_id").to_pylist()) == kept
    assert chain_of(["quality"], **settings, seed=4)(batch)[0].column("doc_id").to_pylist() != kept


def test_a_chain_without_its_model_is_refused_even_where_no_document_comes_so_far() -> None:
    with pytest.raises(ModelError, match=r"filters\.quality\.model is not set"):
        chain_of(["length", "quality"])(documents([""]))


@pytest.mark.parametrize(
    ("good", "config", "message"),
    [
        ("", SMALL, "no positive document is to train on, of 80 given; .*--positive files"),
        ('{"text": "one"}\n', ClassifierTraining(held_out=1e-6), "no positive document is held out"),
    ],
)
def test_too_few_documents_are_refused(tmp_path: Path, good: str, config: ClassifierTraining, message: str) -> None:
    (tmp_path / "good.jsonl").write_text(good)
    with pytest.raises(InputError, match=message):
        train_classifier([str(tmp_path / "good.jsonl")], [write(tmp_path / "bad.jsonl", BAD)], config, tmp_path / "model.bin")
    assert not (tmp_path / "model.bin").exists()


def test_what_cannot_be_trained_is_one_message(tmp_path: Path) -> None:
    files = [write(tmp_path / "good.jsonl", GOOD)], [write(tmp_path / "bad.jsonl", BAD)]
    with pytest.raises(ModelError, match="9999 times in the documents; lower min_count"):
        train_classifier(*files, section(ClassifierTraining, ["min_count=9999"]), tmp_path / "model.bin")
    with pytest.raises(InputError, match=r"nowhere\.jsonl"):
        train_classifier(["nowhere.jsonl"], files[1], SMALL, tmp_path / "model.bin")


def test_a_rate_that_is_too_high_is_one_message(tmp_path: Path) -> None:
    files = [write(tmp_path / "good.jsonl", GOOD)], [write(tmp_path / "bad.jsonl", BAD)]
    with pytest.raises(ModelError, match=r"at lr = 1e\+30; lower it"):
        train_classifier(*files, section(ClassifierTraining, ["lr=1e30", "dim=4", "bucket=10"]), tmp_path / "model.bin")


@pytest.mark.parametrize(
    ("setting", "message"), [("lr=0", "lr = 0.0: must be above 0"), ("dmi=3", "did you mean 'dim'"), ("dim=x", "dim: Expected `int`")]
)
def test_a_wrong_setting_is_named(setting: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        section(ClassifierTraining, [setting])


def test_a_model_that_is_not_there_or_lacks_the_label_is_refused(model: str) -> None:
    with pytest.raises(ModelError, match=r"filters\.quality\.model is not set.*: set it to"):
        classifier.load_classifier(None, "positive")
    with pytest.raises(ModelError, match=r"filters\.quality\.model = 'nowhere\.bin'"):
        classifier.load_classifier("nowhere.bin", "positive")
    with pytest.raises(ModelError, match=r"has no label 'hq'; set filters\.quality\.label to one of"):
        classifier.load_classifier(model, "hq")


@pytest.mark.skipif(not KIT.is_dir(), reason="the prose to measure on is not there")
def test_books_are_told_from_documentation_on_documents_not_seen(tmp_path: Path) -> None:
    prose = zstandard.ZstdDecompressor().stream_reader((KIT / "en.jsonl.zst").read_bytes()).read().decode().splitlines(keepends=True)
    books = ("novels", "openstax", "ELTeC", "xquad")
    for name, wanted in (("good.jsonl", True), ("bad.jsonl", False)):
        (tmp_path / name).write_text("".join(row for row in prose if any(book in json.loads(row)["source"] for book in books) == wanted))
    config = ClassifierTraining(dim=16, bucket=20_000, epoch=25, lr=0.1, held_out=0.3)
    trained = train_classifier([str(tmp_path / "good.jsonl")], [str(tmp_path / "bad.jsonl")], config, tmp_path / "model.bin")
    (at,) = (one for one in trained.measured if one.threshold == 0.5)
    print(f"\nheld out {trained.n_held_out}: AUC {trained.auc:.4f}, precision {at.precision:.4f}, recall {at.recall:.4f}")
    assert trained.auc > 0.97
    assert min(at.precision, at.recall) > 0.85
