"""Lesson 11, YOLO12 on road objects: its exercise and its quiz."""

from coursekit.exercises.boxes import IOU
from coursekit.exercises.quizzes import Question, Quiz

EXERCISES = (IOU,)

QUIZ = Quiz(
    "11",
    (
        Question(
            'You call Ultralytics itself, `YOLO("yolo12n.yaml").train(data=..., lr0=0.001)`, and name no optimizer. What '
            "does `lr0` do?",
            {
                "a": (
                    "It is the learning rate after the warm-up.",
                    "So it is with a named optimizer. Without one the default is optimizer=auto, and that does not look "
                    "at lr0.",
                ),
                "b": (
                    "Nothing: `optimizer=auto` picks the optimizer and its learning rate by itself.",
                    "It says so in one line of its log, which is easily missed. A comparison of learning rates made in "
                    "this way compares a run with itself.",
                ),
                "c": (
                    "It is scaled with the batch size, and then used.",
                    "Ultralytics scales the weight decay with the batch size, not lr0; and auto ignores lr0 altogether.",
                ),
                "d": (
                    "It is an error: lr0 needs an optimizer.",
                    "It would be better if it were. Ultralytics goes on without it; the course's train refuses auto.",
                ),
            },
            "b",
        ),
        Question(
            "Why is the self-supervised backbone frozen in the first stage?",
            {
                "a": (
                    "The random head's gradients would spoil its features before the head is of any use.",
                    "Once neck and head predict something sensible, their gradients say what the backbone should change: "
                    "then it is unfrozen, at a smaller rate.",
                ),
                "b": (
                    "Because its features are perfect and must never change.",
                    "They were learned for telling images apart, not for boxes. In the second stage they may adapt.",
                ),
                "c": (
                    "Because a backbone without labels has no gradient.",
                    "It gets its gradient from the detector's loss, through the head, like every other layer. Freezing is "
                    "a choice.",
                ),
                "d": (
                    "Only to save time.",
                    "It does save some, since nothing is computed backwards through the backbone. But a slow first stage "
                    "would be wanted too: it protects the features.",
                ),
            },
            "a",
        ),
        Question(
            "On the validation split a detector has mAP50 = 0.62 and mAP50-95 = 0.21. What is its weakness?",
            {
                "a": (
                    "It finds few of the objects.",
                    "Then mAP50 would be low as well: an object that is not found is missed at every IoU.",
                ),
                "b": (
                    "It takes cars for buses.",
                    "A wrong class is an error at every IoU threshold and lowers both numbers alike.",
                ),
                "c": (
                    "Its confidence threshold is too high.",
                    "Average precision is the area over all thresholds: the one that you later use for drawing is not in "
                    "it.",
                ),
                "d": (
                    "It finds the objects, but its boxes fit loosely.",
                    "At IoU 0.5 a rough box is a hit; at 0.75 or 0.9 it is not, and mAP50-95 averages over ten such "
                    "demands.",
                ),
            },
            "d",
        ),
    ),
)
