"""Distillation: its losses against their formulas, the teacher that never moves, and pairs of networks of all kinds."""

import math

import pytest
import torch

from coursekit.draws import Draws
from coursekit.methods import build_method
from coursekit.methods.distill import Distill
from coursekit.methods.feature_maps import cosine_distance, fitting, map_shapes, to_grid, whitened_smooth_l1
from coursekit.models import build_encoder
from coursekit.runtime import CourseError
from coursekit.training import load_run, pretrain
from coursekit.views import MultiCrop, RandomView, TwoViews
from tests.methods.test_parity import assert_same_value_and_gradient

QUIET = {"progress": False, "device": "cpu"}


def images(n=16, size=40):
    return torch.randint(0, 256, (n, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def vit(patch_size=8, dim=16, size=32):
    return build_encoder("vit_micro", image_size=size, patch_size=patch_size, dim=dim, depth=1, heads=2)


def resnet():
    return build_encoder("resnet_micro_cifar", image_size=32, width=4, blocks=(1, 1, 1))


def made(student=None, teacher=None, size=32, **settings) -> Distill:
    torch.manual_seed(0)
    return Distill(student or resnet(), Distill.default_views(size), teacher=teacher or vit(), **settings)


def rows(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def places(x):
    """(B, D, h, w) or (B, D) -> a list of vectors."""
    return list(x.flatten(2).mT.flatten(0, 1)) if x.ndim == 4 else list(x)


@pytest.mark.parametrize("shape", [(5, 4), (2, 4, 3, 2)])
def test_the_losses_are_the_loops_over_images_and_places(shape):
    target = rows(*shape, seed=1)

    def cosine(x):
        pairs = list(zip(places(x), places(target), strict=True))
        return sum(1 - a @ b / a.norm() / b.norm() for a, b in pairs) / len(pairs)

    def smooth(x):
        total, pairs = 0.0, list(zip(places(x * 3), places(target), strict=True))
        for a, b in pairs:
            apart = (a - (b - b.mean()) / (b.var(unbiased=False) + 1e-5).sqrt()).abs()
            total = total + torch.where(apart < 2, apart**2 / 4, apart - 1).mean()
        return total / len(pairs)

    assert_same_value_and_gradient(lambda x: cosine_distance(x, target), cosine, rows(*shape))
    assert_same_value_and_gradient(lambda x: whitened_smooth_l1(x * 3, target), smooth, rows(*shape))
    given = target.clone().requires_grad_()
    for loss in (cosine_distance, whitened_smooth_l1):
        assert torch.autograd.gradcheck(lambda x, loss=loss: loss(x, target), rows(*shape).requires_grad_())
        x = rows(*shape).requires_grad_()
        loss(x, given).backward()
        assert given.grad is None and x.grad.any()
        assert loss(target.half() * 0, target.half()).isfinite()
    assert cosine_distance(target * 7, target).item() == pytest.approx(0, abs=1e-12)


def test_a_map_is_brought_to_another_grid_without_aliasing():
    x = rows(2, 3, 8, 8)
    torch.testing.assert_close(to_grid(x, 8, 8), x)
    assert to_grid(x, 4, 2).shape == (2, 3, 4, 2) and to_grid(x, 16, 16).shape == (2, 3, 16, 16)
    ramp = torch.arange(8.0)[None, None, None].expand(1, 1, 8, 8)
    torch.testing.assert_close(to_grid(ramp, 2, 2)[0, 0, 0].sum(), torch.tensor(7.0))  # left and right are alike
    lit = torch.zeros(1, 1, 8, 8)
    lit[0, 0, 1, 1] = 1  # nearest, or bilinear without antialiasing, could miss it
    assert to_grid(lit, 2, 2)[0, 0].argmax() == 0 and to_grid(lit, 2, 2).sum() > 0.05


PAIRS = [(resnet, vit, "cosine"), (vit, resnet, "smooth_l1"), (vit, lambda: vit(4, 32), "cosine")]


@pytest.mark.parametrize(("student", "teacher", "loss"), PAIRS)
def test_a_teacher_stays_bit_for_bit_and_its_student_comes_nearer(student, teacher, loss):
    method = made(student(), teacher(), loss=loss)
    before = {name: value.clone() for name, value in method.frozen[0].state_dict().items()}
    history = pretrain(method, images(), steps=30, batch_size=16, lr=3e-3, seed=1, **QUIET)
    assert all(value.equal(before[name]) for name, value in method.frozen[0].state_dict().items())
    assert not method.frozen[0].training and all(p.grad is None for p in method.frozen[0].parameters())
    for part in ("maps", "pooled"):
        assert history[-1][part] < 0.8 * history[0][part]


def test_the_teacher_is_a_copy_and_not_in_the_checkpoint(tmp_path):
    network = vit()
    method = made(teacher=network)
    assert not {p.data_ptr() for p in network.parameters()} & {p.data_ptr() for p in method.frozen[0].parameters()}
    assert not any("frozen" in name or "teacher" in name for name in method.state_dict())
    assert not {id(p) for p in method.parameters()} & {id(p) for p in method.frozen[0].parameters()}
    assert (
        method.train().frozen[0].training is False
        and next(method.double().frozen[0].parameters()).dtype == torch.float64
    )
    pretrain(made(teacher=network), images(), steps=2, batch_size=8, out=tmp_path, **QUIET)
    run = load_run(tmp_path)
    assert run["recipe"]["method"]["teacher"]["encoder"] == network.spec
    assert not any("frozen" in name or "teacher" in name for name in run["state"])
    with torch.no_grad():
        network.norm.weight.mul_(1.01)
    with pytest.raises(CourseError, match="method.teacher.weights: there .*, now"):
        pretrain(made(teacher=network), images(), steps=2, batch_size=8, out=tmp_path, **QUIET)


def test_a_teacher_is_found_by_run_by_file_and_by_name(tmp_path):
    pretrain(made(), images(), steps=1, batch_size=8, out=tmp_path / "run", **QUIET)
    student = build_method("distill", vit(), Distill.default_views(32), teacher=str(tmp_path / "run"))
    assert student.teacher == str(tmp_path / "run") and student.frozen[0].spec["name"] == "resnet_micro_cifar"
    named = build_method("distill", vit(), Distill.default_views(32), teacher="simclr_nano")
    assert named.frozen[0].spec["name"] == "resnet_nano" and named.settings["teacher"] == "simclr_nano"
    with pytest.raises(CourseError, match="There is no teacher nobody, neither a run nor a file.*does not ship"):
        made(teacher="nobody")


def test_a_teacher_with_other_patches_sees_the_nearest_size_that_it_takes():
    teacher = vit(patch_size=14, size=28)
    assert [fitting(teacher, side) for side in (32, 36, 3)] == [28, 42, 14]
    method = made(teacher=teacher)
    (pooled, (places,)) = method.told(torch.randn(2, 3, 32, 32))
    assert pooled.shape == (2, 16) and places.shape == (2, 16, 2, 2)
    assert method(method.views(images(4), Draws(0)))["loss"].isfinite()


def test_both_see_the_same_view_and_places_correspond():
    """A patch that is lit in the view lights the same place of both maps."""
    method = made(vit(), vit(4, 32))
    pixels = torch.zeros(1, 3, 32, 32)
    pixels[..., 8:16, 16:24] = 3.0
    (_, (goal,)), (_, mine) = method.told(pixels), method.encoder.features(pixels)
    blank = torch.zeros(1, 3, 32, 32)
    for told, none in (
        (to_grid(goal, 4, 4), to_grid(method.told(blank)[1][0], 4, 4)),
        (mine, method.encoder.features(blank)[1]),
    ):
        change = (told - none).norm(dim=1)[0]
        assert change.argmax() == 1 * 4 + 2


def test_a_pyramid_is_taught_level_by_level():
    student = build_encoder("yolo12n", image_size=64)
    method = made(student, vit(size=64), size=64, pyramid=True)
    assert [conv.in_channels for conv in method.to_maps] == [128, 128, 256] and student.training
    assert [shape[1:] for shape in map_shapes(student, 64, True)] == [(8, 8), (4, 4), (2, 2)]
    out = method(method.views(images(4, 64), Draws(0)))
    out["loss"].backward()
    assert all(conv.weight.grad.any() for conv in method.to_maps) and out["z"].shape == (4, 256)
    other = made(student, student, size=64, pyramid=True)
    assert other.levels and [conv.out_channels for conv in other.to_maps] == [128, 128, 256]
    with pytest.raises(CourseError, match="ResNet has one map, not several. Take pyramid=False"):
        made(pyramid=True)


def test_what_cannot_work_is_told():
    def refuse(height, width):
        raise CourseError("It takes 64 px alone.")

    strict = vit()
    strict.check_sides = refuse  # as torchvision's ViT does
    for settings, words in (
        ({"loss": "l2"}, "loss is 'l2': give one of cosine, smooth_l1"),
        ({"map_weight": 0.0, "pooled_weight": 0.0}, r"map_weight \+ pooled_weight is 0.0: give a number above 0"),
        ({"map_weight": -1.0}, "map_weight is -1.0: give a number of at least 0"),
        ({"map_weight": math.nan}, "map_weight is nan"),
        ({"teacher": 3}, "teacher is 3: give a word"),
        ({"student": build_encoder("yolo12n", image_size=32)}, "views of 32 px leave YOLOBackbone a map of one place"),
        ({"teacher": strict}, "Distill shows the teacher 32 px. It takes 64 px alone"),
    ):
        with pytest.raises(CourseError, match=words):
            made(**settings)
    made(build_encoder("yolo12n", image_size=32), map_weight=0.0)
    several = Distill(resnet(), MultiCrop(RandomView(32), RandomView(16), n_large=1, n_small=2), teacher=resnet())
    assert several(several.views(images(4), Draws(0)))["loss"].isfinite()
    assert isinstance(Distill.default_views(32), TwoViews)
