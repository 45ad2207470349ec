"""Slides: what a lesson's cells become, and, in a real browser without a network, that every slide can be read."""

import base64
import io
import re
import socket

import pytest
from PIL import Image

from coursekit import cli
from coursekit.publishing import deck, lessons, slides
from coursekit.runtime import CourseError
from tests.publishing.conftest import code, markdown, notebook, setup

SEEN = """() => {
  const slide = Reveal.getCurrentSlide(), bad = [];
  const name = (e) => e.tagName.toLowerCase() + "." + (e.getAttribute("class") || "");
  for (const box of slide.querySelectorAll(".body, .text"))
    if (box.scrollHeight > box.clientHeight + 1 || box.scrollWidth > box.clientWidth + 1) bad.push("cut: " + name(box));
  const letters = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT);
  for (let text = letters.nextNode(); text; text = letters.nextNode()) {
    const parent = text.parentElement, range = document.createRange();
    if (!text.data.trim() || parent.closest("aside, title, desc, annotation")) continue;
    range.selectNodeContents(text);
    const box = range.getBoundingClientRect();
    if (box.left < 0 || box.top < 0 || box.right > 1920 || box.bottom > 1080) bad.push("outside: " + text.data);
    const scale = parent.closest("svg") ? parent.getScreenCTM().a : 1;
    const size = parseFloat(getComputedStyle(parent).fontSize) * scale;
    if (size < (parent.closest("math") ? 20 : 23.9)) bad.push(size.toFixed(1) + " px: " + text.data);
    if (/\\$|\\\\(frac|sum|log|text)/.test(text.data) && !parent.closest("pre, code")) bad.push("raw: " + text.data);
  }
  for (const img of slide.querySelectorAll("img")) {
    const box = img.getBoundingClientRect();
    if (!img.complete || !img.naturalWidth || box.width < 100 || box.bottom > 1081) bad.push("picture: " + img.alt);
    if (!img.alt) bad.push("a picture without alt text");
  }
  return bad;
}"""


def png(width: int, height: int) -> dict:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(buffer, format="PNG")
    data = {"image/png": base64.b64encode(buffer.getvalue()).decode(), "text/plain": "<Figure>"}
    return {"output_type": "display_data", "data": data, "metadata": {"image/png": {"alt": f"{width} x {height}"}}}


def printed(text: str) -> dict:
    return {"output_type": "stream", "name": "stdout", "text": text}


def made(*cells: dict, kind: str = "-") -> list[deck.Slide]:
    """The deck of a title cell and these, which go on as cells of type `kind`."""
    whole = notebook([markdown("# T"), setup(), *cells])
    for cell in whole["cells"][1:]:
        cell["metadata"]["slideshow"]["slide_type"] = cell["metadata"].pop("type", kind)
    return deck.deck(whole)


def kinds(slide: deck.Slide) -> list[str]:
    return [part.kind for part in slide.parts]


def test_code_is_shown_only_where_it_is_the_point():
    hidden, shown = code("a = 1\nprint(a)", [printed("1\n")]), code("b = 2", tags=(deck.CODE,))
    title, one, two = made(markdown("## A"), hidden, markdown("## B"), shown)
    assert title.level == 1 and (one.title, kinds(one)) == ("A", ["print"]) and "a = 1" in "".join(one.notes)
    assert kinds(two) == ["code"] and two.parts[0].text == "b = 2" and not two.notes


def test_plumbing_is_not_shown():
    stub = code('exercises.check("x", my_x)', [printed("not answered yet")])
    bar = code("pretrain(method)", [printed("100%|███| 8/8 [00:01]\n"), {**printed("W"), "name": "stderr"}])
    skipped = {**markdown("## Hidden"), "metadata": {"type": "skip"}}
    assert [slide.title for slide in made(markdown("## A"), stub, bar, skipped)] == ["T"]


def test_folded_answers_and_notes_are_for_the_speaker():
    folded = markdown("## A\n\nWhy?\n\n<details><summary>Answer</summary>Because.</details>")
    said = {**markdown("Say this."), "metadata": {"type": "notes"}}
    _, slide = made(folded, said)
    assert slide.parts[0].text == "Why?" and slide.notes == ["**Answer.** Because.", "Say this."]


def test_source_that_a_lesson_prints_is_code():
    cell = code("print(inspect.getsource(f))", [printed("    def f():\n        return 1\n")])
    assert made(markdown("## A"), cell)[1].parts[0] == deck.Part("code", "def f():\n    return 1")


def test_prose_stands_above_a_wide_picture_and_beside_a_square_one():
    prose = markdown("## A\n\n" + "word " * 40)
    assert made(prose, code("x", [png(900, 200)]))[1].beside == 0
    square = made(prose, code("x", [png(500, 500)]))[1]
    assert kinds(square) == ["prose", "picture"] and square.beside >= 500 * square.parts[1].grow


def test_what_does_not_fit_goes_on_under_the_same_heading():
    long = [markdown("## A\n\n" + "word " * 70)] + [markdown("word " * 70) for _ in range(6)]
    found = made(*long)[1:]
    assert len(found) > 1 and {slide.title for slide in found} == {"A"}
    assert sum(len(slide.parts) for slide in found) == 7
    assert all(deck.arranged(slide.parts)[0] for slide in found)


def test_a_short_text_that_does_not_fit_beside_its_picture_is_said():
    _, slide = made(markdown("## A\n\nBefore."), code("x", [png(1040, 515)]), markdown("After."))
    assert kinds(slide) == ["picture"] and slide.notes[0] == "Before." and "After." in slide.notes


def test_a_quiz_is_one_slide_a_question_with_the_answer_in_the_notes():
    found = made(markdown("## Quiz\n\nPut a letter in."), code('exercises.quiz("03")', [printed("all of it")]))[1:]
    assert len(found) == 3 and found[0].title == "Quiz · 1 of 3" and "**a**" in found[0].parts[0].text
    assert all(slide.notes[0].startswith("**Right: ") for slide in found)


def test_minutes_go_on_from_slide_to_slide_to_the_end_of_the_lesson():
    whole = lessons.read(lessons.lessons(["03"])[0])
    found = deck.deck(whole, "03")
    ends = [slide.minutes for slide in found]
    assert ends[0][0] == 0 and ends[-1][1] == pytest.approx(90)
    assert all(a[1] == pytest.approx(b[0]) and a[1] >= a[0] for a, b in zip(ends, ends[1:], strict=False))


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        (code("x", [png(1400, 100)]), "a picture of 1400 x 100"),
        (code("x", [png(100, 700)]), "a picture of 100 x 700"),
        (code("x", [printed("line\n" * 40)]), "its print is too long"),
        (markdown("word " * 900), "its prose is too long"),
    ],
)
def test_what_no_slide_can_hold_is_told_from_the_file(cell, says):
    found = deck.problems(notebook([markdown("# T"), setup(), markdown("## A"), cell]))
    assert len(found) == 1 and says in found[0] and "cell " in found[0]


def test_a_page_holds_everything_itself(tmp_path):
    formula = r"$$\frac{1}{N}\sum_{i \ne j} e^{-2\lVert a_i \rVert^2}$$ and $\log(2N - 1)$"
    page = slides.page(made(markdown(f"## A & <b>\n\n{formula}"), code("x", [png(90, 60)])), "A <lesson>")
    assert page.count("<math") == 2 and "\\frac" not in page and "A &lt;lesson&gt;" in page
    assert not re.search(r"(?:src|href)=[\"'](?!data:)", page.split("<script>")[0])


def test_commands_say_what_they_need(tmp_path, capsys):
    assert cli.main(["slides"]) == 1 and "--all" in capsys.readouterr().err
    assert cli.main(["slides", "77"]) == 1 and "no lesson '77'" in capsys.readouterr().err
    path = tmp_path / "07_x.ipynb"
    lessons.write(path, notebook([markdown("# T"), setup() | {"outputs": []}]))
    with pytest.raises(CourseError, match="lessons run 07"):
        slides.slides(path)
    broken = code("x", [{"output_type": "display_data", "data": {"image/png": "AAAA"}, "metadata": {}}])
    lessons.write(path, notebook([markdown("# T"), setup(), broken]))
    with pytest.raises(CourseError, match="cell cell-2 cannot be read"):
        slides.slides(path)
    lessons.write(path, notebook([markdown("# T"), setup(), markdown(r"$\sqrt$")]))
    with pytest.raises(CourseError, match="formula"):
        slides.slides(path)


def test_slides_are_served_until_ctrl_c_and_a_taken_port_is_told(tmp_path, monkeypatch, capsys):
    pages, opened = [tmp_path / "a.html"], []
    pages[0].write_text("<p>slide</p>", encoding="utf-8")

    def once(server):
        with socket.create_connection(server.server_address) as client:
            client.sendall(b"GET /a.html HTTP/1.0\r\n\r\n")
            server.handle_request()
            opened.append(client.makefile("rb").read())
        raise KeyboardInterrupt

    monkeypatch.setattr(slides.webbrowser, "open", opened.append)
    monkeypatch.setattr(slides.http.server.ThreadingHTTPServer, "serve_forever", once)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CourseError, match=f"Port {port} cannot be used.*--port {port + 1}"):
            slides.serve(pages, port)
    slides.serve(pages, 0)
    assert opened[0].endswith("/a.html") and b"slide" in opened[1] and opened[0] in capsys.readouterr().out


def test_the_speaker_gets_a_window_with_minutes_and_notes(browser, tmp_path):
    out = slides.slides(lessons.lessons(["00"])[0], tmp_path / "x.html")
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(out.as_uri())
    page.wait_for_function("document.documentElement.classList.contains('fitted')")
    with context.expect_page() as window:
        page.keyboard.press("s")
    window.value.get_by_text("of 20.").wait_for(timeout=20_000)
    context.close()


@pytest.mark.parametrize("lesson", lessons.lessons(), ids=lambda path: path.stem[:2])
def test_every_slide_can_be_read_without_a_network(lesson, browser, tmp_path):
    out = slides.slides(lesson, tmp_path / "x.html")
    context = browser.new_context(viewport={"width": 1920, "height": 1080}, offline=True)
    page, wrong = context.new_page(), []
    page.on(
        "request", lambda request: wrong.append(request.url) if not request.url.startswith(("file:", "data:")) else 0
    )
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else 0)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(out.as_uri())
    page.wait_for_function("document.documentElement.classList.contains('fitted')")
    expected = deck.deck(lessons.read(lesson), lesson.stem[:2])
    assert page.evaluate("Reveal.getTotalSlides()") == len(expected)
    for k, slide in enumerate(expected):
        page.evaluate(f"Reveal.slide({k}, 0, 99)")
        wrong += [f"slide {k + 1}, {slide.title}: {what}" for what in page.evaluate(SEEN)]
        pictures = page.evaluate("Reveal.getCurrentSlide().querySelectorAll('.picture img, .picture > svg').length")
        formulas = page.evaluate("Reveal.getCurrentSlide().querySelectorAll('.body math').length")
        text = "".join(part.text for part in slide.parts if part.kind == "prose")
        assert pictures == sum(part.kind == "picture" for part in slide.parts)
        assert formulas == len(re.findall(r"\$\$.+?\$\$|\$[^$]+\$", text, flags=re.S))
    context.close()
    assert wrong == []
