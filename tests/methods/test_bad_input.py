"""What cannot work is told before anything is trained, with the value that is wrong and what would fit."""

import math

import pytest
import torch

from coursekit.draws import Draws
from coursekit.methods import method_class, method_names
from coursekit.methods.colorization import GrayWithColor
from coursekit.methods.jigsaw import Jigsaw
from coursekit.methods.masked_patches import HiddenPatches
from coursekit.methods.masking import HiddenBlocks
from coursekit.methods.one_view import OneView
from coursekit.methods.registry import method_settings
from coursekit.methods.rotation import Rotations
from coursekit.models import build_encoder
from coursekit.runtime import CourseError
from coursekit.training import pretrain
from coursekit.training.checks import check_batch
from coursekit.views import MultiCrop, RandomView, TwoViews

VIEW = RandomView(16)
MAKERS = {
    "TwoViews": TwoViews(VIEW),
    "MultiCrop": MultiCrop(VIEW, RandomView(8), n_small=2),
    "Rotations": Rotations(VIEW),
    "Jigsaw": Jigsaw(16),
    "GrayWithColor": GrayWithColor(VIEW),
    "HiddenPatches": HiddenPatches(VIEW, patch=8),
    "HiddenBlocks": HiddenBlocks(VIEW, patch=8),
    "OneView": OneView(VIEW),
}
FITS = {  # method: the view makers that it learns from
    "rotation": {"Rotations"},
    "jigsaw": {"Jigsaw"},
    "colorization": {"GrayWithColor"},
    "visual_tokenizer": {"OneView"},
    **dict.fromkeys(("masked_patches", "mae", "beit"), {"HiddenPatches", "HiddenBlocks"}),
    **dict.fromkeys(("simclr", "moco", "byol", "simsiam", "patch_contrast", "region_contrast"), {"TwoViews"}),
    **dict.fromkeys(("swav", "lejepa", "dinov2"), {"TwoViews", "MultiCrop"}),
    "distill": set(MAKERS),
}


@pytest.fixture(scope="module")
def encoder():
    return build_encoder("vit_micro", image_size=16, dim=16, depth=1, heads=2)


def images(n=16):
    return torch.randint(0, 256, (n, 3, 20, 20), dtype=torch.uint8)


def made(name, encoder, views=None, **settings):
    """The method, by its class as in a lesson: settings are not compared with declared types on the way."""
    kind = method_class(name)
    return kind(encoder, views or kind.default_views(16), **settings)


NAN, INF = math.nan, math.inf
WRONG = {  # setting: what it may not be, what is said to fit
    "temperature": ([0.0, -0.1, NAN, INF, "warm"], "a number above 0"),
    "epsilon": ([0.0, -1.0, NAN], "a number above 0"),
    "iterations": ([-1, 2.5], "a whole number of at least 0"),
    "queue_size": ([-8, 64.0, True, "many"], "a whole number of at least"),
    "momentum": ([-0.1, 1.1, NAN], "a share from 0 to 1"),
    "freeze": ([-0.1, 1.5, NAN], "a share from 0 to 1"),
    "weight": ([-0.1, 1.5, NAN], "a share from 0 to 1"),
    "image_weight": ([-0.1, NAN, INF], "a number of at least 0"),
    "patch_weight": ([-0.1, NAN, INF], "a number of at least 0"),
    "tolerance": ([-0.1, 1.5, NAN], "a share from 0 to 1"),
    "overlap": ([-0.1, 1.5, NAN], "a share from 0 to 1"),
    "patch_layers": ([-1, 1.5], "a whole number of at least 0"),
    "regions": ([0, -1, 2.5], "a whole number of at least 1"),
    "prototypes": ([0, -3, 2.5], "a whole number of at least 1"),
    "directions": ([0, 2.5], "a whole number of at least 1"),
    "out_dim": ([0, -1, 2.5], "a whole number of at least 1"),
    "hidden_dim": ([0, -1], "a whole number of at least 1"),
    **dict.fromkeys(("decoder_dim", "decoder_depth", "decoder_heads"), ([0, -1, 2.5], "a whole number of at least 1")),
    "splits": ([0, -1, 1.5], "a whole number of at least 1"),
    "head_layers": ([-1, 1.5], "a whole number of at least 0"),
    **dict.fromkeys(("teacher_temperature", "first_temperature"), ([0.0, -0.1, NAN, INF], "a number above 0")),
    **dict.fromkeys(("center_momentum", "mask_probability"), ([-0.1, 1.1, NAN], "a share from 0 to 1")),
    **dict.fromkeys(
        ("dino_weight", "ibot_weight", "koleo_weight", "map_weight", "pooled_weight"),
        ([-1.0, NAN, INF], "a number of at least 0"),
    ),
    "warmup": ([-0.1, NAN, INF], "a number of at least 0"),
    **dict.fromkeys(("codes", "code_dim"), ([0, -1, 2.5], "a whole number of at least 1")),
    "commitment": ([-0.1, NAN, INF], "a number of at least 0"),
    "revive": ([-0.1, 1.1, NAN], "a share from 0 to 1"),
}
KNOWN = {name: method_settings(method_class(name)) for name in method_names()}


@pytest.mark.parametrize(("name", "setting"), [(n, s) for n in FITS for s in WRONG if s in KNOWN[n]])
def test_a_setting_that_cannot_work_is_told_with_what_fits(name, setting, encoder):
    values, fits = WRONG[setting]
    for value in values:
        with pytest.raises(CourseError, match=f"{setting} is {value!r}: give {fits}"):
            made(name, encoder, **{setting: value})


def test_every_number_among_the_settings_of_a_method_is_tried_above():
    """A new setting needs a check, and a row above."""
    numbers = {s for n in FITS for s, setting in KNOWN[n].items() if setting.kind in (int, float)}
    assert numbers <= set(WRONG), numbers - set(WRONG)


def test_a_queue_has_room_for_a_key_and_clusters_are_several(encoder):
    with pytest.raises(CourseError, match="queue_size is 0: give a whole number of at least 1"):
        made("moco", encoder, queue_size=0)
    assert made("swav", encoder, queue_size=0).queue is None
    with pytest.raises(CourseError, match="2 prototypes or more, not 1"):
        made("swav", encoder, prototypes=1)


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("name", FITS)
def test_views_of_another_task_are_told(name, maker, encoder):
    if maker in FITS[name]:
        method = made(name, encoder, MAKERS[maker])
        assert len(method.view_maker.sides) == len(method.views(images(2), Draws(0)))
        return
    fitting = sorted(FITS[name])[-1]  # TwoViews rather than MultiCrop
    with pytest.raises(CourseError, match=rf"{fitting}.* not those of {maker}|{maker} makes \d\. Take {fitting}"):
        made(name, encoder, MAKERS[maker])


@pytest.mark.parametrize("name", ["swav", "lejepa"])
def test_one_view_has_nothing_to_be_compared_with(name, encoder):
    with pytest.raises(CourseError, match="compares 2 views or more of an image, and MultiCrop makes 1. Take TwoViews"):
        made(name, encoder, MultiCrop(VIEW, VIEW, n_large=1, n_small=0))


@pytest.mark.parametrize("maker", [m for m in MAKERS.values() if not isinstance(m, (TwoViews, MultiCrop))])
def test_a_view_makers_sides_are_those_of_what_the_encoder_sees(maker):
    (view,) = maker(images(2), Draws(0))
    tiles = maker.grid if isinstance(maker, Jigsaw) else 1
    assert maker.sides == (view.pixels.shape[-1] // tiles,)
    assert MAKERS["MultiCrop"].sides == tuple(v.pixels.shape[-1] for v in MAKERS["MultiCrop"](images(2), Draws(0)))


def test_views_that_the_encoder_cannot_see_are_told(encoder):
    for name, maker, side in (
        ("jigsaw", Jigsaw(20), 20),
        ("simclr", TwoViews(RandomView(20)), 20),
        ("swav", MultiCrop(VIEW, RandomView(12)), 12),
    ):
        with pytest.raises(
            CourseError, match=rf"{type(maker).__name__} shows the encoder {side} px.*multiples of 8 px"
        ):
            made(name, encoder, maker)
    made("jigsaw", build_encoder("resnet_micro_cifar", width=4), Jigsaw(20))  # convolutions take any size


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Jigsaw(16, grid=4), "grid of 2 or 3 tiles along a side, not 4"),
        (lambda: Jigsaw(16, grid=2.5), "grid is 2.5"),
        (lambda: Jigsaw(0), "tile is 0"),
        (lambda: Jigsaw(16, gap=-1), "gap is -1"),
        (lambda: Jigsaw(16, orders=1), "9 tiles have 362880 orders; 1 cannot be chosen"),
        (lambda: HiddenPatches(VIEW, patch=0), "patch is 0"),
        (lambda: HiddenPatches(VIEW, patch=4.0), "patch is 4.0"),
        (lambda: HiddenPatches(VIEW, patch=6), "has to divide the view"),
        (lambda: HiddenPatches(VIEW, patch=4, share=NAN), "share is nan"),
        (lambda: HiddenPatches(VIEW, patch=4, share=1.2), "share is 1.2"),
        (lambda: HiddenBlocks(VIEW, patch=4, share=1.0), "some patches are hidden, not all"),
        (lambda: HiddenBlocks(VIEW, patch=4, least=1.5), "least is 1.5"),
        (lambda: MultiCrop(VIEW, VIEW, n_large=0), "n_large >= 1"),
    ],
)
def test_views_that_cannot_be_made_are_told(make, words):
    with pytest.raises(CourseError, match=words):
        make()


@pytest.mark.parametrize(
    ("name", "settings", "batch_size", "words"),
    [
        ("moco", {"queue_size": 4}, 8, "queue of 4 keys.*batches of 8. Take queue_size=8,"),
        ("moco", {"queue_size": 20}, 8, "queue of 20 keys.*batches of 8. Take queue_size=24,"),
        ("swav", {"queue_size": 4}, 8, "queue of 4 keys.*batches of 8. Take queue_size=8,"),
        ("swav", {"queue_size": 20}, 8, "queue of 20 keys.*batches of 8. Take queue_size=24,"),
        ("moco", {"queue_size": 8, "splits": 3}, 8, "8 images have no 3 equal parts.*take splits of 1, 2, 4, not 3"),
        ("moco", {"queue_size": 8, "splits": 8}, 8, "8 images have no 8 equal parts.*take splits of 1, 2, 4, not 8"),
        *((name, {}, 1, "two images or more.*it has 1") for name in FITS),
    ],
)
def test_a_batch_that_does_not_fit_is_told_before_it_is_trained_on(name, settings, batch_size, words, encoder):
    method = made(name, encoder, **settings)
    method.before_step = lambda at: pytest.fail("it was trained")
    with pytest.raises(CourseError, match=words):
        pretrain(method, images(), steps=1, batch_size=batch_size, progress=False, device="cpu")


def test_a_process_needs_two_images():
    with pytest.raises(CourseError, match="batch of 4 leaves each of 4 processes one image.*Take 8 or more"):
        check_batch(images(), 1, 4, world=4)
    check_batch(images(), 1, 8, world=4)
