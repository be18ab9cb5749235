"""Where a run folder keeps what, relative to the folder."""

from __future__ import annotations

from typing import Final

POOL: Final = "pool"
WORK: Final = "work"
WORK_POOL: Final = "work/pool"
"""Where the pool is if what the rules drop is not kept: it is gone after the stage that reads it."""
LEDGER: Final = "ledger"
SCRUB_AUDIT: Final = "scrub_audit"
INDEX: Final = "index"
DOCUMENTS: Final = "documents"
SHARDS: Final = "shards"
CRAWL: Final = "crawl"
VALIDATION: Final = "validation"
TOKENIZER_FILE: Final = "tokenizer/tokenizer.json"
