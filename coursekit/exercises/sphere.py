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
    "not_normalised": Mistake(
        "The vectors do not have length 1.", "Both measures live on the unit sphere: normalise the rows first."
    ),
    "normalised_over_images": Mistake(
        "Lengths are normalised down the columns: each feature over all images, instead of each image over its "
        "features.",
        "Look at `dim` where you normalise. The length of every row should be 1 afterwards.",
    ),
    "alignment_not_normalised": Mistake(
        "Alignment is measured on vectors that do not have length 1; those of uniformity do.",
        "Both measures live on the unit sphere. Which names does alignment use?",
    ),
    "uniformity_not_normalised": Mistake(
        "Uniformity is measured on vectors that do not have length 1; those of alignment do.",
        "Both measures live on the unit sphere. Which name does uniformity use?",
    ),
    "alignment_over_images": Mistake(
        "For alignment, lengths are normalised down the columns; for uniformity, along the rows.",
        "Look at `dim` where alignment normalises. The length of every row should be 1 afterwards.",
    ),
    "uniformity_over_images": Mistake(
        "For uniformity, lengths are normalised down the columns; for alignment, along the rows.",
        "Look at `dim` where uniformity normalises. The length of every row should be 1 afterwards.",
    ),
    "z_b_not_normalised": Mistake(
        "z_a has rows of length 1, z_b does not.", "Both views live on the unit sphere: normalise the rows of both."
    ),
    "alignment_not_squared": Mistake(
        "Alignment averages distances, not squared distances.", "The definition has |a - b|^2."
    ),
    "alignment_over_numbers": Mistake(
        "Alignment is averaged over the D numbers of a vector too.",
        "A squared distance is the SUM over the D numbers; the mean runs over images. (F.mse_loss takes both means.)",
    ),
    "alignment_all_pairs": Mistake(
        "Alignment compares every a with every b.", "Only the two views of the same image: row i with row i."
    ),
    "alignment_sum": Mistake(
        "Alignment sums over the images.", "It takes their mean, so that it does not depend on N."
    ),
    "alignment_cosine": Mistake(
        "Alignment is the mean cosine similarity.",
        "It is a squared distance: 0 where the two views agree. (On the unit sphere |a - b|^2 = 2 - 2 s(a, b).)",
    ),
    "alignment_one_minus_cosine": Mistake(
        "Alignment is the mean of 1 - cosine.", "On the unit sphere |a - b|^2 = 2 - 2 s(a, b): twice as much."
    ),
    "uniformity_with_itself": Mistake(
        "Uniformity counts each point's distance to itself, which is 0.",
        "Pairs are two different points. torch.pdist gives each pair once; of a (N, N) matrix the diagonal must go.",
    ),
    "uniformity_not_squared": Mistake(
        "Uniformity uses distances, not squared distances.", "The exponent is -2 |x - y|^2."
    ),
    "uniformity_no_logarithm": Mistake("Uniformity lacks its logarithm.", "First the mean of exp(...), then its log."),
    "uniformity_log_inside": Mistake(
        "Uniformity is the mean of the exponents.", "log and exp only cancel if nothing stands between them. What does?"
    ),
    "uniformity_factor": Mistake("The exponent of uniformity lacks its factor t = 2.", "The exponent is -2 |x - y|^2."),
    "uniformity_sign": Mistake(
        "The exponent of uniformity is positive.",
        "Close pairs must count most: exp(...) is largest where the distance is 0.",
    ),
    "uniformity_sum": Mistake(
        "Uniformity sums over the pairs.", "It takes their mean, so that it does not depend on N."
    ),
    "uniformity_two_views": Mistake(
        "Uniformity is measured between z_a and z_b.",
        "It looks at how ONE set of points fills the sphere: z_a with itself.",
    ),
    "uniformity_of_z_b": Mistake("Uniformity is measured on z_b.", "The points are the N first views: z_a."),
    "uniformity_of_both": Mistake(
        "Uniformity is measured on both views together, 2N points.", "The points are the N first views: z_a alone."
    ),
    "uniformity_mean_of_both": Mistake(
        "Uniformity is the mean of that of z_a and that of z_b.",
        "The points are the N first views: z_a alone. (Wang and Isola average both when they train with it.)",
    ),
    "uniformity_zero_distances": Mistake(
        "The zeros that triu leaves of the distances are counted into the mean of uniformity.",
        "exp(-2 * 0) is 1, so they are the closest pairs of all. Pick the pairs first: torch.triu_indices, or torch.pdist.",
    ),
    "uniformity_zeros_in_mean": Mistake(
        "The zeros that triu leaves are counted into the mean of uniformity: it divides by N^2.",
        "How many pairs are there? Pick them first: torch.triu_indices, or torch.pdist.",
    ),
    "uniformity_zero_diagonal": Mistake(
        "The zeros of the masked diagonal are counted into the mean of uniformity: it divides by N^2.",
        "N (N - 1) pairs are left without the diagonal. Select them, or divide the sum by their number.",
    ),
    "uniformity_itself_in_sum": Mistake(
        "The distances of points to themselves are in the sum of uniformity, though it is divided by N (N - 1).",
        "A distance that is set to 0 is not gone: exp(-2 * 0) is 1. Remove the diagonal AFTER exp, or use torch.pdist.",
    ),
    "uniformity_half": Mistake(
        "Uniformity sums each pair once and divides by N (N - 1), the number of pairs counted twice.",
        "torch.pdist and triu give N (N - 1) / 2 pairs. Then .mean() divides by the right number.",
    ),
    "swapped": Mistake("The two results come in the wrong order.", "Return alignment first, then uniformity."),
}


def alignment_and_uniformity(z_a: Tensor, z_b: Tensor) -> tuple[Tensor, Tensor]:
    """(alignment of z_a and z_b, uniformity of z_a), as training logs them.

    z_a, z_b: (N, D), any scale. Wang and Isola, ICML 2020.
    """
    return alignment(z_a, z_b), uniformity(z_a)


def _rows(z: Tensor, flaws: frozenset[str], measure: str) -> Tensor:
    """The points on the sphere as "alignment" or "uniformity" sees them."""
    if flaws & {"not_normalised", f"{measure}_not_normalised"}:
        return z
    return F.normalize(z, dim=0 if flaws & {"normalised_over_images", f"{measure}_over_images"} else 1)


def _alignment(z_a: Tensor, z_b: Tensor, flaws: frozenset[str]) -> Tensor:
    b = z_b if "z_b_not_normalised" in flaws else _rows(z_b, flaws, "alignment")
    a = _rows(z_a, flaws, "alignment")
    if "alignment_all_pairs" in flaws:
        a = a[:, None]
    if "alignment_one_minus_cosine" in flaws:
        apart = (a - b).square() / 2
    elif "alignment_cosine" in flaws:
        apart = a * b
    else:
        apart = (a - b).square()
    apart = apart.mean(-1) if "alignment_over_numbers" in flaws else apart.sum(-1)
    apart = apart.sqrt() if "alignment_not_squared" in flaws else apart
    return apart.sum() if "alignment_sum" in flaws else apart.mean()


def _uniformity(z_a: Tensor, z_b: Tensor, flaws: frozenset[str]) -> Tensor:
    a, b = (_rows(z, flaws, "uniformity") for z in (z_a, z_b))
    if "uniformity_of_both" in flaws:
        a = torch.cat([a, b])
    elif "uniformity_of_z_b" in flaws:
        a = z_b if "z_b_not_normalised" in flaws else b
    d = (a[:, None] - (b if "uniformity_two_views" in flaws else a)).square().sum(-1)
    d = d.sqrt() if "uniformity_not_squared" in flaws else d
    d = d.triu() if "uniformity_zero_distances" in flaws else d
    exponent = (1 if "uniformity_sign" in flaws else -1) * (1 if "uniformity_factor" in flaws else 2) * d
    each = exponent if "uniformity_log_inside" in flaws else exponent.exp()
    alike = torch.eye(*d.shape, dtype=torch.bool)
    if "uniformity_zeros_in_mean" in flaws:
        each = each.triu(0 if "uniformity_with_itself" in flaws else 1).flatten()
    elif "uniformity_zero_diagonal" in flaws:
        each = each.masked_fill(alike, 0).flatten()
    elif flaws & {"uniformity_with_itself", "uniformity_two_views", "uniformity_zero_distances"}:
        each = each.flatten()
    else:
        each = each[torch.ones_like(alike).triu(1)]  # each pair once
    spread = each.sum() if "uniformity_sum" in flaws else each.mean()
    if "uniformity_half" in flaws:
        spread = spread / 2
    elif "uniformity_itself_in_sum" in flaws:
        spread = spread + 1 / (len(d) - 1)
    return spread if flaws & {"uniformity_log_inside", "uniformity_no_logarithm"} else spread.log()


def sphere_with(flaws: frozenset[str]):
    """alignment_and_uniformity with some of SPHERE_MISTAKES built in; with none it is the definition, written out."""

    def wrong(z_a: Tensor, z_b: Tensor) -> tuple[Tensor, Tensor]:
        aligned, spread = _alignment(z_a, z_b, flaws), _uniformity(z_a, z_b, flaws)
        if "uniformity_mean_of_both" in flaws:
            spread = (spread + _uniformity(z_b, z_a, flaws)) / 2
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
    name="alignment_and_uniformity",
    call="alignment_and_uniformity(z_a, z_b)",
    returns="two tensors with one number each, alignment and uniformity",
    outputs=("alignment", "uniformity"),
    nan="Use squared distances, without taking the root first, or torch.pdist.",
    reference=alignment_and_uniformity,
    cases=sphere_cases,
    mistakes=SPHERE_MISTAKES,
    flawed=sphere_with,
    hints=(
        "Both are distances between points on the unit sphere. Alignment: between the two views of an image. "
        "Uniformity: between the first views of different images i != j, so a view is not compared with itself.",
        "Alignment: normalise the rows, subtract, square, sum over the D numbers, mean over the N images.",
        "Uniformity: torch.pdist(z) gives the N (N - 1) / 2 distances of all pairs with i != j, each once. Square them, "
        "then exp(-2 ...), mean, log: in this order.",
    ),
    probes=(
        Probe(
            lambda a: (3 * a[0], a[1]),
            "Making z_a three times as long changes your result; on the unit sphere it would not.",
        ),
        Probe(
            lambda a: (a[0].flip(0), a[1].flip(0)),
            "Taking the images in reverse order changes your result; it should not.",
        ),
    ),
)
