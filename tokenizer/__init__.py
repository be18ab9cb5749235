"""Byte-level BPE: training, loading, encoding. It knows no corpus and no Beam."""
