"""The words of the course, each in a sentence or two."""

import difflib
from dataclasses import dataclass

from coursekit.runtime import CourseError

TERMS = {
    # lesson 00: the way from images to boxes
    "self-supervised learning": "Training on a task whose answer is in the data itself, so that nobody has to label "
    "anything.",
    "pretext task": "The made-up task of self-supervised learning. Its answers are of no interest; what the encoder "
    "learns is.",
    "encoder": "The network f that turns an image into features h = f(x). It is what is kept after pretraining.",
    "backbone": "The encoder inside a detector. It hands feature maps of several sizes to the neck.",
    "neck": "The part of a detector that mixes the backbone's feature maps, coarse with fine (FPN: downwards, PAN: "
    "and up again).",
    "head": "The last part of a detector: from feature maps to boxes, classes and confidences.",
    "features": "The numbers that an encoder gives for an image: one vector (pooled), or a vector for each place (a "
    "map).",
    "pretraining": "Training the encoder before the task that counts, here without labels.",
    "fine-tuning": "Training a pretrained network further on the task that counts, usually at a smaller learning rate.",
    "frozen": "Not trained: the weights stay as they are.",
    "linear probe": "A single linear layer trained on frozen features. Its accuracy says what a straight cut can read "
    "from them.",
    "k-NN": "Classify an image by the labels of the k images with the most similar features. It trains nothing.",
    "label efficiency": "How good a model gets with how many labels.",
    # lesson 03: instance discrimination
    "view": "One randomly altered copy of an image: cropped, flipped, recoloured, blurred.",
    "augmentation": "A random change of an image that keeps what it shows. It decides what the encoder learns to "
    "ignore.",
    "instance discrimination": "Every image is a class of its own: its views belong together, all other images do not.",
    "contrastive learning": "Learning by comparison: make similar what belongs together, and dissimilar what does not.",
    "anchor": "The view whose loss is looked at; every view of the batch is one in turn.",
    "positive": "What the anchor should be similar to: the other view of the same image.",
    "negative": "What the anchor should be dissimilar to: every view of another image.",
    "false negative": "A negative that shows the same kind of thing as the anchor. Without labels nobody knows.",
    "hard negative": "A negative that is very similar to the anchor.",
    "InfoNCE": "The cross-entropy of picking the positive out of all candidates by similarity. SimCLR's form is "
    "called NT-Xent.",
    "cosine similarity": "s(a, b) = a . b / (|a| |b|): 1 for the same direction, 0 for a right angle, -1 for opposite "
    "ones.",
    "temperature": "The number that similarities are divided by before the softmax. Small: only the nearest negatives "
    "count.",
    "projector": "The small network g between encoder and loss, z = g(h). It is discarded after pretraining.",
    "chance level": "The loss when nothing is learned and every candidate is equally likely: log(2N - 1) for SimCLR.",
    "alignment": "Mean squared distance between the two views of an image on the unit sphere. Small is good.",
    "uniformity": "log of the mean of exp(-2 d^2) over pairs: how evenly the points fill the unit sphere. Very "
    "negative is good.",
    "collapse": "All images get the same features. The loss may look fine; the features are worthless.",
    "theta": "The map from a view's coordinates to the image's, both from -1 to 1. It says where a view was cut from.",
    "nat": "The unit of a loss with the natural logarithm; 1 nat is 1.44 bits.",
    # lesson 11: the detector
    "bounding box": "The smallest upright rectangle around an object.",
    "confidence": "The detector's number from 0 to 1 for how sure it is of a box and its class.",
    "IoU": "Intersection over union of two boxes: 1 where they are the same, 0 where they do not touch.",
    "precision": "The share of predicted boxes that are right.",
    "recall": "The share of true boxes that were found.",
    "AP": "Average precision: the area under the curve of precision against recall, for one class.",
    "mAP50-95": "AP, averaged over the classes and over IoU limits from 0.50 to 0.95.",
    "non-maximum suppression": "Of boxes that overlap a lot, only the most confident one is kept.",
    "GFLOPs": "Billions of multiplications and additions for one image: the cost of a network, whatever the machine.",
    "warm-up": "The first epochs of a training, in which the learning rate rises to its full size.",
    "mosaic": "Four training images put together into one, so that objects come in other sizes and places.",
    "domain shift": "The images that a model is used on differ from those that it was trained on.",
    "envelope": "Of precision against recall: for each recall the best precision at that recall or a higher one.",
    "epoch": "One pass over all training images.",
    "stride": "How many pixels of the image one place of a feature map stands for.",
}
ALSO = {
    "ssl": "self-supervised learning",
    "nt-xent": "InfoNCE",
    "tau": "temperature",
    "projection head": "projector",
    "nms": "non-maximum suppression",
    "knn": "k-NN",
    "map": "mAP50-95",
    "average precision": "AP",
    "box": "bounding box",
    "nats": "nat",
    "embedding": "features",
    "warmup": "warm-up",
}


@dataclass(frozen=True)
class Entry:
    """A term and what it means, shown as Markdown in a notebook."""

    term: str
    meaning: str

    def _repr_markdown_(self) -> str:
        return f"**{self.term}**: {self.meaning}"

    def __repr__(self) -> str:
        return f"{self.term}: {self.meaning}"


def glossary(term: str) -> Entry:
    """What a term means: glossary("temperature"), in upper or lower case. Raises CourseError for an unknown term."""
    known = {name.lower(): name for name in TERMS}
    wanted = term.strip().lower()
    wanted = ALSO.get(wanted, wanted).lower()
    if wanted not in known:
        near = difflib.get_close_matches(wanted, [*known, *ALSO], n=3)
        raise CourseError(
            f"The glossary has no {term!r}."
            + (f" It has: {', '.join(near)}." if near else f" It has: {', '.join(sorted(TERMS, key=str.lower))}.")
        )
    return Entry(known[wanted], TERMS[known[wanted]])
