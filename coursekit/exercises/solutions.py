"""Solutions stand folded in the notebooks themselves. This file finds and runs them, so that a test keeps every one of
them right.

In a notebook, a Markdown cell after the exercise:

    <details><summary>Solution: info_nce</summary>

    ```python
    def my_info_nce(z_a, z_b, temperature=0.1):
        ...
    ```
    </details>

It is run with the names that the notebook imports, and then checked as the notebook's own `check(...)` would.
"""

import ast
import importlib
import json
import re
from collections.abc import Callable
from pathlib import Path

from coursekit.exercises.catalog import LESSONS, find_exercise
from coursekit.exercises.checks import Verdict, examine
from coursekit.runtime import CourseError

SOLUTION = re.compile(r"<details>\s*<summary>\s*Solution:\s*(?P<name>[\w-]+)\s*</summary>(?P<body>.*?)</details>", re.S)
CODE = re.compile(r"```python[ \t]*\n(?P<code>.*?)```", re.S)


def _cells(notebook: Path, kind: str) -> list[str]:
    try:
        cells = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CourseError(f"{notebook} cannot be read as a notebook ({error}).") from error
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind]


def extract(notebook: Path) -> dict[str, str]:
    """The solutions in a notebook's Markdown: name of the exercise -> Python source.

    Raises CourseError where one holds no ```python block or is given twice, naming it.
    """
    found: dict[str, str] = {}
    for text in _cells(notebook, "markdown"):
        for match in SOLUTION.finditer(text):
            name, blocks = match["name"], [block["code"] for block in CODE.finditer(match["body"])]
            if not blocks or name in found:
                raise CourseError(
                    f"{Path(notebook).name}: the solution of {name} "
                    + ("is given twice." if name in found else "holds no ```python block.")
                )
            found[name] = "\n".join(blocks)
    return found


def _trees(notebook: Path) -> list[ast.Module]:
    """The syntax trees of a notebook's code cells, without its magics."""
    trees = []
    for text in _cells(notebook, "code"):
        lines = ["pass" if line.lstrip().startswith(("%", "!")) else line for line in text.split("\n")]
        try:
            trees.append(ast.parse("\n".join(lines)))
        except SyntaxError as error:
            raise CourseError(f"{Path(notebook).name}: a code cell is not Python: {error}") from error
    return trees


def exercises_in(notebook: Path) -> dict[str, str]:
    """The exercises that a notebook checks: name -> the student's function, from its check("NAME", FUNCTION)."""
    found = {}
    for tree in _trees(notebook):
        for node in ast.walk(tree):
            called = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
            if called == "check" and len(node.args) == 2 and isinstance(node.args[0], ast.Constant):
                found[node.args[0].value] = ast.unparse(node.args[1])
    return found


def _foreign(notebook: Path) -> set[str]:
    """Exercises of other lessons than this one. A lesson may show one of them, to be solved where it belongs."""
    number = Path(notebook).stem[:2]
    modules = [
        importlib.import_module(module) for lesson, module in LESSONS.items() if number in LESSONS and lesson != number
    ]
    return {exercise.name for module in modules for exercise in module.EXERCISES}


def _imports(notebook: Path) -> str:
    nodes = [node for tree in _trees(notebook) for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return "\n".join(ast.unparse(node) for node in nodes)


def run_solutions(notebook: Path) -> dict[str, Verdict]:
    """Run and examine the solution of every exercise of a notebook: name -> Verdict.

    Raises CourseError where an exercise has no solution, a solution has no exercise, or one does not define the
    function that the notebook checks.
    """
    solutions = extract(notebook)
    shown_only = _foreign(notebook) - set(solutions)
    exercises = {name: function for name, function in exercises_in(notebook).items() if name not in shown_only}
    where = Path(notebook).name
    for some, others, what in (
        (exercises, solutions, "has no solution"),
        (solutions, exercises, "is solved but never checked"),
    ):
        alone = sorted(set(some) - set(others))
        if alone:
            raise CourseError(f"{where}: {', '.join(alone)} {what}.")
    verdicts = {}
    for name, function in exercises.items():
        space: dict[str, Callable] = {}
        exec(_imports(notebook), space)
        exec(compile(solutions[name], f"<solution of {name} in {where}>", "exec"), space)
        if function not in space:
            raise CourseError(f"{where}: the solution of {name} does not define {function}.")
        verdicts[name] = examine(find_exercise(name), space[function])
    return verdicts
