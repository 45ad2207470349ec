"""What holds for every method: it is found by name, its settings are kept, and mistakes are told apart from bugs."""

import math

import pytest
import torch

from coursekit.draws import Draws
from coursekit.methods import Defaults, SimCLR, SSLMethod, build_method, method_class, method_names, register, registry
from coursekit.methods.precision import in_float32
from coursekit.models import build_encoder
from coursekit.runtime import CourseError
from coursekit.views import MultiCrop, RandomView, TwoViews

VIEWS = TwoViews(RandomView(16))


@pytest.fixture
def encoder():
    return build_encoder("vit_micro", image_size=16, dim=16, depth=1, heads=2)


@pytest.mark.parametrize("name", method_names())
def test_every_method_is_built_by_name_and_keeps_its_settings(name, encoder, seeded):
    kind = method_class(name)
    method = build_method(name, encoder, kind.default_views(16))
    declared = {key: setting.value for key, setting in registry.method_settings(kind).items()}
    assert method.settings == {"views": kind.default_views(16), **declared}
    assert isinstance(kind.defaults, Defaults) and kind.__doc__
    out = method(method.views(torch.randint(0, 255, (6, 3, 20, 20), dtype=torch.uint8), Draws(0)))
    assert out["loss"].ndim == 0 and out["loss"].isfinite()
    assert all(isinstance(v, float) and math.isfinite(v) for v in method.diagnose(out).values())


def test_names_settings_and_types_are_told(encoder):
    with pytest.raises(CourseError, match="no method 'simsalabim'.*simclr"):
        build_method("simsalabim", encoder, VIEWS)
    with pytest.raises(CourseError, match="'temprature'. Did you mean 'temperature'.*out_dim .int, 128"):
        build_method("simclr", encoder, VIEWS, temprature=0.1)
    with pytest.raises(CourseError, match="temperature is 'warm'.*float"):
        build_method("simclr", encoder, VIEWS, temperature="warm")
    with pytest.raises(CourseError, match="needs an Encoder, not Linear"):
        SimCLR(torch.nn.Linear(3, 3), VIEWS)


@pytest.mark.parametrize("views", [64, lambda images, draws: [], TwoViews, None, RandomView(16)])
def test_what_is_not_a_view_maker_is_told(encoder, views):
    with pytest.raises(CourseError, match=r"SimCLR needs .*TwoViews\(RandomView"):
        SimCLR(encoder, views)


def test_a_bug_inside_a_constructor_is_not_the_users_mistake(encoder, monkeypatch):
    monkeypatch.setattr(registry, "_METHODS", dict(registry._METHODS))

    @register("buggy")
    class Buggy(SSLMethod):
        def __init__(self, encoder, views, depth: int = 2):
            super().__init__(encoder, views)
            self.depth = depth + None

    with pytest.raises(TypeError, match="NoneType"):
        build_method("buggy", encoder, VIEWS, depth=3)


def test_a_setting_that_a_method_does_not_keep_is_found_when_a_run_asks_for_it(encoder):
    class Forgets(SSLMethod):
        def __init__(self, encoder, views, depth: int = 2):
            super().__init__(encoder, views)

    with pytest.raises(TypeError, match="Forgets does not keep depth"):
        Forgets(encoder, VIEWS, depth=3).recipe()


def test_multi_crop_makes_large_views_first_and_every_one_differs(seeded):
    images = torch.randint(0, 255, (4, 3, 40, 40), dtype=torch.uint8)
    made = MultiCrop(RandomView(32, scale=(0.4, 1.0)), RandomView(16, scale=(0.05, 0.4)), n_small=3)(images, Draws(0))
    assert [view.pixels.shape[-1] for view in made] == [32, 32, 16, 16, 16]
    areas = torch.stack([view.theta[:, 0, 0].abs() * view.theta[:, 1, 1] for view in made])  # (5, 4)
    assert areas[:2].min() > 0.39 and areas[2:].max() < 0.41 and len(areas.flatten().unique()) == 20
    with pytest.raises(CourseError, match="n_large"):
        MultiCrop(RandomView(32), RandomView(16), n_large=0)


def test_objectives_see_float32_and_no_autocast():
    seen = []

    @in_float32
    def objective(a, weight=None, scale=2.0):
        """Documented."""
        seen.append((a.dtype, (a @ a.T).dtype, None if weight is None else weight.dtype, scale))
        return a.sum()

    with torch.autocast("cpu", torch.bfloat16):
        objective(torch.ones(2, 2, dtype=torch.bfloat16), weight=torch.ones(2, dtype=torch.float16), scale=3.0)
    objective(torch.ones(2, 2, dtype=torch.float64))
    f32 = torch.float32
    assert seen == [(f32, f32, f32, 3.0), (torch.float64, torch.float64, None, 2.0)]
    assert objective.__doc__ == "Documented." and objective.__name__ == "objective"
