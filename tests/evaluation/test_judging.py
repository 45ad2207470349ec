"""judge and compare: one call, one table, and the numbers are those of the single judges."""

import pytest
import torch

from coursekit.data.images import ImageSet
from coursekit.data.lesson_sets import by_kind
from coursekit.evaluation import (
    compare,
    extract_features,
    finetune,
    guesses_right,
    judge,
    knn_accuracy,
    knn_score,
    linear_probe,
    nearest,
    neighbors_right,
    raw_pixels,
)
from coursekit.evaluation.intervals import accuracy_interval
from coursekit.models import build_encoder
from coursekit.runtime import CourseError


@pytest.fixture
def sets():
    generator = torch.Generator().manual_seed(0)

    def some(n):
        labels = torch.arange(n) % 3
        noise = torch.randint(0, 200, (n, 3, 32, 32), generator=generator)
        return ImageSet((noise + 20 * labels[:, None, None, None]).to(torch.uint8), labels, ("a", "b", "c"))

    return some(30), some(15)


def test_judge_is_what_the_judges_say(sets, seeded):
    train, test = sets
    encoder = build_encoder("resnet_micro", image_size=32, width=4)
    for which, features in ((encoder, lambda s: extract_features(encoder, s)), (None, raw_pixels)):
        a, b = features(train), features(test)
        scores = judge(which, train, test, k=3)
        assert {name: score.accuracy.mean for name, score in scores.items()} == pytest.approx(
            {
                "knn": knn_accuracy(a, train.labels, b, test.labels, k=3),
                "linear_probe": linear_probe(a, train.labels, b, test.labels).accuracy,
            }
        )
        for score in scores.values():
            right = int((score.predictions == test.labels).sum())
            assert score.accuracy == accuracy_interval(right, 15) and score.seconds > 0
            assert str(score).startswith(f"{right / 15:.1%} [")


def test_judge_refuses_what_it_cannot_do(sets, seeded):
    train, test = sets
    with pytest.raises(CourseError, match="no judge 'svm'.*knn, linear_probe, finetune"):
        judge(None, train, test, by=("svm",))
    with pytest.raises(CourseError, match="labels"):
        judge(None, ImageSet(train.images), test)
    assert judge(None, train, test, by=("finetune",)) == {}  # raw pixels have no network


def test_compare_makes_the_same_network_with_random_weights(sets, seeded):
    lines, trained = [], build_encoder("resnet_micro", image_size=32, width=4)
    everyone = ("knn", "linear_probe", "finetune")
    rows = compare(trained, *sets, k=3, seed=5, by=everyone, show=lines.append, steps=3)
    assert list(rows) == ["raw pixels", "random encoder", "trained encoder"]

    def said(scores):
        return {name: score.accuracy for name, score in scores.items()}

    assert said(rows["trained encoder"]) == said(judge(trained, *sets, k=3, seed=5, by=everyone, steps=3))
    assert said(rows["raw pixels"]) == said(judge(None, *sets, 3, 5))
    torch.manual_seed(5)
    again = build_encoder("resnet_micro", image_size=32, width=4)
    assert said(rows["random encoder"]) == said(judge(again, *sets, k=3, seed=5, by=everyone, steps=3))
    assert len(lines) == 4 and lines[0].split() == ["k-NN", "linear", "probe", "fine-tuned"]
    assert lines[1].endswith(" -") and len({len(line) for line in lines}) == 1
    assert lines[3].startswith("trained encoder") and str(rows["trained encoder"]["knn"]) in lines[3]


def test_several_encoders_stand_in_one_table(sets, seeded):
    one, other = (build_encoder("resnet_micro", image_size=32, width=4) for _ in range(2))
    rows = compare({"rotation": one, "SimCLR": other}, *sets, k=3, by=("knn",))
    assert list(rows) == ["raw pixels", "random encoder", "rotation", "SimCLR"]


def test_fine_tuning_learns_on_a_copy_and_by_its_seed(sets, seeded):
    train, test = sets
    encoder = build_encoder("resnet_micro", image_size=32, width=4).eval()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    found = finetune(encoder, train, test, steps=40, lr=1e-2)
    assert torch.equal(torch.rand(1), expected)  # the caller's random numbers are left alone
    assert found.accuracy > 0.6 and len(found.predictions) == 15 and not found.network.training
    assert found.accuracy == pytest.approx((found.predictions == test.labels).float().mean().item())
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.state_dict().items())
    moved = found.network[0].state_dict()
    assert not torch.equal(
        moved["layers.0.0.weight"], before["layers.0.0.weight"]
    )  # the encoder too, not the head alone
    again = finetune(encoder, train, ImageSet(test.images, test.labels.flip(0), test.class_names), steps=40, lr=1e-2)
    assert torch.equal(again.predictions, found.predictions)  # the test labels decide nothing


def test_fine_tuning_says_what_it_needs(sets, seeded):
    train, test = sets
    encoder = build_encoder("resnet_micro", image_size=32, width=4)
    one_class = train[train.labels == 0]
    for bad in (ImageSet(train.images), one_class):
        with pytest.raises(CourseError, match="two classes"):
            finetune(encoder, bad, test)
    with pytest.raises(CourseError, match="steps"):
        finetune(encoder, train, test, steps=0)
    with pytest.raises(CourseError, match="lr"):
        finetune(encoder, train, test, lr=-1.0)


def test_the_nearest_images_come_best_first(sets, seeded):
    train, test = sets
    encoder = build_encoder("vit_micro", image_size=16, dim=16, depth=1, heads=2)
    found = nearest(encoder, train, train[:3], k=4)
    assert found.shape == (3, 4) and found[:, 0].tolist() == [0, 1, 2]  # each is most similar to itself
    a, b = (torch.nn.functional.normalize(extract_features(encoder, part), dim=1) for part in (train, test[:1]))
    cosine = (b @ a.T)[0]
    assert nearest(encoder, train, test[:1], k=4)[0].tolist() == cosine.argsort(descending=True)[:4].tolist()
    assert knn_score(encoder, train, test, k=3) == judge(encoder, train, test, k=3)["knn"].accuracy.mean


def test_neighbours_are_judged_by_subtype_and_by_kind():
    names = ("walking", "riding", "sedan", "van")
    levels = torch.tensor([0, 60, 160, 220])  # a brightness for each subtype, and a hue: those of a kind look alike

    def some(labels):
        labels = torch.tensor(labels)
        pixels = torch.zeros(len(labels), 3, 32, 32, dtype=torch.uint8)
        pixels[:, 0] = levels[labels][:, None, None].to(torch.uint8)
        pixels[:, 1] = 255 - pixels[:, 0]
        return ImageSet(pixels, labels, names)

    bank, queries = some([0, 0, 1, 2, 3, 3]), some([0, 3])
    assert by_kind(bank).class_names == ("person", "car") and by_kind(bank).labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert neighbors_right(None, bank, queries, k=2) == {"subtype": 1.0, "kind": 1.0}
    assert neighbors_right(None, bank, queries, k=3) == pytest.approx({"subtype": 2 / 3, "kind": 1.0})
    assert guesses_right(bank, queries) == pytest.approx({"subtype": 1 / 3, "kind": 1 / 2})
    assert by_kind(ImageSet(bank.images, bank.labels, ("cat", "dog", "car", "ship"))).class_names == (
        "animal",
        "vehicle",
    )
    for unknown in (ImageSet(bank.images), ImageSet(bank.images, bank.labels, ("a", "b", "c", "van"))):
        with pytest.raises(CourseError, match="have kinds"):
            by_kind(unknown)
