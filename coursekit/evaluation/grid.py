"""A grid: every cell of an experiment once, however often the process dies.

A cell is a plain dict of settings, {"method": "simclr", "seed": 0}; running it gives a row, a plain dict of numbers.
An experiment is a folder:

experiment.json   what all cells share, and provenance, said once
rows/CELL.json    a finished cell: its settings, its row, its seconds
rows.csv          the rows that the last call gave back, as a table
runs/CELL/        what a cell that runs now works in
"""

import hashlib
import json
import re
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from coursekit.evaluation.provenance import provenance
from coursekit.files import only_one, write_atomically
from coursekit.runtime import CourseError
from coursekit.training.history import History
from coursekit.training.keeping import differences

MEND = "Delete a damaged row and the same call makes it again; a damaged experiment.json needs another folder."
LONGEST_NAME = 100  # characters


def run_grid(
    folder: str | Path,
    cells: Sequence[dict],
    run: Callable[[dict, Path], dict],
    setup: dict,
    *,
    progress: bool = True,
    keep_runs: bool = False,
    done: Callable[[list[dict]], object] | None = None,
) -> list[dict]:
    """Run every cell that has no row yet -> one row for each cell, in their order: {**cell, **run(cell), "seconds"}.

    folder: the experiment's own. cells: settings that differ from cell to cell; a cell given twice runs once.
    run: run(cell, work) -> the row. It may keep in the folder `work` what it needs to go on after it was killed.
    setup: everything else that decides the numbers. Rows of another setup are refused, because they would not be
        comparable; more cells of the same setup are welcome.
    progress: print one line for each cell that runs.
    keep_runs: leave the cells' working folders.
    done: called after each cell with the rows that there are by then, so that hours of work can be recorded as they grow.

    A second process on the same folder takes other cells. If a cell fails, the others still run; then its error is
    raised. Raises CourseError for a folder of another experiment or of something else, and for a damaged file.
    """
    folder, failed = Path(folder).expanduser(), {}
    _claim(folder, json.loads(json.dumps(setup)))
    names = [cell_name(cell) for cell in cells]
    rows = [folder / "rows" / f"{name}.json" for name in names]
    for cell, row in zip(cells, rows, strict=True):
        if row.exists():
            _read_row(row, cell)  # a damaged one is told now, not after hours
    for wait in (False, True):  # first what no other process works on, then what is left when that one is done
        for number, (cell, name, row) in enumerate(zip(cells, names, rows, strict=True), 1):
            if row.exists() or name in failed:
                continue
            with only_one(row, folder / "runs" / f".{name}.lock", wait) as mine:
                if not mine:
                    continue
                try:
                    told = _run_cell(cell, run, row, folder / "runs" / name, keep_runs)
                except Exception as error:  # whatever it is, it may be of this cell alone
                    failed[name], told = error, f"failed: {error}"
                else:
                    if done:
                        done([_read_row(file, each) for file, each in zip(rows, cells, strict=True) if file.exists()])
                if progress:
                    what = ", ".join(f"{key} {value}" for key, value in cell.items())
                    print(f"{number} of {len(cells)}: {what}: {told}", flush=True)
    if failed:
        _raise(failed, folder)
    finished = [_read_row(row, cell) for cell, row in zip(cells, rows, strict=True)]
    History(finished).save_csv(folder / "rows.csv")
    return finished


def cell_name(cell: dict) -> str:
    """A file name that a person can read, different for different cells: "arm=ssl_labels=32_seed=0"."""
    full = "_".join(f"{key}={value}" for key, value in cell.items())
    name = re.sub(r"[^a-z0-9.=+-]+", "_", full.lower())[:LONGEST_NAME]
    if name != full or full.count("=") > len(cell):  # else two cells might share a name
        name += "_" + hashlib.sha256(json.dumps(cell).encode()).hexdigest()[:8]
    return name


def write_json(path: Path, content: dict) -> None:
    """Write JSON for people and programs, atomically; rows on one line each."""
    parts = []
    for key, value in content.items():
        text = json.dumps(value, indent=1).replace("\n", "\n ")
        if isinstance(value, list) and value:
            text = "[\n  " + ",\n  ".join(map(json.dumps, value)) + "\n ]"
        parts.append(f" {json.dumps(key)}: {text}")
    write_atomically(path, lambda file: file.write(("{\n" + ",\n".join(parts) + "\n}\n").encode()))


def read_json(file: Path, keys: Sequence[str] = ()) -> dict:
    """A JSON file's object. Raises CourseError, naming the file, if it is damaged or lacks one of the keys."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CourseError(f"{file} cannot be read as JSON: {error}. {MEND}") from error
    lacking = list(keys) if not isinstance(content, dict) else [key for key in keys if key not in content]
    if lacking or not isinstance(content, dict):
        raise CourseError(f"{file} is damaged: it lacks {', '.join(lacking) or 'every entry'}. {MEND}")
    return content


def _claim(folder: Path, setup: dict) -> None:
    """Make the folder this experiment's, or make sure that it is."""
    file = folder / "experiment.json"
    if not file.exists():
        if folder.exists() and (not folder.is_dir() or any(not p.name.startswith(".") for p in folder.iterdir())):
            raise CourseError(f"{folder} exists and is not the folder of an experiment. Choose another (--out).")
        with only_one(file, folder / ".lock", wait=True) as mine:
            if mine:
                write_json(file, {"setup": setup, "provenance": provenance()})
    there = read_json(file, ("setup", "provenance"))["setup"]
    if changed := list(differences(there, setup)):
        way_out = "choose another folder (--out), or move this one away. Nothing was changed."
        other = f"{folder} holds another experiment ({'; '.join(changed)})"
        raise CourseError(f"{other}. Its rows would not be comparable: {way_out}")


def _run_cell(cell: dict, run: Callable[[dict, Path], dict], row: Path, work: Path, keep: bool) -> str:
    """Run a cell and store its row -> its numbers in words."""
    began = time.perf_counter()
    work.mkdir(parents=True, exist_ok=True)
    numbers = run(cell, work)
    seconds = round(time.perf_counter() - began, 1)
    write_json(row, {**cell, **numbers, "seconds": seconds})
    if not keep:
        shutil.rmtree(work, ignore_errors=True)
    told = [f"{key} {value:.3f}" for key, value in numbers.items() if isinstance(value, float)]
    return ", ".join([*told, f"{seconds:.0f} s"])


def _read_row(file: Path, cell: dict) -> dict:
    row = read_json(file, ("seconds", *cell))
    if list(differences({key: row[key] for key in cell}, json.loads(json.dumps(cell)))):
        raise CourseError(f"{file} is damaged: it is the row of another cell. {MEND}")
    return row


def _raise(failed: dict[str, Exception], folder: Path) -> None:
    """The first bug as it is, with its traceback; what the user can mend as one message."""
    first = next((error for error in failed.values() if not isinstance(error, CourseError)), None)
    if first is not None:
        raise first
    told = "\n".join(f"  {name}: {error}" for name, error in failed.items())
    raise CourseError(
        f"{len(failed)} cells failed, and the others are in {folder}. The same call runs only what is missing.\n{told}"
    )
