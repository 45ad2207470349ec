"""Painting what a detector found into the picture itself, px for px, as `coursekit predict` writes it.

For a figure of a lesson, with title and true boxes, there is `coursekit.figures.boxes`.
"""

import numpy as np

from coursekit.detection.predictions import Detections

# Okabe and Ito's palette (Color Universal Design, 2008): color-blind readers can tell it apart
COLORS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (213, 94, 0), (240, 228, 66), (0, 114, 178), (204, 121, 167))


def draw(detections: Detections, labels: bool = True) -> np.ndarray:
    """The picture with its boxes: uint8 RGB, the same size. A class keeps its color; the most confident box is on top.

    labels: write class and confidence beside each box.
    """
    from ultralytics.utils.plotting import Annotator

    side = max(detections.image.shape)
    annotator = Annotator(
        detections.image, line_width=max(2, round(side / 250)), font_size=max(10, round(side / 36)), pil=True
    )
    for index in reversed(range(len(detections))):
        label = int(detections.classes[index])
        color = COLORS[label % len(COLORS)]
        dark = np.dot(color, (0.299, 0.587, 0.114)) < 110
        text = f"{detections.names[label]} {detections.scores[index]:.2f}" if labels else ""
        annotator.box_label(detections.boxes[index], text, color, txt_color=(255, 255, 255) if dark else (0, 0, 0))
    return annotator.result()
