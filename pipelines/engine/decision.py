"""The result of a step for one batch: documents that continue, and ledger rows of those that end."""

from typing import NamedTuple

import pyarrow as pa


class Decision(NamedTuple):
    """The result of a step for one batch."""

    kept: pa.RecordBatch
    removed: pa.RecordBatch


def kept(decision: Decision) -> pa.RecordBatch:
    """The documents that continue."""
    return decision.kept


def removed(decision: Decision) -> pa.RecordBatch:
    """The ledger rows of those that end here."""
    return decision.removed
