"""judge and compare: one call, one table, and the numbers are those of the single judges."""

import pytest
import torch

from coursekit.data.images import ImageSet
from coursekit.evaluation import compare, extract_features, judge, knn_accuracy, linear_probe, raw_pixels
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
