"""A visual tokenizer: every patch of an image becomes one of K codes, the "words" that BEiT guesses.

VQ-VAE (van den Oord et al., NeurIPS 2017): an encoder says a patch as a vector, the nearest code takes its place, and a
small decoder paints the image from codes alone. BEiT (Bao et al., ICLR 2022) took the tokenizer of DALL-E (Ramesh et
al., ICML 2021), a discrete VAE with 8192 codes; this one is trained here.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit import arguments as arg
from coursekit.methods.base import Defaults, SSLMethod
from coursekit.methods.codebook import Codebook, perplexity, straight_through
from coursekit.methods.diagnostics import assignment_entropy
from coursekit.methods.method_file import KeptWhole
from coursekit.methods.one_view import OneView
from coursekit.methods.precision import in_float32
from coursekit.methods.registry import register
from coursekit.models import Encoder, PatchPainter
from coursekit.runtime import CourseError
from coursekit.views import RandomView, View, ViewMaker


@in_float32
def quantized_error(painted: Tensor, pixels: Tensor, z: Tensor, code: Tensor, commitment: float = 0.25) -> Tensor:
    """VQ-VAE's loss without the term that an average of the codes replaces: mean squared error of the pixels, plus
    commitment * mean |z - code|^2, which keeps the vectors near the codes that they chose; no gradient reaches the codes.

    painted, pixels: (B, 3, H, W). z, code: (N, D).
    """
    return (painted - pixels).square().mean() + commitment * (z - code.detach()).square().sum(dim=1).mean()


@register("visual_tokenizer")
class VisualTokenizer(KeptWhole, SSLMethod):
    """codes: K, size of the vocabulary. code_dim: D, numbers of a code.

    hidden_dim: channels of the decoder.
    commitment: weight of the distance between vectors and their codes; 0.25 in the paper.
    momentum: of the codes' moving average.
    revive: codes that are chosen less often than this share of the even share are placed anew; 0 = none.
    """

    defaults = Defaults(lr=2e-3, weight_decay=0.0)
    made_for = OneView
    header = "tokenizer"

    def __init__(
        self,
        encoder: Encoder,
        views: ViewMaker,
        codes: int = 256,
        code_dim: int = 16,
        hidden_dim: int = 96,
        commitment: float = 0.25,
        momentum: float = 0.99,
        revive: float = 0.05,
    ):
        super().__init__(encoder, views)
        arg.count.check(codes=codes, code_dim=code_dim, hidden_dim=hidden_dim)
        arg.decay.check(commitment=commitment)
        arg.share.check(momentum=momentum, revive=revive)
        if codes < 2:
            raise CourseError(f"VisualTokenizer needs 2 codes or more, not {codes}: one word says nothing.")
        if views.view.size % encoder.stride:
            raise CourseError(
                f"VisualTokenizer: a view of {views.view.size} px is no whole number of this {type(encoder).__name__}'s "
                f"patches of {encoder.stride} px."
            )
        self.codes, self.code_dim, self.hidden_dim = codes, code_dim, hidden_dim
        self.commitment, self.momentum, self.revive = commitment, momentum, revive
        self.to_code = nn.Conv2d(encoder.dim, code_dim, 1)
        self.codebook = Codebook(codes, code_dim, momentum, revive)
        self.decoder = PatchPainter(code_dim, hidden_dim, encoder.stride)

    @staticmethod
    def default_views(size: int) -> ViewMaker:
        colors = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.0, "grayscale": 0.0}
        return OneView(RandomView(size, scale=(0.2, 1.0), blur=0.0, **colors))

    @property
    def patch(self) -> int:
        """Side of the patches that become codes, px."""
        return self.encoder.stride

    def vectors(self, pixels: Tensor) -> Tensor:
        """What the encoder says of each patch, before a code takes its place: float32 (B, D, h, w), of length 1."""
        return F.normalize(self.to_code(self.encoder.features(pixels)[1]).float(), dim=1)

    def forward(self, views: list[View]) -> dict[str, Tensor]:
        pixels = views[0].pixels
        z = self.vectors(pixels)
        rows = z.permute(0, 2, 3, 1).flatten(0, 2)  # (B * P, D)
        indices = self.codebook(rows)
        code = self.codebook.vectors[indices]
        places = code.view(len(z), *z.shape[2:], -1).permute(0, 3, 1, 2)
        parts = {"painted": self.decoder(straight_through(z, places)), "pixels": pixels, "z": rows, "code": code}
        parts = {name: self.gather(part) for name, part in parts.items()}
        return {"loss": quantized_error(**parts, commitment=self.commitment), **parts, "indices": self.gather(indices)}

    def after_step(self, out: dict[str, Tensor], progress: float) -> None:
        self.codebook.update(out["z"], out["indices"])

    @torch.no_grad()
    @in_float32
    def tokens(self, pixels: Tensor) -> Tensor:
        """The code of each patch, patches row by row: int64 (B, P). pixels: (B, 3, H, W), normalised."""
        z = self.vectors(pixels)
        return self.codebook(z.permute(0, 2, 3, 1).flatten(0, 2)).view(len(z), -1)

    @torch.no_grad()
    def decode(self, indices: Tensor, rows: int | None = None) -> Tensor:
        """Paint an image from codes alone: int64 (B, P) -> (B, 3, H, W), normalised. rows: of patches; default: of a square."""
        rows = rows or round(indices.shape[1] ** 0.5)
        return self.decoder(self.codebook.vectors[indices].mT.unflatten(2, (rows, -1)))

    def reconstruct(self, pixels: Tensor) -> Tensor:
        """An image as its codes tell it. (B, 3, H, W), normalised -> the same shape."""
        return self.decode(self.tokens(pixels), pixels.shape[2] // self.patch)

    def diagnose(self, out: dict[str, Tensor]) -> dict[str, float]:
        """codes_used: share of the codes that this batch uses. perplexity: codes in use, as if all alike. reconstruction_error:
        of the pixels, mean squared; mean_color_error: of painting every image's mean colour, which must be beaten."""
        used = torch.bincount(out["indices"], minlength=self.codes)
        mean = out["pixels"].mean(dim=(2, 3), keepdim=True)
        return {
            "codes_used": (used > 0).float().mean().item(),
            "perplexity": perplexity(out["indices"], self.codes).item(),
            "assignment_entropy": assignment_entropy(used[None] / used.sum()).item(),
            "reconstruction_error": (out["painted"].float() - out["pixels"]).square().mean().item(),
            "mean_color_error": (mean - out["pixels"]).square().mean().item(),
            **super().diagnose({"z": out["z"][:1024]}),  # all pairs of a large batch's patches would take gigabytes
        }

    def collapse_cause(self) -> str:
        if not self.revive:
            return "Likely cause: revive=0, so a code that nothing chooses stays unused."
        return "Likely causes: a learning rate that is too large, or a momentum too near to 1 for so short a run."
