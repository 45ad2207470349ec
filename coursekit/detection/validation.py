"""Measuring a detector, and checking what it is to be trained or measured on."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coursekit.arguments import side
from coursekit.data.yolo.yaml import label_file, listed_images, load_yaml
from coursekit.detection.devices import check_device
from coursekit.detection.ultralytics_setup import reason, session
from coursekit.detection.weights import checkpoint_path, load_detector
from coursekit.runtime import CourseError


@dataclass(frozen=True)
class Metrics:
    """Average precision, each in [0, 1].

    map50_95: mean over classes and the IoU thresholds 0.50, 0.55, ..., 0.95 (COCO's AP). map50: at IoU 0.50 alone.
    ap50_95, ap50: per class name; a class without any object in the split has no entry.
    """

    map50_95: float
    map50: float
    precision: float
    recall: float
    ap50_95: dict[str, float]
    ap50: dict[str, float]


def metrics_of(metrics) -> Metrics:
    """Ultralytics' DetMetrics as plain numbers."""
    box, names = metrics.box, metrics.names
    found = [names[int(index)] for index in box.ap_class_index]
    return Metrics(
        map50_95=float(box.map),
        map50=float(box.map50),
        precision=float(box.mp),
        recall=float(box.mr),
        ap50_95={name: float(ap) for name, ap in zip(found, box.ap, strict=True)},
        ap50={name: float(ap) for name, ap in zip(found, box.ap50, strict=True)},
    )


def validate(
    weights: str | Path,
    data: str | Path,
    split: str = "val",
    *,
    imgsz: int = 640,
    batch: int = 16,
    device: str | None = None,
    out: str | Path | None = None,
    verbose: bool = False,
) -> Metrics:
    """Average precision of a checkpoint or run folder on one split of a YOLO dataset.

    weights: see `weights.checkpoint_path`.
    data: the dataset's YAML.
    split: a key of it: train, val or test.
    imgsz: side of the images in px, a multiple of 32.
    batch: images at a time.
    device: "cpu", "cuda", "0", "mps"; default: the first that works.
    out: a folder for Ultralytics' plots and confusion matrix; without it none are kept.
    verbose: let Ultralytics print.

    Raises CourseError for a checkpoint, dataset, split or device that is not there, and for class names that differ.
    """
    from ultralytics.models.yolo.detect import DetectionValidator

    side.check(imgsz=imgsz)
    yaml, path, device = check_dataset(data, split), checkpoint_path(weights), check_device(device)
    detector = load_detector(path)
    theirs, ours = list(detector.names.values()), list(read_dataset(yaml)["names"].values())
    if theirs != ours:
        differ = f"{path} detects {len(theirs)} classes ({_few(theirs)}), {yaml} has {len(ours)} ({_few(ours)})"
        raise CourseError(f"{differ}. Numbers would be compared that mean different classes: train on it first.")
    settings = {"model": str(path), "data": str(yaml), "split": split, "imgsz": imgsz, "batch": batch, "device": device}
    settings |= {"mode": "val", "workers": 0, "plots": out is not None, "verbose": verbose}
    with session(quiet=not verbose), tempfile.TemporaryDirectory() as nowhere:
        validator = DetectionValidator(args={**settings, "save_dir": str(out or nowhere)})
        validator(model=detector)
    return metrics_of(validator.metrics)


def check_dataset(data: str | Path, split: str = "") -> Path:
    """The dataset's YAML as an absolute path. Raises CourseError if the file, its keys or its images are unusable."""
    path = Path(data).expanduser()
    if path.suffix not in (".yaml", ".yml"):
        raise CourseError(f"{str(data)!r} is not a dataset: name its YAML file.")
    if not path.is_file():
        way_out = "`coursekit data road-objects --out DIR` builds one and prints the name of its YAML"
        raise CourseError(f"There is no dataset {path}. {way_out}.")
    found = load_yaml(path)  # before Ultralytics reads it, which has no limits of size and depth
    if wrong := found.network if found.lines else found.problems:
        raise _unusable(path, f"{wrong[0].message}.")
    read_dataset(path.resolve(), split)
    return path.resolve()


def check_labels(yaml: Path, splits: Sequence[str]) -> None:
    """Raise CourseError for a split without a single label: such a training learns nothing, or is measured on nothing."""
    for split in splits:
        images = dataset_images(yaml, split)
        files = [label_file(image) for image in images]
        if not any(file.is_file() and file.read_bytes().strip() for file in files):
            where = f"looked for {files[0]}" + (f" and {len(files) - 1} more" if len(files) > 1 else "")
            raise _unusable(yaml, f"the split {split!r} has {len(images)} images and not one label ({where}).")


def dataset_images(yaml: Path, split: str) -> list[Path]:
    """The image files of a split, in order of their names. Raises CourseError if there are none."""
    entry = read_dataset(yaml, split)[split]
    places = [entry] if isinstance(entry, str) else entry
    images = {image for place in places for image, *_ in listed_images(Path(place))}
    if not images:
        raise CourseError(f"{yaml}: the split {split!r} has no images.")
    return sorted(images)


def read_dataset(path: Path, split: str = "") -> dict:
    """The YAML's content with absolute paths and `names` as a dict, as Ultralytics reads it. Raises CourseError."""
    from ultralytics.data.utils import check_det_dataset

    try:
        with session():
            # Here, and not left to the training: there a YAML's `download:` script would be run for missing images
            data = check_det_dataset(str(path), autodownload=False, split=split)
    except Exception as error:  # Ultralytics raises nearly every kind here, YAML's own errors among them
        raise _unusable(path, reason(error)) from error
    for key in ("train", "val"):
        for folder in data[key] if isinstance(data[key], list) else [data[key]]:
            if not Path(folder).exists():
                what = f"{key!r} is not there: {folder}. `path:` must be the folder that holds images/ and labels/."
                raise _unusable(path, what)
    return data


def _unusable(path: Path, why: str) -> CourseError:
    return CourseError(f"{path} is not a usable YOLO dataset: {why} `coursekit data check {path}` lists every problem.")


def _few(names: list[str]) -> str:
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
