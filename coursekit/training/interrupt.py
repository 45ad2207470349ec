"""Ctrl-C, the stop button of a notebook, or a cluster's SIGTERM: between two steps instead of in the middle of one."""

import signal
import threading

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class InterruptAfterStep:
    """While it is open, the first interrupt only sets `asked`, so that the step ends and a checkpoint is written.

    A second interrupt stops at once. Outside the main thread Python delivers no signals, and this does nothing.
    """

    def __enter__(self) -> "InterruptAfterStep":
        self.asked = False
        usable = threading.current_thread() is threading.main_thread()
        self.before = {number: signal.signal(number, self._handle) for number in SIGNALS} if usable else {}
        return self

    def _handle(self, number, frame) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def __exit__(self, *error) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
