"""The widget of lesson 01: one image as four pretext tasks, with what each of them can be set to."""

import torch
from torch import Tensor

from coursekit.figures.live import LiveFigure
from coursekit.figures.pretext import TASKS, Posed, PretextPicture, pose
from coursekit.runtime import CourseError
from coursekit.widgets.explorer import Explorer, button, choice, only_made, slider

PLACES = (1, 2, 3, 6, 9, 18)  # along a side, at which a colour is asked for
NEEDED = {  # task -> the controls that change it
    "rotation": ("turns",),
    "jigsaw": ("gap", "equalize", "seed"),
    "colorization": ("places",),
    "masked patches": ("share", "seed"),
}


def pretext_explorer(images: Tensor, task: str = "rotation") -> Explorer:
    """What a network is given and what it has to say, for one image and one task at a time, both to be chosen.

    images: uint8 (N, 3, H, W), to choose from. task: the first, one of rotation, jigsaw, colorization, masked patches.
    Below the picture stand the controls that the chosen task has. Raises CourseError for other images and tasks.
    """
    images = torch.as_tensor(images)
    if images.ndim != 4 or images.shape[1] != 3 or images.dtype != torch.uint8 or not len(images):
        raise CourseError(
            f"pretext_explorer chooses among images, uint8 (N, 3, H, W), not {images.dtype} {tuple(images.shape)}. "
            "A single one: image[None]."
        )
    if task not in TASKS:
        raise CourseError(f"There is no task {task!r}. Choose of: {', '.join(TASKS)}.")

    def posed(task, image, **settings) -> Posed:
        return pose(images[image], task, **{name: settings[name] for name in NEEDED[task]})

    def draw(**values) -> tuple[bytes, str]:
        png, told = live.draw(images[values["image"]], posed(**values))
        return png, told.replace("An image", f"Image {values['image']}", 1)

    pose(images[0], "jigsaw")  # chooses the orders, which takes a while once: now, not when a control is moved
    first = {"task": task, "image": 0, "turns": 1, "gap": 4, "equalize": True, "places": 9, "share": 0.4, "seed": 0}
    live = LiveFigure(PretextPicture(images[0], posed(**first)))
    controls = {
        "task": choice("task", TASKS, task),
        "image": slider("image", 0, 0, len(images) - 1, 1, "IntSlider", "d"),
        "turns": slider("quarter turns", first["turns"], 0, 3, 1, "IntSlider", "d"),
        "gap": slider("gap, px", first["gap"], 0, 12, 1, "IntSlider", "d"),
        "equalize": choice("equalise", {"yes": True, "no": False}, first["equalize"]),
        "places": choice("places a side", PLACES, first["places"]),
        "share": slider("share hidden", first["share"], 0.1, 0.9),
        "seed": button("new draw"),
    }
    seen = Explorer(draw, first, only_made(controls), "Pretext explorer", live.size)
    if seen.controls:
        seen.controls["task"].observe(lambda change: _show_needed(seen.controls, change["new"]), names="value")
        _show_needed(seen.controls, task)
    return seen


def _show_needed(controls: dict, task: str) -> None:
    """Show the controls of a task, and hide those that would change nothing."""
    for name, control in controls.items():
        control.layout.display = None if name in ("task", "image", *NEEDED[task]) else "none"
