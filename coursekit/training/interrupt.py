"""Ctrl-C, or the stop button of a notebook, between two steps instead of in the middle of one."""

import signal
import threading


class InterruptAfterStep:
    """While it is open, the first interrupt only sets `asked`, so that the step ends and a checkpoint is written.

    A second interrupt stops at once. Outside the main thread Python delivers no signals, and this does nothing.
    """

    def __enter__(self) -> "InterruptAfterStep":
        self.asked = False
        self.usable = threading.current_thread() is threading.main_thread()
        if self.usable:
            self.before = signal.signal(signal.SIGINT, self._handle)
        return self

    def _handle(self, number, frame) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def __exit__(self, *error) -> None:
        if self.usable:
            signal.signal(signal.SIGINT, self.before)
