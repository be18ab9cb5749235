"""Items of evaluation sets, in whatever file, are found, dropped or cut out, and everything else stays as it was."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dedup.evals.decontaminate import decontaminate
from pipelines.dedup.evals.items import EvalItem
from pipelines.dedup.evals.options import question_of
from pipelines.dedup.evals.sets import EvalSets, describe_evals, eval_files, load_evals
from schemas.errors import InputError, RecipeError
from schemas.recipe import Decontaminate

QUESTION = "A farmer has 17 sheep and buys 5 more on every market day; how many sheep does he own after 3 market days?"
CHINESE = "下列关于中国古代四大发明的说法，正确的是哪一项？"
LONG = " ".join(f"word{i}" for i in range(300))
KIT = Path(__file__).parents[3].parent / "shared" / "data" / "evals"


def column(texts: list[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())


def evals_of(items: list[str], config: Decontaminate) -> EvalSets:
    return EvalSets.of([EvalItem("set", str(i), (question_of(item),)) for i, item in enumerate(items)], config)


def cleaned(texts: list[str], config: Decontaminate) -> list[str | None]:
    result = decontaminate(column(texts), evals_of([QUESTION, CHINESE], config), config)
    return [text if stays else None for text, stays in zip(result.text.to_pylist(), result.stays, strict=True)]


def test_a_document_with_an_item_is_dropped_and_its_neighbours_are_untouched() -> None:
    texts = [LONG, f"{LONG}\n{QUESTION.upper()}\n{LONG}", "", "前文。" + CHINESE.replace("，", "") + "后文"]
    assert cleaned(texts, Decontaminate()) == [LONG, None, "", None]


def test_coverage_decides_and_zero_takes_any_shared_gram() -> None:
    near = f"{LONG} {QUESTION.replace('17', '18')} {LONG}"  # 7 of its 11 grams
    assert cleaned([near], Decontaminate()) == [near]
    assert cleaned([near], Decontaminate(min_coverage=0.6)) == [None]
    assert cleaned([near], Decontaminate(min_coverage=0)) == [None]
    assert cleaned([LONG], Decontaminate(min_coverage=0)) == [LONG]


def test_a_passage_without_what_is_asked_about_it_is_no_item() -> None:
    evals = evals_of([f"{LONG} {QUESTION}"], Decontaminate())
    texts = column([f"{LONG} {QUESTION}", LONG])  # a book, and an item that quotes it
    assert decontaminate(texts, evals, Decontaminate()).stays.tolist() == [False, True]
    assert decontaminate(texts, evals, Decontaminate(ending=False)).stays.tolist() == [False, False]


def test_a_cut_takes_the_margin_and_no_part_of_a_word() -> None:
    config = Decontaminate(outcome="cut", margin_chars=20, min_piece_chars=30)
    (text,) = cleaned([f"{LONG} {QUESTION} {LONG}"], config)
    assert text is not None
    before, after = text.split("\n\n")
    assert LONG.startswith(before)
    assert LONG.endswith(after)
    assert 20 <= len(LONG) - len(before) <= 20 + len("word299")
    assert 20 <= len(LONG) - len(after) <= 20 + len("word299")
    assert "sheep" not in text


def test_a_cut_that_leaves_too_little_or_too_many_pieces_drops_the_document() -> None:
    many = " ".join([LONG, QUESTION] * 12)
    config = Decontaminate(outcome="cut")
    assert cleaned(["short. " + QUESTION, many], config) == [None, None]
    assert cleaned([many], Decontaminate(outcome="cut", max_pieces=12)) != [None]


def test_chinese_is_cut_by_characters() -> None:
    body = "".join(chr(0x4E00 + i) for i in range(400))
    config = Decontaminate(outcome="cut", margin_chars=50, min_piece_chars=100)
    assert cleaned([body + CHINESE + body], config) == [body[:350] + "\n\n" + body[49:]]  # the question mark is one of the 50


WORDS = st.lists(st.sampled_from(["a", "b", "ć", "汉"]), max_size=30).map(" ".join)


@given(st.lists(WORDS, max_size=3), st.lists(WORDS, max_size=4), st.integers(0, 4), st.sampled_from(["drop", "cut"]))
def test_what_becomes_of_a_text_does_not_depend_on_its_batch(items: list[str], texts: list[str], cut: int, outcome: str) -> None:
    config = Decontaminate(n=8, min_words=2, outcome=outcome, margin_chars=2, min_piece_chars=1)  # type: ignore[arg-type]
    evals = evals_of(items, config)
    whole = decontaminate(column(texts), evals, config)
    parts = [decontaminate(part, evals, config) for part in (column(texts)[:cut], column(texts)[cut:])]
    assert whole.text.to_pylist() == [text for part in parts for text in part.text.to_pylist()]
    assert whole.stays.tolist() == [stays for part in parts for stays in part.stays]


def test_sets_are_read_from_every_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"set": "arith", "id": 7, "question": QUESTION, "text": "other"}) + "\n")
    pl.DataFrame({"prompt": [CHINESE]}).write_parquet(tmp_path / "b.parquet")
    (tmp_path / "c.txt").write_text(f"\n{LONG}\n")
    config = Decontaminate(paths=(str(tmp_path / "*"),))
    evals = load_evals(config)
    named = list(zip(evals.sets.to_pylist(), evals.ids.to_pylist(), strict=True))
    assert named == [("arith", "7"), ("b", "0"), ("c", "1")]
    assert decontaminate(column([QUESTION, CHINESE, LONG, "other"]), evals, config).stays.tolist() == [False, False, False, True]
    assert [line.split()[0] for line in describe_evals(config)] == [str(path) for path in eval_files(config)]


def test_a_set_that_changed_is_read_again(tmp_path: Path) -> None:
    config = Decontaminate(paths=(str(tmp_path / "a.txt"),))
    for n_items in (1, 2):
        (tmp_path / "a.txt").write_text(f"{LONG}\n" * n_items)
        assert len(load_evals(config).sets) == n_items


def test_files_that_are_missing_or_unreadable_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\*"):
        eval_files(Decontaminate(paths=(str(tmp_path / "nothing*"),)))
    (tmp_path / "a.jsonl").write_text('{"body": "text"}\n')
    with pytest.raises(InputError, match=r"no row has text in one of the columns question, text, prompt.*columns found: body"):
        load_evals(Decontaminate(paths=(str(tmp_path / "a.jsonl"),)))
    (tmp_path / "b.parquet").write_bytes(b"PAR1 but not")
    with pytest.raises(InputError, match=r"b\.parquet cannot be read"):
        load_evals(Decontaminate(paths=(str(tmp_path / "b.parquet"),)))


@pytest.mark.parametrize(
    "wrong", [{"n": 7}, {"n": 51}, {"min_coverage": 1.1}, {"min_words": 0}, {"max_pieces": 0}, {"max_documents": 0}, {"columns": ()}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(RecipeError, match=f"decontaminate.{next(iter(wrong))}"):
        Decontaminate(**wrong)  # type: ignore[arg-type]
