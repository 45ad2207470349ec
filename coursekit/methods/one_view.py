"""One view of every image, for a method that compares no views."""

from dataclasses import dataclass

from torch import Tensor

from coursekit.draws import Draws
from coursekit.views import RandomView, View


@dataclass(frozen=True)
class OneView:
    """One random view of every image, as it is."""

    view: RandomView

    def __call__(self, images: Tensor, draws: Draws) -> list[View]:
        """images: uint8 (B, 3, H, W) -> one view of S x S px."""
        return [self.view(images, draws)]

    @property
    def sides(self) -> tuple[int, ...]:
        """Side of the one view, px."""
        return (self.view.size,)
