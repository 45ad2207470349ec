"""The solutions that stand folded in the notebooks: they are those of the exercises, word for word.

In a notebook, a Markdown cell after the exercise:

    <details><summary>Solution: info_nce</summary>

    ```python
    def my_info_nce(z_a, z_b, temperature=0.1):
        ...
    ```
    </details>

`fold_in` writes the code there, `problems` compares. Whether a solution is right is tested with the exercise.
"""

import ast
import re
from pathlib import Path

from coursekit.exercises.catalog import exercise_names, find_exercise
from coursekit.publishing.lessons import read, set_source, source, write
from coursekit.runtime import CourseError

SOLUTION = re.compile(r"<details>\s*<summary>\s*Solution:\s*(?P<name>[\w-]+)\s*</summary>(?P<body>.*?)</details>", re.S)
CODE = re.compile(r"```python[ \t]*\n(?P<code>.*?)```", re.S)


def _cells(notebook: Path, kind: str) -> list[str]:
    return [source(cell) for cell in read(notebook)["cells"] if cell["cell_type"] == kind]


def extract(notebook: Path) -> dict[str, str]:
    """The solutions in a notebook's Markdown: name of the exercise -> Python source.

    Raises CourseError if one holds no ```python block or is given twice, naming it.
    """
    found: dict[str, str] = {}
    for match in (match for text in _cells(notebook, "markdown") for match in SOLUTION.finditer(text)):
        name, blocks = match["name"], CODE.findall(match["body"])
        if not blocks or name in found:
            told = "is given twice." if name in found else "holds no ```python block."
            raise CourseError(f"{Path(notebook).name}: the solution of {name} {told}")
        found[name] = "\n".join(blocks)
    return found


def _nodes(notebook: Path) -> list[ast.AST]:
    """Every part of a notebook's code, without its magics. Raises CourseError if a cell is not Python."""
    found = []
    for text in _cells(notebook, "code"):
        try:
            found += ast.walk(ast.parse(re.sub(r"(?m)^(\s*)[%!].*", r"\1pass", text)))
        except SyntaxError as error:
            raise CourseError(f"{Path(notebook).name}: a code cell is not Python: {error}") from error
    return found


def exercises_in(notebook: Path) -> dict[str, str]:
    """The exercises that a notebook checks: name -> the student's function, from its check("NAME", FUNCTION)."""
    found = {}
    for node in _nodes(notebook):
        if isinstance(node, ast.Call) and len(node.args) == 2 and isinstance(node.args[0], ast.Constant):
            if getattr(node.func, "id", getattr(node.func, "attr", "")) == "check":
                found[node.args[0].value] = ast.unparse(node.args[1])
    return found


def _plain(code: str) -> str:
    """Code without the gap before a comment at a line's end: a notebook may line its comments up."""
    return re.sub(r" +#", "  #", code).strip()


def problems(notebook: Path) -> list[str]:
    """What is wrong with the exercises of a notebook: one without its solution, another solution, another function.

    A lesson may show an exercise of another lesson, to be solved where it belongs.
    """
    solutions, checked, where = extract(notebook), exercises_in(notebook), Path(notebook).name
    own = set(exercise_names(where[:2]))
    imports = [node for node in _nodes(notebook) if isinstance(node, (ast.Import, ast.ImportFrom))]
    imported = {name.asname or name.name for node in imports for name in node.names}
    told = [f"{name} has no solution." for name in sorted(own - set(solutions))]
    told += [f"{name} is solved but never checked." for name in sorted(set(solutions) - set(checked))]
    told += [f"{name} of this lesson is never checked." for name in sorted(own - set(checked))]
    for name, code in solutions.items():
        exercise = find_exercise(name)
        if _plain(code) != _plain(exercise.source):
            told.append(f"the solution of {name} is not that of tasks/{name}.py, which fold_in would write.")
        function = exercise.solution
        if checked.get(name, function.__name__) != function.__name__:
            told.append(f"{name} is checked with {checked[name]}, but the solution defines {function.__name__}.")
        missing = {*function.__code__.co_names} & {*function.__globals__} - imported
        told += [f"the solution of {name} uses {one}, which is not imported." for one in sorted(missing)]
    return [f"{where}: {problem}" for problem in told]


def fold_in(notebook: Path) -> bool:
    """Write the exercises' solutions into a notebook's folded cells. Returns whether anything changed."""
    book = read(notebook)

    def folded(match: re.Match) -> str:
        code = f"```python\n{find_exercise(match['name']).source.strip()}\n```"
        return CODE.sub(lambda _: code, match[0], count=1)

    for cell in book["cells"]:
        if cell["cell_type"] == "markdown":
            set_source(cell, SOLUTION.sub(folded, source(cell)))
    return write(notebook, book)
