"""A collapse is told while it happens: the loss does not show it, and an hour later is too late."""

from coursekit.methods.base import SSLMethod
from coursekit.training.history import History

LEAST_SPREAD = 0.1  # of an even spread: the mean cosine of two images is above 0.99
LEAST_ENTROPY = 0.2  # of the largest: of 128 clusters fewer than 3 are in use
GRACE = 0.05  # share of the run at its beginning that counts for nothing: an untrained network spreads little, too
IN_A_ROW = 2  # logged steps


def collapse(history: History, method: SSLMethod, width: int, steps: int) -> str | None:
    """What to tell people after the last row of the history, if the features have just collapsed; once for each time.

    history: with the diagnostics of `SSLMethod.diagnose`. width: D of the embeddings that they are of. steps: of the run.
    """
    rows = [row for row in history if row["step"] >= GRACE * steps][-IN_A_ROW - 1 :]
    signs = [_sign(row, width) for row in rows]
    new = len(signs) <= IN_A_ROW or signs[0] is None
    if len(signs) < IN_A_ROW or not new or not all(signs[-IN_A_ROW:]):
        return None
    return f"Step {rows[-1]['step']} of {steps}: {signs[-1]}. {method.collapse_cause()}"


def _sign(row: dict, width: int) -> str | None:
    spread, even, entropy = row.get("feature_std"), width**-0.5, row.get("assignment_entropy")
    if spread is not None and spread < LEAST_SPREAD * even:
        told = f"(feature_std {spread:.4f}; {even:.4f} if spread evenly)"
        return f"the features collapse: all images get nearly the same embedding {told}"
    if entropy is not None and entropy < LEAST_ENTROPY:
        return (
            f"the assignments collapse: nearly all images fall into one cluster (assignment_entropy {entropy:.2f} of 1)"
        )
    return None
