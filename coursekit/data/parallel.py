"""Many small jobs on all cores, in order, with a progress bar. Threads for what releases Python's lock (decoding,
downloading), processes for what does not (drawing)."""

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import TypeVar

from tqdm import tqdm

from coursekit.runtime import in_notebook, threads

Item, Result = TypeVar("Item"), TypeVar("Result")
FEW = 24  # below this many jobs a pool of processes costs more than it gains


def progress_bar(description: str, total: int | None, unit: str = "image", silent: bool = False, **options) -> tqdm:
    """A bar that shows only if someone watches, and only when the work takes more than a moment.

    In a notebook it waits for 8 s and removes itself, so that short cells keep the same output on every machine. It is
    on stdout there: what a bar on stderr leaves behind is an empty red strip. Elsewhere it is on stderr, and silent in a
    log file or a pipe.
    """
    stream = sys.stdout if in_notebook() else sys.stderr
    watched = stream is not None and (stream.isatty() or in_notebook())
    return tqdm(
        file=stream,
        desc=description,
        total=total,
        unit=unit,
        disable=silent or not watched,
        leave=False,
        delay=8 if in_notebook() else 1,
        dynamic_ncols=True,
        **options,
    )


def map_threads(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None
) -> Iterator[Result]:
    """`function` of each item, in order, by threads (default: one per core); at most a few results wait in memory."""
    workers = workers or threads()
    with ThreadPoolExecutor(workers) as pool:
        yield from _in_order(pool, function, iter(items), ahead=4 * workers)


def map_processes(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int | None = None
) -> Iterator[Result]:
    """`function` of each item, in order, by processes; `function` must be importable and must not use torch.

    A few items, or a single core, are worked off in this process. On Linux the workers are forked, as torch's
    DataLoader does: they start at once, and a script without `if __name__ == "__main__"` works. They end with this
    process, however it ends; joblib's would stay for five minutes after a SIGTERM.
    """
    workers = workers or threads()
    if workers == 1 or len(items) < FEW or multiprocessing.current_process().daemon:
        yield from map(function, items)
        return
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    chunks = (items[i : i + 8] for i in range(0, len(items), 8))  # fewer, larger messages between processes
    with warnings.catch_warnings():
        # Python 3.12 warns when a process with threads forks; the workers here touch neither torch nor the threads
        warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork.*")
        with ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent) as pool:
            for results in _in_order(pool, partial(_each, function), chunks, ahead=4 * workers):
                yield from results


def _each(function: Callable, items: Sequence) -> list:
    return [function(item) for item in items]


def _end_with_parent() -> None:
    """In a worker: end when the parent does, by SIGKILL too, and leave Ctrl-C to the parent."""

    def wait():
        multiprocessing.parent_process().join()
        os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=wait, daemon=True).start()


def _in_order(pool, function, items: Iterator, ahead: int) -> Iterator:
    """Results in order, never more than `ahead` jobs handed out; closing the generator early stops the rest."""
    waiting = deque(pool.submit(function, item) for item in islice(items, ahead))
    try:
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(function, item) for item in islice(items, 1))
            yield result
    finally:
        for job in waiting:
            job.cancel()
