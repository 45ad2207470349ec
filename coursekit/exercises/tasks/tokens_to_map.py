"""From a ViT's tokens to a map; `ViT.features` does the same, for its own tokens."""

import torch

from coursekit.exercises.model import Case, Exercise


def my_tokens_to_map(tokens, front, height, width, patch):
    """tokens: (B, front + P, D), `front` class and register tokens first, then patches row by row. height, width: of the image,
    px. patch: side of a patch, px. Return the map, (B, D, height / patch, width / patch)."""
    b, _, d = tokens.shape
    rows, columns = height // patch, width // patch
    return tokens[:, front:].transpose(1, 2).reshape(b, d, rows, columns)


def tokens_to_map(tokens, front, height, width, patch):
    """As `ViT.features` makes its map."""
    return tokens[:, front:].transpose(1, 2).unflatten(2, (height // patch, width // patch))


def _cases():
    def tokens(seed: int, b: int, front: int, rows: int, columns: int, d: int):
        return torch.randn(b, front + rows * columns, d, generator=torch.Generator().manual_seed(seed))

    return [
        Case("2 images of 24 x 40 px, 5 tokens in front", (tokens(1, 2, 5, 3, 5, 4), 5, 24, 40, 8)),
        Case("3 images of 32 x 32 px, a class token in front", (tokens(2, 3, 1, 4, 4, 6), 1, 32, 32, 8)),
        Case("2 images of 64 x 32 px, patches of 16 px", (tokens(3, 2, 3, 4, 2, 5), 3, 64, 32, 16)),
    ]


EXERCISE = Exercise(
    lesson="10",
    solution=my_tokens_to_map,
    reference=tokens_to_map,
    cases=_cases,
    sizes=lambda tokens, front, height, width, patch: {"P": tokens.shape[1] - front, "D": tokens.shape[2]},
)
