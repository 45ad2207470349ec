"""What went wrong when a student's function ran: the line, the shapes there, and what such an error usually means."""

import ast
import difflib
import dis
import inspect
import linecache
import re
import sys
import sysconfig
import textwrap
import traceback
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import FrameType

import torch

from coursekit.exercises.yaml_files import read_yaml

PACKAGE = str(Path(__file__).resolve().parent.parent)
LIBRARIES = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), PACKAGE})

# a division by what a reduction leaves, where each row should be divided by its own number
DROPPED = re.compile(r"\.(norm|sum|mean)\((?![^()]*keepdim)[^()]*\)")


def is_untouched(candidate: Callable) -> bool:
    """Does the function do nothing at all: `...`, `pass`, or only a docstring? Works without its source."""
    if not hasattr(candidate, "__code__"):
        return False
    for step in dis.get_instructions(candidate.__code__):
        returns = "CONST" in step.opname and step.argval in (None, ...)
        if not returns and step.opname not in ("RETURN_VALUE", "RESUME", "NOP", "COPY_FREE_VARS", "CACHE"):
            return False
    return True


def _nodes(candidate: Callable) -> list[ast.AST]:
    """All parts of the function's source; [] if that is unknown."""
    try:
        return list(ast.walk(ast.parse(textwrap.dedent(inspect.getsource(candidate)))))
    except (OSError, TypeError, SyntaxError, IndentationError):
        return []


def loops(candidate: Callable) -> bool:
    """Does the function loop in Python, by a statement or a comprehension? False if its source is unknown."""
    return any(isinstance(node, (ast.For, ast.While, ast.comprehension)) for node in _nodes(candidate))


def holes(candidate: Callable) -> list[int]:
    """The lines, counted from `def`, where a `...` waits for code; [] if the source is unknown."""
    places = [n for n in _nodes(candidate) if isinstance(n, (ast.Expr, ast.Assign, ast.Return, ast.AnnAssign))]
    return sorted(n.lineno for n in places if isinstance(n.value, ast.Constant) and n.value.value is Ellipsis)


@cache
def _read(name: str) -> dict:
    return read_yaml(Path(__file__).with_name(name), {str: [str] if name == "messages.yaml" else str})


def tell(message: str, **values) -> list[str]:
    """The lines of a message in messages.yaml, with values in place of their {names}."""
    return [told for line in _read("messages.yaml")[message] if (told := line.format(**values))]


def meaning(words: Mapping[str, str], text: str) -> list[str]:
    """What a text means: of pattern -> meaning the first that fits, [] if none does."""
    return [says for pattern, says in words.items() if re.search(pattern, text)][:1]


def _own_frame(error: BaseException, candidate: Callable) -> tuple[FrameType | None, int]:
    """The innermost frame of the student's own code and the number of its line; (None, 0) if there is none."""
    frames = list(traceback.walk_tb(error.__traceback__))
    code = getattr(candidate, "__code__", None)
    own = [f for f in frames if code and f[0].f_code.co_filename == code.co_filename]
    outside = [f for f in frames if not f[0].f_code.co_filename.startswith((*LIBRARIES, "<frozen"))]
    return (own or outside or [(None, 0)])[-1]


def _did_you_mean(error: BaseException, frame: FrameType | None) -> str:
    """The nearest name that exists, if a name or an attribute does not."""
    known = []
    if isinstance(error, AttributeError):
        known = dir(error.obj)
    elif isinstance(error, NameError) and frame:
        known = [*frame.f_locals, *frame.f_globals]
    near = difflib.get_close_matches(error.name or "", known, n=1) if known else []
    return f". Did you mean {near[0]}?" if near else ""


def explain_error(error: BaseException, candidate: Callable, words: Mapping[str, str]) -> list[str]:
    """Lines for the student: which line stopped, the message, the shapes there, and what it usually means.

    words: pattern -> meaning, those of the exercise; they come before what is usually meant.
    """
    message = str(error).split("\n")[0].strip() or "no message"
    kind = type(error).__name__
    frame, line = _own_frame(error, candidate)
    told = [f"It stops with {kind}: {message}{_did_you_mean(error, frame)}"]
    if frame:
        source = linecache.getline(frame.f_code.co_filename, line).strip()
        where = f"line {line - frame.f_code.co_firstlineno + 1} of {frame.f_code.co_name}"
        told.append(f"In {where}" + (f":  {source}" if source else "."))
        tensors = [f"{name} {tuple(x.shape)}" for name, x in frame.f_locals.items() if isinstance(x, torch.Tensor)]
        if tensors:
            told.append(f"Shapes there: {', '.join(tensors[:8])}")
        call = DROPPED.search(source) if "/" in source and "must match the size of tensor" in message else None
        if call:
            return [*told, f"{call[0]} drops the dimension that it runs over; keepdim=True keeps it."]
    text = f"{kind} {message}"
    return told + (meaning(words, text) or meaning(_read("errors.yaml"), text))


def takes(candidate: Callable, args: tuple) -> bool:
    """Can the function be called with these arguments? True if nobody knows."""
    try:
        inspect.signature(candidate).bind(*args)
    except ValueError:  # written in C, without a signature
        return True
    except TypeError:
        return False
    return True


def endless(candidate: Callable, line: int | None) -> str:
    """The `while` loops that this line of a file is in, the outer ones first; "" if it is in none or the source is unknown."""
    code = getattr(candidate, "__code__", None)
    if line is None or code is None:
        return ""
    here = line - code.co_firstlineno + 1
    around = [n for n in _nodes(candidate) if isinstance(n, ast.While) and n.lineno <= here <= n.end_lineno]
    return ", and inside it of ".join(f"line {loop.lineno}: while {ast.unparse(loop.test)}" for loop in around)


def forget(error: BaseException) -> None:
    """Drop the frames of an error that was explained, so that a notebook does not keep their tensors alive."""
    traceback.clear_frames(error.__traceback__)
    error.__traceback__ = None
    sys.last_value = None
