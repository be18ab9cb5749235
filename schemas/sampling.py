"""Random numbers from a document's id and the seed: its position in a shuffle, its split, samples, draws of rules."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.buffers import fixed_view


def hash_ids(doc_id: pa.Array, seed: int, purpose: str) -> npt.NDArray[np.uint64]:
    """uint64[n] for n ids of binary[16]: uniform over the whole range, independent between seeds and purposes."""
    halves = fixed_view(doc_id).copy().view(np.uint64)
    salt = np.frombuffer(hashlib.blake2b(f"{purpose}:{seed}".encode(), digest_size=16).digest(), np.uint64)
    value = _mix(halves[:, 0] ^ salt[0])
    return _mix(value ^ halves[:, 1] ^ salt[1])


def in_share(hashes: npt.NDArray[np.uint64], share: float | npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """bool[n] for n hashes: whether each is in the first `share` (0 to 1) of the uint64 range; one share for all, or one for each."""
    return hashes.astype(np.float64) < share * 2.0**64


def draws(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """float64[n] for n hashes, uniform in (0, 1) without the bounds, from the upper 52 bits."""
    return ((hashes >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def _mix(value: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finalizer of splitmix64 (Steele, Lea and Flood 2014)."""
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
