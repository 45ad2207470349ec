"""Pictures of SIGReg: a sample's characteristic function beside the normal one's, and clouds on their way to a Gaussian."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor

from coursekit.figures.layout import panels
from coursekit.figures.style import BLUE, MUTED, RED, describe, styled
from coursekit.methods.lejepa import sigreg

REACH = 5.0  # of t, and of x: as in `sigreg`


@styled
def characteristic_functions(samples: Mapping[str, Tensor]) -> Figure:
    """Each sample as a histogram and, below, the real part of its characteristic function, with the normal one's.

    samples: {name: (N,) numbers}. The title gives T, Epps and Pulley's statistic, as `sigreg` computes it.
    """
    if not samples or any(x.ndim != 1 for x in samples.values()):
        raise ValueError("Samples are numbers on a line, (N,), one set or more.")
    fig, axes = plt.subplots(2, len(samples), figsize=(3.3 * len(samples), 4.6), squeeze=False, sharey="row")
    t, told = torch.linspace(-REACH, REACH, 201), []
    for (top, below), (name, x) in zip(axes.T, samples.items(), strict=True):
        x = x.detach().float()
        statistic = sigreg(x[:, None], torch.ones(1, 1)).item()
        top.hist(x.clamp(-REACH, REACH).numpy(), bins=40, range=(-REACH, REACH), density=True, color=BLUE, alpha=0.5)
        top.plot(t, (-t.square() / 2).exp() / (2 * np.pi) ** 0.5, color=RED, linestyle="--")
        top.set(xlabel="x", ylim=(0, 0.85))
        top.set_title(f"{name}: T = {statistic:.1f}")
        wave = (x[:, None] * t).cos().mean(dim=0)
        below.plot(t, wave, color=BLUE, label="this sample")
        below.plot(t, (-t.square() / 2).exp(), color=RED, linestyle="--", label="normal")
        below.fill_between(t, wave, (-t.square() / 2).exp(), color=BLUE, alpha=0.15, linewidth=0)
        below.set(xlabel="t", ylim=(-1.05, 1.1))
        told.append(f"{name} {statistic:.1f}")
    axes[0, 0].set_ylabel("density, cut at 0.85")
    axes[1, 0].set_ylabel("mean of cos(t x)")
    axes[1, 0].legend(loc="lower right", fontsize=9)
    return describe(
        fig,
        f"""
        For each sample a histogram with the bell curve, and the mean of cos(t x) against t with that of a normal
        distribution. The statistic, small if they agree: {", ".join(told)}.""",
    )


@styled
def cloud_steps(clouds: Mapping[str, Tensor]) -> Figure:
    """Point clouds beside one another, with circles that hold 39 % and 86 % of a standard normal in two dimensions.

    clouds: {title: (N, 2)}.
    """
    if any(z.ndim != 2 or z.shape[1] != 2 for z in clouds.values()):
        raise ValueError("Clouds are points in two dimensions, (N, 2).")
    fig, axes = panels(len(clouds), len(clouds), 2.4, 2.6, margin=(0.4, 0.2))
    told = []
    for ax, (title, z) in zip(axes[:, 0], clouds.items(), strict=True):
        ax.plot(*z.detach().T.numpy(), "o", color=BLUE, markersize=3, alpha=0.5, markeredgewidth=0)
        for radius in (1, 2):
            ax.add_patch(Circle((0, 0), radius, fill=False, color=MUTED, linestyle="--", linewidth=1.2))
        ax.set(xlim=(-3.6, 3.6), ylim=(-3.6, 3.6), aspect="equal", xlabel="z, first number")
        ax.set_title(title, fontsize=11)
        first, second = z.std(dim=0).tolist()
        told.append(f"{title}: standard deviations {first:.2f} and {second:.2f}")
    axes[0, 0].set_ylabel("z, second number")
    return describe(fig, f"{len(clouds)} clouds of points. {'; '.join(told)}.")
