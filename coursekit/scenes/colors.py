"""Colours and textures of drawn road scenes. Colour never depends on the subtype: that would give the subtype away."""

from functools import lru_cache

import cv2
import numpy as np

SKIN = np.array(
    [
        (0.95, 0.80, 0.70),
        (0.90, 0.72, 0.60),
        (0.82, 0.62, 0.48),
        (0.70, 0.50, 0.37),
        (0.52, 0.35, 0.25),
        (0.38, 0.25, 0.18),
    ]
)
HAIR = np.array(
    [
        (0.08, 0.07, 0.07),
        (0.16, 0.11, 0.08),
        (0.30, 0.20, 0.12),
        (0.45, 0.30, 0.16),
        (0.72, 0.57, 0.33),
        (0.50, 0.22, 0.10),
        (0.60, 0.60, 0.60),
        (0.85, 0.84, 0.82),
    ]
)
GRAYS = np.array([0.04, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.93])


def pick(rng: np.random.Generator, options: tuple, weights: tuple | None = None):
    """One of the options, by weights that add up to 1. Fifteen times as fast as rng.choice."""
    if weights is None:
        return options[int(rng.random() * len(options))]
    at = rng.random()
    for option, weight in zip(options, weights, strict=True):
        at -= weight
        if at < 0:
            return option
    return options[-1]


def hue(rng: np.random.Generator, saturation=(0.2, 0.95), value=(0.15, 0.95)) -> np.ndarray:
    """A random colour (3,) in [0, 1] with any hue."""
    h, s, v = rng.random() * 6, rng.uniform(*saturation), rng.uniform(*value)
    wheel = [min(max(abs((h + k) % 6 - 3) - 1, 0.0), 1.0) for k in (3.0, 1.0, 5.0)]
    return np.array([v * (1 - s * (1 - w)) for w in wheel])


def paint(rng: np.random.Generator) -> np.ndarray:
    """A vehicle's or bicycle's paint (3,): greys about as often as hues."""
    if rng.random() < 0.45:
        return np.maximum(pick(rng, GRAYS) + rng.normal(0, 0.02, 3), 0.02)
    return hue(rng, (0.35, 1.0), (0.2, 0.95))


def cloth(rng: np.random.Generator) -> np.ndarray:
    """A garment's colour (3,): greys, denim, muted and loud hues."""
    kind = rng.random()
    if kind < 0.35:
        return np.maximum(pick(rng, GRAYS) + rng.normal(0, 0.02, 3), 0.02)
    if kind < 0.5:
        return np.array([0.22, 0.30, 0.45]) * rng.uniform(0.4, 1.5)
    return hue(rng, (0.15, 0.95), (0.12, 0.95))


def skin(rng: np.random.Generator) -> np.ndarray:
    """A skin tone (3,), anywhere between two neighbours of SKIN."""
    at = rng.uniform(0, len(SKIN) - 1.001)
    low = SKIN[int(at)]
    return low + (SKIN[int(at) + 1] - low) * (at % 1)


def hair(rng: np.random.Generator) -> np.ndarray:
    """A hair colour (3,)."""
    return np.minimum(pick(rng, HAIR, (0.2, 0.22, 0.18, 0.12, 0.12, 0.05, 0.07, 0.04)) * rng.uniform(0.8, 1.2), 1)


@lru_cache(maxsize=32)
def noise(size: int, coarsest: int, finest: int, seed: int) -> np.ndarray:
    """Fractal noise that tiles: float32 (size, size), mean 0, deviation 1, details from `coarsest` to `finest` px.
    Read only."""
    rng = np.random.default_rng([9, seed])
    total, weight, cell = np.zeros((size, size), np.float32), 1.0, coarsest
    while cell >= finest:
        n = max(2, size // cell)
        grid = rng.normal(size=(n, n)).astype(np.float32)
        wrapped = np.pad(grid, 2, mode="wrap")
        scale = size / n
        big = cv2.resize(wrapped, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        off = int(2 * scale)
        total += weight * big[off : off + size, off : off + size]
        weight, cell = weight * 0.62, cell // 2
    total = (total - total.mean()) / total.std()
    total.setflags(write=False)
    return total


def patch(rng: np.random.Generator, tile: np.ndarray, height: int, width: int) -> np.ndarray:
    """A random window (height, width) of a tile; beyond its size the tile repeats."""
    size = len(tile)
    y, x = rng.integers(0, size, 2)
    if y + height <= size and x + width <= size:
        return tile[y : y + height, x : x + width]
    y, x = y % max(1, size - height + 1), x % max(1, size - width + 1)
    if height <= size and width <= size:
        return tile[y : y + height, x : x + width]
    return np.tile(tile, (-(-height // size), -(-width // size)) + (1,) * (tile.ndim - 2))[:height, :width]
