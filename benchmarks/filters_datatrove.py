"""datatrove's side of the filter benchmark: FineWeb's chain as it runs it, and its decisions rule by rule on given words.

    PYTHON benchmarks/filters_datatrove.py run FOLDER OUT MODEL
    PYTHON benchmarks/filters_datatrove.py decide DOCUMENTS.jsonl OUT.jsonl

Runs under an interpreter of its own, whose environment has `datatrove[io,processing]` and spacy: the pins of the two projects
disagree. FOLDER holds *.jsonl.gz with columns id and text; MODEL is a fastText model that stands in for the one that would be
downloaded. DOCUMENTS have their words and the sentences of their lines with them, so that both sides judge the same ones.
"""

from __future__ import annotations

import functools
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    LanguageFilter,
)
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.lid import FT176LID
from datatrove.utils.word_tokenizers import WordTokenizer

INF: Final = float("inf")


# --- The chain -------------------------------------------------------------------------------------------------------


def run(folder: str, out: str, model: str) -> None:
    """Read, filter and write in one process; OUT/logs/stats.json holds what each step removed and how long it took."""
    FT176LID.MODEL_URL = model  # is copied to its cache (HF_HOME) in place of a download
    n_files = len(list(Path(folder).glob("*.jsonl.gz")))
    steps = [
        JsonlReader(folder, glob_pattern="*.jsonl.gz"),
        LanguageFilter(languages=["en"]),
        GopherRepetitionFilter(),
        GopherQualityFilter(),
        C4QualityFilter(filter_no_terminal_punct=False),
        FineWebQualityFilter(),
        JsonlWriter(f"{out}/kept"),
    ]
    LocalPipelineExecutor(steps, tasks=n_files, workers=1, logging_dir=f"{out}/logs").run()


# --- Decisions -------------------------------------------------------------------------------------------------------


class Given(WordTokenizer):
    """The splitter that knows its words beforehand: those of the document that is judged now."""

    words: list[str]
    sentences: dict[str, int]

    def word_tokenize(self, text: str) -> list[str]:
        """The words of the document."""
        return self.words

    def sent_tokenize(self, text: str) -> list[str]:
        """No filter asks for them."""
        raise NotImplementedError

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        """As many spans as the line has sentences; only their number is looked at."""
        return [(0, 0)] * self.sentences[text]


def rules(given: Given) -> dict[str, Callable[[float], Any]]:
    """By our name of a rule: from its limit to the filter that has only this rule."""
    repetition = functools.partial(
        GopherRepetitionFilter,
        **dict.fromkeys(("dup_line_frac", "dup_para_frac", "dup_line_char_frac", "dup_para_char_frac")),
        language=given,
    )
    no_grams = functools.partial(repetition, top_n_grams=(), dup_n_grams=())

    def top(n: int) -> Callable[[float], Any]:
        return lambda limit: repetition(top_n_grams=((n, limit),), dup_n_grams=())

    def dup(n: int) -> Callable[[float], Any]:
        return lambda limit: repetition(top_n_grams=(), dup_n_grams=((n, limit),))

    off = (
        *("min_doc_words", "max_doc_words", "min_avg_word_length", "max_avg_word_length", "max_symbol_word_ratio"),
        *("max_bullet_lines_ratio", "max_ellipsis_lines_ratio", "max_non_alpha_words_ratio", "min_stop_words"),
    )
    quality = functools.partial(GopherQualityFilter, **dict.fromkeys(off), language=given)
    page = functools.partial(cleaner, given)
    lines = functools.partial(
        FineWebQualityFilter, line_punct_thr=0.0, short_line_thr=INF, char_duplicates_ratio=INF, new_line_ratio=INF, language=given
    )
    return {
        "gopher_repetition.max_dup_line_ratio": lambda limit: no_grams(dup_line_frac=limit),
        "gopher_repetition.max_dup_paragraph_ratio": lambda limit: no_grams(dup_para_frac=limit),
        "gopher_repetition.max_dup_line_char_ratio": lambda limit: no_grams(dup_line_char_frac=limit),
        "gopher_repetition.max_dup_paragraph_char_ratio": lambda limit: no_grams(dup_para_char_frac=limit),
        **{f"gopher_repetition.max_top_{n}gram_ratio": top(n) for n in (2, 3, 4)},
        **{f"gopher_repetition.max_dup_{n}gram_ratio": dup(n) for n in range(5, 11)},
        "gopher_quality.min_words": lambda limit: quality(min_doc_words=limit),
        "gopher_quality.max_words": lambda limit: quality(max_doc_words=limit),
        "gopher_quality.min_mean_word_length": lambda limit: quality(min_avg_word_length=limit),
        "gopher_quality.max_mean_word_length": lambda limit: quality(max_avg_word_length=limit),
        "gopher_quality.max_hash_ratio": lambda limit: quality(max_symbol_word_ratio=limit),
        "gopher_quality.max_ellipsis_ratio": lambda limit: quality(max_symbol_word_ratio=limit),
        "gopher_quality.max_bullet_line_ratio": lambda limit: quality(max_bullet_lines_ratio=limit),
        "gopher_quality.max_ellipsis_line_ratio": lambda limit: quality(max_ellipsis_lines_ratio=limit),
        "gopher_quality.min_alpha_word_ratio": lambda limit: quality(max_non_alpha_words_ratio=limit),
        "gopher_quality.min_stop_words": lambda limit: quality(min_stop_words=limit),
        "c4.max_lorem_ipsum": lambda limit: page(filter_lorem_ipsum=limit < 1),
        "c4.max_curly_brackets": lambda limit: page(filter_curly_bracket=limit < 1),
        "c4.min_sentences": lambda limit: page(min_num_sentences=limit),
        "fineweb.min_terminal_line_ratio": lambda limit: lines(line_punct_thr=limit),
        "fineweb.max_short_line_ratio": lambda limit: lines(short_line_thr=limit),
        "fineweb.max_dup_line_char_ratio": lambda limit: lines(char_duplicates_ratio=limit),
        "fineweb.max_newline_word_ratio": lambda limit: lines(new_line_ratio=limit),
    }


def cleaner(given: Given, **rule: Any) -> C4QualityFilter:
    """C4's line rules as FineWeb has them, and of the rules on pages only those given."""
    off = {"filter_no_terminal_punct": False, "min_num_sentences": -1, "filter_lorem_ipsum": False, "filter_curly_bracket": False}
    return C4QualityFilter(**{**off, **rule}, language=given)


def decide(documents: str, out: str) -> None:
    """Per document: each rule that it fails, with the value that decided, and digests of what C4 makes of the text.

    The first line of the input has the limits by rule; the other ones have id, text, words, sentences and, in `ours`, the rules
    that it fails on the other side.
    """
    given = Given()
    made = rules(given)
    with Path(documents).open() as lines, Path(out).open("w") as results:
        limits = json.loads(next(lines))
        filters = {rule: made[rule](limit) for rule, limit in limits.items()}
        texts = {"c4.text": cleaner(given), "c4.text, terminal punctuation": cleaner(given, filter_no_terminal_punct=True)}
        for line in lines:
            document = json.loads(line)
            given.words, given.sentences = document["words"], document["sentences"]
            failed = [rule for rule, one in filters.items() if fails(one, rule, document["text"])]
            values = {rule: value(made[rule], rule, document["text"]) for rule in set(failed) ^ set(document["ours"])}
            cleaned = {name: described(cleaned_by(one, document["text"])) for name, one in texts.items()}
            print(json.dumps({"failed": failed, "values": values, "cleaned": cleaned}), file=results)


def fails(one: Any, rule: str, text: str) -> bool:
    """Whether the filter drops the text."""
    if rule == "gopher_quality.max_ellipsis_ratio":  # one limit serves both, number signs first
        text = text.replace("#", "%")
    kept = one.filter(Document(text=text, id=""))
    if rule == "gopher_quality.max_hash_ratio":
        return isinstance(kept, tuple) and kept[1] == "gopher_too_many_hashes"
    return isinstance(kept, tuple)


def value(make: Callable[[float], Any], rule: str, text: str) -> float:
    """What the rule measured, found by bisecting for the limit at which it turns."""
    is_min = rule.partition(".")[2].startswith("min_")
    low, high = 0.0, 1e6
    for _ in range(60):
        middle = (low + high) / 2
        if fails(make(middle), rule, text) == is_min:
            high = middle
        else:
            low = middle
    return round(high, 9)


def cleaned_by(one: C4QualityFilter, text: str) -> str:
    """The text without the lines that fail."""
    document = Document(text=text, id="")
    one.filter(document)
    return document.text


def described(text: str) -> list[object]:
    """[digest, lines] of a text: what the other side compares with its own."""
    return [hashlib.blake2b(text.encode(), digest_size=16).hexdigest(), text.count("\n") + 1]


if __name__ == "__main__":
    if sys.argv[1] == "run":
        run(*sys.argv[2:])
    else:
        decide(*sys.argv[2:])
