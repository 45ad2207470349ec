"""Two encoders, one scene: what each takes for neighbours of the framed object, and what its map tells of the places."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from coursekit.data.images import ImageSet
from coursekit.evaluation.features import extract_features
from coursekit.evaluation.framed import cut_out, largest_objects
from coursekit.evaluation.patch_features import patch_colors, patch_similarity
from coursekit.figures.images import to_rgb
from coursekit.figures.layout import frame, panels
from coursekit.figures.style import GREEN, INK, RED, bare, describe, styled
from coursekit.models import Encoder
from coursekit.views import normalize

UNIT = {"extent": (0, 1, 1, 0)}  # an image of any size fills the same square
NEIGHBORS = 4


@dataclass(frozen=True)
class Seen:
    """What one encoder makes of the scenes. neighbors: int64 (N, NEIGHBORS), indices into the bank. colors: uint8 (N, 3, h,
    w), its places in three colours. likeness: (N, h, w), cosine of every place with the place in the frame's middle.
    inside, outside: (N,), mean likeness of the places in the frame, and of all others."""

    neighbors: Tensor
    colors: Tensor
    likeness: Tensor
    inside: Tensor
    outside: Tensor


@torch.inference_mode()
def see(encoder: Encoder, bank: ImageSet, scenes: ImageSet, boxes: Tensor, features: Tensor | None = None) -> Seen:
    """Look at the framed objects and their scenes with one encoder, on the CPU, in eval mode.

    bank: single objects, among which neighbours are looked for; features: its own (M, dim), if they are known. scenes:
    whole ones, square. boxes: (N, 4), px, one a scene.
    """
    encoder = encoder.cpu().eval()
    side = scenes.images.shape[-1]
    queries = cut_out(scenes.images, boxes, bank.images.shape[-1])
    known = extract_features(encoder, bank) if features is None else features
    known, asked = (F.normalize(part, dim=1) for part in (known, extract_features(encoder, queries)))
    neighbors = (asked @ known.T).topk(min(NEIGHBORS, len(bank)), dim=1).indices
    maps = encoder.features(normalize(scenes.images / 255))[1]
    h, w = maps.shape[2:]
    middle = (boxes[:, :2] + boxes[:, 2:]).float() / 2 / side
    places = [(min(int(y * h), h - 1), min(int(x * w), w - 1)) for x, y in middle.tolist()]
    likeness = torch.stack([patch_similarity(maps[k : k + 1], 0, *place)[0] for k, place in enumerate(places)])
    rows, columns = (torch.arange(n) + 0.5 for n in (h, w))
    x, y = columns[None] * side / w, rows[:, None] * side / h  # the middles of all places, px
    held = [(x >= x0) & (x < x1) & (y >= y0) & (y < y1) for x0, y0, x1, y1 in boxes.tolist()]
    for one, place in zip(held, places, strict=True):
        one[place] = True  # a small frame may hold no middle
    inside = torch.stack([one[mask].mean() for one, mask in zip(likeness, held, strict=True)])
    outside = torch.stack([one[~mask].mean() for one, mask in zip(likeness, held, strict=True)])
    return Seen(neighbors, patch_colors(maps), likeness, inside, outside)


class SideBySide:
    """Two rows, one for each method: the framed object, its neighbours, the scene's places as colours and by likeness.

    `show(first, second, image)` changes what is seen. encoders: by name, on any device; each looks when it is first asked
    for. bank: labelled single objects; features: by encoder, what is known of them. scenes: whole ones, square, with
    masks, of a size that all encoders take. figure: the Figure. moving: its artists that change.
    """

    @styled
    def __init__(
        self,
        encoders: Mapping[str, Encoder],
        bank: ImageSet,
        scenes: ImageSet,
        features: Mapping[str, Tensor] | None = None,
        **first,
    ):
        self.encoders, self.bank, self.scenes, self.known = dict(encoders), bank, scenes, {}
        self.features = features or {}
        self.boxes, self.classes = largest_objects(scenes)
        ratios = [1.5, *[0.95] * NEIGHBORS, 1.5, 1.5]
        self.figure, axes = panels(2, 1, 1.18, 2.15, ratios=ratios, margin=(0.5, 0.1))
        titles = ["scene", *["nearest", "2nd", "3rd", "4th"], "places, as colours", "like the framed place"]
        for ax, title in zip(axes[0], titles, strict=True):
            ax.set_title(title, fontsize=10, fontweight="normal")
        blank, self.rows, self.moving = torch.zeros(3, 2, 2, dtype=torch.uint8), [], []
        for mine in axes:
            shown = [bare(ax).imshow(to_rgb(blank), **UNIT) for ax in mine[:-1]]
            shown.append(bare(mine[-1]).imshow([[0.0]], cmap="viridis", vmin=0, vmax=1, **UNIT))
            for ax in mine[1 : 1 + NEIGHBORS]:
                frame(ax, GREEN)
            look = {"ha": "center", "va": "top", "fontsize": 10}
            says = [ax.text(0.5, 1.06, " ", **look) for ax in (mine[0], mine[-1], *mine[1 : 1 + NEIGHBORS])]
            says[0].set(fontweight="bold", fontsize=12)
            frames = [
                ax.add_patch(Rectangle((0, 0), 1, 1, fill=False, ec=color, lw=wide))
                for ax in (mine[0], mine[-2], mine[-1])
                for color, wide in (("white", 3.0), (INK, 1.2))
            ]
            edges = [spine for ax in mine[1 : 1 + NEIGHBORS] for spine in ax.spines.values()]
            self.rows.append((shown, says, frames, mine))
            self.moving += [*shown, *frames, *edges, *says]
            for text in says:
                text.set_in_layout(False)
            mine[0].set_xlabel(" ", fontsize=13)  # room for the words below
        self.show(**{"first": next(iter(self.encoders)), "second": list(self.encoders)[-1], "image": 0, **first})

    def seen(self, name: str) -> Seen:
        """What the encoder of this name makes of the scenes, kept from the first time."""
        if name not in self.known:
            self.known[name] = see(self.encoders[name], self.bank, self.scenes, self.boxes, self.features.get(name))
        return self.known[name]

    def show(self, first: str, second: str, image: int) -> None:
        """Show two methods on one scene, and describe what they make of it."""
        kind = int(self.classes[image])
        what = self.scenes.class_names[kind]
        x0, y0, x1, y1 = (self.boxes[image].float() / self.scenes.images.shape[-1]).tolist()
        told = []
        for name, (shown, says, frames, axes) in zip((first, second), self.rows, strict=True):
            seen = self.seen(name)
            found = seen.neighbors[image].tolist()
            pictures = [self.scenes.images[image], *(self.bank.images[k] for k in found), seen.colors[image]]
            for artist, picture in zip(shown, pictures, strict=False):
                artist.set_data(to_rgb(picture))
            likeness = seen.likeness[image]
            shown[-1].set_data(likeness.numpy())
            shown[-1].set_clim(likeness.min().item(), 1.0)
            for edge in frames:
                edge.set_bounds(x0, y0, x1 - x0, y1 - y0)
            names = [self.bank.class_names[self.bank.labels[k]] for k in found]
            for ax, text, called in zip(axes[1:], says[2:], names, strict=False):
                text.set_text(called)
                frame(ax, GREEN if called == what else RED)
            inside, outside = seen.inside[image].item(), seen.outside[image].item()
            says[0].set_text(name)
            says[1].set_text(f"in it {inside:.2f}, else {outside:.2f}")
            right = names.count(what)
            told.append(
                f"{name}: {right} of {len(found)} neighbours are a {what}; places in the frame are like its middle by "
                f"{inside:.2f}, all others by {outside:.2f}"
            )
        describe(self.figure, f"Image {image}: a scene with a {what} framed, by two methods. {'. '.join(told)}.")


def side_by_side(encoders: Mapping[str, Encoder], bank: ImageSet, scenes: ImageSet, **shown) -> Figure:
    """Two methods on one scene. Arguments as `SideBySide` has them."""
    return SideBySide(encoders, bank, scenes, **shown).figure
