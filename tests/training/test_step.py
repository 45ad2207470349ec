"""The step: the order of the verbs, clipping, NaN, and what is measured only when it is logged."""

import inspect
import math

import pytest
import torch

from coursekit.methods import Defaults
from coursekit.runtime import CourseError
from coursekit.training import load_run, pretrain
from coursekit.training.step import training_step
from tests.training.worlds import Everything, images, tiny_encoder

QUIET = {"progress": False, "device": "cpu"}


def test_order_of_the_verbs_and_progress_from_0_to_1():
    calls = []

    class Told(Everything):
        def views(self, *a):
            calls.append("views")
            return super().views(*a)

        def before_step(self, progress):
            calls.append(("before_step", progress))

        def forward(self, views):
            calls.append("forward")
            return super().forward(views)

        def after_backward(self, progress):
            calls.append(("after_backward", progress, self.head[1].weight.grad is not None))

        def after_step(self, out, progress):
            calls.append(("after_step", progress, self.head[1].weight.grad is None))

    pretrain(Told(tiny_encoder()), images(), steps=3, batch_size=8, **QUIET)
    assert calls == [
        c
        for at in (0.0, 0.5, 1.0)
        for c in ("views", ("before_step", at), "forward", ("after_backward", at, True), ("after_step", at, True))
    ]


def test_nan_stops_before_it_reaches_the_weights(tmp_path):
    class Breaks(Everything):
        def forward(self, views):
            out = super().forward(views)
            return {**out, "loss": out["loss"] * (math.nan if self.scheduled > 0.6 else 1.0)}

    broken = Breaks(tiny_encoder())
    with pytest.raises(
        CourseError, match=r"nan at step 4, where the learning rate was .*checkpoint of step 4.*ten times smaller"
    ):
        pretrain(broken, images(), steps=6, batch_size=8, out=tmp_path, save_every=1, **QUIET)
    assert all(v.isfinite().all() for v in load_run(tmp_path)["state"].values())
    assert all(p.isfinite().all() for p in broken.parameters())


class Watched(Everything):
    """Keeps the norm of the gradient that reaches the optimizer."""

    defaults = Defaults(clip=0.01)

    def after_backward(self, progress):
        grads = [p.grad for p in self.parameters() if p.grad is not None]
        self.norm = torch.stack([g.norm() for g in grads]).norm().item()


def test_the_gradient_is_clipped_where_the_defaults_or_the_caller_say_so():
    for clip, expected in ((None, 0.01), (0.002, 0.002)):
        watched = Watched(tiny_encoder())
        pretrain(watched, images(), steps=1, batch_size=8, clip=clip, **QUIET)
        assert abs(watched.norm - expected) < 1e-5
    free = Watched(tiny_encoder())
    free.defaults = Defaults()
    pretrain(free, images(), steps=1, batch_size=8, **QUIET)
    assert free.norm > 0.02


def test_rates_come_from_the_method_and_grow_with_the_batch():
    class Slow(Everything):
        defaults = Defaults(lr=0.256, weight_decay=0.3, betas=(0.8, 0.95))

    history = pretrain(Slow(tiny_encoder()), images(), steps=1, batch_size=8, warmup=0, **QUIET)
    assert history[0]["lr"] == pytest.approx(0.256 * 8 / 256)
    history = pretrain(Slow(tiny_encoder()), images(), steps=1, batch_size=8, lr=0.5, warmup=0, **QUIET)
    assert history[0]["lr"] == 0.5


def test_diagnostics_are_measured_on_logged_steps_alone():
    asked = []

    class Asked(Everything):
        def diagnose(self, out):
            asked.append(torch.is_grad_enabled())
            return {**super().diagnose(out), "own": 2.0}

    history = pretrain(Asked(tiny_encoder()), images(), steps=10, batch_size=8, log_every=4, **QUIET)
    assert asked == [False] * 4 and history.column("step") == [0, 4, 8, 9]
    assert {"uniformity", "feature_std", "effective_rank", "own"} <= set(history.columns)


def test_the_step_is_short_enough_for_a_page():
    body = inspect.getsource(training_step).rpartition('"""')[2]
    assert len(body.strip().splitlines()) <= 15 and max(map(len, body.splitlines())) < 110
