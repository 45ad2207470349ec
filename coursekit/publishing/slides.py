"""`coursekit lessons slides NAME`: a lecture from a lesson, by nbconvert and the slide types of its cells."""

from pathlib import Path

from nbconvert import SlidesExporter
from nbconvert.preprocessors import TagRemovePreprocessor
from traitlets.config import Config

from coursekit.publishing import clean, lessons
from coursekit.runtime import CourseError


def slides(lesson: Path, out: Path | None = None, reveal: str | None = None) -> Path:
    """Write a lesson's slides as one HTML file and return its path.

    out: the file; default NAME.slides.html beside the lesson's folder, in outputs/slides.
    reveal: address or folder of reveal.js. By default the page loads it from the network when it is shown, as it does
    with jQuery, RequireJS and MathJax, whatever `reveal` is: nbconvert's page needs them to start and to set formulas.
    Raises CourseError if the lesson was never run: slides show the outputs that its file holds.
    """
    notebook = lessons.as_node(lessons.read(lesson))
    clean.name_cells(notebook.cells)
    notebook.metadata.pop("widgets", None)  # the state of live widgets, which slides do not show
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
    lessons.write_text(out, page)
    return out
