"""The widget of lesson 10: a place of the image, and the cell that answers it at each stride of a detector's maps."""

from collections.abc import Mapping

from torch import Tensor, nn

from coursekit.detection.arrows import cell_answers
from coursekit.figures.cells import CellPicture
from coursekit.figures.live import LiveFigure
from coursekit.runtime import CourseError
from coursekit.widgets.explorer import Explorer, choice, only_made, slider


def cell_explorer(
    detectors: Mapping[str, nn.Module], image: Tensor, row: int | None = None, column: int | None = None, side: int = 8
) -> Explorer:
    """Paint a place of the image over, and see which cells of the maps that the neck reads move.

    detectors: by name, in eval mode, on the CPU; the first is shown at first. image: uint8 (3, H, W), sides multiples of 32 px.
    row, column: of the place at first; default: the middle. side: of a place, px.

    All answers are computed here, once. Raises CourseError for no detector, another image and a place that is not there.
    """
    if not detectors or image.ndim != 3:
        raise CourseError(
            f"cell_explorer needs a detector and one image (3, H, W), not {len(detectors)} and {tuple(image.shape)}."
        )
    answers = {name: cell_answers(detector, image, side) for name, detector in detectors.items()}
    ends = {"row": image.shape[1] // side, "column": image.shape[2] // side}
    first = {
        "row": ends["row"] // 2 if row is None else row,
        "column": ends["column"] // 2 if column is None else column,
    }
    for name, value in first.items():
        if not 0 <= value < ends[name]:
            raise CourseError(f"There is no {name} {value}; here they count from 0 to {ends[name] - 1}.")
    first = {"network": next(iter(detectors)), **first}
    live = LiveFigure(CellPicture(image, answers, side, **first))
    whole = {"step": 1, "kind": "IntSlider", "form": "d"}
    controls = {name: slider(name, first[name], 0, end - 1, **whole) for name, end in ends.items()}
    controls["network"] = choice("network", list(detectors), first["network"])
    return Explorer(live.draw, first, only_made(controls), "Cell explorer", live.size)
