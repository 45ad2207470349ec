"""What every explorer of the course has in common: a picture, and below it sliders that change it.

Design choices:
- only core ipywidgets, 7.7 as in Colab and 8: nothing to install or enable in a browser;
- the picture is an <img> in an HTML widget: it has alt text, which an Image widget has not, and no prints leak into it, as
  they do into an Output widget;
- a move is answered at once, while the slider is still held. ipywidgets sends the next move when the last one is
  answered, and leaves out what came between: a slow machine draws fewer pictures, and is never behind.
"""

import base64
import html
from collections.abc import Callable, Mapping

from IPython.display import display

from coursekit.widgets.live import ipywidgets, show, tooltip

SLIDER_WIDTH, LABEL_WIDTH = 330, 110  # px


class Explorer:
    """A picture that depends on a few values, with a control for each. It is shown as the last line of a cell.

    draw: called with the values by name, returns a PNG file's bytes and what is seen in it, in words; the pictures are
    all of one size.
    first: the values at first.
    controls: made by `slider` and its like, by the same names; {} if ipywidgets is missing.
    what: a few words for a reader who sees no sliders.
    size: width and height of the picture, px.

    values: dict, what the controls say. png, alt: the current picture and its description. picture, widget: the
    ipywidgets.
    """

    def __init__(
        self,
        draw: Callable[..., tuple[bytes, str]],
        first: Mapping,
        controls: Mapping,
        what: str,
        size: tuple[int, int],
    ):
        self.draw, self.values, self.controls, self.what, self.size = draw, dict(first), dict(controls), what, size
        self.png, self.alt = self.draw(**self.values)
        self.widget = self._build() if ipywidgets and controls else None

    def _build(self):
        self.picture = ipywidgets.HTML(self._img(), layout={"margin": "0"})  # exactly where the plain picture was
        for name, control in self.controls.items():
            if isinstance(control, ipywidgets.Button):
                control.on_click(lambda _, name=name: self.set(**{name: self.values[name] + 1}))
            else:
                control.observe(lambda change, name=name: self.set(**{name: change["new"]}), names="value")
        columns = f"repeat(auto-fill, minmax({SLIDER_WIDTH}px, 1fr))"
        layout = {"grid_template_columns": columns, "width": "100%", "max_width": f"{self.size[0]}px"}
        grid = ipywidgets.GridBox(list(self.controls.values()), layout=layout)
        return ipywidgets.VBox([self.picture, grid])

    def _img(self) -> str:
        width, height = self.size  # named, so that nothing below jumps while the next picture is unpacked
        look = f'style="max-width:100%;height:auto;aspect-ratio:{width}/{height};display:block;margin:0"'
        data = base64.b64encode(self.png).decode()
        return (
            f'<img alt="{html.escape(self.alt)}" width="{width}" height="{height}" decoding="sync" {look} '
            f'src="data:image/png;base64,{data}">'
        )

    def set(self, **values) -> None:
        """Change values and draw again. Raises ValueError for a name that has no control."""
        unknown = sorted(set(values) - set(self.values))
        if unknown:
            raise ValueError(f"There is no {', '.join(unknown)} here, only {', '.join(self.values)}.")
        self.values.update(values)
        self.png, self.alt = self.draw(**self.values)
        if self.widget is not None:
            self.picture.value = self._img()

    def _ipython_display_(self) -> None:
        """Show the picture as it is now, and the controls where there is a kernel."""
        plain = {"image/png": base64.b64encode(self.png).decode(), "text/plain": f"{self.what}: {self.alt}"}
        metadata = {"image/png": {"alt": self.alt}}
        if self.widget is not None:
            show(self.widget, plain, metadata)
            return
        display(plain, metadata=metadata, raw=True)
        print(f"{self.what}: the sliders need ipywidgets (pip install ipywidgets).")


def slider(
    label: str, value, low: float, high: float, step: float = 0.05, kind: str = "FloatSlider", form: str = ".2f"
):
    """A labelled slider. kind: an ipywidgets class; for FloatLogSlider low and high are exponents.

    None if ipywidgets is missing.
    """
    if ipywidgets is None:
        return None
    return getattr(ipywidgets, kind)(
        value=value,
        min=low,
        max=high,
        step=step,
        description=label,
        **tooltip(label),
        readout_format=form,
        style={"description_width": f"{LABEL_WIDTH}px"},
        layout={"width": f"{SLIDER_WIDTH}px"},
    )


def choice(label: str, options, value):
    """A labelled list to choose from. None if ipywidgets is missing."""
    if ipywidgets is None:
        return None
    return ipywidgets.Dropdown(
        options=options,
        value=value,
        description=label,
        **tooltip(label),
        style={"description_width": f"{LABEL_WIDTH}px"},
        layout={"width": f"{SLIDER_WIDTH}px"},
    )


def checkbox(label: str, value: bool):
    """A box to tick. None if ipywidgets is missing."""
    if ipywidgets is None:
        return None
    return ipywidgets.Checkbox(
        value=value, description=label, **tooltip(label), indent=False, layout={"width": f"{SLIDER_WIDTH}px"}
    )


def button(label: str):
    """A button that counts its value up by one. None if ipywidgets is missing."""
    return ipywidgets.Button(description=label, layout={"width": "160px"}) if ipywidgets else None


def only_made(controls: Mapping) -> dict:
    """The controls, or {} if ipywidgets is missing."""
    return {name: control for name, control in controls.items() if control is not None}
