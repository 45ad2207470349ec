"""Features in two dimensions, to be looked at: what a picture of them shows, and how much of them it holds."""

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from torch import Tensor

from coursekit.runtime import CourseError


def pca_2d(features: Tensor, seed: int = 0) -> tuple[Tensor, tuple[float, float]]:
    """The two directions in which features differ most (Pearson, 1901): points (N, 2), and each one's share of variance.

    Linear: distances in the picture are never larger than in the features. Raises CourseError for fewer than 3 features.
    """
    fitted = PCA(2, random_state=seed)
    points = fitted.fit_transform(_table(features))
    return torch.from_numpy(points), tuple(map(float, fitted.explained_variance_ratio_))


def tsne_2d(features: Tensor, perplexity: float = 30.0, seed: int = 0, init: str = "pca") -> Tensor:
    """Points (N, 2) whose neighbourhoods are like those of the features (van der Maaten and Hinton, JMLR 2008).

    perplexity: about how many neighbours a point has; of few points, a third of them. seed, init: where points begin,
    "pca" or "random". Distances between clusters, their sizes and the axes mean nothing. Raises CourseError as `pca_2d`.
    """
    x = _table(features)
    fitted = TSNE(2, perplexity=min(perplexity, (len(x) - 1) / 3), init=init, random_state=seed)
    return torch.from_numpy(fitted.fit_transform(x))


def variance_kept(features: Tensor) -> Tensor:
    """Share of the features' variance that their first 1, 2, 3, ... principal components hold: float (min(N - 1, D),).

    Ends at 1. Raises CourseError as `pca_2d`, and for features that are all the same.
    """
    x = torch.from_numpy(_table(features)).double()
    spread = torch.linalg.svdvals(x - x.mean(dim=0)).square()[: min(len(x) - 1, x.shape[1])]
    if spread.sum() == 0:
        raise CourseError("All features are the same: they have no variance that could be shared out.")
    return (spread.cumsum(0) / spread.sum()).float()


def _table(features: Tensor) -> np.ndarray:
    x = features.detach().float().cpu()
    if x.ndim != 2 or len(x) < 3 or x.shape[1] < 2:
        raise CourseError(
            f"A picture in two dimensions needs (N, D), 3 or more rows of 2 or more, not {tuple(x.shape)}."
        )
    return x.numpy()
