"""DINOv2 as a whole: who sees what, what moves when, and the gradient of all its parts together."""

import copy
import math

import pytest
import torch

from coursekit.draws import Draws
from coursekit.methods.blockwise import blockwise_mask
from coursekit.methods.schedules import ramp
from coursekit.models import build_encoder
from coursekit.runtime import CourseError
from coursekit.training import pretrain
from coursekit.training.loop import parameter_groups
from coursekit.views import MultiCrop, RandomView, TwoViews
from tests.methods.test_dinov2 import QUIET, images, losses, made, other_teacher, vit  # noqa: F401


def views_of(method, n=8, seed=0):
    return method.views(images(n), Draws(seed))


# --- masks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "columns"), [(8, 8), (4, 4), (2, 2), (3, 14)])
def test_a_blockwise_mask_hides_exactly_as_many_patches_as_asked(rows, columns):
    hidden = torch.arange(rows * columns + 1)
    mask = blockwise_mask(hidden, rows, columns, Draws(0))
    assert mask.dtype == torch.bool and mask.shape == (len(hidden), rows * columns)
    assert mask.sum(dim=1).equal(hidden)


def test_a_blockwise_mask_is_of_blocks_every_image_has_its_own_and_all_places_are_alike():
    n, grid = 4000, 8
    mask = blockwise_mask(torch.full((n,), 24), grid, grid, Draws(1)).view(n, grid, grid)
    assert len(mask.flatten(1).unique(dim=0)) > 0.8 * n
    beside = (mask[:, :, 1:] & mask[:, :, :-1]).sum() / mask[:, :, :-1].sum()
    single = torch.rand(n, grid * grid, generator=torch.Generator().manual_seed(0)).argsort(dim=1) < 24
    single = single.view(n, grid, grid)
    by_chance = (single[:, :, 1:] & single[:, :, :-1]).sum() / single[:, :, :-1].sum()
    assert beside > 0.65 > 0.45 > by_chance
    often = mask.float().mean(dim=0)
    assert (often - often.flip(0)).abs().max() < 0.05 and (often - often.T).abs().max() < 0.05  # no favoured side


def test_masks_ride_in_the_large_views_are_drawn_for_each_image_and_come_again():
    method = made()
    made_views = views_of(method, 200)
    assert [view.mask is not None for view in made_views] == [True, True] + [False] * 4
    a, b = made_views[0].mask, made_views[1].mask
    assert a.shape == (200, 16) and not a.equal(b)
    counts = torch.cat([a, b]).sum(dim=1)
    assert 0.4 < (counts > 0).float().mean() < 0.6  # mask_probability
    assert counts[counts > 0].min() == 2 and counts.max() == 8  # 0.1 and 0.5 of 16, rounded
    again = views_of(method, 200)[:2]
    assert all(v.mask.equal(w.mask) and v.pixels.equal(w.pixels) for v, w in zip(made_views[:2], again, strict=True))
    halves = [method.views(images(200)[100 * rank : 100 * rank + 100], Draws(0, 0, rank, 2)) for rank in (0, 1)]
    assert torch.cat([half[1].mask for half in halves]).equal(b)


# --- who sees what -----------------------------------------------------------------------------------------------


def test_the_teacher_sees_large_views_whole_and_the_student_sees_all_with_holes():
    method, seen = made(), {"teacher": [], "student": []}
    for who, encoder in (("teacher", method.teacher["encoder"]), ("student", method.encoder)):
        tokens = encoder.tokens
        encoder.tokens = lambda pixels, mask=None, keep=None, who=who, tokens=tokens: (
            seen[who].append((tuple(pixels.shape), mask)) or tokens(pixels, mask)
        )
    views = views_of(method)
    method(views)
    large, small = (16, 3, 32, 32), (8, 3, 16, 16)
    assert [shape for shape, _ in seen["teacher"]] == [large] and seen["teacher"][0][1] is None
    assert [shape for shape, _ in seen["student"]] == [large] + [small] * 4
    assert seen["student"][0][1].equal(torch.cat([view.mask for view in views[:2]]))
    assert all(mask is None for _, mask in seen["student"][1:])


def test_the_teacher_is_used_and_no_gradient_reaches_it():
    method = made()
    views = views_of(method)
    before = method(views)
    before["loss"].backward()
    assert all(p.grad is None for p in method.teacher.parameters())
    assert all(p.grad is not None for p in method.student.parameters())
    after = other_teacher(method)(views)
    assert not torch.allclose(before["targets"], after["targets"]) and before["z"].equal(after["z"])
    assert not before["targets"].requires_grad and not after["parts"]["dino"].isclose(before["parts"]["dino"])


def test_the_same_view_is_no_question_but_its_hidden_patches_are():
    """With one large view and none that is small there is nobody to ask; iBOT compares a view with itself."""
    method = other_teacher(made(views=TwoViews(RandomView(32))))
    a, b = views_of(method)
    there, back = method([a, b])["parts"], method([b, a])["parts"]
    for name in ("dino", "ibot", "koleo"):
        torch.testing.assert_close(there[name], back[name])
    holes = a._replace(mask=torch.zeros_like(a.mask)), b._replace(mask=torch.zeros_like(b.mask))
    assert method(list(holes))["parts"]["ibot"].item() == 0
    method([*holes])["loss"].backward()


@pytest.mark.parametrize("centering", ["center", "sinkhorn"])
@pytest.mark.parametrize("tied", [True, False])
def test_the_whole_has_the_gradient_of_lightlys_losses_around_the_same_networks(centering, tied, losses):  # noqa: F811
    from lightly.loss.swav_loss import sinkhorn as theirs

    method = other_teacher(made(centering=centering, tied_heads=tied)).double()
    for answers in method.answers.values():
        answers.center.value.normal_(std=0.1)
    views = [view._replace(pixels=view.pixels.double()) for view in views_of(method)]
    sides = [method(views)["loss"]]

    dino, ibot, koleo = losses.DINOLoss(8).double(), losses.IBOTPatchLoss(8).double(), losses.KoLeoLoss()
    seen = [method.encoder.tokens(view.pixels, view.mask) for view in views]
    whole = [method.teacher["encoder"].tokens(view.pixels) for view in views[:2]]
    mask = torch.cat([view.mask for view in views[:2]])
    teacher = method.teacher["heads"]["image"](torch.cat([cls for cls, _ in whole])).detach()
    taught = method.teacher["heads"]["patch"](torch.cat([p for _, p in whole])[mask]).detach()
    guesses = method.heads["patch"](torch.cat([p for _, p in seen[:2]])[mask])
    student = [method.heads["image"](cls) for cls, _ in seen]
    if centering == "center":
        dino.center.copy_(method.answers["image"].center.value)
        ibot.center.center = method.answers["patch"].center.value[None].clone()
    else:  # lightly has no Sinkhorn there: a softmax at temperature 1 undoes the logarithm
        teacher, taught = (theirs(scores, 3, method.sharpness).log() for scores in (teacher, taught))
        method.sharpness = 1.0
    total = dino(list(teacher.chunk(2)), student, teacher_temp=method.sharpness)
    total = total + ibot(taught, guesses, mask.view(16, 4, 4), teacher_temp=method.sharpness)
    sides.append(total + 0.1 * (koleo(seen[0][0]) + koleo(seen[1][0])))
    found = []
    for loss in sides:
        method.zero_grad()
        loss.backward()
        found.append((loss.detach(), {n: p.grad.clone() for n, p in method.named_parameters() if p.grad is not None}))
    assert len(found[0][1]) > 20
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-7)


# --- what moves when ---------------------------------------------------------------------------------------------


def test_prototypes_stand_still_bit_for_bit_while_they_are_frozen_and_move_afterwards():
    method, moved = made(freeze=0.5), []
    first = [head.prototypes.weight.detach().clone() for head in method.heads.values()]

    def look(_):
        now = [head.prototypes.weight for head in method.heads.values()]
        moved.append([not a.equal(b) for a, b in zip(now, first, strict=True)])

    pretrain(method, images(), steps=8, batch_size=8, log_every=1, lr=0.01, on_log=look, **QUIET)
    assert moved[:4] == [[False, False]] * 4 and moved[4] == [True, True]


def test_the_step_ends_with_the_centre_and_the_teacher():
    method = other_teacher(made(centering="center", center_momentum=0.9, momentum=0.5))
    out = method(views_of(method))
    student, old = method.student, copy.deepcopy(method.teacher)
    assert not method.answers["image"].center.value.any()
    method.after_step(out, 0.0)
    for kind in ("image", "patch"):
        torch.testing.assert_close(method.answers[kind].center.value, 0.1 * out["scores"][kind].mean(dim=0))
    for mine, before, theirs in zip(method.teacher.parameters(), old.parameters(), student.parameters(), strict=True):
        torch.testing.assert_close(mine.data, (before.data + theirs.data) / 2)
    old = copy.deepcopy(method.teacher)
    method.after_step(out, 1.0)  # the momentum ends at 1
    assert all(a.equal(b) for a, b in zip(method.teacher.parameters(), old.parameters(), strict=True))
    names = method.state_dict()
    assert "answers.patch.center.value" in names and any(name.startswith("teacher.heads") for name in names)


def test_the_teachers_temperature_rises_and_a_warm_up_longer_than_the_run_is_fine():
    method, seen = made(first_temperature=0.02, teacher_temperature=0.06, warmup=0.5), []
    for progress in (0.0, 0.25, 0.5, 1.0):
        method.before_step(progress)
        seen.append(method.sharpness)
    assert seen == pytest.approx([0.02, 0.04, 0.06, 0.06])
    assert ramp(1.0, 0.02, 0.06, 2.0) == pytest.approx(0.04) and ramp(0.0, 0.02, 0.06, 0.0) == 0.06
    longer = made(warmup=3.0)
    pretrain(longer, images(), steps=2, batch_size=8, **QUIET)
    assert longer.sharpness == pytest.approx(0.05)


def test_tied_heads_are_one_and_the_optimizer_has_it_once():
    tied, apart = made(tied_heads=True), made()
    assert (
        tied.heads["image"] is tied.heads["patch"] and tied.teacher["heads"]["image"] is tied.teacher["heads"]["patch"]
    )
    assert apart.heads["image"] is not apart.heads["patch"]
    assert not {p.data_ptr() for p in tied.student.parameters()} & {p.data_ptr() for p in tied.teacher.parameters()}
    for method in (tied, apart):
        trained = [p for group in parameter_groups(method, 0.1) for p in group["params"]]
        assert len(trained) == len({id(p) for p in trained}) == len(list(method.student.parameters()))


def test_each_weight_at_zero_takes_its_part_away():
    for name in ("dino", "ibot", "koleo"):
        method = made(**{f"{name}_weight": 0.0})
        out = method(views_of(method))
        rest = sum(getattr(method, f"{part}_weight") * out["parts"].get(part, 0) for part in ("dino", "ibot", "koleo"))
        torch.testing.assert_close(out["loss"], rest)
        out["loss"].backward()
        trained = {n for n, p in method.named_parameters() if p.grad is not None and p.grad.any()}
        assert any(n.startswith("heads.image") for n in trained) == (name != "dino")
        assert (
            any(n.startswith("heads.patch") for n in trained) == ("encoder.mask_token" in trained) == (name != "ibot")
        )


@pytest.mark.parametrize("precision", ["bf16-mixed", "32-true"])
def test_a_few_steps_are_finite_and_tell_what_the_loss_does_not(precision):
    for centering in ("sinkhorn", "center"):
        history = pretrain(made(centering=centering), images(), steps=3, batch_size=8, precision=precision, **QUIET)
        row = history[-1]
        assert row["teacher_entropy"] + row["kl_uniform"] == pytest.approx(math.log(8))
        assert (
            row["dino"] == pytest.approx(row["teacher_entropy"] + row["kl_student"], abs=1e-5)
            and row["kl_student"] >= 0
        )
        assert row["loss"] == pytest.approx(row["dino"] + row["ibot"] + 0.1 * row["koleo"], abs=1e-5)
        assert 0 <= row["assignment_entropy"] <= 1 and row["teacher_lag"] >= 0


def test_convolutions_learn_the_class_token_part_alone():
    def resnet():
        return build_encoder("resnet_micro_cifar", image_size=32, width=4, blocks=(1, 1, 1))

    with pytest.raises(CourseError, match="DINOv2 hides patches, and ResNet has no mask token.*ibot_weight=0"):
        made(resnet())
    method = made(resnet(), ibot_weight=0.0)
    assert set(method.heads) == {"image"} and all(view.mask is None for view in views_of(method))
    history = pretrain(method, images(), steps=2, batch_size=8, **QUIET)
    assert "ibot" not in history.columns and math.isfinite(history[-1]["loss"])


def test_what_a_collapse_may_come_from_is_told():
    assert "centering='none'" in made(centering="none").collapse_cause()
    assert "teacher_temperature=0.5" in made(teacher_temperature=0.5).collapse_cause()
    assert "learning rate" in made().collapse_cause()


def test_what_cannot_work_is_told():
    large, eight, without = RandomView(32), RandomView(8), vit()
    del without.mask_token  # as torchvision's
    for settings, words in (
        ({"prototypes": 1}, "2 prototypes or more, not 1"),
        ({"centering": "centre"}, "centering is 'centre': give one of sinkhorn, center, none"),
        ({"dino_weight": 0.0, "ibot_weight": 0.0}, r"dino_weight \+ ibot_weight is 0.0: give a number above 0"),
        ({"mask_probability": 0.0}, "mask_probability is 0, so that DINOv2 hides nothing"),
        *(({"mask_share": share}, "mask_share is .*both above 0 and below 1") for share in WRONG_SHARES),
        ({"views": MultiCrop(large, RandomView(12))}, "MultiCrop shows the encoder 12 px.*multiples of 8 px"),
        ({"views": MultiCrop(eight, eight)}, "patches of 8 px in views of 8 px: there is a single one.*16 px or more"),
        ({"views": MultiCrop(large, large, n_large=1, n_small=0)}, "compares 2 views or more"),
        ({"encoder": without}, "ViT has no mask token to put there. Take an encoder with tokens"),
    ):
        with pytest.raises(CourseError, match=words):
            made(**settings)
    made(encoder=vit(), mask_share=(0.5, 0.5), mask_probability=1.0)


WRONG_SHARES = [(0.0, 0.5), (0.1, 1.0), (0.5, 0.1), (0.3,), 0.3, (math.nan, 0.5), ("a", "b"), (-0.1, 0.5)]
