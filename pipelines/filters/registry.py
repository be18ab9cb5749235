"""Every rule set by name, in the order of the sections of `filters` in a recipe."""

from __future__ import annotations

from typing import Final

from pipelines.filters import (
    c4,
    code,
    fineweb,
    gopher_quality,
    gopher_repetition,
    integrity,
    language,
    length,
    metadata,
    perplexity,
    quality,
    refinedweb,
    roots,
    safety,
    sections,
    url,
)
from pipelines.filters.rule_set import RuleSet

_ALL: Final = (
    length.RULE_SET,
    language.RULE_SET,
    url.RULE_SET,
    gopher_repetition.RULE_SET,
    gopher_quality.RULE_SET,
    c4.RULE_SET,
    fineweb.RULE_SET,
    refinedweb.RULE_SET,
    roots.RULE_SET,
    code.RULE_SET,
    metadata.RULE_SET,
    sections.RULE_SET,
    quality.RULE_SET,
    perplexity.RULE_SET,
    safety.RULE_SET,
    integrity.RULE_SET,
)
REGISTRY: Final[dict[str, RuleSet]] = {rule_set.name: rule_set for rule_set in _ALL}
