"""Lesson 03, instance discrimination: two exercises and a quiz.

`info_nce` is the objective itself. `alignment_and_uniformity` was chosen as the second exercise because it says what
the objective is for: positives come together, everything spreads out. They are the two curves that a student reads
beside the loss in every later lesson, and the second of them is how collapse is seen in lesson 05.
"""

from coursekit.exercises.contrastive import INFO_NCE
from coursekit.exercises.quizzes import Question, Quiz
from coursekit.exercises.sphere import ALIGNMENT_AND_UNIFORMITY

EXERCISES = (INFO_NCE, ALIGNMENT_AND_UNIFORMITY)

QUIZ = Quiz("03", (
    Question(
        "A batch holds 64 images. Two views of each are made. How many negatives does one view have in SimCLR?",
        {
            "a": ("63", "That counts the images, and so only one view of each. Both views of the 63 other images are "
                        "negatives."),
            "b": ("126", "2N - 2: all 128 views but the view itself and its positive."),
            "c": ("127", "127 views stand in the denominator, but one of them is the positive."),
            "d": ("128", "That is all the views, the view itself and its positive included."),
        }, "b"),
    Question(
        "The temperature goes from 0.5 down to 0.05. What changes?",
        {
            "a": ("All negatives are pushed away harder, by the same factor.",
                  "exp(s / temperature) is not the same factor for all: what counts is how far apart the similarities "
                  "are."),
            "b": ("The loss gets smaller by a constant factor, and nothing else happens.",
                  "That would be so if the temperature multiplied the loss. It divides the similarities, inside the "
                  "softmax."),
            "c": ("Positives matter less.",
                  "The positive is in the same softmax: at a low temperature it must beat the nearest negative, and "
                  "only that."),
            "d": ("The push falls almost only on the negatives that are most similar to the anchor.",
                  "A softmax at a low temperature looks at its largest entries: hard negatives, and false ones too, "
                  "which are images "
                  "of the same kind of thing."),
        }, "d"),
    Question(
        "After pretraining, the projector g is thrown away and the encoder's output h = f(x) is used. Why?",
        {
            "a": ("z = g(h) must not change with colour, crop or direction; h keeps more of what the objective makes "
                  "z forget.",
                  "A detector needs colour, place and direction. In the SimCLR paper a linear probe on h is more than "
                  "10 points better "
                  "than one on z."),
            "b": ("g is only there to make the vectors shorter, so that the similarity matrix fits into memory.",
                  "The matrix is 2N by 2N whatever the length of a vector. g matters even where it keeps the length."),
            "c": ("g was trained with labels and would leak them.",
                  "Nothing in SimCLR sees a label; g and f are trained together by the same loss."),
            "d": ("h and z hold the same information, so the shorter computation is taken.",
                  "g is not invertible, and the objective asks it to forget: probes on z do worse than probes on h."),
        }, "a"),
))
