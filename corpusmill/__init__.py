"""corpusmill as a library: load and run recipes, open runs, and apply the kernels to Arrow tables.

    import corpusmill as cm
    recipe = cm.load_recipe("fineweb", {"sources.web.path": "crawl/*.warc.gz"})
    run = cm.run(recipe, "out", workers=8)
    run.ledger().group_by("outcome").len().collect()

All names in `__all__` are public; `docs/library.md` has examples.
"""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING

from corpusmill.runs import RunFolder, load_recipe, open_run, run
from corpusmill.tables import encode, measure, scrub
from schemas.errors import CorpusmillError
from schemas.recipe import Recipe, Scrub

if TYPE_CHECKING:
    from corpusmill.torch import TokenWindows

__version__ = importlib.metadata.version("corpusmill")
__all__ = [
    "CorpusmillError",
    "Recipe",
    "RunFolder",
    "Scrub",
    "TokenWindows",
    "__version__",
    "encode",
    "load_recipe",
    "measure",
    "open_run",
    "run",
    "scrub",
]


def __getattr__(name: str) -> object:
    """Import torch only when the dataset is used."""
    if name == "TokenWindows":
        from corpusmill.torch import TokenWindows  # noqa: PLC0415 - takes seconds

        return TokenWindows
    raise AttributeError(f"module 'corpusmill' has no attribute {name!r}")
