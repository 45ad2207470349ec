"""Maps of local features: what a method that contrasts places takes from any encoder, and regions pooled from them."""

from torch import Tensor, nn
from torchvision.ops import roi_align

from coursekit.methods.feature_maps import map_shapes, seen_by
from coursekit.models import Encoder, ProjectionHead
from coursekit.runtime import CourseError
from coursekit.views import ViewMaker


def maps_of(method: str, encoder: Encoder, pixels: Tensor, pyramid: bool) -> tuple[Tensor, list[Tensor]]:
    """Pooled features and maps in one pass. pixels: (B, 3, H, W) -> (B, dim), [(B, D, h, w), ...].

    pyramid: take all the maps of an encoder that has a pyramid, the finest first, and pool the last. Otherwise there is
    one map, that of `features`: a ViT's patch tokens, a CNN's last map.

    Raises CourseError if a map holds a single place. method: its name, for the message.
    """
    pooled, maps = seen_by(encoder, pixels, pyramid and hasattr(encoder, "pyramid"))
    _check_places(method, encoder, [places.shape[2:] for places in maps], max(pixels.shape[2:]))
    return pooled, maps


def shapes_in_views(method: str, encoder: Encoder, views: ViewMaker, pyramid: bool) -> list[list[tuple[int, int, int]]]:
    """Channels, rows and columns of each map, for each of the two views.

    A view maker without `sides` is taken at the encoder's own size; what it shows is checked later. Raises CourseError
    as `maps_of` does.
    """
    own = (encoder.spec or {}).get("image_size", 2 * encoder.stride)
    found = []
    for side in getattr(views, "sides", (own, own))[:2]:
        found.append(map_shapes(encoder, side, pyramid and hasattr(encoder, "pyramid")))
        _check_places(method, encoder, [shape[1:] for shape in found[-1]], side)
    return found


def _check_places(method: str, encoder: Encoder, grids: list[tuple[int, int]], side: int) -> None:
    if any(rows * columns == 1 for rows, columns in grids):
        raise CourseError(
            f"{method} compares places of a view, and in a view of {side} px {type(encoder).__name__} has a map of a "
            f"single one. Take views of {2 * side} px, or an encoder with a finer map."
        )


def pool_regions(places: Tensor, boxes: Tensor) -> Tensor:
    """The mean of each region of a map, interpolated between places: (B, D, h, w), (B, N, 4) -> float32 (B, N, D).

    boxes: in the view's own coordinates, [-1, 1]. He et al., Mask R-CNN, ICCV 2017 (RoIAlign). One mean for a region: a
    mirrored view has the same one.
    """
    size = boxes.new_tensor([places.shape[3], places.shape[2]]).repeat(2)
    cells = (boxes.float() + 1) / 2 * size
    pooled = roi_align(places.float(), list(cells), output_size=1, aligned=True)
    return pooled.view(*boxes.shape[:2], -1)


class LocalHead(nn.Module):
    """A projector of places, the same for all of them: (B, N, dim) -> (B, N, out_dim). layers: 0 = leaves them as they are."""

    def __init__(self, dim: int, out_dim: int, layers: int, batch_norm: bool):
        super().__init__()
        self.head = (
            ProjectionHead(dim, out_dim=out_dim, layers=layers, batch_norm=batch_norm) if layers else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x.flatten(0, 1)).view(*x.shape[:2], -1)
