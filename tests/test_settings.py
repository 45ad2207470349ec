"""Settings by name: what is declared, what fits, and what words on a command line mean."""

from dataclasses import dataclass

import pytest

from coursekit import settings
from coursekit.runtime import CourseError
from coursekit.settings import Setting
from coursekit.views import MultiCrop, RandomView, TwoViews


def made(encoder, tau: float = 0.1, layers: int = 2, norm: bool = True, clip: float | None = None, name: str = "x"):
    """Something with settings."""


KNOWN = settings.of_signature(made, without=("encoder",))


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["tau=1"], {"tau": 1.0}),
        (["tau=2e-3", "layers=3"], {"tau": 0.002, "layers": 3}),
        (["norm=false", "clip=none"], {"norm": False, "clip": None}),
        (["norm=True", "clip=3"], {"norm": True, "clip": 3.0}),
        (["name=a=b"], {"name": "a=b"}),
    ],
)
def test_words_become_values_of_the_declared_type(words, values):
    found = settings.check("made", KNOWN, settings.read_words(words))
    assert found == values and [type(v) for v in found.values()] == [type(v) for v in values.values()]


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("tua=1", ["'tua'", "Did you mean 'tau'", "tau (float, 0.1)", "norm (bool, True)"]),
        ("tau=warm", ["tau is 'warm'", "float", "layers (int, 2)"]),
        ("layers=2.5", ["layers is 2.5", "int"]),
        ("layers=true", ["layers is True", "int"]),
        ("norm=1", ["norm is 1", "bool"]),
        ("name=3", ["name is 3", "str"]),
        ("encoder=x", ["'encoder'"]),
        ("tau", ["'tau' is not NAME=VALUE"]),
        ("=3", ["NAME=VALUE"]),
    ],
)
def test_what_does_not_fit_is_told_with_all_that_there_is(word, parts):
    with pytest.raises(CourseError) as told:
        settings.check("made", KNOWN, settings.read_words([word]))
    assert all(part in str(told.value) for part in parts)


def test_a_view_maker_is_read_and_changed_by_dotted_names():
    crops = MultiCrop(RandomView(64, scale=(0.4, 1.0)), RandomView(32, scale=(0.05, 0.4)))
    names = settings.of_value(crops)
    assert names["large.scale"] == Setting(tuple[float, float], (0.4, 1.0)) and names["n_small"].value == 6
    fitted = settings.check("crops", names, settings.read_words(["small.scale=0.1,1", "n_small=4"]))
    changed = settings.replaced(crops, fitted)
    assert changed == MultiCrop(crops.large, RandomView(32, scale=(0.1, 1.0)), n_small=4)
    with pytest.raises(CourseError, match="scale"):
        settings.check("crops", names, {"small.scale": (0.1, 0.2, 0.3)})


def test_a_recipe_tells_apart_what_differs_anywhere():
    """Two crops, each with a scale: neither hides the other."""
    one = MultiCrop(RandomView(64, scale=(0.4, 1.0)), RandomView(32, scale=(0.05, 0.4)))
    other = MultiCrop(RandomView(64, scale=(0.3, 1.0)), RandomView(32, scale=(0.05, 0.4)))
    assert settings.plain(one)["type"] == "MultiCrop" and settings.plain(one)["large"]["scale"] == [0.4, 1.0]
    assert (
        settings.plain(one) != settings.plain(other) and settings.plain(one)["small"] == settings.plain(other)["small"]
    )
    assert settings.plain(TwoViews(RandomView(8))) != settings.plain(RandomView(8))


def test_what_cannot_be_compared_later_is_not_plain():
    @dataclass(frozen=True)
    class Odd:
        call: object

    with pytest.raises(TypeError, match="function"):
        settings.plain(Odd(lambda: 3))
