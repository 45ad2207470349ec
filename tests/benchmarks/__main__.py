"""`python tests/benchmarks`, which `make bench` calls: what the course claims to be fast, measured on this machine.

Every bench_*.py beside this file has a `main()` that prints its measurements, the course's beside others', from one
run. No test compares times: they are for people to read. Arguments name benchmarks: `python tests/benchmarks views`.
"""

import importlib.util
import platform
import sys
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent


def benchmarks(names: list[str]) -> list[Path]:
    """The benchmarks' files; with `names`, those whose name contains one. Exits with a message where there are none."""
    files = sorted(HERE.glob("bench_*.py"))
    chosen = [file for file in files if not names or any(name in file.stem for name in names)]
    if not chosen:
        raise SystemExit(
            f"No benchmark is called {' or '.join(names)}. "
            f"There are: {', '.join(file.stem.removeprefix('bench_') for file in files) or 'none'}."
        )
    return chosen


def main(names: list[str]) -> int:
    """Run the benchmarks one after the other; exit status 1 where one fails, after all have run."""
    sys.path.insert(0, str(HERE.parents[1]))
    import torch

    from coursekit import runtime

    print(
        f"Python {platform.python_version()}, torch {torch.__version__}, {runtime.threads()} cores, "
        f"device {runtime.device()}"
    )
    failed = 0
    for file in benchmarks(names):
        print(f"\n--- {file.stem.removeprefix('bench_')}", flush=True)
        specification = importlib.util.spec_from_file_location(file.stem, file)
        module = importlib.util.module_from_spec(specification)
        sys.modules[file.stem] = module  # workers of a DataLoader find the module's classes by this name
        try:
            specification.loader.exec_module(module)
            module.main()
        except Exception:
            traceback.print_exc()
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
