"""Jigsaw: nine tiles of an image in a wrong order; which of some known orders is it?

Noroozi and Favaro, Unsupervised Learning of Visual Representations by Solving Jigsaw Puzzles, ECCV 2016.
"""

import itertools
import math
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from coursekit import arguments as arg
from coursekit.draws import Draws
from coursekit.methods.base import Defaults, SSLMethod
from coursekit.methods.registry import register
from coursekit.methods.rotation import accuracy, classify
from coursekit.models import Encoder
from coursekit.runtime import CourseError
from coursekit.views import RandomView, View, ViewMaker


@cache
def orders(tiles: int, count: int) -> Tensor:
    """`count` orders of so many tiles, int64 (count, tiles), chosen one by one so that each differs in as many places as
    it can from all before it: similar orders would be told apart by two tiles."""
    most = math.factorial(tiles)
    if not 2 <= count <= most:
        raise CourseError(f"{tiles} tiles have {most} orders; {count} cannot be chosen. Take 2 to {min(most, 1000)}.")
    every = np.array(list(itertools.permutations(range(tiles))), dtype=np.int8)
    chosen, nearest = [len(every) // 2], np.full(len(every), tiles + 1)
    while len(chosen) < count:
        nearest = np.minimum(nearest, (every != every[chosen[-1]]).sum(axis=1))  # places that differ (Hamming)
        chosen.append(int(nearest.argmax()))
    return torch.from_numpy(every[chosen].astype(np.int64))


@dataclass(frozen=True)
class Jigsaw:
    """One random view of every image, cut into tiles that are put together in another order; target: which order.

    tile: side of a tile, px; the view has grid * tile.
    grid: tiles along a side.
    gap: px that are left out between tiles, half of them at random on either side: lines that go on across a border
    would give the neighbours away.
    equalize: every tile gets mean 0 and variance 1 by itself: else brightness gives them away.
    orders: how many orders there are to choose from.
    """

    tile: int = 32
    grid: int = 3
    gap: int = 8
    equalize: bool = True
    orders: int = 24
    view: RandomView = field(default=RandomView(64, scale=(0.6, 1.0), jitter=0.0, blur=0.0, grayscale=0.3))

    def __post_init__(self):
        arg.count.check(tile=self.tile, grid=self.grid, orders=self.orders)
        arg.whole.check(gap=self.gap)
        if self.grid not in (2, 3):
            raise CourseError(f"A jigsaw has a grid of 2 or 3 tiles along a side, not {self.grid}.")
        orders(self.grid**2, self.orders)

    def __call__(self, images: Tensor, draws: Draws) -> list[View]:
        """images: uint8 (B, 3, H, W) -> one view of (grid * tile) px square with target int64 (B,)."""
        n, cell = len(images), self.tile + self.gap
        whole = replace(self.view, size=self.grid * cell)(images, draws)
        shifts = draws.integers(n, self.grid**2, 2, high=self.gap + 1).to(images.device)
        target = draws.integers(n, high=self.orders).to(images.device)
        cells = whole.pixels.unfold(2, cell, cell).unfold(3, cell, cell)  # (B, 3, g, g, cell, cell)
        cells = cells.permute(0, 2, 3, 1, 4, 5).reshape(n * self.grid**2, 3, cell, cell)
        at = torch.arange(self.tile, device=images.device)
        rows, columns = (shifts[..., k].reshape(-1, 1) + at for k in (0, 1))  # (B * g * g, tile)
        each = torch.arange(len(cells), device=images.device)[:, None, None]
        tiles = cells.permute(0, 2, 3, 1)[each, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
        if self.equalize:
            mean, std = tiles.mean(dim=(1, 2, 3), keepdim=True), tiles.std(dim=(1, 2, 3), keepdim=True)
            tiles = (tiles - mean) / (std + 1e-2)
        order = orders(self.grid**2, self.orders).to(images.device)[target]  # place -> which tile lies there
        tiles = tiles.view(n, self.grid**2, 3, self.tile, self.tile)
        tiles = tiles[torch.arange(n, device=images.device)[:, None], order]
        return [View(assemble(tiles, self.grid), whole.theta, target=target)]

    @property
    def sides(self) -> tuple[int, ...]:
        """Side of what the encoder is shown, px: one tile at a time."""
        return (self.tile,)


def assemble(tiles: Tensor, grid: int) -> Tensor:
    """(B, grid * grid, 3, T, T) tiles, row by row -> pictures (B, 3, grid * T, grid * T)."""
    b, _, c, t, _ = tiles.shape
    return tiles.view(b, grid, grid, c, t, t).permute(0, 3, 1, 4, 2, 5).reshape(b, c, grid * t, grid * t)


def cut(pixels: Tensor, grid: int) -> Tensor:
    """The inverse of `assemble`."""
    t = pixels.shape[-1] // grid
    tiles = pixels.unfold(2, t, t).unfold(3, t, t)  # (B, 3, grid, grid, T, T)
    return tiles.permute(0, 2, 3, 1, 4, 5).flatten(1, 2)


@register("jigsaw")
class JigsawOrder(SSLMethod):
    """hidden_dim: numbers that are kept of each tile's features before all are looked at together."""

    defaults = Defaults(lr=1e-3, weight_decay=0.05)
    made_for = Jigsaw

    def __init__(self, encoder: Encoder, views: ViewMaker, hidden_dim: int = 64):
        super().__init__(encoder, views)
        arg.count.check(hidden_dim=hidden_dim)
        self.hidden_dim = hidden_dim
        self.squeeze = nn.Sequential(nn.Linear(encoder.dim, hidden_dim), nn.ReLU())
        self.head = nn.Sequential(nn.Linear(views.grid**2 * hidden_dim, 256), nn.ReLU(), nn.Linear(256, views.orders))

    @staticmethod
    def default_views(size: int) -> ViewMaker:
        return Jigsaw(tile=size)

    def forward(self, views: list[View]) -> dict[str, Tensor]:
        tiles = cut(views[0].pixels, self.view_maker.grid)  # (B, g * g, 3, T, T): each is seen by itself
        h = self.encoder(tiles.flatten(0, 1))
        logits = self.head(self.squeeze(h).view(len(tiles), -1))
        logits, target = self.gather(logits), self.gather(views[0].target)
        return {"loss": classify(logits, target), "z": h.detach(), "logits": logits, "target": target}

    def diagnose(self, out: dict[str, Tensor]) -> dict[str, float]:
        return {"accuracy": accuracy(out["logits"], out["target"]), **super().diagnose(out)}

    def chance_level(self, batch_size: int) -> float:
        return math.log(self.view_maker.orders)
