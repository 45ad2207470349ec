"""The exercise `alignment_and_uniformity`: measure what a contrastive objective is for.

Wang and Isola, Understanding Contrastive Representation Learning through Alignment and Uniformity on the Hypersphere,
ICML 2020.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from coursekit.exercises.model import Case, Exercise, Mistake, Probe, draw
from coursekit.methods.diagnostics import alignment, uniformity

SPHERE_MISTAKES = {
    "not_normalised": Mistake("The vectors do not have length 1.",
                              "Both measures live on the unit sphere: normalise the rows first."),
    "alignment_not_squared": Mistake("Alignment averages distances, not squared distances.",
                                     "The definition has |a - b|^2."),
    "alignment_over_numbers": Mistake(
        "Alignment is averaged over the D numbers of a vector too.",
        "A squared distance is the SUM over the D numbers; the mean runs over images. (F.mse_loss takes both means.)"),
    "alignment_all_pairs": Mistake(
        "Alignment compares every a with every b.", "Only the two views of the same image: row i with row i."),
    "uniformity_with_itself": Mistake(
        "Uniformity counts each point's distance to itself, which is 0.",
        "Pairs are two different points. torch.pdist gives each pair once; of a (N, N) matrix the diagonal must go."),
    "uniformity_not_squared": Mistake("Uniformity uses distances, not squared distances.",
                                      "The exponent is -2 |x - y|^2."),
    "uniformity_no_logarithm": Mistake("Uniformity lacks its logarithm.", "First the mean of exp(...), then its log."),
    "uniformity_log_inside": Mistake(
        "Uniformity is the mean of the exponents.",
        "log and exp only cancel if nothing stands between them. What does?"),
    "uniformity_factor": Mistake("The exponent of uniformity lacks its factor t = 2.", "The exponent is -2 |x - y|^2."),
    "uniformity_sign": Mistake(
        "The exponent of uniformity is positive.",
        "Close pairs must count most: exp(...) is largest where the distance is 0."),
    "uniformity_sum": Mistake("Uniformity sums over the pairs.",
                              "It takes their mean, so that it does not depend on N."),
    "uniformity_two_views": Mistake(
        "Uniformity is measured between z_a and z_b.",
        "It looks at how ONE set of points fills the sphere: z_a with itself."),
    "swapped": Mistake("The two results come in the wrong order.", "Return alignment first, then uniformity."),
}


def alignment_and_uniformity(z_a: Tensor, z_b: Tensor) -> tuple[Tensor, Tensor]:
    """(alignment of z_a and z_b, uniformity of z_a), as training logs them.

    z_a, z_b: (N, D), any scale. Wang and Isola, ICML 2020.
    """
    return alignment(z_a, z_b), uniformity(z_a)


def sphere_with(flaws: frozenset[str]):
    """alignment_and_uniformity with some of SPHERE_MISTAKES built in; with none it is the definition, written out."""

    def wrong(z_a: Tensor, z_b: Tensor) -> tuple[Tensor, Tensor]:
        if "not_normalised" not in flaws:
            z_a, z_b = F.normalize(z_a, dim=1), F.normalize(z_b, dim=1)
        apart = (z_a[:, None] - z_b if "alignment_all_pairs" in flaws else z_a - z_b).square()
        apart = apart.mean(-1) if "alignment_over_numbers" in flaws else apart.sum(-1)
        aligned = (apart.sqrt() if "alignment_not_squared" in flaws else apart).mean()
        other = z_b if "uniformity_two_views" in flaws else z_a
        d2 = (z_a[:, None] - other).square().sum(-1)
        pairs = torch.ones_like(d2, dtype=torch.bool)
        if not flaws & {"uniformity_with_itself", "uniformity_two_views"}:
            pairs = pairs.triu(1)
        d = d2[pairs].sqrt() if "uniformity_not_squared" in flaws else d2[pairs]
        exponent = (1 if "uniformity_sign" in flaws else -1) * (1 if "uniformity_factor" in flaws else 2) * d
        if "uniformity_log_inside" in flaws:
            spread = exponent.mean()
        else:
            spread = exponent.exp().sum() if "uniformity_sum" in flaws else exponent.exp().mean()
            spread = spread if "uniformity_no_logarithm" in flaws else spread.log()
        return (spread, aligned) if "swapped" in flaws else (aligned, spread)

    return wrong


def sphere_cases() -> list[Case]:
    """The inputs on which a student's alignment and uniformity are compared with the tested ones."""
    return [
        Case("8 images, 12 numbers each", draw(10, 8, 12)),
        Case("5 images, 3 numbers each", draw(11, 5, 3)),
        Case("3 images, 2 numbers each", draw(12, 3, 2)),
        Case("7 images with shorter vectors", draw(13, 7, 4, scale=0.2)),
    ]


ALIGNMENT_AND_UNIFORMITY = Exercise(
    name="alignment_and_uniformity", call="alignment_and_uniformity(z_a, z_b)",
    returns="two tensors with one number each, alignment and uniformity", outputs=("alignment", "uniformity"),
    not_finite="The gradient of a square root is infinite at 0: use squared distances, without taking the root first.",
    reference=alignment_and_uniformity, cases=sphere_cases, mistakes=SPHERE_MISTAKES, flawed=sphere_with,
    hints=(
        "Both are distances between points on the unit sphere. Alignment: between the two views of an image. "
        "Uniformity: between "
        "different images.",
        "Alignment: normalise the rows, subtract, square, sum over the D numbers, mean over the N images.",
        "Uniformity: torch.pdist(z) gives the N (N - 1) / 2 distances of all pairs. Square them, then exp(-2 ...), "
        "mean, log: in "
        "this order.",
    ),
    probes=(
        Probe(lambda a: (3 * a[0], a[1]), "Making z_a three times as long changes your result; on the unit sphere it "
                                          "would not."),
        Probe(lambda a: (a[0].flip(0), a[1].flip(0)),
              "Taking the images in reverse order changes your result; it should not."),
    ),
)
