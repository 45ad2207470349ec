"""The setup cell: the first code cell of every lesson, the same in all of them, and folded away.

If coursekit is installed, it does next to nothing. On Colab it installs coursekit from the address that
`coursekit publish OWNER/NAME` stamped into the lesson, under constraints made of the versions that Colab brings, so
that torch, torchvision, numpy and the widgets are never replaced. An unpublished copy names no address and says how to
go on.
"""

import re

ADDRESS_LINE = re.compile(r'^ADDRESS = "(?P<address>[^"\n]*)"', re.MULTILINE)
FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}}  # metadata: how Colab and JupyterLab hide a source

SOURCE = """\
#@title Setup: run this cell first
import sys
from importlib import metadata, util
from pathlib import Path
ADDRESS = ""  # where Colab gets coursekit from: `coursekit publish OWNER/NAME` fills it in
if util.find_spec("coursekit") is None:
    if not (ADDRESS and "google.colab" in sys.modules):
        raise ModuleNotFoundError("coursekit is not installed. On your machine: run `make lab` in the course folder. "
                                  "On Colab: upload the folder, run `%pip install /content/FOLDER`, then this cell.")
    kept = ("torch", "torchvision", "numpy", "ipywidgets")  # Colab's own stay exactly as they are
    Path("kept.txt").write_text("\\n".join(f"{name}=={metadata.version(name)}" for name in kept))
    %pip install -q -c kept.txt {ADDRESS}
from coursekit import figures
figures.setup()
print("coursekit is ready")"""


def setup_cell(address: str = "") -> str:
    """The source of the setup cell. `address` is what pip installs coursekit from; "" for an unpublished copy."""
    return ADDRESS_LINE.sub(lambda _: f'ADDRESS = "{address}"', SOURCE, count=1)


def address_in(source: str) -> str | None:
    """The address that a setup cell names, "" if it names none, None if `source` is not a setup cell at all."""
    found = ADDRESS_LINE.search(source)
    return found["address"] if found else None


def is_standard(cell: dict) -> bool:
    """True for the standard setup cell, folded away, whatever address is stamped into it."""
    text = "".join(cell["source"])
    folded = all(cell["metadata"].get(key) == value for key, value in FOLDED.items())
    return folded and text.rstrip() == setup_cell(address_in(text) or "")
