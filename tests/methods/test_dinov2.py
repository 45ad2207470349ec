"""DINOv2: its objectives against their formulas and against lightly's, and the mistakes that others made."""

import copy
import math

import pytest
import torch

from coursekit.methods.centering import Answers, Center, sharpened
from coursekit.methods.diagnostics import answer_entropy
from coursekit.methods.dino_losses import dino_loss, ibot_loss, koleo
from coursekit.methods.dinov2 import DINOv2
from coursekit.methods.sinkhorn import sinkhorn
from coursekit.methods.swav import swapped_prediction
from coursekit.models import PrototypeHead, build_encoder
from tests.methods.test_parity import assert_same_value_and_gradient

QUIET = {"progress": False, "device": "cpu"}
SMALL = {"prototypes": 8, "hidden_dim": 16, "out_dim": 6}


def images(n=16):
    return torch.randint(0, 256, (n, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def vit():
    return build_encoder("vit_micro", image_size=32, dim=16, depth=1, heads=2)


def made(encoder=None, views=None, **settings) -> DINOv2:
    torch.manual_seed(0)
    return DINOv2(encoder or vit(), views or DINOv2.default_views(32), **{**SMALL, **settings})


def other_teacher(method):
    """Give the teacher weights that are not the student's."""
    with torch.no_grad():
        for weight in method.teacher.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    return method


def rows(n, d, seed, dtype=torch.float64):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.fixture(scope="module")
def losses():
    return pytest.importorskip("lightly.loss", reason="lightly is a development-only oracle")


# --- the objectives ----------------------------------------------------------------------------------------------


def naive_dino(student, targets, temperature):
    """The formula of DINO's algorithm 1, view by view, image by image, prototype by prototype."""
    total, pairs = 0.0, 0
    for i, target in enumerate(targets):
        for j, scores in enumerate(student):
            if i != j:
                pairs += 1
                for t, s in zip(target, scores, strict=True):
                    p = (s / temperature).exp() / (s / temperature).exp().sum()
                    total = total - sum(t[k] * p[k].log() for k in range(len(t))) / len(target)
    return total / pairs


def test_dinos_loss_is_the_double_loop_and_skips_the_same_view():
    targets = [sharpened(rows(5, 4, 10 + i), rows(1, 4, 20)[0], 0.5) for i in range(2)]
    student = [rows(5, 4, i) for i in range(4)]
    assert_same_value_and_gradient(
        lambda *s: dino_loss(list(s), targets, 0.3), lambda *s: naive_dino(s, targets, 0.3), *student
    )
    given = [view.requires_grad_() for view in student]
    assert torch.autograd.gradcheck(lambda *s: dino_loss(list(s), targets, 0.3), given)
    torch.testing.assert_close(dino_loss(student, targets, 0.3), swapped_prediction(student, targets, 0.3))
    alone = [torch.full((5, 4), 0.25)] * 2  # of a teacher that says nothing, to a student that says nothing
    assert dino_loss([torch.ones(5, 4)] * 3, alone).item() == pytest.approx(math.log(4))


MASK = torch.tensor([[1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 1]], dtype=torch.bool)


def naive_ibot(student, targets, mask, temperature):
    total, m = 0.0, 0
    for row in mask:
        of_image = 0.0
        for _ in range(int(row.sum())):
            p = (student[m] / temperature).softmax(0)
            of_image, m = of_image - (targets[m] * p.log()).sum(), m + 1
        total = total + of_image / max(int(row.sum()), 1)
    return total / len(mask)


def test_ibots_loss_weighs_images_alike_whatever_is_hidden_in_them():
    targets = rows(7, 3, 1).softmax(dim=1)
    assert_same_value_and_gradient(
        lambda s: ibot_loss(s, targets, MASK, 0.3), lambda s: naive_ibot(s, targets, MASK, 0.3), rows(7, 3, 0)
    )
    assert torch.autograd.gradcheck(lambda s: ibot_loss(s, targets, MASK, 0.3), rows(7, 3, 0).requires_grad_())
    nothing = ibot_loss(rows(0, 3, 0).requires_grad_(), rows(0, 3, 1), torch.zeros(4, 4, dtype=torch.bool))
    assert nothing.item() == 0
    nothing.backward()


def naive_koleo(z):
    z = z / z.norm(dim=1, keepdim=True)
    nearest = [min((z[i] - z[j]).norm() for j in range(len(z)) if j != i) for i in range(len(z))]
    return -torch.stack(nearest).log().mean()


def test_koleo_is_the_log_distance_to_the_nearest():
    assert_same_value_and_gradient(koleo, naive_koleo, rows(9, 4, 0), rtol=1e-6, atol=1e-7)
    assert torch.autograd.gradcheck(koleo, rows(6, 3, 1).requires_grad_(), atol=1e-4)
    for n in (3, 10):  # evenly on a circle
        angle = torch.arange(n, dtype=torch.float64) * 2 * math.pi / n
        circle = torch.stack([angle.cos(), angle.sin()], dim=1) * 7
        assert koleo(circle).item() == pytest.approx(-math.log(2 * math.sin(math.pi / n)), abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_koleo_of_duplicates_is_finite_and_so_is_its_gradient(dtype):
    z = torch.ones(6, 4, dtype=dtype).requires_grad_()
    value = koleo(z)
    value.backward()
    assert value.isfinite() and value.dtype == torch.float32 and z.grad.isfinite().all()


def test_dinos_loss_and_centre_are_lightlys(losses):
    """lightly moves its centre inside forward, after it was used; ours is moved by the step. The rest is alike."""
    center = rows(1, 6, 9)[0]
    teacher, student = [rows(8, 6, 10 + i) for i in range(2)], [rows(8, 6, i) for i in range(5)]
    theirs = losses.DINOLoss(output_dim=6, teacher_temp=0.04, student_temp=0.1, center_momentum=0.8).double()

    def lightly(*s):
        theirs.center.copy_(center)
        return theirs(teacher, list(s))

    targets = [sharpened(scores, center, 0.04) for scores in teacher]
    assert_same_value_and_gradient(lambda *s: dino_loss(list(s), targets, 0.1), lightly, *student, rtol=1e-6, atol=1e-8)
    ours = Center(6, 0.8).double()
    ours.value.copy_(center)
    ours.update(torch.cat(teacher))
    torch.testing.assert_close(ours.value, theirs.center.squeeze())


def test_ibots_loss_and_centre_are_lightlys(losses):
    mask = MASK.view(4, 2, 2)
    theirs = losses.IBOTPatchLoss(output_dim=6, teacher_temp=0.05, student_temp=0.1).double()
    teacher, center = rows(7, 6, 1), rows(1, 6, 2)

    def lightly(s):
        theirs.center.center = center.clone()
        return theirs(teacher, s, mask)

    targets = sharpened(teacher, center[0], 0.05)
    assert_same_value_and_gradient(
        lambda s: ibot_loss(s, targets, MASK, 0.1), lightly, rows(7, 6, 0), rtol=1e-6, atol=1e-8
    )
    ours = Center(6, 0.9).double()
    ours.value.copy_(center[0])
    ours.update(teacher)
    torch.testing.assert_close(ours.value, theirs.center.value[0])


def test_koleo_is_lightlys(losses):
    """lightly adds its epsilon to every difference, too: 1e-8."""
    assert_same_value_and_gradient(koleo, losses.KoLeoLoss(), rows(12, 5, 3), rtol=1e-6, atol=1e-7)


def test_the_head_is_lightlys_and_its_prototypes_have_length_1(seeded):
    heads = pytest.importorskip("lightly.models.modules.heads", reason="lightly is a development-only oracle")
    ours, theirs = PrototypeHead(5, 7, 12, 4), heads.DINOProjectionHead(5, 12, 4, 7)
    for mine, other in zip(ours.layers[::2], theirs.layers[::2], strict=True):
        other.load_state_dict(mine.state_dict())
    with torch.no_grad():
        theirs.last_layer.weight_v.copy_(ours.prototypes.weight)
    x = rows(9, 5, 0, torch.float32)
    sides = []
    for head, weight in ((ours, ours.prototypes.weight), (theirs, theirs.last_layer.weight_v)):
        given = x.clone().requires_grad_()
        scores = head(given)
        sides.append([scores, *torch.autograd.grad(scores.pow(3).sum(), [given, weight])])
    for mine, other in zip(*sides, strict=True):
        torch.testing.assert_close(mine, other)
    assert sides[0][0].abs().max() <= 1


# --- the teacher's answers ---------------------------------------------------------------------------------------


def test_a_centre_moves_after_it_was_used_and_never_for_nothing():
    answers = Answers("center", 5, 0.75)
    scores = rows(6, 5, 0, torch.float32) + 2
    first = answers(scores, 0.1)
    torch.testing.assert_close(first, (scores / 0.1).softmax(dim=1))
    answers.update(scores)
    torch.testing.assert_close(answers.center.value, 0.25 * scores.mean(dim=0))
    assert not torch.allclose(answers(scores, 0.1), first)
    answers.update(scores[:0])
    torch.testing.assert_close(answers.center.value, 0.25 * scores.mean(dim=0))
    for way in ("sinkhorn", "none"):
        other = Answers(way, 5)
        other.update(scores)
        assert not other.center.value.any()
    torch.testing.assert_close(Answers("sinkhorn", 5)(scores, 0.1), sinkhorn(scores, 0.1))
    assert Answers("sinkhorn", 5)(scores[:0], 0.1).shape == (0, 5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_answers_to_half_precision_are_finite(dtype):
    scores = (rows(6, 5, 0) * 300).to(dtype)
    for way in ("sinkhorn", "center", "none"):
        answers = Answers(way, 5)(scores, 0.01)
        assert answers.dtype == torch.float32 and answers.isfinite().all()
        torch.testing.assert_close(answers.sum(dim=1), torch.ones(6))


def last_entropies(centering, teacher_temperature, steps=150):
    """A head that learns from its slow copy on noisy points -> entropy of an answer at first and in the end, and of all."""
    torch.manual_seed(0)
    student = PrototypeHead(6, 8, 16, 6)
    teacher, answers = copy.deepcopy(student), Answers(centering, 8, 0.9)
    optimizer = torch.optim.AdamW(student.parameters(), lr=0.01)
    found = []
    for step in range(steps):
        x = rows(64, 6, 0, torch.float32)
        a, b = (x + 0.1 * rows(64, 6, 2 * step + k, torch.float32) for k in (1, 2))
        with torch.no_grad():
            scores = teacher(torch.cat([a, b]))
        targets = answers(scores, teacher_temperature)
        optimizer.zero_grad()
        dino_loss([student(a), student(b)], targets.chunk(2), 0.1).backward()
        optimizer.step()
        answers.update(scores)
        with torch.no_grad():
            for mine, theirs in zip(teacher.parameters(), student.parameters(), strict=True):
                mine.lerp_(theirs, 0.1)
        found.append(answer_entropy(targets).item())
    return found[0], found[-1], answer_entropy(targets.mean(dim=0, keepdim=True)).item()


def test_centering_alone_ends_in_uniform_answers_and_sharpening_alone_in_one_prototype_for_all():
    """DINO's figure 7. Together they keep answers that are sharp and differ, with the centre or with Sinkhorn."""
    most = math.log(8)
    first, uniform, _ = last_entropies("center", 0.1, steps=60)  # as soft as the student
    assert first < 0.5 * most < 0.94 * most < uniform
    first, sharp, used = last_entropies("none", 0.07, steps=60)
    assert first > 0.25 * most and sharp < 0.01 * most and used < 0.01 * most
    for centering, least in (("center", 0.4), ("sinkhorn", 0.9)):
        _, sharp, used = last_entropies(centering, 0.04)
        assert sharp < 0.1 * most < least * most < used
