"""The segmentation probe: IoU against a naive loop, the prior that sampling shifts, known answers, honest intervals."""

from dataclasses import replace
from importlib import import_module

import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import jaccard_score
from torch import nn

from coursekit.data.images import ImageSet
from coursekit.evaluation import iou_difference, mean_iou, named_places, scene_bootstrap, segmentation_probe
from coursekit.models import Encoder
from coursekit.runtime import CourseError

probe = import_module("coursekit.evaluation.dense_probe")  # the function of that name hides the file
NAMES = ("person", "bicycle", "car")
COLORS = torch.tensor([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], dtype=torch.uint8)


def painted(n: int = 12, seed: int = 0) -> ImageSet:
    """Scenes of 64 px with two rectangles each, in the colour of their class."""
    generator = torch.Generator().manual_seed(seed)
    masks = torch.zeros(n, 64, 64, dtype=torch.uint8)
    for i, mask in enumerate(masks):
        for value in (1 + i % 3, 1 + (i + 1) % 3):
            y, x = torch.randint(0, 40, (2,), generator=generator).tolist()
            mask[y : y + 24, x : x + 20] = value
    return ImageSet(COLORS[masks.long()].permute(0, 3, 1, 2).contiguous(), None, NAMES, masks)


class Seen(Encoder):
    """Its map is the mean colour of each cell; with a pyramid, at strides 8 and 16."""

    dim, stride = 3, 8

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def features(self, pixels):
        x = self.scale * F.avg_pool2d(pixels, 8)
        return x.mean(dim=(2, 3)), x


class Pyramid(Seen):
    def pyramid(self, pixels):
        return self.features(pixels)[1], self.scale * F.avg_pool2d(pixels, 16)


def judged(n: int = 6, kept: float = 1.0, seed: int = 0, sharpness: float = 1.0):
    """A dense score of random probabilities, better than chance, of n scenes with 4 x 5 places."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randint(-1, 4, (n, 4, 5), generator=torch.Generator().manual_seed(9))
    logits = torch.randn(n, 4, 5, 4, generator=generator) + sharpness * F.one_hot(truth.clamp(min=0), 4)
    counts = scene_bootstrap.scene_counts(n, 0)
    return probe._judge(logits.softmax(dim=3), truth, counts, NAMES, 0.1, kept)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(scene_bootstrap, "RESAMPLES", 200)


def test_iou_equals_a_naive_loop_and_scikit_learn():
    score = judged()
    found = mean_iou(score)
    named, hits = named_places(score), 0
    both, either = [0] * 4, [0] * 4
    for place in torch.cartesian_prod(*map(torch.arange, score.truth.shape)).tolist():
        true, called = score.truth[tuple(place)].item(), named[tuple(place)].item()
        assert called == score.probabilities[tuple(place)].argmax()
        if true < 0:
            continue
        hits += true == called
        for value in range(4):
            both[value] += true == value and called == value
            either[value] += value in (true, called)
    wanted = [a / b for a, b in zip(both, either, strict=True)]
    clear = score.truth >= 0
    assert [iou.mean for iou in found.classes.values()] == pytest.approx(wanted, abs=1e-12)
    assert wanted == pytest.approx(jaccard_score(score.truth[clear], named[clear], average=None).tolist())
    assert found.mean.mean == pytest.approx(sum(wanted) / 4) and list(found.classes) == ["background", *NAMES]
    assert found.places == clear.sum() and found.accuracy == pytest.approx(hits / found.places)
    assert found.baseline == pytest.approx((score.truth[clear] == 0).double().mean().item() / 4)
    assert str(found).startswith(f"mean IoU {found.mean.mean:.3f} [") and f"{found.baseline:.3f})" in str(found)


def test_unclear_places_change_nothing():
    score = judged()
    before = mean_iou(score)
    score.probabilities[score.truth < 0] = torch.tensor([0.0, 1.0, 0.0, 0.0])
    assert mean_iou(score) == before


def test_the_prior_is_corrected_exactly():
    """Two kinds of places that look alike within themselves: the sample says "object" of a kind that is mostly background."""
    kept = 0.1
    rare, common = 30 / 100, 1 / 100  # share of objects among places of either kind, in the scenes
    shifted = torch.tensor([share / (share + kept * (1 - share)) for share in (rare, common)])  # in the sample
    said = torch.stack([1 - shifted, shifted, 0 * shifted, 0 * shifted], dim=1)
    assert shifted[0] > 0.5 > rare  # the model's own word would be "object"
    score = judged(2, kept)
    score.probabilities[:] = said[0]
    score.probabilities[1] = said[1]
    assert (named_places(score) == 0).all() and (named_places(score, correct_prior=False)[0] == 1).all()
    corrected = said[:, 0] / kept
    torch.testing.assert_close(said[:, 1] / (corrected + said[:, 1]), torch.tensor([rare, common]))
    assert mean_iou(score).classes["person"].mean == 0 != mean_iou(score, correct_prior=False).classes["person"].mean


def test_the_dense_probe_says_which_share_of_the_background_it_kept(monkeypatch):
    train, test = painted(), painted(seed=1)
    assert probe.dense_probe(Seen(), train, test).background_kept == 1
    monkeypatch.setattr(probe, "LEAST_BACKGROUND", 1)
    monkeypatch.setattr(probe, "BACKGROUND_PER_OBJECT", 1)
    label = probe.place_labels(train.masks, 8)
    kept = int((label > 0).sum()) / int((label == 0).sum())
    score = probe.dense_probe(Pyramid(), train, test)
    assert score.background_kept == kept < 0.5 and all(level.background_kept == kept for level in score.levels.values())


def test_features_that_tell_all_score_high_and_blind_ones_the_baseline():
    train, test = painted(60), painted(seed=1)
    for encoder in (Seen(), Pyramid(), None):
        found = segmentation_probe(encoder, train, test)
        assert found.mean.mean > 3 * found.baseline and found.mean.n == 12
        assert found == mean_iou(probe.dense_probe(encoder, train, test))
    blind = Seen()
    blind.scale.data.zero_()
    nothing = segmentation_probe(blind, train, test)
    assert nothing.mean.mean == nothing.baseline and nothing.accuracy == nothing.classes["background"].mean
    assert nothing.classes["car"].mean == 0


def test_the_interval_is_that_of_resampled_scenes_and_covers():
    score = judged(8)
    confusion, counts = iou_module()._confusion(score), scene_bootstrap.scene_counts(8, 0)
    rows = counts[5].long()
    again = torch.repeat_interleave(torch.arange(8), rows)  # the scenes of one resample, some of them several times
    truth, named = score.truth[again], named_places(score)[again]
    wanted = jaccard_score(truth[truth >= 0], named[truth >= 0], average=None)
    torch.testing.assert_close(iou_module()._ious(confusion, counts)[5], torch.tensor(wanted))
    assert mean_iou(score, seed=0) == mean_iou(score, seed=0) != mean_iou(score, seed=1)

    def scenes(n, seed):
        generator = torch.Generator().manual_seed(seed)
        truth = torch.rand(n, 5, 5, generator=generator) < 0.8 * torch.rand(n, 1, 1, generator=generator)
        right = torch.rand(n, 5, 5, generator=generator) < torch.rand(n, 1, 1, generator=generator) * 0.5 + 0.5
        called = torch.where(right, truth, ~truth)
        said = torch.stack([~called, called], dim=3).float()
        return replace(score, probabilities=said, truth=truth.long(), classes={"car": None})

    large = iou_module()._confusion(scenes(20_000, 999)).sum(dim=0, keepdim=True)
    true = iou_module()._ious(large, torch.ones(1, 1).double()).mean().item()
    covered = sum(i.low < true < i.high for i in (mean_iou(scenes(30, seed)).mean for seed in range(100)))
    assert 88 <= covered <= 99, covered


def test_a_resample_without_a_class_says_nothing_of_it():
    score = judged(3)
    score.truth[1:][score.truth[1:] == 2] = 1
    found = iou_module()._ious(iou_module()._confusion(score), torch.eye(3).double())
    assert found[1:, 2].isnan().all() and not found[0].isnan().any()


def test_differences_are_paired():
    better, worse = judged(20, sharpness=3.0), judged(20)
    gain = iou_difference(worse, better)
    assert gain.mean == pytest.approx(mean_iou(better).mean.mean - mean_iou(worse).mean.mean) and gain.clear
    nothing = iou_difference(worse, worse)
    assert nothing.mean == nothing.low == nothing.high == 0 and not nothing.clear
    with pytest.raises(CourseError, match="different scenes"):
        iou_difference(better, judged(19))


def test_it_asks_for_what_the_dense_probe_asks_for():
    with pytest.raises(CourseError, match="with masks"):
        segmentation_probe(None, ImageSet(painted().images), painted())
    with pytest.raises(CourseError, match="do not divide"):
        segmentation_probe(None, painted(), painted(seed=1), cell=10)


def iou_module():
    return import_module("coursekit.evaluation.segmentation_probe")  # the function of that name hides the file
