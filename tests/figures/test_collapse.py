"""Pictures of lesson 05: their numbers are those of the tested code, and they describe themselves."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from coursekit import figures
from coursekit.figures.collapse import spread_of
from coursekit.figures.momentum import FEATURES, IMAGES, INPUTS, STEPS, _world, linear_student
from coursekit.figures.style import alt_text
from coursekit.methods.diagnostics import effective_rank, feature_std
from coursekit.methods.lejepa import sigreg
from coursekit.recipes.recorded import Recorded


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_each_measure_is_blind_to_one_of_the_collapsed_clouds():
    clouds = figures.sphere_clouds()
    std, rank = ({name: f(z).item() for name, z in clouds.items()} for f in (feature_std, effective_rank))
    even = 3**-0.5
    assert std["one point"] < 0.05 * even and rank["one point"] > 2.9
    assert std["a line"] > 0.95 * even and rank["a line"] < 1.2
    assert std["a plane"] > 0.95 * even and 1.8 < rank["a plane"] < 2.2
    assert std["spread"] > 0.95 * even and rank["spread"] > 2.9


def test_spheres_show_unit_features_and_tell_both_numbers():
    clouds = figures.sphere_clouds(50)
    fig = figures.spheres(clouds)
    for ax, (name, z) in zip(fig.axes, clouds.items(), strict=True):
        drawn = np.array(ax.collections[-1]._offsets3d)
        assert np.allclose(np.linalg.norm(drawn, axis=0), 1, atol=1e-5) and drawn.shape == (3, 50)
        assert f"{name}: feature_std {feature_std(z):.2f}, effective_rank {effective_rank(z):.1f}" in alt_text(fig)
    with pytest.raises(ValueError, match=r"\(N, 3\)"):
        figures.spheres({"flat": normal(4, 2)})


ROWS = [
    {
        "method": m,
        "variant": v,
        "seed": s,
        "feature_std": 0.01 * (s + 1),
        "width": 100,
        "effective_rank": 3.0 + s,
        "knn": 0.2,
    }
    for m, v in (("byol", "complete"), ("byol", "no predictor"), ("lejepa", "complete"))
    for s in range(3)
]


def test_the_table_shows_means_and_seeds_of_the_methods_asked_for():
    fig = figures.collapse_table(Recorded("", {}, {}, ROWS, {"random encoder": 0.1}), {"byol": "BYOL"})
    spread, rank, knn = fig.axes
    assert [label.get_text() for label in spread.get_yticklabels()] == ["BYOL: complete", "BYOL: no predictor"]
    seeds, mean = spread.lines[:2]
    assert np.allclose(seeds.get_xdata(), [0.1, 0.2, 0.3]) and np.allclose(mean.get_xdata(), 0.2)
    assert np.allclose(rank.lines[1].get_xdata(), 4) and np.allclose(knn.lines[1].get_xdata(), 20)
    filled, hollow = (ax.get_markerfacecolor() for ax in (spread.lines[1], spread.lines[3]))
    assert filled != hollow == "none"
    assert "BYOL, no predictor: spread of z 0.20" in alt_text(fig) and "random encoder 10.0" in alt_text(fig)
    assert "lejepa" not in alt_text(fig).lower()


def test_an_even_spread_is_one_whatever_the_width():
    for width in (64, 512):
        row = {"feature_std": feature_std(normal(4000, width)).item(), "width": width}
        assert spread_of(row) == pytest.approx(1, abs=0.02)


def test_the_statistics_in_the_titles_are_those_of_sigreg_and_tell_normal_from_collapsed():
    x = normal(200)
    fig = figures.characteristic_functions({"normal": x, "collapsed": 0.01 * x})
    for ax, sample in zip(fig.axes, (x, 0.01 * x), strict=False):
        assert ax.get_title().endswith(f" = {sigreg(sample[:, None], torch.ones(1, 1)):.1f}")
    wave, wanted = fig.axes[2].lines
    t = torch.tensor(wave.get_xdata())
    assert np.allclose(wave.get_ydata(), (x[:, None] * t).cos().mean(dim=0), atol=1e-5)
    assert np.allclose(wanted.get_ydata(), (-t.square() / 2).exp(), atol=1e-5)
    assert "normal 0." in alt_text(fig) or "normal 1." in alt_text(fig)
    with pytest.raises(ValueError, match="on a line"):
        figures.characteristic_functions({"flat": normal(4, 2)})


def test_clouds_are_drawn_where_their_points_are():
    z = normal(30, 2)
    fig = figures.cloud_steps({"step 0": z, "step 9": 0.1 * z})
    assert np.allclose(np.array(fig.axes[1].lines[0].get_data()).T, 0.1 * z)
    assert len(fig.axes) == 2 and "standard deviations" in alt_text(fig)
    with pytest.raises(ValueError, match="two dimensions"):
        figures.cloud_steps({"line": normal(5, 3)})


# --- the linear student -----------------------------------------------------------------------------------------------


def test_the_linear_student_takes_the_gradient_steps_of_byol():
    images, within, across, first, p = _world()
    assert images.shape == (IMAGES, INPUTS) and len(within) == len(across) == STEPS
    run, momentum = linear_student(0.7), 0.7
    student, predictor = (torch.tensor(x, requires_grad=True) for x in (first, p))
    teacher = torch.tensor(first)
    for step in range(3):
        views, pairs = torch.tensor(within[step]), torch.tensor(across[step])
        guess = predictor @ student
        loss = (guess @ views @ guess.T).trace() / 2 - (guess @ pairs @ teacher.T).trace()  # what depends on P and W
        by_student, by_predictor = torch.autograd.grad(loss, (student, predictor))
        student = (student - 0.15 * by_student).detach().requires_grad_()
        predictor = (predictor - 0.15 * by_predictor).detach().requires_grad_()
        teacher = momentum * teacher + (1 - momentum) * student.detach()
        assert np.allclose(run.students[step + 1], student.detach()) and np.allclose(run.teachers[step + 1], teacher)


def test_without_predictor_the_student_collapses_the_sooner_the_faster_its_teacher_follows():
    ends = [linear_student(m, predictor=False).spread[-1] for m in (0.0, 0.5, 0.9, 0.99, 1.0)]
    assert ends == sorted(ends) and ends[0] < 0.01 and ends[-1] > 0.7
    assert all(linear_student(m).spread[-1] > 0.9 for m in (0.0, 0.5, 0.9, 0.99, 1.0))


def test_the_teacher_is_the_student_of_a_moment_ago_or_never_moves():
    fast, still = linear_student(0.0), linear_student(1.0)
    assert np.array_equal(fast.teachers[1:], fast.students[1:])
    assert (still.teachers == still.teachers[0]).all() and still.students.shape == (STEPS + 1, FEATURES, INPUTS)
    with pytest.raises(ValueError, match="between 0 and 1"):
        linear_student(1.5)


def test_the_momentum_picture_tells_what_it_shows():
    fig = figures.momentum_picture(0.9, predictor=False)
    run = linear_student(0.9, predictor=False)
    assert f"keep {run.spread[-1]:.2f} of their spread" in alt_text(fig) and "without predictor" in alt_text(fig)
    assert np.allclose(fig.axes[1].lines[0].get_ydata(), run.spread)
    assert "averages 10 steps" in alt_text(fig) and "never moves" in alt_text(figures.momentum_picture(1.0))
