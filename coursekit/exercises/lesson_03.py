"""Lesson 03, instance discrimination: two exercises and a quiz.

`info_nce` is the objective itself. `alignment_and_uniformity` was chosen as the second exercise because it says what
the objective is for: positives come together, everything spreads out. They are the two curves that a student reads
beside the loss in every later lesson, and the second of them is how collapse is seen in lesson 05.
"""

from coursekit.exercises.contrastive import INFO_NCE
from coursekit.exercises.quizzes import Question, Quiz
from coursekit.exercises.sphere import ALIGNMENT_AND_UNIFORMITY

EXERCISES = (INFO_NCE, ALIGNMENT_AND_UNIFORMITY)

QUIZ = Quiz(
    "03",
    (
        Question(
            "A batch holds 64 images. Two views of each are made. How many negatives does one view have in SimCLR?",
            {
                "a": (
                    "63",
                    "That counts the images, and so only one view of each. Both views of the 63 other images are "
                    "negatives.",
                ),
                "b": ("126", "2N - 2: all 128 views but the view itself and its positive."),
                "c": ("127", "127 views stand in the denominator, but one of them is the positive."),
                "d": ("128", "That is all the views, the view itself and its positive included."),
            },
            "b",
        ),
        Question(
            "The temperature goes from 0.5 down to 0.05. What changes?",
            {
                "a": (
                    "All negatives are pushed away harder, by the same factor.",
                    "exp(s / temperature) is not the same factor for all: what counts is how far apart the similarities "
                    "are.",
                ),
                "b": (
                    "The loss gets smaller by a constant factor, and nothing else happens.",
                    "That would be so if the temperature multiplied the loss. It divides the similarities, inside the "
                    "softmax.",
                ),
                "c": (
                    "Positives matter less.",
                    "The positive is in the same softmax: at a low temperature it must beat the nearest negative, and "
                    "only that.",
                ),
                "d": (
                    "The push falls almost only on the negatives that are most similar to the anchor.",
                    "A softmax at a low temperature looks at its largest entries: hard negatives, and false ones too, "
                    "which are images "
                    "of the same kind of thing.",
                ),
            },
            "d",
        ),
        Question(
            "After pretraining, the projector g is thrown away and the encoder's output h = f(x) is used. Why?",
            {
                "a": (
                    "z may forget what two views differ in, such as colour and place; h keeps more of it.",
                    "A detector needs colour and place. In the SimCLR paper a linear probe on h is more than 10 points "
                    "better than one on z.",
                ),
                "b": (
                    "z has fewer numbers than h, and so less fits into it; a wider g would be worth keeping.",
                    "Width is not the cause: the loss rewards z for forgetting what two views differ in, however many "
                    "numbers z has.",
                ),
                "c": (
                    "g overfits the images of the pretraining; f, further from the loss, stays general.",
                    "f and g saw the same images, under the same loss. z would forget colour and place on new images as "
                    "well, because agreeing views ask for it, not because images were too few.",
                ),
                "d": (
                    "z and h hold the same information in other coordinates, and h is quicker to compute.",
                    "g need not keep everything, and the objective asks it to forget: probes on z do worse than probes "
                    "on h.",
                ),
            },
            "a",
        ),
    ),
)
