"""What a move of a slider costs: CPU and wall time from the move to the new picture, and the memory after many moves.

The claim: after the first picture a move takes less than 150 ms of CPU on one core, and 500 moves leave memory flat.
Beside it, what the same picture costs if the whole figure is drawn anew, as `plt.show()` does.
"""

import gc
import statistics
import time

import numpy as np
import psutil
import torch

from coursekit import exercises
from coursekit.data.images import ImageSet
from coursekit.detection.routes import build_detector, choose_route
from coursekit.draws import Draws
from coursekit.figures import png, similarity_matrix, view_pairs
from coursekit.models import build_encoder
from coursekit.recipes import lesson_03
from coursekit.views import View
from coursekit.widgets import (
    cell_explorer,
    payoff_explorer,
    queue_explorer,
    quiz_widget,
    similarity_explorer,
    sinkhorn_explorer,
    threshold_explorer,
    views_explorer,
    vote_explorer,
)
from coursekit.widgets.explorers import STRENGTHS, yellow_van
from tests.detection.test_matching import random_scene

MOVES, MANY = 30, 500


def cost(move, times: int) -> tuple[float, float, float]:
    """Median CPU and wall time of move(k), k = 1 ... times, and the longest CPU time; ms."""
    cpu, wall = [], []
    for k in range(1, times + 1):
        start = time.process_time(), time.perf_counter()
        move(k)
        cpu.append(1000 * (time.process_time() - start[0]))
        wall.append(1000 * (time.perf_counter() - start[1]))
    return statistics.median(cpu), statistics.median(wall), max(cpu)


def memory() -> float:
    """What the process holds, MB."""
    gc.collect()
    return psutil.Process().memory_info().rss / 2**20


def main() -> None:
    torch.set_num_threads(1)
    view = lesson_03.views(lesson_03.view_size()).view
    generator = torch.Generator().manual_seed(0)
    z_a, z_b = torch.randn(2, 5, 16, generator=generator)
    pictures = [view(yellow_van().expand(5, -1, -1, -1), Draws(k)).pixels for k in range(2)]

    queue, clusters = queue_explorer(), sinkhorn_explorer(0.3 * torch.randn(12, 6, generator=generator))
    views, similarity, quiz = (
        views_explorer(view=view),
        similarity_explorer(z_a, z_b, views=pictures),
        quiz_widget(exercises.quiz("03")),
    )

    photos = ImageSet(yellow_van()[:, ::4, ::4].repeat(60, 1, 1, 1), torch.arange(60) % 4, ("a", "b", "c", "d"))
    features = {name: (torch.randn(60, 16, generator=generator),) * 2 for name in ("one", "other")}
    votes = vote_explorer(photos, photos, features)
    detectors = {
        name: build_detector(choose_route("n", build_encoder(name, image_size=96))) for name in ("vit_micro", "yolo12n")
    }
    cells = cell_explorer(detectors, yellow_van()[:, 60:156, 60:156])

    runs = [
        {"arm": arm, "labels": n, "seed": seed, "map50_95": 0.01 * seed + 0.05 * len(arm), "map50": 0.1}
        for arm in ("random", "a", "b")
        for n in (32, 128)
        for seed in range(4)
    ]
    pays = payoff_explorer(runs, {"random": "random", "a": "one", "b": "other"}, start="a", labels=32)
    draw = np.random.default_rng(0)
    thresholds = threshold_explorer(*zip(*(random_scene(draw) for _ in range(32)), strict=True))

    def move_to_an_image(k):
        votes.controls["query"].value = k * 7 % 60

    def move_a_view(k):  # another slider at every move
        name, _, high = STRENGTHS[k % len(STRENGTHS)]
        views.controls[name].value = high * (k * 7 % 20) / 20

    def move_the_crop(k):
        views.controls["scale"].value = (0.05 + 0.02 * (k % 30), 1.0)

    def move_the_temperature(k):
        similarity.controls["temperature"].value = 10 ** (-2 + (k * 7 % 50) / 20)

    def click(k):
        quiz.choices[k % 3].value = "ab"[k // 3 % 2]

    def views_anew(k):
        made = view(yellow.expand(4, -1, -1, -1), Draws(k))
        each = [View(made.pixels[i : i + 1], made.theta[i : i + 1]) for i in range(4)]
        png(view_pairs(yellow[None], *each, columns=1, cell=1.8), close=True)

    yellow = yellow_van()
    moves = {
        "views: a strength": move_a_view,
        "views: the crop": move_the_crop,
        "views: new draw": lambda _: views.controls["seed"].click(),
        "similarity: temperature": move_the_temperature,
        "votes: the test image": move_to_an_image,
        "cells: a place": lambda k: cells.set(row=k % 12, column=5 * k % 12, network=list(detectors)[k % 2]),
        "payoff: a start and its labels": lambda k: pays.set(
            start=("a", "b")[k % 2], labels=(32, 128)[k // 2 % 2], seeds=1 + k % 4
        ),
        "thresholds: all three": lambda k: thresholds.set(
            image=k % 32, confidence=0.05 + 0.02 * (k % 40), overlap=0.1 + 0.05 * (k % 18)
        ),
        "queue: a step": lambda k: queue.set(step=k % 40, size=48, batch=4),
        "Sinkhorn: half a step": lambda k: clusters.set(half_steps=k % 12),
        "quiz: a choice": click,
    }
    print(f"  {'':34} CPU ms   wall ms   longest CPU ms   (median of {MOVES}, one thread)")
    for name, move in moves.items():
        print("  {:34} {:6.0f} {:9.0f} {:16.0f}".format(name, *cost(move, MOVES)))
    print("  {:34} {:6.0f} {:9.0f} {:16.0f}".format("  a whole figure: views", *cost(views_anew, 5)))
    matrix = cost(lambda k: png(similarity_matrix(z_a, z_b, k / 10, pictures), close=True), 5)
    print("  {:34} {:6.0f} {:9.0f} {:16.0f}".format("  a whole figure: similarity", *matrix))
    for name, move in moves.items():
        cost(move, 50)  # what is kept on purpose is kept by now
        before = memory()
        cost(move, MANY)
        print(f"  {name:34} {memory() - before:+6.1f} MB after {MANY} moves, {memory():.0f} MB in all")


if __name__ == "__main__":
    main()
