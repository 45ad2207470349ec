"""The patch explorer: each slider moves what it names, in place and quickly."""

import time

import matplotlib.pyplot as plt
import pytest
import torch

from coursekit.draws import Draws
from coursekit.models import build_encoder
from coursekit.runtime import CourseError
from coursekit.views import RandomView, TwoViews
from coursekit.widgets import patch_explorer


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return build_encoder("vit_micro", image_size=32, dim=16, depth=1, heads=2)


@pytest.fixture(scope="module")
def views():
    images = torch.randint(256, (3, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return TwoViews(RandomView(32, scale=(0.4, 0.8)))(images, Draws(0))


def test_every_slider_changes_picture_and_words(encoder, views):
    seen = patch_explorer(encoder, *views)
    start = seen.png, seen.alt
    assert "image 0, row 2, column 2." in seen.alt
    for name, value in {"image": 2, "row": 0, "column": 3}.items():
        before = seen.values[name]
        seen.controls[name].value = value
        assert seen.png != start[0] and f"{name} {value}" in seen.alt
        seen.controls[name].value = before
        assert (seen.png, seen.alt) == start
    assert plt.get_fignums() == [] and (seen.controls["row"].max, seen.controls["image"].max) == (3, 2)


def test_a_move_is_quick(encoder, views):
    seen = patch_explorer(encoder, *views)
    spent = []
    for k in range(8):
        clock = time.process_time()
        seen.set(row=k % 4, column=k // 4)
        spent.append(time.process_time() - clock)
    assert sorted(spent)[4] < 0.15


def test_without_a_kernel_there_is_the_picture_with_words(encoder, views, shown):
    seen = patch_explorer(encoder, *views, image=1, row=1, column=0)
    plain = [(data, metadata) for data, metadata in shown(seen) if "image/png" in data]
    assert len(plain) == 1 and plain[0][1]["image/png"]["alt"] == seen.alt and "image 1, row 1, column 0" in seen.alt


def test_it_says_what_it_needs(encoder, views):
    a, b = views
    with pytest.raises(CourseError, match="same images"):
        patch_explorer(encoder, a, b._replace(pixels=b.pixels[:2], theta=b.theta[:2]))
    with pytest.raises(CourseError, match="There is no row 4"):
        patch_explorer(encoder, a, b, row=4)
    with pytest.raises(CourseError, match="single place"):
        patch_explorer(build_encoder("resnet_micro", image_size=32, width=4), a, b)
