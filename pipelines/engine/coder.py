"""How RecordBatches travel through Beam: as Arrow IPC, so that a slice ships its own rows and not its parent's buffers.

A stage that hands over RecordBatches imports this module, directly or by another one of the engine, and annotates them with real
types (no `from __future__ import annotations`): Beam chooses the coder by the annotation.
"""

import apache_beam as beam
import pyarrow as pa

from schemas.hops import MAX_BATCH_BYTES


class RecordBatchCoder(beam.coders.Coder):
    """Arrow IPC: a slice costs its own rows, where pickle ships the parent's buffers."""

    def encode(self, value: pa.RecordBatch) -> bytes:
        """One schema message and one batch message."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, value.schema) as writer:
            writer.write_batch(value)
        return sink.getvalue().to_pybytes()

    def decode(self, encoded: bytes) -> pa.RecordBatch:
        """The batch, over the given bytes without a copy."""
        return pa.ipc.open_stream(encoded).read_next_batch()

    def estimate_size(self, value: pa.RecordBatch) -> int:
        """The size of its buffers in bytes. Beam estimates sizes from samples, and would otherwise encode them."""
        return int(value.nbytes)

    def is_deterministic(self) -> bool:
        """Equal batches give equal bytes."""
        return True

    def to_type_hint(self) -> type:
        """The type that this coder is registered for."""
        return pa.RecordBatch


beam.coders.registry.register_coder(pa.RecordBatch, RecordBatchCoder)


def give_back(batch: pa.RecordBatch) -> None:
    """Where the batch is a huge text, let Arrow return the memory that it has freed: it would keep several times such a text."""
    if batch.nbytes > MAX_BATCH_BYTES:
        pa.default_memory_pool().release_unused()
