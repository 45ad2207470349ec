"""`python tests`, which `make test` calls: every test, then every lesson, and one line that sums them up.

Each lesson runs in its own kernel, in the environment in which its outputs were made (coursekit.publishing.execute),
and nbval compares what it prints with what its file holds. Arguments name parts: `python tests tests/data notebooks`.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CELL_TIMEOUT = 300  # s; the slowest cell of a quick lesson takes a tenth of it
# Two at a time where there are two cores. A file stays together: what its tests share is made once. A lesson is a file.
PARALLEL = ("--numprocesses=2", "--dist=loadfile") if (os.cpu_count() or 1) > 1 else ()
COUNT = re.compile(r"(\d+) (passed|failed|error|errors|skipped|xfailed|xpassed)\b")
NOTHING_COLLECTED = 5  # pytest's exit status


def run(name: str, arguments: list[str], environment: dict[str, str]) -> tuple[Counter, bool]:
    """Run pytest, print what it prints, and return its counts and whether all is well."""
    print(f"\n--- {name}", flush=True)
    began = time.monotonic()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--durations=8",
        "--durations-min=3",
        *PARALLEL,
    ]
    process = subprocess.Popen(
        [*command, *arguments],
        cwd=ROOT,
        env=environment,
        text=True,
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    closing = ""
    for line in process.stdout:
        print(line, end="", flush=True)
        closing = line if COUNT.search(line) else closing
    status = process.wait()
    counts = Counter(
        {word.removesuffix("s") if word == "errors" else word: int(number) for number, word in COUNT.findall(closing)}
    )
    print(f"--- {name}: {(time.monotonic() - began) / 60:.1f} minutes", flush=True)
    return counts, status in (0, NOTHING_COLLECTED)


def main(arguments: list[str]) -> int:
    """Run what `arguments` name, all of it by default. Exit status 1 where anything failed or nothing was run."""
    sys.path.insert(0, str(ROOT))
    from coursekit.publishing.execute import environment

    options = [a for a in arguments if a.startswith("-")]
    names = [a for a in arguments if not a.startswith("-")]
    lessons = [a for a in names if a.endswith(".ipynb") or Path(a).name == "notebooks"]
    tests = [a for a in names if a not in lessons]
    if not names:
        tests, lessons = ["tests"], ["notebooks"]
    counts, good = Counter(), True
    with tempfile.TemporaryDirectory(prefix="coursekit-", ignore_cleanup_errors=True) as home:
        if tests:
            own = {k: v for k, v in os.environ.items() if not k.startswith("COURSEKIT_")}
            counted, fine = run("tests", [*options, *tests], {**own, "COURSEKIT_HOME": home})
            counts, good = counts + counted, good and fine
        if lessons:
            nbval = [
                "--nbval",
                "--nbval-current-env",
                f"--nbval-cell-timeout={CELL_TIMEOUT}",
                f"--nbval-sanitize-with={ROOT / 'tests' / 'notebooks' / 'sanitize.cfg'}",
            ]
            counted, fine = run("lessons", [*options, *nbval, *lessons], environment(Path(home)))
            counts, good = counts + counted, good and fine
    failed = counts["failed"] + counts["error"]
    print(f"\ntotal: {counts['passed']} passed, {failed} failed, {counts['skipped']} skipped", flush=True)
    return 0 if good and not failed and counts["passed"] else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
