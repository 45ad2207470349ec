"""BEiT: blocks of patches are hidden, and the network guesses which visual word stands at each hidden place.

Bao et al., BEiT: BERT Pre-Training of Image Transformers, ICLR 2022. Words come from a tokenizer that was trained before
and stays as it is: in the paper that of DALL-E with 8192 codes, here `visual_tokenizer`, which the course trained. Unlike
MAE, the encoder sees a mask token at every hidden place, so a step costs as much as one without masks.
"""

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit import runtime
from coursekit.methods.base import Defaults, SSLMethod
from coursekit.methods.masked_patches import HiddenPatches
from coursekit.methods.masking import HiddenBlocks
from coursekit.methods.method_file import KeptWhole
from coursekit.methods.patches import check_patch
from coursekit.methods.precision import in_float32
from coursekit.methods.registry import register
from coursekit.methods.visual_tokenizer import VisualTokenizer
from coursekit.models import Encoder
from coursekit.runtime import CourseError
from coursekit.views import RandomView, View, ViewMaker

SHIPPED = "visual_tokenizer"  # the tokenizer that ships: words of drawn road objects


@in_float32
def masked_token_loss(scores: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
    """Mean cross-entropy of the hidden patches' codes, in nats. Chance level is log(K).

    scores: (B, P, K), before softmax. tokens: int64 (B, P), the true codes. mask: bool (B, P), True = hidden.
    """
    return F.cross_entropy(scores[mask], tokens[mask])


@register("beit")
class BEiT(KeptWhole, SSLMethod):
    """tokenizer: a file that `VisualTokenizer.save` wrote, None = the one that ships, which knows drawn road objects."""

    defaults = Defaults(lr=1.5e-3, weight_decay=0.05, clip=3.0)  # the paper's, whose batch has 2048 images
    needs_tokens = True
    made_for = HiddenPatches
    header = "beit"

    def __init__(self, encoder: Encoder, views: ViewMaker, tokenizer: str | None = None):
        super().__init__(encoder, views)
        if not hasattr(encoder, "mask_token"):
            raise CourseError(
                f"BEiT puts a mask token at hidden places, and {type(encoder).__name__} has none: build 'vit_micro' or "
                "'vit_base'."
            )
        check_patch("BEiT", encoder, views)
        self.tokenizer = tokenizer
        path = runtime.shipped("checkpoints", f"{SHIPPED}.safetensors") if tokenizer is None else tokenizer
        self.visual_tokenizer = VisualTokenizer.load(path)
        if self.visual_tokenizer.patch != encoder.stride:
            raise CourseError(
                f"BEiT: the tokenizer {path} has patches of {self.visual_tokenizer.patch} px, the encoder and its views "
                f"{encoder.stride} px. Take an encoder with patch_size={self.visual_tokenizer.patch}, or train a tokenizer "
                f"whose encoder has a stride of {encoder.stride} px."
            )
        self.visual_tokenizer.encoder.check_sides(views.view.size, views.view.size)
        self.head = nn.Linear(encoder.dim, self.visual_tokenizer.codes)
        nn.init.trunc_normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    @staticmethod
    def default_views(size: int) -> ViewMaker:
        colors = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.0, "grayscale": 0.0}
        return HiddenBlocks(RandomView(size, scale=(0.2, 1.0), blur=0.0, **colors), patch=8, share=0.4)

    def train(self, mode: bool = True) -> "BEiT":
        """As every module's, but the tokenizer stays in eval mode: its statistics must not move either."""
        super().train(mode)
        self.visual_tokenizer.eval()
        return self

    def scores(self, view: View) -> tuple[Tensor, Tensor]:
        """What is guessed at each place: class token (B, dim) and scores of all codes (B, P, K)."""
        cls, patches = self.encoder.tokens(view.pixels, mask=view.mask)  # nothing of what is hidden enters
        return cls, self.head(patches)

    def forward(self, views: list[View]) -> dict[str, Tensor]:
        view = views[0]
        cls, scores = self.scores(view)
        tokens = self.visual_tokenizer.tokens(view.target)  # of the whole view, without gradient
        parts = {"scores": scores, "tokens": tokens, "mask": view.mask}
        parts = {name: self.gather(part) for name, part in parts.items()}
        return {"loss": masked_token_loss(**parts), "z": cls.detach(), **parts}

    @torch.no_grad()
    def reconstruct(self, view: View) -> Tensor:
        """The view as the tokenizer's decoder paints it, hidden places from the likeliest code: normalised (B, 3, S, S)."""
        guessed, tokens = self.scores(view)[1].argmax(dim=2), self.visual_tokenizer.tokens(view.target)
        return self.visual_tokenizer.decode(torch.where(view.mask, guessed, tokens))

    def diagnose(self, out: dict[str, Tensor]) -> dict[str, float]:
        """accuracy: share of the hidden patches whose code is the likeliest. common: of those that have the most frequent
        code, which is what always the same answer would reach."""
        tokens = out["tokens"][out["mask"]]
        right = out["scores"][out["mask"]].argmax(dim=1) == tokens
        common = torch.bincount(tokens).max() / len(tokens)
        return {"accuracy": right.float().mean().item(), "common": common.item(), **super().diagnose(out)}

    def chance_level(self, batch_size: int) -> float:
        return math.log(self.visual_tokenizer.codes)

    def save(self, path: str | Path) -> Path:
        """As every method's that is kept whole, tokenizer included; only of a BEiT that learned from the tokenizer that
        ships, because the file names no other."""
        if self.tokenizer is not None:
            raise CourseError(
                f"BEiT.save keeps a BEiT that learned from the tokenizer that ships, and this one has {self.tokenizer}: "
                "keep that file and the run's folder."
            )
        return super().save(path)
