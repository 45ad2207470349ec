"""Run a student's function so that neither an endless loop nor sys.exit() costs them the notebook.

It runs in a thread, the only way that works in a Jupyter kernel on Linux, macOS and Windows alike. (signal.setitimer
needs Unix and the main thread; a subprocess cannot have a function from a notebook.) A thread that runs too long gets
an exception, which ends any loop written in Python. One that waits inside C code is left behind, and the kernel stays
usable; only C code that never lets go of the interpreter, sum(itertools.count()), cannot be helped from inside.
"""

import contextlib
import ctypes
import io
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

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


def call(function: Callable, args: tuple) -> Outcome:
    """function(*args), with whatever it raises, SystemExit too. Only the user's own Ctrl-C is raised here."""
    outcome, printed = Outcome(), io.StringIO()
    done = threading.Event()  # Ctrl-C in thread.join() would mark the thread as ended, up to Python 3.12

    def work() -> None:
        with contextlib.suppress(OutOfTime):  # it may arrive when the function has just ended
            try:
                outcome.value = function(*args)
            except BaseException as error:  # SystemExit, too
                outcome.error = error
            done.set()

    thread = threading.Thread(target=work, daemon=True)
    with contextlib.redirect_stdout(printed):
        thread.start()
        end = time.monotonic() + SECONDS
        try:
            while not done.wait(0.1) and time.monotonic() < end:  # short waits: a long one hides Ctrl-C on Windows
                pass
        finally:
            if not done.is_set():
                outcome = Outcome(line=_line(thread, function), stopped=_stop(thread))
    outcome.printed = printed.getvalue()[:SHOWN]
    return outcome


def _stop(thread: threading.Thread) -> bool:
    """End a thread, by raising OutOfTime in it; again if a bare `except:` in a loop caught it. Did that help?"""
    for _ in range(20):
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(OutOfTime))
        thread.join(0.05)
        if not thread.is_alive():
            return True
    return False


def _line(thread: threading.Thread, function: Callable) -> int | None:
    """The line of the function's own code that the thread is in."""
    frame = sys._current_frames().get(thread.ident)
    while frame and frame.f_code is not getattr(function, "__code__", None):
        frame = frame.f_back
    return frame.f_lineno if frame else None
