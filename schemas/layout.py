"""The files and folders of a run, relative to the run folder."""

from __future__ import annotations

from typing import Final

POOL: Final = "pool"
WORK: Final = "work"
WORK_POOL: Final = "work/pool"
"""The pool if dropped documents are not kept: it is deleted after the stage that reads it."""
LEDGER: Final = "ledger"
SCRUB_AUDIT: Final = "scrub_audit"
INDEX: Final = "index"
DOCUMENTS: Final = "documents"
SHARDS: Final = "shards"
CRAWL: Final = "crawl"
VALIDATION: Final = "validation"
TOKENIZER_FILE: Final = "tokenizer/tokenizer.json"
