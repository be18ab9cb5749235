"""SimHash (Charikar 2002; near-duplicates as in ROOTS): 64 bits per document; those of copies differ in a few.

The bits are cut into blocks. Two hashes that differ in at most `distance` bits agree in all but `distance` blocks. So for each choice of
`blocks - distance` blocks, the documents that agree in them meet in a bucket, and no pair is missed unless a bucket is crowded.
"""

from __future__ import annotations

from itertools import combinations
from typing import Final

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.dedup.arrays import Int64s, UInt32s, UInt64s
from pipelines.dedup.minhash import is_removable, pair_up, run_lengths
from pipelines.dedup.shingles import shingle_power, text_shingles
from pipelines.text.fold import compared_table
from schemas.buffers import Bytes, Offsets, string_view
from schemas.recipe import SimHash

_BITS: Final = 64
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


def simhashes(text: pa.Array, size: int) -> tuple[UInt64s, UInt32s]:
    """(hash uint64[n], shingles uint32[n]): bit i is set if more of the text's shingle hashes have it set than not."""
    data, offsets = string_view(text)
    return _simhashes(data, offsets, size, shingle_power(size), compared_table())


def block_masks(config: SimHash) -> UInt64s:
    """uint64[choices]: the bits of every choice of blocks in which two near hashes may agree."""
    bounds = [_BITS * block // config.blocks for block in range(config.blocks + 1)]
    blocks = [((1 << bounds[i + 1]) - 1) ^ ((1 << bounds[i]) - 1) for i in range(config.blocks)]
    chosen = combinations(blocks, config.blocks - config.distance)
    return np.array([sum(choice) for choice in chosen], np.uint64)


def block_keys(signature: pa.RecordBatch, config: SimHash) -> pa.RecordBatch:
    """One row for each choice of blocks of each document with shingles: `key` uint64, row_ref, rank, simhash."""
    signature = signature.filter(pc.greater(signature.column("n_simhash"), 0))
    masks = block_masks(config)
    hashes = signature.column("simhash").to_numpy()
    number = np.arange(1, len(masks) + 1, dtype=np.uint64)
    keys = ((hashes[:, None] & masks) ^ (number * _MIX)) * np.uint64(0xFF51AFD7ED558CCD)
    keys = (keys ^ (keys >> np.uint64(32))) * _MIX ^ signature.column("salt").to_numpy()[:, None]
    repeated = {name: pa.array(np.repeat(signature.column(name).to_numpy(), len(masks))) for name in ("row_ref", "rank", "simhash")}
    return pa.RecordBatch.from_pydict({"key": pa.array(keys.reshape(-1)), **repeated})


def near_pairs(rows: pa.Table, config: SimHash) -> tuple[UInt64s, UInt64s, UInt64s, UInt64s, Int64s, int]:
    """(winner_ref, winner_rank, loser_ref, loser_rank, distance, crowded buckets) of the near pairs in one bucket.

    Documents with the same hash meet the winner of them only. In a bucket with more than `max_comparisons` + 1 different hashes, each
    document meets the first in rank and the nearest in rank of those before it.
    """
    key, refs, rank, hashes = (rows.column(name).to_numpy() for name in ("key", "row_ref", "rank", "simhash"))
    order = np.lexsort((refs, rank, hashes, key))
    key, refs, rank, hashes = key[order], refs[order], rank[order], hashes[order]
    leads = np.ones(len(order), bool)
    leads[1:] = (key[1:] != key[:-1]) | (hashes[1:] != hashes[:-1])
    leaders = np.flatnonzero(leads)
    leader = leaders[np.cumsum(leads) - 1]
    same = np.column_stack([leader[~leads], np.flatnonzero(~leads)])
    leaders = leaders[np.lexsort((refs[leaders], rank[leaders], key[leaders]))]
    crowded = len(np.unique(key[leaders][run_lengths(key[leaders]) > config.max_comparisons + 1]))
    pairs = np.concatenate([same, pair_up(leaders, key[leaders], config.max_comparisons)])
    winners, losers = pairs[:, 0], pairs[:, 1]
    distance = np.bitwise_count(hashes[winners] ^ hashes[losers]).astype(np.int64)
    near = (distance <= config.distance) & is_removable(rank[losers])
    winners, losers = winners[near], losers[near]
    return refs[winners], rank[winners], refs[losers], rank[losers], distance[near], crowded


@numba.njit(cache=True, nogil=True)
def _simhashes(data: Bytes, offsets: Offsets, size: int, drop: np.uint64, compared: UInt32s) -> tuple[UInt64s, UInt32s]:
    n = len(offsets) - 1
    hashes, n_shingles = np.zeros(n, np.uint64), np.zeros(n, np.uint32)
    longest = 0
    for row in range(n):
        longest = max(longest, offsets[row + 1] - offsets[row])
    shingles = np.empty(longest + 1, np.uint64)
    ring, ones = np.empty(size, np.uint64), np.empty(_BITS, np.int64)
    for row in range(n):
        count = text_shingles(data, offsets[row], offsets[row + 1], size, drop, compared, ring, shingles, 0)
        ones[:] = 0
        for i in range(count):
            for bit in range(_BITS):
                ones[bit] += np.int64((shingles[i] >> np.uint64(bit)) & np.uint64(1))
        for bit in range(_BITS):
            if 2 * ones[bit] > count:
                hashes[row] |= np.uint64(1) << np.uint64(bit)
        n_shingles[row] = count
    return hashes, n_shingles
