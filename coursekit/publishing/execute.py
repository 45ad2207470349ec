"""`coursekit lessons run`: run lessons from top to bottom, as a student's laptop would, and keep their outputs.

A lesson runs in its own kernel on the CPU, in quick mode and without a network, in the folder that it lies in. Only one
that runs to its end replaces its file.
"""

import json
import os
import time
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from coursekit.publishing import clean, lessons
from coursekit.runtime import CourseError

# `python tests` compares outputs under the same settings. An empty CUDA_VISIBLE_DEVICES hides GPUs.
ENVIRONMENT = {
    "COURSEKIT_BUDGET": "quick",
    "COURSEKIT_OFFLINE": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "YOLO_AUTOINSTALL": "false",
}
CELL_TIMEOUT = 600  # s


class LessonRun(NamedTuple):
    """How a run went: the seconds that it took, also for each code cell by its index, and whether the file changed."""

    path: Path
    seconds: float
    cells: dict[int, float]
    changed: bool

    def slowest(self, n: int = 3) -> list[tuple[int, float]]:
        """The n slowest cells as (index, seconds), slowest first."""
        return sorted(self.cells.items(), key=lambda item: -item[1])[:n]


def environment(home: Path | None = None) -> dict[str, str]:
    """The environment in which lessons run for the record; `home`: the folder for what they build."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("COURSEKIT_")}
    return {**own, **ENVIRONMENT, **({"COURSEKIT_HOME": str(home)} if home else {})}


def run(path: Path, home: Path | None = None, timeout: int = CELL_TIMEOUT) -> LessonRun:
    """Run one lesson and write its outputs into its file.

    Raises CourseError, with the cell and the error, if a cell fails; the file is then as it was.
    """
    notebook = lessons.as_node(lessons.read(path))
    clean.name_cells(notebook.cells)
    starts, cells = {}, {}

    def start(cell, cell_index):
        starts[cell_index] = time.perf_counter()

    def end(cell, cell_index, **_):
        cells[cell_index] = time.perf_counter() - starts[cell_index]

    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        store_widget_state=False,
        record_timing=False,
        on_cell_execute=start,
        on_cell_executed=end,
    )
    began = time.perf_counter()
    try:
        client.execute(env=environment(home))
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        index = max(starts, default=0)
        why = _shorten(str(error))
        raise CourseError(f"{path.name} stopped at cell {index}, and its file is as it was.\n{why}") from error
    seconds = time.perf_counter() - began
    # through JSON, so that the file holds plain lists of lines as Jupyter writes them
    executed = json.loads(nbformat.writes(nbformat.from_dict(clean.clean(notebook, home and home.resolve()))))
    return LessonRun(path, seconds, cells, lessons.write(path, executed))


def _shorten(text: str, lines: int = 40) -> str:
    kept = text.strip().splitlines()
    return "\n".join(kept if len(kept) <= lines else [*kept[:10], "...", *kept[-(lines - 10) :]])


def show(result: LessonRun) -> None:
    """Print how long a lesson took and its slowest cells."""
    slow = ", ".join(f"cell {index}: {seconds:.1f} s" for index, seconds in result.slowest())
    state = "saved" if result.changed else "unchanged"
    print(f"{result.path.name}: {result.seconds:.0f} s, {state} (slowest: {slow})", flush=True)
