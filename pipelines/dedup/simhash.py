"""SimHash (Charikar 2002; near-duplicates as in ROOTS): 64 bits per document, of which copies differ in a few.

The bits are cut into blocks. Two hashes that differ in at most `distance` bits agree in all but as many blocks, so for each choice of
`blocks - distance` blocks the documents that agree in them meet in a bucket, and no pair is missed unless a bucket is crowded.
"""

from __future__ import annotations

from itertools import combinations
from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.dedup.minhash import may_end, pair_up, run_lengths
from pipelines.dedup.shingles import UInt32s, UInt64s, shingle_power, text_shingles
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
    """The bits of every choice of blocks that two near hashes may agree in."""
    bounds = [_BITS * block // config.blocks for block in range(config.blocks + 1)]
    blocks = [((1 << bounds[i + 1]) - 1) ^ ((1 << bounds[i]) - 1) for i in range(config.blocks)]
    chosen = combinations(blocks, config.blocks - config.distance)
    return np.array([sum(choice) for choice in chosen], np.uint64)


def block_keys(signature: pa.RecordBatch, config: SimHash) -> pa.RecordBatch:
    """One row per document with shingles and choice of blocks: `key` uint64, at, rank, simhash."""
    signature = signature.filter(pc.greater(signature.column("n_simhash"), 0))
    masks = block_masks(config)
    hashes = signature.column("simhash").to_numpy()
    number = np.arange(1, len(masks) + 1, dtype=np.uint64)
    keys = ((hashes[:, None] & masks) ^ (number * _MIX)) * np.uint64(0xFF51AFD7ED558CCD)
    keys = (keys ^ (keys >> np.uint64(32))) * _MIX ^ signature.column("salt").to_numpy()[:, None]
    repeated = {name: pa.array(np.repeat(signature.column(name).to_numpy(), len(masks))) for name in ("at", "rank", "simhash")}
    return pa.RecordBatch.from_pydict({"key": pa.array(keys.reshape(-1)), **repeated})


def near_pairs(rows: pa.Table, config: SimHash) -> tuple[UInt64s, UInt64s, UInt64s, UInt64s, npt.NDArray[np.int64], int]:
    """(better_at, better_rank, worse_at, worse_rank, distance, crowded buckets) of the pairs in one bucket that are near.

    Documents with one and the same hash meet the best of them only. In a bucket with more than `max_comparisons` + 1 different
    hashes, each document meets the best and the nearest in rank of those before it.
    """
    key, at, rank, hashes = (rows.column(name).to_numpy() for name in ("key", "at", "rank", "simhash"))
    order = np.lexsort((at, rank, hashes, key))
    key, at, rank, hashes = key[order], at[order], rank[order], hashes[order]
    leads = np.ones(len(order), bool)
    leads[1:] = (key[1:] != key[:-1]) | (hashes[1:] != hashes[:-1])
    leaders = np.flatnonzero(leads)
    leader = leaders[np.cumsum(leads) - 1]
    same = np.column_stack([leader[~leads], np.flatnonzero(~leads)])
    leaders = leaders[np.lexsort((at[leaders], rank[leaders], key[leaders]))]
    crowded = len(np.unique(key[leaders][run_lengths(key[leaders]) > config.max_comparisons + 1]))
    pairs = np.concatenate([same, pair_up(leaders, key[leaders], config.max_comparisons)])
    better, worse = pairs[:, 0], pairs[:, 1]
    distance = np.bitwise_count(hashes[better] ^ hashes[worse]).astype(np.int64)
    near = (distance <= config.distance) & may_end(rank[worse])
    better, worse = better[near], worse[near]
    return at[better], rank[better], at[worse], rank[worse], distance[near], crowded


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
