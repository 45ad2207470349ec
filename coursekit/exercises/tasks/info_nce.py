"""Write SimCLR's objective; coursekit.methods.simclr.info_nce is the one that trains."""

import torch
import torch.nn.functional as F

from coursekit.exercises.model import Case, Exercise, Probe, draw
from coursekit.methods.simclr import info_nce


def my_info_nce(z_a, z_b, temperature=0.1):
    n = len(z_a)
    z = F.normalize(torch.cat([z_a, z_b]), dim=1)
    logits = z @ z.T / temperature
    logits = logits.masked_fill(torch.eye(2 * n, dtype=torch.bool), float("-inf"))
    positive = torch.arange(2 * n).roll(n)  # the partner of i is i + N, of i + N it is i
    return F.cross_entropy(logits, positive)


def cases():
    apart = torch.tensor([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) + 0.1 * draw(9, 4, 3)[0]  # 109 degrees
    z_a, z_b = draw(4, 6, 5)
    overflow = "At temperature 0.01 exp(1 / 0.01) is too large for float32. F.cross_entropy and logsumexp avoid that."
    return [
        Case("8 images, 12 numbers each, temperature 0.5", (*draw(0, 8, 12), 0.5)),
        Case("2 images, 4 numbers each, temperature 1", (*draw(2, 2, 4), 1.0)),
        Case("6 images with positive numbers only", (z_a.abs(), z_b.abs(), 0.2)),
        Case("4 images in float64", (*(z.double() for z in draw(5, 4, 6)), 0.2)),
        Case("32 images with shorter vectors, no temperature named", draw(8, 32, 16, scale=0.2)),
        Case("views that all point apart, temperature 0.04", (apart[:2], apart[2:], 0.04)),
        Case("positives that point apart, temperature 0.05", (z_a, z_b.flip(0), 0.05)),
        Case("4 images at temperature 0.01", (*draw(6, 4, 6), 0.01), overflow),
    ]


# fmt: off
EYE, LOSS, TOP = "torch.eye(2 * n, dtype=torch.bool)", "F.cross_entropy(logits, positive)", "logits[range(2 * n), positive]"
UNIT, CUT = "F.normalize(torch.cat([z_a, z_b]), dim=1)", f"F.cross_entropy(logits[~{EYE}].view(2 * n, -1), %s)"
COSINE, SUM = "s(a, b) is the cosine: each vector has length 1.", "The sum of exp(...) runs over k != i: 2N - 1 candidates."
PLACE, SHARE = "The views of image i stand at i and i + N. Print both for N = 3.", "L_i is minus the log of a share of exp(...)."
DIVIDE, INSIDE = "It divides each s(a, b), in exp(...), once.", "F.cross_entropy takes logits: exp, sum and log are inside it."
ZERO = "What must a logit be for probability 0?"
MISTAKES = (  # in place of what, what is put, what happened, where to look
    (f'logits.masked_fill({EYE}, float("-inf"))', "logits", "Each view is also compared with itself.", SUM),
    ('float("-inf")', "0.0", "The similarity of a view with itself is set to 0, not excluded: exp(0) is 1.", ZERO),
    ('float("-inf")', ("-10.0", "-1 / temperature", "-5.0"), "The masked entries are not small enough to vanish.", ZERO),
    (LOSS, f"(logits.scatter(1, positive[:, None], -torch.inf).logsumexp(1) - {TOP}).mean()",
     "The positive is missing from the denominator.", SUM + " (Without it: Yeh et al., ECCV 2022.)"),
    ("/ temperature", "* temperature", "The similarities are multiplied by the temperature.", DIVIDE),
    ("/ temperature", "/ temperature**2", "The similarities are divided by the temperature twice.", DIVIDE),
    ("/ temperature", "/ temperature / z.shape[1] ** 0.5", "The similarities are also divided by sqrt(D).", DIVIDE),
    (LOSS, "F.cross_entropy(logits * temperature, positive) / temperature", "The temperature divides the loss.", DIVIDE),
    (LOSS, (f"(logits.logsumexp(1) - {TOP} * temperature).mean()", f"((logits * temperature).logsumexp(1) - {TOP}).mean()"),
     "The temperature divides only one of the two, the positives or the candidates.", DIVIDE),
    (UNIT, "torch.cat([z_a, z_b])", "The similarity is a plain dot product: long vectors count more than short ones.", COSINE),
    (UNIT, ("torch.cat([F.normalize(z_a), z_b])", "torch.cat([z_a, F.normalize(z_b)])"), "Only one view has length 1.", COSINE),
    (UNIT, UNIT + " / torch.cat([z_a, z_b]).norm(dim=1, keepdim=True)", "Vectors are divided by their squared length.", COSINE),
    ("dim=1", "dim=0", "Lengths are normalised down the columns: each feature over all images.", COSINE),
    ("dim=1", "dim=(0, 1)", "The vectors are divided by one length of all of them together.", COSINE),
    ("z @ z.T", ("-torch.cdist(z, z) ** 2", "-torch.cdist(z, z)"), "The similarity is a negative distance.", COSINE),
    ("(logits, positive)", ("(logits[:n], positive[:n])", "(logits[n:], positive[n:])"), "Only N of the 2N views are anchors.",
     "L_i is defined for all 2N views: each b_i is an anchor, with a_i as its positive."),
    (EYE, "torch.block_diag(torch.ones(n, n), torch.ones(n, n)).bool()", "Negatives come only from the other view.", SUM),
    (".roll(n)", " ^ 1", "The positive of view i is taken to be its neighbour in the list.", PLACE),
    ("roll(n)", ("roll(-1)", "roll(1)"), "The positive of view i is taken to be the next one in the list.", PLACE),
    ("cat([z_a, z_b])", "stack([z_a, z_b], 1).flatten(0, 1)", "The order is a_0, b_0, ..., but positives are N further.", PLACE),
    (LOSS, "F.cross_entropy(z @ z.T / temperature, torch.arange(2 * n))", "The positive of view i is view i itself.", PLACE),
    (LOSS, tuple(CUT % at for at in ("positive.clamp(max=2 * n - 2)", "positive % (2 * n - 1)", "(positive - 1) % (2 * n - 1)")),
     "With the diagonal removed, columns right of it move by one, and only those. The positives do not follow.", PLACE),
    (LOSS, ("(logits.logsumexp(1) - (z @ z.T / temperature).mean(1)).mean()", f"-logits.log_softmax(1)[~{EYE}].mean()"),
     "The mean runs over all entries of the log-softmax.", "Each row counts with one entry: its positive's."),
    (LOSS, f"logits.flatten().logsumexp(0) - {TOP}.mean()", "The softmax runs over the whole matrix, not over each row.", SUM),
    (LOSS, "-logits.softmax(1)[range(2 * n), positive].mean()", "The logarithm is missing: a mean probability.", SHARE),
    (LOSS, "-logits.softmax(1)[range(2 * n), positive].mean().log()", "The log is taken of the mean.", "First L_i, then mean."),
    (LOSS, "-(logits.softmax(1)[range(2 * n), positive] + 1e-8).log().mean()", "A number in the log hides small shares.", INSIDE),
    (LOSS, f"-{TOP}.mean()", "There is no denominator: positives attract, nothing repels.", SUM),
    ("(logits,", "(logits.softmax(1),", "The softmax is applied twice.", INSIDE),
    ("(logits,", "(logits.exp(),", "The exponential is taken twice.", INSIDE),
)
EXERCISE = Exercise(
    lesson="03", solution=my_info_nce, reference=info_nce, cases=cases, mistakes=MISTAKES,
    returns="the mean loss over the 2N views, a tensor with one number",
    sizes=lambda z_a, *_: {"N": len(z_a), "2N": 2 * len(z_a), "2N - 1": 2 * len(z_a) - 1},
    no_loops="It loops over views in Python. One matrix product and one F.cross_entropy do the same, far faster.",
    hints=(
        "Three parts: a matrix of the similarities of all 2N views, a mask that takes from each view the choice of itself, "
        "and a cross-entropy in which each row has to pick its partner. The next hints are about one part each.",
        "Put both views into one tensor (2N, D), make its rows unit length; one matrix product gives (2N, 2N).",
        "A view may not pick itself: make that impossible BEFORE the softmax. What must a logit be for probability 0?",
        "The class of row i is i + N, or i - N in the second half. F.cross_entropy does softmax, log, minus and mean.",
    ),
    probes=(
        Probe("Making {arg} three times as long changes {result}; a cosine does not notice it.", lambda z: 3 * z, each=True),
        Probe("Swapping z_a and z_b changes {result}; every view is an anchor, so it should not.", lambda a, b, *t: (b, a, *t)),
        Probe("Reversing the images changes {result}; order should not count.", lambda a, b, *t: (a.flip(0), b.flip(0), *t)),
    ),
    words=(
        ("NaN", "A mask times infinity holds 0 * inf: use masked_fill. So does a one-hot target: give F.cross_entropy indices."),
        ("infinite|too large", "A choice of probability 0, a masked one, is taken for right: do all entries count, or view i itself?"),
        (r"Target (15|-1) is|size 15\b", "With the diagonal removed, columns right of it move by one. Where does a positive stand now?"),
        (r"Target (1[6-9]|2\d) is out", "For the views of the second half, the partner stands N rows earlier: i - N."),
        (r"got Long|[Dd]imension out of range", "F.cross_entropy wants a matrix of logits: a row of similarities for each view."),
    ),
)
