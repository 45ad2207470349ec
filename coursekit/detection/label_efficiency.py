"""Does pretraining pay? A detector from a self-supervised backbone against one from random weights, at few labels.

The arms differ in what the backbone is when training starts, and in its learning rate. All else is equal for equal seeds:
the labelled images, the head's first weights (if the backbone is YOLO12's own), the order and augmentation of the batches,
the settings, and the budget. The budget is counted in optimizer steps, so 32 labels get as many image passes as 128: an
epoch lists every labelled image as often as fills the same number of passes, which keeps warm-up, learning rates and the
running average in step too.

Stopped at any moment, the same call goes on with the runs that are missing (`evaluation.grid`). The interval covers
subsets, heads and batch orders; it covers the pretraining only if there is one backbone per seed.
"""

import contextlib
import dataclasses
import io
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from coursekit import runtime
from coursekit.arguments import amount, decay
from coursekit.data.tensor_file import checksum
from coursekit.detection.devices import check_device
from coursekit.detection.efficiency_summary import ARMS, RANDOM, Summary, read_rows, summarize
from coursekit.detection.label_subsets import boxes_of_classes, fingerprint, stratified_order, write_subset
from coursekit.detection.routes import choose_route
from coursekit.detection.transfer import read_backbone
from coursekit.detection.validation import check_dataset, dataset_images, read_dataset
from coursekit.detection.weights import supervised_backbone
from coursekit.detection.yolo12 import check_settings, train
from coursekit.detection.yolo_backbone import check_size
from coursekit.evaluation.grid import read_json, run_grid, write_json
from coursekit.models.encoder import Encoder
from coursekit.models.registry import rebuild_encoder
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
    freeze: share of the training for which an arm that freezes first keeps its backbone frozen.
    bfloat16: multiply in half precision on a CPU, in all arms; a GPU does so by itself.
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
    bfloat16: bool = False
    split: str = "val"


def run_experiment(
    data: str | Path,
    backbone: Encoder | str | Path | Sequence[str | Path] | None,
    out: str | Path,
    labels: Sequence[float] = (32, 128),
    seeds: Sequence[int] = (0, 1, 2),
    arms: Sequence[str] = ("random", "ssl"),
    settings: Settings | None = None,
    *,
    replacement: Encoder | str | Path | Sequence[str | Path] | None = None,
    supervised: str | Path | None = None,
    lr_factors: Mapping[str, float] | None = None,
    device: str | None = None,
    keep_weights: bool = False,
    before: Callable[[dict, list[dict]], object] | None = None,
    done: Callable[[list[dict]], object] | None = None,
) -> Summary:
    """Train every arm at every label count and seed, and compare them. Goes on with what `out` lacks.

    data: YAML of a YOLO dataset; its train split is what labels are taken from.
    backbone: a YOLO12 encoder, a pretraining run, or one run per seed.
    out: a folder of its own.
    labels: numbers of labelled images, or shares of the train split (below 1, and 1.0 for all). Smaller subsets are part
        of larger ones, and the classes have about the same shares in each.
    seeds: of the subsets, the heads and the batches.
    arms: of `ARMS`.
    settings, device: what all runs share.
    replacement: an encoder, or a run, that takes the backbone's place, or one per seed.
    supervised: a detector that was trained on other labels; its backbone is the most that any start can give.
    lr_factors: the backbone's learning rate, as a part of lr0, by arm; default: 1 for random weights, else 0.1. Choose them
        on images that nothing is measured on later.
    keep_weights: keep what Ultralytics wrote of every run, in out/runs.
    before: called with the setup and the cells before the first run, so that rows made elsewhere can be put in place.
    done: called after each run with the rows that there are by then.

    Writes what `run_grid` writes, and out/summary.json. Raises CourseError for a folder that holds another experiment,
    and for data or a backbone that does not fit.
    """
    settings, out = settings or Settings(), Path(out).expanduser()
    _check_settings(settings, seeds, device)
    source = check_dataset(data, settings.split)
    images = dataset_images(source, "train")
    counts = _label_counts(labels, len(images))
    factors = _lr_factors(lr_factors or {}, arms)
    if not arms or not seeds:
        raise CourseError(f"Give at least one arm ({', '.join(ARMS)}) and at least one seed.")
    boxes = boxes_of_classes(images, len(read_dataset(source)["names"]))  # once, for the subsets of all runs
    given = {"backbone": backbone, "replacement": replacement, "supervised": supervised}
    encoders = _encoders(given, arms, settings.size, len(seeds))
    epoch_steps = max(math.ceil(max(counts) / settings.batch), settings.steps // 20, 1)
    epochs = max(2, math.ceil(settings.steps / epoch_steps))
    cells = [{"arm": arm, "labels": n, "seed": seed} for seed in seeds for n in counts for arm in arms]
    setup = {
        "settings": dataclasses.asdict(settings),
        "epochs": epochs,
        "epoch_steps": epoch_steps,
        "data": {"name": source.parent.name, **fingerprint(images)},
        "backbones": {role: [checksum(one.state_dict()) for one in several] for role, several in encoders.items()},
        "device": device or runtime.device(),
    }

    shared = dataclasses.asdict(settings)
    size, _, warmup, freeze = (shared.pop(name) for name in ("size", "steps", "warmup", "freeze"))
    shared |= {"epochs": epochs, "warmup_epochs": warmup * epochs, "nbs": settings.batch, "device": device}
    shared |= {"weights": "yaml", "val": False, "save": False, "plots": False, "verbose": False}

    def run(cell: dict, work: Path) -> dict:
        arm, n, seed = cell.values()
        shutil.rmtree(work)  # Ultralytics wants a new folder; what a killed run left is in this one
        order = [images[k] for k in stratified_order(boxes, seed)]
        passes = epoch_steps * settings.batch
        subset = write_subset(source, order[:n], seed, passes, out)  # a beginning, so subsets are nested
        several = encoders.get(ARMS[arm].needs)
        encoder = several[list(seeds).index(seed) % len(several)] if several else None
        if ARMS[arm].role == "untrained":
            runtime.seed_everything(seed)
            encoder = rebuild_encoder(encoder.spec)
        share = freeze if ARMS[arm].frozen is None else ARMS[arm].frozen
        own = {"freeze_epochs": round(share * epochs), "backbone_lr_factor": factors[arm], "seed": seed}
        place = {"project": work.parent, "name": work.name}
        with contextlib.redirect_stdout(io.StringIO()):
            done = train(subset, size, encoder, **own, **place, **shared)
        matched = done.transfer and done.transfer.matched
        length = {"steps": epochs * epoch_steps, "epochs": epochs, "backbone_lr_factor": factors[arm]}
        return {**length, **dataclasses.asdict(done.metrics), "tensors_matched": matched}

    if before:
        before(setup, cells)
    _check_factors(out, factors)
    run_grid(out, cells, run, setup, keep_runs=keep_weights, done=done)
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
    names = ("imgsz", "batch", "lr0", "weight_decay", "optimizer")
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


def _lr_factors(given: Mapping[str, float], arms: Sequence[str]) -> dict[str, float]:
    """The backbone's rate in every arm that there is, so that a later call may add arms. Raises CourseError."""
    if unknown := [arm for arm in (*arms, *given) if arm not in ARMS]:
        raise CourseError(f"Arms are {', '.join(ARMS)}, not {', '.join(unknown)}.")
    for arm, factor in given.items():
        decay.check(**{f"lr_factors[{arm!r}]": factor})
    return {arm: float(given.get(arm, 0.1 if ARMS[arm].role not in RANDOM else 1.0)) for arm in ARMS}


def _check_factors(out: Path, factors: Mapping[str, float]) -> None:
    """Rows of one arm share one rate. Not a part of the setup: arms and their rates may be added one after the other."""
    for row in read_rows(out) if any(out.glob("rows/*.json")) else []:
        if (made_with := row.get("backbone_lr_factor")) != (now := factors[row["arm"]]):
            raise CourseError(
                f"{out} has runs of the arm {row['arm']} with the backbone at {made_with} of lr0; now it is {now}. Name another "
                f"folder, or the old factor (--lr-factors {row['arm']}={made_with})."
            )


def _encoders(given: Mapping[str, object], arms: Sequence[str], size: str, seeds: int) -> dict[str, list[Encoder]]:
    """By role, one encoder or one for each seed, each of which fits: else the random arm would train first, and in vain."""
    found = {}
    for role, weights in given.items():
        wanted = [arm for arm in arms if ARMS[arm].needs == role]
        if weights is None and wanted:
            raise CourseError(f"The arm {wanted[0]} starts from weights that were not given: {role}= (--{role}).")
        if weights is None:
            continue
        several = weights if isinstance(weights, Sequence) and not isinstance(weights, str) else [weights]
        read = supervised_backbone if role == "supervised" else read_backbone
        found[role] = [read(one) for one in several]
        if len(found[role]) not in (1, seeds):
            raise CourseError(f"{len(found[role])} of {role} for {seeds} seeds: give one, or one per seed.")
        for encoder in found[role]:
            choose_route(size, encoder, "replace" if role == "replacement" else "initialize")
    return found
