"""Small inputs of widgets, and what a cell shows of one."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from coursekit.widgets import explorer, live, quiz


@pytest.fixture(scope="session")
def image() -> torch.Tensor:
    ramp = torch.linspace(0, 255, 48)
    return torch.stack([ramp.expand(48, 48), ramp.flip(0).expand(48, 48), ramp[:, None].expand(48, 48)]).to(torch.uint8)


@pytest.fixture(scope="session")
def embeddings() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(4, 8, generator=generator)
    return z, z + 0.5 * torch.randn(4, 8, generator=generator)


@pytest.fixture
def pixels():
    """A function: the picture in a PNG file's bytes, uint8 (H, W, 3)."""
    return lambda png: np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@pytest.fixture
def shown(monkeypatch):
    """A function: the outputs of a cell whose last line is this widget, each as (data, metadata)."""

    def outputs(widget) -> list[tuple[dict, dict]]:
        found = []

        def display(data, metadata=None, raw=False):
            assert raw
            found.append((data, metadata or {}))

        for module in (explorer, live, quiz):
            monkeypatch.setattr(module, "display", display)
        widget._ipython_display_()
        return found

    return outputs
