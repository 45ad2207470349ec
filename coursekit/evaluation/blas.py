"""Threads of the linear algebra under scikit-learn."""

import contextlib
from collections.abc import Iterator

from threadpoolctl import threadpool_limits

LARGE = 10_000_000  # numbers in a matrix from which a second thread is worth its waiting


@contextlib.contextmanager
def steady_threads(numbers: int) -> Iterator[None]:
    """One BLAS thread for a small problem, all of them for a large one. numbers: in the matrix that is worked on.

    Fitting calls BLAS thousands of times for a moment each, and its threads wait for each other by spinning. With a busy
    neighbour on two cores a probe of 300 images took 8.3 s with two threads and 1.3 s with one.
    """
    with threadpool_limits(1 if numbers < LARGE else None, user_api="blas"):
        yield
