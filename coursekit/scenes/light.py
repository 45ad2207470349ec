"""Weather and time of day of drawn road scenes, and what lens and sensor make of it."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from coursekit.scenes import colors
from coursekit.scenes.camera import Camera, dot

TIMES = ("day", "dusk", "night")
WEATHERS = ("clear", "overcast", "rain", "fog")


@dataclass(frozen=True)
class Light:
    """What falls on surfaces: sun from a direction, sky from above, bounce from the ground; and fog between."""

    sun_direction: np.ndarray  # (3,) unit, towards the sun
    sun: np.ndarray  # (3,) colours, may exceed 1
    sky: np.ndarray
    bounce: np.ndarray
    horizon: np.ndarray  # what glossy surfaces reflect at the horizon
    zenith: np.ndarray  # and from above
    fog: np.ndarray
    fog_range: float  # metres after which 1/e of the contrast is left
    time: str = "day"
    weather: str = "clear"

    def shade(self, color, normal, view, gloss, glow) -> np.ndarray:
        """Colour (3, F) of faces with unit `normal` (3, F), seen along the unit `view` (3, F); gloss, glow: (F,)."""
        sun, sky, bounce, horizon, zenith = (
            part.astype(np.float32)[:, None] for part in (self.sun, self.sky, self.bounce, self.horizon, self.zenith)
        )
        towards = self.sun_direction.astype(np.float32)
        up = 0.5 + 0.5 * normal[2]
        direct = np.maximum(normal.T.copy() @ towards, 0)
        lit = color * (bounce * (1 - up) + sky * up + sun * direct)
        cosine = -dot(normal, view)
        mirror = view + 2 * cosine * normal
        rise = mirror[2]
        above = np.clip(rise * 6 + 0.3, 0, 1)  # a sharp horizon makes paint look like paint
        world = horizon + (zenith - horizon) * np.clip(rise * 1.4, 0, 1)
        world = bounce * 0.35 * (1 - above) + world * above
        fresnel = gloss * (0.12 + 0.88 * (1 - np.clip(cosine, 0, 1)) ** 3)
        spark = np.clip(mirror.T.copy() @ towards, 0, 1) ** 24
        lit = lit * (1 - fresnel) + world * fresnel + sun * spark * gloss * 0.7
        return lit + (color - lit) * glow


def rgb(*values: float) -> np.ndarray:
    """A colour (3,)."""
    return np.array(values)


def choose_light(rng: np.random.Generator, size: int) -> Light:
    """Draw a time of day and a weather, and the light that goes with them. size: of the frame, px (for the fog's
    depth)."""
    time = str(colors.pick(rng, TIMES, (0.66, 0.18, 0.16)))
    weather = str(colors.pick(rng, WEATHERS, (0.5, 0.22, 0.15, 0.13)))
    turn, rise = rng.uniform(0, 2 * np.pi), rng.uniform(0.35, 1.2) if time == "day" else rng.uniform(0.12, 0.35)
    direction = np.array([np.cos(turn) * np.cos(rise), np.sin(turn) * np.cos(rise), np.sin(rise)])
    if time == "day":
        sun, sky, bounce = rgb(0.80, 0.74, 0.64), rgb(0.44, 0.48, 0.55), rgb(0.27, 0.25, 0.23)
        zenith, horizon = rgb(0.30, 0.50, 0.80) * rng.uniform(0.8, 1.15), rgb(0.74, 0.83, 0.92)
        if weather != "clear":
            sun, sky = sun * 0.16, rgb(0.78, 0.80, 0.83)
            gray = rng.uniform(0.62, 0.92)
            zenith, horizon = rgb(0.86, 0.90, 0.97) * gray, rgb(0.97, 0.98, 1) * min(gray + 0.06, 0.96)
            bounce = rgb(0.34, 0.34, 0.34)
    elif time == "dusk":
        warm = rng.uniform(0.3, 1)
        sun, sky, bounce = rgb(0.75, 0.45, 0.25) * warm, rgb(0.42, 0.40, 0.48), rgb(0.22, 0.19, 0.18)
        zenith, horizon = rgb(0.28, 0.32, 0.52), rgb(0.95, 0.62, 0.42) * warm + rgb(0.55, 0.55, 0.62) * (1 - warm)
        if weather != "clear":
            sun, sky = sun * 0.15, rgb(0.48, 0.48, 0.54)
            zenith, horizon = rgb(0.42, 0.43, 0.50), rgb(0.62, 0.58, 0.58)
    else:
        glow = rng.uniform(0.25, 0.5)  # the town's lamps
        sun, sky, bounce = (
            rgb(0.42, 0.36, 0.26) * glow * 1.4,
            rgb(0.40, 0.36, 0.34) * glow * 1.6,
            rgb(0.2, 0.17, 0.14) * glow * 1.3,
        )
        zenith, horizon = rgb(0.02, 0.03, 0.06), rgb(0.12, 0.11, 0.13) * rng.uniform(0.5, 1.5)
        direction = np.array([np.cos(turn) * 0.5, np.sin(turn) * 0.5, 0.707])
    fog = horizon.copy()
    reach = {
        "clear": rng.uniform(250, 900),
        "overcast": rng.uniform(150, 500),
        "rain": rng.uniform(60, 160),
        "fog": rng.uniform(18, 60),
    }[weather]
    if weather == "fog" and time == "day":
        zenith = horizon = fog = rgb(0.80, 0.82, 0.84) * rng.uniform(0.75, 1.08)
    elif weather == "fog":
        zenith = fog = horizon = horizon * 0.8 + 0.06
    return Light(direction / np.linalg.norm(direction), sun, sky, bounce, horizon, zenith, fog, reach, time, weather)


def veil(distance: float, light: Light) -> float:
    """The share of contrast that is left after `distance` metres of air."""
    return float(np.exp(-distance / light.fog_range))


def expose(image: np.ndarray, camera: Camera, light: Light, rng: np.random.Generator) -> np.ndarray:
    """Lens and sensor: rain streaks, blur, vignette, colour cast, contrast, noise. (H, W, 3) in [0, 255] float ->
    uint8."""
    size = camera.size
    if light.weather == "rain":
        streak = np.zeros((size, size), np.uint8)
        tilt, count = rng.normal(0, 0.12), int(rng.integers(20, 140))
        start = rng.uniform(-0.05, 1.05, (count, 2)) * size
        length = rng.uniform(0.02, 0.09, count) * size
        for (x, y), n in zip(start, length, strict=True):
            cv2.line(
                streak, (int(x), int(y)), (int(x + tilt * n), int(y + n)), int(rng.integers(40, 130)), 1, cv2.LINE_AA
            )
        level = 200.0 if light.time != "night" else 110.0
        image += (level - image) * cv2.merge([cv2.blur(streak, (1, 3)).astype(np.float32) / 255 * 0.55] * 3)
    soften = colors.pick(rng, (0.0, 0.45, 0.7, 0.9), (0.5, 0.3, 0.15, 0.05)) * size / 320
    if soften > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), soften)
    aim = {"day": (80, 150), "dusk": (70, 120), "night": (55, 95)}[light.time]  # the camera exposes for the scene
    exposure = float(np.clip(rng.uniform(*aim) / max(image[::8, ::8].mean(), 1), 0.6, 3.0))
    if rng.random() < 0.4:  # darker corners
        ramp = np.linspace(-1, 1, size, dtype=np.float32) ** 2 * np.float32(rng.uniform(0.03, 0.15))
        cv2.multiply(image, cv2.merge([1 - ramp[:, None] - ramp[None]] * 3), image)
    low, high = (rng.uniform(-14, 14), rng.uniform(235, 275)) if light.time != "night" else (rng.uniform(0, 10), 255.0)
    look, gray = np.diag((1 + rng.normal(0, 0.04, 3)) * (exposure * (high - low) / 255)), rng.random()
    if gray < 0.3:  # paler, richer, or black and white
        keep = 0.0 if gray < 0.035 else rng.uniform(0.4, 1.5)
        look = (keep * np.eye(3) + (1 - keep) * np.array([0.299, 0.587, 0.114])) @ look
    image = cv2.transform(image, np.column_stack([look, np.full(3, low)]).astype(np.float32))
    grain = rng.uniform(1, 5) + (rng.uniform(0, 4) if light.time == "night" else 0)
    image = cv2.scaleAdd(colors.patch(rng, sensor_noise(), size, size), float(grain), image)
    return np.clip(image, 0, 255, out=image).astype(np.uint8)


@lru_cache(maxsize=1)
def sensor_noise() -> np.ndarray:
    """Noise of a camera: float32 (768, 768, 3), deviation about 1, some of it shared by the three colours. Read
    only."""
    rng = np.random.default_rng(31)
    grain = rng.normal(size=(768, 768, 1)) * 0.75 + rng.normal(size=(768, 768, 3)) * 0.6
    grain = cv2.GaussianBlur(grain.astype(np.float32), (0, 0), 0.55)
    grain /= grain.std()
    grain.setflags(write=False)
    return grain
