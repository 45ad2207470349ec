"""Lesson 00, start here: no exercise yet, and a quiz with one question for each of the three key ideas."""

from coursekit.exercises.quizzes import Question, Quiz

EXERCISES = ()

QUIZ = Quiz(
    "00",
    (
        Question(
            "In the practice above no image had a label. How could the loss know what is right?",
            {
                "a": (
                    "The names of the image files say what is in the pictures.",
                    "The loss saw pixels only. Had it read names, these would be labels, and somebody would have had to "
                    "write them.",
                ),
                "b": (
                    "The course cut the views itself, so it knows which two of them come from one image.",
                    "The right answer is made together with the task. Such a task is called a pretext task.",
                ),
                "c": (
                    "The encoder already knew cars and people from earlier training.",
                    "Its weights were random. Whatever it knows afterwards, it learned from the game.",
                ),
                "d": (
                    "There is no right answer: the loss only keeps the features small.",
                    "There is one for every view: its partner, one of 2N - 1 candidates. So there is a chance level, "
                    "too.",
                ),
            },
            "b",
        ),
        Question(
            "For a distant cyclist and for a lamp post a frozen backbone puts out exactly the same features. Which part of "
            "the detector can still tell the two apart?",
            {
                "a": (
                    "The neck, because it mixes maps of several sizes.",
                    "It mixes what the backbone gives it, and that is the same in both cases.",
                ),
                "b": (
                    "The head, if only it is trained on enough boxes.",
                    "Equal inputs give equal outputs, whatever the weights of the head are: more boxes cannot help it.",
                ),
                "c": (
                    "The confidence, which would be lower for the lamp post.",
                    "The confidence is computed from the same features as well, so it is the same.",
                ),
                "d": (
                    "None of them.",
                    "What the backbone dropped, nothing behind it brings back. Only training the backbone further can.",
                ),
            },
            "d",
        ),
        Question(
            "You pretrained a backbone by SSL on 100,000 street photographs. What is still missing before it can find cars?",
            {
                "a": (
                    "A neck and a head behind it, and images with boxes to train them on.",
                    "SSL gives features. What a car is, and where it ends, is taught by boxes; the hope is that fewer of "
                    "them will do.",
                ),
                "b": (
                    "Nothing: after so many photographs it puts out boxes, only their class names are missing.",
                    "It has no output for a box at all. It puts out one feature vector for each picture and for each "
                    "place.",
                ),
                "c": (
                    "A lower confidence limit, so that the boxes that it found become visible.",
                    "There are no boxes to make visible: behind the backbone a neck and a head have to be trained first.",
                ),
                "d": (
                    "A second round of SSL, on photographs of cars only.",
                    "More SSL can make better features. It still says nowhere what is called a car.",
                ),
            },
            "a",
        ),
    ),
)
