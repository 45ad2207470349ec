"""The diagrams of lesson 00: the pipeline, the three key ideas, and the study map."""

from coursekit.figures.style import INK, MUTED
from coursekit.figures.svg import PAPER, SVG, TINTS, Drawing
from coursekit.lessons import LESSONS, Lesson

STAGES = (  # name, what it is for, colour, lessons
    ("Begin", "labels for free, and how to judge what was learned", "grey", ("00", "01", "02")),
    ("Compare", "images, clusters and patches with one another", "blue", ("03", "04", "05", "06")),
    ("Teach and mask", "then choose a method", "green", ("07", "08", "09")),
    ("Detect", "from the encoder to boxes", "orange", ("10", "11", "12")),
)


def pipeline() -> SVG:
    """From unlabelled images to boxes: self-supervised pretraining above, detection below, weights between."""
    d = Drawing(
        "pipeline",
        880,
        420,
        "From unlabelled images to a detector",
        """
        Two stages. Above, without labels: unlabelled images become random views, an encoder turns them into features,
        and an SSL method trains it by a loss that needs no labels; k-NN, a linear probe and fine-tuning judge the
        encoder. Below, with labels: the encoder's weights become the backbone of a detector with a neck and a head, trained
        on labelled images, which gives boxes, classes and confidence. Another kind of encoder joins by an adapter.""",
    )
    for y, h, tint, name in (
        (12, 186, "blue", "1  Self-supervised pretraining: no labels"),
        (222, 186, "orange", "2  Supervised detection: needs boxes"),
    ):
        d.panel(12, y, 856, h, tint)
        d.text(28, y + 24, name, 15, True, TINTS[tint][2], "start")

    def step(x: float, y: float, w: float, text: str, note: str, tint: str) -> None:
        d.rect(x, y, w, 56, PAPER, TINTS[tint][1], 2)
        d.block(x + 6, y + 4, w - 12, 48, text, 14, True, TINTS[tint][2])
        d.block(x - 14, y + 62, w + 28, 34, note, 12, color=INK, middle=False)

    for k in range(3):
        d.scene(36 + 12 * k, 52 + 10 * k, 88, k)
    d.block(26, 146, 132, 40, "many images,\nno labels", 12, middle=False)
    d.arrow((158, 98), (196, 98))
    step(200, 70, 130, "Random views", "crop, colour, blur", "blue")
    d.arrow((330, 98), (378, 98))
    step(382, 70, 140, "Encoder f", "features h = f(x)", "green")
    d.arrow((522, 98), (570, 98))
    step(574, 70, 140, "SSL method", "a loss made of the views alone", "blue")
    d.arrow((644, 70), (644, 52), (452, 52), (452, 68), color=TINTS["blue"][1], dash="5 4")
    d.text(548, 46, "gradient", 12, color=TINTS["blue"][2])
    d.arrow((714, 98), (744, 98))
    d.block(746, 62, 112, 72, "thrown away\nafterwards:\nprojector,\npredictor", 12, color=MUTED)

    d.arrow((452, 158), (452, 276), color=TINTS["green"][1], line=4)
    d.rect(462, 198, 240, 24, PAPER, TINTS["green"][1], 1.5, radius=12)
    d.text(582, 215, "weights move into the backbone", 12, True, TINTS["green"][2], width=224)

    d.arrow((450, 180), (424, 180), color=MUTED, line=1.5)
    d.rect(146, 168, 274, 24, PAPER, MUTED, 1.2, radius=12)
    d.text(283, 184, "judged by k-NN, linear probe, fine-tuning", 12, color=INK, width=266)

    for k in range(2):
        d.scene(36 + 14 * k, 262 + 12 * k, 88, k + 1, boxed=True)
    d.block(26, 356, 132, 40, "some images\nwith boxes", 12, middle=False)
    d.arrow((158, 308), (378, 308))
    step(382, 280, 140, "Backbone f", "feature maps at several sizes", "green")
    d.text(452, 400, "another kind of encoder joins by an adapter", 12, color=MUTED, width=290)
    d.arrow((522, 308), (552, 308))
    step(556, 280, 72, "Neck", "mixes sizes", "orange")
    d.arrow((628, 308), (654, 308))
    step(658, 280, 72, "Head", "predicts", "orange")
    d.arrow((730, 308), (752, 308))
    d.scene(756, 272, 100, 1, boxed=True)
    d.block(746, 352, 118, 54, "boxes,\nclasses,\nconfidence", 12.5, True, TINTS["orange"][2], middle=False)
    return d.svg()


def three_ideas() -> SVG:
    """The three key ideas of the course, one card each."""
    d = Drawing(
        "three-ideas",
        880,
        300,
        "Three key ideas",
        """
        Three cards. One: no labels first, an encoder learns from images alone. Two: the backbone matters, everything
        after it sees only its features. Three: detection still needs boxes, but perhaps fewer.""",
    )
    cards = (
        ("blue", "No labels first", "An encoder can learn from images alone: the task is made from the image itself."),
        (
            "green",
            "The backbone matters",
            "Neck and head see only what the backbone kept. What it forgot, nothing brings back.",
        ),
        (
            "orange",
            "Detection needs boxes",
            "A detector still learns from labelled boxes. The question is how many it needs.",
        ),
    )
    for k, (tint, title, text) in enumerate(cards):
        x = 14 + 288 * k
        d.panel(x, 14, 276, 272, tint, 2)
        d.text(x + 138, 44, f"{k + 1}  {title}", 16, True, TINTS[tint][2], width=260)
        d.block(x + 18, 196, 240, 80, text, 14)
    for k in range(3):  # images alone, seen twice
        d.scene(40 + 80 * k, 66, 66, k)
        d.scene(40 + 80 * k, 130, 66, k, gray=True)
        d.arrow((73 + 80 * k, 117), (73 + 80 * k, 129), line=1.5)
    for k, (name, tint) in enumerate((("backbone", "green"), ("neck", "grey"), ("head", "grey"))):  # a stack
        w = 200 - 44 * k
        d.card(440 - w / 2, 146 - 42 * k, w, 34, name, tint, 14, k == 0, line=3 if k == 0 else 1.5)
    d.arrow((552, 163), (552, 74), color=TINTS["green"][1])
    d.scene(668, 72, 140, 1, boxed=True)
    d.rect(723.3, 94, 36, 19, TINTS["red"][1], radius=0)
    d.text(741.5, 108, "car", 12, True, "#FFFFFF", width=34)
    return d.svg()


def study_map(current: str | None = None) -> SVG:
    """The lessons in their order, grouped in stages, with minutes. Those that are still to be written are dashed.

    current: number of the lesson to mark, "03". Raises ValueError for a number that no lesson has.
    """
    if current is not None and current not in LESSONS:
        raise ValueError(f"No such lesson: {current}. There are {', '.join(LESSONS)}.")
    hours = sum(lesson.minutes for lesson in LESSONS.values()) / 60
    here = f" You are at lesson {current}, {LESSONS[current].title}." if current else ""
    listed = " ".join(f"{stage[0]}: {', '.join(f'{n} {LESSONS[n].title}' for n in stage[3])}." for stage in STAGES)
    d = Drawing("study-map", 880, 408, "Study map", f"The {len(LESSONS)} lessons in four stages. {listed}{here}")
    d.text(20, 30, "Study map", 17, True, anchor="start")
    d.text(862, 30, f"{len(LESSONS)} lessons, about {hours:.0f} hours", 13, color=MUTED, anchor="end")
    for row, (name, what, tint, numbers) in enumerate(STAGES):
        y = 46 + 90 * row
        d.panel(14, y, 852, 80, tint, 1.2)
        d.block(26, y + 8, 172, 24, name, 15, True, TINTS[tint][2], "start")
        d.block(26, y + 32, 172, 46, what, 12, color=INK, anchor="start", middle=False)
        for k, number in enumerate(numbers):
            x = 208 + 163 * k
            _lesson(d, x, y + 9, LESSONS[number], tint, number == current)
            if k + 1 < len(numbers):
                d.arrow((x + 151, y + 40), (x + 162, y + 40), color=TINTS[tint][1], line=1.5)
    return d.svg()


def _lesson(d: Drawing, x: float, y: float, lesson: Lesson, tint: str, current: bool) -> None:
    ink = TINTS[tint][2] if lesson.there else MUTED
    fill, edge, line = ("#FFF7CC", INK, 3) if current else (PAPER, TINTS[tint][1], 1.5)
    d.rect(x, y, 150, 62, fill, edge, line, dash=None if lesson.there else "4 3")
    d.text(x + 10, y + 22, lesson.number, 16, True, ink, "start")
    note = "you are here" if current else f"{'' if lesson.there else 'planned, '}{lesson.minutes} min"
    d.text(x + 142, y + 20, note, 12, current, INK if current else MUTED, "end", width=108)
    d.block(x + 8, y + 26, 136, 34, lesson.title, 12, True, ink)
