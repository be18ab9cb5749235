"""Two runs -> which of their numbers do not measure the same thing, and why.

Text is known by its digest: a loss on other text, by another tokenizer or after another training says nothing about the corpora.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Final

from pipelines.filters.decide import rules_of
from pipelines.filters.registry import REGISTRY
from pipelines.report.facts import Facts
from schemas.recipe import RULE_SETS, shown

LOSS: Final = "model loss"
BITS: Final = "model bits per byte"
TOKENS: Final = ("tokens", "tokens, train", "tokens, valid")
DENSITY: Final = "bytes per token"
WALL: Final = "wall seconds"
SAME_TRAINING: Final = ("checkpoint_every", "enabled", "valid_every")
"""Settings of pretrain that leave the model as it is."""
DIGEST_CHARS: Final = 12


def why_not(a: Facts, b: Facts) -> dict[str, str]:
    """Results that cannot be compared, by name, with the reason."""
    other_tokens = _other_tokenizer(a, b)
    reasons = dict.fromkeys(TOKENS, other_tokens) if other_tokens else {}
    if other_tokens and _digests(a, "documents/") != _digests(b, "documents/"):
        reasons[DENSITY] = "both the tokenizers and the documents differ"
    if (a.run["workers"], a.run["runner"]) != (b.run["workers"], b.run["runner"]):
        reasons[WALL] = f"the runs had {_machines(a)} and {_machines(b)}"
    if a.metrics and b.metrics:
        if why := _other_text(a, b) or _other_training(a, b):
            reasons |= {LOSS: why, BITS: why}
        elif other_tokens:
            reasons[LOSS] = other_tokens
    return reasons


def other_rules(a: Facts, b: Facts) -> dict[str, str]:
    """Rule sets of both runs whose signals are computed otherwise, with the reason: what their rules drop cannot be compared."""
    found = {}
    used = [{name for rules in rules_of(facts.recipe).values() for name in rules} for facts in (a, b)]
    for rule_set in RULE_SETS:
        if rule_set in used[0] & used[1] and (keys := list(_measuring_differs(a, b, rule_set))):
            names = [shown(facts.recipe.filters, rule_set) for facts in (a, b)]
            how = f"{names[0]} and {names[1]}" if names[0] != names[1] else ", ".join(f"filters.{rule_set}.{key}" for key in keys)
            found[rule_set] = f"the signals are computed otherwise ({how})"
    return found


def _measuring_differs(a: Facts, b: Facts, rule_set: str) -> Iterator[str]:
    before, after = (getattr(facts.recipe.filters, rule_set) for facts in (a, b))
    for field in dataclasses.fields(before):
        if not REGISTRY[rule_set].only_decides(field.name) and getattr(before, field.name) != getattr(after, field.name):
            yield field.name


def _other_tokenizer(a: Facts, b: Facts) -> str:
    before, after = _digests(a, "tokenizer/tokenizer.json"), _digests(b, "tokenizer/tokenizer.json")
    return "the tokenizers differ, so a token is another piece of text" if before and after and before != after else ""


def _other_text(a: Facts, b: Facts) -> str:
    digests = [facts.metrics.get("valid_sha256") for facts in (a, b)]
    for facts, digest in zip((a, b), digests, strict=True):
        if digest is None:
            return f"{facts.folder} does not state on which text its model was validated; `validate {facts.folder}` states it"
    before, after = (str(digest)[:DIGEST_CHARS] for digest in digests)
    return f"the models were validated on different text (sha256 {before}… and {after}…)" if digests[0] != digests[1] else ""


def _other_training(a: Facts, b: Facts) -> str:
    before, after = _training(a), _training(b)
    names = [key for key in dict.fromkeys((*before, *after)) if key not in SAME_TRAINING and before.get(key) != after.get(key)]
    differing = [f"{key if key == 'seed' else f'pretrain.{key}'} {before.get(key)} and {after.get(key)}" for key in names]
    return f"the models were trained otherwise ({', '.join(differing)})" if differing else ""


def _training(facts: Facts) -> dict[str, Any]:
    """Seed and settings that the model was trained with, which `validate --set` may have changed."""
    stated: dict[str, Any] | None = facts.metrics.get("trained_with")
    return stated or {"seed": facts.recipe.seed, **dataclasses.asdict(facts.recipe.pretrain)}


def _digests(facts: Facts, under: str) -> list[tuple[str, str]]:
    return [(file["path"], file["sha256"]) for file in facts.files if file["path"].startswith(under)]


def _machines(facts: Facts) -> str:
    return f"{facts.run['workers']} worker{'s' if facts.run['workers'] != 1 else ''} of runner {facts.run['runner']}"
