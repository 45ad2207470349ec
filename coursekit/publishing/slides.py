"""`coursekit slides NAME`: a lecture from a lesson, as one HTML file that needs no network and no other file.

reveal.js comes from the package sphinx-revealjs, formulas are MathML (by latex2mathml), which browsers draw themselves.
Keys: arrows and space, S for the speaker's window with notes and minutes, O for the overview, F for the full screen.
"""

import functools
import html
import http.server
import webbrowser
from importlib.util import find_spec
from pathlib import Path

from latex2mathml.converter import convert
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from coursekit.publishing import lessons
from coursekit.publishing.deck import GAP, WIDTH, Part, Slide, deck
from coursekit.runtime import CourseError

REVEAL = ("dist/reset.css", "dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js")
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<div class="reveal"><div class="slides">
{slides}
</div></div>
<script>{script}</script>
</body>
</html>
"""


class _Renderer(IPythonRenderer):
    """Markdown as in a notebook, with formulas as MathML."""

    def block_math(self, body: str) -> str:
        return _mathml(body, "block")

    def inline_math(self, body: str) -> str:
        return _mathml(body, "inline")


def _mathml(formula: str, display: str) -> str:
    try:
        return convert(formula.strip(), display=display)
    except Exception as error:  # latex2mathml raises what it likes, a KeyError too
        raise CourseError(f"A formula cannot be set: {formula.strip()} ({type(error).__name__}: {error})") from error


def _markdown(text: str) -> str:
    return MarkdownWithMath(renderer=_Renderer(escape=False, exclude_anchor_links=True))(text)


def _code(text: str) -> str:
    return highlight(text, PythonLexer(), HtmlFormatter(nowrap=True, noclasses=True))


def _part(part: Part, width: float, fragment: bool) -> str:
    """A part as HTML. fragment: it appears one step later than the slide."""
    later = " fragment" if fragment else ""
    if part.kind == "prose":
        return f'<div class="prose{later}">{_markdown(part.text)}</div>'
    if part.kind in ("code", "print"):
        text = _code(part.text) if part.kind == "code" else html.escape(part.text)
        return f'<pre class="{part.kind}{later}" style="font-size:{part.mono(width - 60)}px">{text}</pre>'
    needed = f"flex-grow:{part.size[1]};min-height:{part.size[1] * part.grow:.0f}px"
    alt = html.escape(part.alt, quote=True)
    picture = part.text if part.text.startswith("<svg") else f'<img src="{part.text}" alt="{alt}">'
    return f'<div class="picture{later}" style="{needed}">{picture}</div>'


def _section(slide: Slide, minutes: float) -> str:
    """A slide as HTML. Text below a picture appears one step later, so that a class can look first."""
    width = WIDTH - GAP - slide.beside if slide.beside else WIDTH
    seen, text, shown = False, [], ""
    for part in slide.parts:
        made = _part(part, width, part.later or (seen and part.kind == "prose"))
        seen = seen or part.kind == "picture"
        if slide.beside and part.kind == "picture":
            shown = f'<div class="shown" style="width:{slide.beside}px">{made}</div>'
        else:
            text.append(made)
    body = "\n".join(text)
    body = f'<div class="text">{body}</div>{shown}' if shown else body
    alone = " alone" if {part.kind for part in slide.parts} == {"prose"} else ""
    body = f'<div class="body{" beside" if shown else ""}{alone}">{body}</div>'
    begin, end = slide.minutes
    notes = _markdown("\n\n".join([f"**Minute {begin:.0f} to {end:.0f} of {minutes:.0f}.**", *slide.notes]))
    notes = notes.replace("<pre", '<pre style="white-space:pre-wrap;font-size:65%"')  # the speaker's window is narrow
    level = "h1" if slide.level == 1 else "h2"
    heading = _markdown(slide.title).strip().removeprefix("<p>").removesuffix("</p>")
    return f'<section><{level}>{heading}</{level}>\n{body}\n<aside class="notes">{notes}</aside></section>'


@functools.cache
def _reveal() -> dict[str, str]:
    """reveal.js's files by name. Raises CourseError if the package that carries them is not installed."""
    found = find_spec("sphinx_revealjs")
    if found is None:
        raise CourseError("Slides need reveal.js, which sphinx-revealjs carries. Run: pip install sphinx-revealjs")
    folder = Path(found.origin).parent / "_static" / "revealjs"
    return {name: (folder / name).read_text(encoding="utf-8") for name in REVEAL}


def page(slides: list[Slide], title: str) -> str:
    """The slides as one HTML page without any address in it."""
    reveal, here = _reveal(), Path(__file__).parent
    style = "\n".join([*(reveal[name] for name in REVEAL[:2]), (here / "slides.css").read_text(encoding="utf-8")])
    script = "\n".join([*(reveal[name] for name in REVEAL[2:]), (here / "slides.js").read_text(encoding="utf-8")])
    minutes = slides[-1].minutes[1]
    return PAGE.format(
        title=html.escape(title),
        style=style,
        script=script.replace("</script", "<\\/script"),
        slides="\n".join(_section(slide, minutes) for slide in slides),
    )


def slides(lesson: Path, out: Path | None = None) -> Path:
    """Write a lesson's slides as one HTML file and return its path.

    out: the file; default NAME.slides.html in outputs/slides, beside the lesson's folder. Raises CourseError if the
    lesson was never run: slides show the outputs that its file holds.
    """
    notebook = lessons.read(lesson)
    if not any(cell.get("outputs") for cell in notebook["cells"]):
        raise CourseError(f"{lesson.name} has no outputs to show. Run it: coursekit lessons run {lesson.stem[:2]}")
    made = deck(notebook, lesson.stem[:2])
    if not made:
        raise CourseError(f"{lesson.name} has nothing to show: every cell is of type skip or notes.")
    out = out or lesson.parent.parent / "outputs" / "slides" / f"{lesson.stem}.slides.html"
    lessons.write_text(out, page(made, made[0].title or lesson.stem))
    return out


def serve(pages: list[Path], port: int = 8000) -> None:
    """Present slides from this machine, until Ctrl-C. Raises CourseError if the port is taken."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(pages[0].parent))
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise CourseError(f"Port {port} cannot be used ({error.strerror}). Take another: --port {port + 1}") from error
    with server:
        for page_file in pages:
            print(f"http://127.0.0.1:{server.server_port}/{page_file.name}", flush=True)
        print("Presenting until Ctrl-C. S opens the speaker's window.", flush=True)
        webbrowser.open(f"http://127.0.0.1:{server.server_port}/{pages[0].name}")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
