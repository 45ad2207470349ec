"""The widgets of lesson 04: MoCo's queue filling and ageing, and Sinkhorn one half step at a time."""

from torch import Tensor

from coursekit.figures.clusters import SinkhornPicture
from coursekit.figures.key_queue import MOST, QueuePicture
from coursekit.figures.live import LiveFigure
from coursekit.runtime import CourseError
from coursekit.widgets.explorer import Explorer, only_made, slider

BATCHES, SIZES, STEPS, HALF_STEPS = (4, 16), (16, MOST), 40, 12  # between which sliders move


def queue_explorer(step: int = 3, batch: int = 8, size: int = 32) -> Explorer:
    """A queue as a ring whose keys age, with sliders for the step, the batch and the number of places.

    step: at first, 0 to 40. batch: keys that a step puts in, 4 to 16. size: places, 16 to 48. Raises CourseError for others.
    """
    for name, value, (low, high) in (("step", step, (0, STEPS)), ("batch", batch, BATCHES), ("size", size, SIZES)):
        if not low <= value <= high:
            raise CourseError(f"queue_explorer shows a {name} from {low} to {high}, not {value}.")
    first = {"step": step, "batch": batch, "size": size}
    live = LiveFigure(QueuePicture(**first))
    controls = {
        "step": slider("step", step, 0, STEPS, 1, "IntSlider", "d"),
        "batch": slider("batch (keys)", batch, *BATCHES, 4, "IntSlider", "d"),
        "size": slider("queue (keys)", size, *SIZES, 8, "IntSlider", "d"),
    }
    return Explorer(live.draw, first, only_made(controls), "Queue explorer", live.size)


def sinkhorn_explorer(scores: Tensor, half_steps: int = 0, epsilon: float = 0.05) -> Explorer:
    """Sinkhorn's matrix with its sums, with sliders for the half steps (columns, rows, columns, ...) and epsilon.

    scores: (B, K), of up to about 16 images and 10 prototypes. Raises CourseError for another shape.
    """
    if scores.ndim != 2 or min(scores.shape) < 2:
        raise CourseError(f"sinkhorn_explorer shows scores (B, K), of 2 images or more, not {tuple(scores.shape)}.")
    first = {"half_steps": half_steps, "epsilon": epsilon}
    live = LiveFigure(SinkhornPicture(scores, **first))
    controls = {
        "half_steps": slider("half steps", half_steps, 0, HALF_STEPS, 1, "IntSlider", "d"),
        "epsilon": slider("epsilon", epsilon, -2.0, 0.5, 0.05, "FloatLogSlider", ".3f"),
    }
    return Explorer(live.draw, first, only_made(controls), "Sinkhorn explorer", live.size)
