"""judge and compare: one call, one table, and the numbers are those of the single judges."""

import pytest
import torch

from coursekit.data.images import ImageSet
from coursekit.evaluation import (
    compare,
    extract_features,
    judge,
    knn_accuracy,
    knn_score,
    linear_probe,
    nearest,
    raw_pixels,
)
from coursekit.models import build_encoder


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
