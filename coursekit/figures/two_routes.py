"""The diagram of lesson 10: two routes by which an encoder gets into YOLO12, initialise or replace."""

from coursekit.figures.style import MUTED
from coursekit.figures.svg import SVG, TINTS, Drawing

ROUTES = (
    ("initialise", "green", "YOLO12's own backbone", "values copied by name and shape", None),
    ("replace", "blue", "any SSL encoder, such as a ViT", "one grid of tokens", "adapter"),
)


def two_routes_diagram() -> SVG:
    """Initialise YOLO12's own backbone, or replace it by an encoder and an adapter; neck and head are the same."""
    d = Drawing(
        "two-routes",
        880,
        300,
        "Two routes from a backbone to a detector",
        """
        An image enters one of two rows. Route initialise: YOLO12's own backbone, its values copied by name and shape from
        self-supervised training, hands on three maps. Route replace: any encoder, such as a ViT with one grid of tokens, then
        an adapter, which makes three maps. Both rows hand maps at strides 8, 16 and 32 to the same neck, which mixes them
        downwards and upwards, and the head turns them into boxes, classes and confidence.""",
    )
    d.scene(16, 120, 92, 1)
    for k, (name, tint, what, note, adapter) in enumerate(ROUTES):
        y = 22 + 142 * k
        d.panel(130, y, 400, 114, tint)
        d.text(144, y + 24, name, 15, True, TINTS[tint][2], "start")
        d.card(146, y + 36, 220 if adapter else 368, 62, what, tint, 14, True, line=2.5)
        d.text(516, y + 24, note, 12, color=TINTS[tint][2], anchor="end")
        if adapter:
            d.arrow((366, y + 67), (396, y + 67))
            d.card(396, y + 36, 118, 62, "adapter", "purple", 14, True, line=2.5)
        d.arrow((108, 154), (128, y + 57))
        for j, stride in enumerate((8, 16, 32)):
            d.arrow((530, y + 31 + 28 * j), (600, y + 31 + 28 * j), line=1.4)
            d.text(562, y + 26 + 28 * j, str(stride), 12, color=MUTED)
    d.card(600, 22, 96, 256, "neck: down, then up", "orange", 14, True)
    d.arrow((696, 150), (722, 150))
    d.card(722, 104, 62, 92, "head", "orange", 14, True)
    d.arrow((784, 150), (804, 150))
    d.scene(806, 126, 62, 1, boxed=True)
    d.text(790, 218, "boxes, classes,", 12, True, TINTS["orange"][2])
    d.text(790, 235, "confidence", 12, True, TINTS["orange"][2])
    return d.svg()
