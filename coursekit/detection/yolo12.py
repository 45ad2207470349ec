"""Training YOLO12 with Ultralytics: from a self-supervised backbone, frozen first, or from scratch.

Ultralytics does the training, validation and plotting. What is added here: the backbone is really in the model that
trains (`YOLO("x.yaml").train()` would build a fresh one), it has a learning rate of its own, the rates are those that were
asked for (with `optimizer=auto` Ultralytics ignores lr0), nothing is overwritten, and nothing is downloaded without being
named.
"""

import errno
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
from torch import nn

from coursekit import arguments as arg
from coursekit import runtime
from coursekit.detection.devices import check_device
from coursekit.detection.routes import choose_route
from coursekit.detection.run_folders import claim, no_empty_folder
from coursekit.detection.transfer import TransferReport, read_backbone
from coursekit.detection.ultralytics_setup import reason, session
from coursekit.detection.validation import Metrics, check_dataset, check_labels, metrics_of
from coursekit.detection.weights import checkpoint_path, load_detector, starting_weights
from coursekit.detection.yolo_backbone import check_size
from coursekit.models.encoder import Encoder
from coursekit.runtime import CourseError

OPTIMIZERS = ("SGD", "AdamW", "Adam", "RMSProp")
# A dataset without usable images or labels, a last batch of one image, too little memory, OpenCV at its limits
TRAINING_ERRORS = (AssertionError, MemoryError, OSError, RuntimeError, ValueError, cv2.error)


@dataclass(frozen=True)
class DetectionRun:
    """A finished training. `folder` holds what Ultralytics wrote: weights/, results.csv, results.png, curves, ...

    start: a sentence, which weights it started from.
    metrics: of best.pt on the validation split.
    transfer: what the backbone brought, or None without one, and after `resume`.
    frozen_epochs: for how many epochs the backbone was frozen, the first ones.
    settings: what it was trained with.
    """

    folder: Path
    start: str
    metrics: Metrics
    transfer: TransferReport | None
    frozen_epochs: int
    settings: dict

    @property
    def best(self) -> Path:
        """The checkpoint of the epoch with the best mAP50-95 on the validation split."""
        return self.folder / "weights" / "best.pt"

    @property
    def last(self) -> Path:
        """The checkpoint of the last epoch."""
        return self.folder / "weights" / "last.pt"

    @property
    def results_csv(self) -> Path:
        """One row per epoch: losses, precision, recall, mAP, learning rates."""
        return self.folder / "results.csv"


def train(
    data: str | Path,
    size: str = "n",
    backbone: Encoder | str | Path | None = None,
    *,
    epochs: int = 100,
    freeze_epochs: int | None = None,
    backbone_lr_factor: float | None = None,
    layer_decay: float = 1.0,
    route: str = "auto",
    depths: Sequence[int] = (),
    imgsz: int = 640,
    batch: int = 16,
    lr0: float = 0.01,
    weight_decay: float = 0.0005,
    optimizer: str = "SGD",
    device: str | None = None,
    project: str | Path = "cv_course_runs",
    name: str | None = None,
    seed: int = 0,
    weights: str = "auto",
    bfloat16: bool = False,
    verbose: bool = True,
    callbacks: dict[str, Callable] | None = None,
    **settings,
) -> DetectionRun:
    """Train YOLO12 on a YOLO dataset and return where everything is.

    data: the dataset's YAML.
    size: n, s, m, l or x.
    backbone: an encoder or a pretraining run. A YOLO12 encoder is loaded over layers 0 to 8 of the starting weights; any other
    takes their place, and an adapter behind it makes the three maps that the neck reads.
    epochs: all of them.
    freeze_epochs: for how many of these, the first ones, the backbone stays frozen, batch-norm statistics included; an
    adapter learns from the start. Default: a tenth, at least one, if there is a backbone, else 0.
    backbone_lr_factor: after that the backbone's learning rate, as a part of the others', reached within one epoch. Default:
    0.1 if there is a backbone, else 1.
    layer_decay: rate of each of its layers, as a part of the next one's, from the neck to the pixels (1: all alike).
    route, depths: see `routes.choose_route`.
    imgsz: side of the images in px, a multiple of 32.
    batch: images in a batch.
    lr0: learning rate after warm-up.
    weight_decay, optimizer: SGD, AdamW, Adam or RMSProp, and how much it pulls weights towards zero.
    device: "cpu", "cuda", "0", "mps"; default: the first that works.
    project, name: the run goes to project/name (default name: yolo12{size}_objects), or to name2, name3, ... if that
    is there already.
    seed: makes a CPU run repeatable.
    weights: see `starting_weights`.
    bfloat16: multiply in half precision on a CPU; see `runtime.native_bfloat16`. A GPU does so by itself.
    verbose: let Ultralytics print.
    callbacks: functions for Ultralytics' events, {"on_fit_epoch_end": f}, called with its trainer.
    settings: anything else that Ultralytics' train takes (mosaic=0, warmup_epochs=1, ...).

    Raises CourseError for a dataset, a backbone, weights or a setting that does not fit, before anything is written,
    and if Ultralytics itself stops. What a callback raises comes out as it is.
    """
    check_size(size)
    name = f"yolo12{size}_objects" if name is None else name
    arg.text.check(project=str(project), name=name)
    check_settings(imgsz, batch, lr0, weight_decay, optimizer, seed)
    backbone_lr_factor = (1.0 if backbone is None else 0.1) if backbone_lr_factor is None else backbone_lr_factor
    arg.decay.check(backbone_lr_factor=backbone_lr_factor, layer_decay=layer_decay)
    yaml, device = check_dataset(data), check_device(device)
    check_labels(yaml, ("train", "val"))
    frozen_epochs = _frozen_epochs(epochs, freeze_epochs, backbone is not None)
    way = choose_route(size, None if backbone is None else read_backbone(backbone), route, depths)
    _check_names(settings)
    path, start = starting_weights(size, weights)
    detector = load_detector(path) if path else None
    if backbone is not None:
        place = (
            "an encoder and an adapter take the place of layers 0 to 8"
            if way.replaces
            else f"layers 0 to {way.layers[-1]} come from it"
        )
        start += f"; then the backbone: {place}"
    print(f"yolo12{size} {start}")
    folder = claim(Path(project).expanduser() / name)
    common = {"data": str(yaml), "imgsz": imgsz, "batch": batch, "optimizer": optimizer, "weight_decay": weight_decay}
    common |= {"device": device, "workers": _workers(device), "seed": seed, "verbose": verbose}
    common |= {"model": f"yolo12{size}.yaml", "name": folder.name, "project": str(folder.parent)}
    common |= {} if optimizer == "SGD" else {"warmup_bias_lr": 0.0}  # Ultralytics' 0.1 suits SGD alone
    common |= {"epochs": epochs, "lr0": lr0, "freeze": list(way.layers) if frozen_epochs else None, **settings}
    stages = {"layers": way.layers, "frozen_epochs": frozen_epochs}
    stages |= {"lr_factor": backbone_lr_factor, "layer_decay": layer_decay}
    report: TransferReport | None = None

    def fresh(trainer) -> nn.Module:
        nonlocal report
        model = trainer.get_model(cfg=way.network, weights=detector, verbose=False)
        report = way.load(model)
        trainer.give_stages(model, stages)
        return model

    with session(quiet=not verbose), no_empty_folder(folder):
        trainer = _train(fresh, folder, callbacks, bfloat16, **common)
    return DetectionRun(
        folder=folder,
        start=start,
        metrics=metrics_of(trainer.validator.metrics),
        transfer=report,
        frozen_epochs=frozen_epochs,
        settings={**stages, **common},
    )


def resume(
    run: str | Path,
    *,
    device: str | None = None,
    bfloat16: bool = False,
    verbose: bool = True,
    callbacks: dict[str, Callable] | None = None,
    **settings,
) -> DetectionRun:
    """Go on with a training that was interrupted, from the end of its last whole epoch, with the settings that it had.

    run: its folder. device, bfloat16, verbose, callbacks: as in `train`. settings: what may change on the way, such as batch and
    workers. Stages, schedules, optimizer and running average go on where they stopped; the random draws do not, so it is not
    bit for bit the training that was never interrupted. Raises CourseError if there is nothing to go on with.
    """
    folder = Path(run).expanduser().resolve()
    last, device = checkpoint_path(folder / "weights" / "last.pt"), check_device(device)
    began = load_detector(last)
    overrides = {"resume": str(last), "save_dir": str(folder), "device": device, "workers": _workers(device)}
    with session(quiet=not verbose):
        trainer = _train(None, folder, callbacks, bfloat16, **{**overrides, **settings})
    stages = trainer.stages
    return DetectionRun(
        folder=folder,
        start=f"goes on with {last}",
        metrics=metrics_of(trainer.validator.metrics),
        transfer=None,
        frozen_epochs=stages.frozen_epochs if stages else 0,
        settings={**(asdict(stages) if stages else {}), **began.args},
    )


def _train(prepare: Callable | None, folder: Path, callbacks: dict | None, bfloat16: bool, **overrides):
    """One Ultralytics training -> the trainer, finished. prepare(trainer) returns the model; None: a checkpoint has it."""
    from coursekit.detection import staged  # only training needs it, and it takes a second to import

    theirs: list[Exception] = []
    try:
        trainer = staged.StagedTrainer(overrides={**overrides, "save_dir": str(folder), "exist_ok": True})
        for event, function in (callbacks or {}).items():
            trainer.add_callback(event, _noting(function, theirs))
        if prepare:
            # Given a module, Ultralytics trains that very module; given a name it would build its own, without what was loaded
            trainer.model = prepare(trainer)
        with staged.multiply_in_bfloat16(bfloat16):
            trainer.train()
    except TRAINING_ERRORS as error:
        if error in theirs:  # a callback's own error is its author's to see
            raise
        raise CourseError(
            f"Ultralytics stopped training: {reason(error, lines=2)} {_way_out(error, folder, overrides)}"
        ) from error
    return trainer


def _way_out(error: Exception, folder: Path, overrides: dict) -> str:
    # torch.save reports a full disk as a RuntimeError of its writer
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "PytorchStreamWriter" in str(error):
        return f"Free some space where {folder} is, or choose another folder (--project); the data is not the cause."
    if "nothing to resume" in str(error):
        return f"To train further, start a new run from {folder / 'weights' / 'last.pt'} (--weights)."
    kept = f" Whole epochs are kept: `coursekit detect --resume {folder}` goes on." if _saved(folder) else ""
    if "out of memory" in str(error).lower() or isinstance(error, MemoryError):
        smaller = max(overrides.get("batch", 16) // 2, 1)
        return f"The memory is too small for this: try batch={smaller} (--batch {smaller}), or a smaller imgsz.{kept}"
    smaller = "a smaller imgsz (--imgsz) or batch (--batch) needs less memory"
    return f"`coursekit data check` lists what is wrong with a dataset; {smaller}.{kept}"


def _saved(folder: Path) -> bool:
    return (folder / "weights" / "last.pt").is_file()


def _noting(function: Callable, errors: list[Exception]) -> Callable:
    """The callback, and what it raises is put into `errors` as well."""

    def call(trainer):
        try:
            return function(trainer)
        except Exception as error:
            errors.append(error)
            raise

    return call


def check_settings(imgsz: int, batch: int, lr0: float, weight_decay: float, optimizer: str, seed: int) -> None:
    """Raise CourseError for a setting of `train` that no training can use. Arguments as there."""
    arg.side.check(imgsz=imgsz)
    arg.count.check(batch=batch)
    arg.rate.check(lr0=lr0)
    arg.decay.check(weight_decay=weight_decay)
    arg.seed.check(seed=seed)
    if optimizer not in OPTIMIZERS:
        known = ", ".join(OPTIMIZERS)
        raise CourseError(
            f"optimizer is {optimizer!r}. Choose one of {known}: with 'auto' Ultralytics would ignore lr0."
        )


def _check_names(settings: dict) -> None:
    """Raises CourseError for a setting that Ultralytics does not know, or that is of another type."""
    from ultralytics.cfg import get_cfg

    try:
        with session():
            get_cfg(overrides=settings)
    except (RuntimeError, SyntaxError, TypeError, ValueError) as error:
        raise CourseError(f"Ultralytics does not take these settings: {reason(error)}") from error


def _frozen_epochs(epochs: int, freeze_epochs: int | None, has_backbone: bool) -> int:
    arg.count.check(epochs=epochs)
    if freeze_epochs is None:
        return max(1, epochs // 10) if has_backbone and epochs > 1 else 0
    if not 0 <= freeze_epochs <= epochs:
        raise CourseError(f"freeze_epochs is {freeze_epochs}: it is a part of the {epochs} epochs, from 0 to {epochs}.")
    return freeze_epochs


def _workers(device: str) -> int:
    # Ultralytics loads images in the main process on a CPU; on a GPU its default of 8 would crowd Colab's two cores
    return 0 if device in ("cpu", "mps") else min(8, runtime.threads())
