"""A tiny dataset and one short training, shared by this room's tests."""

import socket
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

KINDS = ("weight", "bn", "bias", "backbone_weight", "backbone_bn", "backbone_bias")  # of the optimizer's groups
CLASS_COLORS = ((255, 40, 40), (40, 255, 40), (40, 40, 255), (255, 255, 40))


def write_dataset(folder: Path, train: int = 8, val: int = 4, size: int = 64) -> Path:
    """Coloured rectangles on noise, one colour for each class; returns the YAML."""
    draws = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        (folder / "images" / split).mkdir(parents=True)
        (folder / "labels" / split).mkdir(parents=True)
        for index in range(count):
            image, lines = draws.integers(90, 160, (size, size, 3)).astype(np.uint8), []
            for label in {index % 4, int(draws.integers(4))}:
                (w, h), (x, y) = draws.uniform(0.3, 0.5, 2), draws.uniform(0.3, 0.7, 2)
                corners = np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2]).clip(0, 1)
                left, top, right, bottom = (int(v) for v in corners * size)
                cv2.rectangle(image, (left, top), (right, bottom), CLASS_COLORS[label], -1)
                center, sides = (corners[:2] + corners[2:]) / 2, corners[2:] - corners[:2]
                lines.append(f"{label} {center[0]:.6f} {center[1]:.6f} {sides[0]:.6f} {sides[1]:.6f}")
            cv2.imwrite(str(folder / "images" / split / f"{index:03d}.png"), image)
            (folder / "labels" / split / f"{index:03d}.txt").write_text("\n".join(lines) + "\n")
    yaml = folder / "shapes.yaml"
    yaml.write_text(
        f"path: {folder}\ntrain: images/train\nval: images/val\nnames:\n  0: person\n  1: bicycle\n  2: car\n  3: bus\n"
    )
    return yaml


@pytest.fixture(scope="session")
def dataset(tmp_path_factory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("shapes"))


@pytest.fixture(scope="session")
def backbone():
    """A YOLO12n encoder whose weights and batch-norm statistics no other initialisation has."""
    from coursekit.models.registry import build_encoder

    torch.manual_seed(7)
    encoder = build_encoder("yolo12n", image_size=64)
    with torch.no_grad():
        for name, tensor in encoder.state_dict().items():
            if name.endswith("running_mean"):
                tensor.normal_(0, 0.1)
            elif name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            elif name.endswith("num_batches_tracked"):
                tensor.fill_(123)
    return encoder


@contextmanager
def closed_network():
    """Every try to resolve or reach another machine fails, and is written down in the list that this gives."""
    attempts, patch, here = [], pytest.MonkeyPatch(), ("127.0.0.1", "localhost", "::1")

    def closed(call, place):
        def refuse(*args, **kwargs):
            to = args[place]
            if (to[0] if isinstance(to, tuple) else to) in here:
                return call(*args, **kwargs)
            attempts.append(args)
            raise OSError("the network is closed in this test")

        return refuse

    patch.setattr(socket.socket, "connect", closed(socket.socket.connect, 1))  # (self, address)
    patch.setattr(socket, "getaddrinfo", closed(socket.getaddrinfo, 0))
    patch.setattr(socket, "create_connection", closed(socket.create_connection, 0))
    try:
        yield attempts
    finally:
        patch.undo()


@pytest.fixture
def network_attempts():
    """The network is closed while a test runs: what tried to reach it."""
    with closed_network() as attempts:
        yield attempts


@pytest.fixture(scope="session")
def trained(dataset, backbone, tmp_path_factory):
    """One frozen epoch and two unfrozen ones from the backbone, with what went on inside; the network is closed."""
    from coursekit.detection.yolo12 import train  # before Ultralytics, which the next line imports
    from ultralytics.utils import torch_utils  # isort: skip

    seen = SimpleNamespace(epochs=[], threads=set(), project=tmp_path_factory.mktemp("runs"))

    def ends(trainer):
        model, groups = trainer.model, trainer.optimizer.param_groups
        rates = {kind: {g["lr"] for g in groups if (g["param_group"] == kind) and g["params"]} for kind in KINDS}
        seen.epochs.append(
            SimpleNamespace(
                state={name: t.clone() for name, t in model.state_dict().items()},
                frozen={name for name, p in model.named_parameters() if not p.requires_grad},
                rates=rates,
                scheduled=trainer.lf(trainer.epoch),
                optimizer=type(trainer.optimizer).__name__,
            )
        )

    seen.threads_before = torch.get_num_threads()
    patch = pytest.MonkeyPatch()
    patch.setattr(torch_utils, "NUM_THREADS", seen.threads_before + 1)  # what Ultralytics would set
    settings = dict(
        epochs=3,
        freeze_epochs=1,
        save_period=1,
        warmup_epochs=0,
        imgsz=64,
        batch=4,
        nbs=4,
        lr0=0.02,
        backbone_lr_factor=0.25,
        device="cpu",
        project=seen.project,
        plots=False,
        verbose=False,
        callbacks={
            "on_train_epoch_end": ends,
            "on_train_batch_end": lambda trainer: seen.threads.add(torch.get_num_threads()),
        },
    )
    with closed_network() as seen.attempts:
        seen.run = train(dataset, "n", backbone, **settings)
    seen.threads_after = torch.get_num_threads()
    patch.undo()
    return seen
