"""The plan of the house, held by tests: doors open downwards, files stay short, there is one list of packages."""

import ast
import re
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # which pytest brings along there

ROOT = Path(__file__).resolve().parent.parent
ROOMS = (
    "runtime",
    "arguments",
    "files",
    "lessons",
    "settings",
    "scenes",
    "data",
    "draws",
    "views",
    "models",
    "methods",
    "training",
    "evaluation",
    "detection",
    "recipes",
    "figures",
    "widgets",
    "exercises",
    "publishing",
    "doctor",
    "commands",
    "cli",
    "__main__",
)
FILES = sorted((ROOT / "coursekit").rglob("*.py"))
TREES = {file: ast.parse(file.read_text(encoding="utf-8")) for file in FILES}
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PACKAGE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
IMPORTED_AS = {
    "scikit-learn": "sklearn",
    "opencv-python": "cv2",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "lightning-fabric": "lightning_fabric",
    "resvg-py": "resvg_py",
}
ONLY_IMPORTERS = {"ultralytics": "detection", "ipywidgets": "widgets"}  # package -> the one room that may
TOOLS = {
    "jupyterlab",
    "nbval",
    "onnx",
    "pytest-xdist",
    "ruff",
    "hatchling",
    "sphinx-revealjs",
}  # started or read, not imported


def name(file: Path) -> str:
    """A file's path inside the repository, for messages."""
    return file.relative_to(ROOT).as_posix()


def room(file: Path) -> str:
    """The room that a file of coursekit belongs to."""
    return file.relative_to(ROOT / "coursekit").parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> list[tuple[str, int]]:
    """Every module that a file imports, inside functions too, with its line. A relative import begins with a dot."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(("." * node.level + (node.module or ""), node.lineno))
            if node.module == "coursekit":
                found += [
                    (f"coursekit.{alias.name}", node.lineno) for alias in node.names if alias.name != "__version__"
                ]
    return found


def listed(offenders: list[str]) -> str:
    """What a failing rule shows: one offender a line."""
    return "\n" + "\n".join(offenders)


def test_rooms_import_only_from_rooms_above():
    door = ROOT / "coursekit" / "__init__.py"
    new = {room(file) for file in FILES if file != door} - set(ROOMS)
    offenders = [f"coursekit/{place}: a new room has to find its place in ROOMS" for place in sorted(new)]
    for file in FILES:
        for module, line in imports(TREES[file]):
            inside, target = module.startswith("coursekit."), module.split(".")[1:2]
            if file == door and module in ("os", "sys"):
                continue  # it sets one variable of the environment, which has to come before torch
            elif file == door:
                offenders.append(f"{name(file)}:{line}: the door of the package imports {module}")
            elif module.startswith("."):
                offenders.append(f"{name(file)}:{line}: imports name the whole path, not {module}")
            elif inside and target[0] not in ROOMS:
                offenders.append(f"{name(file)}:{line}: there is no room {module}")
            elif inside and room(file) in ROOMS and ROOMS.index(target[0]) > ROOMS.index(room(file)):
                offenders.append(f"{name(file)}:{line}: imports {module}, which is below it")
            elif (home := ONLY_IMPORTERS.get(module.split(".")[0])) and room(file) != home:
                offenders.append(f"{name(file)}:{line}: imports {module}, which only {home} may")
    assert not offenders, listed(offenders)


def test_files_stay_short():
    most = {file: 150 if room(file) == "methods" else 300 for file in FILES}
    lines = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in FILES}
    offenders = [f"{name(file)}:{n}: of fewer than {most[file]} lines" for file, n in lines.items() if n >= most[file]]
    assert not offenders, listed(offenders)


def hands_on(node: ast.stmt) -> bool:
    """True for what an __init__ may hold: a text, imports, names, and for a large room the two functions that import a
    name when it is used (PEP 562)."""
    if isinstance(node, ast.Assign):
        names = {target.id for target in node.targets if isinstance(target, ast.Name)}
        return names in ({"__version__"}, {"__all__"}) or (names == {"HOMES"} and isinstance(node.value, ast.Dict))
    if isinstance(node, ast.FunctionDef):
        return node.name in ("__getattr__", "__dir__") and len(node.body) <= 5
    text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return text or isinstance(node, (ast.Import, ast.ImportFrom))


def test_init_only_hands_names_on():
    root = ROOT / "coursekit" / "__init__.py"  # sets one variable of the environment: see there
    doors = [file for file in FILES if file.name == "__init__.py" and file != root]
    offenders = [
        f"{name(file)}:{node.lineno}: does something"
        for file in doors
        for node in TREES[file].body
        if not hands_on(node)
    ]
    assert not offenders, listed(offenders)


def test_public_things_are_explained():
    offenders = []
    for file, tree in TREES.items():
        if tree.body and not ast.get_docstring(tree):
            offenders.append(f"{name(file)}:1: a file begins by saying what it is for")
        for node in tree.body:
            public = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
            if public and not ast.get_docstring(node):
                offenders.append(f"{name(file)}:{node.lineno}: {node.name} has no docstring")
    assert not offenders, listed(offenders)


@pytest.mark.parametrize(
    "start",
    [
        "import coursekit",
        "import coursekit.cli, coursekit.doctor",
        "from coursekit.cli import build_parser; build_parser()",
        "from coursekit import figures; figures.HOMES, dir(figures)",
    ],
)
def test_the_door_is_light(start):
    heavy = "'torch', 'sklearn', 'ultralytics', 'matplotlib', 'numpy', 'ipywidgets', 'nbformat'"
    code = f"import sys; {start}; print([m for m in ({heavy}) if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def requirements() -> dict[str, list[str]]:
    """requirements.txt by section: "" for what coursekit imports, then the extras."""
    sections, current = {}, None
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            current = {"what coursekit imports": "", "the course": "the course"}.get(line[2:], line[2:].split(":")[0])
        elif line:
            sections.setdefault(current, []).append(line)
    return sections


def declared() -> dict[str, list[str]]:
    """pyproject.toml's requirements, in the same form."""
    return {"": PACKAGE["dependencies"], **PACKAGE["optional-dependencies"]}


def test_the_lists_of_packages_agree():
    listed = requirements()
    assert listed.pop("the course") == ["-e ."]
    assert listed == declared()
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert conda == [f"python{PACKAGE['requires-python']}", "pip", {"pip": ["-r requirements.txt"]}]


def test_requirements_are_floors_and_installed_releases_meet_them():
    for line in [line for lines in declared().values() for line in lines]:
        requirement = Requirement(line)
        assert [spec.operator for spec in requirement.specifier] == [">="], line
        assert requirement.specifier.contains(version(requirement.name), prereleases=True), line


def modules(lines: list[str]) -> set[str]:
    """The modules that requirements are imported as."""
    return {IMPORTED_AS.get(Requirement(line).name, Requirement(line).name) for line in lines}


def test_what_is_imported_is_required_and_the_other_way_round():
    def outside(trees):
        found = {module.split(".")[0] for tree in trees for module, _ in imports(tree)}
        return found - set(sys.stdlib_module_names) - {"coursekit", "google", "IPython"}

    used = outside(TREES.values())
    publishing = outside(tree for file, tree in TREES.items() if room(file) == "publishing")
    base, lab, dev = modules(declared()[""]), modules(declared()["lab"]), modules(declared()["dev"])
    assert used - publishing <= base
    assert publishing <= base | lab | {"pygments"}  # comes with nbconvert, which colors code with it
    assert base <= used
    tested = outside(ast.parse(file.read_text(encoding="utf-8")) for file in TESTS)
    assert dev | lab <= used | tested | TOOLS
    if any((ROOT / "tests" / "benchmarks").glob("bench_*.py")):
        assert tested <= base | lab | dev | {"packaging", "tests", "scipy", "tomli"}


def tracked() -> list[Path]:
    """The files that git knows. Skips the test where there is no git."""
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout")
    return [ROOT / path for path in done.stdout.split("\0") if path and (ROOT / path).is_file()]


def test_the_top_level_holds_nothing_else():
    allowed = {
        "notebooks",
        "coursekit",
        "data",
        "tests",
        "environment.yml",
        "requirements.txt",
        "README.md",
        "pyproject.toml",
        "Makefile",
        "LICENSE",
    }
    top = {path.relative_to(ROOT).parts[0] for path in tracked()}
    assert {entry for entry in top if not entry.startswith(".")} <= allowed


FORBIDDEN = {
    "a package registry": r"pypi\.org|pythonhosted\.org|(extra-)?index-url|registry\.npmjs",
    "a path of one machine": r"(?<![\w.~\"'/(:|])/(work|root|tmp/[a-z]+)/\w",
    "unfinished work": r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b",
}


def test_nothing_names_what_is_forbidden():
    offenders = []
    texts = (".py", ".ipynb", ".md", ".toml", ".txt", ".yml", ".yaml", ".cfg", ".json", "")
    for path in [path for path in tracked() if path.suffix in texts and path != Path(__file__)]:
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            for what, pattern in FORBIDDEN.items():
                if len(line) < 2000 and re.search(pattern, line):  # longer: a picture's base64
                    offenders.append(f"{name(path)}:{number}: {what}: {line.strip()[:100]}")
    assert not offenders, listed(offenders)


def test_no_photographs_or_large_files_are_committed():
    heavy = [f"{name(path)}: {path.stat().st_size / 1e6:.1f} MB" for path in tracked() if path.stat().st_size > 12e6]
    pictures = [name(path) for path in tracked() if path.suffix.lower() in (".jpg", ".jpeg", ".heic", ".zip", ".gz")]
    assert not heavy + pictures


def test_licenses_are_named():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "MIT License" in text and "Permission is hereby granted" in text
    assert "CC BY 4.0" in text and "creativecommons.org/licenses/by/4.0/legalcode" in text
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(word in readme for word in ("MIT", "CC BY 4.0", "AGPL-3.0"))


def test_tests_do_not_wait():
    wait = re.compile(r"\b(time|asyncio)\.sleep\((?!0\))")
    offenders = [
        f"{name(file)}:{number}: {line.strip()}"
        for file in TESTS
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if file != Path(__file__) and wait.search(line)
    ]
    assert not offenders, listed(offenders)


def test_continuous_integration_runs_what_people_run():
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "course.yml").read_text(encoding="utf-8"))
    triggers = workflow[True]  # YAML 1.1 reads the key `on` as true
    assert {"push", "schedule"} <= set(triggers)
    steps = [step.get("run", "") for step in workflow["jobs"]["test"]["steps"]]
    assert any(".ci/run" in step for step in steps)


def test_a_wheel_carries_what_ships(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    shipped = {path.relative_to(ROOT / "data").as_posix() for path in tracked() if ROOT / "data" in path.parents}
    assert {f"coursekit/_shipped/{path}" for path in shipped} <= set(names)
    package = {name(path) for path in tracked() if ROOT / "coursekit" in path.parents}  # the YAML files too
    assert package <= set(names)
