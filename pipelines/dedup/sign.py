"""Documents -> SIGNATURE rows: the keys by which copies meet, and the rank that decides which of them stays."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.dedup.arrays import Mask, UInt64s
from pipelines.dedup.exact import content_hashes, salted, url_hashes
from pipelines.dedup.minhash import ranks
from pipelines.dedup.shingles import permutations, signatures
from pipelines.dedup.simhash import simhashes
from schemas.hops import signature_schema
from schemas.recipe import Dedup


class Signer:
    """(documents with doc_id, source, url and text; their row references) -> SIGNATURE batch."""

    def __init__(self, dedup: Dedup) -> None:
        self.dedup, self.ranks = dedup, Ranks(dedup)
        n_permutations = dedup.minhash.bands * dedup.minhash.rows
        self.schema = signature_schema(n_permutations)
        self.a, self.b = permutations(n_permutations, dedup.minhash.seed)  # drawn in the driver, once

    def __call__(self, batch: pa.RecordBatch, refs: UInt64s) -> pa.RecordBatch:
        """The keys of each document. Only those that the kinds of the recipe need are computed."""
        n = batch.num_rows
        text = batch.column("text")
        kinds, minhash = self.dedup.kinds, self.dedup.minhash
        values, n_shingles = np.zeros((n, len(self.a)), np.uint32), np.zeros(n, np.uint32)
        if "minhash" in kinds:
            values, n_shingles = signatures(text, minhash.shingle, self.a, self.b)
        near, n_near = np.zeros(n, np.uint64), np.zeros(n, np.uint32)
        if "simhash" in kinds:
            near, n_near = simhashes(text, self.dedup.simhash.shingle)
        salts = salts_of(batch.column("source"), self.dedup)
        columns = {
            "row_ref": pa.array(refs),
            "doc_id": batch.column("doc_id"),
            "rank": pa.array(self.ranks(batch)),
            "salt": pa.array(salts),
            "url_hash": salted(url_hashes(batch.column("url")), salts) if "url" in kinds else pa.nulls(n, pa.binary(16)),
            "exact_hash": salted(content_hashes(text), salts) if "exact" in kinds else batch.column("doc_id"),
            "n_shingles": pa.array(n_shingles),
            "n_simhash": pa.array(n_near),
            "simhash": pa.array(near),
            "minhash": pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), type=self.schema.field("minhash").type),
        }
        return pa.RecordBatch.from_arrays([columns[name] for name in self.schema.names], schema=self.schema)


class Ranks:
    """Documents -> uint64[n], of which the smaller wins: protected or not, priority of the source, then length, then doc_id."""

    def __init__(self, dedup: Dedup) -> None:
        self.order = pa.array(dedup.priority, pa.large_string())
        self.protected_sources = pa.array(dedup.protected, pa.large_string())

    def __call__(self, batch: pa.RecordBatch) -> UInt64s:
        """The rank of each document of a batch with doc_id, source and text."""
        position = pc.index_in(batch.column("source"), value_set=self.order).fill_null(len(self.order)).to_numpy()
        priority = np.where(self.protected(batch), 0, 1 + position).astype(np.uint8)
        return ranks(priority, pc.utf8_length(batch.column("text")).cast(pa.uint64()).to_numpy(), batch.column("doc_id"))

    def protected(self, batch: pa.RecordBatch) -> Mask:
        """bool[n]: which documents are of protected sources; these are neither merged nor cut."""
        found = pc.is_in(batch.column("source"), value_set=self.protected_sources)
        is_protected: Mask = found.to_numpy(zero_copy_only=False)
        return is_protected


def salts_of(source: pa.Array, dedup: Dedup) -> UInt64s:
    """uint64[n]: salts for keys, so that documents meet only if the recipe's scope allows it; 0 if all documents may meet."""
    if dedup.scope != "within_source":
        return np.zeros(len(source), np.uint64)
    found = source.dictionary_encode()
    salts = [int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little") | 1 for name in found.dictionary.to_pylist()]
    return np.array(salts, np.uint64)[found.indices.to_numpy()]
