"""Multiple-choice items -> the texts by which they are found: with their options in place, and without.

A copy may omit the options or list them in another order, so the question alone is searched for, too. If that is too short or too general
("Which of the following is true?"), it is searched for with a label and one of its options behind it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import count, takewhile
from typing import Any, Final, NamedTuple

from pipelines.dedup.evals.index import n_words
from pipelines.dedup.evals.labels import split_options
from pipelines.dedup.evals.stock import has_content

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LISTS: Final = ("choices", "options", "endings", "candidates", "answer_choices", "multiple_choice_targets", "mc1_targets", "alternatives")
"""Fields that hold the options as a list or as an object."""
_NUMBERED: Final = re.compile(r"(?i)^(|(?:option|op|choice|ending|sol|answer|ans|alternative)_?)([a-j]|\d)\Z")
"""Fields that hold one option each: A, option_b, opc, ending0."""
_ANSWERS: Final = re.compile(r"(?i)^(?:in)?correct[ _]answer(?:[ _]?\d)?\Z|^distractor[ _]?\d\Z")
_TEXTS: Final = ("text", "content", "value", "option", "choice", "label")

_PREFIXES: Final = ("", "option_", "option", "op", "choice_", "choice", "answer_", "answer", "ending_", "ending", "sol")
FIELDS: Final = (
    *_LISTS,
    *(f"{prefix}{name}" for prefix in _PREFIXES for name in "ABCDEFGHabcdefgh"),
    *(f"{prefix}{number}" for prefix in _PREFIXES[1:] for number in range(10)),
    *("correct_answer", "Correct Answer", "distractor1", "distractor2", "distractor3"),
    *(f"Incorrect Answer {number}" for number in range(1, 4)),
)
"""Fields that may hold options; of a columnar file they must be read by name."""
_STOCK_ITEMS: Final = 3
_STOCK_WORDS: Final = 26
"""A question of fewer words that at least _STOCK_ITEMS items ask is a stock question, in every language."""


_ASKED: Final = re.compile(
    r"(?i)\A\s*+(?:question|problem|query|q|问题|問題|题目|질문|вопрос|frage|pregunta|domanda|pergunta)\s?\d{0,4}\s?[:：]\s*(?=\S)"
)
_TO_ANSWER: Final = re.compile(r"(?i)\n[^\S\n]*+(?:answer|a|答案|答|답|ответ|antwort|réponse|respuesta|risposta|resposta)\s?[:：]\s*+\Z")
"""What prompts put around a question; copies elsewhere lack it."""


class Question(NamedTuple):
    """A question and its options; none if it is not a multiple-choice question."""

    text: str
    """The whole text of the item."""
    stem: str
    options: tuple[str, ...]


def question_of(text: str, fields: Mapping[str, Any] | None = None) -> Question:
    """The question of a row. Its options are those that the text lists, or else those in the fields of the row."""
    stem, options = split_options(text)
    if asked := stem[: end.start()].rstrip() if (end := _TO_ANSWER.search(stem)) else "":
        stem = asked
    stem = _ASKED.sub("", stem)
    if options:
        return Question(text, stem, options)
    found = options_in(fields or {})
    labelled = "\n".join([text, *(f"{letter}. {option}" for letter, option in zip(_LETTERS, found, strict=False))])
    return Question(labelled, stem, found) if found else Question(text, stem, ())


def options_in(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """The options in the fields of a row: a list, an object, or fields of their own; none if there are fewer than two."""
    for name in _LISTS:
        if len(options := _texts(fields.get(name))) > 1:
            return options
    groups: dict[str, dict[str, str]] = defaultdict(dict)
    for name, value in fields.items():
        if isinstance(value, str | int | float) and (match := _NUMBERED.match(name)) and (match[1] or match[2].isalpha()):
            groups[match[1].lower()][match[2].upper()] = str(value)
    for options_by_name in groups.values():
        options = tuple(options_by_name[name] for name in _consecutive(options_by_name))
        if len(options) > 1:
            return options
    answers = tuple(value for name, value in fields.items() if isinstance(value, str) and _ANSWERS.match(name))
    return answers if len(answers) > 1 else ()


def _consecutive(names: Mapping[str, str]) -> Iterator[str]:
    """The names A, B, ..., or 0, 1, ..., or 1, 2, ..., up to the first one that is missing."""
    first = next((name for name in ("A", "0", "1") if name in names), None)
    return takewhile(names.__contains__, (chr(code) for code in count(ord(first)))) if first else iter(())


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return split_options(value)[1]
    if isinstance(value, Mapping):
        listed = next((value[name] for name in (*_TEXTS, *_LISTS) if isinstance(value.get(name), list)), None)
        return _texts(list(value.values()) if listed is None else listed)
    if not isinstance(value, list):
        return ()
    texts = []
    for entry in value:
        inner = next((entry[name] for name in _TEXTS if isinstance(entry.get(name), str)), None) if isinstance(entry, Mapping) else entry
        if isinstance(inner, str | int | float):
            texts.append(str(inner))
    return tuple(texts)


def search_texts(question: Question, min_words: int, n_sharing: int = 1) -> list[str]:
    """The texts by which an item is found, its own text first. `n_sharing`: how many items ask the same question with different options."""
    if not question.options:
        bare = question.stem != question.text and _is_evidence(question.stem, min_words)
        return [question.text, question.stem] if bare else [question.text]
    is_stock = n_sharing >= _STOCK_ITEMS and n_words(question.stem) < _STOCK_WORDS
    if not is_stock and _is_evidence(question.stem, min_words):
        return [question.text, question.stem]
    answered = [f"{question.stem} A {option}" for option in question.options]  # whichever option comes first in another order
    return [question.text, *(text for text in (" ".join([question.stem, *question.options]), *answered) if _is_evidence(text, min_words))]


def _is_evidence(text: str, min_words: int) -> bool:
    return n_words(text) >= min_words and has_content(text)
