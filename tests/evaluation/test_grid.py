"""run_grid: every cell once, whatever happens to the process."""

import csv
import json
import multiprocessing
import os

import pytest

from coursekit.evaluation.grid import cell_name, run_grid
from coursekit.files import only_one
from coursekit.runtime import CourseError

CELLS = [{"method": method, "seed": seed} for seed in (0, 1) for method in ("a", "b")]
FORK = multiprocessing.get_context("fork")
SETUP = {"steps": 10, "views": {"size": 32}}


class Runs:
    """Writes down which cells ran; breaks at some."""

    def __init__(self, broken=(), error=CourseError):
        self.cells, self.broken, self.error = [], broken, error

    def __call__(self, cell, work):
        assert work.is_dir()
        self.cells.append(cell)
        if cell in self.broken:
            raise self.error("it broke")
        return {"knn": cell["seed"] + len(cell["method"]) / 10, "per_class": [1, 2]}


def test_rows_come_in_order_with_provenance_once(tmp_path, capsys):
    runs = Runs()
    rows = run_grid(tmp_path / "e", CELLS, runs, SETUP)
    assert runs.cells == CELLS and [{k: row[k] for k in CELLS[0]} for row in rows] == CELLS
    assert [row["knn"] for row in rows] == [0.1, 0.1, 1.1, 1.1] and all(row["seconds"] >= 0 for row in rows)
    experiment = json.loads((tmp_path / "e" / "experiment.json").read_text())
    assert experiment["setup"] == SETUP and {"made", "torch", "device", "budget"} <= experiment["provenance"].keys()
    assert set(rows[0]) == {"method", "seed", "knn", "per_class", "seconds"}
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and lines[1].startswith("2 of 4: method b, seed 0: knn 0.100, ")
    table = list(csv.DictReader((tmp_path / "e" / "rows.csv").open()))
    assert [(row["method"], row["knn"]) for row in table] == [("a", "0.1"), ("b", "0.1"), ("a", "1.1"), ("b", "1.1")]
    assert not any((tmp_path / "e" / "runs").iterdir())


def test_a_second_call_does_only_what_is_missing_and_takes_more_cells(tmp_path):
    first = run_grid(tmp_path, CELLS, Runs(), SETUP)
    (tmp_path / "rows" / "method=b_seed=0.json").unlink()
    again, more = Runs(), {"method": "c", "seed": 0}
    rows = run_grid(tmp_path, [more, *CELLS, more], again, SETUP, progress=False)
    assert again.cells == [more, CELLS[1]], "a cell that is given twice runs once"
    assert rows[0] == rows[-1] and [row["knn"] for row in rows[1:-1]] == [row["knn"] for row in first]


def test_rows_are_handed_out_as_they_grow(tmp_path):
    told = []
    run_grid(tmp_path / "e", CELLS, Runs(), SETUP, done=lambda rows: told.append([row["knn"] for row in rows]))
    assert told == [[0.1], [0.1, 0.1], [0.1, 0.1, 1.1], [0.1, 0.1, 1.1, 1.1]]
    with pytest.raises(CourseError):
        run_grid(tmp_path / "f", CELLS, Runs(broken=CELLS[:1]), SETUP, done=lambda rows: told.append(len(rows)))
    assert told[4:] == [1, 2, 3]  # the broken one told nothing


def test_an_interrupted_grid_goes_on_where_it_was(tmp_path):
    def interrupted(cell, work):
        if cell == CELLS[2]:
            (work / "checkpoint").write_text("half")
            raise KeyboardInterrupt
        return {"knn": 1.0}

    with pytest.raises(KeyboardInterrupt):
        run_grid(tmp_path, CELLS, interrupted, SETUP)
    found = []
    run_grid(tmp_path, CELLS, lambda cell, work: {"kept": found.append((cell, [*work.iterdir()]))}, SETUP)
    assert [cell for cell, _ in found] == CELLS[2:]
    assert [file.name for file in found[0][1]] == ["checkpoint"] and not found[1][1]


def test_a_cell_that_fails_does_not_lose_the_others(tmp_path, capsys):
    runs = Runs(broken=CELLS[1:3])
    with pytest.raises(CourseError, match=r"(?s)2 cells failed.*method=b_seed=0: it broke.*method=a_seed=1"):
        run_grid(tmp_path, CELLS, runs, SETUP)
    assert runs.cells == CELLS and capsys.readouterr().out.count("failed: it broke") == 2
    with pytest.raises(ZeroDivisionError):  # a bug keeps its traceback
        run_grid(tmp_path, CELLS, Runs(broken=CELLS[2:3], error=ZeroDivisionError), SETUP)
    last = Runs()
    run_grid(tmp_path, CELLS, last, SETUP)
    assert last.cells == [CELLS[2]]


def test_another_setup_is_refused_by_name_and_nothing_is_changed(tmp_path):
    run_grid(tmp_path, CELLS, Runs(), SETUP)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*.*") if file.is_file()}
    with pytest.raises(CourseError, match=r"steps: there 10, now 20; views\.size: there 32, now 64"):
        run_grid(tmp_path, CELLS, Runs(), {"steps": 20, "views": {"size": 64}})
    assert before == {file: file.read_bytes() for file in tmp_path.rglob("*.*") if file.is_file()}


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(CourseError, match="not the folder of an experiment"):
        run_grid(tmp_path, CELLS, Runs(), SETUP)
    with pytest.raises(CourseError, match="not the folder of an experiment"):
        run_grid(tmp_path / "thesis.txt", CELLS, Runs(), SETUP)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("damage", ["{", "[]", "{}", "\x00", '{"method": "b", "seed": 1, "seconds": 1}'])
def test_a_damaged_row_is_told_before_anything_runs(tmp_path, damage):
    run_grid(tmp_path, CELLS[:1], Runs(), SETUP)
    (tmp_path / "rows" / "method=a_seed=0.json").write_text(damage)
    runs = Runs()
    with pytest.raises(CourseError, match=r"method=a_seed=0\.json"):
        run_grid(tmp_path, [*CELLS[1:], CELLS[0]], runs, SETUP)
    assert runs.cells == []


def test_names_are_readable_and_differ():
    assert cell_name({"arm": "ssl", "labels": 32, "lr": 0.5}) == "arm=ssl_labels=32_lr=0.5"
    odd = [{"a": "x/y"}, {"a": "x:y"}, {"a": "X"}, {"a": "x"}, {"a": "x_b=1"}, {"a": "x", "b": 1}, {"a": [1.0, 2]}]
    odd += [{"a": "x" * 300}, {"a": "x" * 301}, {"a": "../../etc"}, {"a": "é"}]
    names = [cell_name(cell) for cell in odd]
    assert len(set(names)) == len(odd) and all(len(name) < 120 and "/" not in name for name in names)


def test_two_processes_share_the_cells(tmp_path):
    """This process is at cell 0 while a second one runs the whole grid: that one does the rest, then waits for cell 0."""
    cells, log, second = [{"seed": seed} for seed in range(4)], tmp_path / "log", []

    def theirs(cell, work):
        with log.open("a") as file:
            file.write(f"{cell['seed']}\n")
        return {"knn": 0.5}

    def ours(cell, work):
        if not second:
            second.append(FORK.Process(target=run_grid, args=(tmp_path / "e", cells, theirs, {})))
            second[0].start()
            while not log.exists() or len(log.read_text().split()) < 3:
                assert second[0].is_alive(), "it waits for this cell"
        return {"knn": 1.0}

    rows = run_grid(tmp_path / "e", cells, ours, {}, progress=False)
    second[0].join(60)
    assert second[0].exitcode == 0 and log.read_text().split() == ["1", "2", "3"]
    assert [row["knn"] for row in rows] == [1.0, 0.5, 0.5, 0.5]


def test_a_dead_process_lets_go(tmp_path):
    makes, lock = tmp_path / "row.json", tmp_path / ".row.lock"

    def dies():
        with only_one(makes, lock, wait=False) as mine:
            os._exit(9 if mine else 1)

    dead = FORK.Process(target=dies)
    dead.start()
    dead.join(60)
    assert dead.exitcode == 9 and lock.exists()
    with only_one(makes, lock, wait=False) as mine:
        assert mine
        with only_one(makes, lock, wait=False) as other:
            assert not other
        makes.touch()
    with only_one(makes, lock, wait=False) as mine:
        assert not mine
    assert not lock.exists()
