"""The exercise `info_nce`: write SimCLR's objective, and be told which of the usual mistakes was made."""

import torch
import torch.nn.functional as F
from torch import Tensor

from coursekit.exercises.model import Case, Exercise, Mistake, Probe, draw
from coursekit.methods.simclr import info_nce

# Only a row's columns right of the removed entry move, so the answer differs for the two halves of the rows.
CUT = Mistake(
    "With the diagonal removed, columns right of it move by one, and only those. The positives do not follow.",
    "Row i has 2N - 1 columns left. Print in which of them its positive stands for N = 3: for the first N rows, "
    "then for the last N.",
)
EVERY = Mistake(
    "The mean runs over all entries of the log-softmax, 2N x 2N (or 2N - 1) of them, not only over the positives.",
    "Each row counts with one entry: the log-probability of its positive.",
)

NCE_MISTAKES = {
    "itself": Mistake(
        "Each view is also compared with itself.",
        "The sum in the denominator runs over k != i. The largest similarity of every row is the one that should not "
        "be there.",
    ),
    "masked_with_zero": Mistake(
        "The similarity of a view with itself is set to 0, which does not remove it: exp(0) is 1.",
        "Which value of a similarity has an exponential of 0?",
    ),
    "positive_masked": Mistake(
        "The positive is missing from the denominator.",
        "Only k = i is left out of the sum. (Without the positive it is the decoupled loss of Yeh et al., ECCV 2022.)",
    ),
    "times_temperature": Mistake(
        "The similarities are multiplied by the temperature instead of divided by it.",
        "A small temperature makes differences larger. Look at what stands inside exp(...).",
    ),
    "no_temperature": Mistake("The temperature has no effect.", "It divides every similarity before the exponential."),
    "fixed_temperature": Mistake(
        "The loss does not change with the temperature: it is always computed at 0.1.",
        "Use the argument `temperature`. 0.1 is only what it is where the caller names none.",
    ),
    "temperature_twice": Mistake(
        "The similarities are divided by the temperature twice.",
        "Dividing z by it divides both factors of every product. Divide the similarities instead, once.",
    ),
    "temperature_outside": Mistake(
        "The loss is divided by the temperature, not the similarities.",
        "In the formula the temperature stands inside exp(...).",
    ),
    "not_normalised": Mistake(
        "The similarity is a plain dot product, so long vectors count more than short ones.",
        "s(a, b) is the cosine: both vectors have length 1 first.",
    ),
    "normalised_over_images": Mistake(
        "Lengths are normalised down the columns: each feature over all images, instead of each image over its "
        "features.",
        "Look at `dim` where you normalise. The length of every row should be 1 afterwards.",
    ),
    "squared_distance": Mistake(
        "The similarity is a negative squared distance instead of the cosine.",
        "On the unit sphere |a - b|^2 = 2 - 2 s(a, b): it acts like half the temperature.",
    ),
    "one_direction": Mistake(
        "Only the first views are anchors: N rows instead of 2N.",
        "L_i is defined for all 2N views. Each b_i is an anchor too, with a_i as its positive.",
    ),
    "other_view_only": Mistake(
        "Negatives come only from the other view: N candidates for each anchor.",
        "For a_i the sum also runs over the other images' a_k. There are 2N - 1 candidates.",
    ),
    "interleaved": Mistake(
        "The positive of view i is taken to be its neighbour in the list: (0, 1), (2, 3), ...",
        "After torch.cat([z_a, z_b]) the views of image i stand at i and i + N. Print the positives for N = 3.",
    ),
    "stacked": Mistake(
        "The rows stand in the order a_0, b_0, a_1, b_1, ..., but the positive of row i is looked for N rows further.",
        "Order and positives must fit. torch.cat([z_a, z_b]) puts all b behind all a; print both orders for N = 3.",
    ),
    "next_image": Mistake(
        "The positive of view i is taken to be view i + 1.",
        "After torch.cat([z_a, z_b]) the views of image i stand at i and i + N. Print the positives for N = 3.",
    ),
    "itself_as_positive": Mistake(
        "The positive of view i is view i itself.",
        "The positive is the OTHER view of the same image. Which column of row i holds it?",
    ),
    "cut_and_clamped": CUT,
    "cut_and_wrapped": CUT,
    "cut_and_all_moved": CUT,
    "all_entries": EVERY,
    "all_candidates": EVERY,
    "zeros_in_mean": Mistake(
        "The sum over the 2N positives is divided by (2N)^2, the number of all entries.",
        "Where a mask has set the other entries to 0, .mean() still counts them.",
    ),
    "no_logarithm": Mistake(
        "The logarithm is missing: this is the mean probability.", "L_i is minus the log of the share."
    ),
    "no_exponential": Mistake(
        "The share is taken of the similarities themselves, without exp.",
        "Similarities can be negative; the softmax makes them positive first.",
    ),
    "no_denominator": Mistake(
        "There is no denominator: positives attract, nothing repels.",
        "Without the sum over the other views all embeddings may become the same vector. Where do negatives enter?",
    ),
    "denominator_mean": Mistake(
        "The denominator is a mean over the candidates instead of a sum.", "It is off by log(2N - 1)."
    ),
    "softmax_twice": Mistake(
        "The softmax is applied twice.",
        "F.cross_entropy takes similarities (logits), not probabilities: it contains the softmax and the log.",
    ),
    "exp_as_logits": Mistake(
        "The exponential is taken twice.",
        "F.cross_entropy and torch.logsumexp take the similarities themselves (logits): the exp is inside them.",
    ),
    "log_of_mean": Mistake(
        "The logarithm of a mean, where a mean of logarithms belongs.", "First L_i of each view, then the mean."
    ),
    "sign": Mistake(
        "The sign is wrong: training would push positives apart.", "A probability has a negative logarithm."
    ),
    "base_2": Mistake("The loss is in bits instead of nats.", "The formula's log is the natural one, torch.log."),
    "sum": Mistake(
        "The losses of the 2N views are summed.",
        "The batch loss is their mean, so that it does not grow with the batch.",
    ),
    "divided_by_n": Mistake("The sum over 2N views is divided by N.", "How many terms does the sum have?"),
    "per_view": Mistake("The result is one loss for each view.", "The batch loss is a single number: their mean."),
}


def nce_with(flaws: frozenset[str]):
    """info_nce with some of NCE_MISTAKES built in; with none it is the formula, written out."""

    def wrong(z_a: Tensor, z_b: Tensor, temperature: float = 0.1) -> Tensor:
        n = len(z_a)
        z = torch.stack([z_a, z_b], dim=1).flatten(0, 1) if "stacked" in flaws else torch.cat([z_a, z_b])
        if "not_normalised" not in flaws:
            z = F.normalize(z, dim=0 if "normalised_over_images" in flaws else 1)
        s = z @ z.T
        # at a fixed temperature, squared distances cannot be told from a fixed temperature of half the size
        if "squared_distance" in flaws and not flaws & {"no_temperature", "fixed_temperature"}:
            s = -(z[:, None] - z).square().sum(-1)
        if "times_temperature" in flaws:
            s = s * temperature
        elif "temperature_twice" in flaws:
            s = s / temperature**2
        elif "temperature_outside" not in flaws and "no_temperature" not in flaws:
            s = s / (0.1 if "fixed_temperature" in flaws else temperature)
        i = torch.arange(2 * n)
        positive = i.roll(n)
        if "interleaved" in flaws:
            positive = i ^ 1
        elif "next_image" in flaws:
            positive = i.roll(-1)
        elif "itself_as_positive" in flaws:
            positive = i
        last = 2 * n - 1  # as many columns are left where the diagonal is cut out
        columns = {
            "cut_and_clamped": positive.clamp(max=last - 1),
            "cut_and_wrapped": positive % last,
            "cut_and_all_moved": (positive - 1) % last,
        }
        for column in (columns[key] for key in columns if key in flaws):
            positive = column + (column >= i)  # where this column of the cut matrix stood before
        own = i[:, None] == i
        out = own.clone() if not flaws & {"itself", "itself_as_positive", "masked_with_zero"} else own & False
        if "masked_with_zero" in flaws:
            s = s.masked_fill(own, 0.0)
        if "other_view_only" in flaws:
            out = out | ((i[:, None] < n) == (i < n))
        if "positive_masked" in flaws:
            out = out | (positive[:, None] == i)
        if "one_direction" in flaws:
            s, out, positive, i = s[:n], out[:n], positive[:n], i[:n]
        logits = s.masked_fill(out, -torch.inf)
        if "softmax_twice" in flaws:
            s = logits = logits.softmax(dim=1)
        elif "exp_as_logits" in flaws:
            s = logits = logits.exp()
        if "all_candidates" in flaws:
            top = s.masked_fill(out, 0.0).sum(dim=1) / (~out).sum(dim=1)
        else:
            top = s.mean(dim=1) if "all_entries" in flaws else s[i, positive]
        below = logits.logsumexp(dim=1)
        if "no_exponential" in flaws:
            top, below = top.log(), s.masked_fill(out, 0.0).sum(dim=1).log()
        if "denominator_mean" in flaws:
            below = below - (~out).sum(dim=1).log()
        log_share = top - (0 if "no_denominator" in flaws else below)
        each = -log_share
        if "no_logarithm" in flaws:
            each = -log_share.exp()
        elif "log_of_mean" in flaws:
            each = -log_share.exp().mean().log().expand(len(i))
        each = each / temperature if "temperature_outside" in flaws else each
        each = -each if "sign" in flaws else each
        each = each / torch.log(torch.tensor(2.0)) if "base_2" in flaws else each
        if "per_view" in flaws:
            return each
        if "sum" in flaws:
            return each.sum()
        mean = each.sum() / (n if "divided_by_n" in flaws else len(each))
        return mean / (2 * n) if "zeros_in_mean" in flaws else mean

    return wrong


def nce_cases() -> list[Case]:
    """The inputs on which a student's info_nce is compared with the tested one, ordinary ones first."""
    positive = draw(4, 6, 5)
    return [
        Case("8 images, 12 numbers each, temperature 0.5", (*draw(0, 8, 12), 0.5)),
        Case("5 images, 3 numbers each, temperature 0.2", (*draw(1, 5, 3), 0.2)),
        Case("2 images, 4 numbers each, temperature 1", (*draw(2, 2, 4), 1.0)),
        Case("7 images with shorter vectors", (*draw(3, 7, 4, scale=0.2), 0.3)),
        Case("6 images with positive numbers only", (positive[0].abs(), positive[1].abs(), 0.2)),
        Case("4 images in float64", (*(z.double() for z in draw(5, 4, 6)), 0.2)),
        Case("4 images at temperature 0.01", (*draw(6, 4, 6), 0.01), strict=False),
    ]


INFO_NCE = Exercise(
    name="info_nce",
    call="info_nce(z_a, z_b, temperature)",
    returns="the mean loss over the 2N views, a tensor with one number",
    reference=info_nce,
    cases=nce_cases,
    mistakes=NCE_MISTAKES,
    flawed=nce_with,
    hints=(
        "The plan has three parts: one matrix with the similarities of all 2N views to each other, one mask that takes "
        "from each view the choice of itself, and one cross-entropy, in which each row has to pick its partner. Each of "
        "the next hints is about one part.",
        "Put both views into one tensor z of shape (2N, D), make its rows unit length, and get all similarities with "
        "one matrix product, (2N, 2N).",
        "A view may not pick itself: make that choice impossible BEFORE the softmax. What must a logit be for its "
        "probability to be 0?",
        "The right class of row i is i + N in the first half, i - N in the second. F.cross_entropy(logits, classes) "
        "does softmax, log, minus and mean.",
    ),
    probes=(
        Probe(
            lambda a: (*a[:2], 2 * a[2]),
            same=False,
            says="Your loss does not change with the temperature. Does a number stand where `temperature` belongs?",
        ),
        Probe(
            lambda a: (3 * a[0], a[1], *a[2:]),
            "Making z_a three times as long changes your loss; a cosine does not notice it.",
        ),
        Probe(
            lambda a: (a[1], a[0], *a[2:]),
            "Swapping z_a and z_b changes your loss; every view is an anchor, so it should not.",
        ),
        Probe(
            lambda a: (a[0].flip(0), a[1].flip(0), *a[2:]),
            "Taking the images in reverse order changes your loss; the loss should not depend on the order.",
        ),
    ),
    infinite="An infinite or huge loss means that a choice of probability 0 is taken for right. Is the positive itself "
    "masked out, is the positive of view i the masked view i, or does the mean run over all entries of the "
    "log-softmax, the masked ones too?",
    # on the first case, where 2N - 1 = 15: the first positive without a column, or one that was moved too far
    errors=(
        (
            r"Target (15|-1) is out of bounds|with size 15\b",
            "Did you cut the diagonal out? With the diagonal removed, columns right of it move by one, so row i has "
            "2N - 1 columns: in which of them does its positive stand now?",
        ),
        (
            r"Target (1[6-9]|2\d) is out of bounds",
            "For the views of the second half, the partner stands N rows earlier, not later: i - N.",
        ),
        (
            r"class probabilities, got Long|[Dd]imension out of range",
            "F.cross_entropy wants a matrix of logits: one row of similarities, (2N,), for each of the 2N views.",
        ),
        (r"only supports boolean masks", "Make the mask of True and False: torch.eye(..., dtype=torch.bool)."),
    ),
    nan="Or F.cross_entropy was given a one-hot target: it multiplies -inf by 0. Give it the positives' indices.",
    no_loops="It is right, and it loops over views in Python. One matrix product and one F.cross_entropy do the same, far "
    "faster for a large batch: can you write it without a loop?",
    remark="At temperature 0.01 yours is not finite: exp(1 / 0.01) is too large for float32 (half precision overflows "
    "at 0.09). F.cross_entropy and torch.logsumexp subtract the largest similarity first.",
)
