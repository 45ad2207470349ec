"""One training with two stages: rates by depth, a rise after the switch, and a run that goes on after a stop."""

import pytest
import torch
from ultralytics import YOLO

from coursekit.cli import main
from coursekit.detection.staged import StagedTrainer, Stages, block_of
from coursekit.detection.ultralytics_setup import session
from coursekit.detection.yolo12 import resume, train
from coursekit.models import build_encoder
from coursekit.runtime import CourseError

SHORT = {"imgsz": 64, "batch": 4, "nbs": 4, "device": "cpu", "plots": False, "verbose": False, "weights": "yaml"}


class StopHere(Exception):
    """Raised from a callback, in place of somebody's Ctrl-C."""


def rates(trainer) -> dict[str, float]:
    """Learning rate of every parameter by name."""
    of = {id(p): group["lr"] for group in trainer.optimizer.param_groups for p in group["params"]}
    return {name: of[id(p)] for name, p in trainer.model.named_parameters()}


def test_blocks_are_read_from_the_names():
    assert block_of("model.4.cv1.conv.weight") == 4
    assert block_of("model.0.encoder.patch_embed.weight") == block_of("model.0.encoder.pos_embed") == 0
    assert block_of("model.0.encoder.blocks.3.attention.qkv.weight") == 4
    assert block_of("model.0.encoder.vit.encoder.layers.encoder_layer_11.mlp.0.weight") == 12
    assert block_of("model.0.encoder.layers.5.conv1.0.weight") == 6
    stages = Stages((0,), lr_factor=0.5, layer_decay=0.5)
    assert stages.factor("model.0.encoder.norm.weight", 4) == stages.factor("model.0.encoder.blocks.3.x", 4) == 0.5
    assert stages.factor("model.0.encoder.pos_embed", 4) == 0.5 * 0.5**4


def test_rates_fall_towards_the_pixels_and_rise_after_the_switch(dataset, tmp_path):
    encoder = build_encoder("vit_micro", image_size=64, dim=32, depth=2, heads=2)
    seen = []
    train(
        dataset,
        "n",
        encoder,
        epochs=3,
        freeze_epochs=1,
        backbone_lr_factor=0.5,
        layer_decay=0.5,
        optimizer="AdamW",
        lr0=0.001,
        warmup_epochs=0,
        project=tmp_path,
        callbacks={"on_train_batch_end": lambda trainer: seen.append((trainer.epoch, rates(trainer)))},
        **SHORT,
    )
    inside = "model.0.encoder."
    parts = {"pos_embed": 0.125, "blocks.0.mlp.0.weight": 0.25, "blocks.1.mlp.0.bias": 0.5, "norm.weight": 0.5}
    steps = [(epoch, r["model.21.cv2.0.2.weight"], r) for epoch, r in seen]
    assert [epoch for epoch, *_ in steps] == [0, 0, 1, 1, 2, 2]
    for rise, (_, head, r) in zip((0, 0, 0.5, 1, 1, 1), steps, strict=True):
        assert r["model.1.levels.0.0.conv.weight"] == head, "the adapter learns like the head, from the start"
        for name, part in parts.items():
            assert r[inside + name] == pytest.approx(head * part * rise), (name, rise)


def test_an_interrupted_run_goes_on_where_it_stopped(dataset, backbone, tmp_path, capsys):
    def stop(trainer):
        if trainer.epoch == 1:
            raise StopHere

    plan = {"epochs": 3, "freeze_epochs": 2, "backbone_lr_factor": 0.25, "project": tmp_path, "name": "run"}
    with pytest.raises(StopHere):
        train(dataset, "n", backbone, callbacks={"on_fit_epoch_end": stop}, **plan, **SHORT)
    folder, seen = tmp_path / "run", []

    def look(trainer):
        frozen = {name.split(".")[1] for name, p in trainer.model.named_parameters() if not p.requires_grad}
        seen.append((trainer.epoch, frozen, {g["param_group"] for g in trainer.optimizer.param_groups}))

    run = resume(folder, device="cpu", verbose=False, callbacks={"on_train_epoch_end": look})
    assert [epoch for epoch, *_ in seen] == [2] and seen[0][1] == {"21"}, "its frozen stage was over"
    assert "backbone_weight" in seen[0][2] and run.frozen_epochs == 2 and run.settings["lr_factor"] == 0.25
    assert [line.split(",")[0] for line in run.results_csv.read_text().splitlines()] == ["epoch", "1", "2", "3"]
    with pytest.raises(CourseError, match=r"finished.*--weights"):
        resume(folder, device="cpu", verbose=False)
    assert main(["detect", "--resume", str(tmp_path / "nowhere")]) == 1 and "nowhere" in capsys.readouterr().err
    assert main(["detect", "--resume", str(folder), "--data", str(dataset)]) == 1
    assert "either a dataset" in capsys.readouterr().err
    assert main(["detect", "--resume", str(folder), "--epochs", "3", "--backbone-lr-factor", "0.5"]) == 1
    assert "leave out --epochs, --backbone-lr-factor" in capsys.readouterr().err


def test_ultralytics_own_resume_takes_the_trainer(dataset, backbone, tmp_path):
    def stop(trainer):
        raise StopHere

    plan = {
        "epochs": 2,
        "freeze_epochs": 1,
        "project": tmp_path,
        "name": "run",
        "callbacks": {"on_fit_epoch_end": stop},
    }
    with pytest.raises(StopHere):
        train(dataset, "n", backbone, **plan, **SHORT)
    with session():
        model = YOLO(tmp_path / "run" / "weights" / "last.pt")
        model.train(resume=True, trainer=StagedTrainer)
    assert model.trainer.stages == Stages(tuple(range(9)), frozen_epochs=1, lr_factor=0.1)
    assert len((tmp_path / "run" / "results.csv").read_text().splitlines()) == 3


def test_a_batch_that_is_too_large_names_the_next_to_try(dataset, tmp_path):
    def full(trainer):
        if trainer.epoch == 1:
            trainer.model.loss = lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA out of memory."))

    with pytest.raises(CourseError, match=r"try batch=2 .*coursekit detect --resume"):
        train(dataset, epochs=2, project=tmp_path, name="run", callbacks={"on_train_epoch_start": full}, **SHORT)
    assert (tmp_path / "run" / "weights" / "last.pt").is_file(), "the finished epoch is kept"


def test_half_precision_on_a_cpu_multiplies_in_it_and_follows_the_weights(dataset, tmp_path):
    from ultralytics.engine import trainer as engine

    before, seen = engine.autocast, []

    def look(trainer):
        if not seen:
            trainer.model.model[0].conv.register_forward_hook(
                lambda conv, x, y: seen.append((y.dtype, y.mean().item()))
            )

    plan = {"epochs": 2, "optimizer": "AdamW", "lr0": 0.01, "warmup_epochs": 0, "mosaic": 0.0, "val": False}
    settings = {**plan, **SHORT, "project": tmp_path, "callbacks": {"on_train_epoch_start": look}}
    train(dataset, bfloat16=True, **settings)
    in_training = seen[:4]
    assert {dtype for dtype, _ in in_training} == {torch.bfloat16}
    assert len({value for _, value in in_training}) == 4, "a stale copy of the weights would answer alike"
    assert engine.autocast is before
    seen.clear()
    train(dataset, **settings)
    assert seen[0][0] == torch.float32
