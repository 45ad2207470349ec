"""judge and compare: one call, one table, and the numbers are those of the single judges."""

import pytest
import torch

from coursekit.data.images import ImageSet
from coursekit.data.lesson_sets import by_kind
from coursekit.evaluation import (
    compare,
    extract_features,
    guesses_right,
    judge,
    knn_accuracy,
    knn_score,
    linear_probe,
    nearest,
    neighbors_right,
    raw_pixels,
)
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
        assert judge(which, train, test, k=3) == {
            "knn": knn_accuracy(a, train.labels, b, test.labels, k=3),
            "linear_probe": linear_probe(a, train.labels, b, test.labels).accuracy,
        }


def test_compare_makes_the_same_network_with_random_weights(sets, seeded):
    lines, trained = [], build_encoder("resnet_micro", image_size=32, width=4)
    rows = compare(trained, *sets, k=3, seed=5, show=lines.append)
    assert list(rows) == ["raw pixels", "random encoder", "trained encoder"]
    assert rows["trained encoder"] == judge(trained, *sets, k=3, seed=5) and rows["raw pixels"] == judge(
        None, *sets, 3, 5
    )
    torch.manual_seed(5)
    assert rows["random encoder"] == judge(build_encoder("resnet_micro", image_size=32, width=4), *sets, k=3, seed=5)
    assert len(lines) == 4 and lines[0].split("  ")[-1].strip() == "linear probe"
    assert lines[3].startswith("trained encoder") and f"{rows['trained encoder']['knn']:.1%}" in lines[3]


def test_the_nearest_images_come_best_first(sets, seeded):
    train, test = sets
    encoder = build_encoder("vit_micro", image_size=16, dim=16, depth=1, heads=2)
    found = nearest(encoder, train, train[:3], k=4)
    assert found.shape == (3, 4) and found[:, 0].tolist() == [0, 1, 2]  # each is most similar to itself
    a, b = (torch.nn.functional.normalize(extract_features(encoder, part), dim=1) for part in (train, test[:1]))
    cosine = (b @ a.T)[0]
    assert nearest(encoder, train, test[:1], k=4)[0].tolist() == cosine.argsort(descending=True)[:4].tolist()
    assert knn_score(encoder, train, test, k=3) == judge(encoder, train, test, k=3)["knn"]


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
