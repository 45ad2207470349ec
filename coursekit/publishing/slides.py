"""`coursekit lessons slides NAME`: a lecture from a lesson, by nbconvert and the slide types of its cells."""

import os
from pathlib import Path

import nbformat
from nbconvert import SlidesExporter
from nbconvert.preprocessors import TagRemovePreprocessor
from traitlets.config import Config

from coursekit.runtime import CourseError


def slides(lesson: Path, out: Path | None = None, reveal: str | None = None) -> Path:
    """Write a lesson's slides as one HTML file and return its path.

    out: the file; default NAME.slides.html beside the lesson's folder, in outputs/slides.
    reveal: address or folder of reveal.js. By default the page loads it from the network when it is shown, as it does
    with jQuery, RequireJS and MathJax, whatever `reveal` is: nbconvert's page needs them to start and to set formulas.
    Raises CourseError where the lesson was never run: slides show the outputs that its file holds.
    """
    notebook = nbformat.read(str(lesson), as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if not any(cell.outputs for cell in code):
        raise CourseError(f"{lesson.name} has no outputs to show. Run it: coursekit lessons run {lesson.stem[:2]}")
    config = Config()
    config.TagRemovePreprocessor.remove_cell_tags = {"no-slide"}
    config.SlidesExporter.reveal_scroll = True  # what is taller than the screen can be scrolled, not lost
    if reveal:
        config.SlidesExporter.reveal_url_prefix = reveal
    exporter = SlidesExporter(config=config)
    exporter.register_preprocessor(TagRemovePreprocessor(config=config), enabled=True)
    page, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": lesson.stem}})
    out = out or lesson.parent.parent / "outputs" / "slides" / f"{lesson.stem}.slides.html"
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part")
    part.write_text(page, encoding="utf-8")
    os.replace(part, out)
    return out
