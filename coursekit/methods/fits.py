"""Do a method, its encoder and its views fit together? Asked when the method is made, not in the middle of a training."""

from dataclasses import is_dataclass
from typing import Any

from coursekit.models import Encoder
from coursekit.runtime import CourseError
from coursekit.views import RandomView


def check_encoder(method: str, encoder: Any, needs_tokens: bool) -> None:
    """Raise CourseError unless the method can train this encoder. method: its name, for messages."""
    if not isinstance(encoder, Encoder):
        raise CourseError(
            f"{method} needs an Encoder, not {type(encoder).__name__}. "
            "Build one by name: coursekit.models.build_encoder('vit_micro')."
        )
    if needs_tokens and not hasattr(encoder, "tokens"):
        raise CourseError(
            f"{method} hides patches and needs an encoder with tokens, such as 'vit_micro'; "
            f"{type(encoder).__name__} has none."
        )


def check_views(
    method: str, maker: Any, encoder: Encoder, made_for: type | None, least: int = 1, most: int | None = None
) -> None:
    """Raise CourseError unless `maker` is a view maker whose views the method learns from and the encoder can see.

    method: its name, for messages.
    maker: a frozen dataclass that is called. If it has `sides`, the side of each view in px, number and sizes are checked.
    made_for: the one view maker whose labels a pretext task learns from, None = any.
    least, most: views that the method learns from; None = any number.
    """
    kind = type(maker).__name__
    frozen = is_dataclass(maker) and not isinstance(maker, type) and maker.__dataclass_params__.frozen
    example = f"{made_for.__name__}(...)" if made_for else "TwoViews(RandomView(64))"
    if not (frozen and callable(maker)):
        raise CourseError(
            f"{method} needs a view maker such as {example}, not {kind}. One of your own is a frozen dataclass with "
            "__call__(images, draws) -> list of View: a run has to write down its settings."
        )
    if isinstance(maker, RandomView):
        raise CourseError(
            f"{method} needs a list of views, and RandomView makes one. Did you mean {example.replace('64', '...')}?"
        )
    if made_for and not isinstance(maker, made_for):
        raise CourseError(f"{method} needs the views of {example}, whose labels it learns from, not those of {kind}.")
    sides = getattr(maker, "sides", None)
    if sides is None:
        return
    if not least <= len(sides) <= (most or len(sides)):
        wanted = f"{least} views" if least == most else f"{least} views or more"
        raise CourseError(f"{method} compares {wanted} of an image, and {kind} makes {len(sides)}. Take {example}.")
    for side in sorted(set(sides)):
        try:
            encoder.check_sides(side, side)
        except CourseError as error:
            raise CourseError(f"{method}: {kind} shows the encoder {side} px. {error}") from error
