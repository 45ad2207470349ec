"""The checks: right answers pass, every known mistake is named, and nothing a student writes ends in a traceback."""

from itertools import combinations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from coursekit.exercises import check, exercise_names, hint
from coursekit.exercises.catalog import find_exercise
from coursekit.exercises.checks import RIGHT, UNTOUCHED, WRONG, examine
from coursekit.exercises.diagnose import equal, pack
from coursekit.methods.simclr import info_nce
from coursekit.runtime import CourseError

NCE = find_exercise("info_nce")
EXERCISES = [find_exercise(name) for name in exercise_names()]
EVERY_MISTAKE = [pytest.param(exercise, key, id=f"{exercise.name}-{key}")
                 for exercise in EXERCISES for key in exercise.mistakes]


def differs(exercise, wrong) -> bool:
    return not all(equal(pack(wrong(*case.args)), pack(exercise.reference(*case.args)))
                   for case in exercise.cases() if case.strict)


# --- the library of mistakes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("exercise, key", EVERY_MISTAKE)
def test_every_known_mistake_is_wrong_and_recognised_as_itself(exercise, key):
    wrong = exercise.flawed(frozenset([key]))
    assert differs(exercise, wrong)
    verdict = examine(exercise, wrong)
    assert (verdict.state, verdict.mistakes) == (WRONG, (key,))
    assert exercise.mistakes[key].what in " ".join(verdict.lines)
    assert exercise.mistakes[key].look in " ".join(verdict.lines)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
def test_two_mistakes_at_once_never_cancel_out_and_most_are_told_apart(exercise):
    right_after_all = {("no_exponential", "softmax_twice")}  # the share of a softmax, taken as it is, is the formula
    pairs = [pair for pair in combinations(exercise.mistakes, 2) if pair not in right_after_all]
    for pair in pairs:
        assert differs(exercise, exercise.flawed(frozenset(pair))), pair
    sample = pairs[::7]
    named = [set(examine(exercise, exercise.flawed(frozenset(pair))).mistakes) & set(pair) for pair in sample]
    assert sum(map(bool, named)) / len(sample) > 0.9


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
def test_the_formula_written_out_and_the_reference_are_right(exercise):
    for answer in (exercise.reference, exercise.flawed(frozenset())):
        assert examine(exercise, answer).state == RIGHT


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
def test_every_right_answer_has_the_probed_properties(exercise):
    for case in exercise.cases():
        for probe in exercise.probes:
            got, want = (pack(exercise.reference(*args)) for args in (probe.change(case.args), case.args))
            assert equal(got, want), probe.says


# --- as students write them ---------------------------------------------------------------------------------------


def logits_of(z_a, z_b, temperature):
    z = F.normalize(torch.cat([z_a, z_b]), dim=1)
    return z @ z.T / temperature


def forgot_the_mask(z_a, z_b, temperature=0.1):
    logits = logits_of(z_a, z_b, temperature)
    return F.cross_entropy(logits, torch.arange(len(logits)).roll(len(z_a)))


def masked_by_product(z_a, z_b, temperature=0.1):
    logits = logits_of(z_a, z_b, temperature)
    logits = logits * (1 - torch.eye(len(logits)))
    return F.cross_entropy(logits, torch.arange(len(logits)).roll(len(z_a)))


def probabilities_into_cross_entropy(z_a, z_b, temperature=0.1):
    logits = logits_of(z_a, z_b, temperature).fill_diagonal_(-torch.inf)
    return F.cross_entropy(logits.softmax(dim=1), torch.arange(len(logits)).roll(len(z_a)))


def like_clip(z_a, z_b, temperature=0.1):
    logits = F.normalize(z_a, dim=1) @ F.normalize(z_b, dim=1).T / temperature
    target = torch.arange(len(logits))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def like_moco(z_a, z_b, temperature=0.1):
    logits = F.normalize(z_a, dim=1) @ F.normalize(z_b, dim=1).T / temperature
    return F.cross_entropy(logits, torch.arange(len(logits)))


def neighbours_in_the_list(z_a, z_b, temperature=0.1):
    logits = logits_of(z_a, z_b, temperature).fill_diagonal_(-torch.inf)
    return F.cross_entropy(logits, torch.arange(len(logits)).view(-1, 2).flip(1).flatten())


def nll_of_probabilities(z_a, z_b, temperature=0.1):
    logits = logits_of(z_a, z_b, temperature).fill_diagonal_(-torch.inf)
    return F.nll_loss(logits.softmax(dim=1), torch.arange(len(logits)).roll(len(z_a)))


def no_lengths(z_a, z_b, temperature=0.1):
    z = torch.cat([z_a, z_b])
    return F.cross_entropy((z @ z.T / temperature).fill_diagonal_(-torch.inf), torch.arange(len(z)).roll(len(z_a)))


def no_lengths_plainly(z_a, z_b, temperature=0.1):
    z = torch.cat([z_a, z_b])
    every = torch.exp(z @ z.T / temperature) * (1 - torch.eye(len(z)))
    views = torch.arange(len(z))
    return -torch.log(every[views, views.roll(len(z_a))] / every.sum(dim=1)).mean()


def summed(z_a, z_b, temperature=0.1):
    logits = logits_of(z_a, z_b, temperature).fill_diagonal_(-torch.inf)
    return F.cross_entropy(logits, torch.arange(len(logits)).roll(len(z_a)), reduction="sum")


@pytest.mark.parametrize("answer, keys", [
    (forgot_the_mask, {"itself"}), (masked_by_product, {"masked_with_zero"}), (like_clip, {"other_view_only"}),
    (probabilities_into_cross_entropy, {"softmax_twice"}), (like_moco, {"one_direction", "other_view_only"}),
    (neighbours_in_the_list, {"interleaved"}), (nll_of_probabilities, {"no_logarithm"}), (summed, {"sum"}),
    (no_lengths, {"not_normalised"}), (no_lengths_plainly, {"not_normalised"}),
    (lambda a, b, t: forgot_the_mask(a, b, t) / np.log(2), {"itself", "base_2"}),
])
def test_mistakes_as_students_write_them(answer, keys):
    assert set(examine(NCE, answer).mistakes) == keys


def double_loop(z_a, z_b, temperature=0.1):
    z = [v / v.norm() for v in (*z_a, *z_b)]
    n, total = len(z_a), 0.0
    for i in range(2 * n):
        partner = (i + n) % (2 * n)
        candidates = sum(torch.exp(z[i] @ z[k] / temperature) for k in range(2 * n) if k != i)
        total = total - torch.log(torch.exp(z[i] @ z[partner] / temperature) / candidates)
    return total / (2 * n)


def test_a_slow_plain_answer_is_right_and_learns_about_overflow():
    verdict = examine(NCE, double_loop)
    assert verdict.state == RIGHT and "logsumexp" in str(verdict)
    assert "Remark" not in str(examine(NCE, info_nce))


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


def positive_masked_out(z_a, z_b, temperature=0.1):
    logits = logits_of(z_a, z_b, temperature).fill_diagonal_(-torch.inf)
    return F.cross_entropy(logits, torch.arange(len(logits)))


@pytest.mark.parametrize("answer, told", [
    (fails_in_a_line, ["RuntimeError", "In line 3 of fails_in_a_line: return z @ z", "z (16, 12)", ".T"]),
    (helped, ["AttributeError", "Did you mean normalize?"]),
    (lambda a, b, t: 1 / 0, ["ZeroDivisionError"]),
    (in_place, ["in place", "/="]),
    (forgets_to_return, ["None", "`return`"]),
    (random_answer, ["another result"]),
    (positive_masked_out, ["infinite", "probability 0"]),
    (lambda a, b, t: info_nce(a, b, t) * torch.nan, ["NaN"]),
    (lambda a, b, t: info_nce(a, b, t).item(), ["of type float", "The value is right"]),
    (lambda a, b, t: info_nce(a, b, t).numpy(), ["NumPy ndarray", "gradient"]),
    (lambda a, b, t: np.float32(3), ["NumPy float32"]),
    (lambda a, b, t: (info_nce(a, b, t),), ["a tuple of 1"]),
    (lambda a, b, t: "1.2", ["of type str"]),
    (lambda a, b, t: info_nce(a, b, t).expand(3), ["shape (3,); needed is ()"]),
    (lambda a, b, t: info_nce(a, b, t).detach(), ["carries no gradient"]),
    (lambda a, b, t: info_nce(a.detach(), b, t), ["no gradient reaches z_a"]),
    (lambda a, b, t: info_nce(a, b, t) - 0.5 * info_nce(a, b.detach(), t) + 0.5 * info_nce(a, b, t).detach(),
     ["the wrong gradient reaches z_a"]),
    (lambda a, b, t: 1.7 * info_nce(a, b, t), ["1.700 times the right value"]),
    (lambda a, b, t: info_nce(a, b, t) + 0.25, ["differs from the right value by +0.250"]),
    (lambda a, b, t: info_nce(a.float(), b.float(), t), ["float64"]),
    (lambda a, b, t: (a * b).sum(), ["three times as long", "yours"]),
    (lambda a, b: info_nce(a, b), ["info_nce(z_a, z_b, temperature)", "(a, b)"]),
    (3.14, ["without parentheses"]),
])
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


# --- what a notebook sees -----------------------------------------------------------------------------------------


def test_check_prints_and_returns_nothing(capsys):
    assert check("info_nce", info_nce) is None
    assert capsys.readouterr().out.startswith("✔ info_nce: right\n")


def test_lines_fit_a_slide_and_prints_of_the_student_show_once(capsys):
    def talks(z_a, z_b, temperature=0.1):
        print("hello")
        return forgot_the_mask(z_a, z_b, temperature)

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
    for n in range(1, len(NCE.hints) + 2):
        hint("info_nce", n)
    out = capsys.readouterr().out
    assert "Hint 1 of" in out and out.count("last hint") == 2
    assert 'hint("info_nce", 2)' in out


def test_an_unknown_exercise_is_answered_with_the_nearest_name():
    with pytest.raises(CourseError, match="Did you mean 'info_nce'"):
        check("infonce", info_nce)
