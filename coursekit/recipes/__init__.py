"""Named, resumable recipes that make what ships in data/: small weights, each with a card, and recorded experiments.

`coursekit recipes` lists them, `coursekit recipes NAME` makes one. On a CPU each uses its quick budget; on a GPU, or
with COURSEKIT_BUDGET=full, the full one. A recipe that was stopped goes on where it was when the same command is given
again. A lesson's recipes are one file here, with the settings that the lesson shows, and one name in the next line.
"""

from coursekit.recipes import (
    decoder_08,
    lesson_01,
    lesson_03,
    lesson_04,
    lesson_05,
    lesson_06,
    lesson_07,
    lesson_08,
    lesson_09,
    lesson_11,
    lesson_12,
    practice_09,
)
from coursekit.recipes.cards import card, shipped_encoder, shipped_weights
from coursekit.recipes.registry import RECIPES, make
