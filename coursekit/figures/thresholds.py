"""Two thresholds of a detector: the boxes that they leave in one image, and precision and recall over all of them."""

from collections.abc import Sequence
from functools import lru_cache

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from coursekit.data.yolo.read import Example
from coursekit.detection.matching import check_pairs, match_image, precision_recall, suppress
from coursekit.detection.predictions import Detections
from coursekit.figures.boxes import label_corners
from coursekit.figures.images import to_rgb
from coursekit.figures.style import BLACK, BLUE, INK, MUTED, ORANGE, SKY, YELLOW, bare, describe, styled

IOU = 0.5  # of a hit
LOOKS = {  # what a line around a box says -> colour, dash, width in points
    "true box": ("white", (0, (3, 2)), 1.5),
    "missed": (YELLOW, (0, (3, 2)), 2.0),
    "hit": (SKY, "-", 2.4),
    "false": (ORANGE, (0, (5, 1.5, 1, 1.5)), 2.4),
}
RIM = 1.8  # points: how much wider the dark line below is
NAMED = 10  # boxes that get their name written: the most confident ones
LETTERS = 9.5  # points


class ThresholdPicture:
    """One image with what two thresholds leave, and the point where they stand: `show(image, confidence, overlap)`.

    found: one for each image, of `predict` with a low `conf` and `iou=1`, so that nothing was left out yet.
    truth: the labels of the same images.
    image, confidence, overlap: at first. overlap: of two boxes of one class with more IoU, the less confident goes.

    figure: the Figure. moving: its artists that depend on what is shown.
    Raises CourseError for another number of labels than images.
    """

    @styled
    def __init__(
        self,
        found: Sequence[Detections],
        truth: Sequence[Example],
        image: int = 0,
        confidence: float = 0.25,
        overlap: float = 0.7,
        cell: float = 4.4,
    ):
        check_pairs(found, truth)
        self.found, self.truth = list(found), list(truth)
        self.pictures = [to_rgb(one.image) for one in found]
        self.remaining = lru_cache(maxsize=64)(self._remaining)  # one entry for each place of the slider
        self.figure, (self.scene, self.plane) = plt.subplots(1, 2, figsize=(2.1 * cell, cell + 0.6))
        bare(self.scene).set_title("one image", fontsize=12)
        self.photo = self.scene.imshow(self.pictures[0])
        self.lines = {name: self._lines(self.scene, *look) for name, look in LOOKS.items()}
        self.crosses = self._lines(self.scene, YELLOW, "-", 1.2)
        ground = {"edgecolor": "none", "pad": 1.0}
        write = {"fontsize": LETTERS, "va": "top", "color": BLACK, "clip_on": True}
        self.names = [self.scene.text(0, 0, "", bbox={**ground, "facecolor": SKY}, **write) for _ in range(NAMED)]
        proxies = [Line2D([], [], color=c if c != "white" else MUTED, ls=s, lw=w) for c, s, w in LOOKS.values()]
        labels = ("true box, found", "true box, missed", "hit", "false positive")
        self.figure.legend(proxies, labels, loc="outside lower center", ncols=4, handlelength=3.2)
        self.scene.set_xlabel("X", fontsize=11, color="none")  # room for a line
        self.told = [self._told(self.scene, 0.5, -0.02), self._told(self.plane, 0.5, 0.985)]
        self.plane.set(
            xlim=(0, 103), ylim=(0, 112), xlabel="recall, %", ylabel="precision, %", yticks=range(0, 101, 20)
        )
        self.plane.set_title(f"all {len(self.found)} images", fontsize=12)
        (self.curve,) = self.plane.plot([], [], color=BLUE, lw=2)
        (self.point,) = self.plane.plot([], [], "o", color=ORANGE, mec=INK, ms=11)
        lines = [part for pair in (*self.lines.values(), self.crosses) for part in pair]
        self.moving = [self.photo, *lines, *self.names, self.curve, self.point, *self.told]
        self.show(image, confidence, overlap)

    @staticmethod
    def _lines(ax: Axes, color: str, dash, width: float) -> tuple[LineCollection, LineCollection]:
        """A dark rim and a line over it, seen on any picture; still without segments."""
        looks = ((width + RIM, BLACK, "-"), (width, color, dash))
        return tuple(ax.add_collection(LineCollection([], linewidths=w, colors=c, linestyles=[s])) for w, c, s in looks)

    @staticmethod
    def _told(ax: Axes, x: float, y: float):
        text = ax.text(x, y, " ", transform=ax.transAxes, fontsize=11, ha="center", va="top")
        text.set_in_layout(False)
        return text

    def _remaining(self, overlap: float):
        """Of each image what this suppression leaves with the true box that each has found, and the curve of all."""
        left = [suppress(one, 0.0, overlap) for one in self.found]
        matched = [match_image(one, true, IOU) for one, true in zip(left, self.truth, strict=True)]
        return left, matched, precision_recall(left, self.truth, IOU)

    def show(self, image: int, confidence: float, overlap: float) -> None:
        """Show other thresholds or another image, and describe it."""
        left, matched, curve = self.remaining(round(overlap, 6))
        confidence = round(confidence, 6)  # a slider's 0.30000000000000004 would drop a box of 0.3
        kept = left[image].scores >= confidence
        hits = matched[image][kept]
        boxes, true = left[image].boxes[kept], self.truth[image].boxes
        seen = np.isin(np.arange(len(true)), hits)
        height, width = self.pictures[image].shape[:2]
        self.photo.set_data(self.pictures[image])
        self.photo.set_extent((0, width, height, 0))
        side = max(width, height)  # a square of the scene's: the axes, which are not drawn again, keep their shape
        self.scene.set(xlim=((width - side) / 2, (width + side) / 2), ylim=((height + side) / 2, (height - side) / 2))
        drawn = {"true box": true[seen], "missed": true[~seen], "hit": boxes[hits >= 0], "false": boxes[hits < 0]}
        for name, some in drawn.items():
            for part in self.lines[name]:
                part.set_segments(some[:, [[0, 1], [2, 1], [2, 3], [0, 3], [0, 1]]])
        for part in self.crosses:  # corner to corner
            part.set_segments(np.concatenate([true[~seen][:, [[0, 1], [2, 3]]], true[~seen][:, [[2, 1], [0, 3]]]]))
        self._name(left[image].classes[kept], left[image].scores[kept], boxes, hits, (width, height))
        counts = (int((hits >= 0).sum()), int((hits < 0).sum()), int((~seen).sum()))
        told = "hits {}, false {}, missed {}".format(*counts)
        self.told[0].set_text(told)
        self.curve.set_data(100 * curve.recall, 100 * curve.precision)
        at = curve.at(confidence)
        self.point.set_data([[], []] if at is None else [[100 * at[1]], [100 * at[0]]])
        where = "no box is left" if at is None else f"precision {at[0]:.0%}, recall {at[1]:.0%}"
        self.told[1].set_text(where)
        describe(
            self.figure,
            f"Confidence {confidence:.2g}, overlap {overlap:.2g}. Image {image}: {told}. Over all {len(self.found)} images: "
            f"{where}. The curve shows precision against recall of every confidence, the point this one.",
        )

    def _name(self, classes, scores, boxes, hits, size: tuple[int, int]) -> None:
        """Write what the most confident boxes are said to be; a false one's name begins with a cross."""
        names = self.found[0].names
        best = range(min(NAMED, len(boxes)))  # after suppression the most confident come first
        texts = [f"{'' if hits[i] >= 0 else '✗ '}{names[classes[i]]} {scores[i]:.2f}" for i in best]
        points = 72 * self.scene.get_position().width * self.figure.get_figwidth()
        corners = label_corners(boxes[list(best)], texts, LETTERS * max(size) / points, *size) if texts else ()
        for text in self.names[len(texts) :]:
            text.set_visible(False)
        for text, words, corner, i in zip(self.names, texts, corners, best, strict=False):
            text.set(text=words, position=corner, visible=True)
            text.get_bbox_patch().set_facecolor(SKY if hits[i] >= 0 else ORANGE)
