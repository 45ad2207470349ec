"""The checks: nothing that a student writes ends in a traceback, hangs, or is left without a word of help."""

import re
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import yaml

from coursekit.exercises import check, hint, limit
from coursekit.exercises.catalog import find_exercise
from coursekit.exercises.checks import RIGHT, UNTOUCHED, WRONG, examine
from coursekit.methods.simclr import info_nce
from coursekit.runtime import CourseError

NCE = find_exercise("info_nce")


# --- whatever else may come ---------------------------------------------------------------------------------------


def fails_in_a_line(z_a, z_b, temperature=0.1):
    z = torch.cat([z_a, z_b])
    return z @ z


def helped(z_a, z_b, temperature=0.1):
    return F.normalise(z_a, dim=1)


def in_place(z_a, z_b, temperature=0.1):
    z_a /= z_a.norm(dim=1, keepdim=True)
    return info_nce(z_a, z_b, temperature)


def forgets_to_return(z_a, z_b, temperature=0.1):
    info_nce(z_a, z_b, temperature)


def random_answer(z_a, z_b, temperature=0.1):
    return info_nce(z_a, z_b, temperature) + torch.rand(())


def one_way(z_a, z_b, temperature):
    logits = F.normalize(z_a, dim=1) @ F.normalize(z_b, dim=1).T / temperature
    return F.cross_entropy(logits, torch.arange(len(logits)))


@pytest.mark.parametrize(
    "answer, told",
    [
        (fails_in_a_line, ["RuntimeError", "In line 3 of fails_in_a_line: return z @ z", "z (16, 12)", ".T"]),
        (helped, ["AttributeError", "Did you mean normalize?"]),
        (lambda a, b, t: 1 / 0, ["ZeroDivisionError"]),
        (in_place, ["in place", "/="]),
        (forgets_to_return, ["None", "`return`"]),
        (random_answer, ["another result"]),
        (lambda a, b, t: info_nce(a, b, t).item(), ["of type float", "The value is right"]),
        (lambda a, b, t: info_nce(a, b, t).numpy(), ["NumPy ndarray", "gradient"]),
        (lambda a, b, t: np.float32(3), ["NumPy float32"]),
        (lambda a, b, t: (info_nce(a, b, t),), ["a tuple of 1"]),
        (lambda a, b, t: "1.2", ["of type str"]),
        (lambda a, b, t: info_nce(a, b, t).expand(3), ["shape (3,); needed is ()"]),
        (lambda a, b, t: info_nce(a, b, t).detach(), ["carries no gradient"]),
        (lambda a, b, t: info_nce(a.detach(), b, t), ["no gradient reaches z_a"]),
        (
            lambda a, b, t: info_nce(a, b, t) - 0.5 * info_nce(a, b.detach(), t) + 0.5 * info_nce(a, b, t).detach(),
            ["the wrong gradient reaches z_a"],
        ),
        (lambda a, b, t: 1.7 * info_nce(a, b, t), ["1.700 times the right value"]),
        (lambda a, b, t: info_nce(a, b, t) + 0.25, ["differs from the right value by +0.250"]),
        (lambda a, b, t: info_nce(a.float(), b.float(), t), ["float64"]),
        (lambda a, b, t: (a * b).sum(), ["three times as long", "yours", "temperature has no effect"]),
        (lambda a, b: info_nce(a, b), ["info_nce(z_a, z_b, temperature)", "(a, b)"]),
        (one_way, ["only from the other view", "N of the 2N views"]),
        (lambda a, b, t=0.5: info_nce(a, b, t), ["temperature is not given", "temperature=0.1"]),
        (3.14, ["without parentheses: exercises.check("]),
        (lambda a, b, t: a.sum() > 9, ["yours"]),
    ],
)
def test_every_other_wrong_answer_gets_help(answer, told):
    verdict = examine(NCE, answer)
    assert verdict.state == WRONG
    text = " ".join(str(verdict).split())
    for part in told:
        assert part in text
    assert str(examine(NCE, answer)) == str(verdict), "what is printed must be the same every time"


def test_the_dtype_case_is_a_value_that_is_right():
    verdict = examine(NCE, lambda a, b, t: info_nce(a.float(), b.float(), t))
    assert verdict.lines[0].startswith("The value is right")


@pytest.mark.parametrize("answer", [lambda a, b, t: info_nce(a, b, t).double(), lambda a, b, t: info_nce(a, b, t)])
def test_wider_numbers_and_a_missing_default_are_remarks(answer):
    verdict = examine(NCE, answer)
    assert verdict.state == RIGHT and "temperature=0.1" in str(verdict)
    assert ("torch.float64" in str(verdict)) == (answer(*NCE.cases()[0].args[:2], 1.0).dtype == torch.float64)


def test_the_gradient_comes_before_the_dtype_and_is_checked_on_every_case():
    def cut_off(z_a, z_b, temperature=0.1):
        loss = info_nce(z_a, z_b, temperature)
        return loss.detach() if len(z_a) == 32 else loss.double()

    assert "carries no gradient" in str(examine(NCE, cut_off))


# --- endless and worse --------------------------------------------------------------------------------------------


def endless(z_a, z_b, temperature=0.1):
    i = 0
    while i < 2 * len(z_a):
        for _ in range(3):
            z_a = z_a + 0
    return z_a.sum()


def swallows(z_a, z_b, temperature=0.1):
    end = time.monotonic() + 3
    while time.monotonic() < end:
        try:
            len(z_a)
        except:  # noqa: E722
            pass


release = threading.Event()


def sleeps(z_a, z_b, temperature=0.1):
    release.wait(20)  # in C: no exception reaches it there


def prints(z_a, z_b, temperature=0.1):
    while True:
        print("more")


@pytest.mark.parametrize(
    "answer, loop", [(endless, "line 3: while i < 2 * len(z_a)"), (swallows, ""), (sleeps, ""), (prints, "")]
)
def test_what_does_not_end_is_stopped_and_told(answer, loop, monkeypatch, capsys):
    monkeypatch.setattr(limit, "SECONDS", 0.3)
    begin = time.monotonic()
    release.clear()
    text = " ".join(str(examine(NCE, answer)).split())
    release.set()
    assert ("could not be stopped" in text) == (answer is sleeps)
    assert "did not come to an end" in text and loop in text
    assert time.monotonic() - begin < 3.5
    assert len(capsys.readouterr().out) <= limit.SHOWN


def test_a_thread_that_cannot_be_ended_does_not_hold_up_what_comes_next(monkeypatch):
    monkeypatch.setattr(limit, "SECONDS", 0.2)
    release.clear()
    assert examine(NCE, sleeps).state == WRONG
    monkeypatch.undo()
    assert examine(NCE, info_nce).state == RIGHT
    release.set()


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_an_answer_cannot_end_the_kernel(error):
    def answer(z_a, z_b, temperature=0.1):
        raise error(3)

    assert error.__name__ in str(examine(NCE, answer))


def test_a_students_own_ctrl_c_stops_the_check(ctrl_c):
    import _thread

    timer = threading.Timer(0.4, _thread.interrupt_main)
    timer.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        examine(NCE, endless)
    assert time.monotonic() - begin < 5 and not timer.is_alive()
    assert endless.__code__ not in [frame.f_code for frame in sys._current_frames().values()]  # it was stopped, too


# --- untouched ----------------------------------------------------------------------------------------------------


def dots(z_a, z_b, temperature=0.1): ...


def docstring(z_a, z_b, temperature=0.1):
    """Mean InfoNCE loss."""


def returns_dots(z_a, z_b, temperature=0.1):
    return ...


def scaffold(z_a, z_b, temperature=0.1):
    z = torch.cat([z_a, z_b])
    similarity = ...
    return similarity / temperature + z.sum()


def half_a_scaffold(z_a, z_b, temperature=0.1):
    torch.cat([z_a, z_b])
    ...


def not_implemented(z_a, z_b, temperature=0.1):
    raise NotImplementedError


@pytest.mark.parametrize("stub", [dots, docstring, returns_dots, scaffold, half_a_scaffold, not_implemented])
def test_an_untouched_stub_is_not_started_and_raises_nothing(stub):
    assert examine(NCE, stub).state == UNTOUCHED


def test_a_scaffold_is_told_its_line():
    assert "line 3" in str(examine(NCE, scaffold))


def test_an_ellipsis_in_an_index_is_no_hole():
    def forgets(z_a, z_b, temperature=0.1):
        z_a[..., 0]

    assert examine(NCE, forgets).state == WRONG


def test_a_function_without_source_is_examined_too():
    space = {}
    exec("def f(z_a, z_b, temperature): ...\ndef g(z_a, z_b, temperature): return z_a @ z_b", space)
    assert examine(NCE, space["f"]).state == UNTOUCHED
    assert "line 1 of g" in str(examine(NCE, space["g"]))


def test_every_message_is_used_and_every_one_used_is_there():
    room = Path(limit.__file__).parent
    used = {name for path in room.glob("*.py") for name in re.findall(r'tell\("([^"]+)"', path.read_text("utf-8"))}
    assert used == set(yaml.safe_load((room / "messages.yaml").read_text("utf-8")))


# --- what a notebook sees -----------------------------------------------------------------------------------------


def test_check_prints_and_returns_nothing(capsys):
    assert check("info_nce", info_nce) is None
    assert capsys.readouterr().out.startswith("✔ info_nce: right\n")


@pytest.mark.parametrize("answer", [dots, lambda a, b, t: 1.7 * info_nce(a, b, t)])
def test_a_hint_is_named_as_a_notebook_calls_it(answer):
    assert 'exercises.hint("info_nce")' in str(examine(NCE, answer))


def test_lines_fit_a_slide_and_prints_of_the_student_show_once(capsys):
    def talks(z_a, z_b, temperature=0.1):
        print("hello")
        return info_nce(z_a, z_b, temperature) / 3

    check("info_nce", talks)
    out = capsys.readouterr().out
    assert out.count("hello") == 1
    assert max(map(len, out.split("\n"))) <= 96


def test_checking_leaves_the_random_numbers_of_the_notebook_alone():
    torch.manual_seed(0)
    want = torch.rand(3)
    torch.manual_seed(0)
    examine(NCE, info_nce)
    assert torch.equal(torch.rand(3), want)


def test_hints_go_on_to_the_last(capsys):
    for n in range(1, len(NCE.text.hints) + 2):
        hint("info_nce", n)
    out = capsys.readouterr().out
    assert "Hint 1 of" in out and out.count("last hint") == 2
    assert 'exercises.hint("info_nce", 2)' in out


def test_a_hint_without_a_number_is_the_next_one(capsys):
    hint("iou", 1)
    hint("iou")
    hint("iou")
    out = capsys.readouterr().out
    assert [f"Hint {n} of" in out for n in (1, 2, 3, 4)] == [True, True, True, False]


def test_an_unknown_exercise_is_answered_with_the_nearest_name():
    with pytest.raises(CourseError, match="Did you mean 'info_nce'"):
        check("infonce", info_nce)


def test_a_gradient_that_an_in_place_step_broke_is_told_and_not_raised():
    def my_info_nce(z_a, z_b, temperature=0.1):
        z = F.normalize(torch.cat([z_a, z_b]), dim=1)
        e = torch.exp(z @ z.T / temperature)
        own = (z * z.roll(len(z_a), 0)).sum(dim=1) / temperature
        e.fill_diagonal_(0)
        return (e.sum(dim=1).log() - own).mean()

    told = str(examine(find_exercise("info_nce"), my_info_nce))
    assert "in place" in told and "masked_fill" in told and "Traceback" not in told


def test_every_loop_around_an_endless_one_is_named(monkeypatch):
    monkeypatch.setattr(limit, "SECONDS", 0.3)

    def my_iou(a, b):
        i = 0
        while i < 4:
            j = 0
            while j < 4:
                j += 1
        return a

    told = str(examine(find_exercise("iou"), my_iou))
    assert "while i < 4" in told
