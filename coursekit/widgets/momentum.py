"""The widget of lesson 05: a teacher's momentum, a predictor that can be taken away, and what becomes of the features."""

from coursekit import arguments as arg
from coursekit.figures.live import LiveFigure
from coursekit.figures.momentum import MomentumPicture
from coursekit.widgets.explorer import Explorer, checkbox, only_made, slider


def momentum_explorer(momentum: float = 0.9, predictor: bool = True) -> Explorer:
    """A linear student and its teacher, trained anew at every move: one weight of both, the spread, where the images end.

    momentum: of the teacher, 0 to 1. predictor: whether the student has one. Raises CourseError for another momentum.
    """
    arg.share.check(momentum=momentum)
    live = LiveFigure(MomentumPicture(momentum, predictor))
    first = {"momentum": momentum, "predictor": predictor}
    controls = {"momentum": slider("momentum", momentum, 0.0, 1.0, 0.01), "predictor": checkbox("predictor", predictor)}
    return Explorer(live.draw, first, only_made(controls), "Momentum explorer", live.size)
