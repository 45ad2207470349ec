"""The dense probe: labels against a naive loop, features where they belong, known answers, honest splits and intervals."""

from importlib import import_module

import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import average_precision_score
from torch import nn

from coursekit.data.images import ImageSet
from coursekit.evaluation import dense_difference, dense_probe, place_features, place_labels, scene_bootstrap
from coursekit.evaluation.average_precision import ranking_precision
from coursekit.models import Encoder, build_encoder
from coursekit.runtime import CourseError
from coursekit.views import denormalize, normalize

probe = import_module("coursekit.evaluation.dense_probe")  # the function of that name hides the file
NAMES = ("person", "bicycle", "car", "bus")
COLORS = torch.tensor([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]], dtype=torch.uint8)


def painted(n: int = 16, seed: int = 0, values: tuple[int, ...] = (1, 2, 3, 4)) -> ImageSet:
    """Scenes of 64 px with two rectangles each, in the colour of their class."""
    generator = torch.Generator().manual_seed(seed)
    masks = torch.zeros(n, 64, 64, dtype=torch.uint8)
    for i, mask in enumerate(masks):
        for value in (values[i % len(values)], values[(i + 1) % len(values)]):
            y, x = torch.randint(0, 40, (2,), generator=generator).tolist()
            mask[y : y + 24, x : x + 20] = value
    return ImageSet(COLORS[masks.long()].permute(0, 3, 1, 2).contiguous(), None, NAMES, masks)


class Seen(Encoder):
    """Its map is what it sees: the mean colour of each cell. With `noise` random numbers, other ones for each image."""

    dim, stride = 3, 8

    def __init__(self, stride: int = 8, noise: bool = False):
        super().__init__()
        self.norm, self.stride, self.noise = nn.BatchNorm2d(3), stride, noise

    def features(self, pixels):
        x = self.norm(F.avg_pool2d(pixels, self.stride))
        if self.noise:
            generator = torch.Generator().manual_seed(int(1e4 * pixels.double().abs().sum()) % 2**31)
            x = torch.randn(x.shape, generator=generator)
        return x.mean(dim=(2, 3)), x


class Pyramid(Seen):
    """Noise at stride 8, the colours at stride 16."""

    def pyramid(self, pixels):
        return Seen(8, noise=True).eval().features(pixels)[1], Seen(16).eval().features(pixels)[1]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(scene_bootstrap, "RESAMPLES", 200)


def test_labels_of_places_equal_a_naive_loop():
    masks = torch.randint(0, 3, (3, 24, 16), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    masks[1] = (torch.rand(24, 16, generator=torch.Generator().manual_seed(1)) < 0.1) * 2
    masks[2, :8, :4] = 1  # one place: exactly half of it, and so not more
    masks[2, :8, 4:8] = 0
    found = place_labels(masks, 4)
    for i in range(3):
        for row in range(6):
            for column in range(4):
                part = masks[i, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4].flatten().tolist()
                expected = 0 if part.count(0) / 16 >= 0.9 else -1
                expected = next((value for value in (1, 2) if part.count(value) / 16 > 0.5), expected)
                assert found[i, row, column] == expected
    assert place_labels(masks, 8)[2, 0, 0] == -1 and set(found.unique().tolist()) == {-1, 0, 1, 2}


def test_features_stand_where_they_were_seen():
    images = torch.randint(0, 256, (2, 3, 64, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    pixels = normalize(images / 255)
    one = place_features(Seen(8).eval(), images, 8)
    assert list(one) == ["stride 8"] and one["stride 8"].shape == (2, 8, 4, 3)
    torch.testing.assert_close(one["stride 8"], Seen(8).eval().features(pixels)[1].permute(0, 2, 3, 1))
    levels = place_features(Pyramid().eval(), images, 8)
    assert list(levels) == ["stride 8", "stride 16", "all levels"]
    assert torch.equal(levels["all levels"], torch.cat([levels["stride 8"], levels["stride 16"]], dim=3))
    coarse = Seen(16).eval().features(pixels)[1]
    expected = F.interpolate(coarse, (8, 4), mode="bilinear").permute(0, 2, 3, 1)
    torch.testing.assert_close(levels["stride 16"], expected)
    fine = place_features(Seen(4).eval(), images, 16)["stride 4"]  # a finer map is averaged
    assert fine.shape == (2, 4, 2, 3)


def test_a_lit_patch_of_a_vit_lights_its_own_place(seeded):
    encoder = build_encoder("vit_micro", image_size=32, dim=16, depth=1, heads=2, registers=3).eval()
    dark = torch.zeros(1, 3, 32, 48, dtype=torch.uint8)
    lit = dark.clone()
    lit[:, :, 8:16, 32:40] = 255
    changed = (place_features(encoder, lit, 8)["stride 8"] - place_features(encoder, dark, 8)["stride 8"]).norm(dim=3)
    assert changed.shape == (1, 4, 6) and changed.argmax() == 1 * 6 + 4


def test_raw_pixels_are_the_surroundings_of_a_place():
    images = torch.randint(0, 256, (1, 3, 48, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    found = place_features(None, images, 8)["raw pixels"]
    assert found.shape == (1, 6, 8, 3 * 8 * 8)
    patch = denormalize(found[0, 2, 3].view(3, 8, 8))  # rows 16 to 24 and columns 24 to 32, and 12 px around them
    expected = F.avg_pool2d(images[:, :, 4:36, 12:44] / 255, 4)[0]
    torch.testing.assert_close(patch, expected, atol=1e-5, rtol=0)


def test_ranking_precision_is_scikit_learns_for_every_resample():
    generator = torch.Generator().manual_seed(0)
    score = torch.randint(0, 40, (300,), generator=generator) / 7  # many ties
    positive = torch.rand(300, generator=generator) < score / 12
    scene = torch.randint(0, 6, (300,), generator=generator)
    counts = torch.cat([torch.ones(1, 6).long(), torch.randint(0, 4, (20, 6), generator=generator)])
    found = ranking_precision(score, positive, scene, counts)
    for row, value in zip(counts, found, strict=True):
        places = torch.arange(300).repeat_interleave(row[scene])
        assert value.item() == pytest.approx(average_precision_score(positive[places], score[places]), abs=1e-12)
    none = torch.ones(300, dtype=torch.bool)
    none[scene == 2] = False
    assert ranking_precision(score, none, scene, torch.eye(6)[2:3]).isnan().all()


def test_perfect_features_score_1_and_noise_scores_chance():
    train, test = painted(), painted(seed=1)
    truth = place_labels(test.masks, 8)
    clear = truth[truth >= 0]
    perfect, noise = (dense_probe(encoder, train, test) for encoder in (Seen(), Seen(noise=True)))
    assert perfect.objects.mean == pytest.approx(1, abs=1e-9) and perfect.mean_class.mean == pytest.approx(1, abs=1e-9)
    assert list(perfect.classes) == list(NAMES) and perfect.objects.n == 16
    for score in (perfect, noise):
        assert score.places == len(clear) and score.left_out == pytest.approx(1 - len(clear) / truth.numel())
        assert score.chance == pytest.approx((clear > 0).double().mean().item())
        assert score.class_chance == pytest.approx(score.chance / 4)
        assert score.levels == {} and score.seconds > 0 and torch.equal(score.truth, truth)
        assert score.probabilities.shape == (16, 8, 8, 5) and "\n" not in str(score)
        assert str(score).startswith(f"object {score.objects.mean:.3f} [") and f"chance {score.chance:.3f}" in str(
            score
        )
        each = [score.probabilities[truth >= 0][:, 1 + c] for c in range(4)]
        wanted = [average_precision_score(clear == 1 + c, each[c]) for c in range(4)]
        assert [ap.mean for ap in score.classes.values()] == pytest.approx(wanted)
        assert score.mean_class.mean == pytest.approx(sum(wanted) / 4)
    assert abs(noise.objects.mean - noise.chance) < 0.06 and abs(noise.mean_class.mean - noise.class_chance) < 0.04
    better = dense_difference(noise, perfect)
    assert better["objects"].mean == pytest.approx(perfect.objects.mean - noise.objects.mean)
    assert better["objects"].clear and better["mean_class"].clear and str(better["objects"]).startswith("+")
    assert dense_difference(noise, noise)["objects"].mean == 0 and not dense_difference(noise, noise)["objects"].clear


def test_a_pyramid_is_judged_by_level_and_as_a_whole():
    score = dense_probe(Pyramid(), painted(), painted(seed=1))
    noise, colors = score.levels["stride 8"], score.levels["stride 16"]
    assert list(score.levels) == ["stride 8", "stride 16"]
    assert noise.objects.mean < score.chance + 0.06 and colors.objects.mean > 0.9 and score.objects.mean > 0.9
    alone = dense_probe(Seen(16), painted(), painted(seed=1))
    assert alone.objects.mean == pytest.approx(colors.objects.mean, abs=0.02)  # one grid, so one question
    assert alone.chance == colors.chance and torch.equal(alone.truth, colors.truth)


def test_the_encoder_stays_as_it_was_and_learns_nothing(seeded):
    train, test = painted(), painted(seed=1)
    encoder = build_encoder("resnet_micro", image_size=64, width=4, stem="cifar").train()
    encoder.layers[0][1].eval()  # one frozen part
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    expected = torch.random.get_rng_state()
    score = dense_probe(encoder, train, test)
    assert torch.equal(torch.random.get_rng_state(), expected)
    assert encoder.training and encoder.layers[2].training and not encoder.layers[0][1].training
    assert all(torch.equal(before[name], tensor) for name, tensor in encoder.state_dict().items())
    assert all(parameter.grad is None for parameter in encoder.parameters()) and not score.probabilities.requires_grad
    assert dense_probe(encoder.eval(), train, test).objects == score.objects  # judged in eval mode, and by its seed


def test_regularisation_is_chosen_on_scenes_of_its_own(monkeypatch):
    train = painted(20)
    for i in range(20):  # the scene's number, readable in its blue corner, and so in every row of features
        train.images[i, 2] = i

    class Numbered(Seen):
        def features(self, pixels):
            number = (denormalize(pixels)[:, 2:, :1, :1] * 255).round()
            return number.flatten(1), torch.cat([number.expand(-1, 1, 8, 8), F.avg_pool2d(pixels, 8)[:, :2]], 1)

    seen, fit = {}, probe._fit

    def spy(x, y, held_out, classes):
        seen.update(scene=x[:, 0], y=y, held_out=held_out)
        return fit(x, y, held_out, classes)

    monkeypatch.setattr(probe, "_fit", spy)
    dense_probe(Numbered(), train, painted(seed=1))
    inside, outside = (set(seen["scene"][mine].tolist()) for mine in (seen["held_out"], ~seen["held_out"]))
    assert len(inside) == 5 and inside | outside == set(range(20)) and not inside & outside


def test_only_background_is_sampled(monkeypatch):
    monkeypatch.setattr(probe, "LEAST_BACKGROUND", 10)
    label = place_labels(painted(30).masks, 8)
    chosen = probe._sample(label, probe.np.random.default_rng(0))
    objects = int((label > 0).sum())
    assert chosen[label > 0].all() and not chosen[label < 0].any()
    assert int(chosen.sum()) == 3 * objects < int((label >= 0).sum())


def test_test_masks_decide_nothing():
    train, test = painted(), painted(seed=1)
    other = ImageSet(test.images, None, NAMES, test.masks.flip(0))
    a, b = (dense_probe(Seen(), train, part) for part in (test, other))
    assert torch.equal(a.probabilities, b.probabilities) and a.strength == b.strength
    assert b.objects.mean < 0.8 < a.objects.mean  # though they are judged by them
    with pytest.raises(CourseError, match="different scenes"):
        dense_difference(a, b)


def test_the_interval_covers_and_knows_that_places_of_a_scene_are_alike(monkeypatch):
    monkeypatch.setattr(scene_bootstrap, "RESAMPLES", 100)
    generator = torch.Generator().manual_seed(0)

    def scenes(n):
        """Noise of the place and of the scene: some scenes are hard, some hold more objects than others."""
        truth = torch.rand(n, 25, generator=generator) < 0.6 * torch.rand(n, 1, generator=generator)
        noise = torch.randn(n, 25, generator=generator) + torch.randn(n, 1, generator=generator)
        return 1.5 * truth + noise, truth

    def covers(score, positive, seed):
        n = len(score)
        scene = torch.arange(n).repeat_interleave(25)
        values = ranking_precision(score.flatten(), positive.flatten(), scene, scene_bootstrap.scene_counts(n, seed))
        found = scene_bootstrap.scene_interval(values, n)
        return found.low < true < found.high

    score, positive = scenes(20_000)
    true = average_precision_score(positive.flatten(), score.flatten())
    covered = missed = 0
    for seed in range(100):
        score, positive = scenes(30)
        covered += covers(score, positive, seed)
        places = torch.randperm(score.numel(), generator=generator)  # dealt out anew, as if they had no scene
        missed += not covers(*(part.flatten()[places].view(30, 25) for part in (score, positive)), seed)
    assert 88 <= covered <= 99 and missed > 15, (covered, missed)


def test_only_classes_with_places_are_judged():
    train, test = painted(values=(1, 3)), painted(seed=1, values=(3, 1))
    score = dense_probe(Seen(), train, test)
    assert list(score.classes) == ["person", "car"] and score.probabilities.shape[3] == 3
    assert set(score.truth.unique().tolist()) <= {-1, 0, 1, 2} and score.mean_class.mean > 0.99


def test_the_probe_says_what_it_needs(seeded):
    train, test = painted(), painted(seed=1)

    def refuses(match, a=train, b=test, encoder=None, **more):
        with pytest.raises(CourseError, match=match):
            dense_probe(encoder, a, b, **more)

    empty = ImageSet(train.images, None, NAMES, torch.zeros_like(train.masks))
    refuses("with masks", ImageSet(train.images))
    refuses("with masks", b=ImageSet(test.images))
    refuses("two scenes", b=test[:1])
    refuses("two scenes", train[:1])
    refuses("No object", empty, empty)
    refuses("No place of the training scenes shows: person, bicycle, car, bus", empty)
    refuses("No place of the training scenes shows: bicycle, bus", painted(values=(1, 3)))
    refuses("No place of the test scenes shows: car", b=painted(values=(1, 2, 4)))
    one = ImageSet(train.images, None, NAMES, torch.cat([painted(values=(1,)).masks[:1], empty.masks[1:]]))
    refuses("Only one training scene", one, painted(values=(1,)))
    full = ImageSet(train.images, None, NAMES, torch.ones_like(train.masks))
    refuses("background", full, painted(values=(1,)))
    refuses("do not divide", cell=10)
    refuses("do not divide", cell=1)
    refuses("cell is 0", cell=0)
    refuses("name 2 classes", ImageSet(train.images, None, ("person", "car"), train.masks))
    refuses("differently", b=ImageSet(test.images, None, NAMES[::-1], test.masks))
    encoder = build_encoder("resnet_micro", image_size=64, width=4).train()
    half = [ImageSet(s.images[:, :, ::2, ::2], None, NAMES, s.masks[:, ::2, ::2]) for s in (train, test)]
    refuses("single place", *half, encoder)
    assert encoder.training
