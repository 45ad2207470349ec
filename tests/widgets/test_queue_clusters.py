"""The widgets of lesson 04: a slider changes the picture and its description, and wrong inputs are named."""

import pytest
import torch

from coursekit.figures.key_queue import queue_after
from coursekit.methods.sinkhorn import sinkhorn
from coursekit.runtime import CourseError
from coursekit.widgets import queue_explorer, sinkhorn_explorer

SCORES = 0.3 * torch.randn(6, 3, generator=torch.Generator().manual_seed(0))


def test_the_queue_fills_and_ages_as_the_sliders_say(pixels):
    seen = queue_explorer(step=0)
    assert "0 places hold keys, 32 still the random start; no key yet" in seen.alt
    start, size = seen.png, pixels(seen.png).shape
    seen.controls["step"].value = 5
    assert seen.png != start and pixels(seen.png).shape == size
    assert f"oldest: age {queue_after(5, 8, 32).age.max()}" in seen.alt
    seen.controls["size"].value, seen.controls["batch"].value = 48, 4
    assert "A ring of 48 places, the queue after step 5 with 4 keys a step. 20 places hold keys" in seen.alt


def test_sinkhorn_goes_half_a_step_at_a_time():
    seen = sinkhorn_explorer(SCORES, epsilon=0.1)
    assert "start" in seen.alt
    seen.controls["half_steps"].value = 6
    columns = sinkhorn(SCORES, 0.1, 3).sum(0)
    assert f"column sums {columns.min():.2f} to {columns.max():.2f}, aim 2.00" in seen.alt
    seen.controls["epsilon"].value = 1.0
    assert "epsilon 1:" in seen.alt


def test_later_changes_of_the_scores_do_not_reach_the_widget():
    scores = SCORES.clone()
    seen = sinkhorn_explorer(scores)
    before = seen.png
    scores.zero_()
    seen.set(half_steps=0)
    assert seen.png == before


def test_every_control_has_a_label_and_wrong_inputs_are_named():
    for seen in (queue_explorer(), sinkhorn_explorer(SCORES)):
        assert all(control.description and control.continuous_update for control in seen.controls.values())
        assert set(seen.values) == set(seen.controls)
    with pytest.raises(CourseError, match="a size from 16 to 48, not 64"):
        queue_explorer(size=64)
    with pytest.raises(CourseError, match=r"not \(6,\)"):
        sinkhorn_explorer(SCORES[:, 0])
