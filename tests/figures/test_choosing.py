"""Figures of lesson 09: what is drawn and told are the numbers that were recorded."""

import matplotlib.pyplot as plt
import pytest

from coursekit import figures
from coursekit.evaluation.intervals import accuracy_interval
from coursekit.figures.choosing import rank_agreement
from coursekit.recipes.leaderboard import standings
from coursekit.recipes.recorded import Recorded

METHODS = {"raw pixels": 0.40, "random encoder": 0.20, "one": 0.30, "two": 0.50, "three": 0.45}


def rows(data: str, **more) -> list[dict]:
    found = []
    for k, (method, value) in enumerate(METHODS.items()):
        row = {"data": data, "method": method, "seed": 0}
        for judge, shift in (("knn", 0.0), ("linear_probe", 0.1), ("finetune", 0.2)):
            row |= {judge: value + shift, f"{judge}_low": value + shift - 0.02, f"{judge}_high": value + shift + 0.03}
        cost = (
            {}
            if method in ("raw pixels", "random encoder")
            else {"images_per_second": 100.0 / k, "training_seconds": 10.0 * k}
        )
        found.append({**row, **cost, **more})
    return found


FOUND = standings([Recorded("", {}, {}, [*rows("road objects"), *rows("CIFAR-10")])])


def test_dots_stand_at_their_values_the_best_on_top_with_a_line_at_the_best_baseline():
    fig = figures.standings_dots(FOUND)
    assert [ax.get_title() for ax in fig.axes] == ["road objects", "CIFAR-10"]
    ax = fig.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()][::-1] == [
        "two",
        "three",
        "raw pixels",
        "one",
        "random encoder",
    ]
    dots = {line.get_ydata()[0]: line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"}
    assert [dots[y] for y in range(4, -1, -1)] == pytest.approx([60, 55, 50, 40, 30])
    assert any(line.get_linestyle() == "--" and line.get_xdata()[0] == pytest.approx(50) for line in ax.lines)
    assert "from the best: two 60.0, three 55.0, raw pixels 50.0" in fig.alt_text
    short = standings([Recorded("", {"seen": 1000}, {}, rows("road objects"))])
    titles = [ax.get_title() for ax in figures.standings_dots([*FOUND, *short]).axes]
    assert titles == ["road objects", "CIFAR-10", "road objects,\n1,000 seen"]  # two budgets never share a panel
    with pytest.raises(ValueError, match="has taste"):
        figures.standings_dots(FOUND, "taste")
    plt.close("all")


def test_the_frontier_names_those_that_nobody_beats_from_cheap_to_dear():
    fig = figures.cost_frontier(FOUND)
    assert "on road objects: one, two; on CIFAR-10: one, two." in fig.alt_text  # three costs more than two, for less
    assert {text.get_text() for text in fig.legends[0].get_texts()} == {"the frontier", "one", "two", "three"}
    with pytest.raises(ValueError, match="memory_mb"):
        figures.cost_frontier(FOUND, cost="memory_mb")
    plt.close("all")


def test_judges_of_one_order_agree_and_of_the_reverse_do_not():
    mine = [standing for standing in FOUND if standing.data == "CIFAR-10"]
    assert rank_agreement(mine, "knn", "finetune") == pytest.approx(1.0)
    turned = Recorded("", {}, {}, [{**row, "finetune": 1 - row["finetune"]} for row in rows("CIFAR-10")])
    assert rank_agreement(standings([turned]), "knn", "finetune") == pytest.approx(-1.0)
    fig = figures.judges_against(mine)
    assert [ax.get_title() for ax in fig.axes] == [
        "CIFAR-10\nrank correlation 1.00"
    ] * 2 and "k-NN 1.00" in fig.alt_text
    plt.close("all")


def test_data_size_draws_a_curve_for_each_choice_of_images():
    drawn = [
        {"kinds": kinds, "images": n, "seed": seed, "knn": 0.1 * k + 0.01 * seed, "linear_probe": 0.2 * k}
        for kinds, sizes in {"all": (100, 1000, 10), "cars alone": (100,)}.items()
        for k, n in enumerate(sizes, start=1)
        for seed in (0, 1)
    ]
    fig = figures.data_size(Recorded("", {}, {}, drawn))
    assert "k-NN, all: 10 30.5, 100 10.5, 1000 20.5; k-NN, cars alone: 100 10.5" in fig.alt_text
    assert {text.get_text() for text in fig.axes[0].get_legend().get_texts()} == {"all", "cars alone"}
    assert [text.get_text() for text in fig.axes[0].get_xticklabels()] == ["10", "100", "1,000"]
    plt.close("all")


def test_published_numbers_and_costs_are_written_beside_their_marks():
    fig = figures.two_budgets(
        {"A": (60.0, 70.0), "B": (62.0, 61.0)}, ("short", "long"), "probe, %", {"A": "(800 epochs)"}
    )
    told = {text.get_text() for text in fig.axes[0].texts}
    assert told == {"60.0", "61.0", "70.0 (800 epochs)", "62.0"}  # the lower one stands on the left
    assert fig.alt_text == "probe, %: short, and long. B 62.0 and 61.0; A 60.0 and 70.0 (800 epochs)."
    fig = figures.view_costs(
        {"A": {"views": 2, "ms": 1.5}, "B": {"views": 6, "ms": 4.0}}, {"views": "views", "ms": "time, ms"}
    )
    assert [ax.get_xlabel() for ax in fig.axes] == ["views", "time, ms"]
    assert [bar.get_width() for bar in fig.axes[1].patches] == [1.5, 4.0] and "time, ms: A 1.5, B 4" in fig.alt_text
    plt.close("all")


def test_one_seed_has_the_interval_of_its_test_images():
    one = Recorded("", {}, {}, [{"kinds": "all", "images": 10, "seed": 0, "knn": 0.2}])
    bars = figures.data_size(one, ("knn",), tested=100).axes[0].containers[0].lines[2][0].get_segments()[0]
    wilson = accuracy_interval(20, 100)
    assert bars[:, 1].tolist() == pytest.approx([100 * wilson.low, 100 * wilson.high])
    plt.close("all")


def test_a_method_has_one_colour_and_marker_in_every_figure():
    def looks(*names: str) -> dict:
        found = [row for row in rows("CIFAR-10") if row["method"] in ("one", "two")]
        methods = [{**row, "method": name} for row, name in zip(found, names, strict=True)]
        ax = figures.cost_frontier(standings([Recorded("", {}, {}, methods)])).axes[0]
        drawn = [each for each in ax.containers if each.get_label()]
        return {each.get_label(): (each.lines[0].get_color(), each.lines[0].get_marker()) for each in drawn}

    first, second = looks("simclr", "byol"), looks("byol", "mae")
    assert first["byol"] == second["byol"] and len({*first.values(), *second.values()}) == 3
    plt.close("all")


@pytest.mark.parametrize("name", ["fair_comparison", "ijepa", "gram", "sigreg"])
def test_diagrams_are_described(name):
    diagram = getattr(figures, f"{name}_diagram")()
    assert diagram.text.startswith("<svg") and len(diagram.description.split()) > 40
    assert diagram.text == getattr(figures, f"{name}_diagram")().text
