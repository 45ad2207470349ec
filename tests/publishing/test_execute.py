"""Running lessons: outputs are kept clean, a lesson that fails keeps its file, and nbval agrees with what was saved."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from coursekit.publishing import clean, execute, lessons
from coursekit.runtime import CourseError

ROOT = Path(__file__).resolve().parents[2]
LINES = [
    "import os, sys\nfrom os import environ\n"
    "print(environ['COURSEKIT_BUDGET'], environ['COURSEKIT_OFFLINE'], os.getcwd().split('/')[-1])",
    "for i in range(3):\n    print(f'\\r{i} of 3', end='')\nprint('\\nécole')",
    "print('out')\nprint('err', file=sys.stderr)\nprint('out again')",
    "from IPython.display import display\n"
    "display({'application/vnd.jupyter.widget-view+json': {'model_id': 'x'}, 'text/plain': 'widget'}, raw=True)",
]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A lesson of a few cells after a first run, and that run."""
    folder = tmp_path_factory.mktemp("course") / "notebooks"
    folder.mkdir()
    path = folder / "03_small.ipynb"
    cells = [
        {
            "cell_type": "code",
            "source": line.splitlines(keepends=True),
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
        for line in LINES
    ]
    cells[3]["metadata"]["tags"] = ["nbval-ignore-output"]
    cells[0]["metadata"] = {"slideshow": {"slide_type": "slide"}, "execution": {"iopub.status.busy": "2026"}}
    path.write_text(json.dumps({"cells": cells, "metadata": {"widgets": {}}, "nbformat": 4, "nbformat_minor": 4}))
    return path, execute.run(path)


def test_a_run_keeps_outputs_without_what_varies(ran):
    path, run = ran
    notebook = json.loads(path.read_text(encoding="utf-8"))
    outputs = [cell["outputs"] for cell in notebook["cells"]]
    assert "".join(outputs[0][0]["text"]) == "quick 1 notebooks\n"
    assert "".join(outputs[1][0]["text"]) == "2 of 3\nécole\n"
    assert {output["name"]: "".join(output["text"]) for output in outputs[2]} == {
        "stdout": "out\nout again\n",
        "stderr": "err\n",
    }
    assert outputs[3] == []
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert "version" not in notebook["metadata"]["language_info"]
    assert notebook["cells"][0]["metadata"] == {"slideshow": {"slide_type": "slide"}}
    assert [cell["execution_count"] for cell in notebook["cells"]] == [1, 2, 3, 4]
    assert run.changed and len(run.cells) == 4 and len(run.slowest(2)) == 2


def test_a_second_run_changes_no_byte(ran):
    path, _ = ran
    before = path.read_bytes()
    assert before.startswith(b'{\n "cells"') and before.endswith(b"}\n") and "école".encode() in before
    assert not execute.run(path).changed
    assert path.read_bytes() == before


def test_nbval_agrees_with_what_was_saved_and_not_with_anything_else(ran, tmp_path):
    path, _ = ran
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--nbval",
        "--nbval-current-env",
        f"--nbval-sanitize-with={ROOT / 'tests' / 'notebooks' / 'sanitize.cfg'}",
    ]
    changed = tmp_path / "notebooks" / "04_changed.ipynb"
    changed.parent.mkdir()
    changed.write_text(path.read_text(encoding="utf-8").replace("out again\\n", "something else\\n"), encoding="utf-8")
    done = subprocess.run(
        [*command, str(path), str(changed)], cwd=ROOT, capture_output=True, text=True, env=execute.environment()
    )
    assert "1 failed, 7 passed" in done.stdout, done.stdout


def test_a_lesson_that_fails_keeps_its_file_and_names_the_cell(ran, tmp_path):
    path = tmp_path / "05_broken.ipynb"
    notebook = lessons.read(ran[0])
    notebook["cells"][2]["source"] = ["raise ValueError('no such class')"]
    lessons.write(path, notebook)
    before = path.read_bytes()
    with pytest.raises(CourseError, match=r"(?s)05_broken.ipynb stopped at cell 2.*no such class"):
        execute.run(path)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["05_broken.ipynb"]


def test_a_cell_that_takes_too_long_is_told(tmp_path, ran):
    path = tmp_path / "06_endless.ipynb"
    notebook = lessons.read(ran[0])
    notebook["cells"][1]["source"] = ["while True: pass"]
    lessons.write(path, notebook)
    with pytest.raises(CourseError, match="06_endless.ipynb stopped at cell 1"):
        execute.run(path, timeout=2)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a\rb", "b"),
        ("a\rb\r", "b"),
        ("a\r\nb", "a\nb"),
        ("1%\r2%\r3%\ndone\n", "3%\ndone\n"),
        ("plain\n", "plain\n"),
        ("\r", ""),
        ("bar 85%\r       \rdone\n", "done\n"),
        ("bar 85%\r       \r", ""),
    ],
)
def test_progress_bars_end_at_their_last_line(text, left):
    assert clean.final_lines(text) == left


def test_cell_ids_are_kept_and_doubles_are_mended():
    cells = [{"cell_type": "markdown", "source": "x", "metadata": {}, "id": name} for name in ("a", "b", "a")]
    ids = [cell["id"] for cell in clean.clean({"cells": cells, "metadata": {}, "nbformat": 4})["cells"]]
    assert ids[:2] == ["a", "b"] and ids[2].startswith("02-")
    assert clean.clean({"cells": cells, "metadata": {}, "nbformat": 4})["cells"][2]["id"] == ids[2]


def test_lessons_are_found_by_the_start_of_their_name(tmp_path):
    for name in ("00_start", "03_a", "11_b", "scratch"):
        (tmp_path / f"{name}.ipynb").touch()
    assert [path.stem for path in lessons.lessons(folder=tmp_path)] == ["00_start", "03_a", "11_b"]
    assert [path.stem for path in lessons.lessons(["11", "notebooks/03_a.ipynb"], tmp_path)] == ["03_a", "11_b"]
    with pytest.raises(CourseError, match="00_start, 03_a, 11_b"):
        lessons.lessons(["07"], tmp_path)


def test_a_cell_may_keep_its_output_to_itself():
    shown = {"output_type": "stream", "name": "stdout", "text": "a photograph that is not ours to publish"}
    cells = [
        {
            "cell_type": "code",
            "source": "show()",
            "metadata": {"tags": tags},
            "id": f"c{len(tags)}",
            "outputs": [dict(shown)],
        }
        for tags in ([], ["nbval-ignore-output", "no-committed-output"])
    ]
    kept = clean.clean({"cells": cells, "metadata": {}, "nbformat": 4})["cells"]
    assert kept[0]["outputs"] == [shown] and kept[1]["outputs"] == []
    assert kept[1]["metadata"]["tags"] == ["nbval-ignore-output", "no-committed-output"]


def test_outputs_do_not_name_the_folder_of_the_run(tmp_path):
    home = tmp_path / "course"
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": f"results go to {home}/runs/a\n"},
        {
            "output_type": "execute_result",
            "metadata": {},
            "execution_count": 1,
            "data": {"text/plain": [f"PosixPath('{home}/x')"], "image/png": "iVBO"},
        },
    ]
    cell = {"cell_type": "code", "source": "x", "metadata": {}, "id": "a", "outputs": outputs}
    kept = clean.clean({"cells": [cell], "metadata": {}, "nbformat": 4}, home)["cells"][0]["outputs"]
    assert kept[0]["text"] == "results go to outputs/runs/a\n"
    assert kept[1]["data"] == {"text/plain": ["PosixPath('outputs/x')"], "image/png": "iVBO"}
