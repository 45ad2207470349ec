"""Running a detector on pictures. `drawing` paints what it found."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from torch import Tensor

from coursekit.arguments import count, share, side
from coursekit.data.decode import find_images, opened, read_rgb
from coursekit.detection.devices import check_device
from coursekit.detection.ultralytics_setup import session
from coursekit.detection.weights import load_detector
from coursekit.detection.yolo12 import DetectionRun
from coursekit.files import named
from coursekit.runtime import CourseError

CHUNK = 16  # images that go through the network together


@dataclass(frozen=True)
class Detections:
    """What was found in one picture, best first.

    image: uint8 (H, W, 3), RGB.
    boxes: float32 (n, 4), left, top, right, bottom in px.
    classes: int64 (n,), indices into `names`.
    scores: float32 (n,), confidence in [0, 1].
    path: the file of the picture, or None.
    """

    image: np.ndarray
    boxes: np.ndarray
    classes: np.ndarray
    scores: np.ndarray
    names: tuple[str, ...]
    path: Path | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    def __str__(self) -> str:
        found = [f"{self.names[c]} {s:.2f}" for c, s in zip(self.classes, self.scores, strict=True)]
        return f"{self.path.name if self.path else 'image'}: {', '.join(found) or 'nothing'}"


def predict(weights: str | Path | DetectionRun, source, **settings) -> list[Detections]:
    """Detect objects in pictures: `predict_each`, as a list."""
    return list(predict_each(weights, source, **settings))


def predict_each(
    weights: str | Path | DetectionRun,
    source,
    conf: float = 0.25,
    iou: float = 0.7,
    imgsz: int | None = None,
    device: str | None = None,
    max_det: int = 300,
    unreadable: list[CourseError] | None = None,
) -> Iterator[Detections]:
    """Detect objects in one picture after the other, so that a large folder is never in memory as a whole.

    weights: a checkpoint (.pt, or .safetensors of `portable.export_detector`), a run folder or what `train` returned.
    source: a picture file, a folder of them, a uint8 RGB array (H, W, 3) or (N, H, W, 3), a uint8 tensor (3, H, W) or
    (N, 3, H, W), or a list of any of these.
    conf: leave out boxes with less confidence.
    iou: of two boxes of one class that overlap more, the less confident goes.
    imgsz: the longer side that the network sees, in px, by default the one that it was trained with; boxes are in px of
    the picture as given.
    device: "cpu", "cuda", "0", "mps"; default: the first that works.
    max_det: at most so many boxes in a picture, the most confident ones.
    unreadable: a list for the errors of picture files that cannot be read; without it the first one is raised.
    Raises CourseError at once if weights or settings are unusable, and later for a picture that cannot be read.
    """
    from ultralytics.models.yolo.detect import DetectionPredictor

    if imgsz is not None:
        side.check(imgsz=imgsz)
    share.check(conf=conf, iou=iou)
    count.check(max_det=max_det)
    device = check_device(device)
    detector = load_detector(weights.best if isinstance(weights, DetectionRun) else weights)
    settings = {
        "conf": conf,
        "iou": iou,
        "imgsz": imgsz or detector.args["imgsz"],
        "max_det": max_det,
        "device": device,
    }
    settings |= {"batch": CHUNK, "mode": "predict", "save": False, "verbose": False}
    with session():
        predictor = DetectionPredictor(overrides=settings)
        predictor.setup_model(detector, verbose=False)
    return _found(predictor, _pictures(source, unreadable))


def _found(predictor, pictures: Iterator[tuple[np.ndarray, Path | None]]) -> Iterator[Detections]:
    while chunk := list(islice(pictures, CHUNK)):
        bgr = [np.ascontiguousarray(image[..., ::-1]) for image, _ in chunk]  # what Ultralytics takes arrays to be
        with session():  # not around the yield: what the caller does in between is none of Ultralytics' business
            results = predictor(bgr)
        for (image, origin), result in zip(chunk, results, strict=True):
            boxes = result.boxes.cpu().numpy()
            found = (boxes.xyxy.astype(np.float32), boxes.cls.astype(np.int64), boxes.conf.astype(np.float32))
            yield Detections(image, *found, tuple(result.names.values()), origin)


def check_pictures(paths: Sequence[str | Path]) -> None:
    """Raises CourseError for a file that is not a picture, and for a folder without any. Nothing is decoded."""
    for path in paths:
        path = named(path)
        if path.is_dir():
            find_images(path)
            continue
        with opened(path):
            pass


def _pictures(source, unreadable: list[CourseError] | None) -> Iterator[tuple[np.ndarray, Path | None]]:
    if isinstance(source, (str, Path)):
        path = Path(source).expanduser()
        for file in find_images(path) if path.is_dir() else [path]:
            try:
                image = read_rgb(file)
            except CourseError as error:
                if unreadable is None:
                    raise
                unreadable.append(error)
            else:
                yield image, file
    elif isinstance(source, Tensor):
        yield from _pictures(source.detach().cpu().movedim(-3, -1).numpy(), unreadable)
    elif isinstance(source, np.ndarray):
        for image in source if source.ndim == 4 else [source]:
            yield _checked(image), None
    elif isinstance(source, Sequence):
        for one in source:
            yield from _pictures(one, unreadable)
    else:
        raise CourseError(f"Cannot detect in a {type(source).__name__}: give a file, a folder, an array or a tensor.")


def _checked(image: np.ndarray) -> np.ndarray:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        wanted = "uint8 RGB, (H, W, 3) as arrays or (3, H, W) as tensors"
        raise CourseError(f"Pictures are {wanted}, not {image.dtype} {image.shape}.")
    return image
