"""Learning curves whose truth is known: flat, power, late jump, peak then drop, noise only; with seed and test-set noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

Curve = Callable[[np.ndarray], np.ndarray]
TEST_ROWS = 1000


@dataclass(frozen=True)
class Simulated:
    """Measured points and the truth behind them."""

    size: np.ndarray
    score: np.ndarray
    truth: Curve


def measure(
    truth: Curve, size: np.ndarray, seeds: int, generator: np.random.Generator, noise: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Runs of `truth`: seed noise (times `noise`) falling like n^-0.36, and the part of the test-set error that sizes do not share."""
    sizes = np.repeat(size, seeds)
    seed_sd = 1.2 * noise * (sizes / 50.0) ** -0.36
    mean = truth(size)
    own = np.sqrt(0.3 * mean * (100 - mean) / TEST_ROWS) * generator.standard_normal(len(size))
    score = truth(sizes) + np.repeat(own, seeds) + seed_sd * generator.standard_normal(len(sizes))
    return sizes, np.clip(score, 0.0, 100.0)


def power(generator: np.random.Generator) -> Curve:
    """Power law towards a ceiling."""
    ceiling = generator.uniform(75, 99)
    gap, slope = generator.uniform(15, 50), generator.uniform(0.25, 0.9)
    return lambda n: ceiling - gap * (np.asarray(n) / 50.0) ** -slope


def flat(generator: np.random.Generator) -> Curve:
    """Nothing more to learn."""
    level = generator.uniform(50, 95)
    return lambda n: np.full(np.shape(n), level)


def late_jump(generator: np.random.Generator) -> Curve:
    """Little for a long time, then a steep rise; the middle lies near the end of what is measured."""
    start, rise = generator.uniform(30, 60), generator.uniform(15, 35)
    middle = 3200 * 2.0 ** generator.uniform(-2, 1)
    return lambda n: start + rise / (1 + (np.asarray(n) / middle) ** -1.3)


def peak_then_drop(generator: np.random.Generator) -> Curve:
    """A first size that is too good (its start is another regime), then a power law."""
    rest = power(generator)
    bonus = generator.uniform(5, 15)
    return lambda n: np.minimum(rest(n) + bonus * (np.asarray(n) <= 50), 100.0)


SHAPES = {
    "flat": flat,
    "power": power,
    "late jump": late_jump,
    "peak then drop": peak_then_drop,
    "noise only": flat,
}
SEED_NOISE = {"noise only": 3.0}


def simulate(kind: str, count: int, seed: int, seeds: int = 3) -> Iterator[Simulated]:
    """`count` measured curves of one kind on sizes 50, 200, 800, 3200 or 50-1600 in doublings."""
    generator = np.random.default_rng(seed)
    grids = (np.array([50.0, 200, 800, 3200]), 50.0 * 2.0 ** np.arange(6))
    for index in range(count):
        truth = SHAPES[kind](generator)
        yield Simulated(*measure(truth, grids[index % 2], seeds, generator, SEED_NOISE.get(kind, 1.0)), truth)
