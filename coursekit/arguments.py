"""The arguments of commands: `add` gives a parser one, and each type here says what its value may be.

A type takes the word from the command line and returns its value. A word that makes no sense is answered with the usage of
the command, the name of the argument and what is wanted, before anything is read or written.
"""

import math
from argparse import ArgumentTypeError
from collections.abc import Callable
from numbers import Integral, Real

from coursekit.runtime import CourseError


def add(parser, words: str, kind: Callable, about: str, default=None, **more) -> None:
    """Give a parser one argument with a value: add(parser, "--steps N", count, "optimizer steps", 300).

    words: its names and, last, what help calls its value.
    kind: its type, one of this file.
    about, default: for help, which tells the default too, if there is one.
    more: as argparse's add_argument takes it.
    """
    *names, metavar = words.split()
    if default is not None:
        told = " ".join(map(str, default)) if isinstance(default, list) else default
        about = f"{about} (default: {told})".strip()
    parser.add_argument(*names, type=kind, default=default, metavar=metavar, help=about, **more)


class Kind:
    """What a value may be, typed at the command line or given in Python.

    convert: from the word to the value; ValueError if it cannot. fits: of a value, whether it may be. wanted: in words.
    """

    def __init__(self, convert: Callable, fits: Callable, wanted: str):
        self.convert, self.fits, self.wanted = convert, fits, wanted

    def __call__(self, text: str):
        """The value of a word, for argparse."""
        try:
            value = self.convert(text)
        except ValueError:
            value = None
        if value is None or not self.fits(value):
            raise ArgumentTypeError(f"{text!r} is not {self.wanted}")
        return value

    def check(self, **values) -> None:
        """Raise CourseError, with its name, for a value that may not be."""
        kind = {int: Integral, str: str}.get(self.convert, Real)
        for name, value in values.items():
            if isinstance(value, bool) or not isinstance(value, kind) or not self.fits(value):
                raise CourseError(f"{name} is {value!r}: give {self.wanted}.")


whole = Kind(int, lambda n: n >= 0, "a whole number of at least 0")
count = Kind(int, lambda n: n >= 1, "a whole number of at least 1")
seed = Kind(int, lambda n: 0 <= n < 2**31, f"a whole number from 0 to {2**31 - 1}")
port = Kind(int, lambda n: 1 <= n <= 65535, "a port, a whole number from 1 to 65535")
image_size = Kind(int, lambda n: n >= 8, "a whole number of pixels, 8 or more")
rate = Kind(float, lambda x: 0 < x < math.inf, "a number above 0")  # a learning rate, or a factor of one
decay = Kind(float, lambda x: 0 <= x < math.inf, "a number of at least 0")
share = Kind(float, lambda x: 0 <= x <= 1, "a share from 0 to 1")
amount = Kind(  # how much of a dataset: a count, or a share of it
    lambda text: int(text) if text.isdecimal() else float(text),
    lambda x: x >= 1 if isinstance(x, Integral) else 0 < x <= 1,
    "a whole number of at least 1 or a share above 0, such as 0.1",
)
side = Kind(int, lambda n: n >= 32 and n % 32 == 0, "a multiple of 32 px, as YOLO12 takes them: 320, 480, 640, ...")
text = Kind(str, lambda text: text.strip(), "a word; is a variable unset?")
path = Kind(str, lambda text: text.strip() and "\0" not in text, "the name of a file or folder; is a variable unset?")
name = Kind(  # of one new file or folder, in a place that is named elsewhere
    str, lambda text: text.strip(" .") and not set("/\\\0") & set(text), "a name without slashes"
)
