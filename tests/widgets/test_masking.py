"""The masking explorer: every control changes what is hidden, and the errors told are those of the pictures."""

import re

import pytest
import torch

from coursekit.draws import Draws
from coursekit.methods import build_method
from coursekit.methods.mae import MAE
from coursekit.methods.masked_patches import HiddenPatches, masked_error
from coursekit.methods.masking import HiddenBlocks
from coursekit.models import build_encoder
from coursekit.runtime import CourseError
from coursekit.views import RandomView
from coursekit.widgets import explorer, masking_explorer

WHOLE = RandomView(32, (1, 1), (1, 1), flip=0.0, jitter=0.0, grayscale=0.0, blur=0.0)


@pytest.fixture(scope="module")
def mae() -> MAE:
    torch.manual_seed(0)
    encoder = build_encoder("vit_micro", image_size=32, patch_size=4, dim=16, depth=1, heads=2)
    return build_method("mae", encoder, HiddenPatches(WHOLE, 4, 0.5), decoder_dim=16, decoder_depth=1).eval()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randint(256, (3, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"image": 2}, "Image 2, with 48 of 64 patches hidden one by one"),
        ({"share": 0.5}, "32 of 64 patches hidden one by one, share 0.5"),
        ({"blocks": True}, "48 of 64 patches hidden in blocks"),
    ],
)
def test_every_control_changes_picture_and_description(mae, images, values, told):
    seen = masking_explorer(mae, images)
    start = seen.png
    for name, value in values.items():
        seen.controls[name].value = value
    assert told in seen.alt and seen.png != start
    drawn = seen.png
    seen.controls["seed"].click()
    assert seen.png != drawn


@pytest.mark.parametrize("blocks", [False, True])
def test_the_errors_are_those_of_what_is_hidden(mae, images, blocks):
    seen = masking_explorer(mae, images, share=0.5, blocks=blocks)
    (view,) = (HiddenBlocks if blocks else HiddenPatches)(WHOLE, 4, 0.5)(images[:1], Draws(0))
    painted = masked_error(mae.reconstruct(view), view.target, view.mask).item()
    squares = view.target.unflatten(3, (8, 4)).unflatten(2, (8, 4))  # (1, 3, 8, 4, 8, 4)
    apart = (squares - squares.mean(dim=(1, 3, 5), keepdim=True)).square().mean(dim=(1, 3, 5)).flatten(1)
    flat = apart[view.mask].mean().item()
    told = [float(number) for number in re.findall(r"(?:MAE|mean) (\d+\.\d{3})", seen.alt)]
    assert told == pytest.approx([painted, flat], abs=6e-4)


def test_what_cannot_be_shown_is_told(mae, images):
    for wrong in (images[0], images.float(), images[:0]):
        with pytest.raises(CourseError, match=r"uint8 \(N, 3, H, W\)"):
            masking_explorer(mae, wrong)
    with pytest.raises(CourseError, match="MAE with its decoder, not ViT"):
        masking_explorer(mae.encoder, images)
    for share in (0.0, 0.95, 2.0):
        with pytest.raises(CourseError, match="share|90 %"):
            masking_explorer(mae, images, share)


def test_without_ipywidgets_there_is_a_picture_that_fits_a_slide(mae, images, monkeypatch, shown, capsys):
    monkeypatch.setattr(explorer, "ipywidgets", None)
    seen = masking_explorer(mae, images[:1])
    ((data, metadata),) = shown(seen)
    assert "image/png" in data and metadata["image/png"]["alt"] and seen.size[0] <= 1042 and seen.size[1] <= 521
    assert "pip install ipywidgets" in capsys.readouterr().out
