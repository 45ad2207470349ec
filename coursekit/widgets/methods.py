"""The widget of lesson 09: two methods on one scene, side by side."""

from collections.abc import Mapping

from torch import Tensor

from coursekit.data.images import ImageSet
from coursekit.figures.live import LiveFigure
from coursekit.figures.two_methods import SideBySide
from coursekit.models import Encoder
from coursekit.runtime import CourseError
from coursekit.widgets.explorer import Explorer, choice, only_made, slider


def method_explorer(
    encoders: Mapping[str, Encoder],
    bank: ImageSet,
    scenes: ImageSet,
    first: str | None = None,
    second: str | None = None,
    image: int = 0,
    features: Mapping[str, Tensor] | None = None,
) -> Explorer:
    """Neighbours of a framed object and dense maps of its scene by two methods, both to be chosen, and the scene, too.

    encoders: by name, two or more; each looks at all images when it is first chosen.
    bank: single objects, labelled with the classes of the scenes.
    scenes: whole ones, square, with masks, of a size that all encoders take.
    first, second, image: what is shown at first; by default the first and the last encoder.
    features: by encoder, those of the bank (M, dim), if they are known already.

    Raises CourseError for fewer than two encoders, a name that is not there, and sets without labels or masks.
    """
    names = list(encoders)
    if len(names) < 2:
        raise CourseError(f"method_explorer compares two encoders; there is {', '.join(names) or 'none'}.")
    start = {"first": first or names[0], "second": second or names[-1], "image": image}
    if unknown := [name for name in (start["first"], start["second"]) if name not in names]:
        raise CourseError(f"There is no encoder {unknown[0]!r}. Choose of: {', '.join(names)}.")
    if bank.labels is None or bank.class_names != scenes.class_names:
        raise CourseError(
            f"The bank's labels should be the scenes' classes, {', '.join(scenes.class_names or ('none',))}: "
            "coursekit.data.lesson_sets.by_kind makes them of subtypes."
        )
    live = LiveFigure(SideBySide(encoders, bank, scenes, features, **start))
    controls = {
        "first": choice("above", names, start["first"]),
        "second": choice("below", names, start["second"]),
        "image": slider("image", image, 0, len(scenes) - 1, 1, "IntSlider", "d"),
    }
    return Explorer(live.draw, start, only_made(controls), "Method explorer", live.size)
