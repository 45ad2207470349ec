"""Pictures of lesson 02: what they tell is what the tested judges say."""

import matplotlib.pyplot as plt
import pytest
import torch
import torch.nn.functional as F

from coursekit import figures
from coursekit.data.images import ImageSet
from coursekit.evaluation.flattened import variance_kept
from coursekit.evaluation.knn import knn_predict, knn_vote
from coursekit.figures.style import alt_text
from coursekit.figures.votes import VotePicture


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


def tensors(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def photos(n: int, labels: torch.Tensor | None = None) -> ImageSet:
    pixels = torch.randint(256, (n, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(n))
    return ImageSet(pixels, torch.arange(n) % 3 if labels is None else labels, ("cat", "city_bus", "dog"))


BANK, QUERIES = photos(12), photos(5)
FEATURES = {"one": (tensors(0, 12, 6), tensors(1, 5, 6)), "other": (tensors(2, 12, 4), tensors(3, 5, 4))}


@pytest.mark.parametrize(("query", "k", "temperature"), [(0, 5, 0.07), (3, 12, 0.5), (4, 1, 0.07)])
def test_the_vote_that_is_drawn_is_the_one_that_judges(query, k, temperature):
    picture = VotePicture(BANK, QUERIES, FEATURES, query, k, temperature, shown=4)
    for (cells, notes, bars, words, title), (name, (a, b)) in zip(picture.panels, FEATURES.items(), strict=True):
        cosine = F.normalize(b[query], dim=0) @ F.normalize(a, dim=1).T
        near = cosine.argsort(descending=True)
        share = knn_vote(cosine[None, near[:k]], BANK.labels[None, near[:k]], 3, temperature)[0]
        assert bars[0].get_width() == pytest.approx(100 * share.max().item(), abs=1e-3)
        winner = picture.names[knn_predict(a, BANK.labels, b[query : query + 1], k, temperature).item()]
        assert words[0].get_text() == f"{winner} {100 * share.max():.0f} %" and winner != "city_bus"
        assert title.get_text() == f"vote of k = {k}" and cells[0].get_title(loc="left") == name
        for j, ax in enumerate(cells):
            same = BANK.labels[near[j]] == QUERIES.labels[query]
            assert notes[j][0].get_text() == f"{'✓' if same else '✗'} {cosine[near[j]]:.2f}"
            assert notes[j][1].get_text() == picture.names[BANK.labels[near[j]]] != "city_bus"
            assert (ax.images[0].get_alpha() == 1.0) == (j < k)
            assert (ax.images[0].get_array() == BANK.images[near[j]].permute(1, 2, 0).numpy()).all()
    assert f"Test image {query}, a " in alt_text(picture.figure) and "one: " in alt_text(picture.figure)


def test_votes_want_labels_and_features_of_the_images():
    for bank, features in (
        (ImageSet(BANK.images), FEATURES),
        (BANK, {}),
        (BANK, {"one": (tensors(0, 11, 6), tensors(1, 5, 6))}),
    ):
        with pytest.raises(ValueError, match="labelled images, and features"):
            figures.neighbor_votes(bank, QUERIES, features)
    assert "2 encoders" in alt_text(figures.neighbor_votes(BANK, QUERIES, FEATURES, query=1, k=3))


def test_flat_maps_say_how_well_neighbours_agree():
    y = torch.arange(20) % 2
    apart, mixed = tensors(0, 20, 2) + 50.0 * y[:, None], tensors(1, 20, 2)
    text = alt_text(figures.flat_maps({"apart": apart, "mixed": mixed}, y, ("a", "b")))
    assert "apart: for 100 %" in text and "mixed: for " in text and "2 classes" in text
    plain = figures.flat_maps({"noise": mixed}, axes="t-SNE")
    assert plain.axes[0].get_xlabel() == "t-SNE 1 (no unit)" and not plain.legends and "noise" in alt_text(plain)
    with pytest.raises(ValueError, match="points"):
        figures.flat_maps({"apart": apart, "short": mixed[:5]}, y, ("a", "b"))


def test_variance_curves_tell_what_a_flat_picture_holds():
    kept = variance_kept(tensors(0, 30, 8))
    fig = figures.variance_curves({"mine": kept})
    (line, _) = fig.axes[0].lines
    assert line.get_ydata() == pytest.approx(100 * kept.numpy())
    assert (
        f"mine {100 * kept[1]:.0f} %" in alt_text(fig)
        and "in the first 2" in fig.axes[0].get_legend().texts[0].get_text()
    )


def test_draws_are_counted_and_the_interval_is_where_it_should_be():
    fig = figures.accuracy_draws([0.2, 0.3, 0.3, 0.4], (0.25, 0.5), 0.3)
    heights = {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in fig.axes[0].patches}
    assert heights == {20: 25.0, 30: 50.0, 40: 25.0}
    assert fig.axes[0].lines[0].get_xdata().tolist() == [25.0, 50.0] and "holds 75 % of the draws" in alt_text(fig)
    assert figures.accuracy_draws([0.3, 0.3], (0.25, 0.5), 0.3)
    for draws, interval, measured in (([], (0.2, 0.4), 0.3), ([0.3], (0.2, 0.4), 0.5)):
        with pytest.raises(ValueError, match="low <= measured"):
            figures.accuracy_draws(draws, interval, measured)
