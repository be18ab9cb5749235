"""Multiple-choice items: where the question ends and the options begin, and by what they are found."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from pipelines.dedup.evals.decontaminate import decontaminate
from pipelines.dedup.evals.items import EvalItem
from pipelines.dedup.evals.labels import split_options
from pipelines.dedup.evals.options import options_in, question_of, search_texts
from pipelines.dedup.evals.sets import EvalSets
from pipelines.dedup.evals.stock import has_content
from schemas.recipe import Decontaminate

STEM = "At which depth do the divers of the harbour leave their lamps?"
FOUR = ("two metres", "ten metres", "forty metres", "none at all")


@pytest.mark.parametrize(
    "text",
    [
        f"{STEM}\nA. {FOUR[0]}\nB. {FOUR[1]}\nC. {FOUR[2]}\nD. {FOUR[3]}",
        f"{STEM}\n(A) {FOUR[0]}\n(B) {FOUR[1]}\n(C) {FOUR[2]}\n(D) {FOUR[3]}",
        f"{STEM}\n(A){FOUR[0]}\n(B){FOUR[1]}\n(C){FOUR[2]}\n(D){FOUR[3]}\n",
        f"{STEM}\nA、{FOUR[0]}\nB、{FOUR[1]}\nC、{FOUR[2]}\nD、{FOUR[3]}",
        f"{STEM}\nＡ．{FOUR[0]}\nＢ．{FOUR[1]}\nＣ．{FOUR[2]}\nＤ．{FOUR[3]}",
        f"{STEM} A. {FOUR[0]} B. {FOUR[1]} C. {FOUR[2]} D. {FOUR[3]}",
        f"{STEM} A) {FOUR[0]} B) {FOUR[1]} C) {FOUR[2]} D) {FOUR[3]}",
        f"{STEM}\nOptions:\nA: {FOUR[0]}\nB: {FOUR[1]}\nC: {FOUR[2]}\nD: {FOUR[3]}",
        f"{STEM}\nAnswer Choices: (A) {FOUR[0]} (B) {FOUR[1]} (C) {FOUR[2]} (D) {FOUR[3]}",
        f"{STEM}\na) {FOUR[0]}\nb) {FOUR[1]}\nc) {FOUR[2]}\nd) {FOUR[3]}",
        f"{STEM}\nOptions:\n- {FOUR[0]}\n- {FOUR[1]}\n- {FOUR[2]}\n- {FOUR[3]}",
        f"{STEM}\nChoices:\n1. {FOUR[0]}\n2. {FOUR[1]}\n3. {FOUR[2]}\n4. {FOUR[3]}",
        f"{STEM}\n**A.** {FOUR[0]}\n**B.** {FOUR[1]}\n**C.** {FOUR[2]}\n**D.** {FOUR[3]}",
        f"{STEM}\nOption A: {FOUR[0]}\nOption B: {FOUR[1]}\nOption C: {FOUR[2]}\nOption D: {FOUR[3]}",
        f"{STEM}<br>A. {FOUR[0]}<br>B. {FOUR[1]}<br>C. {FOUR[2]}<br>D. {FOUR[3]}",
        f"{STEM}\nA {FOUR[0]}\nB {FOUR[1]}\nC {FOUR[2]}\nD {FOUR[3]}",
        f"{STEM} (a) {FOUR[0]} (b) {FOUR[1]} (c) {FOUR[2]} (d) {FOUR[3]}",
        f"{STEM}\n1. {FOUR[0]}\n2. {FOUR[1]}\n3. {FOUR[2]}\n4. {FOUR[3]}",
        f"{STEM} (1) {FOUR[0]} (2) {FOUR[1]} (3) {FOUR[2]} (4) {FOUR[3]}",
        f"{STEM}\n(i) {FOUR[0]}\n(ii) {FOUR[1]}\n(iii) {FOUR[2]}\n(iv) {FOUR[3]}",
        f"{STEM}\n- {FOUR[0]}\n- {FOUR[1]}\n- {FOUR[2]}\n- {FOUR[3]}",
        f"{STEM}\n  choice: {FOUR[0]}\n  choice: {FOUR[1]}\n  choice: {FOUR[2]}\n  choice: {FOUR[3]}\n",
        f"{STEM}\nChoices: {', '.join(FOUR)}",
    ],
)
def test_options_are_split_off_the_question(text: str) -> None:
    assert split_options(text) == (STEM, FOUR)


@pytest.mark.parametrize(
    "text",
    [
        STEM,
        f"A. Miller and B. Jones asked: {STEM}",
        f"{STEM} Plan A. or plan B?",
        "1. Peel. 2. Cut. 3. Cook.",
        "- one\n- two",
        "A. is the only label here",
        "Consider the following:\n1. Ice floats. 2. Iron sinks.",
        "Peel the apples first.\n1. Peel\n2. Cut\n3. Cook\n",
        "Bring what follows.\n- one\n- two\n- three",
        "Show (a) that it is even, (b) that it is prime and (c) that it is small.",
        "A dog barked\nA cat ran\nB came second",
        "Я пошёл в лес. А там волк. Б. Иванов и В. Петров",
    ],
)
def test_a_text_without_options_is_left_whole(text: str) -> None:
    assert split_options(text) == (text, ())


@pytest.mark.parametrize(
    "labels", ["①②③④", "АБВГ", "абвг", "ΑΒΓΔ", "أبجد", "אבגד", "가나다라", "アイウエ", "甲乙丙丁", "कखगघ", "กขคง", "１２３４", "१२३४"]
)
@pytest.mark.parametrize("mark", ["({}) ", "{}) ", "{}. "])
def test_options_are_split_off_whatever_script_their_labels_are_in(labels: str, mark: str) -> None:
    text = "\n".join([STEM, *(mark.format(label) + option for label, option in zip(labels, FOUR, strict=True))])
    if labels == "①②③④":
        text = text.replace(mark[-2], "").replace("(", "")
    assert split_options(text) == (STEM, FOUR)


@pytest.mark.parametrize(
    "text",
    [f"Question: {STEM}\nAnswer:", f"Q: {STEM}\nA:", f"问题：{STEM}\n答案：", f"Question: {STEM}\nA. {FOUR[0]}\nB. {FOUR[1]}\nAnswer:"],
)
def test_a_question_is_looked_for_without_the_words_that_a_prompt_puts_around_it(text: str) -> None:
    assert search_texts(question_of(text), 8)[:2] == [text, STEM]
    assert search_texts(question_of("Question: which?\nAnswer:"), 8) == ["Question: which?\nAnswer:"]


def test_the_last_list_of_options_counts() -> None:
    example = "Example: What floats?\nA. wood\nB. iron\n"
    stem, options = split_options(f"{example}{STEM}\nA. {FOUR[0]}\nB. {FOUR[1]}")
    assert (stem, options) == (f"{example}{STEM}", FOUR[:2])


@pytest.mark.parametrize(
    "fields",
    [
        {"choices": list(FOUR)},
        {"options": [{"id": n, "text": option} for n, option in enumerate(FOUR)]},
        {"choices": {"text": list(FOUR), "label": ["A", "B", "C", "D"]}},
        {"options": dict(zip("ABCD", FOUR, strict=True))},
        {"mc1_targets": {"choices": list(FOUR), "labels": [1, 0, 0, 0]}},
        {"endings": list(FOUR)},
        {"options": f"A. {FOUR[0]}\nB. {FOUR[1]}\nC. {FOUR[2]}\nD. {FOUR[3]}"},
        dict(zip("ABCD", FOUR, strict=True)),
        {f"option_{letter}": option for letter, option in zip("abcd", FOUR, strict=True)},
        {f"op{letter}": option for letter, option in zip("abcd", FOUR, strict=True)},
        {f"ending{n}": option for n, option in enumerate(FOUR)},
        {f"choice{n}": option for n, option in enumerate(FOUR, 1)},
    ],
)
def test_options_are_found_in_the_fields_of_a_row(fields: dict[str, Any]) -> None:
    assert options_in({"question": STEM, "answer": "A", **fields}) == FOUR
    assert question_of(STEM, fields).stem == STEM


@pytest.mark.parametrize("fields", [{}, {"choices": None}, {"choices": ["one"]}, {"A": "x"}, {"choices": 4}, {"options": "free text"}])
def test_fields_without_options_are_none(fields: dict[str, Any]) -> None:
    assert options_in(fields) == ()


STOCK = [
    "Which of the following statements is true?",
    "Which of the following statements about the passage is not correct?",
    "Which one of the following, if true, most strongly supports the argument above?",
    "下列说法正确的是（　）",
    "根据以上材料，下列说法不正确的一项是",
    "¿Cuál de las siguientes afirmaciones sobre el texto es correcta?",
    "Welche der folgenden Aussagen über den Text ist richtig?",
]


@pytest.mark.parametrize("stem", STOCK)
def test_a_question_of_stock_words_is_no_evidence(stem: str) -> None:
    assert not has_content(stem)
    text = f"{stem}\nA. {FOUR[0]}\nB. {FOUR[1]}"
    assert stem not in search_texts(question_of(text), min_words=8)
    assert stem not in search_texts(question_of(stem, {"choices": list(FOUR)}), min_words=8)


def evals_of(*texts: str) -> EvalSets:
    return EvalSets.of([EvalItem("set", str(i), (question_of(text),)) for i, text in enumerate(texts)], Decontaminate())


def taken(evals: EvalSets, *texts: str) -> list[bool]:
    return (~decontaminate(pa.array(texts, pa.large_string()), evals, Decontaminate()).stays).tolist()


def test_an_item_is_found_without_its_options_and_in_any_order() -> None:
    evals = evals_of(f"{STEM}\nA. {FOUR[0]}\nB. {FOUR[1]}\nC. {FOUR[2]}")
    assert taken(
        evals,
        f"Words before. {STEM} Words behind.",
        f"{STEM}\nA. {FOUR[2]}\nB. {FOUR[0]}\nC. {FOUR[1]}",
        f"{STEM}\n- {FOUR[2]}\n- {FOUR[0]}",
        f"Words before. {FOUR[0]} {FOUR[1]} {FOUR[2]}",
    ) == [True, True, True, False]


@pytest.mark.parametrize("stem", [*STOCK, "Who sank?"])
def test_a_question_that_is_no_evidence_is_found_with_any_option_first_but_not_alone(stem: str) -> None:
    one, two = "the grey ferry from the northern harbour", "a small boat of seven fishermen"
    evals = evals_of(f"{stem}\nA. {one}\nB. {two}")
    assert taken(evals, f"{stem}\nA. {two}\nB. {one}", f"{stem}\nA. {one}\nB. {two}", f"{stem} {one} {two}") == [True, True, True]
    assert taken(evals, f"Words. {stem} Words.", f"{stem}\nA. another thing\nB. yet another", f"{one} {two}") == [False, False, False]


def test_a_short_question_that_many_items_ask_is_no_evidence() -> None:
    stem = "Wohin fuhr der Dampfer der Reederei Hansen an jenem Morgen?"
    items = [f"{stem}\nA. nach Insel {i}\nB. nach Hafen {i}" for i in range(3)]
    assert taken(evals_of(*items), stem) == [False]
    assert taken(evals_of(*items[:2]), stem) == [True]
    assert taken(evals_of(*[items[0]] * 3), stem) == [True]  # the same item three times


def test_an_item_found_by_several_texts_counts_once() -> None:
    item = f"{STEM}\nA. {FOUR[0]}\nB. {FOUR[1]}"
    found = decontaminate(pa.array([f"{item}\n{STEM}"], pa.large_string()), evals_of(item), Decontaminate())
    assert (found.rows.tolist(), found.items.tolist(), found.coverage.tolist()) == ([0], [0], [1.0])


@pytest.mark.parametrize(
    "text",
    [
        "a" + "\n" * 200_000,
        "a\n" + " " * 200_000,
        "?" * 100_000 + "x\nA. b\nx",
        "A. x " * 40_000,
        "q?\n" + "- a\n" * 40_000 + "x",
        "\noptions" * 20_000,
        "x" + "\n answer" * 20_000,
        "1) " * 60_000,
    ],
    ids=["line ends", "spaces", "question marks", "first labels", "entries", "headings", "answers", "numbers"],
)
def test_hostile_items_are_split_in_linear_time(text: str) -> None:
    assert question_of(text).text == text
