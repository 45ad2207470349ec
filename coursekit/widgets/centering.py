"""The widget of lesson 07: both temperatures, the centre and its momentum, and what becomes of the teacher's answers."""

from coursekit import arguments as arg
from coursekit.figures.live import LiveFigure
from coursekit.figures.toy_teacher import SelfTrainingPicture
from coursekit.widgets.explorer import Explorer, checkbox, only_made, slider


def centering_explorer(
    temperature: float = 0.1, teacher_temperature: float = 0.04, center_momentum: float = 0.9, centering: bool = True
) -> Explorer:
    """A linear student that teaches itself, trained anew at every move: answers, entropies, how often prototypes are named.

    temperature, teacher_temperature: of student and teacher, > 0. center_momentum: 0 to 1. centering: whether there is a
    centre. Raises CourseError for other values.
    """
    arg.rate.check(temperature=temperature, teacher_temperature=teacher_temperature)
    arg.share.check(center_momentum=center_momentum)
    first = {
        "temperature": temperature,
        "teacher_temperature": teacher_temperature,
        "center_momentum": center_momentum,
        "centering": centering,
    }
    live = LiveFigure(SelfTrainingPicture(**first))
    controls = {
        "temperature": slider("student's τ", temperature, 0.02, 0.4, 0.01),
        "teacher_temperature": slider("teacher's τ", teacher_temperature, 0.01, 0.4, 0.01),
        "center_momentum": slider("momentum", center_momentum, 0.0, 1.0, 0.01),
        "centering": checkbox("centering", centering),
    }
    return Explorer(live.draw, first, only_made(controls), "Centering explorer", live.size)
