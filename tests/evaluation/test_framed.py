"""The largest object of a scene, framed and cut out."""

import pytest
import torch

from coursekit.data.images import ImageSet
from coursekit.evaluation.framed import cut_out, largest_objects
from coursekit.runtime import CourseError

NAMES = ("person", "car")


def scene() -> ImageSet:
    masks = torch.zeros(1, 40, 40, dtype=torch.uint8)
    masks[0, 2:8, 2:8] = 1  # a person of 36 px
    masks[0, 20:26, 5:20] = 2  # a car of 90 px
    masks[0, 30:34, 30:38] = 2  # another one
    images = torch.zeros(1, 3, 40, 40, dtype=torch.uint8)
    images[:, 0][masks == 2] = 200
    return ImageSet(images, None, NAMES, masks)


def test_the_largest_piece_of_one_class_is_framed():
    boxes, classes = largest_objects(scene())
    assert boxes.tolist() == [[5, 20, 20, 26]] and NAMES[classes[0]] == "car"


def test_the_square_around_it_is_cut_out_with_a_margin():
    one = scene()
    cut = cut_out(one.images, largest_objects(one)[0], 36)  # a square of 18 px, twice as large
    assert cut.shape == (1, 3, 36, 36) and cut.dtype == torch.uint8
    red = (cut[0, 0] > 100).nonzero()
    assert red.amin(dim=0).tolist() == [12, 3] and red.amax(dim=0).tolist() == [23, 32]


def test_a_box_at_the_edge_stays_in_the_frame():
    images = torch.arange(40, dtype=torch.uint8).repeat(1, 3, 40, 1)  # the column's number
    cut = cut_out(images, torch.tensor([[30, 0, 40, 10]]), 12)
    assert cut[0, 0, 0].tolist() == list(range(28, 40))


def test_scenes_without_masks_or_objects_are_told():
    empty = ImageSet(scene().images, None, NAMES, torch.zeros(1, 40, 40, dtype=torch.uint8))
    with pytest.raises(CourseError, match="no object in scene 0"):
        largest_objects(empty)
    with pytest.raises(CourseError, match="scenes with masks"):
        largest_objects(ImageSet(empty.images))
