"""evaluation: k-NN against a naive loop, the probe's honesty, features without side effects."""

import math

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info

from coursekit.evaluation import extract_features, knn_accuracy, knn_predict, linear_probe, raw_pixels
from coursekit.evaluation import knn as knn_file
from coursekit.evaluation.blas import LARGE, steady_threads
from coursekit.evaluation.flattened import pca_2d, tsne_2d, variance_kept
from coursekit.evaluation.knn import knn_vote
from coursekit.models import build_encoder
from coursekit.runtime import CourseError


@pytest.fixture
def clusters():
    generator = torch.Generator().manual_seed(0)
    centers = torch.randn(4, 6, generator=generator) * 2
    y = torch.arange(200) % 4
    x = centers[y] + torch.randn(200, 6, generator=generator)
    return x[:120], y[:120], x[120:], y[120:]


def test_knn_equals_the_definition(clusters):
    train_x, train_y, test_x, _ = clusters
    got = knn_predict(train_x, train_y, test_x, k=7, temperature=0.2, chunk=9)
    for i, query in enumerate(test_x):
        similarity = torch.nn.functional.cosine_similarity(query[None], train_x)
        votes = [0.0] * 4
        for j in similarity.argsort(descending=True)[:7].tolist():
            votes[train_y[j]] += math.exp(similarity[j] / 0.2)
        assert got[i] == max(range(4), key=lambda c: votes[c])


def test_a_vote_is_the_weighted_share_and_survives_a_tiny_temperature():
    cosine, label = torch.tensor([[0.9, 0.8, 0.7], [0.5, 0.4, -0.9]]), torch.tensor([[2, 0, 2], [1, 1, 1]])
    weight = [math.exp(c / 0.2) for c in (0.9, 0.8, 0.7)]
    expected = [weight[1] / sum(weight), 0, (weight[0] + weight[2]) / sum(weight), 0]
    got = knn_vote(cosine, label, 4, temperature=0.2)
    torch.testing.assert_close(got, torch.tensor([expected, [0, 1, 0, 0]]))
    assert knn_vote(cosine, label, 4, temperature=1e-4).tolist() == [[0, 0, 1, 0], [0, 1, 0, 0]]
    torch.testing.assert_close(knn_vote(cosine, label, 4, 1e6)[0], torch.tensor([1 / 3, 0, 2 / 3, 0]))


def test_knn_takes_any_class_ids_one_query_and_few_neighbors(clusters):
    train_x, train_y, test_x, test_y = clusters
    strange = train_y * 10 - 7  # -7, 3, 13, 23: classes come from the labels
    assert torch.equal(knn_predict(train_x, strange, test_x), knn_predict(train_x, train_y, test_x) * 10 - 7)
    assert knn_predict(train_x, train_y, test_x[:1]).shape == (1,)
    assert knn_predict(train_x[:3], train_y[:3], test_x, k=200).shape == (80,)
    assert knn_predict(train_x, train_y, test_x[:0]).shape == (0,)
    assert knn_accuracy(train_x, train_y, train_x, train_y, k=1) == 1.0
    assert knn_accuracy(train_x, train_y, test_x, test_y) > 0.8


@pytest.mark.parametrize("k", [1, 2, 6, 20])
def test_knn_with_equal_weights_is_scikit_learns(k, monkeypatch):
    generator = torch.Generator().manual_seed(3)
    train_y = torch.randint(5, (900,), generator=generator) * 3 - 4
    train_x, test_x = (torch.randn(n, 16, generator=generator, dtype=torch.float64) for n in (900, 400))
    theirs = KNeighborsClassifier(k, metric="cosine", algorithm="brute").fit(train_x, train_y)
    expected = torch.from_numpy(theirs.predict(test_x))
    votes = theirs.predict_proba(test_x)
    tied = (votes == votes.max(axis=1, keepdims=True)).sum(axis=1) > 1
    assert tied.any() == (k > 1)  # so that the rule for equal votes is compared too: the smaller class
    for bank, chunk in ((knn_file.BANK, 256), (77, 33), (3, 400)):  # the last: parts with fewer than k features
        monkeypatch.setattr(knn_file, "BANK", bank)
        assert torch.equal(knn_predict(train_x, train_y, test_x, k, math.inf, chunk), expected)


def test_knn_needs_memory_for_one_tile_of_cosines(monkeypatch):
    monkeypatch.setattr(knn_file, "BANK", 64)
    largest, multiply = [], torch.mm

    def watched(a, b, out):
        largest.append(out.numel())
        assert out.untyped_storage().nbytes() == 4 * 50 * 64  # one piece of memory for all tiles
        return multiply(a, b, out=out)

    monkeypatch.setattr(torch, "mm", watched)
    knn_predict(torch.rand(1000, 4), torch.arange(1000) % 3, torch.rand(120, 4), k=70, chunk=50)
    assert max(largest) == 50 * 64 and len(largest) == 3 * 16


def test_knn_survives_a_tiny_temperature(clusters):
    train_x, train_y, test_x, test_y = clusters
    assert knn_accuracy(train_x, train_y, test_x, test_y, temperature=1e-3) > 0.7


def test_knn_explains_wrong_sizes(clusters):
    with pytest.raises(CourseError, match="test_x"):
        knn_predict(clusters[0], clusters[1], clusters[2][:, :3])
    with pytest.raises(CourseError, match="no training image"):
        knn_predict(clusters[0][:0], clusters[1][:0], clusters[2])
    for wrong in (dict(k=0), dict(temperature=0.0), dict(temperature=math.nan), dict(chunk=0)):
        with pytest.raises(CourseError, match=next(iter(wrong))):
            knn_predict(*clusters[:3], **wrong)


def test_linear_probe_separates_what_is_separable(clusters):
    result = linear_probe(*clusters)
    assert result.accuracy > 0.85 and result.accuracy == (result.predictions == clusters[3].numpy()).mean()
    noise = torch.randn(120, 6, generator=torch.Generator().manual_seed(1))
    assert linear_probe(noise, *clusters[1:]).accuracy < 0.6


def test_linear_probe_never_chooses_with_the_test_labels(clusters):
    train_x, train_y, test_x, test_y = clusters
    a = linear_probe(train_x, train_y, test_x, test_y)
    b = linear_probe(train_x, train_y, test_x, test_y.flip(0))
    assert a.strength == b.strength and (a.predictions == b.predictions).all()


def test_with_more_features_than_images_the_probe_is_the_plain_one(clusters):
    """The rotation is no part of the definition: plain standardised logistic regression says the same."""
    train_x, train_y, test_x, test_y = clusters
    draws = torch.Generator().manual_seed(1)
    wide = torch.randn(6, 400, generator=draws)
    train_x, test_x = (x @ wide + 0.1 * torch.randn(len(x), 400, generator=draws) for x in (train_x, test_x))
    result = linear_probe(train_x, train_y, test_x, test_y)
    plain = make_pipeline(StandardScaler(), LogisticRegression(C=result.strength, max_iter=300, tol=1e-3))
    expected = plain.fit(train_x.numpy(), train_y.numpy()).predict(test_x.numpy())
    assert (result.predictions == expected).mean() > 0.97 and result.accuracy > 0.7


def test_blas_has_one_thread_for_a_small_problem_and_its_own_number_afterwards():
    def threads() -> list[int]:
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    before = threads()
    with steady_threads(1000):
        assert set(threads()) == {1}
    with steady_threads(LARGE):
        assert threads() == before
    assert threads() == before and before


def test_linear_probe_with_one_image_of_a_class_and_with_one_class(clusters):
    train_x, train_y, test_x, test_y = clusters
    assert linear_probe(train_x[:5], train_y[:5], test_x, test_y).accuracy >= 0
    with pytest.raises(CourseError, match="two classes"):
        linear_probe(train_x, torch.zeros_like(train_y), test_x, test_y)


def test_features_leave_the_encoder_as_it_was(seeded):
    images = torch.randint(0, 255, (9, 3, 40, 32), dtype=torch.uint8)
    encoder = build_encoder("resnet_micro", image_size=32, width=4).train()
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    features = extract_features(encoder, images, batch_size=4)
    assert features.shape == (9, encoder.dim) and not features.requires_grad and encoder.training
    assert all(torch.equal(before[k], v) for k, v in encoder.state_dict().items())  # batch-norm did not learn from them
    torch.testing.assert_close(features, extract_features(encoder, images, batch_size=9), atol=1e-5, rtol=1e-4)
    assert raw_pixels(images, 16).shape == (9, 3 * 16 * 16)


# --- two dimensions ---------------------------------------------------------------------------------------------------


def test_two_directions_of_most_variance_are_found_and_what_they_hold_is_said():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, 6, generator=generator) * torch.tensor([0.1, 5.0, 0.1, 0.1, 2.0, 0.1])
    points, shares = pca_2d(x)
    assert abs(torch.corrcoef(torch.stack([points[:, 0], x[:, 1]]))[0, 1]) > 0.99
    assert abs(torch.corrcoef(torch.stack([points[:, 1], x[:, 4]]))[0, 1]) > 0.99
    kept = variance_kept(x)
    assert kept.shape == (6,) and sum(shares) == pytest.approx(kept[1].item(), abs=1e-5)
    variance = x.var(dim=0).sort(descending=True).values
    torch.testing.assert_close(kept, variance.cumsum(0) / variance.sum(), atol=0.01, rtol=0)
    assert variance_kept(x[:4]).shape == (3,) and variance_kept(x[:4])[-1] == pytest.approx(1)


def test_tsne_keeps_clusters_together_for_any_seed_and_few_points():
    y = torch.arange(40) % 2
    x = torch.randn(40, 8, generator=torch.Generator().manual_seed(1)) + 9 * y[:, None]
    first, again, other = (tsne_2d(x, 10, seed, "random") for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other) and first.shape == (40, 2)
    for points in (first, other):
        nearest = torch.cdist(points, points).fill_diagonal_(torch.inf).argmin(dim=1)
        assert (y[nearest] == y).float().mean() > 0.95
    assert tsne_2d(x[:5], perplexity=30).shape == (5, 2)


def test_features_that_make_no_picture_are_refused():
    for flat in (pca_2d, tsne_2d, variance_kept):
        for bad in (torch.zeros(2, 5), torch.zeros(5), torch.zeros(5, 1)):
            with pytest.raises(CourseError, match="3 or more rows"):
                flat(bad)
    with pytest.raises(CourseError, match="the same"):
        variance_kept(torch.ones(5, 3))
