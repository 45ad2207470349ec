"""Run a student's function so that neither an endless loop nor sys.exit() costs them the notebook.

It runs in a thread, the only way that works in a Jupyter kernel on Linux, macOS and Windows alike. (signal.setitimer
needs Unix and the main thread; a subprocess cannot have a function from a notebook.) A thread that runs too long gets
an exception, which ends any loop written in Python. One that waits inside C code is left behind, and the kernel stays
usable; only C code that never lets go of the interpreter, sum(itertools.count()), cannot be helped from inside.
"""

import contextlib
import ctypes
import io
import queue
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

SECONDS = 10.0  # a plain double loop over the largest case takes less than one
SHOWN = 2000  # characters of a student's prints: an endless loop may print megabytes


class OutOfTime(BaseException):
    """Raised inside the function that runs too long; not an Exception, so that `except Exception` lets it through."""


@dataclass
class Outcome:
    """What a call came to: a value, or an error; what was printed.

    stopped: None, or if it ran out of time, whether it could be stopped. line: where it was then.
    """

    value: object = None
    error: BaseException | None = None
    printed: str = ""
    stopped: bool | None = None
    line: int | None = None


class _Worker(threading.Thread):
    """A thread that runs one function after another. One for many calls, because torch gives a thread its own pool."""

    def __init__(self):
        super().__init__(daemon=True)
        self.jobs, self.done = queue.SimpleQueue(), queue.SimpleQueue()
        self.start()

    def run(self) -> None:
        with contextlib.suppress(OutOfTime):  # it may arrive when the function has just ended
            while (job := self.jobs.get()) is not None:
                self.done.put(_outcome(*job))
                job = None  # keep no tensors of the notebook alive

    def wait(self, seconds: float) -> Outcome | None:
        """The outcome of the job, None if there is none in time. In short waits: a long one hides Ctrl-C on Windows."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(queue.Empty):
                return self.done.get(timeout=0.1)
        return None

    def stop(self) -> bool:
        """End the thread, by raising OutOfTime in it; again if a bare `except:` in a loop caught it. Did that help?"""
        self.jobs.put(None)
        for _ in range(20):
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.ident), ctypes.py_object(OutOfTime))
            self.join(0.05)
            if not self.is_alive():
                return True
        return False


def _outcome(function: Callable, args: tuple) -> Outcome:
    try:
        with torch.enable_grad():
            return Outcome(function(*args))
    except BaseException as error:  # SystemExit, too
        return Outcome(error=error)


_worker: _Worker | None = None


def call(function: Callable, args: tuple) -> Outcome:
    """function(*args), with whatever it raises, SystemExit too. Only the user's own Ctrl-C is raised here."""
    global _worker
    worker, _worker = _worker or _Worker(), None  # back in its place only after a call that ended
    outcome, printed = None, io.StringIO()
    with contextlib.redirect_stdout(printed):
        worker.jobs.put((function, args))
        try:
            outcome = worker.wait(SECONDS)
        finally:
            if outcome is None:
                line = _line(worker, function)
                outcome = Outcome(stopped=worker.stop(), line=line)
            else:
                _worker = worker
    outcome.printed = printed.getvalue()[:SHOWN]
    return outcome


def _line(thread: threading.Thread, function: Callable) -> int | None:
    """The line of the function's own code that the thread is in."""
    frame = sys._current_frames().get(thread.ident)
    while frame and frame.f_code is not getattr(function, "__code__", None):
        frame = frame.f_back
    return frame.f_lineno if frame else None
