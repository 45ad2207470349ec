"""The images of lessons 01 to 09: unlabelled ones to learn from, labelled ones to judge with. One call decides which."""

from typing import NamedTuple

import torch

from coursekit.data import image_sources
from coursekit.data.images import ImageSet
from coursekit.runtime import CourseError, home, mode, offline
from coursekit.scenes.road_scenes import CLASS_NAMES, SUBTYPE_CLASS

ANIMALS = ("bird", "cat", "deer", "dog", "horse", "monkey")  # of STL-10; its other classes are vehicles
VEHICLES = ("airplane", "car", "ship", "truck")
KINDS = {
    **{subtype: CLASS_NAMES[label] for subtype, label in SUBTYPE_CLASS.items()},
    **dict.fromkeys(ANIMALS, "animal"),
    **dict.fromkeys(VEHICLES, "vehicle"),
}


class LessonSets(NamedTuple):
    """unlabeled: for pretraining, without labels. train, test: with labels, for probes only. source: a sentence for people."""

    unlabeled: ImageSet
    train: ImageSet
    test: ImageSet
    source: str


def lesson_sets(unlabeled: int, labeled: int, size: int, seed: int = 0) -> LessonSets:
    """Three disjoint sets of square images of `size` px: `unlabeled` images, and twice `labeled` with labels. Prints
    which.

    Full budget: photographs (STL-10; Coates, Lee and Ng, AISTATS 2011), if they are here or can be fetched.
    Otherwise, and in quick budget, single road objects cut from drawn scenes, labelled by subtype. Objects fill the
    frame in both, as in ImageNet: that is what instance discrimination was made for.
    """
    why = "quick budget"
    if mode() == "full":
        if offline() and not image_sources.stl10_is_here():
            why = "offline, and STL-10 is not here"
        else:
            try:
                sets = [
                    ImageSet.stl10(split, size=size, limit=n)
                    for split, n in (("unlabeled", unlabeled), ("train", labeled), ("test", labeled))
                ]
                return _told(*sets, "photographs (STL-10)")
            except CourseError as error:
                why = f"STL-10 could not be had: {str(error).splitlines()[0]}"
    sets = [ImageSet.road_crops(n, size, 3 * seed + k) for k, n in enumerate((unlabeled, labeled, labeled))]
    return _told(*sets, f"road objects from drawn scenes ({why})")


def _told(unlabeled: ImageSet, train: ImageSet, test: ImageSet, source: str) -> LessonSets:
    size = unlabeled.images.shape[-1]
    print(
        f"{source}, {size} x {size} px: {len(unlabeled)} without labels, {len(train)} + {len(test)} with one of "
        f"{len(train.class_names)} labels"
    )
    return LessonSets(ImageSet(unlabeled.images), train, test, source)


def cifar10_photographs(split: str, limit: int | None = None) -> ImageSet:
    """CIFAR-10, "train" or "test", 32 px: as pictures below datasets/cifar10 of the course's folder, else downloaded.

    limit: that many, the same number of each class. As pictures: train/CLASS/*.jpg and test/CLASS/*.jpg, for a machine
    without a network.
    """
    pictures = home() / "datasets" / "cifar10" / split
    if pictures.is_dir():
        return ImageSet.from_class_folders(pictures, 32, limit and -(-limit // 10))
    return ImageSet.cifar10(split, limit=limit)


def by_kind(images: ImageSet) -> ImageSet:
    """The same images with coarser labels: person, bicycle, car or bus for a subtype; animal or vehicle in STL-10.

    Raises CourseError if the images have no labels or others.
    """
    unknown = [name for name in images.class_names or () if name not in KINDS]
    if images.labels is None or images.class_names is None or unknown:
        raise CourseError(f"Only road objects and STL-10 have kinds; not known: {unknown or 'images without labels'}.")
    kinds = [KINDS[name] for name in images.class_names]
    names = tuple(dict.fromkeys(kinds))
    kind = torch.tensor([names.index(each) for each in kinds])
    return ImageSet(images.images, kind[images.labels], names)
