"""The leaderboard: what is recorded is what is told, missing columns are said to be missing, mistakes are explained."""

import csv

import pytest

from coursekit import cli
from coursekit.evaluation.intervals import Interval, seeds_and_images
from coursekit.recipes import leaderboard, lesson_09
from coursekit.recipes.recorded import Recorded
from coursekit.runtime import CourseError


def row(data, method, seed, probe, **more) -> dict:
    return {
        "data": data,
        "method": method,
        "seed": seed,
        "linear_probe": probe,
        "linear_probe_low": probe - 0.02,
        "linear_probe_high": probe + 0.03,
        **more,
    }


ROWS = [
    row("road objects", "raw pixels", 0, 0.30),
    row("road objects", "simclr", 0, 0.40, images_per_second=100.0, memory_mb=70.0, training_seconds=9.0, finetune=0.5),
    row("road objects", "simclr", 1, 0.42, images_per_second=300.0, memory_mb=70.0, training_seconds=8.0, finetune=0.6),
    row("road objects", "byol", 0, 0.35, images_per_second=90.0, memory_mb=None),
    row("CIFAR-10", "simclr", 0, 0.55, knn=0.5, knn_low=0.49, knn_high=0.51),
]
RECORDED = [Recorded("what was run", {}, {"made": "today"}, ROWS)]


def test_seeds_become_one_line_with_an_interval_over_both_chances():
    first = leaderboard.standings(RECORDED)[0]
    assert (first.data, first.method, first.seeds) == ("road objects", "simclr", 2)
    want = seeds_and_images([Interval(0.40, 0.38, 0.43, 1), Interval(0.42, 0.40, 0.45, 1)])
    got = first.scores["linear_probe"]
    assert (got.mean, got.low, got.high) == pytest.approx(
        (want.mean, want.low, want.high)
    ) and got.high - got.low > 0.05
    assert first.costs == {"images_per_second": 200.0, "memory_mb": 70.0, "training_seconds": 8.5}
    assert first.value("knn") is None and first.value("finetune") == pytest.approx(0.55)


def test_the_best_come_first_by_any_column_and_those_without_it_last():
    def order(by):
        return [each.method for each in leaderboard.standings(RECORDED, "road objects", by)]

    assert order("linear_probe") == ["simclr", "byol", "raw pixels"]
    assert order("images_per_second") == ["simclr", "byol", "raw pixels"]
    assert order("training_seconds") == order("memory_mb") == ["simclr", "raw pixels", "byol"]  # less is better


def test_what_was_not_recorded_is_a_dash():
    lines = leaderboard.table(RECORDED, "road").splitlines()
    columns = [part.strip() for part in lines[1].split("  ") if part.strip()]
    assert columns == [
        "method",
        *(f"{t}, %" for t in ("k-NN", "linear probe", "fine-tuned")),
        *leaderboard.COSTS.values(),
        "runs",
    ]
    found = {line.split("  ")[0]: line.split() for line in lines[2:5]}
    assert found["raw pixels"][-5:] == ["-", "-", "-", "-", "1"] and found["byol"][-3:] == ["-", "-", "1"]
    assert (
        found["simclr"][1] == "-" and found["simclr"][2] == "41.0" and found["simclr"][-4:] == ["200", "8", "70", "2"]
    )
    assert "choice of seeds and of test images" in lines[6] and "made today" in lines[5]
    assert "coursekit recipes methods" in lines[-1]


def test_speed_and_memory_are_those_of_a_machine_to_itself_if_they_are_known():
    cost = Recorded(
        "a step", {}, {"device": "toaster"}, [{"method": "simclr", "images_per_second": 50.0, "memory_mb": 9}]
    )
    seen = [Recorded("what was run", {"seen": 1000}, {"made": "today"}, ROWS)]
    found = {(s.data, s.method): s.costs for s in leaderboard.standings(seen, cost=cost)}
    alone = {"images_per_second": 50.0, "memory_mb": 9, "training_seconds": 20.0}
    assert found["road objects", "simclr"] == found["CIFAR-10", "simclr"] == alone
    assert found["road objects", "byol"] == {"images_per_second": 90.0} and found["road objects", "raw pixels"] == {}
    assert "Speed and memory: a step; toaster." in leaderboard.table(seen, cost=cost)


def test_each_kind_of_images_comes_from_the_first_recording_that_trained_on_it():
    large = Recorded(
        "large", {"seen": 9}, {}, [row("road objects", "swav", 0, 0.6), row("CIFAR-10", "raw pixels", 0, 0.4)]
    )
    small = Recorded("small", {"seen": 2}, {}, ROWS)
    found = leaderboard.standings([large, small])
    assert [(s.data, s.method, s.seen) for s in found] == [("road objects", "swav", 9), ("CIFAR-10", "simclr", 2)]
    assert "large. Recorded" in (told := leaderboard.table([large, small])) and "small. Recorded" in told


def test_one_run_each_says_what_its_interval_leaves_out():
    assert "nothing is known of the seed" in leaderboard.table(RECORDED, "cifar10")


@pytest.mark.parametrize("data", ["CIFAR-10", "cifar-10", "cifar", "Cifar 10"])
def test_names_of_data_are_forgiven(data):
    assert [each.data for each in leaderboard.standings(RECORDED, data)] == ["CIFAR-10"]


@pytest.mark.parametrize("data", ["imagenet", "-", "10"])
def test_data_that_are_not_there_are_told_with_those_that_are(data):
    with pytest.raises(CourseError, match="'road objects', 'CIFAR-10'"):
        leaderboard.standings(RECORDED, data)


def test_the_csv_holds_the_numbers_of_the_table(tmp_path):
    path = leaderboard.write_csv(tmp_path / "table.csv", leaderboard.standings(RECORDED))
    with open(path, newline="") as file:
        read = list(csv.DictReader(file))
    assert [(line["data"], line["method"], line["runs"]) for line in read] == [
        ("road objects", "simclr", "2"),
        ("road objects", "byol", "1"),
        ("road objects", "raw pixels", "1"),
        ("CIFAR-10", "simclr", "1"),
    ]
    assert float(read[0]["linear_probe"]) == pytest.approx(0.41) and float(
        read[1]["linear_probe_low"]
    ) == pytest.approx(0.33)
    assert read[2]["memory_mb"] == read[2]["finetune_low"] == "" and read[0]["memory_mb"] == "70"


def test_what_ships_is_what_the_command_prints(tmp_path, capsys):
    assert (
        cli.main(["leaderboard", "--data", "cifar", "--by", "images-per-second", "--csv", str(tmp_path / "t.csv")]) == 0
    )
    out = capsys.readouterr().out
    names = {standing.method for standing in leaderboard.standings(data="CIFAR-10")}
    assert names >= set(lesson_09.SHIPPED)
    assert names == {line["method"] for line in csv.DictReader(open(tmp_path / "t.csv", newline=""))}
    assert all(any(line.startswith(name) for line in out.splitlines()) for name in names)
    assert "road objects, sorted" not in out and str(tmp_path / "t.csv") in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--data", "imagenet"], "road objects"),
        (["--by", "speed"], "images_per_second"),
        (["--csv", "table.txt"], "end in .csv"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(words, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["leaderboard", *words]) == 1
    told = capsys.readouterr()
    assert says in told.err and "Traceback" not in told.err and told.out == "" and not list(tmp_path.iterdir())
