"""Linear probe: can a straight cut through the frozen features tell the classes apart?

Zhang et al., Colorful Image Colorization, ECCV 2016, made it the standard test. Here it is multinomial logistic
regression to convergence (scikit-learn; 300 iterations at most), so that no learning rate has to be tuned.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from coursekit.evaluation.blas import steady_threads
from coursekit.runtime import CourseError

MOST_ITERATIONS = 300
STRENGTHS = (0.001, 0.01, 0.1, 1.0)  # inverse regularisation, scikit-learn's C


@dataclass(frozen=True)
class ProbeResult:
    """accuracy: share of test images classified correctly, 0 to 1. predictions: int64 (M,). strength: the C that was chosen."""

    accuracy: float
    predictions: np.ndarray
    strength: float


def linear_probe(train_x: Tensor, train_y: Tensor, test_x: Tensor, test_y: Tensor, seed: int = 0) -> ProbeResult:
    """Fit logistic regression on frozen features and score it on the test set.

    train_x, train_y: features (N, D) and classes int64 (N,) to learn from.
    test_x, test_y: features (M, D) and classes int64 (M,) to be judged by.
    seed: of the split that the regularisation is chosen on.

    Features are standardised with the training set's mean and deviation. The regularisation is chosen on a fifth of the
    *training* set: the test set is looked at once. Raises CourseError if there are fewer than two classes.
    """
    x, y = train_x.detach().float().numpy(force=True), train_y.numpy(force=True)
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) < 2:
        raise CourseError(
            f"A linear probe needs at least two classes; the {len(y)} training labels hold {len(classes)}."
        )
    held_out = max(len(classes), len(y) // 5)
    if counts.min() >= 2 and len(y) - held_out >= len(classes):
        fit_x, val_x, fit_y, val_y = train_test_split(x, y, test_size=held_out, stratify=y, random_state=seed)
        scores = [_fit(fit_x, fit_y, c).score(val_x, val_y) for c in STRENGTHS]
        best = STRENGTHS[int(np.argmax(scores))]
    else:
        best = 0.1  # a class with a single image cannot be in both parts: nothing to choose with
    model = _fit(x, y, best)
    predictions = model.predict(test_x.detach().float().numpy(force=True))
    return ProbeResult(float((predictions == test_y.numpy(force=True)).mean()), predictions, best)


def _fit(x: np.ndarray, y: np.ndarray, strength: float):
    # With more features than images (raw pixels), a rotation onto the images' own directions leaves the fit as it is, because
    # the penalty is the length of the weights, and takes a tenth of the time
    rotation = [PCA(svd_solver="full")] if x.shape[1] > len(x) else []
    model = make_pipeline(
        StandardScaler(), *rotation, LogisticRegression(C=strength, max_iter=MOST_ITERATIONS, tol=1e-3)
    )
    with steady_threads(x.size), warnings.catch_warnings():  # raw pixels may want more; theirs is the accuracy then
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x, y)
