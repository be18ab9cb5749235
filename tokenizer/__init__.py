"""Byte-level BPE: training, loading, encoding. It depends on neither a corpus nor Beam."""
