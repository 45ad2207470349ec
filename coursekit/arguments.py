"""The arguments of commands: `add` gives a parser one, and each type here says what its value may be.

A type takes the word from the command line and returns its value. A word that makes no sense is answered with the usage of
the command, the name of the argument and what is wanted, before anything is read or written.
"""

import math
from argparse import ArgumentTypeError
from collections.abc import Callable


def add(parser, words: str, kind: Callable, about: str, default=None, **more) -> None:
    """Give a parser one argument with a value: add(parser, "--steps N", count, "optimizer steps", 300).

    words: its names and, last, what help calls its value.
    kind: its type, one of this file or str.
    about, default: for help, which tells the default too, if there is one.
    more: as argparse's add_argument takes it.
    """
    *names, metavar = words.split()
    if default is not None:
        told = " ".join(map(str, default)) if isinstance(default, list) else default
        about = f"{about} (default: {told})".strip()
    parser.add_argument(*names, type=kind, default=default, metavar=metavar, help=about, **more)


def _type(convert: Callable, fits: Callable, wanted: str) -> Callable:
    def parse(text: str):
        try:
            value = convert(text)
        except ValueError:
            value = None
        if value is None or not fits(value):
            raise ArgumentTypeError(f"{text!r} is not {wanted}")
        return value

    return parse


whole = _type(int, lambda n: n >= 0, "a whole number of at least 0")
count = _type(int, lambda n: n >= 1, "a whole number of at least 1")
seed = _type(int, lambda n: 0 <= n < 2**31, f"a whole number from 0 to {2**31 - 1}")
image_size = _type(int, lambda n: n >= 8, "a whole number of pixels, 8 or more")
rate = _type(float, lambda x: 0 < x < math.inf, "a number above 0")  # a learning rate, or a factor of one
decay = _type(float, lambda x: 0 <= x < math.inf, "a number of at least 0")
share = _type(float, lambda x: 0 <= x <= 1, "a share from 0 to 1")
amount = _type(  # how much of a dataset: a count, or a share of it
    lambda text: int(text) if text.isdecimal() else float(text),
    lambda x: x >= 1 if isinstance(x, int) else 0 < x <= 1,
    "a whole number of at least 1 or a share above 0, such as 0.1",
)
path = _type(str, lambda text: text.strip() and "\0" not in text, "the name of a file or folder; is a variable unset?")
name = _type(  # of one new file or folder, in a place that is named elsewhere
    str, lambda text: text.strip(" .") and not set("/\\\0") & set(text), "a name without slashes"
)
