"""Write SimCLR's objective; coursekit.methods.simclr.info_nce is the one that trains."""

import torch
import torch.nn.functional as F

from coursekit.exercises.model import LONGER, REVERSED, SWAPPED, Case, Exercise, draw
from coursekit.methods.simclr import info_nce


def my_info_nce(z_a, z_b, temperature=0.1):
    """z_a, z_b: (N, D), row i of both comes from image i. Return the mean loss over all 2N views, a scalar."""
    n = len(z_a)
    z = F.normalize(torch.cat([z_a, z_b]), dim=1)
    logits = z @ z.T / temperature
    logits = logits.masked_fill(torch.eye(2 * n, dtype=torch.bool), float("-inf"))
    positive = torch.arange(2 * n).roll(n)  # the partner of i is i + N, of i + N it is i
    return F.cross_entropy(logits, positive)


def _cases():
    apart = torch.tensor([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) + 0.1 * draw(9, 4, 3)[0]  # 109 degrees
    z_a, z_b = draw(4, 6, 5)
    return [
        Case("8 images, 12 numbers each, temperature 0.5", (*draw(0, 8, 12), 0.5)),
        Case("6 images with positive numbers only", (z_a.abs(), z_b.abs(), 0.2)),
        Case("32 images with shorter vectors, no temperature named", draw(8, 32, 16, scale=0.2)),
        Case("views that all point apart, temperature 0.08, float64", (*apart.double().split(2), 0.08)),
        Case("positives that point apart, temperature 0.05, float64", (z_a.double(), z_b.double().flip(0), 0.05)),
        Case("temperature 0.01", (*draw(6, 4, 6), 0.01), "exp(1 / 0.01) overflows in float32; logsumexp avoids it."),
    ]


# fmt: off
EYE, LOSS, TOP = "torch.eye(2 * n, dtype=torch.bool)", "F.cross_entropy(logits, positive)", "logits[range(2 * n), positive]"
UNIT, ALL, CUT = "F.normalize(torch.cat([z_a, z_b]), dim=1)", "(z @ z.T / temperature)", f"logits[~{EYE}].view(2 * n, -1)"
COSINE, SUM = "s(a, b) is the cosine: each vector has length 1.", "The sum of exp(...) runs over k != i: 2N - 1 candidates."
PLACE, DIVIDE = "The views of image i stand at i and i + N. Print both for N = 3.", "It divides each s(a, b), in exp(...), once."
ROW, INSIDE = f"(logits.logsumexp(1) - {TOP})", "F.cross_entropy takes logits: exp, sum and log are inside it."
ZERO, BLOCKS = "What must a logit be for probability 0?", "torch.block_diag(torch.ones(n, n), torch.ones(n, n)).bool()"
MISTAKES = (  # in place of what, what is put, what happened, where to look
    (f'logits.masked_fill({EYE}, float("-inf"))', "logits", "Each view is also compared with itself.", SUM),
    ('float("-inf")', "0.0", "The similarity of a view with itself is set to 0, not excluded: exp(0) is 1.", ZERO),
    ('float("-inf")', ("-10.0", "-1 / temperature", "-5.0"), "The masked entries are not small enough to vanish.", ZERO),
    (LOSS, tuple(f"(({ALL}.exp().sum(1) - {x}).log() - {TOP}).mean()" for x in (1, 2.7182818)),
     "Another number than a view's exp(...) with itself is subtracted from the denominator.", SUM),
    (LOSS, f"(logits.scatter(1, positive[:, None], -torch.inf).logsumexp(1) - {TOP}).mean()", "The denominator lacks the positive.", SUM),
    ("/ temperature", "* temperature", "The similarities are multiplied by the temperature.", DIVIDE),
    (" / temperature", ("", " / 0.1", " / 0.5", " / 0.05", " / 0.07", " / 0.2"), "The temperature has no effect.", DIVIDE),
    ("/ temperature", tuple("/ temperature" + x for x in ("**2", "**0.5", " / z.shape[1] ** 0.5")),
     "The similarities are divided by something else than the temperature, its square, its root or sqrt(D).", DIVIDE),
    (LOSS, "F.cross_entropy(logits * temperature, positive) / temperature", "The temperature divides the loss.", DIVIDE),
    (LOSS, (f"(logits.logsumexp(1) - {TOP} * temperature).mean()", f"((logits * temperature).logsumexp(1) - {TOP}).mean()"),
     "The temperature divides only one of the two, the positives or the candidates.", DIVIDE),
    (UNIT, "torch.cat([z_a, z_b])", "The similarity is a plain dot product: long vectors count more than short ones.", COSINE),
    (UNIT, ("torch.cat([F.normalize(z_a), z_b])", "torch.cat([z_a, F.normalize(z_b)])"), "Only one view has length 1.", COSINE),
    ("dim=1)", ("dim=1) / torch.cat([z_a, z_b]).norm(dim=1)[:, None]", "p=1)"), "The squared length, or a sum, is divided by.", COSINE),
    ("dim=1", ("dim=0", "dim=(0, 1)"), "Lengths are normalised down the columns, or over the whole matrix.", COSINE),
    ("z @ z.T", ("-torch.cdist(z, z) ** 2", "-torch.cdist(z, z)"), "The similarity is a negative distance.", COSINE),
    ("(logits, positive)", ("(logits[:n], positive[:n])", "(logits[n:], positive[n:])"), "Only N of the 2N views are anchors.", SUM),
    (EYE, BLOCKS, "Negatives come only from the other view.", SUM),
    (".roll(n)", (" ^ 1", ".roll(-1)", ".roll(1)"), "The positive of view i is taken to be a neighbour in the list.", PLACE),
    ("cat([z_a, z_b])", "stack([z_a, z_b], 1).flatten(0, 1)", "The order is a_0, b_0, ..., but positives are N further.", PLACE),
    (LOSS, f"F.cross_entropy({ALL}, torch.arange(2 * n))", "The positive of view i is view i itself.", PLACE),
    (LOSS, tuple(f"F.cross_entropy({CUT}, {to})" for to in ("positive.clamp(max=2 * n - 2)", "positive % (2 * n - 1)",
     "(positive - 1) % (2 * n - 1)", "(torch.arange(2 * n) + n) % (2 * n - 1)")),
     "With the diagonal removed, columns right of it move by one, and only those. The positives do not follow.", PLACE),
    (LOSS, (f"(logits.logsumexp(1) - {ALL}.mean(1)).mean()", f"-logits.log_softmax(1)[~{EYE}].mean()"),
     "The mean runs over all entries of the log-softmax.", "Each row counts with one entry: its positive's."),
    (LOSS, f"logits.flatten().logsumexp(0) - {TOP}.mean()", "The softmax runs over the whole matrix, not over each row.", SUM),
    (LOSS, f"-(-{ROW}).exp().mean()", "The logarithm is missing: a mean probability.", "L_i is minus the log of a share."),
    (LOSS, f"-(-{ROW}).exp().mean().log()", "The log is taken of the mean.", "First L_i, then the mean."),
    (LOSS, tuple(f"-((-{ROW}).exp() + 1e-{k}).log().mean()" for k in (8, 6, 7)), "A number in the log hides small shares.", INSIDE),
    (LOSS, f"-{TOP}.mean()", "There is no denominator: nothing repels.", SUM),
    ("(logits,", "(logits.softmax(1),", "The softmax is applied twice.", INSIDE),
    ("(logits,", "(logits.exp(),", "The exponential is taken twice.", INSIDE),
)
EXERCISE = Exercise(
    lesson="03", solution=my_info_nce, reference=info_nce, cases=_cases, mistakes=MISTAKES,
    returns="the mean loss, a tensor with one number", sizes=lambda z, *_: {"N": len(z), "2N": 2 * len(z), "2N - 1": 2 * len(z) - 1},
    no_loops="It loops over views in Python. One matrix product and one F.cross_entropy do the same, far faster.",
    hints=("Three parts: the similarities of all 2N views, a mask that takes from each the choice of itself, a cross-entropy.",
           "Put both views into one tensor (2N, D), make its rows unit length; one matrix product gives (2N, 2N).",
           "A view may not pick itself: make that impossible BEFORE the softmax. What must a logit be for probability 0?",
           "The class of row i is i + N, or i - N in the second half. F.cross_entropy does softmax, log, minus and mean."),
    probes=(LONGER, SWAPPED, REVERSED),
    words=(("NaN", "A mask times infinity, or a one-hot target in F.cross_entropy? Both hold 0 * inf: use masked_fill, or indices."),
        ("infinite|too large", "Is a choice of probability 0, a masked one, taken for right: view i itself, or all entries?"),
        (r"Target (15|-1) is|size 15\b", "With the diagonal removed, columns right of it move by one. Where does a positive stand now?"),
        (r"Target (1[6-9]|2\d) is out", "For the views of the second half, the partner stands N rows earlier: i - N.")),
)
