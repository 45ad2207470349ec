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

import coursekit
from coursekit.runtime import CourseError

VERBS = {  # name: the package whose commands.py adds it, what the list of verbs says
    "doctor": ("coursekit", "is this machine ready, and how to mend what is not"),
    "data": ("coursekit.data", "make, import, split and check datasets"),
    "pretrain": ("coursekit", "train an encoder without labels"),
    "evaluate": ("coursekit", "judge a trained encoder: k-NN and linear probe"),
    "detect": ("coursekit.detection", "fine-tune YOLO12 from a pretrained backbone"),
    "predict": ("coursekit.detection", "draw what a trained detector finds in pictures"),
    "label-efficiency": ("coursekit.detection", "does pretraining pay at few labels?"),
    "recipes": ("coursekit", "make the weights and results that ship with the course"),
    "leaderboard": ("coursekit", "what all methods scored at one budget, as recorded"),
    "lessons": ("coursekit.publishing", "run and check the lessons"),
    "slides": ("coursekit.publishing", "make a lecture of a lesson, and present it"),
    "publish": ("coursekit.publishing", "stamp the address of your copy into the lessons"),
}
DATA = "--data road_objects/road_objects.yaml"
EXAMPLES = {
    "doctor": "",
    "data": "road-objects --out road_objects",
    "pretrain": "simclr --encoder yolo12n --images photos --image-size 160 --out runs/ssl",
    "evaluate": "runs/ssl",
    "detect": f"{DATA} --size n --backbone runs/ssl --epochs 100",
    "predict": "cv_course_runs/yolo12n_objects photos --out found",
    "label-efficiency": f"{DATA} --backbone runs/ssl --labels 32 --out runs/few_labels",
    "recipes": "lesson-encoder",
    "leaderboard": "--data CIFAR-10 --by finetune --csv table.csv",
    "lessons": "run 03",
    "slides": "03 --serve",
    "publish": "ada/seeing-without-labels",
}
BUG = "coursekit: this is a bug in coursekit, not a mistake of yours. Please report it with what follows."
INTERRUPTED, BROKEN_PIPE, INTERNAL = 130, 141, 70


class Help(argparse.HelpFormatter):
    """argparse's help, with examples left on one line, so that they can be copied."""

    def _fill_text(self, text, width, indent):
        return text if text.startswith("example:") else super()._fill_text(text, width, indent)


class Parser(argparse.ArgumentParser):
    """A parser with the course's help. A verb's complains of unknown arguments itself, with its own usage."""

    def __init__(self, **given):
        super().__init__(formatter_class=Help, **given)

    def parse_known_args(self, args=None, namespace=None):
        """As argparse's, but nothing may be left over."""
        found, left = super().parse_known_args(args, namespace)
        if left:
            self.error(f"unrecognized arguments: {' '.join(left)}")
        return found, left


def build_parser(verb: str | None = None) -> argparse.ArgumentParser:
    """The parser of one verb with its arguments; without one, of all verbs by name, which is all that help needs."""
    parser = Parser(
        prog="coursekit",
        description="Seeing Without Labels: self-supervised learning for object detection.",
        epilog="coursekit VERB --help explains a verb. --traceback, anywhere, shows where an error came from.",
    )
    parser.add_argument("--version", action="version", version=f"coursekit {coursekit.__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    if verb is not None:
        importlib.import_module(f"{VERBS[verb][0]}.commands").add_commands(verbs)
        verbs.choices[verb].epilog = f"example: coursekit {verb} {EXAMPLES[verb]}".strip()
    else:
        for name, (_, line) in VERBS.items():
            verbs.add_parser(name, help=line)
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
