"""Every exercise: its solution is right, each mistake is wrong and named, two never cancel out, rewritings are right.

answers.txt beside this file holds answers as students write them, right ones and wrong ones with what they are told.
"""

import inspect
import linecache
import re
import textwrap
from pathlib import Path

import pytest
import torch

from coursekit.exercises import exercise_names
from coursekit.exercises.catalog import find_exercise
from coursekit.exercises.checks import RIGHT, WRONG, examine
from coursekit.exercises.diagnose import equal, pack
from coursekit.exercises.model import read_text
from coursekit.runtime import CourseError

EXERCISES = [pytest.param(find_exercise(name), id=name) for name in exercise_names()]
MISTAKES = [
    pytest.param(find_exercise(name), mistake, function, id=f"{name}-{k}")
    for name in exercise_names()
    for k, ((mistake,), function) in enumerate(find_exercise(name).single)
]
RIGHT_TOGETHER = {  # one undoes the other
    ("The similarity is a plain dot product", "The squared length, or a sum, is divided by"),
    ("The positive of view i is taken to be a neighbour", "The order is a_0, b_0"),
    ("Every view picks itself", "This is the second of the others"),
}


def strict(exercise):
    return [case for case in exercise.cases() if not case.remark]


@pytest.mark.parametrize("exercise", EXERCISES)
def test_solution_and_reference_are_right_and_have_the_probed_properties(exercise):
    for answer in (exercise.solution, exercise.reference):
        verdict = examine(exercise, answer)
        assert verdict.state == RIGHT and "Remark" not in str(verdict), str(verdict)
    for case in strict(exercise):
        for probe in exercise.probes:
            for says, args in probe.changed(exercise.parameters, case.args):
                assert equal(pack(exercise.reference(*args)), pack(exercise.reference(*case.args))), says


@pytest.mark.parametrize("exercise, mistake, wrong", MISTAKES)
def test_every_mistake_is_wrong_and_diagnosed_as_itself(exercise, mistake, wrong):
    verdict = examine(exercise, wrong)
    assert (verdict.state, verdict.mistakes) == (WRONG, (mistake,)), str(verdict)
    assert f"What happened: {mistake.what}" in verdict.lines and f"Where to look: {mistake.look}" in verdict.lines


@pytest.mark.parametrize("exercise", EXERCISES)
def test_every_mistake_can_be_made_in_the_solution_and_no_two_are_called_the_same(exercise):
    assert all(mistake.in_source(exercise.source) for mistake in exercise.text.mistakes)
    assert len({mistake.what for mistake in exercise.text.mistakes}) == len(exercise.text.mistakes)


@pytest.mark.parametrize("exercise", EXERCISES)
def test_two_mistakes_never_cancel_out_and_most_are_told_apart(exercise):
    cases, named, seen = strict(exercise), 0, 0
    expected = [pack(exercise.reference(*case.args)) for case in cases]
    assert exercise.pairs
    for k, (pair, wrong) in enumerate(exercise.pairs):
        try:
            same = all(equal(pack(wrong(*c.args)), want) for c, want in zip(cases, expected, strict=True))
        except (RuntimeError, IndexError):
            continue  # shapes that do not fit: the student sees the error
        known = any(
            all(m.what.startswith(start) for m, start in zip(pair, starts, strict=True)) for starts in RIGHT_TOGETHER
        )
        assert same <= known, [mistake.what for mistake in pair]
        if k % (1 + len(exercise.pairs) // 20) == 0 and not same:
            seen, named = seen + 1, named + bool({*examine(exercise, wrong).mistakes} & {*pair})
    assert named > 0.9 * seen


def test_an_infinite_result_that_is_right_is_not_blamed_and_is_near_to_nothing_else():
    exercise = find_exercise("labels_needed")

    def bent(labels, scores, wanted):
        k = int((scores < wanted).sum())
        if k in (0, len(labels)):
            return labels[0] if k == 0 else torch.tensor(torch.inf)
        share = ((wanted - scores[k - 1]) / (scores[k] - scores[k - 1])) ** 2
        return labels[k - 1] * (labels[k] / labels[k - 1]) ** share

    told = str(examine(exercise, bent))
    assert "It is right on" in told and "infinite" not in told
    verdict = examine(exercise, lambda labels, scores, wanted: bent(labels, scores, wanted) * torch.inf)
    assert not verdict.mistakes and "the result is infinite" in str(verdict)


# --- what a YAML file says --------------------------------------------------------------------------------------------

TEXT = """
returns: a number
hints: [Think.]
words: {NaN: It is 0 / 0.}
names:
  AREA: width * height
  HALF: ($AREA) / 2
mistakes:
  - {find: $AREA, put: [$HALF, "2 * $AREA"], what: It is not the area., look: At $AREA.}
  - {find: a, put: b, what: It is b., look: At a.}
"""


def test_names_stand_for_code_and_words_in_mistakes(tmp_path):
    (tmp_path / "good.yaml").write_text(TEXT)
    first, second = read_text(tmp_path / "good.yaml").mistakes
    assert (first.find, first.put) == ("width * height", ("(width * height) / 2", "2 * width * height"))
    assert (first.look, second.put) == ("At width * height.", ("b",))


@pytest.mark.parametrize(
    "old, new, says",
    [
        ("what: It is b., ", "", "mistakes 2: it should have find, put, what, look"),
        ("put: b", "put: 0.5", "mistakes 2, put: it should be a text or a list"),
        ("[Think.]", "Think.", "hints: it should be a list"),
        ("[Think.]", "[3]", "hints 1: it should be a text"),
        ("hints: [Think.]", "", "should have returns, hints"),
        ("returns", "return", "should have returns"),
        ("look: At a.", "look: $NOWHERE", "mistakes 2: .*NOWHERE"),
        ("($AREA) / 2", "$LATER", "HALF: .*LATER"),
        ("NaN:", "no:", "words, False"),
        ("hints: [", "hints: [[", "cannot be read"),
    ],
)
def test_a_text_that_is_wrong_is_refused_with_its_file_and_entry(tmp_path, old, new, says):
    assert old in TEXT
    (tmp_path / "bad.yaml").write_text(TEXT.replace(old, new))
    with pytest.raises(CourseError, match=f"(?s)bad.yaml.*{says}"):
        read_text(tmp_path / "bad.yaml")


# --- answers as students write them -----------------------------------------------------------------------------------


def answers() -> list:
    """(exercise, what it is told, source); "right" for a right one. Blocks of answers.txt begin with `# NAME: TOLD`."""
    found = []
    text = (Path(__file__).parent / "answers.txt").read_text(encoding="utf-8")
    for k, (name, told, body) in enumerate(re.findall(r"^# (\w+): (.*)\n((?:(?!# ).*\n?)*)", text, re.M)):
        found.append(pytest.param(find_exercise(name), told, body, id=f"{name}-{k}"))
    return found


def compiled(exercise, body: str, name: str):
    """The answer, with a source that can be looked at, as in a notebook."""
    source = f"def f{inspect.signature(exercise.solution)}:\n" + textwrap.indent(body.strip() + "\n", "    ")
    source = (
        "import math\nimport torch\nimport torch.nn.functional as F\nfrom torchvision.ops import box_iou\n" + source
    )
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    space = {}
    exec(compile(source, name, "exec"), space)
    return space["f"]


@pytest.mark.parametrize("exercise, told, body", answers())
def test_answers_as_students_write_them(exercise, told, body, request):
    verdict = examine(exercise, compiled(exercise, body, request.node.nodeid))
    text = " ".join(str(verdict).split())
    assert verdict.state == (RIGHT if told.startswith("right") else WRONG), text
    assert all(part.strip() in text for part in told.removeprefix("right").split("|")), text


@pytest.mark.parametrize("sides", ["left right", "above below", "left above", "right below", "left right above"])
def test_an_early_return_that_forgets_a_side_is_not_right(sides):
    def answer(a, b):
        gaps = {"left": a[2] <= b[0], "right": b[2] <= a[0], "above": a[3] <= b[1], "below": b[3] <= a[1]}
        shared = (torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])).prod()
        if any(gaps[side] for side in sides.split()):
            return 0 * a.sum()
        return shared / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared)

    assert examine(find_exercise("iou"), answer).state == WRONG


def test_iou_of_the_reference_is_a_count_of_pixels_and_ultralytics_own_passes():
    from coursekit.detection import yolo_backbone  # noqa: F401  (keeps ultralytics from sending anything)

    metrics = pytest.importorskip("ultralytics.utils.metrics")
    exercise = find_exercise("iou")
    assert examine(exercise, lambda a, b: metrics.box_iou(a[None], b[None])[0, 0]).state == RIGHT
    a, b = torch.tensor([2.0, 1, 9, 6]), torch.tensor([5.0, 3, 12, 8])
    y, x = torch.meshgrid(torch.arange(15) + 0.5, torch.arange(15) + 0.5, indexing="ij")
    in_a, in_b = ((x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3]) for box in (a, b))
    assert exercise.reference(a, b).item() == pytest.approx(((in_a & in_b).sum() / (in_a | in_b).sum()).item())
