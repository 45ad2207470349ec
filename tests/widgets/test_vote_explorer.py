"""The vote explorer: each slider moves what it names, and the picture is never without its description."""

import matplotlib.pyplot as plt
import pytest
import torch

from coursekit.data.images import ImageSet
from coursekit.evaluation.knn import knn_predict
from coursekit.runtime import CourseError
from coursekit.widgets import vote_explorer

NAMES = ("cat", "bus", "dog")


def photos(n: int) -> ImageSet:
    pixels = torch.randint(256, (n, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(n))
    return ImageSet(pixels, torch.arange(n) % 3, NAMES)


def tensors(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


BANK, QUERIES = photos(60), photos(8)
FEATURES = {"one": (tensors(0, 60, 6), tensors(1, 8, 6)), "other": (tensors(2, 60, 4), tensors(3, 8, 4))}


def test_every_slider_changes_the_picture_and_the_words():
    seen = vote_explorer(BANK, QUERIES, FEATURES, k=7)
    start = seen.png, seen.alt
    for name, value in {"query": 3, "k": 30, "temperature": 1.0}.items():
        before = seen.values[name]
        seen.controls[name].value = value
        assert seen.values[name] == value and seen.png != start[0] and seen.alt != start[1], name
        seen.controls[name].value = before
        assert (seen.png, seen.alt) == start, name
    assert plt.get_fignums() == []


def test_the_words_are_those_of_the_judge():
    seen = vote_explorer(BANK, QUERIES, FEATURES, query=2, k=9, temperature=0.2)
    for name, (a, b) in FEATURES.items():
        winner = NAMES[knn_predict(a, BANK.labels, b[2:3], 9, 0.2).item()]
        assert (
            f"{name}: " in seen.alt and f"the vote says {winner} with" in seen.alt.split(f"{name}: ")[1].split(";")[0]
        )


def test_sliders_end_where_images_do():
    seen = vote_explorer(BANK[:20], QUERIES, {"one": (FEATURES["one"][0][:20], FEATURES["one"][1])})
    assert seen.controls["k"].max == 20 and seen.controls["query"].max == 7
    assert vote_explorer(BANK, QUERIES, FEATURES).controls["k"].max == 50
    seen.controls["k"].value = 20
    assert "of 20 neighbours" in seen.alt


def test_what_cannot_be_voted_on_is_refused():
    with pytest.raises(CourseError, match="vote_explorer: .*features of 60 and 8"):
        vote_explorer(BANK, QUERIES, {"one": (FEATURES["one"][0], FEATURES["other"][0])})
