"""A recipe describes a run: frozen dataclasses, read from TOML and checked before anything runs.

Every number that decides about a document is here. A threshold named `min_X` or `max_X` of a rule set limits the signal `X` of that rule
set, bounds included; "off" (None) turns it off, and 0 is a real value. Unknown keys are errors that name the nearest valid key.
"""

from __future__ import annotations

from schemas.recipe.base import Threshold
from schemas.recipe.clean import CLEANING_STEPS, Clean
from schemas.recipe.decontaminate import Decontaminate
from schemas.recipe.dedup import Cuts, Dedup, Lines, MinHash, SameAddress, Sentences, SimHash, Substring, Templates, best_banding
from schemas.recipe.document_rules import Code, Integrity, Length, Metadata, Sections, Url
from schemas.recipe.domains import Domains
from schemas.recipe.filters import ANY_LANGUAGE, RULE_SETS, Filters, check_rules, shown, variants_of
from schemas.recipe.keys import Key, documented_keys, meanings_of
from schemas.recipe.loading import RECIPES_DIR, apply_setting, list_recipes, load, parse, section
from schemas.recipe.model_rules import Language, Perplexity, Quality, Safety
from schemas.recipe.opt_out import OptOut
from schemas.recipe.pretrain import Pretrain
from schemas.recipe.published_rules import C4, FineWeb, GopherQuality, GopherRepetition, RefinedWeb, Roots
from schemas.recipe.scrub import DEFAULT_KINDS, PII_KINDS, Scrub, redaction_column, redaction_columns
from schemas.recipe.sources import Crawl, Read, Source
from schemas.recipe.tokens import Encode, Tokenizer
from schemas.recipe.training import ClassifierTraining, NgramTraining
from schemas.recipe.whole import Guards, Recipe

__all__ = [
    "ANY_LANGUAGE",
    "C4",
    "CLEANING_STEPS",
    "DEFAULT_KINDS",
    "PII_KINDS",
    "RECIPES_DIR",
    "RULE_SETS",
    "ClassifierTraining",
    "Clean",
    "Code",
    "Crawl",
    "Cuts",
    "Decontaminate",
    "Dedup",
    "Domains",
    "Encode",
    "Filters",
    "FineWeb",
    "GopherQuality",
    "GopherRepetition",
    "Guards",
    "Integrity",
    "Key",
    "Language",
    "Length",
    "Lines",
    "Metadata",
    "MinHash",
    "NgramTraining",
    "OptOut",
    "Perplexity",
    "Pretrain",
    "Quality",
    "Read",
    "Recipe",
    "RefinedWeb",
    "Roots",
    "Safety",
    "SameAddress",
    "Scrub",
    "Sections",
    "Sentences",
    "SimHash",
    "Source",
    "Substring",
    "Templates",
    "Threshold",
    "Tokenizer",
    "Url",
    "apply_setting",
    "best_banding",
    "check_rules",
    "documented_keys",
    "list_recipes",
    "load",
    "meanings_of",
    "parse",
    "redaction_column",
    "redaction_columns",
    "section",
    "shown",
    "variants_of",
]
