"""The verbs `publish` and `lessons` of the command line."""

import argparse
import tempfile
from pathlib import Path

from coursekit import arguments as arg
from coursekit.runtime import CourseError


def add_commands(verbs) -> None:
    """Add `publish`, `lessons` and `slides` to an argparse subparsers object; each sets `run`, a function of its
    arguments."""
    publish = verbs.add_parser(
        "publish",
        description="Write into every lesson and the README where this copy is published: the Colab badges and the "
        "standard setup cell, which installs from there. Nothing is sent anywhere.",
    )
    publish.add_argument("home", nargs="?", metavar="OWNER/NAME", help="the GitHub repository")
    publish.add_argument("--branch", default="main", help="the branch that readers get (default: main)")
    publish.add_argument("--clear", action="store_true", help="take every address out again")
    publish.add_argument("--check", action="store_true", help="change nothing; exit status 1 if a file would change")
    publish.set_defaults(run=run_publish)

    lessons = verbs.add_parser(
        "lessons", description="Run lessons and save their outputs, check that they keep the house rules, make slides."
    )
    actions = lessons.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, function, example, line in (
        ("run", run_lessons, "run 03 11", "run lessons on the CPU in quick mode and save their outputs"),
        ("check", check_lessons, "check", "list what lessons break of the house rules"),
        ("slides", make_slides, "slides 03", "make slides of lessons"),
    ):
        action = actions.add_parser(name, help=line, epilog=f"example: coursekit lessons {example}")
        action.add_argument("names", nargs="*", metavar="LESSON", help="how its file name starts (default: all)")
        action.set_defaults(run=function, which=False, serve=False)
    slides = verbs.add_parser(
        "slides",
        description="Make a lecture of a lesson: one HTML file, in outputs/slides, that needs no network. It is made of "
        "the outputs in the lesson's file. Keys: arrows; S, the speaker's window; O, all slides; F, full screen.",
    )
    slides.add_argument("names", nargs="*", metavar="LESSON", help="how its file name starts")
    slides.add_argument("--all", action="store_true", help="every lesson")
    slides.add_argument("--serve", action="store_true", help="then present them from this machine, until Ctrl-C")
    arg.add(slides, "--port N", arg.port, "of the server", 8000)
    slides.set_defaults(run=make_slides, which=True)


def run_publish(args: argparse.Namespace) -> int:
    """`coursekit publish`."""
    from coursekit.publishing import lessons, stamp

    if bool(args.home) == args.clear:
        raise CourseError(
            "Either name the repository, coursekit publish OWNER/NAME, or take the addresses out: --clear."
        )
    home = None if args.clear else stamp.parse(args.home, args.branch)
    root = lessons.checkout()
    changed = stamp.publish(root, home, check=args.check)
    for path in changed:
        print(f"{'would change' if args.check else 'changed'}: {path.relative_to(root)}")
    if not changed:
        print("Every lesson and the README say so already." if home else "No lesson names an address.")
    return 1 if args.check and changed else 0


def run_lessons(args: argparse.Namespace) -> int:
    """`coursekit lessons run`. Lessons build in a temporary folder, so that every run starts from nothing."""
    from coursekit.publishing import execute, lessons

    paths = lessons.lessons(args.names)
    for path in paths:
        lessons.read(path)  # a broken one is told now, not after the minutes that others take
    with tempfile.TemporaryDirectory(prefix="coursekit-") as home:
        for path in paths:
            execute.show(execute.run(path, Path(home)))
    return 0


def check_lessons(args: argparse.Namespace) -> int:
    """`coursekit lessons check`."""
    from coursekit.publishing import lessons, lint

    paths = lessons.lessons(args.names)
    total = 0
    for path in paths:
        try:
            problems = lint.check_notebook(path)
        except CourseError as error:  # the other lessons are checked all the same
            problems = [str(error)]
        total += len(problems)
        for problem in problems:
            print(f"{path.name}: {problem}")
    print(f"{len(paths)} lessons, {total} problems")
    return 1 if total else 0


def make_slides(args: argparse.Namespace) -> int:
    """`coursekit slides`, and `coursekit lessons slides`, which makes all if none is named."""
    from coursekit.publishing import lessons, slides

    if args.which and not (args.names or args.all):
        raise CourseError("Slides of which lesson? coursekit slides 03, or all of them: coursekit slides --all")
    pages = [slides.slides(path) for path in lessons.lessons(args.names)]
    print("\n".join(map(str, pages)))
    if args.serve:
        slides.serve(pages, args.port)
    return 0
