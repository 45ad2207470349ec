"""Region contrast: pull the two looks at one box of an image together, at every level of a pyramid.

Object-level contrast in the manner of Wei et al., Aligning Pretraining for Detection via Object-Level Contrastive Learning
(SoCo, NeurIPS 2021), with random boxes where SoCo has proposals, and patch contrast's loss. What is pooled is what a
detector's head looks at: of YOLO12's backbone P3, P4 and P5.
"""

from torch import Tensor

from coursekit import arguments as arg
from coursekit.draws import Draws
from coursekit.methods.local_maps import pool_regions
from coursekit.methods.patch_contrast import PatchContrast
from coursekit.methods.patch_matching import Match, match_regions, region_boxes, to_view
from coursekit.methods.registry import register
from coursekit.models import Encoder
from coursekit.runtime import CourseError
from coursekit.views import View, ViewMaker


@register("region_contrast")
class RegionContrast(PatchContrast):
    """Patch contrast of random boxes that both views show, pooled from each map; every level has a projector of its own.

    regions: boxes of an image. region_sides: range of a box's sides, as shares of the sides of what both views show.
    image_weight, patch_weight, temperature, out_dim, overlap, patch_layers, head_batch_norm: as in PatchContrast.

    The loss of the regions is the mean over the levels. An encoder without a pyramid has one, the map of its features.
    """

    pyramid = True

    def __init__(
        self,
        encoder: Encoder,
        views: ViewMaker,
        image_weight: float = 0.5,
        patch_weight: float = 0.5,
        temperature: float = 0.2,
        out_dim: int = 128,
        regions: int = 8,
        region_sides: tuple[float, float] = (0.25, 0.75),
        overlap: float = 0.1,
        patch_layers: int = 2,
        head_batch_norm: bool = True,
    ):
        same = {"image_weight": image_weight, "patch_weight": patch_weight, "temperature": temperature}
        same |= {"out_dim": out_dim, "overlap": overlap, "patch_layers": patch_layers}
        super().__init__(encoder, views, **same, head_batch_norm=head_batch_norm)
        arg.count.check(regions=regions)
        pair = isinstance(region_sides, (tuple, list)) and len(region_sides) == 2
        if not (pair and 0 < region_sides[0] <= region_sides[1] <= 1):
            raise CourseError(f"region_sides is {region_sides}: give two shares, 0 < smallest <= largest <= 1.")
        self.regions, self.region_sides, self.places = regions, tuple(region_sides), 2 * regions

    def views(self, images: Tensor, draws: Draws) -> list[View]:
        """Two views, each with its boxes of the image as its target, (B, regions, 4)."""
        pair = super().views(images, draws)[:2]
        boxes = region_boxes(*(view.theta for view in pair), draws, self.regions, self.region_sides)
        return [view._replace(target=box) for view, box in zip(pair, boxes, strict=True)]

    def match(self, views: list[View], grids: list[tuple[int, int]]) -> Match:
        return match_regions(*(self.gather(view.target) for view in views), self.overlap)

    def local(self, places: Tensor, view: View) -> Tensor:
        """The features that are contrasted: each box's mean of a map, (B, D, h, w) -> (B, regions, D)."""
        return pool_regions(places, to_view(view.target, view.theta))
