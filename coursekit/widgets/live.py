"""How a widget is shown: one place in the page, for those with a running kernel and for those without.

A page without a kernel (GitHub, slides, a saved notebook) can show what is plain data: a picture or a text. A page with
one shows the widget. Both are in a cell's outputs, because of what front ends do with them:

- JupyterLab shows a widget wherever an output has one, and after reopening a saved notebook, when its model is gone,
  "Error displaying widget: model not found" in its place, never what else the output holds. So the plain form and the
  widget are two outputs, and a style before them hides the plain one as long as the widget under it is alive, and
  puts a friendlier line in place of the error;
- Colab keeps each cell's outputs in a frame of its own, saves the widgets' state by itself and shows what it saved. There
  the two are one output, of which it takes the widget.

What is committed is the plain form alone: `coursekit lessons run` drops the other outputs, by the mark in their metadata.
"""

from IPython.display import display

from coursekit.runtime import in_colab

try:
    import ipywidgets
except ImportError:  # the course runs without: then there is only the plain form
    ipywidgets = None

WIDGET = "application/vnd.jupyter.widget-view+json"
ALIVE = "coursekit-alive"  # class of every widget that is shown here
MARK = {"coursekit": "live page only"}  # metadata of outputs that no saved lesson needs
# In JupyterLab the child of an output area holds one output; a widget's has an element inside only if it has a view.
STYLE = f"""<style class="coursekit-style">
.jp-OutputArea-child:has(style.coursekit-style) {{ display: none; }}
.jp-OutputArea-child:has(+ .jp-OutputArea-child .{ALIVE}) {{ display: none; }}
.jp-OutputArea-output.lm-Panel:not([data-mime-type]):not(:has(*)) {{ font-size: 0; }}
.jp-OutputArea-output.jupyter-widgets:not(:has(*))::after {{
  content: "Run this cell to use its controls."; font-size: var(--jp-code-font-size, 13px); opacity: 0.8; }}
</style>"""


def tooltip(text: str) -> dict:
    """The option that says what appears when the mouse rests on a widget's label; without it ipywidgets 8 shows "null"."""
    return {"tooltip" if hasattr(ipywidgets.DOMWidget, "tooltip") else "description_tooltip": text}


def show(widget, plain: dict, metadata: dict | None = None) -> None:
    """Display a widget as the output of the running cell.

    widget: an ipywidgets widget. plain: what is seen without a kernel, MIME type -> data. metadata: of `plain`.
    """
    widget.add_class(ALIVE)
    view = {WIDGET: {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}}
    if in_colab():
        display({**view, **plain}, metadata=metadata, raw=True)
        return
    display({"text/html": STYLE}, metadata=MARK, raw=True)
    display(plain, metadata=metadata, raw=True)
    display(view, metadata=MARK, raw=True)
