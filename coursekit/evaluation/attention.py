"""How well does attention find the objects? Maps are scored against the scenes' true masks.

Caron et al., DINO, ICCV 2021, showed that the class token of a self-supervised ViT attends to objects, and scored masks made
of its maps. Here every map is judged in two ways:

- pointing (Zhang et al., Top-Down Neural Attention by Excitation Backprop, IJCV 2018): is its highest place on an object?
- intersection over union of the objects with the share of the image where the map is highest. The share, and of several
  heads the best one, are chosen on other scenes.

A number says little alone: objects stand near the middle of a photograph, so the image's centre and the average mask of the
other scenes point at them too. Those two stand beside every encoder, and so should one with random weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from coursekit.data.images import ImageSet
from coursekit.evaluation.intervals import Interval, accuracy_interval, mean_interval
from coursekit.models import Encoder
from coursekit.runtime import CourseError
from coursekit.views import normalize

SHARES = tuple(round(0.02 * k, 2) for k in range(1, 41))  # of the image that may be kept
BATCH = 32


@dataclass(frozen=True)
class MapScore:
    """What maps are worth. pointing: share of scenes whose highest place is on an object, with its 95 % interval. iou: mean
    over the scenes, with that of the mean. share: of the image, that was kept. head: which was the best on the other scenes,
    None if there was nothing to choose.
    """

    pointing: Interval
    iou: Interval
    share: float
    head: int | None = None


def attention_scores(
    encoder: Encoder, train: ImageSet, test: ImageSet, layer: int = -1, best_head: bool = True
) -> dict[str, MapScore]:
    """Score the class token's attention and what it has to beat: {"mean of heads", "best head", "center", "mean mask"}.

    encoder: one with `attention_maps`. train: scenes with masks, on which shares, the head and the mean mask are chosen.
    test: scenes that are judged. layer: of the encoder. best_head: False leaves that row out.

    Scenes without an object are left out. Raises CourseError for an encoder without attention, and for scenes without masks.
    """
    if not hasattr(encoder, "attention_maps"):
        raise CourseError(
            f"{type(encoder).__name__} has no attention maps. Take a ViT of the course's own: 'vit_micro'."
        )
    train, test = (with_objects(scenes) for scenes in (train, test))
    device = next(encoder.parameters()).device  # a GPU sorts pixels faster, too
    heads = [class_attention(encoder, scenes, layer).to(device) for scenes in (train, test)]  # each (N, heads, h, w)
    train_masks, test_masks = (scenes.masks.to(device) for scenes in (train, test))
    maps = {"mean of heads": [each.mean(dim=1) for each in heads]}
    scores = {name: score_maps(*pair, train_masks, test_masks) for name, pair in maps.items()}
    if best_head:
        found = [best_share(heads[0][:, k], train_masks) for k in range(heads[0].shape[1])]
        head = max(range(len(found)), key=lambda k: found[k][1])
        mine = score_maps(heads[0][:, head], heads[1][:, head], train_masks, test_masks)
        scores["best head"] = MapScore(mine.pointing, mine.iou, mine.share, head)
    for name, prior in {"center": center(test_masks), "mean mask": mean_mask(train_masks)}.items():
        scores[name] = score_maps(
            prior.expand(len(train), -1, -1), prior.expand(len(test), -1, -1), train_masks, test_masks
        )
    return scores


def with_objects(scenes: ImageSet) -> ImageSet:
    """Those scenes that show an object. Raises CourseError if there are no masks, or none shows one."""
    if scenes.masks is None:
        raise CourseError(
            "Attention is scored against masks. Take scenes that have some: ImageSet.road_scenes(n, size)."
        )
    chosen = scenes[(scenes.masks > 0).flatten(1).any(dim=1)]
    if not len(chosen):
        raise CourseError("No scene shows an object.")
    return chosen


@torch.inference_mode()
def class_attention(encoder: Encoder, scenes: ImageSet, layer: int = -1) -> Tensor:
    """The class token's attention in one layer: float32 (N, heads, h, w), on the CPU. The encoder's mode is kept."""
    device, training = next(encoder.parameters()).device, encoder.training
    encoder.eval()
    try:
        parts = [
            encoder.attention_maps(normalize(part.to(device) / 255), layer).float().cpu()
            for part in scenes.images.split(BATCH)
        ]
    finally:
        encoder.train(training)
    return torch.cat(parts)


def score_maps(train_maps: Tensor, test_maps: Tensor, train_masks: Tensor, test_masks: Tensor) -> MapScore:
    """Score maps of any kind: the share is chosen on the first, the score comes from the second.

    train_maps, test_maps: float (N, h, w) and (M, h, w), larger where an object is thought to be. train_masks, test_masks:
    uint8 (N, H, W) and (M, H, W), 0 = background; each shows an object.
    """
    share, _ = best_share(train_maps, train_masks)
    large = enlarged(test_maps, test_masks)
    hits = (test_masks > 0).flatten(1).gather(1, large.flatten(1).argmax(dim=1, keepdim=True))
    found = iou_of_shares(large, test_masks, [share])[:, 0]
    return MapScore(accuracy_interval(int(hits.sum()), len(hits)), mean_interval(found.tolist()), share)


def best_share(maps: Tensor, masks: Tensor) -> tuple[float, float]:
    """(the share of `SHARES` whose mean IoU is largest, that IoU). maps: (N, h, w). masks: (N, H, W)."""
    found = iou_of_shares(enlarged(maps, masks), masks, SHARES).mean(dim=0)
    best = int(found.argmax())
    return SHARES[best], found[best].item()


def iou_of_shares(maps: Tensor, masks: Tensor, shares: Sequence[float]) -> Tensor:
    """Intersection over union of each scene's objects with the highest `share` of its map's pixels: float (N, shares).

    maps: float (N, H, W). masks: uint8 (N, H, W).
    """
    objects = (masks > 0).flatten(1)
    order = maps.flatten(1).argsort(dim=1, descending=True)  # once for all shares
    found = objects.gather(1, order).cumsum(dim=1)  # pixels of objects among the highest 1, 2, 3, ...
    kept = torch.tensor([round(share * objects.shape[1]) for share in shares], device=maps.device)
    both = found[:, kept - 1]
    return both / (objects.sum(dim=1, keepdim=True) + kept - both)


def enlarged(maps: Tensor, masks: Tensor) -> Tensor:
    """Maps (N, h, w) at the size of the masks (N, H, W), bilinear."""
    return F.interpolate(maps[:, None].float(), size=masks.shape[1:], mode="bilinear")[:, 0]


def center(masks: Tensor) -> Tensor:
    """A map that is highest in the middle of the image and falls off to its sides: float (1, H, W)."""
    rows, columns = (torch.linspace(-1, 1, side, device=masks.device) for side in masks.shape[1:])
    return -(rows[:, None].square() + columns.square())[None]


def mean_mask(masks: Tensor) -> Tensor:
    """Where objects stand on the average: float (1, H, W)."""
    return (masks > 0).float().mean(dim=0, keepdim=True)
