"""The command line: coursekit <verb>. `coursekit --help` lists the verbs, `coursekit VERB --help` explains one.

A verb lives in the commands.py of its room, which is imported when the verb is used: help is quick, and a broken
package breaks only what needs it. A room's `add_commands(verbs)` adds its parsers, and each sets `run`, a function of
the parsed arguments that returns the exit status.

Exit status: 0 done; 1 a problem that you can mend, said in one message; 2 a command that was not understood;
70 a bug in coursekit, with its traceback; 130 interrupted.
"""

import argparse
import importlib
import os
import sys
import traceback
from typing import NamedTuple

import coursekit
from coursekit.runtime import CourseError


class Verb(NamedTuple):
    """room: the package whose commands.py adds it. line: what the list of verbs says. example: of its use."""

    room: str
    line: str
    example: str


DATA, RUN = "--data road_objects/road_objects.yaml", "cv_course_runs/yolo12n_objects"
VERBS = {
    "doctor": Verb("coursekit", "is this machine ready, and how to mend what is not", ""),
    "data": Verb("coursekit.data", "make, import and check datasets", "road-objects --out road_objects"),
    "pretrain": Verb(
        "coursekit",
        "train an encoder without labels",
        "simclr --encoder yolo12n --images photos --image-size 160 --out runs/ssl",
    ),
    "evaluate": Verb("coursekit", "judge a trained encoder: k-NN and linear probe", "runs/ssl"),
    "detect": Verb(
        "coursekit.detection",
        "fine-tune YOLO12 from a pretrained backbone",
        f"{DATA} --size n --backbone runs/ssl --epochs 100",
    ),
    "predict": Verb(
        "coursekit.detection", "draw what a trained detector finds in pictures", f"{RUN} photos --out found"
    ),
    "label-efficiency": Verb(
        "coursekit.detection",
        "does pretraining pay at few labels?",
        f"{DATA} --backbone runs/ssl --labels 32 --out runs/few_labels",
    ),
    "recipes": Verb("coursekit", "make the weights and results that ship with the course", "lesson-encoder"),
    "lessons": Verb("coursekit.publishing", "run and check the lessons", "run 03"),
    "slides": Verb("coursekit.publishing", "make a lecture of a lesson, and present it", "03 --serve"),
    "publish": Verb(
        "coursekit.publishing", "stamp the address of your copy into the lessons", "ada/seeing-without-labels"
    ),
}
BUG = "coursekit: this is a bug in coursekit, not a mistake of yours. Please report it with what follows."
INTERRUPTED, BROKEN_PIPE, INTERNAL = 130, 141, 70


class Help(argparse.HelpFormatter):
    """argparse's help, with examples left on one line, so that they can be copied."""

    def _fill_text(self, text, width, indent):
        return text if text.startswith("example:") else super()._fill_text(text, width, indent)


def _style(parser: argparse.ArgumentParser) -> None:
    """Give a parser and all below it the course's help."""
    parser.formatter_class = Help
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                _style(below)


class Strict(argparse.ArgumentParser):
    """A verb's parser that complains of unknown arguments itself, with its own usage instead of the whole program's."""

    def parse_known_args(self, args=None, namespace=None):
        """As argparse's, but nothing may be left over."""
        found, left = super().parse_known_args(args, namespace)
        if left:
            self.error(f"unrecognized arguments: {' '.join(left)}")
        return found, left


def build_parser(verb: str | None = None) -> argparse.ArgumentParser:
    """The parser of one verb with its arguments; without one, of all verbs by name, which is all that help needs."""
    parser = argparse.ArgumentParser(
        prog="coursekit",
        description="Seeing Without Labels: self-supervised learning for object detection.",
        epilog="coursekit VERB --help explains a verb. --traceback, anywhere, shows where an error came from.",
    )
    parser.add_argument("--version", action="version", version=f"coursekit {coursekit.__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=Strict)
    if verb is not None:
        importlib.import_module(f"{VERBS[verb].room}.commands").add_commands(verbs)
        verbs.choices[verb].epilog = f"example: coursekit {verb} {VERBS[verb].example}".strip()
    else:
        for name, known in VERBS.items():
            verbs.add_parser(name, help=known.line)
    _style(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status. argv: without the program's name; default: the command line."""
    words = list(sys.argv[1:] if argv is None else argv)
    show_traceback = "--traceback" in words
    words = [word for word in words if word != "--traceback"]
    try:
        args = build_parser(words[0] if words and words[0] in VERBS else None).parse_args(words)
        status = args.run(args) or 0
        sys.stdout.flush()  # a closed pipe must show here, where it is caught
        return status
    except KeyboardInterrupt as stop:
        print(f"\ncoursekit: {stop}" if str(stop) else "\ncoursekit: interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `coursekit ... | head`: nobody reads on, which is no error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:
        message = explain(error)
        if message is None:
            print(BUG, file=sys.stderr)
        if message is None or show_traceback:
            traceback.print_exc()
        if message is not None:
            print(f"coursekit: {message}", file=sys.stderr)
        return INTERNAL if message is None else 1


def explain(error: Exception) -> str | None:
    """What to tell a user about an error that a user can mend; None for a bug."""
    if isinstance(error, CourseError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("coursekit"):
        return f"The package {error.name!r} is not installed. Run: pip install -r requirements.txt (or make lab)."
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return f"Not enough memory ({error}). Take a smaller --batch-size or smaller images."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return None
