"""A collapse is told once, while it happens, and only then."""

import pytest
import torch

from coursekit.methods import BYOL, MoCo, SimSiam, SwAV
from coursekit.models import build_encoder
from coursekit.training import History, pretrain
from coursekit.training.alarm import collapse
from coursekit.views import MultiCrop, RandomView, TwoViews


def method(kind=SimSiam, **settings):
    torch.manual_seed(0)
    views = TwoViews(RandomView(16)) if kind is not SwAV else MultiCrop(RandomView(16), RandomView(8), n_small=1)
    return kind(build_encoder("vit_micro", image_size=16, dim=16, depth=1, heads=2), views, **settings)


def told(spreads, key="feature_std", steps=100, every=10):
    """What is told after each row."""
    history, said = History(), []
    for i, spread in enumerate(spreads):
        history.log(i * every, **{key: spread})
        said.append(collapse(history, method(), 100, steps))
    return said


def test_two_low_rows_in_a_row_are_a_collapse_told_once_for_each_fall():
    said = told([0.005, 0.09, 0.009, 0.09, 0.009, 0.008, 0.007, 0.09, 0.001, 0.001])  # 0.1 is even
    assert [bool(s) for s in said] == [False] * 5 + [True, False, False, False, True]
    assert said[5].startswith("Step 50 of 100: the features collapse") and "feature_std 0.0080; 0.1000 if" in said[5]


def test_the_first_steps_do_not_count_and_missing_numbers_tell_nothing():
    assert told([0.001] * 5, steps=1000) == [None] * 5
    assert told([None] * 5) == [None] * 5 and told([0.02] * 5) == [None] * 5


def test_a_single_cluster_is_a_collapse_too():
    said = told([0.9, 0.1, 0.1, 0.1], key="assignment_entropy")
    assert [bool(s) for s in said] == [False, False, True, False] and "one cluster" in said[2]


@pytest.mark.parametrize(
    "kind, settings, words",
    [
        (SimSiam, {"stop_gradient": False}, "stop_gradient=False"),
        (SimSiam, {"predictor": False}, "predictor=False"),
        (BYOL, {"predictor": False}, "predictor=False"),
        (SwAV, {"iterations": 0}, "iterations=0"),
        (MoCo, {"momentum": 0.0}, "momentum=0.0"),
        (SwAV, {}, "epsilon=0.05"),
        (BYOL, {}, "learning rate"),
    ],
)
def test_the_likely_cause_is_what_was_taken_away(kind, settings, words):
    assert words in method(kind, **settings).collapse_cause()


def test_a_broken_run_is_told_by_the_loop_and_a_whole_one_is_not(capsys):
    images = torch.randint(0, 256, (64, 3, 20, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    said = {}
    for predictor in (False, True):
        byol = method(BYOL, predictor=predictor, momentum=0.5, out_dim=16, hidden_dim=16)
        pretrain(byol, images, steps=60, batch_size=32, lr=0.02, progress=False, device="cpu", log_every=5)
        said[predictor] = capsys.readouterr().out
    assert said[False].count("the features collapse") == 1 and "predictor=False" in said[False]
    assert said[True] == ""
