"""What every widget of the course has in common: sliders beside a picture, and the picture of their first state for
those without.

Design choices:
- only core ipywidgets, 7.7 as in Colab and 8: nothing to install or enable in a browser;
- the picture is an Image widget fed with PNG bytes: an Output widget would leak prints into other cells;
- a slider reports when it is let go of (`continuous_update=False`), so that slow machines draw once and not fifty
  times;
- shown first is a plain PNG of the first state, with alt text. GitHub, slides and the committed notebook keep it;
  beside live sliders it stays as the state to compare with, and the live picture appears below at the first move.
"""

import asyncio
from collections.abc import Callable, Mapping

from IPython.display import Image, display
from matplotlib.figure import Figure

from coursekit.figures.style import alt_text, png

try:
    import ipywidgets
except ImportError:  # the course runs without: then there is only the picture
    ipywidgets = None

WIDGET = "application/vnd.jupyter.widget-view+json"
PATIENCE = 0.1  # seconds without another move before the picture is drawn


class Explorer:
    """A picture that depends on a few values, with a control for each. It is shown as the last line of a cell.

    draw: called with the values by name, returns the Figure. first: the values at first. controls: made by `slider` and
    its like, by the same names; {} if ipywidgets is missing. what: a few words for a reader who sees no sliders.

    values: dict, what the controls say. png: bytes of the current picture. picture, caption, widget: the ipywidgets.
    """

    def __init__(self, draw: Callable[..., Figure], first: Mapping, controls: Mapping, what: str):
        self.draw, self.values, self.controls, self.what = draw, dict(first), dict(controls), what
        self.png, self.alt = self._render()
        self.first = (self.png, self.alt)
        self.waiting = None
        self.widget = self._build() if ipywidgets and controls else None

    def _render(self) -> tuple[bytes, str]:
        fig = self.draw(**self.values)
        text = alt_text(fig)
        return png(fig, close=True), text

    def _build(self):
        self.picture = ipywidgets.Image(value=self.png, format="png", layout={"display": "none", "max_width": "100%"})
        self.caption = ipywidgets.HTML(value="", layout={"display": "none"})
        for name, control in self.controls.items():
            if isinstance(control, ipywidgets.Button):
                control.on_click(lambda _, name=name: self._changed(name, self.values[name] + 1))
            else:
                control.observe(lambda change, name=name: self._changed(name, change["new"]), names="value")
        layout = {
            "grid_template_columns": "repeat(auto-fill, minmax(330px, 1fr))",
            "width": "100%",
            "max_width": "760px",
        }
        grid = ipywidgets.GridBox(list(self.controls.values()), layout=layout)
        return ipywidgets.VBox([grid, self.picture, self.caption])

    def _changed(self, name: str, value) -> None:
        """A control moved. In a kernel, draw when no other follows: a key held down draws once."""
        self.values[name] = value
        if self.waiting is not None:
            self.waiting.cancel()
        try:
            self.waiting = asyncio.get_running_loop().call_later(PATIENCE, self.set)
        except RuntimeError:  # no kernel: nothing else can be waiting
            self.set()

    def set(self, **values) -> None:
        """Change values and draw again. Raises ValueError for a name that has no control."""
        unknown = sorted(set(values) - set(self.values))
        if unknown:
            raise ValueError(f"There is no {', '.join(unknown)} here, only {', '.join(self.values)}.")
        self.values.update(values)
        self.png, self.alt = self._render()
        if self.widget is not None:
            self.picture.value, self.caption.value = self.png, f"<small>{self.alt}</small>"
            self.picture.layout.display = self.caption.layout.display = None  # shown from now on

    def _ipython_display_(self) -> None:
        data, alt = self.first
        display(Image(data=data, format="png", metadata={"alt": alt}))
        if self.widget is None:
            print(f"{self.what}: the sliders need ipywidgets (pip install ipywidgets).")
            return
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        display({WIDGET: view, "text/plain": f"{self.what}: run this cell to move the sliders."}, raw=True)


def slider(
    label: str, value, low: float, high: float, step: float = 0.05, kind: str = "FloatSlider", form: str = ".2f"
):
    """A labelled slider that reports when it is let go of. kind: an ipywidgets class; for FloatLogSlider low and high
    are exponents.

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
        readout_format=form,
        continuous_update=False,
        style={"description_width": "110px"},
        layout={"width": "330px"},
    )


def button(label: str):
    """A button that counts its value up by one. None if ipywidgets is missing."""
    return ipywidgets.Button(description=label, layout={"width": "160px"}) if ipywidgets else None


def only_made(controls: Mapping) -> dict:
    """The controls, or {} if ipywidgets is missing."""
    return {name: control for name, control in controls.items() if control is not None}
