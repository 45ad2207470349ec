"""Pictures of lesson 12: numbers stand where the runs say, and the words name them."""

import matplotlib.pyplot as plt
import pytest

from coursekit import figures
from coursekit.evaluation.intervals import mean_interval
from coursekit.figures.live import LiveFigure
from coursekit.figures.payoff import PayoffPicture

NAMES = {"random": "random weights", "ssl": "SSL"}


def rows(steps: int = 400, more: float = 0.0) -> list[dict]:
    each = [("random", 0.03), ("ssl", 0.06)]
    return [
        {"arm": arm, "labels": n, "seed": s, "steps": steps, "map50_95": v + 0.01 * s + more, "map50": 2 * v}
        for arm, v in each
        for n in (32, 128)
        for s in range(3)
    ]


def test_the_payoff_picture_shows_what_the_rows_say():
    picture = PayoffPicture(rows(), NAMES, "ssl", 128, 3)
    assert picture.means["random"].get_ydata() == pytest.approx([4, 4])
    assert picture.means["start"].get_ydata() == pytest.approx([7, 7])
    assert list(picture.pairs.get_xdata()) == [0, 1, 2] and picture.pairs.get_ydata() == pytest.approx([3, 3, 3])
    picture.show("ssl", 32, 1)
    assert picture.means["start"].get_ydata() == pytest.approx([6, 6]) and len(picture.interval.get_ydata()) == 0
    live = LiveFigure(picture)
    assert live.size[0] <= 1042 and live.size[1] <= 521
    first = live.draw("ssl", 128, 3)[0]
    assert live.draw("ssl", 32, 1)[0] != first and live.draw("ssl", 128, 3)[0] == first


def test_runs_without_a_baseline_are_refused():
    with pytest.raises(ValueError, match="no run from random weights"):
        PayoffPicture([row for row in rows() if row["arm"] == "ssl"], NAMES, "ssl", 128, 3)
    plt.close("all")


def test_two_schedules_names_means_steps_and_seeds():
    figure = figures.two_schedules([*rows(), *rows(1600, 0.04)], NAMES, labels=128)
    assert "random weights: 4.0 after 400 (3 seeds), 8.0 after 1600 (3 seeds)" in figures.alt_text(figure)
    bars = [c for c in figure.axes[0].containers if c.has_yerr]
    low, high = (bars[0].lines[1][k].get_ydata()[0] for k in (0, 1))
    expected = mean_interval([3.0, 4.0, 5.0])
    assert (low, high) == (pytest.approx(expected.low), pytest.approx(expected.high))
    plt.close(figure)
    with pytest.raises(ValueError, match="no run with 99 labels"):
        figures.two_schedules(rows(), NAMES, labels=99)


def test_a_probe_stands_beside_the_detector():
    figure = figures.probe_against_detector({"a": (40.0, 35.0, 45.0)}, {"a": (5.0, None, None)}, "mAP50-95, %")
    assert "a: probe 40, detector 5.0" in figures.alt_text(figure)
    assert figure.axes[0].get_ylabel() == "mAP50-95, %"
    plt.close(figure)


def test_the_diagram_says_that_only_the_start_differs():
    text = str(figures.payoff_diagram())
    assert "Only the start differs" in text and "32, 128 and 320" in text
