"""What lesson 08 measures: the cost of a step, how deep a patch is hidden, and a world that k-NN misjudges."""

import pytest
import torch

from coursekit import evaluation
from coursekit.methods import build_method
from coursekit.methods.masked_patches import HiddenPatches
from coursekit.models import build_encoder
from coursekit.runtime import CourseError
from coursekit.views import RandomView


def test_fewer_visible_patches_cost_less_memory_and_nothing_is_left_behind():
    torch.manual_seed(0)
    view = RandomView(32, jitter=0.0, grayscale=0.0, blur=0.0)
    methods = {}
    for share in (0.25, 0.75):
        encoder = build_encoder("vit_micro", image_size=32, dim=32, depth=3, heads=2)
        methods[share] = build_method("mae", encoder, HiddenPatches(view, 8, share), decoder_dim=8, decoder_heads=2)
    images = torch.randint(256, (4, 3, 32, 32), dtype=torch.uint8)
    costs = evaluation.step_costs(methods, images, rounds=1)
    assert costs[0.75]["activations"] < 0.8 * costs[0.25]["activations"]
    assert all(cost["seconds"] > 0 for cost in costs.values())
    assert all(p.grad is None for method in methods.values() for p in method.parameters())
    with pytest.raises(CourseError, match="rounds"):
        evaluation.step_costs(methods, images, rounds=0)


def test_depth_counts_steps_to_what_is_visible():
    mask = torch.ones(2, 5, 5, dtype=torch.bool)
    mask[0, 0, 0] = False
    mask[1, :, 2] = False
    depth = evaluation.hidden_depth(mask.flatten(1)).view(2, 5, 5)
    row, column = torch.meshgrid(torch.arange(5), torch.arange(5), indexing="ij")
    assert depth[0].equal(torch.maximum(row, column)) and depth[1].equal((column - 2).abs())
    assert evaluation.hidden_depth(torch.zeros(1, 9, dtype=torch.bool)).sum() == 0
    with pytest.raises(CourseError, match="hidden whole"):
        evaluation.hidden_depth(torch.ones(1, 4, dtype=torch.bool))


def test_what_a_grouping_explains_is_the_variance_between_its_groups():
    groups = torch.tensor([0, 0, 3, 3])
    values = torch.tensor([[0.0], [2.0], [4.0], [6.0]])
    assert evaluation.variance_explained(groups, values) == pytest.approx(1 - 4 / 20)
    assert evaluation.variance_explained(torch.arange(4), values) == pytest.approx(1)
    assert evaluation.variance_explained(torch.zeros(4, dtype=torch.long), values) == pytest.approx(0)
    with pytest.raises(CourseError, match="All rows are alike"):
        evaluation.variance_explained(groups, torch.ones(4, 2))


def test_a_thin_class_is_found_by_a_linear_probe_and_lost_on_k_nn():
    one, many = ([evaluation.thin_class(wide, seed=seed) for seed in (0, 1)] for wide in (1, 32))
    for (x, y), (test_x, test_y), knn_finds in ((*one, True), (*many, False)):
        assert (evaluation.knn_accuracy(x, y, test_x, test_y) > 0.9) == knn_finds
        assert evaluation.linear_probe(x, y, test_x, test_y).accuracy > 0.95
    x, y = many[0]
    assert x.shape == (400, 33) and y.bincount().tolist() == [200, 200]
    assert x[:, 0].std() < 0.5 * x[:, 1:].std() and (x[y == 1, 0] > 0).float().mean() > 0.98
