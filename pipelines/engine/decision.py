"""What a room makes of a batch: documents that go on, and ledger rows of those that end."""

from typing import NamedTuple

import pyarrow as pa


class Decision(NamedTuple):
    """What a room made of a batch: documents that go on, and ledger rows of those that end here."""

    kept: pa.RecordBatch
    removed: pa.RecordBatch


def kept(decision: Decision) -> pa.RecordBatch:
    """The documents that go on."""
    return decision.kept


def removed(decision: Decision) -> pa.RecordBatch:
    """The ledger rows of those that end here."""
    return decision.removed
