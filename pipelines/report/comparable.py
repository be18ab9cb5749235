"""Two runs -> which of their numbers measure different things, and why.

A loss on other text (by its digest), with another tokenizer or after another training says nothing about the corpora.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Final

from pipelines.filters.decide import rules_of
from pipelines.filters.registry import REGISTRY
from pipelines.report import formats
from pipelines.report.facts import Facts
from schemas import layout
from schemas.recipe import RULE_SETS, shown

LOSS: Final = "model loss"
BITS: Final = "model bits per byte"
TOKEN_RESULTS: Final = ("tokens", "tokens, train", "tokens, valid")
"""Names of results that count tokens."""
DENSITY: Final = "bytes per token"
WALL: Final = "wall seconds"
SAME_TRAINING: Final = ("checkpoint_every", "enabled", "valid_every")
"""Settings of pretrain that do not change the model."""
DIGEST_CHARS: Final = 12


def why_not(a: Facts, b: Facts) -> dict[str, str]:
    """The reason by name of each result that cannot be compared."""
    other_tokens = _other_tokenizer(a, b)
    reasons = dict.fromkeys(TOKEN_RESULTS, other_tokens) if other_tokens else {}
    if other_tokens and _digests(a, f"{layout.DOCUMENTS}/") != _digests(b, f"{layout.DOCUMENTS}/"):
        reasons[DENSITY] = "both the tokenizers and the documents differ"
    if (a.record.workers, a.record.runner) != (b.record.workers, b.record.runner):
        reasons[WALL] = f"the runs had {_machines(a)} and {_machines(b)}"
    if a.metrics and b.metrics:
        if why := _other_text(a, b) or _other_training(a, b):
            reasons |= {LOSS: why, BITS: why}
        elif other_tokens:
            reasons[LOSS] = other_tokens
    return reasons


def other_rules(a: Facts, b: Facts) -> dict[str, str]:
    """The reason by name of each rule set of both runs that computes its signals differently: its drops cannot be compared."""
    found = {}
    used = [{name for rules in rules_of(facts.recipe).values() for name in rules} for facts in (a, b)]
    for rule_set in RULE_SETS:
        if rule_set in used[0] & used[1] and (keys := list(_measuring_differs(a, b, rule_set))):
            names = [shown(facts.recipe.filters, rule_set) for facts in (a, b)]
            how = f"{names[0]} and {names[1]}" if names[0] != names[1] else ", ".join(f"filters.{rule_set}.{key}" for key in keys)
            found[rule_set] = f"the signals are computed differently ({how})"
    return found


def _measuring_differs(a: Facts, b: Facts, rule_set: str) -> Iterator[str]:
    """Settings of the rule set that differ and change its signals."""
    before, after = (getattr(facts.recipe.filters, rule_set) for facts in (a, b))
    for field in dataclasses.fields(before):
        if not REGISTRY[rule_set].only_decides(field.name) and getattr(before, field.name) != getattr(after, field.name):
            yield field.name


def _other_tokenizer(a: Facts, b: Facts) -> str:
    before, after = _digests(a, layout.TOKENIZER_FILE), _digests(b, layout.TOKENIZER_FILE)
    return "the tokenizers differ, so their tokens are different pieces of text" if before and after and before != after else ""


def _other_text(a: Facts, b: Facts) -> str:
    digests = [facts.metrics.valid_sha256 if facts.metrics else None for facts in (a, b)]
    for facts, digest in zip((a, b), digests, strict=True):
        if digest is None:
            return f"{facts.folder} does not state the text that its model was validated on; run `validate {facts.folder}` to add it"
    before, after = (str(digest)[:DIGEST_CHARS] for digest in digests)
    return f"the models were validated on different text (sha256 {before}… and {after}…)" if digests[0] != digests[1] else ""


def _other_training(a: Facts, b: Facts) -> str:
    before, after = _training(a), _training(b)
    names = [key for key in dict.fromkeys((*before, *after)) if key not in SAME_TRAINING and before.get(key) != after.get(key)]
    differing = [f"{key if key == 'seed' else f'pretrain.{key}'} {before.get(key)} and {after.get(key)}" for key in names]
    return f"the models were trained differently ({', '.join(differing)})" if differing else ""


def _training(facts: Facts) -> dict[str, object]:
    """Seed and settings of the training, which `validate --set` may have changed."""
    stated = facts.metrics.trained_with if facts.metrics else {}
    return stated or {"seed": facts.recipe.seed, **dataclasses.asdict(facts.recipe.pretrain)}


def _digests(facts: Facts, under: str) -> list[tuple[str, str]]:
    return [(file.path, file.sha256) for file in facts.files if file.path.startswith(under)]


def _machines(facts: Facts) -> str:
    return f"{formats.number_of(facts.record.workers, 'worker')} of runner {facts.record.runner}"
