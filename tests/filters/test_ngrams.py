"""N-gram models: every number of the file against the formulas written out, and every score against KenLM where it is installed."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipelines.commands.train import perplexities, train_ngrams
from pipelines.filters import ngram_model
from pipelines.filters.ngram_counts import MARKS, count_windows, count_words, merge_ngram_counts
from pipelines.filters.ngram_model import load_ngram_model, perplexity
from pipelines.filters.ngram_train import FALLBACK, NgramEstimate, discounts_of, train_ngram_model
from pipelines.filters.normal import normalise
from pipelines.filters.perplexity import buckets
from pipelines.text.vocabulary import WordNumbers
from schemas.errors import InputError, ModelError, RecipeError
from schemas.recipe import NgramTraining
from tests.filters.helpers import chain_of, documents, outcome
from tests.text.strategies import TEXTS, column, padded

KIT = Path(__file__).parents[2].parent / "shared" / "data" / "prose"
Ngram = tuple[str, ...]


def corpus(n_lines: int, seed: int = 0) -> list[str]:
    """Texts of some lines with words of a skewed distribution."""
    generator = random.Random(seed)
    words = [f"w{i}" for i in range(60)] + ["河", "é"]
    weights = [1 / (i + 1) for i in range(len(words))]
    lines = [" ".join(generator.choices(words, weights, k=generator.randint(1, 9))) for _ in range(n_lines)]
    return ["\n".join(lines[start : start + 5]) for start in range(0, n_lines, 5)]


def fit(texts: Sequence[str], path: Path, order: int, memory_mb: int = 64, cut: int = 7) -> NgramEstimate:
    """Train on the texts as they are, in batches of `cut`."""
    batches = [column(list(texts[start : start + cut])) for start in range(0, len(texts), cut)]
    return train_ngram_model(lambda: batches, NgramTraining(order=order, memory_mb=memory_mb), path)


def read_arpa(path: Path) -> dict[Ngram, tuple[float, float]]:
    """{n-gram: (log10 p, log10 back-off)}."""
    rows = [line.split("\t") for line in path.read_text("utf-8").splitlines() if "\t" in line]
    return {tuple(row[1].split(" ")): (float(row[0]), float(row[2]) if len(row) > 2 else 0.0) for row in rows}


class Reference:
    """Interpolated modified Kneser-Ney by its definition, one n-gram at a time."""

    def __init__(self, texts: Sequence[str], order: int) -> None:
        lines = [["<s>", *line.split(), "</s>"] for text in texts for line in text.split("\n")]
        occurs = [Counter(tuple(line[i : i + n]) for line in lines for i in range(len(line) - n + 1)) for n in range(1, order + 1)]
        self.counts: list[dict[Ngram, int]] = []
        for n in range(1, order + 1):
            befores: dict[Ngram, set[str]] = defaultdict(set)
            for line in lines:
                for i in range(1, len(line) - n + 1):
                    befores[tuple(line[i : i + n])].add(line[i - 1])
            full = n == order
            self.counts.append({g: c if full or g[0] == "<s>" else len(befores[g]) for g, c in occurs[n - 1].items() if g != ("<s>",)})
        self.vocabulary = {g[0] for g in self.counts[0]} | {"<unk>"}
        self.discounts = [self.discount(table) for table in self.counts]

    @staticmethod
    def discount(table: dict[Ngram, int]) -> tuple[float, ...]:
        t = Counter(table.values())
        if not (t[1] and t[2] and t[3]):
            return FALLBACK
        y = t[1] / (t[1] + 2 * t[2])
        found = tuple(k - (k + 1) * y * t[k + 1] / t[k] for k in (1, 2, 3))
        return found if all(0 <= d <= k for k, d in enumerate(found, 1)) else FALLBACK

    def gamma(self, context: Ngram) -> float:
        n = len(context) + 1
        behind = [c for g, c in self.counts[n - 1].items() if g[:-1] == context] if n <= len(self.counts) else []
        return sum(self.discounts[n - 1][min(c, 3) - 1] for c in behind) / sum(behind) if behind else 1.0

    def p(self, ngram: Ngram) -> float:
        context, n = ngram[:-1], len(ngram)
        below = self.p(ngram[1:]) if context else 1 / len(self.vocabulary)
        total = sum(c for g, c in self.counts[n - 1].items() if g[:-1] == context)
        count = self.counts[n - 1].get(ngram, 0)
        own = (count - (self.discounts[n - 1][min(count, 3) - 1] if count else 0)) / total if total else 0.0
        return own + self.gamma(context) * below

    def log_p(self, text: str, order: int) -> tuple[float, int]:
        """(log10 p of the text, words with </s>)."""
        total, n = 0.0, 0
        for line in text.split("\n"):
            words = ["<s>", *(word if word in self.vocabulary else "<unk>" for word in line.split()), "</s>"]
            for i in range(1, len(words)):
                total += math.log10(self.p(tuple(words[max(0, i - order + 1) : i + 1])))
                n += 1
        return total, n


@pytest.mark.parametrize(("order", "n_lines"), [(2, 150), (3, 150), (4, 60), (3, 4)])
def test_every_number_of_the_file_is_that_of_the_formulas(tmp_path: Path, order: int, n_lines: int) -> None:
    texts = corpus(n_lines)
    estimated = fit(texts, tmp_path / "m.arpa", order)
    reference, found = Reference(texts, order), read_arpa(tmp_path / "m.arpa")
    assert np.array(estimated.discounts) == pytest.approx(np.array(reference.discounts))
    assert found.keys() == {g for table in reference.counts for g in table} | {("<s>",), ("<unk>",)}
    for ngram, (log_p, backoff) in found.items():
        assert log_p == pytest.approx(0 if ngram == ("<s>",) else math.log10(reference.p(ngram)), abs=1e-6)
        assert backoff == pytest.approx(math.log10(reference.gamma(ngram)) if len(ngram) < order else 0, abs=1e-6)


def test_a_corpus_small_enough_to_work_out_by_hand(tmp_path: Path) -> None:
    r"""a b / a c, bigrams: too few for discounts, so 0.5 is taken off every single count and 1 off every count of 2.

    Adjusted: a 1 (behind <s>), b 1, c 1 (behind a), </s> 2 (behind b and c), together 5. Back-off (3 x 0.5 + 1) / 5 = 0.5.
    p(a) = 0.5 / 5 + 0.5 / 5, with 5 words in V: a, b, c, </s>, <unk>. p(</s>) = 1 / 5 + 0.5 / 5.
    p(b | a) = 0.5 / 2 + (2 x 0.5 / 2) p(b). p(a | <s>) = (2 - 1) / 2 + (1 / 2) p(a).
    """
    fit(["a b\na c"], tmp_path / "m.arpa", 2)
    found = {" ".join(ngram): (10**log_p, 10**backoff) for ngram, (log_p, backoff) in read_arpa(tmp_path / "m.arpa").items()}
    expected = {
        "<unk>": (0.1, 1),
        "<s>": (1, 0.5),
        "</s>": (0.3, 1),
        "a": (0.2, 0.5),
        "b": (0.2, 0.5),
        "c": (0.2, 0.5),
        "<s> a": (0.6, 1),
        "a b": (0.35, 1),
        "a c": (0.35, 1),
        "b </s>": (0.65, 1),
        "c </s>": (0.65, 1),
    }
    assert found.keys() == expected.keys()
    for ngram, numbers in expected.items():
        assert found[ngram] == pytest.approx(numbers, abs=1e-6), ngram


def test_discounts_need_counts_of_counts() -> None:
    assert discounts_of(np.array([0, 3, 2, 1])) is None
    assert discounts_of(np.array([9, 3, 0, 1])) is None
    assert discounts_of(np.array([40, 4, 90, 1])) is None  # D2 below 0
    assert discounts_of(np.array([40, 12, 6, 3])) == pytest.approx((1 - 2 * 0.625 * 0.3, 2 - 3 * 0.625 * 0.5, 3 - 4 * 0.625 * 0.5))


@pytest.mark.parametrize("context", ["", "w0 w1", "w3", "河 é", "w59 w58", "unheard of"])
def test_probabilities_behind_any_words_sum_to_one(tmp_path: Path, context: str) -> None:
    texts = corpus(200)
    fit(texts, tmp_path / "m.arpa", 3)
    model = load_ngram_model(str(tmp_path / "m.arpa"))
    words = {word for text in texts for word in text.split()} | {"</s>", "<unk>"}
    before = ngram_model._hashes(column(["<s>", *context.split()]))
    known = [one if one in set(model.keys.tolist()) else model.marks[0] for one in before.tolist()][-2:]
    total = 0.0
    for word in words:
        chain = np.array([*known, ngram_model._hashes(column([word]))[0]], np.uint64)
        total += 10 ** ngram_model._log_p(chain, len(chain), model)
    assert total == pytest.approx(1, abs=1e-5)


def test_the_file_is_the_same_for_any_batches_and_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = corpus(3000)
    fit(texts, tmp_path / "whole.arpa", 4, memory_mb=1024, cut=10_000)
    monkeypatch.setattr("pipelines.filters.ngram_train._MERGE_ROWS", 100)
    monkeypatch.setattr("pipelines.filters.ngram_train._PIECE_BYTES", 300)
    monkeypatch.setattr("pipelines.filters.ngram_train._WINDOW_BYTES", 20_000)
    fit(texts[::-1], tmp_path / "parts.arpa", 4, memory_mb=20, cut=11)
    assert (tmp_path / "whole.arpa").read_bytes() == (tmp_path / "parts.arpa").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts.arpa", "whole.arpa"]


@given(TEXTS, st.integers(0, 6), st.integers(2, 5))
def test_counts_of_parts_add_up_to_those_of_the_whole(texts: list[str], cut: int, order: int) -> None:
    lines = normalise(column(texts))
    words = count_words(lines)
    assert words.equals(merge_ngram_counts([count_words(lines[:cut]), count_words(lines[cut:])]))
    vocabulary = WordNumbers.of(pa.array([*MARKS, *words["word"].to_list()][:9], pa.large_string()))
    whole = count_windows(lines, vocabulary, order)
    assert whole.equals(merge_ngram_counts([count_windows(lines[:cut], vocabulary, order), count_windows(lines[cut:], vocabulary, order)]))
    assert whole["n"].sum() == words["n"].sum()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ngrams") / "m.arpa"
    fit(corpus(400), path, 4)
    return str(path)


def test_perplexities_are_those_of_the_formulas(tmp_path: Path) -> None:
    texts = corpus(60)
    fit(texts, tmp_path / "m.arpa", 3)
    asked = ["w0 w1 w2", "w0", "w5 unheard w0 of\nw1", *corpus(20, seed=1)]
    reference = Reference(texts, 3)
    expected = [10 ** (-log_p / n) for log_p, n in (reference.log_p(text, 3) for text in asked)]
    assert perplexity(column(asked), load_ngram_model(str(tmp_path / "m.arpa"))).tolist() == pytest.approx(expected, rel=1e-5)


@given(st.lists(st.sampled_from(["w0 w1", "", "w2", "never\nw0 w0", "河 w0 é"]), max_size=6), st.integers(0, 6))
def test_a_batch_cut_anywhere_or_sliced_gives_the_same_perplexities(model: str, texts: list[str], cut: int) -> None:
    loaded = load_ngram_model(model)
    whole = perplexity(column(texts), loaded)
    parts = np.concatenate([perplexity(column(texts)[:cut], loaded), perplexity(column(texts)[cut:], loaded)])
    np.testing.assert_array_equal(whole, parts)
    np.testing.assert_array_equal(whole, perplexity(padded(texts), loaded))
    assert np.isnan(whole).tolist() == [text == "" for text in texts]


def prose(language: str, n_chars: int) -> list[str]:
    """Documents of the kit."""
    path = KIT / f"{language}.jsonl.zst"
    if not path.is_file():
        pytest.skip("the prose to measure on is not there")
    texts = [json.loads(line)["text"] for line in zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read().splitlines()]
    sizes = itertools.accumulate(map(len, texts))
    return [text for text, size in zip(texts, sizes, strict=True) if size < n_chars]


@pytest.mark.parametrize("language", ["en", "zh", "th", "ar"])
def test_kenlm_loads_the_file_and_gives_the_same_perplexities(tmp_path: Path, language: str) -> None:
    kenlm = pytest.importorskip("kenlm", reason="kenlm is not installed: pip install kenlm")
    lines = normalise(column(prose(language, 900_000)), zero_digits=True)
    learnt, asked = lines[::2], lines[1::2]
    train_ngram_model(lambda: [learnt[:9], learnt[9:]], NgramTraining(), tmp_path / "m.arpa")
    peer = kenlm.Model(str(tmp_path / "m.arpa"))
    found = perplexity(pa.concat_arrays([learnt, asked]), load_ngram_model(str(tmp_path / "m.arpa")))
    for text, value in zip([*learnt.to_pylist(), *asked.to_pylist()], found.tolist(), strict=True):
        n = len(text.split())
        total = sum(peer.score(line, bos=True, eos=True) for line in text.split("\n"))
        assert value == pytest.approx(10 ** (-total / (n + text.count("\n") + 1)), rel=1e-4)
    assert np.median(found[: len(learnt)]) < np.median(found[len(learnt) :])


# --- As a rule set ---------------------------------------------------------------------------------------------------


def english(tmp_path: Path) -> str:
    path = tmp_path / "en.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in [EASY] * 20 + ["The sea is 12 miles away."]), "utf-8")
    estimated = train_ngrams([str(path)], NgramTraining(order=3), tmp_path / "en.arpa")
    assert estimated.n_ngrams[0] > 20
    return str(tmp_path / "en.arpa")


EASY = "The river rises in a shallow valley north of the old quarry and runs past four villages before it meets the sea."
HARD = "Sea the meets it before villages four past runs and quarry old the of north valley shallow a in rises river the."
GERMAN = "Der Fluss entspringt in einem flachen Tal nördlich des alten Steinbruchs und fließt an vier Dörfern vorbei zum Meer."
needs_language = pytest.mark.skipif(
    not (Path.home() / ".cache" / "corpusmill" / "lid.176.ftz").is_file(), reason="the language model is not there; `make model` fetches it"
)


@needs_language
def test_what_is_unlike_the_corpus_is_dropped_and_other_languages_are_not_judged(tmp_path: Path) -> None:
    path = english(tmp_path)
    low, high = perplexities([str(tmp_path / "en.jsonl")], Path(path), zero_digits=True)[[0, -1]].tolist()
    assert low < high
    batch = documents([EASY, HARD, GERMAN, ""])
    kept, _ = chain_of(["perplexity"], **{"filters.perplexity.models.en": path})(batch)
    assert [value is None for value in kept.column("perplexity.perplexity").to_pylist()] == [False, False, True, True]
    assert kept.column("perplexity.bucket").to_pylist() == [None] * 4
    limited = chain_of(["perplexity"], **{"filters.perplexity.models.en": path, "filters.perplexity.max_perplexity": 10})
    assert outcome(limited, batch) == [None, "perplexity.max_perplexity", None, None]


@needs_language
def test_buckets_keep_up_to_the_one_named(tmp_path: Path) -> None:
    settings = {"filters.perplexity.models.en": english(tmp_path), "filters.perplexity.cutoffs.en": [3, 10]}
    batch = documents([EASY, HARD, GERMAN])
    kept, _ = chain_of(["perplexity"], **settings)(batch)
    assert kept.column("perplexity.bucket").to_pylist() == [0, 2, None]
    chain = chain_of(["perplexity"], **settings, **{"filters.perplexity.max_bucket": 1})
    assert outcome(chain, batch) == [None, "perplexity.max_bucket", None]
    without = {"filters.perplexity.models.en": settings["filters.perplexity.models.en"], "filters.perplexity.max_bucket": 0}
    assert outcome(chain_of(["perplexity"], **without), batch) == [None, None, None]


def test_buckets_begin_at_their_cutoffs() -> None:
    assert buckets(np.array([1, 29.9, 30, 59.9, 60, 1e9]), (30, 60)).tolist() == [0, 0, 1, 1, 2, 2]
    assert np.isnan(buckets(np.array([np.nan]), (30, 60))).all()


# --- Bad input -------------------------------------------------------------------------------------------------------


def test_a_corpus_without_a_word_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="contain no words"):
        fit(["", ""], tmp_path / "m.arpa", 2)
    with pytest.raises(InputError, match=r"nowhere\.jsonl"):
        train_ngrams(["nowhere.jsonl"], NgramTraining(), tmp_path / "m.arpa")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "", "bad.arpa does not exist or is empty"),
        (lambda text: "no model\n", "is not an ARPA file"),
        (lambda text: text.replace("ngram 2=", "ngram 2=1"), "announces 1[0-9]* 2-grams"),
        (lambda text: text[: len(text) // 2], "is damaged: "),
        (lambda text: text.replace("\t", " "), "is damaged: .* 1-grams"),
    ],
)
def test_a_damaged_model_is_named(tmp_path: Path, model: str, change: object, message: str) -> None:
    path = tmp_path / "bad.arpa"
    path.write_text(change(Path(model).read_text("utf-8")), "utf-8")  # type: ignore[operator]
    with pytest.raises(ModelError, match=message):
        load_ngram_model(str(path))
    assert "w0" not in message


def test_a_model_without_unk_or_backoffs_is_read(tmp_path: Path) -> None:
    path = tmp_path / "plain.arpa"
    path.write_text(
        "\n\\data\\\nngram 1=3\nngram 2=1\n\n\\1-grams:\n-0.5\t</s>\n-99\t<s>\t-0.2\n-1\ta\n\n\\2-grams:\n-0.25\t<s> a\n\n\\end\\\n"
    )
    # p(a | <s>), p(</s> | a); then <unk> and back-off of <s>, and </s>.
    assert perplexity(column(["a", "b"]), load_ngram_model(str(path))).tolist() == pytest.approx(
        [10 ** (0.75 / 2), 10 ** (100.7 / 2)], rel=1e-5
    )


@needs_language
def test_a_rule_without_its_model_is_refused_even_where_no_document_comes_so_far() -> None:
    with pytest.raises(ModelError, match=r"set filters\.perplexity\.models\.en"):
        chain_of(["length", "perplexity"])(documents([""]))
    with pytest.raises(ModelError, match=r"filters\.perplexity\.models: nowhere\.arpa"):
        chain_of(["length", "perplexity"], **{"filters.perplexity.models.en": "nowhere.arpa"})(documents([""]))


def test_cutoffs_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"CM-RECIPE-001: filters\.perplexity\.cutoffs\.en = \[60\.0, 30\.0\]"):
        chain_of(["perplexity"], **{"filters.perplexity.cutoffs.en": [60, 30]})
