"""Match the patches of two views through theta; coursekit.methods.patch_matching.match_patches is the one that trains."""

import torch

from coursekit.draws import Draws
from coursekit.exercises.model import Case, Exercise
from coursekit.methods.patch_matching import match_patches
from coursekit.views import crop_theta


def my_patch_partners(theta_a, theta_b, rows, columns):
    """theta_a, theta_b: (2, 3), from view to image. Return for each patch of view a, row by row, the patch of view b that
    shows its centre, or -1: int64 (rows * columns,)."""
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    size = torch.tensor([columns, rows])  # x before y, as in theta
    center = (torch.stack([x, y], dim=2).view(-1, 2) + 0.5) * 2 / size - 1  # in view a, from -1 to 1
    image = center * theta_a[:, :2].diagonal() + theta_a[:, 2]
    other = (image - theta_b[:, 2]) / theta_b[:, :2].diagonal()  # in view b
    cell = ((other + 1) / 2 * size).floor().long()
    shown = ((cell >= 0) & (cell < size)).all(dim=1)
    return torch.where(shown, cell[:, 1] * columns + cell[:, 0], -1)


def patch_partners(theta_a, theta_b, rows, columns):
    """What `match_patches` says of view a."""
    partner = match_patches(theta_a[None], theta_b[None], (rows, columns), (rows, columns)).partner[0, : rows * columns]
    return torch.where(partner < 0, -1, partner - rows * columns)


def _cases():
    def pair(seed: int, flip_a: int = 1, flip_b: int = 1):
        thetas = crop_theta(2, 96, 128, Draws(seed), scale=(0.3, 0.6), flip=0.0)
        thetas[0, 0, 0], thetas[1, 0, 0] = flip_a * thetas[0, 0, 0], flip_b * thetas[1, 0, 0]
        return thetas.unbind()

    return [
        Case("two crops, 4 rows and 4 columns", (*pair(1), 4, 4)),
        Case("view b is mirrored", (*pair(2, flip_b=-1), 4, 4)),
        Case("view a is mirrored, 3 rows and 5 columns", (*pair(3, flip_a=-1), 3, 5)),
        Case("both are mirrored, 6 rows and 2 columns", (*pair(4, -1, -1), 6, 2)),
        Case("two crops, 8 rows and 8 columns", (*pair(7), 8, 8)),
    ]


EXERCISE = Exercise(
    lesson="06",
    solution=my_patch_partners,
    reference=patch_partners,
    cases=_cases,
    sizes=lambda theta_a, theta_b, rows, columns: {"P": rows * columns},
)
