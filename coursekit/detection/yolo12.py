"""Training YOLO12 with Ultralytics: from a self-supervised backbone in two stages, or from scratch.

Ultralytics does the training, validation and plotting. What is added here: the backbone is really in the model that
trains (`YOLO("x.yaml").train()` would build a fresh one), the learning rates are those that were asked for (with
`optimizer=auto` Ultralytics ignores lr0), nothing is overwritten, and nothing is downloaded without being named.
"""

import contextlib
import errno
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import cv2
import torch
from torch import nn

from coursekit import arguments as arg
from coursekit import runtime
from coursekit.detection.devices import check_device
from coursekit.detection.transfer import TransferReport, check_fit, load_backbone, read_backbone
from coursekit.detection.ultralytics_setup import reason, session
from coursekit.detection.validation import Metrics, check_dataset, metrics_of
from coursekit.detection.weights import load_detector, starting_weights
from coursekit.detection.yolo_backbone import BACKBONE_LAYERS, SIZES, check_size, new_detector
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
    transfer: what the backbone brought, or None without one.
    frozen: folder of the first stage, or None.
    settings: what it was trained with.
    """

    folder: Path
    start: str
    metrics: Metrics
    transfer: TransferReport | None
    frozen: Path | None
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
    imgsz: int = 640,
    batch: int = 16,
    lr0: float = 0.01,
    unfreeze_lr_factor: float = 0.1,
    weight_decay: float = 0.0005,
    optimizer: str = "SGD",
    device: str | None = None,
    project: str | Path = "cv_course_runs",
    name: str | None = None,
    seed: int = 0,
    weights: str = "auto",
    verbose: bool = True,
    callbacks: dict[str, Callable] | None = None,
    **settings,
) -> DetectionRun:
    """Train YOLO12 on a YOLO dataset and return where everything is.

    data: the dataset's YAML.
    size: n, s, m, l or x.
    backbone: a YOLO12 encoder or a pretraining run, loaded over layers 0 to 8 of the starting weights.
    epochs: all of them.
    freeze_epochs: for how many of these the backbone stays frozen, batch-norm statistics included; default: a tenth, at
    least one, if there is a backbone, else 0. The rest trains everything at lr0 * unfreeze_lr_factor.
    imgsz: side of the images in px, a multiple of 32.
    batch: images in a batch.
    lr0: learning rate after warm-up.
    weight_decay, optimizer: SGD, AdamW, Adam or RMSProp, and how much it pulls weights towards zero.
    device: "cpu", "cuda", "0", "mps"; default: the first that works.
    project, name: the run goes to project/name (default name: yolo12{size}_objects), or to name2, name3, ... if that
    is there already.
    seed: makes a CPU run repeatable.
    weights: see `starting_weights`.
    verbose: let Ultralytics print.
    callbacks: functions for Ultralytics' events, {"on_fit_epoch_end": f}, called with its trainer.
    settings: anything else that Ultralytics' train takes (mosaic=0, warmup_epochs=1, ...).

    Raises CourseError for a dataset, a backbone, weights or a setting that does not fit, before anything is written,
    and if Ultralytics itself stops. What a callback raises comes out as it is.
    """
    check_size(size)
    name = f"yolo12{size}_objects" if name is None else name
    arg.text.check(project=str(project), name=name)
    check_settings(imgsz, batch, lr0, unfreeze_lr_factor, weight_decay, optimizer, seed)
    yaml, device = check_dataset(data), check_device(device)
    frozen_epochs = _split_epochs(epochs, freeze_epochs, backbone is not None)
    if backbone is not None:
        backbone = read_backbone(backbone)
        check_fit(new_detector(size), backbone)  # before a folder is made for the run
    _check_names(settings)
    path, start = starting_weights(size, weights)
    detector = load_detector(path) if path else None
    start += "; then layers 0 to 8 come from the backbone" if backbone is not None else ""
    print(f"yolo12{size} {start}")
    folder = _claim(Path(project).expanduser() / name)
    common = {"data": str(yaml), "imgsz": imgsz, "batch": batch, "optimizer": optimizer, "weight_decay": weight_decay}
    common |= {"device": device, "workers": _workers(device), "seed": seed, "verbose": verbose}
    common |= {"model": f"yolo12{size}.yaml", "name": folder.name, "project": str(folder.parent)}
    common |= {} if optimizer == "SGD" else {"warmup_bias_lr": 0.0}  # Ultralytics' 0.1 suits SGD alone
    common |= settings
    report: TransferReport | None = None

    def fresh(trainer) -> nn.Module:
        nonlocal report
        model = trainer.get_model(cfg=f"yolo12{size}.yaml", weights=detector, verbose=False)
        if backbone is not None:
            report = load_backbone(model, backbone)
        return model

    with session(quiet=not verbose), _no_empty_folder(folder):
        prepare, lr, frozen = fresh, lr0, None
        if frozen_epochs:
            frozen = folder / "stage1_frozen" if frozen_epochs < epochs else folder
            first = _stage(fresh, frozen, callbacks, epochs=frozen_epochs, lr0=lr0, freeze=BACKBONE_LAYERS, **common)
            trainer = first
            lr = lr0 * unfreeze_lr_factor
            # A second warm-up from bias rate 0.1 would throw away what the head learned
            common["warmup_bias_lr"] = 0.0

            def prepare(trainer) -> nn.Module:
                # From the running average in float32: the checkpoint on disk is rounded to half precision
                model = trainer.get_model(cfg=f"yolo12{size}.yaml", verbose=False)
                model.load_state_dict(first.ema.ema.state_dict())
                return model

        if frozen_epochs < epochs:
            trainer = _stage(prepare, folder, callbacks, epochs=epochs - frozen_epochs, lr0=lr, **common)
    return DetectionRun(
        folder=folder,
        start=start,
        metrics=metrics_of(trainer.validator.metrics),
        transfer=report,
        frozen=frozen,
        settings={"epochs": epochs, "freeze_epochs": frozen_epochs, "lr0": lr0, **common},
    )


def _stage(prepare: Callable, folder: Path, callbacks: dict | None, **overrides):
    """One Ultralytics training of a model that `prepare(trainer)` returns -> the trainer, finished."""
    from ultralytics.models.yolo.detect import DetectionTrainer

    theirs: list[Exception] = []
    try:
        trainer = DetectionTrainer(overrides={**overrides, "save_dir": str(folder), "exist_ok": True})
        for event, function in (callbacks or {}).items():
            trainer.add_callback(event, _noting(function, theirs))
        # Given a module, Ultralytics trains that very module; given a name it would build its own and drop what was loaded
        trainer.model = prepare(trainer)
        trainer.train()
    except TRAINING_ERRORS as error:
        if error in theirs:  # a callback's own error is its author's to see
            raise
        raise CourseError(
            f"Ultralytics stopped training: {reason(error, lines=2)} {_way_out(error, folder)}"
        ) from error
    return trainer


def _way_out(error: Exception, folder: Path) -> str:
    # torch.save reports a full disk as a RuntimeError of its writer
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "PytorchStreamWriter" in str(error):
        return f"Free some space where {folder} is, or choose another folder (--project); the data is not the cause."
    smaller = "a smaller imgsz (--imgsz) or batch (--batch) needs less memory"
    return f"`coursekit data check` lists what is wrong with a dataset; {smaller}."


def _noting(function: Callable, errors: list[Exception]) -> Callable:
    """The callback, and what it raises is put into `errors` as well."""

    def call(trainer):
        try:
            return function(trainer)
        except Exception as error:
            errors.append(error)
            raise

    return call


def check_settings(
    imgsz: int, batch: int, lr0: float, unfreeze_lr_factor: float, weight_decay: float, optimizer: str, seed: int
) -> None:
    """Raise CourseError for a setting of `train` that no training can use. Arguments as there."""
    arg.side.check(imgsz=imgsz)
    arg.count.check(batch=batch)
    arg.rate.check(lr0=lr0)
    arg.decay.check(unfreeze_lr_factor=unfreeze_lr_factor, weight_decay=weight_decay)
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


@contextlib.contextmanager
def _no_empty_folder(folder: Path) -> Iterator[None]:
    """If the training fails before it has written anything, the run's folder goes as well."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # it holds something
            folder.rmdir()
        raise


def _split_epochs(epochs: int, freeze_epochs: int | None, has_backbone: bool) -> int:
    arg.count.check(epochs=epochs)
    if freeze_epochs is None:
        return max(1, epochs // 10) if has_backbone and epochs > 1 else 0
    if not 0 <= freeze_epochs <= epochs:
        raise CourseError(f"freeze_epochs is {freeze_epochs}: it is a part of the {epochs} epochs, from 0 to {epochs}.")
    return freeze_epochs


def _claim(first: Path) -> Path:
    """A folder that nobody had before: project/name, name2, name3, ..."""
    try:
        # First, because it raises FileExistsError if the project is a file or a broken link; below, only a name is taken
        first.parent.mkdir(parents=True, exist_ok=True)
        for attempt in count(1):
            folder = first if attempt == 1 else first.with_name(f"{first.name}{attempt}")
            with contextlib.suppress(FileExistsError):
                folder.mkdir()
                print(f"results go to {folder}" + (f" ({first.name} exists already)" if attempt > 1 else ""))
                return folder.resolve()
    except OSError as error:
        why = "a file or a broken link is in the way" if isinstance(error, FileExistsError) else error.strerror
        raise CourseError(f"Cannot make the run folder {first}: {why}. Choose another project (--project).") from error


def _workers(device: str) -> int:
    # Ultralytics loads images in the main process on a CPU; on a GPU its default of 8 would crowd Colab's two cores
    return 0 if device in ("cpu", "mps") else min(8, runtime.threads())


def size_table(imgsz: int = 640, sizes: Iterable[str] = SIZES) -> list[dict]:
    """The sizes, measured on the models that Ultralytics builds: one dict per size.

    Keys: size, parameters, gflops (at imgsz x imgsz px, one image), layers, backbone_parameters, dim (channels of P5).
    """
    from ultralytics.utils.torch_utils import get_flops, get_num_params

    arg.side.check(imgsz=imgsz)
    rows = []
    with session():
        for size in sizes:
            model = new_detector(size)
            backbone = model.model[:BACKBONE_LAYERS]
            row = {"size": size, "parameters": get_num_params(model), "gflops": round(get_flops(model, imgsz), 1)}
            row |= {"layers": sum(not list(m.children()) for m in model.modules())}
            dim = backbone.eval()(torch.zeros(1, 3, 32, 32)).shape[1]
            rows.append(row | {"backbone_parameters": get_num_params(backbone), "dim": dim})
    return rows
