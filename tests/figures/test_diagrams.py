"""Diagrams: valid SVG, the same text every time, no word outside its box, a description for all."""

import re
import xml.etree.ElementTree as ET

import pytest

from coursekit.figures import (
    judges_diagram,
    pipeline,
    queue_and_clusters_diagram,
    registers_diagram,
    siamese_diagram,
    simclr_diagram,
    study_map,
    teacher_student_diagram,
    three_ideas,
    two_routes_diagram,
)
from coursekit.figures.overview import STAGES
from coursekit.figures.svg import Drawing, text_width, wrap
from coursekit.lessons import LESSONS

DIAGRAMS = {
    "pipeline": pipeline,
    "ideas": three_ideas,
    "map": study_map,
    "map at 03": lambda: study_map("03"),
    "judges": judges_diagram,
    "siamese": siamese_diagram,
    "simclr": simclr_diagram,
    "simclr step 4": lambda: simclr_diagram(4),
    "queue and clusters": queue_and_clusters_diagram,
    "teacher and student": teacher_student_diagram,
    "registers": registers_diagram,
    "two routes": two_routes_diagram,
}
NS = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("draw", DIAGRAMS.values(), ids=DIAGRAMS)
def test_a_diagram_is_valid_the_same_twice_and_described(draw):
    diagram = draw()
    text, metadata = diagram._repr_svg_()
    assert text == str(draw()) and metadata == {"alt": diagram.description}
    root = ET.fromstring(text)
    title, description = root.find(f"{NS}title"), root.find(f"{NS}desc")
    assert title.text == diagram.title and len(description.text.split()) > 15
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}" and root.get("role") == "img"
    assert "\n" not in diagram.description and repr(diagram) == f"Diagram: {diagram.title}"


@pytest.mark.parametrize("draw", DIAGRAMS.values(), ids=DIAGRAMS)
def test_all_words_stay_inside_and_do_not_lie_on_each_other(draw):
    root = ET.fromstring(str(draw()))
    width, height = map(float, root.get("viewBox").split()[2:])
    assert root.get("width") is None, "with a fixed width, JupyterLab cuts off what does not fit"
    boxes = []
    for node in root.iter(f"{NS}text"):
        size, x, y = (float(node.get(key)) for key in ("font-size", "x", "y"))
        long = text_width(node.text, size, node.get("font-weight") == "bold")
        left = x - {"start": 0, "middle": long / 2, "end": long}[node.get("text-anchor")]
        assert 0 <= left and left + long <= width and 0 < y <= height, node.text
        boxes.append((left, y - 0.72 * size, left + long, y, node.text))
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], f"{a[4]!r} lies on {b[4]!r}"


def test_ids_differ_between_diagrams_so_that_one_page_can_hold_all():
    drawn = (pipeline, three_ideas, study_map, simclr_diagram, judges_diagram)
    ids = [re.findall(r'id="([^"]+)"', str(draw())) for draw in drawn]
    flat = [name for names in ids for name in names]
    assert len(flat) == len(set(flat)) == 2 * len(drawn)


def test_a_word_that_does_not_fit_cannot_be_drawn():
    board = Drawing("test", 100, 40, "Test", "A board.")
    with pytest.raises(ValueError, match="does not fit"):
        board.text(50, 20, "far too many words for this board")
    with pytest.raises(ValueError, match="wider than"):
        board.card(0, 0, 40, 40, "incomprehensibilities")
    with pytest.raises(ValueError, match="height"):
        board.block(0, 0, 90, 20, "one line and another one")


def test_text_is_wrapped_to_its_width_and_escaped():
    lines = wrap("the quick brown fox jumps over the lazy dog", 90, 12)
    assert len(lines) > 2 and all(text_width(line, 12) <= 90 for line in lines)
    assert " ".join(lines) == "the quick brown fox jumps over the lazy dog"
    board = Drawing("test", 200, 40, "a < b", "x & y")
    board.text(100, 20, "k < n & m")
    assert "k &lt; n &amp; m" in str(board.svg()) and "a &lt; b" in str(board.svg())


def test_the_study_map_holds_every_lesson_once_and_marks_where_you_are():
    assert sorted(number for *_, numbers in STAGES for number in numbers) == list(LESSONS)
    planned = sum(not lesson.there for lesson in LESSONS.values())
    text = str(study_map("03"))
    assert text.count("you are here") == 1 and text.count("planned, ") == planned
    assert "You are at lesson 03" in study_map("03").description and "you are here" not in str(study_map())
    with pytest.raises(ValueError, match="No such lesson: 77"):
        study_map("77")


def test_one_step_of_simclr_can_be_marked():
    assert str(simclr_diagram(2)) != str(simclr_diagram(3)) != str(simclr_diagram())
    with pytest.raises(ValueError, match="1 to 6"):
        simclr_diagram(7)
