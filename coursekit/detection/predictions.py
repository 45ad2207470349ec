"""Running a detector on pictures, and drawing what it found."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import matplotlib.font_manager
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from coursekit.data.decode import find_images, open_image, read_rgb
from coursekit.detection.settings import device_name
from coursekit.detection.ultralytics_setup import session
from coursekit.detection.validation import check_image_size
from coursekit.detection.weights import load_detector
from coursekit.detection.yolo12 import DetectionRun
from coursekit.runtime import CourseError

CHUNK = 16  # images that go through the network together
# Okabe and Ito's palette (Color Universal Design, 2008): colour-blind readers can tell it apart
COLORS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (213, 94, 0), (240, 228, 66), (0, 114, 178), (204, 121, 167))


@dataclass(frozen=True)
class Detections:
    """What was found in one picture, best first.

    image: uint8 (H, W, 3), RGB. boxes: float32 (n, 4), left, top, right, bottom in px. classes: int64 (n,), indices
    into `names`. scores: float32 (n,), confidence in [0, 1]. path: where the picture came from, or None.
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


def predict(
    weights: str | Path | DetectionRun,
    source,
    conf: float = 0.25,
    iou: float = 0.7,
    imgsz: int | None = None,
    device: str | None = None,
    max_det: int = 300,
) -> list[Detections]:
    """Detect objects in pictures.

    weights: a checkpoint (.pt, or .safetensors of `portable.export_detector`), a run folder or what `train` returned.
    source: a picture file, a folder of them, a uint8 RGB array (H, W, 3), a uint8 tensor (3, H, W) or (N, 3, H, W), or
    a list of any of these. conf: leave out boxes with less confidence. iou: of two boxes of one class that overlap
    more, the less confident goes. imgsz: the longer side that the network sees, in px, by default the one that it was
    trained with; boxes are in px of the picture as given. max_det: at most so many boxes in a picture, the most
    confident ones.
    Raises CourseError for weights that are none and for pictures that cannot be read.
    """
    return list(predict_each(weights, source, conf, iou, imgsz, device, max_det))


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
    """As `predict`, one picture after the other, so that a large folder is never in memory as a whole.

    unreadable: a list for the errors of picture files that cannot be read; without it the first one is raised.
    """
    from ultralytics.models.yolo.detect import DetectionPredictor

    if imgsz is not None:
        check_image_size(imgsz)
    check_share("conf", conf)
    check_share("iou", iou)
    if max_det < 1:
        raise CourseError(f"max_det is {max_det}: ask for at least one box in a picture.")
    path = weights.best if isinstance(weights, DetectionRun) else weights
    detector = load_detector(path)  # refuses what is no detector, with a reason
    imgsz = imgsz or detector.args["imgsz"]
    pictures = _pictures(source, unreadable)
    with session():
        predictor = DetectionPredictor(
            overrides={
                "conf": conf,
                "iou": iou,
                "imgsz": imgsz,
                "max_det": max_det,
                "device": device_name(device),
                "batch": CHUNK,
                "mode": "predict",
                "save": False,
                "verbose": False,
            }
        )
        predictor.setup_model(detector, verbose=False)
    while chunk := list(islice(pictures, CHUNK)):
        bgr = [np.ascontiguousarray(image[..., ::-1]) for image, _ in chunk]  # what Ultralytics takes arrays to be
        with session():  # not around the yield: what the caller does in between is none of Ultralytics' business
            results = predictor(bgr)
        for (image, origin), result in zip(chunk, results, strict=True):
            boxes = result.boxes.cpu().numpy()
            yield Detections(
                image,
                boxes.xyxy.astype(np.float32),
                boxes.cls.astype(np.int64),
                boxes.conf.astype(np.float32),
                tuple(result.names.values()),
                origin,
            )


def check_share(name: str, value: float) -> None:
    """Raises CourseError unless the value is a number in [0, 1]."""
    if not 0 <= value <= 1:  # nan is refused here as well
        raise CourseError(f"{name} is {value}: it lies between 0 and 1.")


def check_pictures(paths: Sequence[str | Path]) -> None:
    """Raises CourseError for a file that is no picture, and for a folder without any. Nothing is decoded."""
    for path in (Path(path).expanduser() for path in paths):
        if path.is_dir():
            find_images(path)
            continue
        try:
            open_image(path).close()
        except Exception as error:  # damaged headers raise anything; whatever it is, this file is the cause
            reason = getattr(error, "strerror", None) or "it is no picture"
            raise CourseError(f"Cannot detect in {path}: {reason}. Name a picture or a folder of pictures.") from error


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
        for image in source if source.ndim == 4 else [source]:
            yield _checked(image.detach().cpu().permute(1, 2, 0).numpy() if image.ndim == 3 else image.numpy()), None
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
        raise CourseError(
            f"Pictures are uint8 RGB, (H, W, 3) as arrays or (3, H, W) as tensors, not {image.dtype} {image.shape}."
        )
    return image


def draw(detections: Detections, labels: bool = True) -> np.ndarray:
    """The picture with its boxes: uint8 RGB, the same size. A class keeps its colour; the most confident box is on top.

    labels: write class and confidence beside each box.
    """
    picture = Image.fromarray(detections.image.copy())
    canvas = ImageDraw.Draw(picture)
    side = max(picture.size)
    width, size = max(2, round(side / 250)), max(10, round(side / 36))
    font = ImageFont.truetype(matplotlib.font_manager.findfont("DejaVu Sans"), size)
    for index in reversed(range(len(detections))):
        label = int(detections.classes[index])
        color = COLORS[label % len(COLORS)]
        box = [float(value) for value in detections.boxes[index]]
        canvas.rectangle(box, outline=color, width=width)
        if labels:
            text = f"{detections.names[label]} {detections.scores[index]:.2f}"
            _write(canvas, text, box, color, font, picture.size)
    return np.asarray(picture)


def _write(canvas, text: str, box: list[float], color: tuple, font, image_size: tuple[int, int]) -> None:
    """Text on a ground of its colour, above the box where there is room, and always inside the picture."""
    _, _, right, bottom = canvas.textbbox((0, 0), text, font=font)
    x = min(max(box[0], 0), max(image_size[0] - right - 4, 0))
    y = box[1] - bottom - 3 if box[1] - bottom - 3 >= 0 else min(max(box[1], 0), image_size[1] - bottom - 3)
    canvas.rectangle([x, y, x + right + 4, y + bottom + 3], fill=color)
    dark = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2] < 110
    canvas.text((x + 2, y + 1), text, fill=(255, 255, 255) if dark else (0, 0, 0), font=font)
