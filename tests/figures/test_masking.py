"""Pictures of lesson 08: what they show is what was given to them, and each says what is in it."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from coursekit import evaluation, figures
from coursekit.figures import masking
from coursekit.figures.images import to_rgb
from coursekit.figures.style import alt_text
from coursekit.recipes.recorded import Recorded


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


def lines(ax) -> dict:
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines}


def test_the_diagram_hides_three_quarters_for_mae_and_names_both_methods():
    diagram = figures.masked_modeling_diagram()
    assert "tokenizer" in str(diagram) and str(diagram).count(">m</text>") == 9 + 5
    assert "MAE" in diagram.description and "BEiT" in diagram.description


def test_costs_are_shares_of_the_first_point():
    costs = {"MAE": {0.5: {"seconds": 1.0, "activations": 30.0}, 0.0: {"seconds": 2.0, "activations": 40.0}}}
    fig = figures.cost_curves(costs, "Title")
    assert lines(fig.axes[0])["MAE"] == ([0.0, 50.0], [1.0, 0.5])
    assert lines(fig.axes[1])["MAE"] == ([0.0, 50.0], [1.0, 0.75])
    assert "time of a step, MAE: 0.50 at 50%" in alt_text(fig)


def test_recorded_numbers_stand_over_their_share_with_every_seed_and_without_what_is_missing():
    rows = [
        {"method": method, "share": share, "seed": seed, "error": error, "objects": 0.5 + seed / 10}
        for method, error in (("mae", 0.25), ("beit", None))
        for share in (0.75, 0.5)
        for seed in (0, 1)
    ]
    fig = figures.share_curves(
        Recorded("", {}, {}, rows, {"objects": 0.4}),
        {"error": "error", "objects": "objects, AP, %"},
        {"mae": "MAE", "beit": "BEiT"},
    )
    error, objects = fig.axes
    assert "BEiT" not in lines(error) and lines(error)["MAE"] == ([50.0, 75.0], [0.25, 0.25])
    assert lines(objects)["BEiT"][1] == pytest.approx([55.0, 55.0]) and objects.get_legend()
    seeds = [line for line in objects.lines if line.get_linestyle() == "None"]
    assert sorted(seeds[0].get_ydata()) == pytest.approx([50, 50, 60, 60])
    assert lines(objects)["random encoder"][1][0] == pytest.approx(40)
    assert "objects, AP, %, MAE: 55 at 50%, 55 at 75%" in alt_text(fig)
    assert all(ax.get_ylim()[0] == 0 and ax.get_ylim()[1] > max(lines(ax)["MAE"][1]) for ax in fig.axes)


def test_a_single_seed_brings_its_own_interval():
    rows = [
        {"method": "mae", "share": share, "seed": 0, "objects": 0.5, "objects_low": 0.4, "objects_high": 0.7}
        for share in (0.25, 0.75)
    ]
    fig = figures.share_curves(Recorded("", {}, {}, rows), {"objects": "objects, AP, %"}, {"mae": "MAE"})
    arms = [segment for bars in fig.axes[0].collections for segment in bars.get_segments()]
    assert [point.tolist() for point in arms[0]] == [[25, pytest.approx(40)], [25, pytest.approx(70)]]


def test_judges_stand_beside_each_other_with_their_recorded_intervals():
    ends = {"knn_low": 0.1, "knn_high": 0.3, "finetune_low": 0.45, "finetune_high": 0.55}
    rows = [
        {"method": "mae", "knn": 0.2, "finetune": 0.5, **ends},
        {"method": "mae", "knn": 0.9, "finetune": 0.9, **ends},
    ]
    fig = figures.judge_bars(rows, {"MAE": "mae"}, {"knn": "k-NN", "finetune": "fine-tuned"})
    assert "MAE, k-NN: 20.0" in alt_text(fig) and "MAE, fine-tuned: 50.0" in alt_text(fig)
    ends = [segment for bars in fig.axes[0].collections for segment in bars.get_segments()]
    assert [round(float(x)) for x in ends[0][:, 0]] == [10, 30]
    assert "guessing" not in lines(fig.axes[0])
    fig = figures.judge_bars(rows, {"MAE": "mae"}, {"knn": "k-NN"}, guessing=0.05)
    assert lines(fig.axes[0])["guessing"][0] == pytest.approx([5, 5]) and alt_text(fig).endswith("Guessing: 5.0.")


def test_a_word_map_writes_each_patch_s_number_in_its_place():
    pixels, tokens = torch.rand(3, 32, 32), torch.arange(16) * 3
    fig = figures.word_map(pixels, tokens, pixels.flip(2))
    texts = {(text.get_position(), text.get_text()) for text in fig.axes[1].texts}
    assert ((0.5, 0.5), "0") in texts and ((1.5, 2.5), "27") in texts and len(texts) == 16
    assert np.array_equal(fig.axes[2].images[0].get_array(), to_rgb(pixels.flip(2)))
    assert "16 different numbers" in alt_text(fig) and "0 3 6 9" in alt_text(fig)


def test_a_vocabulary_shows_patches_of_its_own_code_only():
    patches = torch.arange(6, dtype=torch.uint8).view(6, 1, 1, 1).expand(6, 3, 4, 4) * 40
    tokens = torch.tensor([7, 7, 2, 7, 2, 2])
    fig = figures.visual_words(patches, tokens, {7: patches[0], 5: patches[5]}, n=2)
    grid = np.array(fig.axes).reshape(3, 2)
    assert [ax.get_title() for ax in grid[0]] == ["7", "5"]
    shown = [int(np.asarray(ax.images[0].get_array())[0, 0, 0]) for ax in grid[:, 0]]
    assert shown == [0, 0, 120] and not grid[1, 1].images, "the first and the last of code 7; none of code 5"
    assert "7 (3 patches), 5 (0 patches)" in alt_text(fig)


def test_code_usage_is_sorted_and_told():
    fig = figures.code_usage({"with": torch.tensor([1, 3, 0, 6]), "without": torch.tensor([0, 10, 0, 0])})
    assert lines(fig.axes[0])["with"][1] == pytest.approx([60, 30, 10]), "the curve ends at the last code in use"
    assert [text.get_text() for text in fig.axes[0].texts] == ["3 used", "1 used"]
    assert "with: 3 of 4 codes used, the first by 60.0 %" in alt_text(fig) and "25.0 %" in alt_text(fig)


def test_the_thin_class_picture_shows_both_classes_and_both_judges():
    features, labels = evaluation.thin_class(1, n=40)
    fig = figures.thin_class_picture(features, labels, {"k-NN": {1: 0.9, 4: 0.6}, "linear probe": {1: 1.0, 4: 0.95}})
    left, right = fig.axes
    assert len(lines(left)["class 0"][0]) == len(lines(left)["class 1"][0]) == 20
    assert lines(right)["k-NN"] == ([1, 4], [90.0, 60.0]) and "60 % with 4" in alt_text(fig)


def test_published_numbers_have_a_place_for_each_size_and_their_source():
    fig = figures.published_scaling()
    assert lines(fig.axes[0])["MAE"][1] == [83.6, 85.9, 86.9] and "table 3" in alt_text(fig)
    assert all(len(values) <= len(masking.PUBLISHED_SIZES) for values in masking.PUBLISHED.values())


def test_pictures_of_a_target_have_their_names():
    fig = figures.target_row({"image": torch.rand(3, 8, 8), "target": torch.rand(3, 8, 8)})
    assert [ax.get_title() for ax in fig.axes] == ["image", "target"] and "image; target" in alt_text(fig)


def test_two_equal_published_numbers_stand_beside_each_other():
    found = {name: x for name, (x, _) in lines(figures.published_scaling().axes[0]).items()}
    assert found["BEiT"][0] < found["MAE"][0] == 86 < found["MoCo v3"][0]
