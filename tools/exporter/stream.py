"""The hashed stream of random weights (head of export_decoder.py), with nothing but NumPy."""

import numpy as np


def hashed_uniform(seed: int, start: int, count: int) -> np.ndarray:
    """u(start) ... u(start + count - 1) of the stream."""
    mask = (1 << 64) - 1
    with np.errstate(over="ignore"):
        z = np.arange(start + 1, start + count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z += np.uint64(seed * 0xD1342543DE82EF95 & mask)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    k = (z >> np.uint64(40)).astype(np.int32) - (1 << 23)
    return k.astype(np.float32) / np.float32(1 << 23)
