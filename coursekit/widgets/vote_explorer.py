"""The widget of lesson 02: an image's nearest neighbours under several encoders, and how they vote."""

from collections.abc import Mapping

from torch import Tensor

from coursekit.data.images import ImageSet
from coursekit.figures.live import LiveFigure
from coursekit.figures.votes import VotePicture
from coursekit.runtime import CourseError
from coursekit.widgets.explorer import Explorer, only_made, slider

MOST = 50  # neighbours that may vote


def vote_explorer(
    bank: ImageSet,
    queries: ImageSet,
    features: Mapping[str, tuple[Tensor, Tensor]],
    query: int = 0,
    k: int = 5,
    temperature: float = 0.07,
) -> Explorer:
    """Neighbours and their vote, with sliders for the test image, for how many vote, and for the temperature.

    bank, queries: labelled images to vote and to be voted on.
    features: by encoder's name, those of the bank (N, D) and of the queries (M, D).
    query, k, temperature: where the sliders stand at first.

    Raises CourseError for images without labels and for features that do not belong to them.
    """
    try:
        picture = VotePicture(bank, queries, features, query, k, temperature, most=MOST)
    except ValueError as error:
        raise CourseError(f"vote_explorer: {error}") from error
    whole = {"step": 1, "kind": "IntSlider", "form": "d"}
    controls = {
        "query": slider("image", query, 0, len(queries) - 1, **whole),
        "k": slider("k, voters", k, 1, min(MOST, len(bank)), **whole),
        "temperature": slider("temperature", temperature, -2.0, 0.0, 0.05, "FloatLogSlider", ".3f"),
    }
    first = {"query": query, "k": k, "temperature": temperature}
    live = LiveFigure(picture)
    return Explorer(live.draw, first, only_made(controls), "Vote explorer", live.size)
