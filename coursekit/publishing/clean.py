"""What a lesson's file keeps of a run: outputs that a reader can use and nbval can compare, nothing of the machine."""

import base64
import hashlib
import io
from pathlib import Path

import matplotlib
import resvg_py
from PIL import Image

from coursekit import runtime
from coursekit.publishing import lessons

NOT_COMMITTED = "no-committed-output"  # tag of a cell that shows what is not ours to publish, such as photographs
GUESS = "guess"  # tag of a cell that answers a question which a reader is to think about first: its output is folded
FOLDED = {"collapsed": True, "jupyter": {"outputs_hidden": True}}  # metadata: how JupyterLab folds an output
LARGE_PICTURE = 60_000  # characters of base64
FONTS = str(Path(matplotlib.get_data_path()) / "fonts" / "ttf")  # DejaVu, the same on every machine
DIAGRAM = 880  # px: width of a diagram as a PNG, its own
HOME_NAME = "outputs"  # what a reader sees in place of the folder of this run; a checkout builds into its outputs/
WIDGET = "application/vnd.jupyter.widget-view+json"
LIVE_ONLY = {"coursekit": "live page only"}  # how coursekit.widgets.live marks what helps a live page alone
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}


def final_lines(text: str) -> str:
    """Text as a terminal would leave it: what was overwritten after a carriage return is gone, and so is a progress bar
    that removed itself."""
    return "\n".join(_overwritten(line) if "\r" in line else line for line in text.split("\n"))


def _overwritten(line: str) -> str:
    shown = ""
    for state in line.split("\r"):
        shown = state + shown[len(state) :]
    return shown.rstrip()


def clean_outputs(outputs: list[dict]) -> list[dict]:
    """Outputs without live widgets (their static figure stays), streams joined, progress bars at their last line.

    stdout becomes one output and stderr another, in the order in which they first appear: which prints arrive in one
    message is chance. (nbconvert's CoalesceStreamsPreprocessor joins neighbours only, and keeps a bar that erased itself.)
    """
    kept, streams = [], {}
    for output in outputs:
        if WIDGET in output.get("data", {}) or LIVE_ONLY.items() <= output.get("metadata", {}).items():
            continue
        if output["output_type"] != "stream":
            kept.append(output)
            continue
        if output["name"] not in streams:
            streams[output["name"]] = {**output, "text": ""}
            kept.append(streams[output["name"]])
        streams[output["name"]]["text"] += "".join(output["text"])
    for stream in streams.values():
        stream["text"] = final_lines(stream["text"])
    return [output for output in kept if output["output_type"] != "stream" or output["text"].strip()]


def small_png(picture: str) -> str:
    """A PNG in base64, in 256 colours if it is large: pictures of images would otherwise fill the megabyte of a lesson.

    A picture that has been through here comes back as it is.
    """
    if len(picture) < LARGE_PICTURE:
        return picture
    original = Image.open(io.BytesIO(base64.b64decode(picture)), formats=["PNG"])
    if original.mode == "P":
        return picture
    buffer = io.BytesIO()
    original.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(buffer, format="PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def add_picture(output: dict) -> None:
    """Put a PNG beside a diagram: JupyterLab shows no SVG of a notebook that it does not trust, and every new copy is one."""
    data = output.get("data", {})
    svg = "".join(data.get("image/svg+xml", ""))
    if svg and "image/png" not in data:
        made = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=DIAGRAM, font_dirs=[FONTS], skip_system_fonts=True))
        data["image/png"] = base64.b64encode(made).decode()
        shown = output.setdefault("metadata", {})
        shown.setdefault("image/png", {"alt": (shown.get("image/svg+xml") or {}).get("alt") or shown.get("alt", "")})


def without_home(output: dict, home: Path) -> dict:
    """The output with `outputs` wherever its text names the folder that this run built in, which is gone by tomorrow,
    and with `data` for the folder of what ships."""
    shipped = runtime.shipped("road_objects").parent

    def replace(value, kind: str = "text/plain"):
        if isinstance(value, dict):
            return {key: replace(part, key) for key, part in value.items()}
        if isinstance(value, list):
            return [replace(part, kind) for part in value]
        if not (isinstance(value, str) and kind.startswith("text/")):
            return value
        return value.replace(str(home), HOME_NAME).replace(str(shipped), shipped.name)

    return {key: replace(value) if key in ("text", "data") else value for key, value in output.items()}


def name_cells(cells: list[dict]) -> None:
    """Give every cell without an id, and every second one of the same id, one that stays: made of place and source."""
    seen = set()
    for index, cell in enumerate(cells):
        if not cell.get("id") or cell["id"] in seen:
            cell["id"] = f"{index:02d}-{hashlib.sha256(lessons.source(cell).encode()).hexdigest()[:8]}"
        seen.add(cell["id"])


def clean(notebook: dict, home: Path | None = None) -> dict:
    """The notebook as it is committed: cleaned outputs, a kernel of no particular version, cell ids that stay.

    home: the folder that the run built in; outputs name it "outputs". A cell tagged no-committed-output keeps none.
    Changes `notebook` in place and returns it. Tags, slide types and everything else that an author set are kept.
    """
    metadata = notebook.setdefault("metadata", {})
    metadata.pop("widgets", None)  # GitHub answers "Invalid Notebook" if it is there
    metadata["kernelspec"], metadata["language_info"] = dict(KERNEL), dict(LANGUAGE)
    name_cells(notebook["cells"])
    for cell in notebook["cells"]:
        for noise in ("execution", "ExecuteTime", "outputId", "id"):
            cell.get("metadata", {}).pop(noise, None)
        if GUESS in lessons.tags(cell):
            cell["metadata"].update(FOLDED)
        if cell["cell_type"] == "code":
            kept = [] if NOT_COMMITTED in lessons.tags(cell) else clean_outputs(cell.get("outputs", []))
            cell["outputs"] = [without_home(output, home) for output in kept] if home else kept
            for output in cell["outputs"]:
                add_picture(output)
                if isinstance(output.get("data", {}).get("image/png"), str):
                    output["data"]["image/png"] = small_png(output["data"]["image/png"].replace("\n", ""))
    notebook["nbformat"], notebook["nbformat_minor"] = 4, max(5, notebook.get("nbformat_minor", 5))
    return notebook
