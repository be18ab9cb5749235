"""Evaluations of tokenizers as tables for the terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from rich.table import Table

from pipelines.encode.evaluate import TextSizes, TokenizerEvaluation
from pipelines.report import formats

MOST_TOKEN_CHARS: Final = 24
"""A longer token is cut."""
MOST_ROWS: Final = 20
"""Languages and sources that are listed; the others are only in the total."""


def tables(evaluations: list[TokenizerEvaluation]) -> list[Table]:
    """Compression by language and source, and the use of each vocabulary, with one column per tokenizer."""
    return [_compression(evaluations, "languages"), _compression(evaluations, "sources"), _vocabulary(evaluations)]


def _compression(evaluations: list[TokenizerEvaluation], by: Literal["languages", "sources"]) -> Table:
    table = Table(title="bytes per token, tokens per word, tokens per character")
    table.add_column(by.removesuffix("s"))
    for name in ("documents", "bytes", *(evaluation["name"] for evaluation in evaluations)):
        table.add_column(name, justify="right")
    for rows in zip(*(evaluation[by][:MOST_ROWS] for evaluation in evaluations), strict=True):
        table.add_row(rows[0]["name"] or formats.NO_LANGUAGE, *_sizes(rows[0]), *map(_ratios, rows))
    table.add_section()
    totals = [evaluation["total"] for evaluation in evaluations]
    table.add_row("all", *_sizes(totals[0]), *map(_ratios, totals), style="bold")
    return table


def _sizes(row: TextSizes) -> tuple[str, str]:
    return formats.with_commas(row["n_documents"]), formats.size(row["n_bytes"])


def _ratios(row: TextSizes) -> str:
    pairs = ((row["n_bytes"], row["n_tokens"]), (row["n_tokens"], row["n_words"]), (row["n_tokens"], row["n_chars"]))
    return "  ".join(f"{a / b:.3f}" if b else "-" for a, b in pairs)


def _shown(token: str) -> str:
    if len(token) > 1 and len(set(token)) == 1:
        return f"{token[0]!r} x {len(token)}"
    return repr(token) if len(token) <= MOST_TOKEN_CHARS else f"{token[:MOST_TOKEN_CHARS]!r}… of {len(token)} characters"


def _vocabulary(evaluations: list[TokenizerEvaluation]) -> Table:
    table = Table("", *(evaluation["name"] for evaluation in evaluations), title="vocabulary")
    lines: dict[str, Callable[[TokenizerEvaluation], str]] = {
        "tokens": lambda e: formats.with_commas(e["vocab_size"]),
        "encoded by": lambda e: e["encoder"] + (f": {e['encoder_reason']}" if e["encoder_reason"] else ""),
        "single bytes among the tokens of the text": lambda e: formats.share(e["single_byte_ratio"]),
        "never used": lambda e: formats.with_commas(e["n_unused"]),
        "used less than 10 times": lambda e: formats.with_commas(e["n_barely_used"]),
        "digits": lambda e: e["digits"],
        "longest": lambda e: "\n".join(_shown(token) for token in e["longest"]),
    }
    for name, cell in lines.items():
        table.add_row(name, *(cell(evaluation) for evaluation in evaluations))
    return table
