"""Seeded random numbers for compiled code: xorshift64* (Vigna 2016), its state one 64-bit word of the caller's."""

import math
from typing import Any

import numpy as np

from app.solvers.routing.kernel.jit import compiled


@compiled
def roll(word: Any) -> float:
    """The next number in [0, 1)."""
    x = word[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    word[0] = x
    return float((x * np.uint64(2685821657736338717)) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@compiled
def below(word: Any, limit: int) -> int:
    """The next whole number in [0, limit)."""
    return int(roll(word) * limit)


@compiled
def positions_to_blink(word: Any, log_of_keeping: float) -> int:
    """How many positions are looked at before the next one is overlooked: geometric, by its inverse."""
    return int(min(math.log(1.0 - roll(word)) / log_of_keeping, 1e9))


def seeded(seed: int) -> Any:
    """A state word from any whole number (splitmix64 keeps it from being zero or near its neighbours')."""
    mask = (1 << 64) - 1
    x = (seed + 0x9E3779B97F4A7C15) & mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return np.array([(x ^ (x >> 31)) or 1], dtype=np.uint64)
