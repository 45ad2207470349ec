"""Measure what a contrastive objective is for: positives come together, everything spreads (Wang and Isola, ICML 2020)."""

import torch
import torch.nn.functional as F

from coursekit.exercises.model import LONGER, REVERSED, Case, Exercise, draw
from coursekit.methods import diagnostics


def my_alignment_and_uniformity(z_a, z_b):
    """z_a, z_b: (N, D). Return two scalars: alignment of the pairs, uniformity of the N vectors z_a."""
    a, b = F.normalize(z_a, dim=1), F.normalize(z_b, dim=1)
    alignment = (a - b).square().sum(dim=1).mean()
    # pdist gives each pair once; the formula counts it twice and divides by twice as many
    uniformity = torch.pdist(a).square().mul(-2).exp().mean().log()
    return alignment, uniformity


def alignment_and_uniformity(z_a, z_b):
    """Both, as training logs them."""
    return diagnostics.alignment(z_a, z_b), diagnostics.uniformity(z_a)


def _cases():
    return [
        Case("8 images, 12 numbers each", draw(10, 8, 12)),
        Case("3 images, 2 numbers each", draw(12, 3, 2)),
        Case("7 images with shorter vectors", draw(13, 7, 4, scale=0.2)),
        Case("64 images, 16 numbers each", draw(14, 64, 16)),  # cdist is inexact from 26 rows on
    ]


# fmt: off
BOTH, NEAR, FAR = "F.normalize(z_a, dim=1), F.normalize(z_b, dim=1)", "(a - b).square().sum(dim=1)", "torch.pdist(a)"
MEAN, ALL, OFF = ".exp().mean()", "(a[:, None] - a).norm(dim=2)", "%s[~torch.eye(len(a), dtype=torch.bool)]"
SPHERE, ROWS = "Both measures live on the unit sphere: normalise the rows.", "Every row should have length 1: see `dim`."
SQUARE, COSINE = "The definition has |a - b|^2, a sum over the D numbers.", "On the unit sphere |a - b|^2 = 2 - 2 s(a, b)."
PAIRS, FIRST = "How many pairs i != j are in the sum? torch.pdist gives each once.", "The points are the N first views: z_a alone."
ORDER = "First exp(-2 |x - y|^2) of each pair, then the mean, then the log."
MISTAKES = (  # in place of what, what is put, what happened, where to look
    (BOTH, "z_a, z_b", "The vectors do not have length 1.", SPHERE),
    (BOTH, tuple(BOTH.replace("1", x) for x in ("0", "(0, 1)")), "Columns are normalised, or the whole matrix, not rows.", ROWS),
    (BOTH, ("(z / z.square().sum(1, keepdim=True) for z in (z_a, z_b))", BOTH.replace("dim=1", "p=1")),
     "The vectors are divided by the sum of their squares or absolute values, not by its root.", ROWS),
    ("(a - b)", ("(z_a - z_b)", "(a - z_b)", "(z_a - b)"), "For alignment, one or both views do not have length 1.", SPHERE),
    ("(a - b)", "(F.normalize(z_a, dim=0) - F.normalize(z_b, dim=0))", "For alignment, columns are normalised.", ROWS),
    ("pdist(a)", "pdist(z_a)", "Uniformity is measured on vectors that do not have length 1.", SPHERE),
    ("pdist(a)", "pdist(F.normalize(z_a, dim=0))", "For uniformity, columns are normalised.", ROWS),
    (NEAR, "(a - b).norm(dim=1)", "Alignment averages distances, not squared distances.", SQUARE),
    (NEAR, "(a - b).abs().sum(dim=1)", "Alignment adds absolute values.", SQUARE),
    (NEAR, "(a - b).square().mean(dim=1)", "Alignment is averaged over the D numbers of a vector, too.", SQUARE),
    (NEAR, "(a - b).square().sum(dim=0)", "Alignment sums over the images, and averages over the D numbers.", SQUARE),
    (NEAR, "(a[:, None] - b).square().sum(dim=2)", "Alignment compares every a with every b.", "Row i belongs to row i."),
    (NEAR, "(a * b).sum(dim=1)", "Alignment is the mean cosine similarity.", COSINE),
    (NEAR, "(1 - (a * b).sum(dim=1))", "Alignment is the mean of 1 - cosine, half the squared distance.", COSINE),
    (FAR, (ALL, f"{ALL}[*torch.triu_indices(len(a), len(a))]"), "Uniformity counts each point's distance to itself, 0.", PAIRS),
    (FAR, ALL + ".triu()", "The zeros that triu leaves of the distances are in the mean: exp(0) is 1.", PAIRS),
    (FAR, "torch.cdist(a, a)[torch.cdist(a, a) > 0]", "Of many rows, cdist gives points a distance > 0 to themselves.", PAIRS),
    ("pdist(a)", "pdist(a.T)", "Uniformity compares columns, features, not images.", FIRST),
    (FAR, "torch.pdist(a, p=1)", "Uniformity uses sums of absolute values, not distances.", ORDER),
    (".square().mul", ".mul", "Uniformity uses distances, not squared distances.", ORDER),
    (FAR + ".square()", OFF % "(a @ a.T)", "Uniformity uses similarities, not squared distances.", ORDER),
    ("mul(-2)", ("mul(-1)", "mul(-4)", "mul(-0.5)", "div(-2)", "mul(-2).div(a.shape[1])"), "The exponent's factor is not -2.", ORDER),
    ("mul(-2)", "mul(2)", "The exponent of uniformity is positive.", "Close pairs must count most."),
    ("mean().log()", "mean()", "Uniformity lacks its logarithm.", ORDER),
    (MEAN + ".log()", ".mean()", "Uniformity is the mean of the exponents: log and exp cancel.", ORDER),
    (MEAN, (".exp().sum()", ".exp().sum().mul(2)"), "Uniformity sums over the pairs instead of taking their mean.", PAIRS),
    (MEAN, ".exp().sum().mul(2).div(len(a))", "Uniformity divides the sum over the pairs by N.", PAIRS),
    (MEAN, (".exp().sum().mul(2).div(len(a) ** 2)", ".exp().sum().div(len(a) ** 2)"),
     "Uniformity divides by N^2: zeros, of a diagonal or triangle, are counted into the mean.", PAIRS),
    (MEAN, ".exp().sum().mul(2).add(len(a)).div(len(a) * (len(a) - 1))", "The diagonal is still in the sum: exp(0) is 1.", PAIRS),
    (MEAN, (".exp().sum().div(len(a) * (len(a) - 1))", ".exp().mean().mul(2)"), "Pairs counted once are mixed with twice.", PAIRS),
    (FAR, ("(a[:, None] - b).norm(dim=2)", OFF % "(a[:, None] - b).norm(dim=2)"), "Uniformity is between z_a and z_b.", FIRST),
    ("pdist(a)", "pdist(b)", "Uniformity is measured on z_b.", FIRST),
    ("pdist(a)", "pdist(torch.cat([a, b]))", "Uniformity is measured on both views together.", FIRST),
    (f"{FAR}.square().mul(-2){MEAN}.log()", "sum(torch.pdist(z).square().mul(-2).exp().mean().log() for z in (a, b)) / 2",
     "Uniformity is the mean of that of z_a and that of z_b.", FIRST),
    ("alignment, uniformity", "uniformity, alignment", "The two results are swapped.", "Return alignment first."),
)
EXERCISE = Exercise(
    lesson="03", solution=my_alignment_and_uniformity, reference=alignment_and_uniformity, cases=_cases, mistakes=MISTAKES,
    returns="two tensors with one number each, alignment and uniformity", outputs=("alignment", "uniformity"),
    sizes=lambda z_a, z_b: {"N": len(z_a), "D": z_a.shape[1], "N - 1": len(z_a) - 1},
    hints=("Alignment is between the two views of an image, uniformity between the first views of different images i != j: "
           "a view is not compared with itself. Both are distances on the unit sphere.",
           "Alignment: normalise the rows, subtract, square, sum over the D numbers, mean over the N images.",
           "Uniformity: torch.pdist(z) gives the N (N - 1) / 2 distances of all pairs i != j, each once. Square them, then "
           "exp(-2 ...), mean, log: in this order."),
    probes=(LONGER, REVERSED), words=(("NaN", "Use squared distances, without taking the root first, or torch.pdist."),),
)
