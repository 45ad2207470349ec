"""Patch contrast: pull the two looks at one place of an image together, push all other places away.

Local contrast as in DenseCL (Wang et al., Dense Contrastive Learning for Self-Supervised Visual Pre-Training, CVPR 2021),
with SimCLR's batch in place of a queue; positives by position, as in PixPro (Xie et al., Propagate Yourself, CVPR 2021).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit import arguments as arg
from coursekit.methods.base import Defaults, SSLMethod
from coursekit.methods.chunked_nce import ChunkedNCE
from coursekit.methods.local_maps import LocalHead, maps_of, shapes_in_views
from coursekit.methods.patch_matching import Match, match_patches
from coursekit.methods.precision import in_float32
from coursekit.methods.registry import register
from coursekit.methods.simclr import info_nce
from coursekit.models import Encoder, ProjectionHead
from coursekit.runtime import CourseError
from coursekit.views import RandomView, TwoViews, View, ViewMaker


@in_float32
def patch_info_nce(z_a: Tensor, z_b: Tensor, match: Match, temperature: float = 0.2, chunk: int = 512) -> Tensor:
    """Mean InfoNCE loss of the patches that both views show, in nats:

        L(i, p) = -log( exp(s(z_ip, z_i+) / tau) / sum over (j, q) != (i, p) of exp(s(z_ip, z_jq) / tau) )

    z_a: (B, P, D) and z_b: (B, Q, D), projections of the patches of two views of B images. Any scale: s is the cosine.
    match: which patches belong together, see there. temperature: tau, > 0.
    chunk: anchors whose similarities are held at a time, so that memory grows with chunk B (P + Q), not with the square
        of B (P + Q); see `ChunkedNCE`.

    Every patch of either view that has a partner is an anchor once, and its partner i+ its positive. The sum runs over all
    patches of both views of all images but the anchor itself: the positive, the patches of other images, those of the
    same image, and those that one view alone shows: they are anchors of nothing, but negatives of all. Left out are
    patches that `match.same` says show the place of the anchor or that of its positive: they are no negatives.
    Chance level is log(2BP - 1) for P = Q patches, if none is left out. 0 if no patch has a partner.
    """
    z = F.normalize(torch.cat([z_a, z_b], dim=1), dim=2)  # (B, S, D)
    s = z.shape[1]
    anchor = (match.partner >= 0).flatten().nonzero().squeeze(1)  # (M,), rows of the B * S patches
    image, patch = anchor // s, anchor % s
    positive = match.partner[image, patch]
    left_out = match.same[image, patch] | match.same[image, positive]  # (M, S)
    left_out = left_out.scatter(1, positive[:, None], False).scatter(1, patch[:, None], True)
    total = ChunkedNCE.apply(z.flatten(0, 1), anchor, image * s + positive, left_out, temperature, chunk)
    return total / max(len(anchor), 1)


@register("patch_contrast")
class PatchContrast(SSLMethod):
    """image_weight, patch_weight: lambda_img of SimCLR's loss of whole views, lambda_patch of the mean over patches.

    temperature: tau of both. out_dim: width of both projections.
    tolerance, overlap: which patches are partners, and which show the same; see `match_patches`.
    patch_layers: linear layers of the patches' projector; 0 = none, so that the loss works on the features themselves.
    head_batch_norm: False makes the loss independent of how a batch is split over processes.
    """

    defaults = Defaults(lr=1e-3, weight_decay=0.05)
    n_views = (2, 2)
    pyramid = False  # one map, that of Encoder.features

    def __init__(
        self,
        encoder: Encoder,
        views: ViewMaker,
        image_weight: float = 0.5,
        patch_weight: float = 0.5,
        temperature: float = 0.2,
        out_dim: int = 128,
        tolerance: float = 0.5,
        overlap: float = 0.1,
        patch_layers: int = 2,
        head_batch_norm: bool = True,
    ):
        super().__init__(encoder, views)
        arg.decay.check(image_weight=image_weight, patch_weight=patch_weight)
        arg.rate.check(temperature=temperature)
        arg.count.check(out_dim=out_dim)
        arg.share.check(tolerance=tolerance, overlap=overlap)
        arg.whole.check(patch_layers=patch_layers)
        if not image_weight + patch_weight:
            raise CourseError("image_weight and patch_weight are both 0: nothing is learned. Give one of them more.")
        self.image_weight, self.patch_weight, self.temperature = image_weight, patch_weight, temperature
        self.out_dim, self.tolerance, self.overlap = out_dim, tolerance, overlap
        self.patch_layers, self.head_batch_norm = patch_layers, head_batch_norm
        shapes = shapes_in_views(type(self).__name__, encoder, views, self.pyramid)
        self.places = sum(rows * columns for (_, rows, columns), *_ in shapes)  # of both views
        self.projector = ProjectionHead(encoder.dim, out_dim=out_dim, batch_norm=head_batch_norm)
        heads = [LocalHead(dim, out_dim, patch_layers, head_batch_norm) for dim, *_ in shapes[0]]
        self.patch_projectors = nn.ModuleList(heads)  # one for each map

    @staticmethod
    def default_views(size: int) -> ViewMaker:
        """DenseCL's crops and colours."""
        return TwoViews(RandomView(size, scale=(0.2, 1.0), brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1))

    def match(self, views: list[View], grids: list[tuple[int, int]]) -> Match:
        """Which places belong together, in the images of all processes. grids: rows and columns of each view's map."""
        return match_patches(*(self.gather(view.theta) for view in views), *grids, self.tolerance, self.overlap)

    def local(self, places: Tensor, view: View) -> Tensor:
        """The features that are contrasted: every place of a map, (B, D, h, w) -> (B, h * w, D)."""
        return places.flatten(2).mT

    def forward(self, views: list[View]) -> dict[str, Tensor]:
        views, name = views[:2], type(self).__name__
        pooled, maps = zip(*(maps_of(name, self.encoder, view.pixels, self.pyramid) for view in views), strict=True)
        z_a, z_b = (self.gather(self.projector(h)) for h in pooled)
        match, losses = self.match(views, [levels[0].shape[2:] for levels in maps]), []
        for project, *level in zip(self.patch_projectors, *maps, strict=True):  # level: a map of each view
            z = [self.gather(project(self.local(m, view))) for m, view in zip(level, views, strict=True)]
            losses.append(patch_info_nce(*z, match, self.temperature))
        image, patch = info_nce(z_a, z_b, self.temperature), torch.stack(losses).mean()
        out = {"image_loss": image, "patch_loss": patch, "matched": (match.partner >= 0).float().mean()}
        shown = z_a if self.image_weight else z[0][:, z[0].shape[1] // 2]  # (B, out_dim), of what is trained to differ
        return {"loss": self.image_weight * image + self.patch_weight * patch, "z": shown, **out}

    def diagnose(self, out: dict[str, Tensor]) -> dict[str, float]:
        """Both losses before they are weighted. matched: share of the patches that have a partner."""
        parts = {name: out[name].item() for name in ("image_loss", "patch_loss", "matched")}
        return {**parts, **super().diagnose(out)}

    def collapse_cause(self) -> str:
        weak = f"temperature={self.temperature} is so large that every negative counts alike"
        return f"Likely causes: {weak}, or the learning rate is too large."

    def chance_level(self, batch_size: int) -> float:
        """If no patch were left out of the sums; those that show the same make it a little lower."""
        image, patch = math.log(2 * batch_size - 1), math.log(self.places * batch_size - 1)
        return self.image_weight * image + self.patch_weight * patch
