"""What a lesson's reader gets: pictures with alt text in the notebook file and in the page made from it."""

import re

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter

CELLS = (
    """
from coursekit import figures
figures.setup()
""",
    """
import matplotlib.pyplot as plt
figures.temperature_curves((0.1, 0.5))
plt.show()
""",
    """
plt.plot([1, 2], label="plain")
plt.xlabel("step")
plt.ylabel("loss, nats")
plt.show()
""",
    """
figures.pipeline()
""",
    """
figures.setup()
figures.temperature_curves((0.1, 0.5))
plt.show()
print(plt.get_fignums())
""",
)


@pytest.fixture(scope="module")
def notebook():
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text.strip()) for text in CELLS])
    NotebookClient(book, timeout=120, kernel_name="python3", store_widget_state=False).execute()
    return book


def pictures(cell):
    return [output for output in cell.outputs if "image/png" in output.get("data", {})]


def test_a_figure_is_shown_once_and_its_description_is_in_the_metadata(notebook):
    (shown,) = pictures(notebook.cells[1])
    assert shown.metadata["image/png"]["alt"].startswith("Curves that rise with similarity")
    assert len(notebook.cells[1].outputs) == 1
    assert shown.data["image/png"].startswith("iVBOR")


def test_a_students_own_plot_gets_alt_text_from_its_labels(notebook):
    (shown,) = pictures(notebook.cells[2])
    assert shown.metadata["image/png"]["alt"] == "Plot. loss, nats against step"


def test_setup_twice_is_harmless_the_same_picture_again_and_nothing_is_left_open(notebook):
    (first,) = pictures(notebook.cells[1])
    (again,) = pictures(notebook.cells[4])
    assert first.data["image/png"] == again.data["image/png"]
    assert notebook.cells[4].outputs[-1].text == "[]\n"


def test_a_diagram_is_svg_text_with_a_plain_name_for_others(notebook):
    shown = notebook.cells[3].outputs[0]
    assert shown.data["image/svg+xml"].startswith("<svg")
    assert shown.data["text/plain"] == "Diagram: From unlabelled images to a detector"
    assert shown.metadata["image/svg+xml"]["alt"].startswith("Two stages.")


def test_a_web_page_uses_the_description(notebook):
    # nbconvert's "lab" template, its default, does not read the alt text; "classic" does
    page, _ = HTMLExporter(template_name="classic").from_notebook_node(notebook)
    images = re.findall(r"<img[^>]*image/png[^>]*>", page)
    assert len(images) == 3 and all("No description" not in image for image in images)
    assert sum('alt="Curves that rise with similarity' in image for image in images) == 2
