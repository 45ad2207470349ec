"""Small networks on top of an encoder that training needs and that are thrown away afterwards."""

from torch import Tensor, nn


class ProjectionHead(nn.Module):
    """The projector g: a few linear layers with batch-norm and ReLU between them. (B, in_dim) -> (B, out_dim).

    in_dim, out_dim: width of the features and of the projection.
    hidden_dim: width between the layers; default: in_dim.
    layers: linear layers, 1 or more.
    batch_norm: between the layers.
    last_batch_norm: one more after the last layer, without scale and offset.

    Chen et al., SimCLR, ICML 2020: two layers, hidden as wide as the encoder. Without batch_norm
    the result does not depend on how a batch is split over processes.
    """

    def __init__(
        self,
        in_dim: int,
        hidden_dim: int | None = None,
        out_dim: int = 128,
        layers: int = 2,
        batch_norm: bool = True,
        last_batch_norm: bool = False,
    ):
        super().__init__()
        if layers < 1:
            raise ValueError(f"A projection head has at least 1 layer, not {layers}.")
        dims = [in_dim] + [hidden_dim or in_dim] * (layers - 1) + [out_dim]
        parts: list[nn.Module] = []
        for i, (a, b) in enumerate(zip(dims, dims[1:], strict=False)):
            last = i == layers - 1
            parts.append(nn.Linear(a, b, bias=last or not batch_norm))  # batch-norm brings its own bias
            if not last:
                parts += [nn.BatchNorm1d(b), nn.ReLU(inplace=True)] if batch_norm else [nn.ReLU(inplace=True)]
        if last_batch_norm:
            parts.append(nn.BatchNorm1d(out_dim, affine=False))
        self.layers = nn.Sequential(*parts)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class PatchPainter(nn.Sequential):
    """From a map of vectors to pixels: (B, in_dim, h, w) -> (B, 3, h * patch, w * patch).

    hidden_dim: channels between. Each vector also sees its neighbours, two places far, so that patches meet without seams.
    """

    def __init__(self, in_dim: int, hidden_dim: int, patch: int):
        first, second = nn.Conv2d(in_dim, hidden_dim, 3, padding=1), nn.Conv2d(hidden_dim, hidden_dim, 3, padding=1)
        painted = nn.Conv2d(hidden_dim, 3 * patch**2, 1)
        super().__init__(first, nn.GELU(), second, nn.GELU(), painted, nn.PixelShuffle(patch))
