"""What lesson 04 measures: memory of a step, ages of keys, clusters of equal size."""

import pytest
import torch
import torch.nn.functional as F

from coursekit.evaluation import KeyAges, balanced_clusters, purity, step_memory
from coursekit.methods import MoCo, SimCLR, SSLMethod
from coursekit.models import Encoder, build_encoder
from coursekit.training import pretrain
from coursekit.views import RandomView, TwoViews


def images(n: int) -> torch.Tensor:
    return torch.randint(0, 256, (n, 3, 20, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def moco(**settings) -> MoCo:
    torch.manual_seed(0)
    encoder = build_encoder("vit_micro", image_size=16, dim=16, depth=1, heads=2)
    return MoCo(encoder, TwoViews(RandomView(16)), out_dim=8, **settings)


class Line(Encoder):
    """One linear layer and a ReLU: what its backward pass needs can be counted by hand."""

    dim, stride = 5, 16

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3 * 16 * 16, 5)
        self.register_buffer("note", torch.zeros(7))

    def forward(self, pixels):
        return self.layer(pixels.flatten(1)).relu()


class Sum(SSLMethod):
    """A loss whose backward pass needs nothing."""

    def forward(self, views):
        return {"loss": self.encoder(views[0].pixels).sum()}


def test_memory_of_a_step_is_what_can_be_counted():
    method = Sum(Line(), TwoViews(RandomView(16)))
    found = step_memory(method, images(6))
    pixels, features = 6 * 3 * 16 * 16 * 4, 6 * 5 * 4  # bytes: what the layer multiplies, what the ReLU lets through
    assert found == {"activations": pixels + features, "kept": 7 * 4}


def test_a_queue_and_a_teacher_are_kept_and_a_larger_batch_is_held():
    small, large = (step_memory(moco(queue_size=size), images(8))["kept"] for size in (32, 96))
    assert large - small == 64 * (8 * 4 + 8)  # a key of 8 floats, and its age
    method = moco(queue_size=32)
    teacher = sum(p.nbytes for p in method.teacher.parameters())
    before = {name: value.clone() for name, value in method.state_dict().items()}
    assert small > teacher > 0.5 * small
    held = [step_memory(method, images(n))["activations"] for n in (8, 16)]
    assert 1.8 < held[1] / held[0] < 2.2
    assert all(value.equal(before[name]) for name, value in method.state_dict().items())


def test_batch_norm_is_left_as_it_was():
    torch.manual_seed(0)
    method = SimCLR(build_encoder("resnet_nano", image_size=32), TwoViews(RandomView(32)))
    before = [buffer.clone() for buffer in method.buffers()]
    step_memory(method, images(8))
    assert all(a.equal(b) for a, b in zip(before, method.buffers(), strict=True))


def test_keys_of_the_same_views_age():
    method = moco(queue_size=32, momentum=0.5)
    pixels = torch.randn(12, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    kept = KeyAges(method, pixels)
    pretrain(method, images(32), steps=6, batch_size=8, lr=0.01, log_every=2, on_log=kept, progress=False, device="cpu")
    assert list(kept.keys) == [0, 2, 4, 5]
    rows = kept.by_age()
    assert [row["age"] for row in rows] == [0, 1, 3, 5] and rows[0]["cosine"] == pytest.approx(1)
    assert rows[-1]["cosine"] < rows[1]["cosine"] < 1 and rows[0]["found"] == 1
    now = kept.keys[5]
    assert rows[-1]["cosine"] == pytest.approx((now * kept.keys[0]).sum(1).mean().item(), abs=1e-6)
    assert [row["age"] for row in kept.by_age(most=3)] == [0, 1, 3]
    kept.keys = {0: torch.eye(4)[[1, 0, 2, 3]], 8: torch.eye(4)}
    assert kept.by_age()[1] == {"age": 8, "cosine": 0.5, "found": 0.5}


def test_watching_keys_changes_nothing_in_the_run():
    torch.manual_seed(0)
    encoder = build_encoder("resnet_nano", image_size=32)
    method = MoCo(encoder, TwoViews(RandomView(32)), queue_size=8)
    before = {name: value.clone() for name, value in method.state_dict().items()}
    KeyAges(method.train(), torch.randn(6, 3, 32, 32))([{"step": 0}])
    assert all(value.equal(before[name]) for name, value in method.state_dict().items())


def test_clusters_of_equal_size_find_groups_and_their_purity():
    generator = torch.Generator().manual_seed(0)
    centers = torch.eye(4, 10)
    labels = torch.arange(80) % 4
    features = 5 + centers[labels] + 0.05 * torch.randn(80, 10, generator=generator)  # in a narrow cone
    codes = balanced_clusters(features, 4, seed=1)
    torch.testing.assert_close(codes.sum(1), torch.ones(80))
    assert codes.sum(0).sub(20).abs().max() < 3 and purity(codes, labels) == 1
    assert purity(F.one_hot(labels % 2, 2).float(), labels) == 0.5
    assert balanced_clusters(features, 4, seed=1).equal(codes)
