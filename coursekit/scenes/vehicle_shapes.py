"""The proportions of every car and bus of drawn road scenes, and the parts that only one of them has."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from coursekit.scenes.vehicle_parts import bus_extras, car_extras, pickup_extras, school_extras


@dataclass(frozen=True)
class Shape:
    """A vehicle's proportions.

    stations: (along 0..1, half width at the waist, underside, belt, top, half width of the top): widths as shares of
    the half width, heights as shares of the height. windows: (front, rear, low, high, lean of front, lean of rear) in
    surface coordinates. screens: (along at the bottom, along at the top, margin, share of a ring step cut at each
    side). lamps, tail: heights as shares. seams: where doors end.
    """

    name: str
    length: float
    width: float
    height: float
    stations: tuple
    wheel: float
    axles: tuple
    windows: tuple
    screens: tuple
    lamps: tuple
    tail: tuple
    seams: tuple
    extras: Callable
    livery: float = 0.06


def bus_windows(low, high, start, end, count, gap=0.012):
    """`count` equal windows from `start` to `end`."""
    step = (end - start) / count
    return tuple(
        (start + k * step + gap / 2, start + (k + 1) * step - gap / 2, low, high, 0.0, 0.0) for k in range(count)
    )


SHAPES = {
    shape.name: shape
    for shape in (
        Shape(
            "sedan",
            4.7,
            1.84,
            1.42,
            (
                (0.0, 0.74, 0.22, 0.42, 0.47, 0.66),
                (0.03, 0.92, 0.16, 0.48, 0.54, 0.80),
                (0.12, 0.98, 0.15, 0.57, 0.62, 0.84),
                (0.27, 1, 0.15, 0.62, 0.67, 0.86),
                (0.41, 1, 0.15, 0.64, 0.965, 0.66),
                (0.53, 1, 0.15, 0.645, 1.0, 0.66),
                (0.67, 1, 0.15, 0.65, 0.96, 0.64),
                (0.83, 0.99, 0.16, 0.67, 0.73, 0.82),
                (0.97, 0.93, 0.20, 0.63, 0.70, 0.80),
                (1.0, 0.80, 0.26, 0.52, 0.60, 0.70),
            ),
            0.32,
            (0.19, 0.80),
            ((0.335, 0.525, 2.12, 2.9, 0.075, 0), (0.54, 0.70, 2.12, 2.9, 0, -0.03)),
            ((0.275, 0.405, 0.06, 0.12), (0.825, 0.68, 0.08, 0.16)),
            (0.36, 0.46),
            (0.46, 0.62),
            (0.30, 0.53, 0.70),
            car_extras,
        ),
        Shape(
            "hatchback",
            3.85,
            1.70,
            1.57,
            (
                (0.0, 0.76, 0.20, 0.44, 0.49, 0.66),
                (0.035, 0.93, 0.15, 0.49, 0.55, 0.80),
                (0.12, 0.98, 0.14, 0.57, 0.61, 0.86),
                (0.25, 1, 0.14, 0.61, 0.65, 0.88),
                (0.41, 1, 0.14, 0.62, 0.96, 0.70),
                (0.56, 1, 0.14, 0.63, 1.0, 0.70),
                (0.86, 1, 0.15, 0.65, 0.965, 0.68),
                (0.965, 0.97, 0.17, 0.62, 0.66, 0.86),
                (1.0, 0.86, 0.22, 0.50, 0.56, 0.80),
            ),
            0.31,
            (0.19, 0.82),
            ((0.32, 0.53, 2.1, 2.9, 0.085, 0), (0.545, 0.73, 2.1, 2.9, 0, 0), (0.745, 0.86, 2.15, 2.85, 0, -0.04)),
            ((0.255, 0.405, 0.06, 0.12), (0.958, 0.875, 0.08, 0.12)),
            (0.36, 0.47),
            (0.44, 0.60),
            (0.29, 0.54, 0.75),
            car_extras,
        ),
        Shape(
            "van",
            5.1,
            1.96,
            2.2,
            (
                (0.0, 0.82, 0.15, 0.34, 0.38, 0.74),
                (0.025, 0.95, 0.12, 0.38, 0.43, 0.84),
                (0.10, 0.99, 0.11, 0.44, 0.48, 0.88),
                (0.17, 1, 0.11, 0.48, 0.52, 0.92),
                (0.30, 1, 0.11, 0.49, 0.97, 0.84),
                (0.40, 1, 0.11, 0.49, 1.0, 0.86),
                (0.80, 1, 0.11, 0.49, 1.0, 0.86),
                (0.985, 0.99, 0.12, 0.49, 0.985, 0.84),
                (1.0, 0.95, 0.14, 0.48, 0.92, 0.82),
            ),
            0.34,
            (0.17, 0.78),
            ((0.235, 0.37, 2.05, 2.82, 0.07, 0),),
            ((0.178, 0.295, 0.05, 0.1), (0.9995, 0.9905, 0.12, 0.14)),
            (0.27, 0.37),
            (0.30, 0.62),
            (0.22, 0.38, 0.60),
            car_extras,
            0.25,
        ),
        Shape(
            "pickup",
            5.4,
            1.98,
            1.86,
            (
                (0.0, 0.88, 0.28, 0.50, 0.54, 0.80),
                (0.025, 0.97, 0.22, 0.55, 0.60, 0.86),
                (0.10, 1, 0.20, 0.60, 0.63, 0.90),
                (0.25, 1, 0.19, 0.62, 0.65, 0.90),
                (0.335, 1, 0.19, 0.63, 0.965, 0.74),
                (0.42, 1, 0.19, 0.63, 1.0, 0.74),
                (0.585, 1, 0.19, 0.63, 0.97, 0.73),
                (0.625, 1, 0.19, 0.62, 0.66, 0.88),
                (0.98, 1, 0.22, 0.62, 0.64, 0.92),
                (1.0, 0.97, 0.30, 0.60, 0.63, 0.90),
            ),
            0.39,
            (0.17, 0.79),
            ((0.295, 0.44, 2.08, 2.88, 0.05, 0), (0.455, 0.575, 2.08, 2.88, 0, -0.01)),
            ((0.257, 0.33, 0.06, 0.12), (0.622, 0.59, 0.08, 0.14)),
            (0.42, 0.54),
            (0.38, 0.60),
            (0.27, 0.447, 0.59),
            pickup_extras,
            0.08,
        ),
        Shape(
            "city_bus",
            11.0,
            2.5,
            3.0,
            (
                (0.0, 0.96, 0.10, 0.34, 0.36, 0.94),
                (0.006, 0.99, 0.09, 0.34, 0.37, 0.95),
                (0.012, 1, 0.09, 0.34, 0.38, 0.95),
                (0.03, 1, 0.09, 0.34, 0.985, 0.93),
                (0.10, 1, 0.09, 0.34, 1.0, 0.93),
                (0.90, 1, 0.09, 0.34, 1.0, 0.93),
                (0.985, 1, 0.10, 0.34, 0.99, 0.93),
                (1.0, 0.97, 0.12, 0.34, 0.94, 0.91),
            ),
            0.48,
            (0.24, 0.74),
            bus_windows(2.06, 2.78, 0.08, 0.97, 7),
            ((0.012, 0.028, 0.02, 0.05), (0.9995, 0.988, 0.38, 0.1)),
            (0.20, 0.29),
            (0.22, 0.40),
            (0.10, 0.52),
            bus_extras,
            0.55,
        ),
        Shape(
            "double_decker",
            10.2,
            2.5,
            4.3,
            (
                (0.0, 0.96, 0.07, 0.22, 0.24, 0.94),
                (0.006, 0.99, 0.06, 0.22, 0.25, 0.95),
                (0.012, 1, 0.06, 0.22, 0.26, 0.96),
                (0.03, 1, 0.06, 0.22, 0.985, 0.94),
                (0.10, 1, 0.06, 0.22, 1.0, 0.94),
                (0.90, 1, 0.06, 0.22, 1.0, 0.94),
                (0.985, 1, 0.07, 0.22, 0.99, 0.94),
                (1.0, 0.97, 0.08, 0.22, 0.95, 0.92),
            ),
            0.48,
            (0.24, 0.74),
            bus_windows(2.03, 2.36, 0.08, 0.97, 7) + bus_windows(2.58, 2.90, 0.05, 0.98, 8),
            ((0.012, 0.028, 0.015, 0.05), (0.9995, 0.988, 0.55, 0.1)),
            (0.12, 0.19),
            (0.14, 0.26),
            (0.10, 0.52),
            bus_extras,
            0.55,
        ),
        Shape(
            "school_bus",
            9.6,
            2.4,
            3.05,
            (
                (0.0, 0.70, 0.17, 0.42, 0.45, 0.60),
                (0.012, 0.80, 0.15, 0.43, 0.47, 0.66),
                (0.08, 0.86, 0.15, 0.44, 0.49, 0.72),
                (0.145, 0.92, 0.15, 0.45, 0.51, 0.80),
                (0.155, 1, 0.15, 0.45, 0.52, 0.92),
                (0.185, 1, 0.15, 0.50, 0.96, 0.80),
                (0.22, 1, 0.15, 0.50, 1.0, 0.76),
                (0.95, 1, 0.15, 0.50, 1.0, 0.76),
                (0.99, 1, 0.16, 0.50, 0.985, 0.75),
                (1.0, 0.98, 0.17, 0.50, 0.95, 0.74),
            ),
            0.48,
            (0.10, 0.76),
            bus_windows(2.06, 2.72, 0.26, 0.97, 9),
            ((0.158, 0.182, 0.03, 0.08),),
            (0.24, 0.37),
            (0.34, 0.44),
            (0.19, 0.25),
            school_extras,
            0.3,
        ),
    )
}


def jitter(shape: Shape, rng: np.random.Generator) -> Shape:
    """The same subtype from another maker: proportions change by some percent, windows and wheels too."""
    length, width, height = (
        shape.length * rng.uniform(0.92, 1.09),
        shape.width * rng.uniform(0.96, 1.04),
        shape.height * rng.uniform(0.95, 1.06),
    )
    stations = np.array(shape.stations)
    stations[:, 3:5] += rng.normal(0, 0.008, (len(stations), 2)) * (shape.height < 2.5)
    stations[:, 5] *= rng.uniform(0.96, 1.03)
    stations[:, 4] = np.maximum(stations[:, 4], stations[:, 3] + 0.01)
    windows = shape.windows
    if shape.name == "van" and rng.random() < 0.5:  # a minibus has windows where a parcel van has panels
        windows = windows + (
            (0.40, 0.60, 2.05, 2.82, 0, 0),
            (0.62, 0.80, 2.05, 2.82, 0, 0),
            (0.82, 0.96, 2.05, 2.8, 0, 0),
        )
    return replace(
        shape,
        length=length,
        width=width,
        height=height,
        stations=tuple(map(tuple, stations)),
        windows=windows,
        wheel=shape.wheel * rng.uniform(0.95, 1.1),
    )
