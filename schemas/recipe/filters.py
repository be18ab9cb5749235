"""Which rule sets judge a document. Their settings and limits are in published_rules.py, model_rules.py and document_rules.py."""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import field
from typing import Final, Literal

from schemas.errors import RecipeError
from schemas.recipe.base import config, unknown_key
from schemas.recipe.document_rules import Code, Integrity, Length, Metadata, Sections, Url
from schemas.recipe.model_rules import Language, Perplexity, Quality, Safety
from schemas.recipe.published_rules import C4, FineWeb, GopherQuality, GopherRepetition, RefinedWeb, Roots

ANY_LANGUAGE: Final = "any"


@config
class Filters:
    """Which rule sets judge a document, in which order, and with which limits."""

    rules: tuple[str, ...] = ("length",)
    """Names of rule sets, in order. "gopher_repetition:dolma" chooses a variant, as gopher_repetition.variant does."""
    limits: Literal["profiles", "published"] = "profiles"
    """Which limits apply where the recipe states none. `profiles`: those of each language, including English, which keep clean prose of all
    kinds. `published`: the publications' numbers for English, and numbers published for other languages; use it to reproduce the corpus
    of a publication."""
    keep_dropped: bool = True
    """Measure every document by every rule set, and keep dropped documents (scrubbed, in DIR/pool), so that `refilter` can apply other
    limits and the report can show what each rule removes by itself. If false, measuring stops at the first limit that a document fails,
    and the document is deleted."""
    length: Length = field(default_factory=Length)
    language: Language = field(default_factory=Language)
    url: Url = field(default_factory=Url)
    gopher_repetition: GopherRepetition = field(default_factory=GopherRepetition)
    gopher_quality: GopherQuality = field(default_factory=GopherQuality)
    c4: C4 = field(default_factory=C4)
    fineweb: FineWeb = field(default_factory=FineWeb)
    refinedweb: RefinedWeb = field(default_factory=RefinedWeb)
    roots: Roots = field(default_factory=Roots)
    code: Code = field(default_factory=Code)
    metadata: Metadata = field(default_factory=Metadata)
    sections: Sections = field(default_factory=Sections)
    quality: Quality = field(default_factory=Quality)
    perplexity: Perplexity = field(default_factory=Perplexity)
    safety: Safety = field(default_factory=Safety)
    integrity: Integrity = field(default_factory=Integrity)
    profiles: dict[str, dict[str, dict[str, float | str | None]]] = field(default_factory=dict)
    """Limits for one language; they override those above: profiles.zh.gopher_quality.min_words = 100."""

    def __post_init__(self) -> None:
        check_rules(self.rules, "filters.rules")
        for lang, sets in self.profiles.items():
            for name, limits in sets.items():
                where = f"filters.profiles.{lang}"
                if name not in RULE_SETS:
                    raise unknown_key(where, name, RULE_SETS)
                known = [f.name for f in dataclasses.fields(RULE_SETS[name]) if f.name.startswith(("min_", "max_"))]
                for key in limits:
                    if key not in known:
                        raise unknown_key(f"{where}.{name}", key, known)


RULE_SETS: Final[dict[str, type]] = {
    name: kind for name, kind in typing.get_type_hints(Filters).items() if isinstance(kind, type) and dataclasses.is_dataclass(kind)
}
"""The config class of every rule set, by name: the sections of `Filters`, in their order."""


def check_rules(rules: tuple[str, ...], where: str) -> None:
    """Raise RecipeError unless every name is a rule set, perhaps with one of its variants: "gopher_repetition:dolma"."""
    for rule in rules:
        name, colon, variant = rule.partition(":")
        if name not in RULE_SETS:
            raise unknown_key(where, name, RULE_SETS)
        known = variants_of(name)
        if colon and variant not in known:
            advice = f"its variants are: {', '.join(known)}" if known else f"it has no variants; write {name!r}"
            raise RecipeError("CM-RECIPE-004", f"{where}: {rule!r} is not a variant of {name}; {advice}")


def variants_of(rule_set: str) -> tuple[str, ...]:
    """The names of the formulas that can compute a rule set, the default first; empty if there is only one."""
    hint = typing.get_type_hints(RULE_SETS[rule_set]).get("variant")
    return typing.get_args(hint)


def shown(filters: Filters, rule_set: str) -> str:
    """The rule set with its variant, as a recipe may name it: "gopher_repetition:dolma"."""
    variant = getattr(getattr(filters, rule_set), "variant", None)
    return f"{rule_set}:{variant}" if variant else rule_set


def with_variants(filters: Filters, rules: tuple[str, ...]) -> Filters:
    """The filters with the variants that the rules name. Raises RecipeError if two rules name different variants of one set."""
    chosen: dict[str, str] = {}
    for rule in rules:
        name, colon, variant = rule.partition(":")
        if not colon:
            continue
        stated = getattr(filters, name).variant
        other = chosen.get(name, stated if stated != variants_of(name)[0] else variant)
        if other != variant:
            raise RecipeError(
                "CM-RECIPE-005", f"{rule!r}: {name} runs in one variant, but the recipe also names {other!r}; use a run for each"
            )
        chosen[name] = variant
    sections = {name: dataclasses.replace(getattr(filters, name), variant=variant) for name, variant in chosen.items()}
    return dataclasses.replace(filters, rules=without_variants(filters.rules), **sections)


def without_variants(rules: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the rule sets without their variants."""
    return tuple(rule.partition(":")[0] for rule in rules)
