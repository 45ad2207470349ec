"""The widget of lesson 06: a patch of one view, its match in the other, and the hardest negatives there."""

from coursekit.evaluation.correspondence import patch_vectors
from coursekit.figures.live import LiveFigure
from coursekit.figures.patch_search import PatchPicture
from coursekit.models import Encoder
from coursekit.runtime import CourseError
from coursekit.views import View
from coursekit.widgets.explorer import Explorer, only_made, slider


def patch_explorer(
    encoder: Encoder, view_a: View, view_b: View, image: int = 0, row: int | None = None, column: int | None = None
) -> Explorer:
    """Choose a patch of view a; see its match and its hardest negatives in view b, and how alike all of b is to it.

    encoder: any with a map of more than one place; of a pyramid all levels, on the grid of the finest. view_a, view_b: two
    views of the same images. image, row, column: where the sliders stand at first; default: the middle of view a.

    Raises CourseError for views of different images, a map of a single place, and a patch that is not there.
    """
    if len(view_a.pixels) != len(view_b.pixels) or not len(view_a.pixels):
        raise CourseError(
            f"patch_explorer compares two views of the same images, not of {len(view_a.pixels)} and {len(view_b.pixels)}."
        )
    (z_a, grid_a), (z_b, grid_b) = (patch_vectors(encoder, view) for view in (view_a, view_b))
    if 1 in (z_a.shape[1], z_b.shape[1]):
        raise CourseError("The encoder's map of these views is a single place. Take larger views, or a finer map.")
    first = {"image": image, "row": grid_a[0] // 2 if row is None else row}
    first["column"] = grid_a[1] // 2 if column is None else column
    ends = {"image": len(view_a.pixels), "row": grid_a[0], "column": grid_a[1]}
    for name, value in first.items():
        if not 0 <= value < ends[name]:
            raise CourseError(f"There is no {name} {value}; here they count from 0 to {ends[name] - 1}.")
    live = LiveFigure(PatchPicture(view_a, view_b, z_a, z_b, (grid_a, grid_b), **first))
    whole = {"step": 1, "kind": "IntSlider", "form": "d"}
    controls = {name: slider(name, first[name], 0, ends[name] - 1, **whole) for name in first}
    return Explorer(live.draw, first, only_made(controls), "Patch explorer", live.size)
