"""A recipe says what a run is asked to do: frozen dataclasses, read from TOML, refused early.

Every number that decides about a document stands here. A threshold named `min_X` or `max_X` of a rule set acts on
the signal `X` of that rule set, bounds included; "off" (None) turns it off, and 0 is a real value.
Unknown keys are errors that name the nearest valid key.
"""

from __future__ import annotations

from schemas.recipe.base import Threshold
from schemas.recipe.decontaminate import Decontaminate
from schemas.recipe.dedup import Dedup, MinHash, best_banding
from schemas.recipe.filters import (
    C4,
    RULE_SETS,
    Code,
    Filters,
    FineWeb,
    GopherQuality,
    GopherRepetition,
    Language,
    Length,
    Metadata,
    Perplexity,
    Quality,
    RefinedWeb,
    Roots,
    Url,
    check_rules,
)
from schemas.recipe.loading import RECIPES_DIR, apply_setting, list_recipes, load, parse, section
from schemas.recipe.pretrain import Pretrain
from schemas.recipe.scrub import PII_KINDS, Scrub
from schemas.recipe.sources import Crawl, Read, Source
from schemas.recipe.tokens import Encode, Tokenizer
from schemas.recipe.training import ClassifierTraining, NgramTraining
from schemas.recipe.whole import Guards, Recipe

__all__ = [
    "C4",
    "PII_KINDS",
    "RECIPES_DIR",
    "RULE_SETS",
    "ClassifierTraining",
    "Code",
    "Crawl",
    "Decontaminate",
    "Dedup",
    "Encode",
    "Filters",
    "FineWeb",
    "GopherQuality",
    "GopherRepetition",
    "Guards",
    "Language",
    "Length",
    "Metadata",
    "MinHash",
    "NgramTraining",
    "Perplexity",
    "Pretrain",
    "Quality",
    "Read",
    "Recipe",
    "RefinedWeb",
    "Roots",
    "Scrub",
    "Source",
    "Threshold",
    "Tokenizer",
    "Url",
    "apply_setting",
    "best_banding",
    "check_rules",
    "list_recipes",
    "load",
    "parse",
    "section",
]
