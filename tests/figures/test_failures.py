"""Thresholds and failures in pictures: the lines stand where the boxes are, and the words name what is seen."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from coursekit import figures
from coursekit.detection.failures import failures
from coursekit.figures.live import LiveFigure
from coursekit.figures.thresholds import ThresholdPicture
from tests.detection.test_matching import NAMES, found_in, labels

CAR, BUS = 2, 3
TRUTH = labels((0, 0, 20, 20, CAR), (50, 50, 70, 70, CAR))
FOUND = found_in((0, 0, 20, 19, CAR, 0.9), (50, 50, 70, 70, BUS, 0.6), (80, 80, 90, 95, CAR, 0.3))


def drawn(picture: ThresholdPicture, name: str) -> list[list[float]]:
    """The boxes that a kind of line is drawn around now."""
    return [[*part.min(0), *part.max(0)] for part in picture.lines[name][1].get_segments()]


def test_lines_of_each_kind_stand_around_their_boxes():
    picture = ThresholdPicture([FOUND, found_in()], [TRUTH, labels((1, 2, 3, 4, CAR))])
    assert drawn(picture, "hit") == [[0, 0, 20, 19]] and drawn(picture, "true box") == [[0, 0, 20, 20]]
    assert drawn(picture, "missed") == [[50, 50, 70, 70]] and len(picture.crosses[1].get_segments()) == 2
    assert sorted(drawn(picture, "false")) == [[50, 50, 70, 70], [80, 80, 90, 95]]
    assert [t.get_text() for t in picture.names if t.get_visible()] == ["car 0.90", "✗ bus 0.60", "✗ car 0.30"]
    assert np.allclose(picture.point.get_xydata(), [[100 / 3, 100 / 3]])
    picture.show(1, 0.5, 0.7)
    assert drawn(picture, "hit") == drawn(picture, "false") == [] and drawn(picture, "missed") == [[1, 2, 3, 4]]
    assert np.allclose(picture.point.get_xydata(), [[100 / 3, 50]]) and "precision 50%, recall 33%" in (
        figures.alt_text(picture.figure)
    )
    picture.show(1, 0.95, 0.7)
    assert len(picture.point.get_xydata()) == 0 and "no box is left" in figures.alt_text(picture.figure)
    plt.close(picture.figure)


def test_nothing_of_the_last_state_is_left():
    live = LiveFigure(ThresholdPicture([FOUND, found_in()], [TRUTH, labels()]))
    first = live.draw(0, 0.25, 0.7)[0]
    assert live.draw(1, 0.5, 0.1)[0] != first and live.draw(0, 0.25, 0.7)[0] == first


def test_kinds_of_line_differ_without_colors_too():
    picture = ThresholdPicture([FOUND], [TRUTH])
    dashes = [str(pair[1].get_linestyle()) for name, pair in picture.lines.items() if name != "missed"]
    assert len(set(dashes)) == 3  # and missed ones are crossed out
    plt.close(picture.figure)


def test_failures_are_named_and_seen_whole():
    wrong = failures([FOUND], [TRUTH])
    figure = figures.failure_crops([FOUND], [TRUTH], wrong)
    words = figures.alt_text(figure)
    assert "2 failures" in words and "wrong class: said bus 0.60, is car" in words
    assert "invented: said car 0.30." in words
    left, right = figure.axes[1].get_xlim()
    assert left <= 80 and right >= 90 and right - left == 48
    plt.close(figure)
    missed = failures([found_in()], [TRUTH])
    figure = figures.failure_crops([found_in()], [TRUTH], missed[:1])
    assert "missed: a car" in figures.alt_text(figure)
    plt.close(figure)


def test_a_box_as_wide_as_a_low_picture_is_seen_whole():
    found = replace(found_in((5, 20, 195, 70, BUS, 0.9)), image=np.zeros((90, 200, 3), np.uint8))
    figure = figures.failure_crops([found], [labels()], failures([found], [labels()]))
    assert figure.axes[0].get_xlim() == (0, 200) and figure.axes[0].get_ylim() == (145, -55)
    plt.close(figure)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((0, 0, 20, 18, CAR, 0.5), "twice: said car 0.50, again"),
        ((50, 50, 70, 56, CAR, 0.5), "badly placed: said car 0.50, IoU 0.30"),
        ((50, 50, 70, 56, BUS, 0.5), "both: said bus 0.50, is car"),
    ],
)
def test_every_kind_has_its_words(row, words):
    found = found_in((0, 0, 20, 20, CAR, 0.9), row)
    figure = figures.failure_crops([found], [TRUTH], failures([found], [TRUTH])[:1])
    assert words in figures.alt_text(figure)
    plt.close(figure)


def test_a_confusion_matrix_tells_its_counts():
    counts = np.diag([3, 0, 2, 1, 0])
    counts[0, 4], counts[4, 2] = 5, 7
    figure = figures.confusion_matrix(counts, NAMES)
    words = figures.alt_text(figure)
    assert "Is person, said: 3 person, 5 nothing." in words and "Is bicycle, said: no box." in words
    assert "Is nothing, said: 7 car." in words
    plt.close(figure)
    with pytest.raises(ValueError, match="5 rows"):
        figures.confusion_matrix(counts[:4, :4], NAMES)
