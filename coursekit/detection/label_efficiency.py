"""Does pretraining pay? A detector from a self-supervised backbone against one from random weights, at few labels.

The arms differ in one thing, the values in layers 0 to 8 when training starts. All else is equal for equal seeds: the
labelled images, the head's first weights, the order and augmentation of the batches, the settings, and the budget. The
budget is counted in optimizer steps, so 32 labels get as many image passes as 128: an epoch lists every labelled image
as often as fills the same number of passes, which keeps warm-up, learning rates and the running average in step too.

Stopped at any moment, the same call goes on with the runs that are missing (`evaluation.grid`). The interval covers
subsets, heads and batch orders; it covers the pretraining only if there is one backbone per seed.
"""

import contextlib
import dataclasses
import hashlib
import io
import math
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import yaml

from coursekit import runtime
from coursekit.arguments import amount
from coursekit.data.tensor_file import checksum
from coursekit.detection.devices import check_device
from coursekit.detection.efficiency_summary import ARMS, Summary, read_rows, summarize
from coursekit.detection.transfer import check_fit, read_backbone
from coursekit.detection.validation import check_dataset, dataset_images, read_dataset
from coursekit.detection.yolo12 import check_settings, train
from coursekit.detection.yolo_backbone import check_size, new_detector
from coursekit.evaluation.grid import read_json, run_grid, write_json
from coursekit.files import write_atomically
from coursekit.models.encoder import Encoder
from coursekit.runtime import CourseError


@dataclasses.dataclass(frozen=True)
class Settings:
    """What all runs share.

    size, imgsz: of YOLO12, and side of the images, px.
    steps: optimizer steps of each run, rounded up to whole epochs: about 20 of them, or fewer if the largest label count
        makes them longer.
    batch, optimizer, lr0, weight_decay: as in `yolo12.train`.
    warmup: share of the training.
    mosaic: probability of Ultralytics' four-image collage.
    freeze: share for which the arm "ssl_frozen_first" keeps its backbone frozen, to go on at lr0 * unfreeze_lr_factor.
    split: what the detectors are measured on, at the end of training only, so that nothing is selected on it.
    """

    size: str = "n"
    imgsz: int = 160
    steps: int = 300
    batch: int = 16
    optimizer: str = "AdamW"
    lr0: float = 0.001
    weight_decay: float = 0.0005
    warmup: float = 0.1
    mosaic: float = 0.0
    freeze: float = 0.2
    unfreeze_lr_factor: float = 0.5
    split: str = "val"


def run_experiment(
    data: str | Path,
    backbone: Encoder | str | Path | Sequence[str | Path],
    out: str | Path,
    labels: Sequence[float] = (32, 128),
    seeds: Sequence[int] = (0, 1, 2),
    arms: Sequence[str] = ("random", "ssl"),
    settings: Settings | None = None,
    device: str | None = None,
    keep_weights: bool = False,
) -> Summary:
    """Train every arm at every label count and seed, and compare them. Goes on with what `out` lacks.

    data: YAML of a YOLO dataset; its train split is what labels are taken from.
    backbone: a YOLO12 encoder, a pretraining run, or one run per seed.
    out: a folder of its own.
    labels: numbers of labelled images, or shares of the train split (below 1, and 1.0 for all). Smaller subsets are part
        of larger ones.
    seeds: of the subsets, the heads and the batches.
    arms: of `ARMS`.
    settings, device: what all runs share.
    keep_weights: keep what Ultralytics wrote of every run, in out/runs.

    Writes what `run_grid` writes, and out/summary.json. Raises CourseError for a folder that holds another experiment,
    and for data or a backbone that does not fit.
    """
    settings, out = settings or Settings(), Path(out).expanduser()
    _check_settings(settings, seeds, device)
    source = check_dataset(data, settings.split)
    images = dataset_images(source, "train")
    counts = _label_counts(labels, len(images))
    unknown = [arm for arm in arms if arm not in ARMS]
    if unknown or not arms or not seeds:
        known = f"Arms are {', '.join(ARMS)}, not {', '.join(unknown) or 'none'}"
        raise CourseError(f"{known}. Give at least one of them, and at least one seed.")
    encoders = _backbones(backbone, len(seeds))
    if any(ARMS[arm].pretrained for arm in arms):
        for encoder in encoders:
            check_fit(new_detector(settings.size), encoder)  # else the random arm would train first, and in vain
    epoch_steps = max(math.ceil(max(counts) / settings.batch), settings.steps // 20, 1)
    epochs = max(2, math.ceil(settings.steps / epoch_steps))
    cells = [{"arm": arm, "labels": n, "seed": seed} for seed in seeds for n in counts for arm in arms]
    setup = {
        "settings": dataclasses.asdict(settings),
        "epochs": epochs,
        "epoch_steps": epoch_steps,
        "data": {"name": source.parent.name, **_fingerprint(images)},
        "backbones": [checksum(encoder.state_dict()) for encoder in encoders],
        "device": device or runtime.device(),
    }

    shared = dataclasses.asdict(settings)
    size, _, warmup, freeze = (shared.pop(name) for name in ("size", "steps", "warmup", "freeze"))
    shared |= {"epochs": epochs, "warmup_epochs": warmup * epochs, "nbs": settings.batch, "device": device}
    shared |= {"weights": "yaml", "val": False, "save": False, "plots": False, "verbose": False}

    def run(cell: dict, work: Path) -> dict:
        arm, n, seed = cell.values()
        shutil.rmtree(work)  # Ultralytics wants a new folder; what a killed run left is in this one
        subset = _subset(source, images, n, seed, epoch_steps * settings.batch, out)
        encoder = encoders[list(seeds).index(seed) % len(encoders)] if ARMS[arm].pretrained else None
        frozen = round(freeze * epochs) if ARMS[arm].frozen_first else 0
        place = {"project": work.parent, "name": work.name}
        with contextlib.redirect_stdout(io.StringIO()):
            done = train(subset, size, encoder, freeze_epochs=frozen, seed=seed, **place, **shared)
        matched = done.transfer and done.transfer.matched
        length = {"steps": epochs * epoch_steps, "epochs": epochs}
        return {**length, **dataclasses.asdict(done.metrics), "tensors_matched": matched}

    run_grid(out, cells, run, setup, keep_runs=keep_weights)
    summary = summarize(read_rows(out), read_json(out / "experiment.json"))
    write_json(out / "summary.json", summary.as_json())
    return summary


def steps_of(settings: Settings, data: str | Path, labels: Sequence[float], epochs: int) -> Settings:
    """The settings with as many steps as `epochs` rounds over the largest label count."""
    most = max(_label_counts(labels, len(dataset_images(check_dataset(data, settings.split), "train"))))
    return dataclasses.replace(settings, steps=epochs * math.ceil(most / settings.batch))


def _check_settings(settings: Settings, seeds: Sequence[int], device: str | None) -> None:
    """Refuse what `train` would refuse in the first run, before there is an experiment. Raises CourseError."""
    check_size(settings.size)
    names = ("imgsz", "batch", "lr0", "unfreeze_lr_factor", "weight_decay", "optimizer")
    for seed in seeds:
        check_settings(**{name: getattr(settings, name) for name in names}, seed=seed)
    check_device(device)


def _label_counts(labels: Sequence[float], available: int) -> list[int]:
    counts = []
    for wanted in labels:
        amount.check(labels=wanted)
        n = max(1, round(wanted * available)) if isinstance(wanted, float) else int(wanted)
        if n > available:
            raise CourseError(f"{n} labels are wanted, the train split has {available} images. Ask for fewer.")
        counts.append(n)
    if not counts:
        raise CourseError("No label counts: give at least one, such as 32.")
    return sorted(set(counts))


def _backbones(backbone, seeds: int) -> list[Encoder]:
    several = isinstance(backbone, Sequence) and not isinstance(backbone, str)
    encoders = [read_backbone(one) for one in (backbone if several else [backbone])]
    if len(encoders) not in (1, seeds):
        raise CourseError(f"{len(encoders)} backbones for {seeds} seeds: give one, or one per seed.")
    return encoders


def _subset(source: Path, images: list[Path], n: int, seed: int, passes: int, out: Path) -> Path:
    """A dataset YAML whose train split lists n images as often as makes `passes` lines."""
    chosen = random.Random(f"labels {seed}").sample(images, len(images))[:n]  # a prefix, so subsets are nested
    listed = (chosen * math.ceil(passes / n))[:passes]
    folder = out / "subsets" / f"{n:06d}_{seed}"
    lines = "\n".join(map(str, listed)) + "\n"
    write_atomically(folder / "train.txt", lambda file: file.write(lines.encode()))  # a second process may read it now
    data = read_dataset(source)
    splits = {split: data[split] for split in ("val", "test") if data.get(split)}
    names = {int(number): str(name) for number, name in data["names"].items()}
    content = {"path": str(data["path"]), "train": str((folder / "train.txt").resolve()), **splits, "names": names}
    write_atomically(folder / "data.yaml", lambda file: file.write(yaml.safe_dump(content).encode()))
    return folder / "data.yaml"


def _fingerprint(images: list[Path]) -> dict:
    """Number of images and a hash of their names and labels: the same data, wherever it lies."""
    from ultralytics.data.utils import img2label_paths

    digest = hashlib.sha256()
    for image, label in zip(images, img2label_paths([str(image) for image in images]), strict=True):
        digest.update(image.name.encode() + b"\0" + (Path(label).read_bytes() if Path(label).is_file() else b""))
    return {"images": len(images), "sha256": digest.hexdigest()}
