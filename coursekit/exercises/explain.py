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
from pathlib import Path

import torch

PACKAGE = str(Path(__file__).resolve().parent.parent)
LIBRARIES = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), PACKAGE})

USUALLY = (  # (pattern in the error's type and message, what it usually means)
    ("SystemExit", "sys.exit() and exit() would end the notebook. `return` ends a function."),
    ("mat1 and mat2", "The inner sizes of a matrix product must agree: does one of the two need a .T?"),
    ("must match the size of tensor", "Two tensors are combined whose shapes do not fit: print both just before."),
    ("match target batch_size", "As many rows of logits as targets are needed: print both shapes just before."),
    ("got Long|[Dd]imension out of range", "F.cross_entropy wants a matrix of logits: a row for each target."),
    ("too many indices", "It wants one dimension more: x[None] makes a batch of one."),
    ("only supports boolean masks", "Make the mask of True and False: torch.eye(..., dtype=torch.bool)."),
    ("NameError", "A name is used before it gets a value, or an import is missing."),
    ("view size is not compatible", "Use .reshape(...) where .view(...) does not fit."),
    ("out of bounds", "An index is larger than the size it points into."),
    ("out of range", "An index or a dimension is larger than there is."),
    ("can't convert np", "Stay with torch: torch.log, torch.exp, torch.mean."),
    ("numpy", "Stay with torch: torch.log, torch.exp, torch.mean. NumPy knows no gradients."),
    ("expected scalar type Long", "Class indices are whole numbers: torch.arange gives them as int64."),
    ("same dtype", "One tensor is float32 and another float64: make new tensors with the dtype of the inputs."),
    ("found dtype", "One tensor is float32 and another float64: make new tensors with the dtype of the inputs."),
    ("in-place operation", "The input belongs to the caller: write z = z / length instead of z /= length."),
    ("RecursionError", "The function calls itself without end."),
)


def is_untouched(candidate: Callable) -> bool:
    """Does the function do nothing at all: `...`, `pass`, or only a docstring? Works without its source."""
    code = getattr(candidate, "__code__", None)
    if code is None:
        return False
    nothing, constant = (
        {"RESUME", "NOP", "COPY_FREE_VARS", "CACHE"},
        {"LOAD_CONST", "RETURN_CONST", "LOAD_COMMON_CONSTANT"},
    )
    steps = [step for step in dis.get_instructions(code) if step.opname not in nothing]
    returned = {step.argval for step in steps if step.opname in constant}
    return {step.opname for step in steps} <= {*constant, "RETURN_VALUE"} and returned <= {None, Ellipsis}


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


def _own_frame(error: BaseException, candidate: Callable):
    """The innermost frame of the student's own code: (frame, line number), or None."""
    frames = list(traceback.walk_tb(error.__traceback__))
    code = getattr(candidate, "__code__", None)
    own = [f for f in frames if code is not None and f[0].f_code.co_filename == code.co_filename]
    outside = [f for f in frames if not f[0].f_code.co_filename.startswith((*LIBRARIES, "<frozen"))]
    found = own or outside
    return found[-1] if found else None


def _shapes(frame) -> str:
    """The tensors that the line could see, with their shapes."""
    tensors = [(name, value) for name, value in frame.f_locals.items() if isinstance(value, torch.Tensor)]
    return ", ".join(f"{name} {tuple(value.shape)}" for name, value in tensors[:8])


def _did_you_mean(error: Exception, own) -> str:
    """The nearest name that exists, if a name or an attribute does not."""
    name, known = getattr(error, "name", None), []
    if isinstance(error, AttributeError):
        known = dir(error.obj) if getattr(error, "obj", None) is not None else []
    elif isinstance(error, NameError) and own:
        known = [*own[0].f_locals, *own[0].f_globals]
    near = difflib.get_close_matches(name, known, n=1) if isinstance(name, str) else []
    return f". Did you mean {near[0]}?" if near else ""


# a division by what a reduction leaves, where each row should be divided by its own number
DROPPED = re.compile(r"\.(norm|sum|mean)\((?![^()]*keepdim)[^()]*\)")


def explain_error(error: BaseException, candidate: Callable, known: Mapping[str, str]) -> list[str]:
    """Lines for the student: which line stopped, the message, the shapes there, and what it usually means.

    known: pattern -> meaning, those of the exercise itself; they come before what is usually meant.
    """
    message = str(error).split("\n")[0].strip() or "no message"
    kind = type(error).__name__
    own = _own_frame(error, candidate)
    told = [f"It stops with {kind}: {message}{_did_you_mean(error, own)}"]
    if own:
        frame, line = own
        source = linecache.getline(frame.f_code.co_filename, line).strip()
        where = f"line {line - frame.f_code.co_firstlineno + 1} of {frame.f_code.co_name}"
        told.append(f"In {where}" + (f":  {source}" if source else "."))
        shapes = _shapes(frame)
        if shapes:
            told.append(f"Shapes there: {shapes}")
        call = DROPPED.search(source) if "/" in source and "must match the size of tensor" in message else None
        if call:
            return [*told, f"{call[0]} drops the dimension that it runs over; keepdim=True keeps it."]
    text = f"{kind} {message}"
    told += [meaning for pattern, meaning in (*known.items(), *USUALLY) if re.search(pattern, text)][:1]
    return told


def takes(candidate: Callable, args: tuple) -> bool:
    """Can the function be called with these arguments? True if nobody knows."""
    try:
        signature = inspect.signature(candidate)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(*args)
    except TypeError:
        return False
    return True


def definition(candidate: Callable) -> str:
    """The function as it is defined: f(z_a, z_b)."""
    return f"{getattr(candidate, '__name__', type(candidate).__name__)}{inspect.signature(candidate)}"


def endless(candidate: Callable, line: int | None) -> str:
    """The `while` that this line of a file is in, the innermost one; "" if there is none, or nobody knows."""
    code = getattr(candidate, "__code__", None)
    if line is None or code is None:
        return ""
    here = line - code.co_firstlineno + 1
    around = [n for n in _nodes(candidate) if isinstance(n, ast.While) and n.lineno <= here <= n.end_lineno]
    return f"line {around[-1].lineno}: while {ast.unparse(around[-1].test)}" if around else ""


def forget(error: BaseException) -> None:
    """Drop the frames of an error that was explained, so that a notebook does not keep their tensors alive."""
    traceback.clear_frames(error.__traceback__)
    error.__traceback__ = None
    sys.last_value = None
