"""What every encoder offers, so that every method, probe and detector can use any of them."""

from collections.abc import Sequence

from torch import Tensor, nn

from coursekit.runtime import CourseError


class Encoder(nn.Module):
    """A network from pixels to features: the thing that self-supervision trains and that is kept.

    dim: channels of the features. stride: pixels of the image to one cell of the feature map. multiple: sides of its
    images are multiples of so many px.
    spec: how `build_encoder` made it (name, image_size, options), written into checkpoints so that they load by
    themselves.
    """

    dim: int
    stride: int
    multiple: int = 1
    spec: dict | None = None

    def features(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Both outputs in one pass. pixels: (B, 3, H, W), normalised -> pooled (B, dim), map (B, dim, h, w)."""
        raise TypeError(f"{type(self).__name__} must define features(pixels) -> (pooled, map).")

    def forward(self, pixels: Tensor) -> Tensor:
        """Pooled features. pixels: (B, 3, H, W), normalised -> (B, dim)."""
        return self.features(pixels)[0]

    def maps(self, pixels: Tensor, depths: Sequence[int] = ()) -> list[Tensor]:
        """The maps that a detector can read: (B, channels, h, w) each, the finest first. By default the one of `features`.

        pixels: (B, 3, H, W), normalised. depths: after which blocks, for a network whose blocks all have one stride.
        Raises CourseError if this network has none to choose from.
        """
        if depths:
            raise CourseError(f"{type(self).__name__} has no depths to choose from: leave depths out.")
        return [self.features(pixels)[1]]

    def check_pixels(self, pixels: Tensor) -> None:
        """Say what is wrong with an input before a layer deep inside does. Raises CourseError."""
        if pixels.ndim != 4 or pixels.shape[1] != 3 or not pixels.is_floating_point():
            raise CourseError(
                f"{type(self).__name__} wants normalised float pixels (B, 3, H, W), not {pixels.dtype} "
                f"{tuple(pixels.shape)}. uint8 images become views first: coursekit.views.center_view(images, size)."
            )
        self.check_sides(*pixels.shape[2:])

    def check_sides(self, height: int, width: int) -> None:
        """Raise CourseError for images that are too small or of a size, px, that does not fit the network."""
        m = self.multiple
        if height % m or width % m or not height or not width:
            raise CourseError(
                f"{type(self).__name__} takes sides that are multiples of {m} px, not {height} x {width}. "
                f"Nearest that fits: {max(1, round(height / m)) * m} x {max(1, round(width / m)) * m}."
            )
